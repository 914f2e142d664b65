"""Uvicorn, told how to run the application."""

from __future__ import annotations

import uvicorn

from napari_sam3_assistant.engines.protocol import ImageEngine
from napari_sam3_assistant.server.app import create_app
from napari_sam3_assistant.server.settings import ServerSettings
from napari_sam3_assistant.server.sockets import GuardedSocket


def server_of(engine: ImageEngine, settings: ServerSettings) -> uvicorn.Server:
    """Return a server that is not started yet."""
    config = uvicorn.Config(
        create_app(engine, settings),
        host=settings.host,
        port=settings.port,
        ws=GuardedSocket,
        # A picture is compressed already. Inflating and deflating would hold up the event loop, and lets a small frame
        # grow to the largest message.
        ws_per_message_deflate=False,
        ws_max_size=settings.limits.message_bytes,
        ws_ping_interval=settings.ping_s,
        ws_ping_timeout=settings.ping_s,
        log_config=None,
        access_log=False,
    )
    return uvicorn.Server(config)
