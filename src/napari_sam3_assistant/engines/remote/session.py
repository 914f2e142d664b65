"""Objects that a server follows from frame to frame, as the one sees it that has the frames.

What the server remembers of them belongs to one connection. Where that is lost, the next call says so, and whoever
follows begins anew with the masks that it has.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Collection, Mapping

from websockets.exceptions import ConnectionClosed

from napari_sam3_assistant.core.errors import Cancelled, EngineError, PromptError
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.progress import CancelToken
from napari_sam3_assistant.core.prompts import Prompts, Query
from napari_sam3_assistant.core.results import FrameResult, Segmentation
from napari_sam3_assistant.engines.protocol import Capabilities, Embedding, VideoLimits, check_number, check_video
from napari_sam3_assistant.engines.remote.dialling import BUILTIN
from napari_sam3_assistant.engines.remote.failures import BUSY, error_of
from napari_sam3_assistant.engines.remote.link import ANSWER_S, Link, video_lost
from napari_sam3_assistant.engines.remote.pictures import RemotePicture, own
from napari_sam3_assistant.engines.remote.reading import Shape, asked_of, drawn_of, segmentations_of
from napari_sam3_assistant.engines.remote.talk import Mail, Talk
from napari_sam3_assistant.wire import video_messages as said
from napari_sam3_assistant.wire import video_replies as replies
from napari_sam3_assistant.wire.replies import Error
from napari_sam3_assistant.wire.values import LimitsInfo, Message

MOST_FRAMES = 10_000
"""How many frames a server takes that does not say it."""
BUSY_PAUSE_S = 0.2
Asking = said.VideoPrompt | said.VideoBegin | said.Propagate


class RemoteSession:
    """A :class:`~napari_sam3_assistant.engines.protocol.VideoSession` that is kept on a server.

    It is opened there by the first call. :meth:`remove` and :meth:`close` wait for nothing, and may be called on any
    thread.

    Parameters
    ----------
    link : Link
    open_link : callable
        Returns the engine's link as it is now; raises EngineError if the engine is closed.
    query : Query or None
        What it finds by itself.
    can : Capabilities
        Of the server's engine.
    """

    def __init__(self, link: Link, open_link: Callable[[], Link], query: Query | None, can: Capabilities) -> None:
        self._link, self._open_link, self._query, self._can = link, open_link, query, can
        self._video: tuple[int, str] | None = None
        self._leave: weakref.finalize[..., RemoteSession] | None = None

    def prompt(
        self,
        frame: int,
        embedding: Embedding,
        object_id: int,
        prompts: Prompts,
        present: PlacedMask | None = None,
        *,
        cancel: CancelToken | None = None,
    ) -> Segmentation:
        """Set or correct an object on ``frame``; see :meth:`VideoSession.prompt`."""
        _check(cancel)
        self._check_open()
        picture = own(embedding)
        check_number(object_id)
        check_video(prompts, self._can.video or VideoLimits(), self._can.instead)
        asked = asked_of(prompts, picture.shape)
        there = drawn_of(present, picture.shape) if present is not None and present.area else None
        talk, video_id = self._opened(picture.shape, cancel)
        message = said.VideoPrompt(
            video_id=video_id, index=int(frame), object_id=int(object_id), prompts=asked, present=there
        )
        found = self._converse(talk, message, picture, cancel)
        if not isinstance(found, replies.FrameResult) or found.index != frame or len(found.objects) != 1:
            raise _astray()
        return segmentations_of(found.objects, picture.shape)[0]

    def begin(self, frame: int, embedding: Embedding, masks: Mapping[int, PlacedMask]) -> None:
        """Follow objects on from ``frame``; see :meth:`VideoSession.begin`."""
        self._check_open()
        picture = own(embedding)
        objects = tuple(
            said.Placed(object_id=int(id), **drawn_of(mask, picture.shape).model_dump()) for id, mask in masks.items()
        )
        talk, video_id = self._opened(picture.shape)
        message = said.VideoBegin(video_id=video_id, index=int(frame), objects=objects)
        self._converse(talk, message, picture)

    def step(
        self,
        frame: int,
        embedding: Embedding,
        ids: Collection[int] | None = None,
        *,
        cancel: CancelToken | None = None,
    ) -> FrameResult:
        """Return the objects on ``frame``; see :meth:`VideoSession.step`."""
        _check(cancel)
        self._check_open()
        picture = own(embedding)
        if self._video is None and self._query is None:
            raise PromptError("There is no object to follow.", hint="Click on one first.")
        talk, video_id = self._opened(picture.shape, cancel)
        message = said.Propagate(
            video_id=video_id,
            start=int(frame),
            end=int(frame),
            object_ids=None if ids is None else tuple(sorted(map(int, ids))),
        )
        found = self._converse(talk, message, picture, cancel)
        if not isinstance(found, replies.FrameResult) or found.index != frame:
            raise _astray()
        numbered = [one for one in found.objects if one.object_id]
        answers = segmentations_of(numbered, picture.shape)
        objects = {one.object_id: answer for one, answer in zip(numbered, answers, strict=True) if one.object_id}
        names = {one.object_id: one.name for one in numbered if one.object_id and one.name}
        return FrameResult(frame, objects, frozenset(found.lost), names)

    def remove(self, object_id: int) -> None:
        """Follow the object no longer."""
        video = self._video
        if video is not None:
            self._link.tell(said.VideoRemove(video_id=video[1], object_id=int(object_id)), video[0])

    def close(self) -> None:
        """Give back what is kept of the frames, there."""
        leave, self._leave, self._video = self._leave, None, None
        if leave is not None:
            leave()

    def _check_open(self) -> None:
        if self._open_link() is not self._link:
            raise video_lost()

    def _opened(self, shape: Shape, cancel: CancelToken | None = None) -> tuple[Talk, str]:
        """Return the connection on which the video is, and its name; it is opened now if it is not."""
        talk = self._link.connected(cancel=cancel)
        if self._video is not None:
            if self._video[0] != talk.number:
                raise video_lost()
            return talk, self._video[1]
        words = None if self._query is None else "\n".join(text.text for text in self._query.texts)
        frames = _most_frames(talk.line.welcome.limits)
        answer = self._link.ask(said.VideoOpen(frames=frames, shape=shape, text=words), on=talk.number, cancel=cancel)
        if not isinstance(answer, replies.VideoOpened):
            raise _astray()
        self._video = talk.number, answer.video_id
        self._leave = weakref.finalize(self, self._link.tell, said.VideoClose(video_id=answer.video_id), talk.number)
        self._leave.atexit = False
        return talk, answer.video_id

    def _converse(
        self,
        talk: Talk,
        message: Asking,
        picture: RemotePicture,
        cancel: CancelToken | None = None,
    ) -> Message:
        """Return the answer to a message; the server asks for the frame meanwhile if it wants it."""
        end = time.monotonic() + ANSWER_S
        while True:
            id = self._link.next_id()
            mail = talk.expect(id, message.video_id)
            try:
                self._link.send(talk, message.model_copy(update={"id": id}), cancel)
                answer = self._answer(talk, mail, message, picture, end, cancel)
            except ConnectionClosed as error:
                self._link.lose(talk)
                _check(cancel)
                raise video_lost() from error
            except Cancelled:
                self._link.tell(said.VideoCancel(video_id=message.video_id), talk.number)
                raise
            finally:
                talk.expect_no_more(id, message.video_id)
            if answer is not None:
                return answer
            self._link.pause(BUSY_PAUSE_S, cancel)

    def _answer(
        self,
        talk: Talk,
        mail: Mail,
        message: Asking,
        picture: RemotePicture,
        end: float,
        cancel: CancelToken | None,
    ) -> Message | None:
        """Return the answer, once nothing of it is to come; None if the server is busy."""
        found: Message | None = None
        while (reply := self._link.next(mail, end, cancel)) is not None:
            match reply:
                case replies.FrameNeeded():
                    self._link.send(talk, _frame(reply, picture, talk), cancel)
                case Error(code=code) if code in BUSY:
                    return None
                case Error():
                    raise error_of(reply)
                case replies.VideoBegun():
                    return reply
                case replies.FrameResult() if isinstance(message, said.Propagate):
                    found = reply
                case replies.FrameResult():
                    return reply
                case replies.Propagated():
                    return found
        raise video_lost()


def _frame(asked: replies.FrameNeeded, picture: RemotePicture, talk: Talk) -> said.VideoFrame:
    if asked.image:
        file = picture.file(talk.line.welcome.limits)
        return said.VideoFrame(video_id=asked.video_id, index=asked.index, image=file)
    return said.VideoFrame(video_id=asked.video_id, index=asked.index, image_id=picture.image_id)


def _most_frames(limits: LimitsInfo) -> int:
    told = (limits.model_extra or {}).get("video_frames", MOST_FRAMES)
    return told if isinstance(told, int) else MOST_FRAMES


def _astray() -> EngineError:
    return EngineError("The server has not answered what was asked.", hint=f"Try again, {BUILTIN}")


def _check(cancel: CancelToken | None) -> None:
    if cancel is not None:
        cancel.raise_if_cancelled()
