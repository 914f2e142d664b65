"""A histogram of which one drags out a range."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QRectF, Qt, Signal
from qtpy.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPalette
from qtpy.QtWidgets import QSizePolicy, QWidget

Floats = npt.NDArray[np.float64]

MOST_BINS = 64
HEIGHT_PX, EDGE_PX = 92, 4
FAINT = 90
"""How strong bars beside the range are, of 255."""
KEYS: dict[int, int] = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
HELP = "Drag to select the rows of a range. Arrow keys move its upper end, with Shift its lower one; Escape clears it."


class Histogram(QWidget):
    """Bars of how often numbers occur; a range of them is dragged out, or moved by the arrow keys.

    They are as high as the square root of how often: few are seen beside many.
    """

    ranged = Signal(float, float)
    """The user has chosen the numbers from the first to the second, both included; a first above the second: none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(HEIGHT_PX)
        self.setToolTip(HELP)
        self._name = ""
        self._sorted: Floats = np.zeros(0)
        self._counts = np.zeros(0, np.int64)
        self._edges: Floats = np.zeros(0)
        self._bins: tuple[int, int] | None = None
        self._began = 0

    def show_numbers(self, name: str, numbers: Floats) -> None:
        """Show these, of shape (n,); the range that was chosen goes where the name is another."""
        whole = bool(numbers.size) and bool((numbers == np.floor(numbers)).all())
        ordered = np.sort(numbers)
        if name == self._name and np.array_equal(ordered, self._sorted):
            return
        if name != self._name:
            self._bins = None
        self._name, self._sorted = name, ordered
        self._edges = _edges(ordered, whole)
        self._counts = np.histogram(ordered, self._edges)[0] if ordered.size else np.zeros(0, np.int64)
        if self._bins is not None and self._bins[1] > self._counts.size:
            self._bins = None
        self._describe()
        self.update()

    def chosen(self) -> tuple[float, float] | None:
        """Return the first and last number of the chosen range, or None."""
        if self._bins is None:
            return None
        low, high = self._edges[self._bins[0]], self._edges[self._bins[1]]
        last = self._bins[1] == self._counts.size
        return float(low), float(high if last else np.nextafter(high, low))

    def clear(self) -> None:
        """Choose nothing, without telling anyone."""
        self._bins = None
        self._describe()
        self.update()

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Begin a range."""
        if event is not None and event.button() == Qt.MouseButton.LeftButton and self._counts.size:
            self._began = self._bin_at(event.position().x())
            self.choose(self._began, self._began + 1, tell=False)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Follow with its other end."""
        if event is not None and event.buttons() & Qt.MouseButton.LeftButton and self._counts.size:
            at = self._bin_at(event.position().x())
            self.choose(min(at, self._began), max(at, self._began) + 1, tell=False)

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        """Tell of the range."""
        if event is not None and event.button() == Qt.MouseButton.LeftButton and self._bins is not None:
            self.ranged.emit(*(self.chosen() or (1.0, 0.0)))

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Move an end of the range, or clear it."""
        if event is None or not self._counts.size:
            return
        if event.key() == Qt.Key.Key_Escape:
            self.clear()
            self.ranged.emit(1.0, 0.0)
            return
        step = KEYS.get(event.key())
        if step is None:
            super().keyPressEvent(event)
            return
        first, stop = self._bins or (0, self._counts.size)
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            first = min(max(first + step, 0), stop - 1)
        else:
            stop = min(max(stop + step, first + 1), self._counts.size)
        self.choose(first, stop)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw bars, the range, and its numbers."""
        painter = QPainter(self)
        palette, room = self.palette(), self._room()
        text = palette.color(QPalette.ColorRole.WindowText)
        faint = palette.color(QPalette.ColorRole.WindowText)
        faint.setAlpha(FAINT)
        painter.setPen(faint)
        painter.drawLine(room.bottomLeft(), room.bottomRight())
        if self._counts.size:
            wide = room.width() / self._counts.size
            heights = np.sqrt(self._counts / self._counts.max()) * room.height()
            for at, height in enumerate(heights.tolist()):
                bar = QRectF(room.left() + at * wide, room.bottom() - height, max(wide - 1, 1), height)
                inside = self._bins is not None and self._bins[0] <= at < self._bins[1]
                painter.fillRect(bar, text if inside or self._bins is None else faint)
            if self._bins is not None:
                painter.setPen(text)
                for edge in self._bins:
                    at_px = min(room.left() + edge * wide, room.right() - 1)
                    painter.drawLine(int(at_px), int(room.top()), int(at_px), int(room.bottom()))
        painter.setPen(text)
        below = QRectF(EDGE_PX, room.bottom() + 1, self.width() - 2 * EDGE_PX, self.fontMetrics().height() + 2)
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, self.accessibleDescription())
        if self.hasFocus():
            painter.setPen(text)
            painter.drawRect(0, 0, self.width() - 1, self.height() - 1)
        painter.end()

    def choose(self, first: int, stop: int, *, tell: bool = True) -> None:
        """Choose the bars from ``first`` up to ``stop``."""
        self._bins = first, stop
        self._describe()
        self.update()
        found = self.chosen()
        if tell and found is not None:
            self.ranged.emit(*found)

    def _describe(self) -> None:
        """Say in words what is seen."""
        found = self.chosen()
        if not self._sorted.size:
            told = "Nothing to count."
        elif found is None:
            told = f"{_said(self._sorted[0])} to {_said(self._sorted[-1])}"
        else:
            low, high = np.searchsorted(self._sorted, found[0]), np.searchsorted(self._sorted, found[1], "right")
            held = self._sorted[low:high]
            span = f"{_said(held[0])} to {_said(held[-1])}" if held.size else "none"
            told = f"{span}: {high - low:,} of {self._sorted.size:,}"
        self.setAccessibleName(f"Histogram of {self._name}")
        self.setAccessibleDescription(told)

    def _room(self) -> QRectF:
        below = self.fontMetrics().height() + 4
        return QRectF(EDGE_PX, EDGE_PX, self.width() - 2 * EDGE_PX, self.height() - below - EDGE_PX)

    def _bin_at(self, x: float) -> int:
        room = self._room()
        share = (x - room.left()) / max(room.width(), 1)
        return int(np.clip(share * self._counts.size, 0, self._counts.size - 1))


def _edges(ordered: Floats, whole: bool) -> Floats:
    """Return the edges of bins for sorted numbers; of few whole numbers each has a bin of its own."""
    if not ordered.size:
        return np.zeros(0)
    low, high = float(ordered[0]), float(ordered[-1])
    if whole:
        step = max(int(np.ceil((high - low + 1) / MOST_BINS)), 1)
        return np.arange(low, high + step + 0.5, step)
    if high <= low:
        return np.array([low, low + max(abs(low), 1.0) * 1e-3])
    return np.linspace(low, high, min(MOST_BINS, max(8, int(np.sqrt(ordered.size)))) + 1)


def _said(number: Any) -> str:
    return f"{float(number):,.4g}" if abs(float(number)) < 1e4 else f"{float(number):,.0f}"
