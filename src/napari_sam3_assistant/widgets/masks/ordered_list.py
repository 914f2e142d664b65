"""A list whose order a user makes: rows are dragged, or moved by keys, and say with a number where they stand."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor, QDragLeaveEvent, QDropEvent, QIcon, QKeyEvent, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem, QSizePolicy, QVBoxLayout

from napari_sam3_assistant.widgets.controls import paragraph

KEY = Qt.ItemDataRole.UserRole
SWATCH_PX = 12
STEPS = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}
Color = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Entry:
    """A row: what it is known by, what is read, and a colour, red, green and blue, where it has one."""

    key: str
    text: str
    color: Color | None = None


class OrderedList(QListWidget):
    """Rows in an order. A drag, or Alt with an arrow, moves one row: others that are selected stay where they are.

    Parameters
    ----------
    name, tip : str
        For those who hear, and for those who point.
    lines : int
        How many rows are seen at least.
    every : bool
        Whether all rows have a number; else those that are selected, several at once.
    """

    ordered = Signal(object)
    """The rows stand in another order: their keys."""
    chosen = Signal(object)
    """Other rows are selected: their keys, from above."""

    def __init__(self, name: str, tip: str, lines: int, *, every: bool = False) -> None:
        super().__init__()
        self._every, self._drawing = every, False
        self._shown: tuple[Sequence[Entry], tuple[str, ...]] | None = None
        self.setAccessibleName(name)
        self.setToolTip(tip)
        mode = QAbstractItemView.SelectionMode
        self.setSelectionMode(mode.SingleSelection if every else mode.ExtendedSelection)
        self.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.setDefaultDropAction(Qt.DropAction.MoveAction)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(lines * (self.fontMetrics().height() + 6) + 2 * self.frameWidth())
        self.itemSelectionChanged.connect(self._selected)
        self.hint = paragraph()
        self.hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.hint.setTextInteractionFlags(Qt.TextInteractionFlag.NoTextInteraction)
        QVBoxLayout(self.viewport()).addWidget(self.hint)

    def show_entries(self, entries: Sequence[Entry], chosen: Collection[str], hint: str = "") -> None:
        """Show rows, with these selected; a hint where there are none."""
        self.hint.setText("" if entries else hint)
        now = tuple(entries), tuple(one.key for one in entries if one.key in chosen)
        if now == self._shown and self.keys() == [one.key for one in entries]:
            return
        self._shown = now
        self._drawing = True
        if [self._plain(row) for row in range(self.count())] != list(entries):
            self._fill(entries)
        self._number(now[1])
        self._drawing = False

    def keys(self) -> list[str]:
        """Return the keys of all rows, from above."""
        return [str(self.item(row).data(KEY)) for row in range(self.count())]

    def selected(self) -> list[str]:
        """Return the keys of the selected rows, from above."""
        return [str(self.item(row).data(KEY)) for row in range(self.count()) if self.item(row).isSelected()]

    def move(self, to: int) -> None:
        """Ask for the current row to stand at another place; the others close up."""
        keys, row = self.keys(), self.currentRow()
        if row >= 0 and 0 <= to < len(keys) and to != row:
            keys.insert(to, keys.pop(row))
            self.ordered.emit(tuple(keys))

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Move rows by Alt and an arrow."""
        step = None if event is None else STEPS.get(event.key())
        if event is None or step is None or event.modifiers() != Qt.KeyboardModifier.AltModifier:
            super().keyPressEvent(event)
            return
        self.move(self.currentRow() + step)

    def dropEvent(self, event: QDropEvent | None) -> None:
        """Ask for the row that was dragged to stand where it was dropped; Qt itself moves none."""
        if event is None:
            return
        place = event.position().toPoint()
        index = self.indexAt(place)
        to = self.count()
        if index.isValid():
            to = index.row() + (place.y() > self.visualRect(index).center().y())
        self.dragLeaveEvent(QDragLeaveEvent())
        event.setDropAction(Qt.DropAction.IgnoreAction)
        event.accept()
        self.move(to - (to > self.currentRow()))

    def _fill(self, entries: Sequence[Entry]) -> None:
        current = self.currentItem()
        key = None if current is None else current.data(KEY)
        self.clear()
        for one in entries:
            item = QListWidgetItem(one.text)
            item.setData(KEY, one.key)
            item.setData(KEY + 1, one)
            if one.color is not None:
                item.setIcon(swatch(one.color))
            self.addItem(item)
            if one.key == key:
                self.setCurrentItem(item)

    def _number(self, chosen: Sequence[str]) -> None:
        """Select rows and write the numbers; the text of a row is read in whole in its tip."""
        number = 0
        for row in range(self.count()):
            item = self.item(row)
            entry: Entry = item.data(KEY + 1)
            marked = self._every or entry.key in chosen
            number += marked
            item.setText(f"{number}.  {entry.text}" if marked else entry.text)
            item.setToolTip(f"{entry.text}\n{self.toolTip()}")
            item.setSelected(entry.key in chosen)

    def _plain(self, row: int) -> Entry:
        entry: Entry = self.item(row).data(KEY + 1)
        return entry

    def _selected(self) -> None:
        if not self._drawing:
            self.chosen.emit(tuple(self.selected()))


def swatch(color: Color) -> QIcon:
    """Return a square of a colour."""
    made = QPixmap(SWATCH_PX, SWATCH_PX)
    made.fill(QColor.fromRgbF(*color))
    return QIcon(made)
