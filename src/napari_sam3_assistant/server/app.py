"""The application: which address leads where. The lifespan owns the engine's thread."""

from __future__ import annotations

import mimetypes
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, WebSocket
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles

from napari_sam3_assistant import __version__
from napari_sam3_assistant.engines.protocol import ImageEngine
from napari_sam3_assistant.server import probes
from napari_sam3_assistant.server.metrics import Metrics
from napari_sam3_assistant.server.model.inference import Inference
from napari_sam3_assistant.server.rest.routes import add_routes
from napari_sam3_assistant.server.security import Security
from napari_sam3_assistant.server.settings import Limits, ServerSettings
from napari_sam3_assistant.server.socket.admission import Sessions
from napari_sam3_assistant.server.socket.connection import serve
from napari_sam3_assistant.wire.messages import CLIENT_MESSAGES

STATIC = Path(__file__).parent / "static"
"""The page's files."""
# Some systems call a script plain text, which a browser does not run as a module.
mimetypes.add_type("text/javascript", ".js")
mimetypes.add_type("image/svg+xml", ".svg")


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
        await app.state.inference.start()
        try:
            yield
        finally:
            await app.state.inference.stop()

    # The pages of FastAPI that show the interface load scripts from elsewhere; /openapi.json stays.
    app = FastAPI(
        title="napari-sam3-assistant",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.settings = settings
    app.state.metrics = metrics = Metrics(CLIENT_MESSAGES)
    app.state.sessions = Sessions(settings.limits)
    app.state.inference = Inference(engine, settings, metrics)
    metrics.watch(app.state.inference, app.state.sessions)
    _add_routes(app, settings)
    _add_limits(app, settings.limits)
    app.add_middleware(Security, settings=settings)
    if settings.allow_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.allow_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
        )
    return app


def _add_routes(app: FastAPI, settings: ServerSettings) -> None:
    app.include_router(probes.router)
    add_routes(app, settings)

    @app.websocket("/ws/realtime")
    async def segment_socket(socket: WebSocket) -> None:
        await serve(socket, app.state.inference, settings)

    @app.head("/app", include_in_schema=False)
    @app.get("/app", response_class=FileResponse, include_in_schema=False)
    async def page() -> Response:
        return FileResponse(STATIC / "index.html")

    @app.get("/favicon.ico", include_in_schema=False)
    async def icon() -> Response:
        return FileResponse(STATIC / "icon.svg")

    app.mount("/static", StaticFiles(directory=STATIC))


def _add_limits(app: FastAPI, limits: Limits) -> None:
    """Show the limits in ``/openapi.json``: their schema among the others, their values beside the paths."""
    original = app.openapi

    def openapi() -> dict[str, Any]:
        document = original()
        document["x-limits"] = limits.model_dump()
        document.setdefault("components", {}).setdefault("schemas", {})["Limits"] = Limits.model_json_schema()
        return document

    app.openapi = openapi  # type: ignore[method-assign]
