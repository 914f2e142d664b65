"""A hand on the canvas of a viewer in which Mask Operations are docked."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QWidget

from napari_sam3_assistant.demo.driver import BUTTONS, CANVAS
from napari_sam3_assistant.layers.world import camera_of
from napari_sam3_assistant.widgets.mask_operations_widget import MaskOperationsWidget

NONE = Qt.KeyboardModifier.NoModifier


class MaskHand:
    """Mask Operations beside a canvas, with the row of its tools, and a hand on both.

    Parameters
    ----------
    viewer : napari viewer
        Shown, with its layers.
    """

    def __init__(self, viewer: Any) -> None:
        self.viewer = viewer
        viewer.window.resize(900, 600)
        self.widget = MaskOperationsWidget(viewer)
        viewer.window.add_dock_widget(self.widget, name="masks")
        self.masks = self.widget.controller
        self.tools = self.masks.canvas
        self.row = self.widget.cleanup.tools
        self.pump(5)
        viewer.reset_view()
        self.canvas = next(one for one in self.widget.window().findChildren(QWidget) if type(one).__name__ == CANVAS)
        self.settle()

    def pump(self, turns: int = 1) -> None:
        """Let Qt do what is due."""
        for _ in range(turns):
            QApplication.processEvents()
            QTest.qWait(1)

    def settle(self) -> None:
        """Let Qt work until the canvas keeps its size."""
        steady, size = 0, None
        while steady < 4:
            self.pump()
            steady, size = (steady + 1 if self.canvas.size() == size else 0), self.canvas.size()

    def done(self) -> str:
        """Wait until no operation runs; return what was said."""
        self.pump()
        while self.masks.state.busy:
            self.pump()
        self.pump(2)
        return str(self.masks.state.message)

    def place(self, layer: Any, row: float, col: float) -> QPoint:
        """Return where a pixel of the slice on screen is seen."""
        world = layer.data_to_world((*self.viewer.dims.current_step[-layer.ndim : -2], row, col))
        camera = camera_of(self.viewer)
        center, zoom = camera.center[-2:], camera.zoom
        y = (world[-2] - center[0]) * zoom + self.canvas.height() / 2
        x = (world[-1] - center[1]) * zoom + self.canvas.width() / 2
        return QPoint(round(x), round(y))

    def move(self, layer: Any, row: float, col: float, button: Qt.MouseButton = Qt.MouseButton.NoButton) -> None:
        """Move the pointer to a pixel."""
        at = self.place(layer, row, col)
        local, seen = QPointF(at), QPointF(self.canvas.mapToGlobal(at))
        none = Qt.MouseButton.NoButton
        QApplication.sendEvent(self.canvas, QMouseEvent(QEvent.Type.MouseMove, local, seen, none, button, NONE))
        self.pump()

    def click(self, layer: Any, row: float, col: float, button: str = "left") -> str:
        """Click on a pixel; return what was said when all that it began is done."""
        self.move(layer, row, col)
        QTest.mouseClick(self.canvas, BUTTONS[button], NONE, self.place(layer, row, col))
        self.pump(2)
        return self.done()

    def stroke(self, layer: Any, points: Sequence[tuple[float, float]], *, release: bool = True) -> None:
        """Press at the first pixel, move along the others, let go at the last."""
        left = Qt.MouseButton.LeftButton
        self.move(layer, *points[0])
        QTest.mousePress(self.canvas, left, NONE, self.place(layer, *points[0]))
        for (row, col), (to_row, to_col) in itertools.pairwise(points):
            for part in (0.3, 0.6, 0.9, 1):
                QTest.qWait(12)  # vispy leaves out moves that come close together
                self.move(layer, row + part * (to_row - row), col + part * (to_col - col), left)
        if release:
            QTest.mouseRelease(self.canvas, left, NONE, self.place(layer, *points[-1]))
            self.done()

    def key(self, key: Qt.Key, held: Qt.KeyboardModifier = NONE) -> str:
        """Press a key over the canvas; return what was said when all that it began is done."""
        QTest.keyClick(self.canvas, key, held)
        return self.done()
