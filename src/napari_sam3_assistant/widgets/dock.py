"""What our docks share: they let go of the viewer however napari parts with them."""

from __future__ import annotations

from qtpy.QtCore import QEvent
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import QWidget

from napari_sam3_assistant.widgets.bind import Bindings, on_main


class Dock(QWidget):
    """A widget whose bindings end when it is closed, deleted, or taken out of its dock.

    napari does each of these: it closes the window with the docks in it, deletes them with the
    viewer, and takes a widget out of its dock when the user presses the dock's cross.
    """

    def __init__(self) -> None:
        super().__init__()
        on_main(lambda: None)  # from now on other threads may call
        self._bindings = Bindings()
        self._docked = False
        self.destroyed.connect(self._bindings.close)

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Stop work and let go of the viewer; layers stay as they are."""
        self._bindings.close()
        super().closeEvent(event)

    def event(self, event: QEvent | None) -> bool:
        """Notice that the dock has parted with the widget."""
        if event is not None and event.type() == QEvent.Type.ParentChange:
            parted = self._docked and self.parent() is None
            self._docked = self.parent() is not None
            if parted:
                self._bindings.close()
                self.deleteLater()
        return super().event(event)
