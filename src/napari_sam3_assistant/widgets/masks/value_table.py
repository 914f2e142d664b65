"""The table of the values of a layer."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QWidget

from napari_sam3_assistant.widgets.masks.picking_table import PickingTable
from napari_sam3_assistant.widgets.rows import Column, RowsModel

Count = tuple[int, int]
COLUMNS: tuple[Column[Count], ...] = (
    Column("Value", lambda one: one[0], lambda one: str(one[0])),
    Column("Pixels/Voxels", lambda one: one[1], lambda one: str(one[1]), tip="How many have this value."),
)


class ValueTable(PickingTable[Count]):
    """A row for each value and how many pixels have it; several are selected at once."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(RowsModel[Count](), parent)
        self._model.show_rows((), COLUMNS)
        self.setSortingEnabled(True)
        self.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self._set_heights()

    def show_counts(self, counts: Sequence[Count], chosen: Sequence[int], hint: str) -> None:
        """Show these, with some selected, or where there are none a hint."""
        self.hint.setText("" if counts else hint)
        if counts is not self._model.shown:
            self.show_values(counts, COLUMNS)
            self.setColumnWidth(0, max(self.viewport().width() // 2, self._width_of(0)))
        self.select_keys(set(chosen))

    def key(self, value: Count) -> int:
        """Return the value: how many pixels have it may change."""
        return value[0]
