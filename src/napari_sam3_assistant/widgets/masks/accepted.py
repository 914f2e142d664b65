"""The tab ``Accepted Objects``."""

from __future__ import annotations

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_sam3_assistant.app.masking.accepting import Accepting
from napari_sam3_assistant.app.masking.state import MaskState
from napari_sam3_assistant.widgets.bind import Bindings


class AcceptedTab(QWidget):
    """Keep a preview as an object of a class."""

    title = "Accepted Objects"

    def __init__(self, verbs: Accepting, state: MaskState, bindings: Bindings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._verbs, self._state = verbs, state
        QVBoxLayout(self)

    def draw(self) -> None:
        """Show the state."""
