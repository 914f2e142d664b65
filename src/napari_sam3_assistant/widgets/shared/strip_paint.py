"""How a strip is painted: bars of areas in colours of scores, marks of other shapes, and the current frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QBrush, QColor, QPainter, QPalette, QPen, QPolygonF

from napari_sam3_assistant.layers.blocks import colormap
from napari_sam3_assistant.tasks.quality import Strip
from napari_sam3_assistant.widgets.shared.cells import Line, cells_of, marked, runs, shade, shades

MARK_PX = 4.0
"""Half as wide as a mark, and how high a doubtful one is."""
GAP_FROM_PX = 5
"""Cells so wide have a gap between them."""
FAINT, FAINTER = 110, 40


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What a strip shows.

    Attributes
    ----------
    strips : tuple of Strip
    frames : int
        Of the stack.
    frame : int or None
        On screen.
    unread : mapping of int to str
        Frames that could not be read, and why.
    selected : int or None
        The object that the next prompt is about.
    """

    strips: tuple[Strip, ...]
    frames: int
    frame: int | None
    unread: Mapping[int, str]
    selected: int | None

    def row_of(self, object_id: int | None) -> int | None:
        """Return the row of an object, or None."""
        return next((row for row, strip in enumerate(self.strips) if strip.object_id == object_id), None)

    @property
    def row(self) -> int | None:
        """The row of the selected object, or None."""
        return self.row_of(self.selected)


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """Colours and sizes, in pixels: height of a row, where rows are seen, how far they are scrolled; the focus."""

    palette: QPalette
    row: int
    rows: QRectF
    scrolled: int
    focus: bool

    @property
    def text(self) -> QColor:
        """The colour of letters and marks."""
        return self.palette.color(QPalette.ColorRole.WindowText)

    def faint(self, alpha: int = FAINT) -> QColor:
        """Return the colour of letters, less strong."""
        made = QColor(self.text)
        made.setAlpha(alpha)
        return made


