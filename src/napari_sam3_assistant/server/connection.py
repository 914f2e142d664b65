"""One WebSocket: a reader, a worker and a writer."""

from __future__ import annotations

import asyncio

from starlette.websockets import WebSocket, WebSocketDisconnect

from napari_sam3_assistant import __version__
from napari_sam3_assistant.server.inference import Inference
from napari_sam3_assistant.server.sessions import ClientSession
from napari_sam3_assistant.server.settings import ServerSettings
from napari_sam3_assistant.wire.frames import packed
from napari_sam3_assistant.wire.messages import Close
from napari_sam3_assistant.wire.parsing import parse_client
from napari_sam3_assistant.wire.refusals import Refusal
from napari_sam3_assistant.wire.replies import SessionCreated
from napari_sam3_assistant.wire.values import LimitsInfo, Message


async def serve(socket: WebSocket, inference: Inference, settings: ServerSettings) -> None:
    """Talk with one client until it leaves."""
    await socket.accept()

    async def send(message: Message) -> None:
        data = packed(message, binary=session.agreed.binary)
        await (socket.send_bytes(data) if isinstance(data, bytes) else socket.send_text(data))

    async def received() -> str | bytes:
        event = await socket.receive()
        if event["type"] == "websocket.disconnect":
            raise WebSocketDisconnect
        return event.get("text") or event.get("bytes") or ""

    session = ClientSession(inference, settings, send)
    limits = LimitsInfo(**settings.limits.model_dump())
    await send(SessionCreated(session_id=session.name, server=f"napari-sam3-assistant {__version__}", limits=limits))
    try:
        while True:
            try:
                message = parse_client(await received(), binary=session.agreed.binary)
                if isinstance(message, Close):
                    await asyncio.wait_for(socket.close(1000), 1)
                    return
                try:
                    work = await session.take(message)
                    if work is not None:
                        await work.run()
                except Refusal as refusal:
                    await send(refusal.reply(message.id))
            except Refusal as refusal:
                await send(refusal.reply())
    except WebSocketDisconnect:
        pass
    finally:
        session.close()
