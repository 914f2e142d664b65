"""Uvicorn's connections, with an end to the patience that it has with clients.

An HTTP request whose head does not come to its end would keep its connection for ever.

What asyncio has buffered for a client that does not read keeps the socket and the memory for ever, also after
``transport.close()``, and each ping of such a client adds a pong. Here the connection is cut.

What is read at once, 256 KiB, may hold 30,000 frames, which take seconds to parse: others get their turn meanwhile.
"""

from __future__ import annotations

import asyncio
import logging

import h11
from uvicorn._types import ASGIReceiveEvent
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

HEAD_S = 10.0
"""So long a client has to say what it asks for, from the first byte on, or from the connection."""
LINGER_S = 5.0
"""So long a client has to read what is left once the connection was closed."""
MOST_PONGS = 1000
"""So many pongs wait for a client that does not read."""
PART = 1024
"""So many bytes are parsed at once: 170 frames at most."""
TURN_S = 0.005
"""After so many seconds of parsing others get their turn."""
_log = logging.getLogger(__name__)


class GuardedHttp(H11Protocol):
    """One HTTP connection of uvicorn, which may become a WebSocket."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._wait_no_longer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what the client has sent, and wait for the rest of the head only so long."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._watch()
        else:
            self._wait_no_longer()

    def _watch(self) -> None:
        if self._late is None:
            self._late = self.loop.call_later(HEAD_S, self.transport.close)

    def _wait_no_longer(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


class GuardedSocket(WebSocketsSansIOProtocol):
    """One WebSocket of uvicorn."""

    _cut: asyncio.TimerHandle | None = None
    _turn: asyncio.Handle | None = None
    _pongs = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._unparsed = bytearray()
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer, and what was not parsed."""
        for planned in (self._cut, self._turn):
            if planned is not None:
                planned.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what the client has sent, and parse it in turns."""
        self._unparsed += data
        if self._turn is None:
            self._parse()

    async def receive(self) -> ASGIReceiveEvent:
        """Return what comes next for the application; nothing is read from the client before all is parsed."""
        event = await super().receive()
        if self._turn is not None:
            self.transport.pause_reading()
        return event

    def resume_writing(self) -> None:
        """Count the pongs anew: the client reads."""
        self._pongs = 0
        super().resume_writing()

    def handle_ping(self) -> None:
        """Answer a ping, unless too many answers were not read."""
        if not self.writable.is_set():
            self._pongs += 1
        if self._pongs > MOST_PONGS:
            _log.info("A client that sends pings and reads no pongs is let go.")
            self.transport.abort()
        else:
            super().handle_ping()

    def shutdown(self) -> None:
        """Close the connection since the server ends."""
        super().shutdown()
        self._cut_later()

    def keepalive_timeout(self) -> None:
        """Close the connection to a client that gives no sign of life."""
        super().keepalive_timeout()
        self._cut_later()

    def handle_parser_exception(self) -> None:
        """Close the connection to a client that does not speak the protocol."""
        super().handle_parser_exception()
        self._cut_later()

    async def run_asgi(self) -> None:
        """Run the application for this connection."""
        await super().run_asgi()
        self._cut_later()

    def _parse(self) -> None:
        end = self.loop.time() + TURN_S
        while self._unparsed and not self.transport.is_closing():
            part = bytes(self._unparsed[:PART])
            del self._unparsed[:PART]
            super().data_received(part)
            if self.loop.time() >= end:
                break
        waited = self._turn is not None
        self._turn = None
        if self._unparsed and not self.transport.is_closing():
            self.transport.pause_reading()
            self._turn = self.loop.call_soon(self._parse)
        elif waited and not self.read_paused:
            self.transport.resume_reading()

    def _cut_later(self) -> None:
        if self._cut is None and not self.disconnected:
            self._cut = self.loop.call_later(LINGER_S, self.transport.abort)
