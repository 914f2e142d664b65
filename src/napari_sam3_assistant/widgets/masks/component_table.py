"""The table of components: any number of rows, sorted by number, none made before it is seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt, Signal
from qtpy.QtGui import QKeySequence, QResizeEvent, QShortcut
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QVBoxLayout, QWidget

from napari_sam3_assistant.masks.components import Component
from napari_sam3_assistant.widgets.controls import paragraph

NOWHERE = QModelIndex()
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
MARGIN_PX = 8
WORD_MARGIN_PX = 12
NARROWEST_BOX_PX = 80


class ComponentModel(QAbstractTableModel):
    """Components as rows, in the order they are sorted in."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.shown: tuple[Component, ...] = ()
        self._rows: list[Component] = []
        self._headers: list[str] = []
        self._keys: list[Callable[[Component], Any]] = []
        self._order = (0, Qt.SortOrder.AscendingOrder)
        self.show_components((), 2)

    def show_components(self, components: tuple[Component, ...], axes: int) -> None:
        """Show these components of an array with ``axes`` axes."""
        self.beginResetModel()
        self.shown = components
        places = "TZYX"[-axes:] if axes <= 4 else map(str, range(axes))
        self._headers = ["Component ID", "Label", "Area", *(f"Centroid {name}" for name in places), "BBox"]
        centroid = [lambda one, axis=axis: one.centroid[axis] for axis in range(axes)]
        self._keys = [lambda one: one.id, lambda one: one.label, lambda one: one.area, *centroid, lambda one: one.box]
        self._rows = self._sorted(components)
        self.endResetModel()

    def component(self, index: QModelIndex) -> Component:
        """Return the component of a cell's row."""
        return self._rows[index.row()]

    def rowCount(self, parent: QModelIndex = NOWHERE) -> int:
        """Return the number of components."""
        return len(self._rows)

    def columnCount(self, parent: QModelIndex = NOWHERE) -> int:
        """Return the number of columns."""
        return len(self._headers)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a column's name, and what it holds."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._headers[section]
        if role == Qt.ItemDataRole.ToolTipRole:
            last = section == len(self._headers) - 1
            return "First index and the one after the last, on each axis." if last else self._headers[section]
        return None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a cell as text."""
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return RIGHT if index.column() < len(self._headers) - 1 else None
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return None
        one = self.component(index)
        box = ", ".join(f"{low}:{high}" for low, high in one.box)
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"BBox {box}"
        if index.column() == len(self._headers) - 1:
            return box
        value = self._keys[index.column()](one)
        return f"{value:.1f}" if isinstance(value, float) else str(value)

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; what is selected stays so."""
        self.layoutAboutToBeChanged.emit()
        self._order = column, order
        before, old = self._rows, self.persistentIndexList()
        self._rows = self._sorted(self.shown)
        row = {one.id: at for at, one in enumerate(self._rows)} if old else {}
        self.changePersistentIndexList(old, [self.index(row[before[at.row()].id], at.column()) for at in old])
        self.layoutChanged.emit()

    def _sorted(self, components: tuple[Component, ...]) -> list[Component]:
        column, order = self._order
        key = self._keys[column if 0 <= column < len(self._keys) else 0]
        return sorted(components, key=key, reverse=order == Qt.SortOrder.DescendingOrder)


class ComponentTable(QTableView):
    """Sorted by any column, several rows selected at once.

    Double-click and Enter locate a component, Delete asks for the selected ones to be deleted.
    """

    located = Signal(object)
    """A component shall be shown."""
    unwanted = Signal()
    """The selected components shall be deleted."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = ComponentModel(self)
        self.setModel(self._model)
        self.setSortingEnabled(True)
        self.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignCenter | Qt.AlignmentFlag(Qt.TextFlag.TextWordWrap))
        header.setHighlightSections(False)
        header.setStretchLastSection(True)
        self.hint = paragraph()
        self.hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.hint.setTextInteractionFlags(Qt.TextInteractionFlag.NoTextInteraction)
        QVBoxLayout(self.viewport()).addWidget(self.hint)
        self.doubleClicked.connect(lambda index: self.located.emit(self._model.component(index)))
        for keys, slot in (
            (QKeySequence(Qt.Key.Key_Delete), self.unwanted.emit),
            (QKeySequence(Qt.Key.Key_Return), self._locate_current),
            (QKeySequence(Qt.Key.Key_Enter), self._locate_current),
        ):
            QShortcut(keys, self, context=Qt.ShortcutContext.WidgetShortcut).activated.connect(slot)

    def show_components(self, components: tuple[Component, ...], axes: int, hint: str) -> None:
        """Show these, or where there are none a hint; nothing happens where they are shown already."""
        self.hint.setText("" if components else hint)
        if components is not self._model.shown:
            self._model.show_components(components, axes)
            self._set_sizes()

    def selected(self) -> tuple[Component, ...]:
        """Return the components of the selected rows."""
        return tuple(self._model.component(index) for index in self.selectionModel().selectedRows())

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Give the last column what the others leave."""
        super().resizeEvent(event)
        self._set_sizes()

    def _set_sizes(self) -> None:
        """Make columns as wide as a word of their header, or as what they hold; rows no higher than text."""
        metrics, header = self.fontMetrics(), self.horizontalHeader()
        self.verticalHeader().setDefaultSectionSize(metrics.height() + MARGIN_PX)
        header.setFixedHeight(2 * metrics.height() + MARGIN_PX)
        last, left = self._model.columnCount() - 1, self.viewport().width()
        for column in range(last):
            words = self._model.headerData(column, Qt.Orientation.Horizontal).split()
            words_px = max(metrics.horizontalAdvance(word) for word in words) + WORD_MARGIN_PX
            width = max(words_px, self.sizeHintForColumn(column) + MARGIN_PX)
            self.setColumnHidden(column, False)  # it may have been the last of fewer axes
            self.setColumnWidth(column, width)
            left -= width
        # In a narrow dock the tip of each row tells the box, in place of a column one would have to scroll to.
        self.setColumnHidden(last, left < NARROWEST_BOX_PX)

    def _locate_current(self) -> None:
        if self.currentIndex().isValid():
            self.located.emit(self._model.component(self.currentIndex()))
