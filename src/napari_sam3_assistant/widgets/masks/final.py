"""The tab ``Final Merge / Export``."""

from __future__ import annotations

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_sam3_assistant.app.masking.final import Final
from napari_sam3_assistant.app.masking.state import MaskState
from napari_sam3_assistant.widgets.bind import Bindings


class FinalTab(QWidget):
    """Join the masks of classes, and write them to a file."""

    title = "Final Merge / Export"

    def __init__(self, verbs: Final, state: MaskState, bindings: Bindings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._verbs, self._state = verbs, state
        QVBoxLayout(self)

    def draw(self) -> None:
        """Show the state."""
