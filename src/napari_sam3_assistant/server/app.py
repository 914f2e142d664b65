"""The application: which address leads where. The lifespan owns the engine's thread."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, WebSocket

from napari_sam3_assistant import __version__
from napari_sam3_assistant.engines.protocol import ImageEngine
from napari_sam3_assistant.server.connection import serve
from napari_sam3_assistant.server.inference import Inference
from napari_sam3_assistant.server.settings import ServerSettings


def create_app(engine: ImageEngine, settings: ServerSettings | None = None) -> FastAPI:
    """Return the application that serves one engine.

    Parameters
    ----------
    engine : ImageEngine
        Not loaded yet; loaded when the application starts, closed when it ends.
    settings : ServerSettings or None
    """
    settings = settings or ServerSettings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.inference = inference = Inference(engine, settings)
        await inference.start()
        try:
            yield
        finally:
            await inference.stop()

    app = FastAPI(title="napari-sam3-assistant", version=__version__, lifespan=lifespan, root_path=settings.root_path)
    app.state.settings = settings

    @app.websocket("/ws/realtime")
    async def segment_socket(socket: WebSocket) -> None:
        await serve(socket, app.state.inference, settings)

    @app.get("/health")
    async def health() -> dict[str, object]:
        return {"status": "healthy", "model_loaded": app.state.inference.state == "ready"}

    return app
