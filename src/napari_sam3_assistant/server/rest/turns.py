"""Requests of many clients side by side: how many there are at once, and whose turn it is."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from ipaddress import ip_address
from weakref import WeakValueDictionary

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
        self._taken: Counter[str] = Counter()

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
        most = self._limits.requests_per_address
        if self._taken[address] >= most and not _own(address):
            raise Problem(429, f"Too many requests at once ({most}). Wait for an answer first.", retry)
        self._taken[address] += 1
        try:
            yield
        finally:
            self._taken[address] -= 1
            if not self._taken[address]:
                del self._taken[address]


def _own(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:  # a socket of the file system has no address
        return True


class Turns:
    """Who of one name may ask now: one at a time, in the order in which they came."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, name: str) -> AsyncIterator[None]:
        """Wait for the turn of a name, and hold it."""
        lock = self._locks.setdefault(name, asyncio.Lock())
        async with lock:
            yield
