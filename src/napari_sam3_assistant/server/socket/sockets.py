"""Uvicorn's WebSocket, with an end to the patience that it has with clients that do not read.

What asyncio has buffered for a client that does not read keeps the socket and the memory for ever, also after
``transport.close()``, and each ping of such a client adds a pong. Here the connection is cut.
"""

from __future__ import annotations

import asyncio
import logging

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

LINGER_S = 5.0
"""So long a client has to read what is left once the connection was closed."""
MOST_PONGS = 1000
"""So many pongs wait for a client that does not read."""
_log = logging.getLogger(__name__)


class GuardedSocket(WebSocketsSansIOProtocol):
    """One WebSocket of uvicorn."""

    _cut: asyncio.TimerHandle | None = None
    _pongs = 0

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer."""
        if self._cut is not None:
            self._cut.cancel()
        super().connection_lost(exc)

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

    def _cut_later(self) -> None:
        if self._cut is None and not self.disconnected:
            self._cut = self.loop.call_later(LINGER_S, self.transport.abort)
