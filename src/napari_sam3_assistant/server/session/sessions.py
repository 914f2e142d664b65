"""A client's session: what it has said, and what it is answered. Knows no socket.

A message is taken in two parts. :meth:`ClientSession.take` looks at it, changes what the session knows, and
acknowledges it, all at once; what is left to compute comes back as :class:`Work`, which the connection runs in its
time. Until a client says ``hello`` it is answered as the seed's server did, see
:mod:`napari_sam3_assistant.server.session.agreed`.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from napari_sam3_assistant.server.model.inference import Inference
from napari_sam3_assistant.server.session.agreed import OPENING_TYPES, Agreed, agreed_with, features, welcome
from napari_sam3_assistant.server.session.answers import Answers
from napari_sam3_assistant.server.session.choosing import Choosing
from napari_sam3_assistant.server.session.context import Send, SessionContext
from napari_sam3_assistant.server.session.opening import Opening
from napari_sam3_assistant.server.session.prompting import Prompting
from napari_sam3_assistant.server.session.proposing import Proposing
from napari_sam3_assistant.server.session.restoring import Restoring
from napari_sam3_assistant.server.session.stateless import Stateless
from napari_sam3_assistant.server.session.videos import Videos
from napari_sam3_assistant.server.session.work import Work
from napari_sam3_assistant.server.settings import ServerSettings
from napari_sam3_assistant.wire import messages, video_messages
from napari_sam3_assistant.wire.refusals import Refusal
from napari_sam3_assistant.wire.values import Message

__all__ = ["ClientSession", "Send", "Work"]
_log = logging.getLogger(__name__)


class ClientSession:
    """Answers the messages of one client.

    Parameters
    ----------
    inference : Inference
    settings : ServerSettings
    send : callable
        Sends a message to the client.
    tenant : str
        Whose pictures it may use.
    """

    def __init__(self, inference: Inference, settings: ServerSettings, send: Send, tenant: str = "") -> None:
        self._context = context = SessionContext(inference, settings, send, tenant)
        answers = Answers(context)
        prompting, restoring, stateless = Prompting(context, answers), Restoring(context, answers), Stateless(context)
        choosing, self._videos = Choosing(context, prompting), Videos(context)
        opening, proposing, videos = Opening(context), Proposing(context), self._videos
        self._takers: dict[type[Message], Callable[[Any], Awaitable[Work | None]]] = {
            messages.Init: opening.init,
            messages.Click: prompting.click,
            messages.Reset: prompting.reset,
            messages.Segment: prompting.segment,
            messages.DrawBox: prompting.box,
            messages.MaskHint: prompting.mask,
            messages.RemovePoint: prompting.remove,
            messages.Hover: prompting.hover,
            messages.Undo: choosing.undo,
            messages.Redo: choosing.redo,
            messages.Text: choosing.text,
            messages.NewObject: choosing.new,
            messages.SelectObject: choosing.select,
            messages.DeleteObject: choosing.delete,
            messages.ListObjects: restoring.list,
            messages.Restore: restoring.restore,
            messages.Predict: stateless.predict,
            messages.Find: stateless.find,
            messages.Propose: proposing.propose,
            video_messages.Encode: opening.encode,
            video_messages.VideoOpen: videos.open,
            video_messages.VideoPrompt: videos.prompt,
            video_messages.VideoBegin: videos.begin,
            video_messages.Propagate: videos.propagate,
            video_messages.VideoFrame: videos.frame,
            video_messages.VideoCancel: videos.cancel,
            video_messages.VideoRemove: videos.remove,
            video_messages.VideoClose: videos.close_one,
            messages.Hello: self._hello,
            messages.SetOptions: self._set,
        }

    @property
    def name(self) -> str:
        """The session's id; nobody can guess it."""
        return self._context.name

    @property
    def agreed(self) -> Agreed:
        """What ``hello`` agreed on."""
        return self._context.agreed

    @property
    def features(self) -> tuple[str, ...]:
        """The extensions that a client which says ``hello`` may use."""
        return features(self._context.inference.capabilities)

    async def take(self, message: Message) -> Work | None:
        """Take a message in, acknowledge it, and return what is left to compute.

        Raises
        ------
        Refusal
            If it cannot be done; nothing has changed.
        """
        taker = self._takers.get(type(message))
        if taker is None or not self._knows(message.type):
            raise _unknown(message.type, message.id)
        return await taker(message)

    def refused(self, refusal: Refusal) -> Refusal:
        """Return what a message is refused with that is not as it must be; of a type not known yet, only that."""
        if refusal.type is None or self._knows(refusal.type):
            return refusal
        return _unknown(refusal.type, refusal.id)

    def close(self) -> None:
        """Stop what is computed for the session; it sends nothing any more."""
        self._context.closed = True
        self._videos.close()
        self._context.inference.cancel(self.name)

    def _knows(self, kind: str) -> bool:
        return self.agreed.extended or kind in OPENING_TYPES

    async def _hello(self, message: messages.Hello) -> None:
        context = self._context
        if context.picture is not None:
            raise Refusal("bad_message", "Say hello before the first init")
        context.agreed = agreed_with(message)
        _log.info("hello from %s", message.client or "a client without a name")
        inference = context.inference
        await context.send(welcome(context.agreed, context.limits, inference.engine, inference.state, message.id))

    async def _set(self, message: messages.SetOptions) -> None:
        self._context.agreed = self.agreed.with_options(message)
        await self._context.send(self.agreed.options(message.id))


def _unknown(kind: str, id: str | None) -> Refusal:
    return Refusal("unknown_type", f"Unknown message type: {kind}", id=id)
