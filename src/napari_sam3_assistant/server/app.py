"""The application: which address leads where. The lifespan owns the engine's thread."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, WebSocket
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

from napari_sam3_assistant import __version__
from napari_sam3_assistant.engines.protocol import ImageEngine
from napari_sam3_assistant.server.connection import serve
from napari_sam3_assistant.server.inference import Inference
from napari_sam3_assistant.server.settings import ServerSettings

STATIC = Path(__file__).parent / "static"
"""The web page's files."""
_POLICY = "default-src 'self'; img-src 'self' blob: data:; connect-src 'self'; style-src 'self'; frame-ancestors 'none'"


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

    @app.get("/app", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(STATIC / "index.html", headers={"Content-Security-Policy": _POLICY})

    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    return app
