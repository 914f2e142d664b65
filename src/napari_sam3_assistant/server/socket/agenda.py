"""What a session has still to compute: one work after another, hovers when nothing else waits."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress

from napari_sam3_assistant.server.session.sessions import Work
from napari_sam3_assistant.server.socket.pacing import TokenBucket
from napari_sam3_assistant.wire.messages import Hover, Init


class Agenda:
    """The works of one session, first in, first out.

    Parameters
    ----------
    hovers_per_s : float
        Most previews, a second. Of hovers that wait, only the newest is kept.
    """

    def __init__(self, hovers_per_s: float) -> None:
        self._works: deque[Work] = deque()
        self._hover: Hover | None = None
        self._pace = TokenBucket(hovers_per_s, 1)
        self._running: Work | Hover | None = None
        self._filled, self._idle, self._settled = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._note()

    def __len__(self) -> int:
        """How many works wait or run; hovers do not count."""
        return len(self._works) + isinstance(self._running, Work)

    @property
    def picture(self) -> Work | None:
        """What takes in a picture that is on its way."""
        return next((work for work in self._all() if isinstance(work.message, Init)), None)

    def of(self, id: str) -> Work | None:
        """Return the work that answers the message of this ``id``; it waits, or is computed now."""
        return next((work for work in self._all() if work.message.id == id), None)

    def add(self, work: Work, *, coalesce: bool) -> Work | None:
        """Add the newest work; return the one that waited and that it takes the place of, if any."""
        old = next((old for old in self._works if coalesce and _replaces(work, old)), None)
        if old is not None:
            self._works.remove(old)
        self._works.append(work)
        self._note()
        return old

    def hover(self, hover: Hover) -> None:
        """Set what is previewed next."""
        self._hover = hover
        self._note()

    async def next(self) -> Work | Hover:
        """Take what is computed now, as soon as there is something; :meth:`done` must follow."""
        while True:
            if self._works:
                self._running = self._works.popleft()
            elif self._hover is not None and self._pace.take():
                self._running, self._hover = self._hover, None
            if self._running is not None:
                return self._running
            self._filled.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pace.wait_s() if self._hover is not None else None):
                    await self._filled.wait()

    def done(self) -> None:
        """Say that what :meth:`next` gave is computed."""
        self._running = None
        self._note()

    def remove(self, work: Work) -> bool:
        """Throw a work away if it waits; return whether it did."""
        waited = work in self._works
        if waited:
            self._works.remove(work)
            self._note()
        return waited

    async def idle(self) -> None:
        """Wait until no work waits or runs."""
        await self._idle.wait()

    async def settled(self) -> None:
        """Wait until no picture is on its way."""
        await self._settled.wait()

    def _note(self) -> None:
        if self._works or self._hover is not None:
            self._filled.set()
        _set(self._idle, len(self) == 0)
        _set(self._settled, self.picture is None)

    def _all(self) -> tuple[Work, ...]:
        return (*self._works, self._running) if isinstance(self._running, Work) else tuple(self._works)


def _replaces(new: Work, old: Work) -> bool:
    return new.coalesces and old.coalesces and new.object_id == old.object_id


def _set(event: asyncio.Event, happened: bool) -> None:
    if happened:
        event.set()
    else:
        event.clear()
