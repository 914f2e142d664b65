"""What a server is asked by who looks after it: people, load balancers, Prometheus."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from napari_sam3_assistant import __version__
from napari_sam3_assistant.server.metrics import CONTENT_TYPE
from napari_sam3_assistant.server.model.inference import Inference

NOT_LOADED = "SAM3 model not loaded. Please check server logs and ensure SAM3 is properly installed."
router = APIRouter()


@router.head("/", include_in_schema=False)
@router.get("/")
async def root(request: Request) -> dict[str, Any]:
    """Say what runs."""
    inference: Inference = request.app.state.inference
    return {
        "status": "running",
        "model": "SAM3" if inference.engine.name == "sam3" else inference.engine.name,
        "model_loaded": is_loaded(inference),
        "device": device_of(inference),
        "version": __version__,
        "page": "app",
    }


@router.head("/health", include_in_schema=False)
@router.get("/health", responses={503: {"description": "The model is not loaded, yet or at all."}})
async def health(request: Request) -> Response:
    """Say whether the model is loaded, as the guide's clients ask it."""
    inference: Inference = request.app.state.inference
    if not is_loaded(inference):
        return JSONResponse({"detail": NOT_LOADED}, 503)
    return JSONResponse({"status": "healthy", "model_loaded": True, "device": device_of(inference)})


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz", responses={503: {"description": "The engine does not answer: start the server again."}})
async def alive(request: Request) -> Response:
    """Say whether the process is alive: this answer shows its loop, ``state`` its engine's thread."""
    state = request.app.state.inference.state
    well = state not in ("stuck", "closed")
    return JSONResponse({"alive": well, "state": state}, 200 if well else 503)


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", responses={503: {"description": "Send new sessions elsewhere; `why` says why."}})
async def ready(request: Request) -> Response:
    """Say whether new sessions are welcome."""
    why = why_not_ready(request.app.state)
    return JSONResponse({"ready": not why, "why": why}, 503 if why else 200)


@router.get("/metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """Return all numbers for Prometheus."""
    return Response(request.app.state.metrics.text(), media_type=CONTENT_TYPE)


def why_not_ready(state: Any) -> list[str]:
    """Return what speaks against new sessions: the state of the engine, ``busy``, ``full``, ``draining``."""
    inference, sessions, settings = state.inference, state.sessions, state.settings
    reasons = {
        inference.state: inference.state != "ready",
        "busy": inference.backlog >= settings.backlog,
        "full": len(sessions) >= settings.limits.sessions,
        "draining": sessions.draining,
    }
    return [reason for reason, holds in reasons.items() if holds]


def is_loaded(inference: Inference) -> bool:
    """Whether the model is there, also while its engine does not answer."""
    return inference.state in ("ready", "stuck")


def device_of(inference: Inference) -> str:
    """Return where the engine runs: ``"cuda"``, ``"cpu"``, ``"mps"``; ``"N/A"`` until it is loaded."""
    devices = inference.capabilities.devices
    return devices[0] if is_loaded(inference) and devices else "N/A"
