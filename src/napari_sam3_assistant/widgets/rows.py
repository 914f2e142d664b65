"""Rows of values in a table: sorted by value, none made before it is seen.

Sorting is one ``sorted`` over the values: a proxy model would ask Python twice for each pair
of rows that it compares, which takes seconds where there are thousands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QVBoxLayout, QWidget

from napari_sam3_assistant.widgets.controls import paragraph

R = TypeVar("R")
NOWHERE = QModelIndex()
MARGIN_PX = 8
WORD_MARGIN_PX = 12
MEASURED_ROWS = 64
"""Columns are as wide as what these many rows hold, and those on screen."""
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


@dataclass(frozen=True, slots=True)
class Column(Generic[R]):
    """One column.

    Attributes
    ----------
    title, tip : str
        Of the header.
    key : callable
        What a row is sorted by.
    text : callable
        What is seen of a row.
    right : bool
        Whether it stands on the right, as numbers do.
    """

    title: str
    key: Callable[[R], Any]
    text: Callable[[R], str]
    tip: str = ""
    right: bool = True


class RowsModel(QAbstractTableModel, Generic[R]):
    """Values as rows, in the order they are sorted in."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.shown: Sequence[R] = ()
        """The values, as they were given."""
        self.columns: Sequence[Column[R]] = ()
        self._rows: list[R] = []
        self._order = (-1, Qt.SortOrder.AscendingOrder)

    def show_rows(self, values: Sequence[R], columns: Sequence[Column[R]]) -> None:
        """Show these values."""
        self.beginResetModel()
        self.shown, self.columns = values, columns
        self._rows = self._sorted()
        self.endResetModel()

    def value(self, index: QModelIndex) -> R:
        """Return the value of a cell's row."""
        return self._rows[index.row()]

    def values(self) -> Sequence[R]:
        """Return the values, as they are sorted."""
        return self._rows

    def row_of(self, value: R) -> int | None:
        """Return where a value stands now, or None."""
        return next((at for at, one in enumerate(self._rows) if one is value), None)

    def tip(self, value: R) -> str | None:
        """Return the tip of a row."""
        return None

    def rowCount(self, parent: QModelIndex = NOWHERE) -> int:
        """Return the number of rows."""
        return len(self._rows)

    def columnCount(self, parent: QModelIndex = NOWHERE) -> int:
        """Return the number of columns."""
        return len(self.columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a column's name, and what it holds."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        column = self.columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.title
        return column.tip or column.title if role == Qt.ItemDataRole.ToolTipRole else None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a cell as text."""
        column = self.columns[index.column()]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return RIGHT if column.right else None
        if role == Qt.ItemDataRole.ToolTipRole:
            return self.tip(self.value(index))
        return column.text(self.value(index)) if role == Qt.ItemDataRole.DisplayRole else None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column, or not at all (-1); what is selected stays so."""
        self.layoutAboutToBeChanged.emit()
        self._order = column, order
        before, old = self._rows, self.persistentIndexList()
        self._rows = self._sorted()
        row = {id(one): at for at, one in enumerate(self._rows)} if old else {}
        self.changePersistentIndexList(old, [self.index(row[id(before[at.row()])], at.column()) for at in old])
        self.layoutChanged.emit()

    def _sorted(self) -> list[R]:
        column, order = self._order
        if not 0 <= column < len(self.columns):
            return list(self.shown)
        return sorted(self.shown, key=self.columns[column].key, reverse=order == Qt.SortOrder.DescendingOrder)


class RowsTable(QTableView):
    """A table of whole rows, sorted by a click on a header, with a hint where it is empty."""

    def __init__(self, model: RowsModel[Any], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self.setModel(model)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setHighlightSections(False)
        header.setStretchLastSection(True)
        header.setResizeContentsPrecision(MEASURED_ROWS)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignCenter | Qt.AlignmentFlag(Qt.TextFlag.TextWordWrap))
        self.hint = paragraph()
        self.hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.hint.setTextInteractionFlags(Qt.TextInteractionFlag.NoTextInteraction)
        QVBoxLayout(self.viewport()).addWidget(self.hint)

    def _set_heights(self) -> None:
        """Make rows no higher than text, and the header two lines high."""
        height = self.fontMetrics().height()
        self.verticalHeader().setDefaultSectionSize(height + MARGIN_PX)
        self.horizontalHeader().setFixedHeight(2 * height + MARGIN_PX)

    def _width_of(self, column: int) -> int:
        """Return the width of the longest word of a header, or of what the column holds."""
        words = self._model.columns[column].title.replace("/", "/ ").split()  # lines are broken there too
        words_px = max(map(self.fontMetrics().horizontalAdvance, words)) + WORD_MARGIN_PX
        return max(words_px, self.sizeHintForColumn(column) + MARGIN_PX)
