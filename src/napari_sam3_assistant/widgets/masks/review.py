"""The tab ``Object Review``."""

from __future__ import annotations

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_sam3_assistant.app.masking.review import Review
from napari_sam3_assistant.app.masking.state import MaskState
from napari_sam3_assistant.widgets.bind import Bindings


class ReviewTab(QWidget):
    """Which objects and layers are accepted, and which need work."""

    title = "Object Review"

    def __init__(self, verbs: Review, state: MaskState, bindings: Bindings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._verbs, self._state = verbs, state
        QVBoxLayout(self)

    def draw(self) -> None:
        """Show the state."""
