"""The tab ``Class Merge``."""

from __future__ import annotations

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_sam3_assistant.app.masking.merging import Merging
from napari_sam3_assistant.app.masking.state import MaskState
from napari_sam3_assistant.widgets.bind import Bindings


class MergeTab(QWidget):
    """Join layers of one class."""

    title = "Class Merge"

    def __init__(self, verbs: Merging, state: MaskState, bindings: Bindings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._verbs, self._state = verbs, state
        QVBoxLayout(self)

    def draw(self) -> None:
        """Show the state."""
