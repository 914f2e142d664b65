"""One video of a session: what is asked of it, one after another, and what has become of its objects."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from napari_sam3_assistant.core.errors import Cancelled
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.prompts import Prompts
from napari_sam3_assistant.core.results import FrameResult, Segmentation
from napari_sam3_assistant.server.model.engine_thread import Answered
from napari_sam3_assistant.server.model.pictures import Picture
from napari_sam3_assistant.server.model.videos import EngineVideo, Looked
from napari_sam3_assistant.server.session.answers import found_of
from napari_sam3_assistant.server.session.context import SessionContext
from napari_sam3_assistant.server.session.video_frames import VideoFrames
from napari_sam3_assistant.wire import video_messages, video_replies
from napari_sam3_assistant.wire.refusals import Refusal
from napari_sam3_assistant.wire.values import Found, MaskFormat, Timing


class SessionVideo:
    """Objects that are followed through the frames of a client.

    Parameters
    ----------
    context : SessionContext
    engine : EngineVideo
        Opened by who uses it.
    video_id : str
    count : int
        How many frames there are.
    shape : tuple of int
        Height and width of every frame, in pixels.
    on_idle : callable
        Called once nothing was asked of it for long.

    Attributes
    ----------
    epoch : int
        Rises when what is under way is given up: answers to what was asked before are not sent.
    runs : int
        How often objects are to be followed, or are right now.
    queued : int
        How much is to be answered in turn, that included.
    """

    def __init__(
        self,
        context: SessionContext,
        engine: EngineVideo,
        video_id: str,
        count: int,
        shape: tuple[int, int],
        on_idle: Callable[[SessionVideo], None],
    ) -> None:
        self._context, self.engine, self.video_id = context, engine, video_id
        self.count, self.shape = count, shape
        self.epoch = self.runs = self.queued = 0
        self._beside = 0
        self._frames = VideoFrames(context, video_id, count, shape)
        self._known: set[int] = set()
        self._removed: set[int] = set()
        self._on_idle = on_idle
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    # -- what is under way -----------------------------------------------------------------------

    def asked(self, *, run: bool = False, beside: bool = False) -> None:
        """Note that something is asked: a run through frames, or what need not wait for one."""
        self._count(1, run, beside)

    def answered(self, *, run: bool = False, beside: bool = False) -> None:
        """Note that it was answered, or will not be."""
        self._count(-1, run, beside)
        if not (self.queued or self._beside or self._closed):
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._context.limits.video_idle_s, self._on_idle, self)

    def check(self, epoch: int) -> None:
        """Raise Cancelled where what was asked in ``epoch`` was given up meanwhile."""
        if self._context.closed or self._closed or epoch != self.epoch:
            raise Cancelled

    def stop(self) -> None:
        """Give up what is asked and not answered yet; the objects stay."""
        self.epoch += 1
        self._frames.stop()
        self.engine.stop()

    def close(self) -> None:
        """Give up the video."""
        self._closed = True
        self.stop()
        self._wake()
        self.engine.close()

    def take(self, frame: video_messages.VideoFrame) -> None:
        """Take a frame; raises Refusal if it was not asked for."""
        self._frames.take(frame)

    # -- what is asked ---------------------------------------------------------------------------

    def forget(self, object_id: int) -> None:
        """Have an object in no later result."""
        self._known.discard(object_id)
        self._removed.add(object_id)

    async def prompt(
        self, message: video_messages.VideoPrompt, prompts: Prompts, present: PlacedMask | None, epoch: int
    ) -> None:
        """Answer what is said of an object on a frame."""
        self._know({message.object_id}, epoch)
        picture = await self._picture(message.index, epoch)
        asked = await self.engine.prompt(message.index, picture, message.object_id, prompts, present)
        found = FrameResult(message.index, {message.object_id: asked.value.value})
        await self._tell(found, asked, message.id, epoch)

    async def begin(self, message: video_messages.VideoBegin, masks: Mapping[int, PlacedMask], epoch: int) -> None:
        """Go on from a frame."""
        self._know(set(masks), epoch)
        picture = await self._picture(message.index, epoch)
        await self.engine.begin(message.index, picture, masks)
        self.check(epoch)
        await self._context.send(video_replies.VideoBegun(video_id=self.video_id, index=message.index, id=message.id))

    async def propagate(self, message: video_messages.Propagate, epoch: int) -> None:
        """Follow the objects; the next frame comes while one is looked at."""
        for index in range(message.start, message.end + message.direction, message.direction):
            picture = await self._picture(index, epoch)
            if index != message.end:
                self._frames.ahead(index + message.direction)
            asked = await self.engine.step(index, picture, message.object_ids)
            await self._tell(asked.value.value, asked, message.id, epoch)
        self.check(epoch)
        await self._context.send(video_replies.Propagated(video_id=self.video_id, id=message.id))

    async def _picture(self, index: int, epoch: int) -> Picture:
        """Return a frame; nothing is asked of a client that has given up what it is for."""
        self.check(epoch)
        picture = await self._frames.picture(index)
        self.check(epoch)
        return picture

    def _know(self, ids: set[int], epoch: int) -> None:
        """Take note of objects that are given, unless that was given up; raise Refusal if there are too many."""
        self.check(epoch)
        most = self._context.limits.objects
        if len(self._known | ids) > most:
            raise Refusal("limit_objects", f"Max objects ({most}) reached")
        self._known |= ids
        self._removed -= ids

    async def _tell(
        self,
        found: FrameResult,
        asked: Answered[Looked[Segmentation]] | Answered[Looked[FrameResult]],
        id: str | None,
        epoch: int,
    ) -> None:
        context = self._context
        objects = await context.inference.codec(_listed, found, self.shape, context.agreed.mask_format)
        self.check(epoch)
        await context.send(
            video_replies.FrameResult(
                video_id=self.video_id,
                index=found.frame,
                objects=tuple(one for one in objects if one.object_id not in self._removed),
                lost=tuple(sorted(found.lost - self._removed)),
                timing_ms=Timing(queue=asked.queue_ms, encode=asked.value.encode_ms, decode=asked.value.decode_ms),
                id=id,
            )
        )

    def _count(self, by: int, run: bool, beside: bool) -> None:
        self.runs += by * run
        self._beside += by * beside
        self.queued += by * (not beside)
        self._wake()

    def _wake(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _listed(found: FrameResult, shape: tuple[int, int], format: MaskFormat) -> tuple[Found, ...]:
    return tuple(
        found_of(one.mask, one.score, shape, format, object_id=object_id, name=found.names.get(object_id))
        for object_id, one in sorted(found.objects.items())
    )
