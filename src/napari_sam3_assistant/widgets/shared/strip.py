"""Quality at a glance: each object along the frames of the stack. A click goes to a frame."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QEvent, QPoint, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QContextMenuEvent, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from qtpy.QtWidgets import QAbstractScrollArea, QFrame, QSizePolicy, QToolTip

from napari_sam3_assistant.widgets.shared.cells import Line
from napari_sam3_assistant.widgets.shared.strip_paint import Look, Scene, paint

MOST_ROWS = 5
"""Of more objects one scrolls to the others."""
PAD_PX, SIDE_PX = 6, 3
NAME_LETTERS = 5
STEPS: dict[int, int] = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_PageUp: -10, Qt.Key.Key_PageDown: 10}
LEGEND = (
    "A row an object, a column a frame. Height: area. Blue: high score, orange: low.\n"
    "\N{BLACK DOWN-POINTING TRIANGLE} doubtful. \N{WHITE DIAMOND} prompted, corrected or confirmed. "
    "Hatched: not read.\n"
    "Click: go there. Arrow keys: frames and objects. Right-click: more."
)


class StripView(QAbstractScrollArea):
    """Rows of objects over the columns of frames, painted."""

    asked = Signal(int, int)
    """The user wants to see a frame, and an object on it (0: none)."""
    menu = Signal(int, int, QPoint)
    """The user wants a menu for a frame and an object; where, on the screen."""

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Strip of objects")
        self.viewport().setMouseTracking(False)
        self.verticalScrollBar().valueChanged.connect(lambda _value: self.viewport().update())
        self._scene = Scene((), 0, None, {}, None)
        self._told: Callable[[int, int], str] = lambda frame, object_id: ""

    def show_scene(self, scene: Scene, told: Callable[[int, int], str]) -> None:
        """Show objects; ``told(frame, object_id)`` returns what is known of one on a frame."""
        before, self._scene, self._told = self._scene, scene, told
        if len(before.strips) != len(scene.strips):
            self._set_range()
            self.updateGeometry()
        if scene.row is not None and scene.row != before.row:
            self._into_view(scene.row)
        self._describe()
        self.viewport().update()

    @property
    def scene(self) -> Scene:
        """What is shown."""
        return self._scene

    # -- sizes ------------------------------------------------------------------------------------

    @property
    def row_px(self) -> int:
        """Height of a row."""
        return self.fontMetrics().height() + PAD_PX

    @property
    def line(self) -> Line:
        """Where the frames lie."""
        name = self.fontMetrics().averageCharWidth() * NAME_LETTERS + self.fontMetrics().height()
        return Line(self._scene.frames, name, max(self.viewport().width() - name - SIDE_PX, 1))

    def sizeHint(self) -> QSize:
        """Return the height of the rows, of a few at most, and of the line below them."""
        rows = min(max(len(self._scene.strips), 1), MOST_ROWS)
        return QSize(200, rows * self.row_px + self._below_px() + 2 * self.frameWidth())

    def minimumSizeHint(self) -> QSize:
        """Return the same height, and little width."""
        return QSize(120, self.sizeHint().height())

    def _below_px(self) -> int:
        return self.fontMetrics().height() + 2

    def _set_range(self) -> None:
        bar, rows = self.verticalScrollBar(), max(self.viewport().height() - self._below_px(), 1)
        bar.setRange(0, max(len(self._scene.strips) * self.row_px - rows, 0))
        bar.setPageStep(rows)
        bar.setSingleStep(self.row_px)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Scroll as far as there are rows."""
        super().resizeEvent(event)
        self._set_range()

    def _into_view(self, row: int) -> None:
        bar, top = self.verticalScrollBar(), row * self.row_px
        if top < bar.value():
            bar.setValue(top)
        elif top + self.row_px > bar.value() + bar.pageStep():
            bar.setValue(top + self.row_px - bar.pageStep())

    # -- what is where ------------------------------------------------------------------------------

    def place_at(self, at: QPoint) -> tuple[int | None, int]:
        """Return the frame and the object at a place of the viewport; None and 0 where there is none."""
        row = (at.y() + self.verticalScrollBar().value()) // self.row_px
        inside = 0 <= row < len(self._scene.strips) and at.y() < self.viewport().height() - self._below_px()
        return self.line.frame_at(at.x()), self._scene.strips[row].object_id if inside else 0

    def place_of(self, frame: int, object_id: int) -> QPoint:
        """Return where a frame of an object is seen in the viewport."""
        row = self._scene.row_of(object_id) or 0
        first, last = self.line.edges(self.line.cell_of(frame))
        middle = row * self.row_px + self.row_px // 2 - self.verticalScrollBar().value()
        return QPoint(int((first + last) / 2), middle)

    # -- hands ------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Go to the frame that is clicked."""
        if event is not None and event.button() == Qt.MouseButton.LeftButton:
            self._ask(event.position().toPoint())

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Follow the mouse while its button is held."""
        if event is not None and event.buttons() & Qt.MouseButton.LeftButton:
            frame, _ = self.place_at(event.position().toPoint())
            if frame is not None and frame != self._scene.frame:
                self.asked.emit(frame, self._scene.selected or 0)

    def _ask(self, at: QPoint) -> None:
        frame, object_id = self.place_at(at)
        if frame is None and object_id and self._scene.frame is not None:
            frame = self._scene.frame  # its name was clicked
        if frame is not None:
            self.asked.emit(frame, object_id)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Go to another frame, or to another object."""
        scene = self._scene
        if event is None or not scene.frames or not scene.strips:
            return
        key, frame = event.key(), scene.frame if scene.frame is not None else 0
        if key in STEPS:
            frame = min(max(frame + STEPS[key], 0), scene.frames - 1)
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            frame = 0 if key == Qt.Key.Key_Home else scene.frames - 1
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            step = -1 if key == Qt.Key.Key_Up else 1
            row = min(max((scene.row if scene.row is not None else -step) + step, 0), len(scene.strips) - 1)
            self.asked.emit(frame, scene.strips[row].object_id)
            return
        else:
            super().keyPressEvent(event)
            return
        self.asked.emit(frame, scene.selected or 0)

    def contextMenuEvent(self, event: QContextMenuEvent | None) -> None:
        """Ask for a menu where the mouse is; for the selected object where a key was pressed."""
        if event is None or not self._scene.strips:
            return
        scene = self._scene
        if event.reason() == QContextMenuEvent.Reason.Mouse:
            frame, object_id = self.place_at(self.viewport().mapFromGlobal(event.globalPos()))
            at = event.globalPos()
        else:
            frame, object_id = scene.frame, scene.selected or scene.strips[0].object_id
            at = self.viewport().mapToGlobal(self.place_of(frame or 0, object_id))
        if object_id:
            self.menu.emit(frame if frame is not None else scene.frame or 0, object_id, at)

    def viewportEvent(self, event: QEvent | None) -> bool:
        """Say what is known of the object and frame under the mouse."""
        if isinstance(event, QHelpEvent):
            frame, object_id = self.place_at(event.pos())
            told = self._told(frame, object_id) if frame is not None and object_id else LEGEND
            QToolTip.showText(event.globalPos(), told, self)
            return True
        return super().viewportEvent(event)

    # -- looks ------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the rows that are seen, the current frame, and the numbers below."""
        painter = QPainter(self.viewport())
        size = self.viewport().size()
        rows = QRectF(0, 0, size.width(), size.height() - self._below_px())
        look = Look(self.palette(), self.row_px, rows, self.verticalScrollBar().value(), self.hasFocus())
        paint(painter, self._scene, self.line, look)
        painter.end()

    def changeEvent(self, event: QEvent | None) -> None:
        """Take a row's height from the letters."""
        super().changeEvent(event)
        if event is not None and event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self.updateGeometry()

    def _describe(self) -> None:
        """Say in words what is seen of the current frame."""
        scene = self._scene
        if scene.frame is None or not scene.strips:
            self.setAccessibleDescription(LEGEND)
        else:
            self.setAccessibleDescription(self._told(scene.frame, scene.selected or scene.strips[0].object_id))