def paint(painter: QPainter, scene: Scene, line: Line, look: Look) -> None:
    """Draw a scene."""
    painter.save()
    painter.setClipRect(look.rows)
    first = look.scrolled // look.row
    stop = min(int((look.scrolled + look.rows.height()) // look.row) + 1, len(scene.strips))
    for row in range(first, stop):
        top = row * look.row - look.scrolled
        _row(painter, scene, scene.strips[row], line, QRectF(0, top, look.rows.width(), look.row), look)
    if scene.frames:
        _unread(painter, scene, line, look)
        _current(painter, scene, line, look)
    painter.restore()
    _ruler(painter, scene, line, look)
    if look.focus:
        painter.setPen(look.text)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(QRectF(0.5, 0.5, look.rows.width() - 1, look.rows.height() - 1))


def _row(painter: QPainter, scene: Scene, strip: Strip, line: Line, room: QRectF, look: Look) -> None:
    """Draw an object: its name, its bars, and its marks."""
    selected = strip.object_id == scene.selected
    if selected:
        painter.fillRect(room, look.faint(FAINTER))
    _name(painter, strip, QRectF(0, room.top(), line.left, room.height()), look, bold=selected)
    floor, tall = room.bottom() - 2, room.height() - MARK_PX - 4
    painter.setPen(look.faint(FAINTER * 2))
    painter.drawLine(QPointF(line.left, floor + 1), QPointF(line.left + line.width, floor + 1))
    cells = cells_of(strip, line)
    gap = 1 if line.width / max(line.count, 1) >= GAP_FROM_PX else 0
    colours = _colours()
    for cell in np.flatnonzero(cells.area).tolist():
        left, right = line.edges(cell)
        high = max(float(cells.area[cell]) * tall, 2.0)
        bar = QRectF(left, floor - high, max(right - left - gap, 1), high)
        painter.fillRect(bar, colours[shade(float(cells.score[cell]))])
    for first, stop in runs(cells.doubtful):
        _doubt(painter, line.edges(first, stop), room.top() + 1, look)
    painter.setPen(QPen(look.text, 1.4))
    painter.setBrush(look.palette.color(QPalette.ColorRole.Window))
    for first, stop in runs(cells.said):
        left, right = line.edges(first, stop)
        painter.drawPolygon(_diamond((left + right) / 2, floor - MARK_PX))


def _name(painter: QPainter, strip: Strip, room: QRectF, look: Look, *, bold: bool) -> None:
    side = room.height() - 12
    painter.fillRect(QRectF(2, room.top() + 6, side, side), QColor(*_label(strip.object_id)))
    painter.setPen(look.faint())
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(QRectF(2, room.top() + 6, side, side))
    font = painter.font()
    font.setBold(bold)
    painter.setFont(font)
    painter.setPen(look.text)
    place = room.adjusted(side + 6, 0, -2, 0)
    text = painter.fontMetrics().elidedText(str(strip.object_id), Qt.TextElideMode.ElideRight, int(place.width()))
    painter.drawText(place, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
    font.setBold(False)
    painter.setFont(font)


def _doubt(painter: QPainter, edges: tuple[float, float], top: float, look: Look) -> None:
    """Draw a triangle that points at a frame; of several, a line over them, and the triangle in its middle."""
    left, right = edges
    middle = (left + right) / 2
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(look.text)
    if right - left > 2 * MARK_PX:
        painter.drawRect(QRectF(left, top, right - left - 1, 1.5))
    points = ((middle - MARK_PX, top), (middle + MARK_PX, top), (middle, top + MARK_PX + 2))
    painter.drawPolygon(QPolygonF([QPointF(*one) for one in points]))


def _diamond(x: float, y: float) -> QPolygonF:
    half = MARK_PX - 0.5
    return QPolygonF([QPointF(x, y - half), QPointF(x + half, y), QPointF(x, y + half), QPointF(x - half, y)])


def _unread(painter: QPainter, scene: Scene, line: Line, look: Look) -> None:
    for first, stop in runs(marked(scene.unread, line)):
        left, right = line.edges(first, stop)
        room = QRectF(left, look.rows.top(), max(right - left, 3), look.rows.height())
        painter.fillRect(room, QBrush(look.faint(200), Qt.BrushStyle.BDiagPattern))


def _current(painter: QPainter, scene: Scene, line: Line, look: Look) -> None:
    if scene.frame is None or not 0 <= scene.frame < scene.frames:
        return
    left, right = line.edges(line.cell_of(scene.frame))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(look.text)
    if right - left >= GAP_FROM_PX:
        painter.drawRect(QRectF(left - 0.5, -1, right - left, look.rows.height() + 2))
    else:
        middle = (left + right) / 2
        painter.drawLine(QPointF(middle, 0), QPointF(middle, look.rows.height()))


def _ruler(painter: QPainter, scene: Scene, line: Line, look: Look) -> None:
    """Write the first, the current and the last frame below the rows."""
    if not scene.frames:
        return
    metrics, top = painter.fontMetrics(), look.rows.bottom()
    last = scene.frames - 1
    written: list[tuple[float, float]] = []
    current = [] if scene.frame is None else [scene.frame]
    for frame in dict.fromkeys([*current, 0, last]):
        text, (left, right) = str(frame), line.edges(line.cell_of(min(frame, last)))
        wide = metrics.horizontalAdvance(text) + 4
        at = min(max((left + right - wide) / 2, line.left), line.left + line.width - wide)
        if any(at < stop and first < at + wide for first, stop in written):
            continue
        written.append((at, at + wide))
        painter.setPen(look.text if frame == scene.frame else look.faint(170))
        painter.drawText(QRectF(at, top, wide, metrics.height() + 2), Qt.AlignmentFlag.AlignCenter, text)


@lru_cache(maxsize=1)
def _colours() -> tuple[QColor, ...]:
    return tuple(shades())


@lru_cache(maxsize=256)
def _label(object_id: int) -> tuple[int, int, int]:
    """Return the colour that an object has in the layers, as red, green and blue of 255."""
    red, green, blue = (round(255 * float(part)) for part in colormap().map(object_id)[:3])
    return red, green, blue
