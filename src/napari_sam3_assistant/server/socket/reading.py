"""From the socket into the mailbox: what is taken, and what is refused before anybody has looked at it."""

from __future__ import annotations

from typing import Protocol

from starlette.websockets import WebSocket

from napari_sam3_assistant.server.settings import Limits
from napari_sam3_assistant.server.socket.farewells import GONE, GOODBYE, Farewell
from napari_sam3_assistant.server.socket.mailbox import Mail, Mailbox
from napari_sam3_assistant.server.socket.pacing import TokenBucket
from napari_sam3_assistant.wire.messages import CancelWork, Close, Hover, Ping, Reset
from napari_sam3_assistant.wire.parsing import parse_client
from napari_sam3_assistant.wire.refusals import Refusal
from napari_sam3_assistant.wire.values import Message
from napari_sam3_assistant.wire.video_messages import VideoFrame

PARSED_AT_ONCE = 64 * 1024
"""Longer texts are parsed by who takes them out of the mailbox, on a thread of the codec pool."""
MESSAGES_IN_MEMORY = 2
"""So many of the largest messages of a client may wait."""
HOVERS_IGNORED = 10
"""So many times more hovers than are answered are no offence."""
TOO_MANY = Farewell(1008, "Too many messages")
_LIGHT = (CancelWork, Ping, Reset)
"""These are taken when the mailbox is full: they empty it, or cost nothing."""


class Desk(Protocol):
    """Whom a reader reads for."""

    @property
    def works(self) -> int:
        """How many of the client's works wait beside the mail."""
        ...

    def has_room(self, size: int) -> bool:
        """Return whether the server has memory for so many bytes more."""
        ...

    def aside(self, message: Message) -> bool:
        """Answer a message that need not wait for those before it; return whether it was one."""
        ...


class Reader:
    """Reads one socket, always.

    Parameters
    ----------
    socket : WebSocket
    mailbox : Mailbox
        That it fills.
    limits : Limits
    desk : Desk
    """

    def __init__(self, socket: WebSocket, mailbox: Mailbox, limits: Limits, desk: Desk) -> None:
        self._socket, self._mailbox, self._limits, self._desk = socket, mailbox, limits, desk
        self._messages = TokenBucket(limits.messages_per_s, limits.messages_burst)
        self._excess = TokenBucket(limits.messages_per_s, limits.refused)
        self._hovers = TokenBucket(limits.hovers_per_s * HOVERS_IGNORED, limits.refused)
        self._expected = 0

    def expect(self) -> None:
        """Let one message more in than else: the client was asked for it."""
        self._expected += 1

    async def run(self) -> Farewell:
        """Read until the client says goodbye, leaves, or is too much."""
        while True:
            event = await self._socket.receive()
            if event["type"] == "websocket.disconnect":
                return GONE
            text = event.get("text")
            farewell = self._take(event["bytes"] if text is None else text)
            if farewell is not None:
                return farewell

    def _take(self, data: str | bytes) -> Farewell | None:
        content = _content(data)
        if isinstance(content, Close):
            return GOODBYE
        if isinstance(content, Hover):
            if not self._hovers.take():
                return TOO_MANY
        elif self._was_expected(content):
            self._put(content, len(data), expected=True)
            return None
        elif not self._messages.take():
            if not self._excess.take():
                return TOO_MANY
            content = Refusal("rate_limited", id=_id(content))
        if isinstance(content, Message) and self._desk.aside(content):
            return None
        self._put(content, len(data))
        return TOO_MANY if len(self._mailbox) + self._desk.works > self._limits.refused else None

    def _was_expected(self, content: Message | Refusal | str | bytes) -> bool:
        """Return whether it may be the frame that the client was asked for; a frame in bytes cannot be told yet."""
        expected = self._expected > 0 and isinstance(content, VideoFrame | str | bytes)
        self._expected -= expected
        return expected

    def _put(self, content: Message | Refusal | str | bytes, size: int, *, expected: bool = False) -> None:
        waiting = self._mailbox.requests + self._desk.works
        if isinstance(content, (Refusal, *_LIGHT)):
            self._mailbox.put(Mail(content))
        elif (expected or waiting < self._limits.waiting) and self._has_room(size):
            self._mailbox.put(Mail(content, size))
        else:
            text = f"Busy: {waiting} request{'s are' if waiting != 1 else ' is'} waiting"
            self._mailbox.put(Mail(Refusal("busy", text, id=_id(content))))

    def _has_room(self, size: int) -> bool:
        own = self._mailbox.size + size <= MESSAGES_IN_MEMORY * self._limits.message_bytes
        return own and self._desk.has_room(size)


def _content(data: str | bytes) -> Message | Refusal | str | bytes:
    """Return a message, what is wrong with it, or the data, of which somebody else finds out."""
    if isinstance(data, bytes) or len(data) > PARSED_AT_ONCE:
        return data
    try:
        return parse_client(data)
    except Refusal as refusal:
        return refusal


def _id(content: Message | Refusal | str | bytes) -> str | None:
    """Return the id to answer with; what is too large to be looked at has none."""
    return content.id if isinstance(content, Message | Refusal) else None
