"""The table of components: any number of rows, sorted by number, none made before it is seen."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QKeySequence, QResizeEvent, QShortcut
from qtpy.QtWidgets import QAbstractItemView, QWidget

from napari_sam3_assistant.masks.components import Component
from napari_sam3_assistant.widgets.rows import Column, RowsModel, RowsTable

NARROWEST_BOX_PX = 80


def columns(axes: int) -> list[Column[Component]]:
    """Return the columns for components with so many axes."""
    places = "TZYX"[-axes:] if axes <= 4 else map(str, range(axes))
    return [
        Column("Component ID", lambda one: one.id, lambda one: str(one.id)),
        Column("Label", lambda one: one.label, lambda one: str(one.label)),
        Column("Area", lambda one: one.area, lambda one: str(one.area)),
        *(_centroid(name, axis) for axis, name in enumerate(places)),
        Column(
            "BBox",
            lambda one: one.box,
            box_text,
            tip="First index and the one after the last, on each axis.",
            right=False,
        ),
    ]


def box_text(one: Component) -> str:
    """Return a component's box, as slices."""
    return ", ".join(f"{low}:{high}" for low, high in one.box)


def _centroid(name: str, axis: int) -> Column[Component]:
    return Column(f"Centroid {name}", lambda one: one.centroid[axis], lambda one: f"{one.centroid[axis]:.1f}")


class ComponentModel(RowsModel[Component]):
    """Components as rows."""

    def tip(self, value: Component) -> str:
        """Return the box: the column of it is hidden in a narrow dock."""
        return f"BBox {box_text(value)}"


class ComponentTable(RowsTable):
    """Sorted by any column, several rows selected at once.

    Double-click and Enter locate a component, Delete asks for the selected ones to be deleted.
    """

    located = Signal(object)
    """A component shall be shown."""
    unwanted = Signal()
    """The selected components shall be deleted."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(ComponentModel(), parent)
        self._model.show_rows((), columns(2))
        self.setSortingEnabled(True)
        self.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.doubleClicked.connect(lambda index: self.located.emit(self._model.value(index)))
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
            self._model.show_rows(components, columns(axes))
            self._set_sizes()

    def selected(self) -> tuple[Component, ...]:
        """Return the components of the selected rows."""
        return tuple(self._model.value(index) for index in self.selectionModel().selectedRows())

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Give the last column what the others leave."""
        super().resizeEvent(event)
        self._set_sizes()

    def _set_sizes(self) -> None:
        """Make columns as wide as a word of their header, or as what they hold; rows no higher than text."""
        self._set_heights()
        last, left = self._model.columnCount() - 1, self.viewport().width()
        for column in range(last):
            width = self._width_of(column)
            self.setColumnHidden(column, False)  # it may have been the last of fewer axes
            self.setColumnWidth(column, width)
            left -= width
        # In a narrow dock the tip of each row tells the box, in place of a column one would have to scroll to.
        self.setColumnHidden(last, left < NARROWEST_BOX_PX)

    def _locate_current(self) -> None:
        if self.currentIndex().isValid():
            self.located.emit(self._model.value(self.currentIndex()))
