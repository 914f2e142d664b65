"""What a client is sent: one writer, a few messages that wait, and no patience without end.

Who sends waits while the box is full, and nobody else does. The messages of one client never take more memory than
the box.
"""

from __future__ import annotations

import asyncio

from starlette.websockets import WebSocket, WebSocketDisconnect

from napari_sam3_assistant.server.socket.farewells import GONE, Farewell

MOST_WAITING = 16
MOST_BYTES = 32 * 2**20
"""Of what waits, unless a single message is longer."""


class Outbox:
    """Writes to one socket.

    Parameters
    ----------
    socket : WebSocket
        Accepted.
    send_s : float
        A client that takes no message for so many seconds is let go.
    """

    def __init__(self, socket: WebSocket, send_s: float) -> None:
        self._socket, self._send_s = socket, send_s
        self._waiting: asyncio.Queue[str | bytes] = asyncio.Queue()
        self._size = 0
        self._turn, self._taken = asyncio.Lock(), asyncio.Event()

    async def put(self, data: str | bytes) -> None:
        """Add a message, as soon as there is room."""
        async with self._turn:
            while not self._has_room(len(data)):
                self._taken.clear()
                await self._taken.wait()
            self._add(data)

    def offer(self, data: str | bytes) -> None:
        """Add a message if there is room: what a client can do without."""
        if self._has_room(len(data)):
            self._add(data)

    async def run(self) -> Farewell:
        """Write until the client does not take it any more."""
        while True:
            data = await self._waiting.get()
            try:
                async with asyncio.timeout(self._send_s):
                    if isinstance(data, str):
                        await self._socket.send_text(data)
                    else:
                        await self._socket.send_bytes(data)
            except TimeoutError:
                return Farewell(1013, "The client does not read")
            except WebSocketDisconnect:
                return GONE
            self._size -= len(data)
            self._waiting.task_done()
            self._taken.set()

    async def flushed(self) -> None:
        """Wait until all is written."""
        await self._waiting.join()

    def _has_room(self, size: int) -> bool:
        waiting = self._waiting.qsize()
        return waiting < MOST_WAITING and (not self._size or self._size + size <= MOST_BYTES)

    def _add(self, data: str | bytes) -> None:
        self._size += len(data)
        self._waiting.put_nowait(data)
