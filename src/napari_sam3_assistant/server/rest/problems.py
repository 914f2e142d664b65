"""Why a request over HTTP is not done: status codes, and the texts that clients of the seed know."""

from __future__ import annotations

from fastapi import HTTPException

from napari_sam3_assistant.wire.refusals import Refusal

NOT_LOADED = "SAM3 model not loaded. Please check server logs and ensure SAM3 is properly installed."
BAD_BASE64 = "Invalid base64 image string"
BAD_IMAGE = "Invalid image file"
BAD_URL = "Invalid image file: the URL leads to no picture that this server may read"
URL_TIMEOUT = "Timeout while downloading image from URL"
NO_URLS = "URL input is disabled on this server"
BAD_BOX = "Invalid bounding box: x1 must be < x2 and y1 must be < y2"
BAD_POINTS = "Invalid point coordinates or labels"
UNEQUAL_POINTS = "Points X, Y, and labels must have the same length"
BAD_LABELS = "Labels must be 0 (negative) or 1 (positive)"
RETRY_S = 5
"""After so many seconds a client may try again what was refused for the moment."""

_STATUS = {
    "model_loading": 503,
    "model_unavailable": 503,
    "engine_stuck": 503,
    "oom": 503,
    "server_full": 503,
    "busy": 429,
    "rate_limited": 429,
    "inference_failed": 500,
    "unsupported": 501,
    "too_slow": 504,
}
_FAILED_LOAD = "Failed to load image"


class Problem(HTTPException):
    """A request is not done; ``detail`` says why, to a user."""


def problem_of(refusal: Refusal) -> Problem:
    """Return what HTTP says where a socket refuses a message."""
    headers = {"Retry-After": str(RETRY_S)} if refusal.kind.retryable else None
    return Problem(_STATUS.get(refusal.code, 400), _text(refusal), headers)


def stopped() -> Problem:
    """Return that the work was ended by somebody else than the client, as when the server is stopped."""
    return Problem(503, "The request was stopped. Try again.", {"Retry-After": str(RETRY_S)})


def too_large(size: int, most: int) -> Problem:
    """Return that a picture's file has more bytes than it may have."""
    return Problem(400, f"Image too large ({size / 2**20:.1f} MB). Maximum size is {most / 2**20:g}MB.")


def _text(refusal: Refusal) -> str:
    match refusal.code:
        case "model_loading" | "model_unavailable":
            return NOT_LOADED
        case "bad_image" | "no_image_data":
            return BAD_IMAGE
        case "bad_format":
            return refusal.message.replace(_FAILED_LOAD, BAD_IMAGE, 1)
        case "image_too_large":
            return refusal.message.replace(_FAILED_LOAD, "Image too large", 1)
        case _:
            return refusal.message
