"""Who is connected, and who may still come in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from napari_sam3_assistant.server.addresses import counted_as
from napari_sam3_assistant.server.settings import Limits
from napari_sam3_assistant.server.socket.farewells import Farewell
from napari_sam3_assistant.wire.refusals import Refusal

RESTART = Farewell(1012, "The server restarts")


class Connected(Protocol):
    """A connection, as the registry sees it. Called on the event loop; nothing waits."""

    @property
    def waiting_bytes(self) -> int:
        """Bytes of messages that wait."""
        ...

    def announce_end(self) -> None:
        """Tell a client that understands it that the server is about to end."""
        ...

    def end(self, farewell: Farewell) -> None:
        """Close the connection soon."""
        ...


class Sessions:
    """The connections of a server.

    Parameters
    ----------
    limits : Limits
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._connections: set[Connected] = set()
        self._addresses: Counter[str | None] = Counter()
        self.draining = False

    def __len__(self) -> int:
        """How many there are."""
        return len(self._connections)

    @property
    def waiting_bytes(self) -> int:
        """Bytes of messages that wait, of all clients."""
        return sum(connection.waiting_bytes for connection in self._connections)

    @contextmanager
    def seat(self, connection: Connected, address: str) -> Iterator[None]:
        """Keep a place for a connection.

        Raises
        ------
        Refusal
            If there is none: the server is full, or about to end.
        """
        name = counted_as(address)
        self._check(name)
        self._connections.add(connection)
        self._addresses[name] += 1
        try:
            yield
        finally:
            self._connections.remove(connection)
            self._addresses[name] -= 1
            self._addresses += Counter()  # drops the addresses that nobody is left of

    def drain(self) -> None:
        """Let nobody in any more, and tell who is there."""
        self.draining = True
        for connection in tuple(self._connections):
            connection.announce_end()

    def close(self, farewell: Farewell = RESTART) -> None:
        """Close all connections soon."""
        for connection in tuple(self._connections):
            connection.end(farewell)

    def _check(self, name: str | None) -> None:
        if self.draining:
            raise Refusal("server_full", "Server restarts, connect again soon")
        if len(self) >= self._limits.sessions or self.waiting_bytes >= self._limits.waiting_bytes:
            raise Refusal("server_full")
        if name is not None and self._addresses[name] >= self._limits.sessions_per_address:
            raise Refusal("server_full", "Too many connections from your address, close one")
