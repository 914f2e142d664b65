"""The table of objects, linked with the canvas, and its way out of napari."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QKeyEvent, QResizeEvent
from qtpy.QtWidgets import QAbstractItemView, QApplication, QCheckBox, QFileDialog, QVBoxLayout, QWidget

from napari_sam3_assistant.app.controller import AppController
from napari_sam3_assistant.app.views import TableView
from napari_sam3_assistant.core.results import ObjectRow
from napari_sam3_assistant.export.tables import ACCEPTED, HEADERS, MARK, shown
from napari_sam3_assistant.widgets.bind import Bindings
from napari_sam3_assistant.widgets.controls import button, draw, row
from napari_sam3_assistant.widgets.rows import Column, RowsModel, RowsTable

LINES = 6
SORTS = "123456"
"""The key of each column."""
NARROWEST_NAME_PX = 40
KEYS = (
    lambda one: one.layer.casefold(),
    lambda one: one.prompt.casefold(),
    lambda one: one.frame,
    lambda one: (one.accepted, one.object_id),
    lambda one: one.score,
    lambda one: one.area,
)
TIPS = (
    "Name of the picture.",
    "What was asked.",
    "Where the picture is cut on its other axes, such as T and Z.",
    f"The object's label in the preview, where each plane has its own numbers; after {MARK} in the accepted labels.",
    "How good the engine thinks the mask is, 0 to 1.",
    "In pixels. Export CSV writes it in world units too.",
)
COLUMNS: tuple[Column[ObjectRow], ...] = tuple(
    Column(title, KEYS[at], lambda one, at=at: shown(one)[at], tip=TIPS[at], right=at > 1)  # type: ignore[misc]
    for at, title in enumerate(HEADERS)
)


class ObjectModel(RowsModel[ObjectRow]):
    """Objects as rows."""

    def tip(self, value: ObjectRow) -> str:
        """Return the whole row: names may be longer than their column."""
        cells = [f"{title} {cell}" for title, cell in zip(HEADERS, shown(value), strict=True)]
        return ", ".join([*cells, ACCEPTED] if value.accepted else cells)


class ObjectTable(RowsTable):
    """One row an object; the selected object's is selected. A click, or an arrow key, shows another one.

    A click on a header, or the number of its column, sorts.
    """

    chosen = Signal(object)
    """An object shall be shown."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(ObjectModel(), parent)
        self.setAccessibleName("Table of objects")
        self.setToolTip("Arrow keys show an object; 1 to 6 sort by a column.")
        self._model.show_rows((), COLUMNS)
        self.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.clicked.connect(lambda index: self.chosen.emit(self._model.value(index)))

    def draw(self, can: TableView) -> None:
        """Show the rows, and which object is selected."""
        self.hint.setText("" if can.rows else can.empty)
        if can.rows is not self._model.shown:
            place = self.verticalScrollBar().value()
            self._model.show_rows(can.rows, COLUMNS)
            self.verticalScrollBar().setValue(place)
            self._set_sizes()
        picked = self.selectionModel().selectedRows()
        if any(self._model.value(one) is can.row for one in picked):
            return  # of 100,000 rows none is looked for at each frame
        at = None if can.row is None else self._model.row_of(can.row)
        if at is None:
            self.clearSelection()
        elif at not in {index.row() for index in picked}:
            self.selectRow(at)
            self.scrollTo(self._model.index(at, 0))

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Show the object of the row that a key has led to."""
        column = SORTS.find(event.text()) if event is not None and event.text() else -1
        if column >= 0:
            self._sort(column)
            return
        before = self.currentIndex().row()
        super().keyPressEvent(event)
        now = self.currentIndex()
        if now.isValid() and now.row() != before:
            self.chosen.emit(self._model.value(now))

    def _sort(self, column: int) -> None:
        """Sort by a column, or turn the order, as a click on its header does."""
        header, up, down = self.horizontalHeader(), Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder
        again = header.sortIndicatorSection() == column and header.sortIndicatorOrder() == up
        self.sortByColumn(column, down if again else up)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Give the names what the numbers leave."""
        super().resizeEvent(event)
        self._set_sizes()

    def _set_sizes(self) -> None:
        self._set_heights()
        lines = LINES * self.verticalHeader().defaultSectionSize()
        self.setFixedHeight(self.horizontalHeader().height() + lines + 2 * self.frameWidth())
        left = self.viewport().width()
        for column in range(1, len(COLUMNS)):
            width = self._width_of(column)
            self.setColumnWidth(column, width)
            left -= width
        self.setColumnWidth(0, max(left, NARROWEST_NAME_PX))


class TablePanel(QWidget):
    """The table, which planes it lists, and what can be done with it."""

    def __init__(self, controller: AppController, bindings: Bindings) -> None:
        super().__init__()
        self._controller = controller
        self.table = ObjectTable()
        self.table.chosen.connect(controller.listing.show)
        self.all_planes = QCheckBox("All slices")
        self.all_planes.setToolTip("List the objects of every slice of every picture, not of the one on screen alone.")
        bindings.field(controller.state.results, "all_planes", self.all_planes.toggled, self.all_planes.setChecked)
        self.copy = button("Copy Clipboard", self._copy)
        self.export = button("Export CSV", self._export)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.table)
        layout.addLayout(row(self.all_planes, self.copy, self.export))

    def draw(self, can: TableView) -> None:
        """Show the rows and what can be done with them."""
        draw(self.copy, can.copy)
        draw(self.export, can.export)
        if can.shown:
            self.table.draw(can)

    def _copy(self) -> None:
        text = self._controller.listing.copied()
        if text:
            QApplication.clipboard().setText(text)

    def _export(self) -> None:
        start = str(Path.home() / "sam3_results.csv")
        chosen, _ = QFileDialog.getSaveFileName(self, "Export SAM3 results", start, "CSV (*.csv);;All files (*)")
        if chosen:
            # The dialog has asked before it names a file that is there.
            self._controller.listing.export(Path(chosen), overwrite=True)
