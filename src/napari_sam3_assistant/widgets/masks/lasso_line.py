"""The line of a lasso, drawn over the canvas while the button is held."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QWidget

from napari_sam3_assistant.widgets.canvas import canvas_of

LINE, WIDTH_PX = QColor(255, 220, 0), 2


class LassoLine(QWidget):
    """Lies over the canvas of a window, lets the mouse through, and is hidden while there is no line.

    A layer of shapes would have to be added and removed for each line.

    Parameters
    ----------
    owner : QWidget
        Lies in the same window as the canvas; the line goes with it.
    """

    def __init__(self, owner: QWidget) -> None:
        super().__init__(owner)
        self._owner = owner
        self._points: list[QPointF] = []
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def show_line(self, places: Sequence[tuple[float, float]]) -> None:
        """Draw a line through places ``(x, y)``, pixels of the canvas; none takes it away."""
        self._points = [QPointF(x, y) for x, y in places]
        canvas = canvas_of(self._owner)
        if not places or canvas is None:
            self.hide()
            return
        if self.parentWidget() is not canvas:
            self.setParent(canvas)
            self._owner.destroyed.connect(self.deleteLater)
        self.setGeometry(canvas.rect())
        self.show()
        self.raise_()
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the line, and its way back to where it began."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(LINE, WIDTH_PX))
        painter.drawPolyline(QPolygonF(self._points))
        painter.setPen(QPen(LINE, WIDTH_PX / 2, Qt.PenStyle.DotLine))
        painter.drawLine(self._points[-1], self._points[0])
        painter.end()
