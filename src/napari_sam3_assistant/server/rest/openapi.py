"""What the description of the HTTP interface says beside the fields: limits, and what errors look like."""

from __future__ import annotations

from typing import Any

from napari_sam3_assistant.engines.protocol import Capabilities, Proposals
from napari_sam3_assistant.server.model.failures import NO_WORDS, too_slow
from napari_sam3_assistant.server.rest import problems as said
from napari_sam3_assistant.server.rest.models import ProblemDetail
from napari_sam3_assistant.server.settings import MIB, ServerSettings

DRAWN: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "What was found, or the picture drawn.",
        "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}},
    }
}
"""What a form may be answered besides JSON."""
_WHAT = {
    "text": "Returns every object that the words name, the best first. Engines that read no words answer 501.",
    "box": "Returns the object that the box holds. `boxes` of the answer is the box that was sent.",
    "points": "Returns the object under the points with label 1. Points with label 0 lie beside it.",
    "auto": "Returns every object, the best first. Stops after {everything:g} s.",
}
_HOW = {
    "": "The picture is a file of the form, of at most {image:g} MiB; the whole form has at most {form:g} MiB.",
    "base64": "The picture is base64 in JSON: its file has at most {image:g} MiB, the whole body {json:g} MiB.",
    "url": "The picture's file is read from a public address within 10 s; it has at most {image:g} MiB. "
    "Off unless the server was started with URLs allowed: 403.",
}
_ALWAYS = {
    400: (
        "Image too large (31.4 MB). Maximum size is 20MB.",
        "Image too large: 13000x13000 exceeds the limit of 50 megapixels",
    ),
    408: ("The request did not arrive in time",),
    413: ("Request too large. Maximum size is 21MB.",),
    429: ("Too many requests at once (8). Wait for an answer first.",),
    500: ("Segmentation failed: internal error (ref 3f2a)",),
    503: (said.NOT_LOADED, "Server is full, try again later"),
}
_OF_WHAT: dict[str, tuple[tuple[Any, ...], ...]] = {
    "text": ((501, NO_WORDS),),
    "box": ((400, said.BAD_BOX, "Bounding box out of image bounds. Image size: 640x480"),),
    "points": (
        (
            400,
            said.BAD_POINTS,
            said.UNEQUAL_POINTS,
            said.BAD_LABELS,
            "Point (700, 20) is out of image bounds (640x480)",
        ),
    ),
    "auto": (
        (
            504,
            too_slow(120, Capabilities()),
            too_slow(120, Capabilities(proposals=Proposals())),
        ),
    ),
}
_OF_HOW: dict[str, tuple[tuple[Any, ...], ...]] = {
    "": ((400, said.BAD_IMAGE),),
    "base64": ((400, said.BAD_BASE64, said.BAD_IMAGE),),
    "url": (
        (400, said.BAD_URL, "Failed to download image from URL. Status code: 404"),
        (403, said.NO_URLS),
        (408, said.URL_TIMEOUT),
    ),
}
_ALL = (
    "Pictures have at most {megapixels:g} megapixels and {side} pixels along a side. Coordinates are pixels of the "
    "picture as a browser shows it, so after the orientation in its EXIF data; masks have its size."
)


def described(path: str, settings: ServerSettings) -> str:
    """Return what is to be known of ``/segment/<path>``."""
    what, _, how = path.partition("/")
    limits = settings.limits
    return f"{_WHAT[what]} {_HOW[how]}\n\n{_ALL}".format(
        everything=limits.everything_s,
        image=limits.image_bytes / MIB,
        form=limits.body_bytes / MIB,
        json=limits.json_body_bytes / MIB,
        megapixels=limits.image_pixels / 1e6,
        side=limits.image_side,
    )


def problems(path: str) -> dict[int | str, dict[str, Any]]:
    """Return the error answers of ``/segment/<path>``, each with what it may say."""
    what, _, how = path.partition("/")
    told = {status: list(details) for status, details in _ALWAYS.items()}
    for status, *details in (*_OF_WHAT[what], *_OF_HOW[how]):
        told.setdefault(status, []).extend(details)
    return {status: _problem(told[status]) for status in sorted(told)}


def _problem(details: list[str]) -> dict[str, Any]:
    examples = {str(number): {"value": {"detail": detail}} for number, detail in enumerate(details, 1)}
    return {
        "model": ProblemDetail,
        "description": " / ".join(details),
        "content": {"application/json": {"examples": examples}},
    }
