"""What an engine fails with, as what a client is told: nothing of the cause but a number to look up in the log."""

from __future__ import annotations

import logging
import secrets

from napari_sam3_assistant.core.errors import Cancelled, OutOfMemory, PromptError, TooLargeError, Unsupported
from napari_sam3_assistant.engines.protocol import Capabilities
from napari_sam3_assistant.wire.refusals import Refusal

TOO_LARGE = "Segmentation failed: what was found is too large for memory. Send a smaller picture."
NO_WORDS = "This server's engine does not read words. Use points or a box."
_log = logging.getLogger(__name__)


def too_slow(most_s: float, takes: Capabilities) -> str:
    """Return what is said where finding every object takes longer than ``most_s`` seconds, and what would help."""
    asks_points = takes.proposals is None or takes.proposals.points is not None
    less = "Use fewer points per side" if asks_points else "Send a smaller picture"
    return f"Segmentation failed: it takes longer than {most_s:g} s. {less}."


def refusal_for(error: Exception) -> Refusal | Cancelled:
    """Return what is raised in place of what a job has failed with."""
    match error:
        case Refusal() | Cancelled():
            return error
        case PromptError():
            return Refusal("bad_prompt", error.message)
        case Unsupported():
            return Refusal("unsupported", error.message)
        case TooLargeError():
            return Refusal("image_too_large", TOO_LARGE)
        case OutOfMemory():
            _log.warning("Memory ran out twice.", exc_info=error)
            return Refusal("oom")
        case _:
            reference = secrets.token_hex(2)
            _log.error("A question could not be answered.", exc_info=error, extra={"ref": reference})
            return Refusal("inference_failed", f"Segmentation failed: internal error (ref {reference})")
