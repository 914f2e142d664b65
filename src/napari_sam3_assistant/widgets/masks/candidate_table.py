"""The table of candidates: thousands of rows, sorted by any column; what changes in a row leaves it where it is."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QAbstractItemView, QWidget

from napari_sam3_assistant.app.masking.isolation_state import Row
from napari_sam3_assistant.masks.isolation import Status
from napari_sam3_assistant.widgets.rows import Column, RowsModel, RowsTable

BELONGS = {Status.CHILD: "lies in", Status.DUPLICATE: "repeats", Status.FRAGMENT: "is a part of"}
HAND = "*"


def _status(row: Row) -> str:
    return f"{row.verdict.status}{f' {HAND}' if row.verdict.by_hand else ''}"


def _box(row: Row) -> str:
    return ", ".join(f"{low}:{high}" for low, high in row.candidate.box)


COLUMNS: tuple[Column[Row], ...] = (
    Column(
        "ID", lambda row: row.candidate.id, lambda row: str(row.candidate.id), "The value of its pixels in new layers."
    ),
    Column("Status", _status, _status, f"What it is; {HAND} was marked by hand.", right=False),
    Column("Source Layer", lambda row: row.candidate.source, lambda row: row.candidate.source, right=False),
    Column("Source Label", lambda row: row.candidate.label, lambda row: str(row.candidate.label)),
    Column(
        "Component",
        lambda row: row.candidate.component,
        lambda row: str(row.candidate.component),
        "Its number among the connected pieces of its label.",
    ),
    Column("Area", lambda row: row.candidate.area, lambda row: str(row.candidate.area), "In pixels."),
    Column(
        "Parent",
        lambda row: row.verdict.belongs_to or 0,
        lambda row: str(row.verdict.belongs_to or ""),
        "The candidate it lies in; of a duplicate or a fragment the one it repeats.",
    ),
    Column(
        "Children",
        lambda row: row.verdict.children,
        lambda row: str(row.verdict.children),
        "How many candidates lie in it, and in nothing between.",
    ),
    Column(
        "Max IoU",
        lambda row: row.verdict.iou,
        lambda row: f"{row.verdict.iou:.2f}",
        "The greatest share that it has in common with another one.",
    ),
    Column(
        "Max Containment",
        lambda row: row.verdict.containment,
        lambda row: f"{row.verdict.containment:.2f}",
        "The greatest share of it that lies in one other.",
    ),
    Column(
        "BBox",
        lambda row: row.candidate.box,
        _box,
        "First pixel, and the one after the last, on each axis of the new layers.",
        right=False,
    ),
)


class CandidateModel(RowsModel[Row]):
    """Candidates as rows."""

    turn = 0

    def tip(self, value: Row) -> str:
        """Return what a candidate is, in words."""
        verdict, other = value.verdict, value.verdict.belongs_to
        words = BELONGS.get(verdict.status)
        said = f"Candidate {value.candidate.id}: {verdict.status}"
        said += f", {words} {other}" if words and other else ""
        return f"{said}{', marked by hand' if verdict.by_hand else ''}.\nBBox {_box(value)}"

    def update_rows(self, values: Sequence[Row]) -> None:
        """Show other values for the same candidates, each where it stands now."""
        self.shown = values
        self._rows = [values[row.candidate.id - 1] for row in self._rows]
        if values:
            self.dataChanged.emit(self.index(0, 0), self.index(len(values) - 1, len(self.columns) - 1))


class CandidateTable(RowsTable):
    """Several rows selected at once; double-click and Enter locate a candidate."""

    located = Signal(object)
    """The id of a candidate that shall be shown."""

    def __init__(self, parent: QWidget | None = None) -> None:
        self._candidates = CandidateModel()
        super().__init__(self._candidates, parent)
        self._candidates.setParent(self)
        self._candidates.show_rows((), COLUMNS)
        self.setSortingEnabled(True)
        self.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setAccessibleName("Candidates")
        self.doubleClicked.connect(lambda index: self.located.emit(self._candidates.value(index).candidate.id))
        for key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            QShortcut(QKeySequence(key), self, context=Qt.ShortcutContext.WidgetShortcut).activated.connect(
                self._locate_current
            )

    def show_candidates(self, rows: tuple[Row, ...], turn: int, hint: str) -> None:
        """Show these, or where there are none a hint; what is selected stays while the candidates are the same."""
        self.hint.setText("" if rows else hint)
        before = self._candidates.shown
        if rows is before:
            return
        if len(rows) == len(before) and rows[0].candidate is before[0].candidate:
            self._candidates.update_rows(rows)
            if turn != self._candidates.turn:
                self._candidates.sort(self.horizontalHeader().sortIndicatorSection(), self._order())
        else:
            self._candidates.show_rows(rows, COLUMNS)
            self._set_heights()
        if turn != self._candidates.turn:
            for column in range(len(COLUMNS)):
                self.setColumnWidth(column, self._width_of(column))
        self._candidates.turn = turn

    def selected(self) -> tuple[int, ...]:
        """Return the ids of the selected rows."""
        model = self._candidates
        # By ranges: Qt makes an index of every cell to find whole rows, which takes seconds where all are selected.
        rows = {at for part in self.selectionModel().selection() for at in range(part.top(), part.bottom() + 1)}
        return tuple(model.value(model.index(at, 0)).candidate.id for at in sorted(rows))

    def current(self) -> int | None:
        """Return the id of the row that was selected last, or None."""
        index = self.currentIndex()
        return self._candidates.value(index).candidate.id if index.isValid() else None

    def _order(self) -> Qt.SortOrder:
        return self.horizontalHeader().sortIndicatorOrder()

    def _locate_current(self) -> None:
        if self.currentIndex().isValid():
            self.located.emit(self.current())
