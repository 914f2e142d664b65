"""Requests of many clients side by side: how many there are at once, and whose turn it is."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from weakref import WeakValueDictionary

from napari_sam3_assistant.server.addresses import counted_as
from napari_sam3_assistant.server.rest.problems import RETRY_S, Problem
from napari_sam3_assistant.server.settings import Limits


class Seats:
    """How many requests are being answered, of all and of each address.

    Parameters
    ----------
    limits : Limits
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._taken: Counter[str | None] = Counter()

    @contextmanager
    def taken(self, address: str) -> Iterator[None]:
        """Hold a seat for a request from an address; this machine's own may have all.

        Raises
        ------
        Problem
            If none is free.
        """
        retry = {"Retry-After": str(RETRY_S)}
        if self._taken.total() >= self._limits.requests:
            raise Problem(503, "Server is full, try again later", retry)
        name, most = counted_as(address), self._limits.requests_per_address
        if name is not None and self._taken[name] >= most:
            raise Problem(429, f"Too many requests at once ({most}). Wait for an answer first.", retry)
        self._taken[name] += 1
        try:
            yield
        finally:
            self._taken[name] -= 1
            if not self._taken[name]:
                del self._taken[name]


AT_ONCE = 2
"""So many turns one name has at once: several users of one address, and no more than two pictures before a click."""


class Turns:
    """Who of one name may ask now: :data:`AT_ONCE`, in the order in which they came."""

    def __init__(self) -> None:
        self._places: WeakValueDictionary[str, _Places] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, name: str, at_once: int = AT_ONCE) -> AsyncIterator[str]:
        """Wait for the turn of a name, and hold it; yields the session of the scheduler that asks."""
        places = self._places.setdefault(name, _Places(name, at_once))
        async with places.room:
            session = places.free.pop()
            try:
                yield session
            finally:
                places.free.append(session)


class _Places:
    """The sessions of a name, and those that nobody asks in."""

    def __init__(self, name: str, count: int) -> None:
        self.room = asyncio.Semaphore(count)
        self.free = [f"{name} {number}" for number in range(count)]
