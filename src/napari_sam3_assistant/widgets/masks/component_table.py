"""The table of components: any number of rows, sorted by number, none made before it is seen."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QSortFilterProxyModel, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from napari_sam3_assistant.masks.components import Component

NOWHERE = QModelIndex()


class ComponentModel(QAbstractTableModel):
    """Components as rows."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.components: tuple[Component, ...] = ()
        self._headers: list[str] = []
        self.show_components((), 2)

    def show_components(self, components: tuple[Component, ...], axes: int) -> None:
        """Show these components of an array with ``axes`` axes."""
        self.beginResetModel()
        self.components = components
        places = (
            [f"Centroid {name}" for name in "TZYX"[-axes:]] if axes <= 4 else [f"Centroid {k}" for k in range(axes)]
        )
        self._headers = ["Component ID", "Label", "Area", *places, "BBox"]
        self.endResetModel()

    def rowCount(self, parent: QModelIndex = NOWHERE) -> int:
        """Return the number of components."""
        return len(self.components)

    def columnCount(self, parent: QModelIndex = NOWHERE) -> int:
        """Return the number of columns."""
        return len(self._headers)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a column's name."""
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return self._headers[section]
        return None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a cell: as text, or (``UserRole``) as what it is sorted by."""
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.UserRole):
            return None
        one = self.components[index.row()]
        values = (one.id, one.label, one.area, *one.centroid)
        if index.column() == len(values):
            text = ", ".join(f"{low}:{high}" for low, high in one.box)
            return text if role == Qt.ItemDataRole.DisplayRole else one.box[0][0]
        value = values[index.column()]
        if role == Qt.ItemDataRole.UserRole:
            return value
        return f"{value:.1f}" if isinstance(value, float) else str(value)


class ComponentTable(QTableView):
    """Sorted by any column, several rows selected at once."""

    located = Signal(object)
    """A component was double-clicked."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = ComponentModel(self)
        self._sorted = QSortFilterProxyModel(self)
        self._sorted.setSourceModel(self._model)
        self._sorted.setSortRole(Qt.ItemDataRole.UserRole)
        self.setModel(self._sorted)
        self.setSortingEnabled(True)
        self.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.verticalHeader().hide()
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.horizontalHeader().setResizeContentsPrecision(50)
        self.doubleClicked.connect(lambda index: self.located.emit(self._component(index)))

    def show_components(self, components: tuple[Component, ...], axes: int) -> None:
        """Show these; nothing happens where they are shown already, so that a selection stays."""
        if components is not self._model.components:
            self._model.show_components(components, axes)

    def selected(self) -> tuple[Component, ...]:
        """Return the components of the selected rows."""
        return tuple(self._component(index) for index in self.selectionModel().selectedRows())

    def _component(self, index: QModelIndex) -> Component:
        return self._model.components[self._sorted.mapToSource(index).row()]
