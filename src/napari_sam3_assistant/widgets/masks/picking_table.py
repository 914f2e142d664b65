"""A table of which one picks any number of rows: they stay picked when it changes."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, Generic, TypeVar

from qtpy.QtCore import QItemSelection, QItemSelectionModel, Qt, Signal
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QAbstractItemView, QWidget

from napari_sam3_assistant.widgets.rows import Column, RowsModel, RowsTable

R = TypeVar("R")
FLAGS = QItemSelectionModel.SelectionFlag


class PickingTable(RowsTable, Generic[R]):
    """Rows of which several are selected at once.

    Parameters
    ----------
    model : RowsModel
    """

    picked = Signal(object)
    """The user has selected these values, a tuple."""
    unwanted = Signal()
    """The selected rows shall go."""
    entered_row = Signal(object)
    """A row was double-clicked, or Enter pressed on it: its value."""

    def __init__(self, model: RowsModel[R], parent: QWidget | None = None) -> None:
        super().__init__(model, parent)
        self._own = False
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.doubleClicked.connect(lambda index: self.entered_row.emit(self._model.value(index)))
        self.selectionModel().selectionChanged.connect(lambda *_: self._tell())
        for keys, slot in (
            (QKeySequence(Qt.Key.Key_Delete), self.unwanted.emit),
            (QKeySequence(Qt.Key.Key_Return), self._enter),
            (QKeySequence(Qt.Key.Key_Enter), self._enter),
        ):
            QShortcut(keys, self, context=Qt.ShortcutContext.WidgetShortcut).activated.connect(slot)

    def key(self, value: R) -> Hashable:
        """Return what a value is known by when the rows change."""
        return hash(value)

    def show_values(self, values: Sequence[R], columns: Sequence[Column[R]]) -> None:
        """Show other rows; those that were selected and are still there stay so, and what is in view stays there."""
        chosen = {self.key(one) for one in self.selected()}
        current = self._model.value(self.currentIndex()) if self.currentIndex().isValid() else None
        at = self.verticalScrollBar().value()
        self._own = True
        self._model.show_rows(values, columns)
        if current is not None:
            self._make_current(self.key(current))
        self._own = False
        self.select_keys(chosen)
        self.verticalScrollBar().setValue(at)

    def selected(self) -> tuple[R, ...]:
        """Return the values of the selected rows."""
        chosen: list[R] = []
        for part in self.selectionModel().selection():
            chosen += self._model.values()[part.top() : part.bottom() + 1]
        return tuple(chosen)

    def select_keys(self, keys: set[Any]) -> None:
        """Select the rows whose values are known by these, and no others, without telling anyone."""
        rows = [row for row, value in enumerate(self._model.values()) if self.key(value) in keys] if keys else []
        if {row for part in self.selectionModel().selection() for row in range(part.top(), part.bottom() + 1)} == set(
            rows
        ):
            return
        chosen, last = QItemSelection(), self._model.columnCount() - 1
        for first, stop in _stretches(rows):
            chosen.select(self._model.index(first, 0), self._model.index(stop - 1, last))
        self._own = True
        self.selectionModel().select(chosen, FLAGS.ClearAndSelect | FLAGS.Rows)
        self._own = False
        if len(rows) == 1:
            self._make_current(self.key(self._model.value(self._model.index(rows[0], 0))))
            self.scrollTo(self._model.index(rows[0], 0))

    def _make_current(self, key: Hashable) -> None:
        """Put the cursor on a row, without selecting it."""
        row = next((row for row, value in enumerate(self._model.values()) if self.key(value) == key), None)
        if row is not None:
            self.selectionModel().setCurrentIndex(self._model.index(row, 0), FLAGS.NoUpdate)

    def _tell(self) -> None:
        if not self._own:
            self.picked.emit(self.selected())

    def _enter(self) -> None:
        if self.currentIndex().isValid():
            self.entered_row.emit(self._model.value(self.currentIndex()))


def _stretches(rows: Iterable[int]) -> list[tuple[int, int]]:
    """Return rising numbers as stretches: first, and the one after the last."""
    found: list[tuple[int, int]] = []
    for row in rows:
        if found and found[-1][1] == row:
            found[-1] = found[-1][0], row + 1
        else:
            found.append((row, row + 1))
    return found
