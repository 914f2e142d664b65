"""Parts of the tab ``Mask Isolation``: the list of layers, and the numbers and rules."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QAbstractSpinBox,
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_sam3_assistant.app.masking.isolation_state import IsolationState
from napari_sam3_assistant.app.task_state import ImageItem
from napari_sam3_assistant.masks.isolated import OverlapRule, ParentRule
from napari_sam3_assistant.masks.isolation import SortRule
from napari_sam3_assistant.widgets.bind import Bindings
from napari_sam3_assistant.widgets.controls import combo, fill, label
from napari_sam3_assistant.widgets.whole import Number

MOST = 2**31 - 1
LINES = 4
WIDE = 2
"""So many fields at the end have long entries, and a row each."""
NUMBERS = (
    ("Duplicate IoU", "duplicate_iou", "Two candidates that share this much of both are the same object."),
    ("Nested containment", "containment", "A candidate with this share in a larger one is nested in it."),
    ("Fragment IoU minimum", "fragment_iou", "A smaller candidate that shares this much with another is a part of it."),
    (
        "Area ratio threshold",
        "area_ratio",
        "Up to this share of the other's area, a candidate is the clearly smaller one.",
    ),
)


class LayerList(QListWidget):
    """Layers by name, several chosen at once."""

    picked = Signal(object)
    """The unique ids of the layers that the user has chosen."""

    def __init__(self, tip: str) -> None:
        super().__init__()
        self._filling = False
        self._items: Sequence[ImageItem] = ()
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setToolTip(tip)
        self.itemSelectionChanged.connect(self._picked)

    def show_layers(self, items: Sequence[ImageItem], chosen: frozenset[str]) -> None:
        """List these layers, some of them chosen, without telling anyone."""
        if items == self._items and chosen == self.chosen():
            return
        self._filling = True
        self.clear()
        for item in items:
            made = QListWidgetItem(item.name, self)
            made.setData(Qt.ItemDataRole.UserRole, item.identity)
            made.setToolTip(item.name)
            made.setSelected(item.identity in chosen)
        self._items, self._filling = items, False

    def chosen(self) -> frozenset[str]:
        """Return the unique ids of the layers that are chosen."""
        return frozenset(str(item.data(Qt.ItemDataRole.UserRole)) for item in self.selectedItems())

    def sizeHint(self) -> QSize:
        """Return the size of a few lines."""
        return QSize(100, LINES * (self.fontMetrics().lineSpacing() + 4))

    def minimumSizeHint(self) -> QSize:
        """Return the size of a few lines."""
        return self.sizeHint()

    def _picked(self) -> None:
        if not self._filling:
            self.picked.emit(self.chosen())


class Share(QDoubleSpinBox):
    """A share from 0 to 1; the wheel changes it only while it has the focus."""

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # not that of the wheel
        self.setRange(0, 1)
        self.setSingleStep(0.05)
        self.setKeyboardTracking(False)  # else the first digit counts already

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        """Let the wheel scroll the dock, unless the control has the focus."""
        if event is not None and not self.hasFocus():
            event.ignore()
        else:
            super().wheelEvent(event)


class RulesForm(QWidget):
    """The numbers that statuses follow from, and the rules of the new layers, in two columns.

    Parameters
    ----------
    state : IsolationState
    bindings : Bindings
    """

    def __init__(self, state: IsolationState, bindings: Bindings) -> None:
        super().__init__()
        self._state = state
        self.area = Number()
        self.area.setRange(1, MOST)
        self.area.setToolTip("In pixels: smaller objects are not harvested, or rejected if they were.")
        bindings.field(state, "minimum_area", self.area.valueChanged, self.area.setValue)
        self.shares = {name: _share(state, bindings, name, tip) for _, name, tip in NUMBERS}
        self.sort = _choice(
            state, "sort", SortRule, "The order candidates are looked at: of two duplicates the first stays."
        )
        self.overlap = _choice(
            state, "overlap", OverlapRule, "Who gets, in a new layer, the pixels that several candidates have."
        )
        self.parents = _choice(
            state, "parents", ParentRule, "What becomes of a parent's pixels where a child lies in it."
        )
        fields: list[tuple[str, QAbstractSpinBox | QComboBox]] = [
            ("Minimum area", self.area),
            *((title, self.shares[name]) for title, name, _ in NUMBERS),
            ("Sort rule", self.sort),
            ("Output overlap rule", self.overlap),
            ("Parent handling", self.parents),
        ]
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(1)
        for at, (title, field) in enumerate(fields):
            place = (at // 2, at % 2, 1, 1) if at < len(fields) - WIDE else (at, 0, 1, 2)
            field.setAccessibleName(title)
            cell = QVBoxLayout()
            cell.setSpacing(0)
            cell.addWidget(label(title, field))
            cell.addWidget(field)
            grid.addLayout(cell, *place)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(1, 1)

    def draw(self) -> None:
        """Show the state."""
        for box, kind, value in (
            (self.sort, SortRule, self._state.sort),
            (self.overlap, OverlapRule, self._state.overlap),
            (self.parents, ParentRule, self._state.parents),
        ):
            fill(box, [(str(one), str(one)) for one in kind], str(value))


def _share(state: IsolationState, bindings: Bindings, name: str, tip: str) -> Share:
    made = Share()
    made.setToolTip(tip)
    made.setValue(getattr(state, name))
    made.valueChanged.connect(lambda value: setattr(state, name, round(value, 2)))
    bindings.connect(getattr(state.events, name), lambda value: made.setValue(value))
    return made


def _choice(state: IsolationState, name: str, kind: type[StrEnum], tip: str) -> QComboBox:
    made = combo(tip)
    made.activated.connect(lambda index: setattr(state, name, kind(str(made.itemData(index)))))
    return made
