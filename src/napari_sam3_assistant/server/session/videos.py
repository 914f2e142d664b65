"""The videos of a session: opened, asked, stopped and closed, beside what is asked of its picture."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial

from napari_sam3_assistant.core.errors import PromptError, Unsupported
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.prompts import Query
from napari_sam3_assistant.engines.protocol import VideoLimits, check_video
from napari_sam3_assistant.server.model.failures import refusal_for
from napari_sam3_assistant.server.session.asking import prompts_of
from napari_sam3_assistant.server.session.bounds import mask_on
from napari_sam3_assistant.server.session.context import SessionContext
from napari_sam3_assistant.server.session.finding import phrases_of
from napari_sam3_assistant.server.session.prompting import check_taken
from napari_sam3_assistant.server.session.video import SessionVideo
from napari_sam3_assistant.server.session.work import Work
from napari_sam3_assistant.wire import video_messages as said
from napari_sam3_assistant.wire import video_replies as replies
from napari_sam3_assistant.wire.refusals import Refusal
from napari_sam3_assistant.wire.values import Message

NO_VIDEO = "This server's engine follows no objects. Use its answers frame by frame."
NO_WORDS = "This server's engine finds nothing by words from frame to frame. Begin with masks of what words find."
MOST_CLOSED = 16
"""Videos of which a frame may still come after they were closed."""
MOST_UNPACKED = 2**29
"""Bytes of the masks of one message, unpacked: a few kilobytes may stand for gigabytes."""


class Videos:
    """Answers what is said about videos.

    Parameters
    ----------
    context : SessionContext
    """

    def __init__(self, context: SessionContext) -> None:
        self._context = context
        self._videos: dict[str, SessionVideo] = {}
        self._closed: deque[str] = deque(maxlen=MOST_CLOSED)
        self._telling: set[asyncio.Task[None]] = set()

    async def open(self, message: said.VideoOpen) -> Work:
        """Begin a video."""
        context = self._context
        query = self._query(message)
        self._check_size(message)
        if len(self._videos) >= (most := context.limits.videos):
            raise Refusal("limit_videos", f"Max videos ({most}) reached. Close one first.")
        name = secrets.token_urlsafe(9)
        engine = context.inference.video(f"{context.name}/{name}")
        video = SessionVideo(context, engine, name, message.frames, message.shape, self._expire)
        self._videos[name] = video

        async def opened(epoch: int) -> None:
            await engine.open(query)
            video.check(epoch)
            await context.send(replies.VideoOpened(video_id=name, id=message.id))

        return self._work(message, video, opened, opens=True)

    async def prompt(self, message: said.VideoPrompt) -> Work:
        """Set or correct an object on a frame."""
        video = self._video(message.video_id)
        self._check_index(message.index, video)
        return self._work(message, video, partial(self._prompt, message, video))

    async def begin(self, message: said.VideoBegin) -> Work:
        """Follow objects on from a frame."""
        video = self._video(message.video_id)
        self._check_index(message.index, video)
        check_taken(self._takes().masks or not message.objects, "masks")
        if len(message.objects) > (most := self._context.limits.objects):
            raise Refusal("limit_objects", f"Max objects ({most}) reached")
        ids = {one.object_id for one in message.objects}
        if len(ids) < len(message.objects):
            raise Refusal("bad_message", "Invalid video_begin: an object is given twice")
        return self._work(message, video, partial(self._begin, message, video))

    async def propagate(self, message: said.Propagate) -> Work:
        """Follow objects from frame to frame."""
        video = self._video(message.video_id)
        for index in (message.start, message.end):
            self._check_index(index, video)
        if (message.end - message.start) * message.direction < 0:
            raise Refusal("bad_message", "Invalid propagate: `end` lies before `start` in this direction")
        return self._work(message, video, partial(video.propagate, message), run=True)

    async def frame(self, message: said.VideoFrame) -> None:
        """Take a frame that was asked for; one of a video that was closed meanwhile is passed over."""
        if message.video_id not in self._closed:
            self._video(message.video_id).take(message)

    async def cancel(self, message: said.VideoCancel) -> None:
        """Stop what is under way; the objects stay."""
        self._video(message.video_id).stop()
        await self._context.send(replies.VideoCancelled(video_id=message.video_id, id=message.id))

    async def remove(self, message: said.VideoRemove) -> Work:
        """Follow an object no longer: at once where objects are being followed, else in its turn."""
        video = self._video(message.video_id)

        async def removed(epoch: int) -> None:
            await video.engine.remove(message.object_id)
            video.check(video.epoch)
            video.forget(message.object_id)
            reply = replies.VideoRemoved(video_id=video.video_id, object_id=message.object_id, id=message.id)
            await self._context.send(reply)

        return self._work(message, video, removed, beside=video.runs == video.queued == 1, lasting=True)

    async def close_one(self, message: said.VideoClose) -> None:
        """Give up a video."""
        self._forget(self._video(message.video_id))
        await self._context.send(replies.VideoClosed(video_id=message.video_id, id=message.id))

    def close(self) -> None:
        """Give up all videos, as their session ends."""
        for video in list(self._videos.values()):
            self._forget(video)
        for task in self._telling:
            task.cancel()

    # Masks are unpacked here, when it is their turn: those that wait stay as small as they came.

    async def _prompt(self, message: said.VideoPrompt, video: SessionVideo, epoch: int) -> None:
        context, takes = self._context, self._takes()
        prompts = await prompts_of(message.prompts, video.shape, takes, context)
        try:
            check_video(prompts, takes, context.inference.capabilities.instead)
        except (PromptError, Unsupported) as error:
            raise refusal_for(error) from error
        present = None
        if message.present is not None:
            present = await context.inference.codec(mask_on, message.present, video.shape)
        await video.prompt(message, prompts, present, epoch)

    async def _begin(self, message: said.VideoBegin, video: SessionVideo, epoch: int) -> None:
        masks: dict[int, PlacedMask] = {}
        for one in message.objects:
            mask = await self._context.inference.codec(mask_on, one, video.shape)
            masks[one.object_id] = mask.trimmed()
            if sum(kept.mask.nbytes for kept in masks.values()) > MOST_UNPACKED:
                raise Refusal("bad_mask", "The masks of this message are too large. Begin with fewer objects.")
        await video.begin(message, masks, epoch)

    def _work(
        self,
        message: Message,
        video: SessionVideo,
        answer: Callable[[int], Awaitable[None]],
        *,
        run: bool = False,
        beside: bool = False,
        lasting: bool = False,
        opens: bool = False,
    ) -> Work:
        """Return what is left of a message.

        It may be a run through frames, what need not wait for one, what is done anyhow, or what the video begins with.
        """
        epoch = video.epoch
        video.asked(run=run, beside=beside)

        def check() -> None:
            video.check(video.epoch if lasting else epoch)

        async def compute(work: Work) -> None:
            try:
                check()
                await answer(epoch)
            except Exception:
                check()  # that it was given up is known to the client, and is the last word on it
                if opens:
                    self._forget(video)
                raise
            finally:
                video.answered(run=run, beside=beside)

        lane = f"{video.video_id}/beside" if beside else video.video_id
        return self._context.work(message, compute, lane=lane)

    def _video(self, video_id: str) -> SessionVideo:
        if video_id not in self._videos:
            raise Refusal("no_video")
        return self._videos[video_id]

    def _forget(self, video: SessionVideo) -> None:
        if self._videos.pop(video.video_id, None) is not None:
            self._closed.append(video.video_id)
            video.close()

    def _expire(self, video: SessionVideo) -> None:
        self._forget(video)
        reason = f"Closed after {self._context.limits.video_idle_s:g} s without use. Open it again."
        told = self._context.send(replies.VideoClosed(video_id=video.video_id, reason=reason))
        task = asyncio.ensure_future(told)
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    def _takes(self) -> VideoLimits:
        takes = self._context.inference.capabilities.video
        if takes is None:
            raise Refusal("unsupported", NO_VIDEO)
        return takes

    def _query(self, message: said.VideoOpen) -> Query | None:
        takes, context = self._takes(), self._context
        if message.text is None:
            return None
        if not takes.text:
            raise Refusal("unsupported", NO_WORDS)
        return Query(phrases_of(message.text, context.inference.capabilities, context.limits))

    def _check_size(self, message: said.VideoOpen) -> None:
        limits, (height, width) = self._context.limits, message.shape
        if message.frames > limits.video_frames:
            raise Refusal("bad_message", f"Invalid video_open: `frames` must be {limits.video_frames} or less")
        if max(height, width) > limits.image_side or height * width > limits.image_pixels:
            raise Refusal("image_too_large", f"Frames of {width}x{height} pixels are too large for this server")

    @staticmethod
    def _check_index(index: int, video: SessionVideo) -> None:
        if index >= video.count:
            raise Refusal("bad_frame", f"There is no frame {index}: the video has {video.count}")
