"""The table of components: any number of rows, sorted by number, none made before it is seen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QWidget

from napari_sam3_assistant.masks.components import Component
from napari_sam3_assistant.masks.quantities import Quantity
from napari_sam3_assistant.widgets.masks.picking_table import PickingTable
from napari_sam3_assistant.widgets.rows import Column, RowsModel

NARROWEST_BOX_PX = 80
LEAST = float("-inf")


def columns(shown: Sequence[Quantity]) -> list[Column[Component]]:
    """Return the columns of some quantities, and of the box."""
    return [
        *(_column(one) for one in shown),
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


def _column(shown: Quantity) -> Column[Component]:
    def key(one: Component) -> float:
        value = shown.value(one)
        return LEAST if value is None else value

    return Column(shown.title, key, shown.text, shown.tip)


class ComponentModel(RowsModel[Component]):
    """Components as rows."""

    def tip(self, value: Component) -> str:
        """Return the box: the column of it is hidden in a narrow dock."""
        return f"BBox {box_text(value)}"


class ComponentTable(PickingTable[Component]):
    """Sorted by any column, several rows selected at once; what is selected stays so when the rows change.

    Double-click and Enter locate a component, Delete asks for the selected ones to be deleted.
    """

    located = Signal(object)
    """A component shall be shown."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(ComponentModel(), parent)
        self._quantities: Sequence[Quantity] = ()
        self.setSortingEnabled(True)
        self.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self.entered_row.connect(self.located)

    def show_components(self, components: Sequence[Component], shown: Sequence[Quantity], hint: str) -> None:
        """Show these, or where there are none a hint; nothing happens where they are shown already."""
        self.hint.setText("" if components else hint)
        if components is self._model.shown and shown is self._quantities:
            return
        fewer = [one.title for one in shown] != [one.title for one in self._quantities]
        self._quantities = shown
        self.show_values(components, columns(shown))
        if fewer or self._grew(components):
            self._set_sizes()

    def select(self, components: Iterable[Component]) -> None:
        """Select the rows of these components, and no others, without telling anyone."""
        self.select_keys({one.id for one in components})

    def key(self, value: Component) -> int:
        """Return the id of a component: a changed one keeps it."""
        return value.id

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Give the last column what the others leave."""
        super().resizeEvent(event)
        self._set_sizes()

    def _grew(self, components: Sequence[Component]) -> bool:
        """Return whether there are rows for the first time: before, columns were as wide as their headers."""
        grew, self._filled = bool(components) != self._filled, bool(components)
        return grew

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

    _filled = False
