"""The tab ``Mask Isolation``."""

from __future__ import annotations

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_sam3_assistant.app.masking.isolation import Isolation
from napari_sam3_assistant.app.masking.state import MaskState
from napari_sam3_assistant.widgets.bind import Bindings


class IsolationTab(QWidget):
    """Sort out what several masks found twice, whole or in parts."""

    title = "Mask Isolation"

    def __init__(self, verbs: Isolation, state: MaskState, bindings: Bindings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._verbs, self._state = verbs, state
        QVBoxLayout(self)

    def draw(self) -> None:
        """Show the state."""
