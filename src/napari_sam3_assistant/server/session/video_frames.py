"""The frames of a video, which the client has: asked for one at a time, and not all kept."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque

from napari_sam3_assistant.core.errors import Cancelled
from napari_sam3_assistant.server.model.pictures import Picture
from napari_sam3_assistant.server.session.context import SessionContext
from napari_sam3_assistant.wire.refusals import Refusal
from napari_sam3_assistant.wire.video_messages import VideoFrame
from napari_sam3_assistant.wire.video_replies import FrameNeeded

MOST_KEPT = 3
"""The frame that is looked at, the one before, and the next."""
MOST_LATE = 16
"""Frames that were asked for, and may come after nobody waits for them any more."""


class VideoFrames:
    """Asks for frames, and takes them in.

    Parameters
    ----------
    context : SessionContext
    video_id : str
    count : int
    shape : tuple of int
        Height and width of each, in pixels.
    """

    def __init__(self, context: SessionContext, video_id: str, count: int, shape: tuple[int, int]) -> None:
        self._context, self._video_id, self._count, self._shape = context, video_id, count, shape
        self._kept: OrderedDict[int, Picture] = OrderedDict()
        self._fetching: dict[int, asyncio.Task[Picture]] = {}
        self._turn = asyncio.Lock()
        self._asked: tuple[int, asyncio.Future[VideoFrame]] | None = None
        self._late: deque[int] = deque(maxlen=MOST_LATE)

    async def picture(self, index: int) -> Picture:
        """Return a frame.

        Raises
        ------
        Refusal
            If it does not come in time, or is no picture, or not of this video.
        Cancelled
            If :meth:`stop` was called.
        """
        kept = self._kept.get(index)
        if kept is not None:
            self._kept.move_to_end(index)
            return kept
        task = self._fetch(index)
        await asyncio.wait((task,))
        if self._fetching.get(index) is task:
            del self._fetching[index]
        if task.cancelled():
            raise Cancelled
        return task.result()

    def ahead(self, index: int) -> None:
        """Ask for a frame that will be wanted next."""
        if index not in self._kept:
            self._fetch(index)

    def take(self, message: VideoFrame) -> None:
        """Take a frame.

        Raises
        ------
        Refusal
            If nobody has asked for it.
        """
        answer = self._asked[1] if self._asked is not None and self._asked[0] == message.index else None
        if answer is not None and not answer.done():
            answer.set_result(message)
        elif answer is not None and answer.cancelled():  # given up just now; who waits has had no turn to say so
            self._asked = None
        elif message.index in self._late:
            self._late.remove(message.index)
        else:
            raise Refusal("bad_frame", f"Frame {message.index} was not asked for")

    def stop(self) -> None:
        """Wait for no frame any more."""
        for task in self._fetching.values():
            task.cancel()
        self._fetching.clear()

    def _fetch(self, index: int) -> asyncio.Task[Picture]:
        task = self._fetching.get(index)
        if task is None:
            task = self._fetching[index] = asyncio.create_task(self._fetched(index))
            task.add_done_callback(_seen)
        return task

    async def _fetched(self, index: int) -> Picture:
        context = self._context
        try:
            async with self._turn:
                message = await self._answer(index)
                picture = self._known(message)
                if picture is None and not message.image:
                    message = await self._answer(index, image=True)
            if picture is None:
                if not message.image:
                    raise Refusal("no_image_data")
                picture = await context.inference.take_in(message.image, context.tenant)
            self._check(picture)
        except Refusal as refusal:
            raise Refusal(refusal.code, f"Frame {index}: {refusal.message}") from refusal
        self._kept[index] = picture
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return picture

    async def _answer(self, index: int, *, image: bool | None = None) -> VideoFrame:
        answer: asyncio.Future[VideoFrame] = asyncio.get_running_loop().create_future()
        self._asked = index, answer
        most_s = self._context.limits.frame_s
        try:
            await self._context.send(FrameNeeded(video_id=self._video_id, index=index, image=image))
            async with asyncio.timeout(most_s):
                return await answer
        except TimeoutError as error:
            raise Refusal("frame_missing", f"It did not come within {most_s:g} s. Ask again.") from error
        finally:
            if self._owed and (answer.cancelled() or not answer.done()):
                self._late.append(index)
            self._asked = None

    @property
    def _owed(self) -> bool:
        """Whether the frame that was asked for last may still come."""
        return self._asked is not None

    def _known(self, message: VideoFrame) -> Picture | None:
        return self._context.inference.picture(message.image_id, self._context.tenant) if message.image_id else None

    def _check(self, picture: Picture) -> None:
        if picture.shape != self._shape:
            (height, width), (high, wide) = picture.shape, self._shape
            raise Refusal("bad_frame", f"It has {width}x{height} pixels, the video was opened with {wide}x{high}")


def _seen(task: asyncio.Task[Picture]) -> None:
    """Look at how a task has ended: a frame that was asked for ahead may be wanted by nobody."""
    if not task.cancelled():
        task.exception()
