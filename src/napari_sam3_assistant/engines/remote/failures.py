"""What a server refuses a question with, as errors for a user."""

from __future__ import annotations

from napari_sam3_assistant.core.errors import (
    AssistantError,
    EmbeddingLost,
    EngineError,
    OutOfMemory,
    PromptError,
    TooLargeError,
    Unsupported,
)
from napari_sam3_assistant.engines.remote.dialling import BUILTIN
from napari_sam3_assistant.wire.replies import Error

SMALLER = "Choose a smaller window (Enable large-image local inference, or window= and --window)."
BUSY = {
    "model_loading": "The server is loading its model",
    "rate_limited": "The server asks to slow down",
    "busy": "The server is busy",
}
"""What is over in a while, and what is said meanwhile, by the code of the refusal."""
_PROMPTS = frozenset(
    {
        "bad_coordinates",
        "out_of_bounds",
        "bad_label",
        "bad_box",
        "bad_mask",
        "bad_prompt",
        "limit_points",
        "limit_objects",
        "no_points",
        "no_object",
    }
)
_LOST = frozenset({"no_video", "video_lost"})
_MOST_TEXT = 200


def error_of(refused: Error) -> AssistantError:
    """Return the error that a refusal is for a user."""
    said = refused.message[:_MOST_TEXT].rstrip(". ")
    match refused.code:
        case code if code in _PROMPTS:
            return PromptError(f"{said}.", hint="Change or delete this prompt, and try again.")
        case code if code in _LOST:
            return EmbeddingLost("What the server knew of these frames is lost.", hint="Start once more.")
        case "unsupported":
            return Unsupported(f"{said}.", hint=f"Ask in another way, {BUILTIN}")
        case "image_too_large":
            return TooLargeError("The picture is larger than the server takes.", hint=SMALLER)
        case "oom":
            return OutOfMemory("The server's memory ran out.", hint=f"{SMALLER[:-1]}, {BUILTIN}")
        case "model_unavailable" | "engine_stuck":
            return EngineError("The server's model does not work.", hint=f"Ask who runs the server, {BUILTIN}")
        case "model_loading" | "rate_limited" | "busy":
            return EngineError("The server has had no time for this.", hint=f"Try again later, {BUILTIN}")
        case "limit_videos":
            return EngineError("The server follows no more videos at once for you.", hint="End another one first.")
        case "too_slow":
            return EngineError("The server has given up: it took too long.", hint=SMALLER)
    return EngineError("The server could not answer this.", hint=f"Try again, {BUILTIN}")


def video_lost() -> EmbeddingLost:
    """Return the error for what was on a connection that is lost."""
    return EmbeddingLost(
        "The connection with the server was lost, and with it what it knew of these frames.", hint="Start once more."
    )
