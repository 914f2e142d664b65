"""Uvicorn, told how to run the application, and how it ends.

SIGTERM: no new sessions, ``/readyz`` says so, and those who are there may go on for :attr:`ServerSettings.drain_s`;
then sockets are closed with 1012 and the engine's thread is joined. Ctrl+C: the same without the wait. A second signal
ends the process at once, whatever hangs.
"""

from __future__ import annotations

import logging
import signal
import socket
import time
from collections.abc import Callable
from types import FrameType

import uvicorn

from napari_sam3_assistant.engines.protocol import ImageEngine
from napari_sam3_assistant.server.app import create_app
from napari_sam3_assistant.server.settings import ServerSettings
from napari_sam3_assistant.server.socket.admission import Sessions
from napari_sam3_assistant.server.socket.sockets import GuardedHttp, GuardedSocket

LEAVING_S = 5
"""How long answers that are on their way are waited for, in seconds, once sockets are closed."""
_log = logging.getLogger(__name__)


class Server(uvicorn.Server):
    """Uvicorn's server, which drains before it ends.

    Parameters
    ----------
    config : uvicorn.Config
    sessions : Sessions
        Of its application.
    drain_s : float
        How long they may go on after SIGTERM.
    on_start : callable or None
        Called once the server answers.

    Attributes
    ----------
    stopped_by : int or None
        The signal that has ended it.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        sessions: Sessions,
        drain_s: float,
        on_start: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(config)
        self._sessions, self._drain_s, self._on_start = sessions, drain_s, on_start
        self._end = float("inf")
        self.stopped_by: int | None = None

    @property
    def _left(self) -> float:
        return max(self._end - time.monotonic(), 0.0)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end; at the second signal, end."""
        if self.stopped_by is not None:
            signal.signal(sig, signal.SIG_DFL)
            signal.raise_signal(sig)
            return
        self.stopped_by = sig
        self._end = time.monotonic() + (0 if sig == signal.SIGINT else self._drain_s)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the sockets, and say so."""
        await super().startup(sockets)
        if self.started and self._on_start is not None:
            self._on_start()

    async def on_tick(self, counter: int) -> bool:
        """Whether to end: the time is over, or nobody is there."""
        sessions = self._sessions
        # Here and not where the signal comes in: that may be in the middle of anything.
        if self.stopped_by is not None and not sessions.draining:
            _log.info("told to end: no new sessions, %s go on for up to %.0f s", len(sessions), self._left)
            sessions.drain()
        if sessions.draining and (self._left == 0 or not len(sessions)):
            _log.info("ending")
            self.should_exit = True
        return await super().on_tick(counter)


def server_of(engine: ImageEngine, settings: ServerSettings, on_start: Callable[[], None] | None = None) -> Server:
    """Return a server that is not started yet; ``on_start`` is called once it answers."""
    app = create_app(engine, settings)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        workers=1,
        http=GuardedHttp,
        ws=GuardedSocket,
        # A picture is compressed already. Inflating and deflating would hold up the event loop, and lets a small frame
        # grow to the largest message.
        ws_per_message_deflate=False,
        ws_max_size=settings.limits.message_bytes,
        ws_ping_interval=settings.ping_s,
        ws_ping_timeout=settings.ping_s,
        proxy_headers=bool(settings.forwarded_allow_ips),
        forwarded_allow_ips=settings.forwarded_allow_ips,
        root_path=settings.root_path,
        server_header=False,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=LEAVING_S,
    )
    return Server(config, app.state.sessions, settings.drain_s, on_start)
