"""napari's canvas as a widget of its window."""

from __future__ import annotations

from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

CANVAS = "CanvasBackendDesktop"
"""The class of napari's canvas, which has no public name."""


def canvas_of(widget: QWidget) -> QWidget | None:
    """Return the canvas of the window that a widget is docked in, or whose dock floats beside it; or None."""
    window: QWidget | None = widget.window()
    if isinstance(window, QDockWidget):
        window = window.parentWidget()
    middle = window.centralWidget() if isinstance(window, QMainWindow) else None
    found = middle.findChildren(QWidget) if middle is not None else []
    return next((one for one in found if type(one).__name__ == CANVAS), None)
