"""What a client has sent and nobody has looked at yet, in order.

A message that there is no room for is not lost: a refusal takes its place, which costs next to nothing, and is
answered in its turn.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from napari_sam3_assistant.wire.refusals import Refusal
from napari_sam3_assistant.wire.values import Message


@dataclass(slots=True, eq=False)
class Mail:
    """One message.

    Attributes
    ----------
    content : Message, Refusal, str or bytes
        What was said, or why it is refused. Text and bytes were not parsed yet.
    size : int
        Bytes that wait with it.
    request : bool
        Whether it was more than a refusal when it came.
    """

    content: Message | Refusal | str | bytes
    size: int = 0
    request: bool = field(init=False)

    def __post_init__(self) -> None:
        self.request = not isinstance(self.content, Refusal)


class Mailbox:
    """Mail of one client, first in, first out."""

    def __init__(self) -> None:
        self._mail: deque[Mail] = deque()
        self._filled = asyncio.Event()
        self.requests = 0
        """How many wait that are no refusals."""
        self.size = 0
        """Bytes that wait."""

    def __len__(self) -> int:
        """How many wait, refusals included."""
        return len(self._mail)

    def put(self, mail: Mail) -> None:
        """Add the newest."""
        self._mail.append(mail)
        self._count(mail, 1)
        self._filled.set()

    async def first(self) -> Mail:
        """Return the oldest, as soon as there is one; it stays."""
        while not self._mail:
            self._filled.clear()
            await self._filled.wait()
        return self._mail[0]

    async def get(self) -> Mail:
        """Take out the oldest, as soon as there is one."""
        mail = await self.first()
        self._mail.popleft()
        self._count(mail, -1)
        return mail

    def sealed(self) -> list[Mail]:
        """Return what was not parsed yet."""
        return [mail for mail in self._mail if isinstance(mail.content, str | bytes)]

    def remove(self, id: str) -> bool:
        """Throw away the message of this ``id``; return whether it waited here."""
        for mail in self._mail:
            if isinstance(mail.content, Message) and mail.content.id == id:
                self._mail.remove(mail)
                self._count(mail, -1)
                return True
        return False

    def _count(self, mail: Mail, by: int) -> None:
        self.size += by * mail.size
        self.requests += by * mail.request
