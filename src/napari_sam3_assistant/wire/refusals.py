"""What a message is refused with: codes for programs, texts for people, and what becomes of the connection."""

from __future__ import annotations

from dataclasses import dataclass

from napari_sam3_assistant.wire.replies import Error


@dataclass(frozen=True, slots=True)
class Kind:
    """One line of the table.

    Attributes
    ----------
    text : str
        What is said unless there is more to say.
    retryable : bool
        Whether the same message may succeed later.
    close : int
        The code that the connection is closed with; 0 where it goes on.
    """

    text: str
    retryable: bool = False
    close: int = 0


KINDS: dict[str, Kind] = {
    "model_loading": Kind("Model not loaded yet. Please wait.", retryable=True),
    "model_unavailable": Kind("Model failed to load. See the server log."),
    "engine_stuck": Kind("The engine does not answer. See the server log.", retryable=True),
    "no_image_data": Kind("No image provided"),
    "bad_image": Kind("Failed to load image: not a supported image"),
    "image_too_large": Kind("Failed to load image: too large"),
    "bad_format": Kind("Failed to load image: this format is not accepted"),
    "bad_coordinates": Kind("Invalid click coordinates"),
    "out_of_bounds": Kind("Point outside image bounds"),
    "bad_label": Kind("Failed to add point: label must be 0 (background) or 1 (foreground)"),
    "bad_box": Kind("Invalid bounding box: x1 must be < x2 and y1 must be < y2"),
    "bad_mask": Kind("Invalid mask"),
    "bad_prompt": Kind("Invalid prompt"),
    "no_image": Kind("No image loaded"),
    "no_object": Kind("No such object"),
    "limit_points": Kind("Max points per object reached"),
    "limit_objects": Kind("Max objects reached"),
    "inference_failed": Kind("Segmentation failed: internal error", retryable=True),
    "oom": Kind("Segmentation failed: out of GPU memory", retryable=True),
    "too_slow": Kind("Segmentation failed: it takes longer than allowed"),
    "unknown_type": Kind("Unknown message type"),
    "bad_message": Kind("Invalid message"),
    "rate_limited": Kind("Too many messages, slow down", retryable=True),
    "busy": Kind("Busy", retryable=True),
    "server_full": Kind("Server is full, try again later", retryable=True, close=1013),
    "session_expired": Kind("Session expired", close=4408),
    "unsupported": Kind("This server's engine does not take this."),
    "nothing_to_undo": Kind("Nothing to undo"),
    "nothing_to_redo": Kind("Nothing to redo"),
    "no_points": Kind("No points to segment"),
    "not_found": Kind("Not found"),
    "no_video": Kind("No such video. Open it again."),
    "limit_videos": Kind("Max videos reached"),
    "video_lost": Kind("What was followed is lost. Open the video again, and begin with the last masks."),
    "bad_frame": Kind("Invalid frame"),
    "frame_missing": Kind("The frame did not come in time", retryable=True),
}
"""By code."""


class Refusal(Exception):
    """A message cannot be done; the connection and the state of the session stay as they are.

    Parameters
    ----------
    code : str
        Of :data:`KINDS`.
    message : str
        For a user; the text of the table unless it is given.
    id : str or None
        Of the message that is refused.
    type : str or None
        Of that message, where it is known and the rest of it is not as it must be.
    """

    def __init__(self, code: str, message: str = "", *, id: str | None = None, type: str | None = None) -> None:
        self.kind = KINDS[code]
        self.code, self.message, self.id, self.type = code, message or self.kind.text, id, type
        super().__init__(self.message)

    def reply(self, id: str | None = None) -> Error:
        """Return the message that says so."""
        return Error(message=self.message, code=self.code, retryable=self.kind.retryable, id=self.id or id)
