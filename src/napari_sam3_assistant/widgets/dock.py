"""What our docks share: they let go of the viewer however napari parts with them."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import QDockWidget, QMainWindow, QSizePolicy, QWidget

from napari_sam3_assistant.widgets.bind import Bindings, on_main

CLAIM_AGAIN_MS, CLAIMS = 50, 20
_owed: set[Callable[[], None]] = set()
"""What Qt is to call when a dock is deleted. Kept here, since Python's garbage collector empties a function that only
the dock refers to, and Qt, which still calls it, crashes."""


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
        self._wants = True
        self._claims = 0
        self._claim = QTimer(self)
        self._claim.setSingleShot(True)
        self._claim.setInterval(0)
        self._claim.timeout.connect(self._claim_width)
        # A widget that wants no height gets a stretch below it from napari, a larger one each time it is opened.
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.destroyed.connect(_let_go_of(self._bindings))

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Stop work and let go of the viewer; layers stay as they are."""
        self._bindings.close()
        super().closeEvent(event)

    def event(self, event: QEvent | None) -> bool:
        """Notice that the dock has parted with the widget, and that the widget needs another width."""
        if event is not None and event.type() == QEvent.Type.LayoutRequest:
            self._claims = 0
            self._claim.start(0)
        if event is not None and event.type() == QEvent.Type.ParentChange:
            parted = self._docked and self.parent() is None
            self._docked = self.parent() is not None
            if parted:
                self._bindings.close()
                self.deleteLater()
        return super().event(event)

    def wanted_width(self) -> int:
        """Return how wide the widget is at first, in pixels."""
        return 0

    def _claim_width(self) -> None:
        """Widen a dock that is too narrow; Qt asks how wide it must be once, before napari's theme is applied.

        Once it has been as wide as the widget wants it at first, it is the user who makes it narrower.
        """
        dock, window = self.parent(), self.window()
        if not isinstance(dock, QDockWidget) or not isinstance(window, QMainWindow):
            return
        needed = max(dock.minimumSizeHint().width(), self.wanted_width() if self._wants else 0)
        if dock.width() < needed:
            window.resizeDocks([dock], [needed], Qt.Orientation.Horizontal)
        if dock.width() < needed and self._claims < CLAIMS:
            # A window that is still being laid out takes no heed; one that is too small never will.
            self._claims += 1
            self._claim.start(CLAIM_AGAIN_MS)
        else:
            self._wants = self._wants and not self.isVisible()


def _let_go_of(bindings: Bindings) -> Callable[[], None]:
    """Return what closes bindings, to be called once.

    A function, not a method of the bindings: PySide6 forgets a method when its object goes, and that is before.
    """

    def let_go() -> None:
        _owed.discard(let_go)
        bindings.close()

    _owed.add(let_go)
    return let_go
