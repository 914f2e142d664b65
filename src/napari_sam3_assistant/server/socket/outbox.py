"""What a client is sent: one writer, a few messages that wait, and no patience without end.

Who sends waits while the box is full, and nobody else does. The messages of one client never take more memory than
the box.
"""

from __future__ import annotations

import asyncio

from starlette.websockets import WebSocket, WebSocketDisconnect

from napari_sam3_assistant.server.socket.farewells import GONE, Farewell

MOST_WAITING = 16


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
        self._waiting: asyncio.Queue[str | bytes] = asyncio.Queue(MOST_WAITING)

    async def put(self, data: str | bytes) -> None:
        """Add a message, as soon as there is room."""
        await self._waiting.put(data)

    def offer(self, data: str | bytes) -> None:
        """Add a message if there is room: what a client can do without."""
        if not self._waiting.full():
            self._waiting.put_nowait(data)

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
            self._waiting.task_done()

    async def flushed(self) -> None:
        """Wait until all is written."""
        await self._waiting.join()
