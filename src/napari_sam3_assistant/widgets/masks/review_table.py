"""The table of a review: layers, or thousands of objects."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QItemSelection, QItemSelectionModel, Qt, Signal
from qtpy.QtGui import QKeySequence, QResizeEvent, QShortcut
from qtpy.QtWidgets import QAbstractItemView, QWidget

from napari_sam3_assistant.app.masking.review_state import STATUS_WORDS, ReviewRow
from napari_sam3_assistant.widgets.rows import Column, RowsModel, RowsTable

TITLES_LEFT_OUT = ("Role", "Shape", "Dims")
"""Columns that a narrow table leaves to the tip of a row, the first one first."""
LEAST_LAYER_PX = 70


def _text(title: str, of: str) -> Column[ReviewRow]:
    return Column(title, lambda row: str(getattr(row, of)), lambda row: str(getattr(row, of)), right=False)


COLUMNS: tuple[Column[ReviewRow], ...] = (
    _text("Layer", "layer"),
    Column("Status", lambda row: row.mark.status, lambda row: STATUS_WORDS[row.mark.status], right=False),
    Column("Class", lambda row: row.mark.class_name, lambda row: row.mark.class_name, right=False),
    Column("Value", lambda row: row.value, lambda row: str(row.value), "Of a layer, that of its class."),
    Column("Pixels/Voxels", lambda row: row.pixels or 0, lambda row: "" if row.pixels is None else f"{row.pixels:,}"),
    Column("Dims", lambda row: row.dims, lambda row: f"{row.dims}D"),
    Column(
        "Shape",
        lambda row: row.shape,
        lambda row: " x ".join(map(str, row.shape)),
        "Of the layer; of an object, that of the box round it.",
    ),
    _text("Role", "role"),
)


STATUS_COLUMN = 1


class ReviewModel(RowsModel[ReviewRow]):
    """Rows of a review."""

    def tip(self, value: ReviewRow) -> str:
        """Return all that is known: a narrow table does not show it."""
        return ", ".join(f"{one.title} {one.text(value)}" for one in COLUMNS if one.text(value))

    def left_out(self) -> list[int]:
        """Return the columns that a narrow table does without, the first one first."""
        same = len({row.layer for row in self._rows}) == 1 < len(self._rows)
        titles = [one.title for one in COLUMNS]
        return [titles.index(title) for title in (*TITLES_LEFT_OUT, "Layer" if same else "Pixels/Voxels")]

    def show_review(self, rows: Sequence[ReviewRow]) -> bool:
        """Show rows; return whether they are others than before. Where only marks are others, each stays in place."""
        if [row.key for row in rows] != [row.key for row in self.shown]:
            self.show_rows(rows, COLUMNS)
            return True
        found = {row.key: row for row in rows}
        for at, before in enumerate(self._rows):
            row = found[before.key]
            if row is not before:
                self._rows[at] = row
                self.dataChanged.emit(self.index(at, 0), self.index(at, len(COLUMNS) - 1))
        self.shown = rows
        return False

    def places(self) -> dict[str, int]:
        """Return where each key stands."""
        return {row.key: at for at, row in enumerate(self._rows)}


class ReviewTable(RowsTable):
    """Double-click and Enter locate a row."""

    located = Signal(object)
    """A row shall be shown on the canvas."""
    chosen = Signal(tuple)
    """The user has selected the rows with these keys."""

    def __init__(self, parent: QWidget | None = None) -> None:
        self._review = ReviewModel()
        super().__init__(self._review, parent)
        self._review.show_rows((), COLUMNS)
        self._drawing = False
        self.setSortingEnabled(True)
        self.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.doubleClicked.connect(lambda index: self.located.emit(self._review.value(index)))
        self.selectionModel().selectionChanged.connect(lambda *_: self._selected())
        for key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            QShortcut(QKeySequence(key), self, context=Qt.ShortcutContext.WidgetShortcut).activated.connect(
                self._locate_current
            )

    def show_review(self, rows: Sequence[ReviewRow], selected: Sequence[str], hint: str) -> None:
        """Show rows, with those of some keys selected, or where there are none a hint."""
        self.hint.setText("" if rows else hint)
        self._drawing = True
        if rows is not self._review.shown and self._review.show_review(rows):
            self._set_sizes()
        if set(self.selected()) != set(selected):
            self._select(selected)
        self._drawing = False

    def selected(self) -> tuple[str, ...]:
        """Return the keys of the selected rows."""
        return tuple(self._review.value(index).key for index in self.selectionModel().selectedRows())

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Show more columns where there is room for them."""
        super().resizeEvent(event)
        self._set_sizes()

    def _select(self, keys: Sequence[str]) -> None:
        places, chosen = self._review.places(), QItemSelection()
        at = sorted(places[key] for key in keys if key in places)
        last = len(COLUMNS) - 1
        for row in at:
            chosen.select(self._review.index(row, 0), self._review.index(row, last))
        self.selectionModel().select(chosen, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        if at:
            self.selectionModel().setCurrentIndex(
                self._review.index(at[0], 0), QItemSelectionModel.SelectionFlag.NoUpdate
            )
            self.scrollTo(self._review.index(at[0], STATUS_COLUMN))  # the first one may be hidden

    def _selected(self) -> None:
        if not self._drawing:
            self.chosen.emit(self.selected())

    def _set_sizes(self) -> None:
        """Make columns as wide as what they hold; the name of the layer gives way, and some columns go."""
        self._set_heights()
        widths = [self._width_of(column) for column in range(len(COLUMNS))]
        least = [min(widths[0], LEAST_LAYER_PX), *widths[1:]]
        room = self.viewport().width() - sum(least)
        hidden = set()
        for column in self._review.left_out():
            if room < 0:
                hidden.add(column)
                room += least[column]
        widths[0] = min(widths[0], LEAST_LAYER_PX + max(room, 0))
        for column, width in enumerate(widths):
            self.setColumnHidden(column, column in hidden)
            self.setColumnWidth(column, width)

    def _locate_current(self) -> None:
        if self.currentIndex().isValid():
            self.located.emit(self._review.value(self.currentIndex()))
