"""What the mouse and the keys do on the canvas, on the target of Mask Operations."""

from __future__ import annotations

from napari_sam3_assistant.app.masking.cleanup import Cleanup
from napari_sam3_assistant.app.masking.desk import Desk
from napari_sam3_assistant.app.masking.review import Review


class CanvasTools:
    """Tools of the canvas."""

    def __init__(self, desk: Desk, cleanup: Cleanup, review: Review) -> None:
        self._desk, self._cleanup, self._review = desk, cleanup, review
