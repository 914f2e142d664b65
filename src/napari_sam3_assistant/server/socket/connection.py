"""One WebSocket: who reads, who answers, who computes, who writes, and who watches the clock.

The reader always reads, so that pings are answered and a client that leaves is missed at once, whatever is computed
for it. It fills the mailbox. The clerk takes one message after another out of it and has the session acknowledge it;
what there is to compute goes on the agenda. Unless the client said ``hello``, the clerk waits for that before it takes
the next message, so that all answers come in the order of the messages.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress

from starlette.websockets import WebSocket, WebSocketDisconnect

from napari_sam3_assistant import __version__
from napari_sam3_assistant.server.logs import in_session
from napari_sam3_assistant.server.metrics import Metrics
from napari_sam3_assistant.server.model.inference import Inference
from napari_sam3_assistant.server.security import tenant_of
from napari_sam3_assistant.server.session.agreed import limits_info
from napari_sam3_assistant.server.session.sessions import ClientSession
from napari_sam3_assistant.server.settings import ServerSettings
from napari_sam3_assistant.server.socket.admission import RESTART, Sessions
from napari_sam3_assistant.server.socket.answering import Clerk
from napari_sam3_assistant.server.socket.farewells import Farewell
from napari_sam3_assistant.server.socket.mailbox import Mailbox
from napari_sam3_assistant.server.socket.outbox import Outbox
from napari_sam3_assistant.server.socket.reading import Reader
from napari_sam3_assistant.wire.frames import packed
from napari_sam3_assistant.wire.refusals import Refusal
from napari_sam3_assistant.wire.replies import Draining, Error, Expiring, SegmentationResult, SessionCreated
from napari_sam3_assistant.wire.values import Message
from napari_sam3_assistant.wire.video_replies import FrameNeeded

CLOSING_S = 0.4
"""So long a client has to read its last messages, and as long again for the close frame."""
FAILED = Farewell(1011, "Internal error")
_log = logging.getLogger(__name__)


async def serve(socket: WebSocket, inference: Inference, settings: ServerSettings) -> None:
    """Talk with one client until it leaves or is told to."""
    sessions: Sessions = socket.app.state.sessions
    metrics: Metrics = socket.app.state.metrics
    metrics.connected()
    try:
        await socket.accept()
        connection = Connection(socket, inference, settings, sessions, metrics)
        try:
            address = socket.client.host if socket.client else ""
            with sessions.seat(connection, address), in_session(connection.name):
                await connection.talk()
        except Refusal as refusal:
            metrics.refused("draining" if sessions.draining else "full")
            await connection.turn_away(refusal)
    except WebSocketDisconnect:
        _log.debug("A client has left before it was welcomed.")
    finally:
        metrics.disconnected()


class Connection:
    """One client.

    Parameters
    ----------
    socket : WebSocket
        Accepted.
    inference : Inference
    settings : ServerSettings
    sessions : Sessions
        Of the server.
    metrics : Metrics
    """

    def __init__(
        self,
        socket: WebSocket,
        inference: Inference,
        settings: ServerSettings,
        sessions: Sessions,
        metrics: Metrics,
    ) -> None:
        self._socket, self._settings, self._sessions, self._metrics = socket, settings, sessions, metrics
        self._outbox = Outbox(socket, settings.send_s)
        self._mailbox = Mailbox()
        self._session = ClientSession(inference, settings, self._send, tenant_of(socket.scope))
        self._clerk = Clerk(self._session, self._mailbox, inference, settings.limits, self._send, metrics)
        self._reader = Reader(socket, self._mailbox, settings.limits, self)
        self._end: asyncio.Future[Farewell] = asyncio.get_running_loop().create_future()

    @property
    def name(self) -> str:
        """Of the session."""
        return self._session.name

    @property
    def waiting_bytes(self) -> int:
        """Bytes of messages that wait."""
        return self._mailbox.size

    @property
    def works(self) -> int:
        """How many works of the client wait or run."""
        return self._clerk.works

    def has_room(self, size: int) -> bool:
        """Return whether the server has memory for so many bytes more."""
        return self._sessions.waiting_bytes + size <= self._settings.limits.waiting_bytes

    def aside(self, message: Message) -> bool:
        """Answer a message that need not wait for those before it; return whether it was one."""
        return self._session.agreed.extended and self._clerk.aside(message)

    def announce_end(self) -> None:
        """Tell a client that said hello that the server is about to end."""
        if self._session.agreed.extended:
            self._outbox.offer(packed(Draining(), binary=False))

    def end(self, farewell: Farewell) -> None:
        """Close the connection soon."""
        if not self._end.done():
            self._end.set_result(farewell)

    async def talk(self) -> None:
        """Answer the client until it leaves or is told to, and close the socket."""
        await self._send(
            SessionCreated(
                session_id=self._session.name,
                server=f"napari-sam3-assistant {__version__}",
                limits=limits_info(self._settings.limits),
                features=self._session.features,
            )
        )
        writer = asyncio.create_task(self._outbox.run())
        clerk = self._clerk
        parts = (
            self._reader.run(),
            clerk.run(),
            clerk.run_errands(),
            clerk.run_lanes(),
            clerk.compute(),
            self._watch(),
        )
        others = [asyncio.create_task(part) for part in parts]
        try:
            done, _ = await asyncio.wait((self._end, writer, *others), return_when=asyncio.FIRST_COMPLETED)
            farewell = next(map(_farewell, done))
            await _stopped(others)
            self._session.close()
            await self._leave(farewell)
        finally:
            self._session.close()
            await _stopped((writer, *others))

    async def turn_away(self, refusal: Refusal) -> None:
        """Tell a client that there is no place for it, and close the socket."""
        writer = asyncio.create_task(self._outbox.run())
        await self._send(refusal.reply())
        restarts = self._sessions.draining
        await self._leave(RESTART if restarts else Farewell(refusal.kind.close, refusal.message))
        await _stopped((writer,))

    async def _send(self, message: Message) -> None:
        if isinstance(message, Error):
            self._metrics.error(message.code or "")
        if isinstance(message, SegmentationResult) and message.timing_ms is not None:
            self._metrics.mask(message.timing_ms.mask / 1000)
        if isinstance(message, FrameNeeded):
            self._reader.expect()
        await self._outbox.put(packed(message, binary=self._session.agreed.binary))

    async def _leave(self, farewell: Farewell) -> None:
        """Send what waits, and the close frame; not longer than a client may expect."""
        if not farewell.code:
            return
        with suppress(TimeoutError, WebSocketDisconnect):
            async with asyncio.timeout(CLOSING_S):
                await self._outbox.flushed()
        with suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
            async with asyncio.timeout(CLOSING_S):
                await self._socket.close(farewell.code, farewell.reason)

    async def _watch(self) -> Farewell:
        """Wait until the client has done nothing for too long; warn it before."""
        idle_s = self._settings.idle_s
        warn_s = min(self._settings.warn_s, idle_s / 2)
        warned = False
        while (left := idle_s - self._clerk.idle_s()) > 0:
            if left > warn_s:
                warned = False
                await asyncio.sleep(left - warn_s)
            elif self._session.agreed.extended and not warned:
                warned = True
                await self._send(Expiring(seconds=round(left, 1)))
            else:
                await asyncio.sleep(left)
        text = f"Session expired after {_duration(idle_s)} without activity"
        await self._send(Refusal("session_expired", text).reply())
        return Farewell(4408, text)


def _farewell(task: asyncio.Future[Farewell]) -> Farewell:
    """Return how a part of a connection ended it; what should not happen goes to the log."""
    if task.exception() is None:
        return task.result()
    _log.error("A connection failed.", exc_info=task.exception())
    return FAILED


async def _stopped(tasks: Iterable[asyncio.Task[Farewell]]) -> None:
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


def _duration(seconds: float) -> str:
    """Return a time in words: 30 minutes, 1 second."""
    number, unit = (seconds / 60, "minute") if seconds % 60 == 0 else (seconds, "second")
    return f"{number:g} {unit}{'' if number == 1 else 's'}"
