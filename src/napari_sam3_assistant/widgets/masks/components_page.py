"""The sub-page ``Components`` of ``Mask Cleanup``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from qtpy.QtCore import QPoint, QSize, Qt
from qtpy.QtWidgets import QCheckBox, QGridLayout, QLabel, QMenu, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_sam3_assistant.app.masking.cleanup import Cleanup
from napari_sam3_assistant.app.masking.several import WAIT
from napari_sam3_assistant.app.masking.state import MaskState
from napari_sam3_assistant.app.views import action
from napari_sam3_assistant.masks.components import Component
from napari_sam3_assistant.widgets.bind import Bindings
from napari_sam3_assistant.widgets.controls import (
    SPACING_PX,
    button,
    combo,
    draw,
    fill,
    form,
    row,
    show,
    toggle,
)
from napari_sam3_assistant.widgets.masks.component_rows import ComponentRows
from napari_sam3_assistant.widgets.masks.numbers import MOST, MOST_DISTANCE_PX, MOST_RADIUS_PX, number

NO_TARGET = "Choose a target Labels layer first."
NO_ROWS = "Select rows of the table first; Analyze Layer lists them."
QUICK, QUICK_PX = range(1, 7), 20
LONGEST_WORD, MARGIN_PX = "Assignment", 9
NONE = "None"


class ComponentsPage(QWidget):
    """The pieces of a layer: listed, measured, picked, and what tidies them."""

    def __init__(self, verbs: Cleanup, state: MaskState, bindings: Bindings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._verbs, self._masks = verbs, state
        self._tips: dict[QWidget, str] = {}
        own = verbs.state
        self.analyze = self._button("Analyze Layer", verbs.analyze, "List the connected components of each label.")
        self.measures = QCheckBox("Measures")
        self.measures.setToolTip("Measure area, perimeter, circularity, and the mean intensity of an image.")
        bindings.field(own, "measures", self.measures.toggled, self.measures.setChecked)
        self.image = combo("The image whose intensity is measured; it must have the pixels of the target.")
        self.image.setAccessibleName("Source image layer")
        self.image.activated.connect(lambda index: setattr(own, "image", self.image.itemData(index) or None))
        self.rows = ComponentRows(verbs, bindings)
        self.table = self.rows.table
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.table.customContextMenuRequested.connect(self._ask)
        self.menu = QMenu(self)
        self.delete = button("Delete Selected Components", lambda: verbs.delete(own.selected), NO_ROWS)
        self.assignment = number(1, MOST, "The value that selected components get.", "Assignment value")
        bindings.field(own, "assignment", self.assignment.valueChanged, self.assignment.setValue)
        self.quick = [_quick(value, own) for value in QUICK]
        self.assign = button("Assign Selected Components", lambda: verbs.assign(own.selected, own.assignment), NO_ROWS)
        self._sizes(bindings)
        self.keep_largest = self._button(
            "Keep Largest Object", verbs.keep_largest, "Of each label, the largest component stays alone."
        )
        entries = (
            ("Dilate", verbs.dilate, "Labels grow by the smoothing radius, over background only."),
            ("Erode", verbs.erode, "Labels shrink by the smoothing radius."),
            ("Clear Border", verbs.clear_border, "Remove components that reach the border."),
            ("Renumber Labels", verbs.renumber, "Number the labels from 1 on without gaps."),
        )
        self.more = self._button("More", lambda: None, f"{', '.join(text for text, _, _ in entries)}.")
        self.entries = QMenu(self)
        self.entries.setToolTipsVisible(True)
        for text, verb, tip in entries:
            made = self.entries.addAction(text)
            made.setToolTip(tip)
            made.triggered.connect(lambda _checked=False, verb=verb: verb())
        self.more.setMenu(self.entries)
        self._lay_out()

    def draw(self, idle: bool) -> None:
        """Show the state."""
        own, target = self._verbs.state, self._masks.target is not None
        self.rows.draw()
        show(self._image_row, own.measures)
        fill(self.image, [(NONE, ""), *((one.name, one.identity) for one in own.images)], own.image or "")
        for control, tip in self._tips.items():
            draw(control, action(idle and target, tip, WAIT if target else NO_TARGET))
        chosen = bool(own.selected)
        missing = WAIT if chosen else NO_ROWS
        draw(self.delete, action(idle and chosen, "Make them background. Key: Delete", missing))
        draw(self.assign, action(idle and chosen, f"Give them the value {own.assignment}; all their pixels.", missing))
        for value, made in zip(QUICK, self.quick, strict=True):
            made.setChecked(value == own.assignment)

    def _button(self, text: str, verb: Callable[[], object], tip: str) -> QPushButton:
        """Return a button that needs a target."""
        made = button(text, verb, tip)
        self._tips[made] = tip
        return made

    def _sizes(self, bindings: Bindings) -> None:
        """Make the sizes, each with the button that takes it."""
        verbs, own = self._verbs, self._verbs.state
        self.minimum = number(1, MOST, "Components of fewer pixels are removed.", "Minimum size")
        self.remove = self._button(
            "Remove Small Objects", verbs.remove_small, "Make components smaller than this background."
        )
        self.hole = number(0, MOST, "Holes of up to so many pixels are filled; 0 fills all.", "Hole size")
        self.fill = self._button("Fill Holes", verbs.fill_holes, "Per label; never over another label.")
        self.radius = number(1, MOST_RADIUS_PX, "In pixels; Dilate and Erode take it too.", "Smoothing radius")
        self.smooth = self._button(
            "Smooth Mask", verbs.smooth, "Take off spurs and fill bays that are thinner than the radius, per label."
        )
        self.distance = number(1, MOST_DISTANCE_PX, "Between the middles of two pieces, in pixels.", "Split distance")
        self.split = self._button(
            "Split Touching Objects",
            verbs.split_touching,
            "Part objects at their necks; pieces get new values.",
        )
        for spin, field in (
            (self.minimum, "minimum_size"),
            (self.hole, "hole_size"),
            (self.radius, "radius"),
            (self.distance, "distance"),
        ):
            bindings.field(own, field, spin.valueChanged, spin.setValue)

    def _ask(self, at: QPoint) -> None:
        """Open the menu of the table."""
        self.fill_menu(self.table.indexAt(at).row())
        self.menu.popup(self.table.viewport().mapToGlobal(at))

    def fill_menu(self, at: int) -> None:
        """Make the entries of the table's menu for a row; -1 for none."""
        own, verbs = self._verbs.state, self._verbs
        listed: Sequence[Component] = self.table.model().values()
        self.menu.clear()
        idle = not self._masks.busy
        for text, verb, usable in (
            ("Delete Selected Components", lambda: verbs.delete(own.selected), bool(own.selected)),
            (
                "Assign Selected To Current Value",
                lambda: verbs.assign(own.selected, own.assignment),
                bool(own.selected),
            ),
            ("Jump to", lambda: verbs.locate(listed[at]), at >= 0),
        ):
            made = self.menu.addAction(text)
            made.setEnabled(idle and usable)
            made.triggered.connect(lambda _checked=False, verb=verb: verb())

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row(self.analyze, self.measures))
        self._image_row = QWidget()
        chosen = form(self._image_row)
        chosen.setContentsMargins(0, 0, 0, 0)
        chosen.addRow("Source image layer", self.image)
        layout.addWidget(self._image_row)
        layout.addWidget(self.rows, stretch=1)
        layout.addWidget(self.delete)
        grid = QGridLayout()
        grid.setHorizontalSpacing(2)
        grid.setVerticalSpacing(SPACING_PX)
        grid.setColumnStretch(2, 1)
        grid.addWidget(_Name("Assignment value", self.assignment), 0, 0)
        grid.addWidget(self.assignment, 0, 1)
        grid.addLayout(row(*self.quick), 0, 2)
        grid.addWidget(self.assign, 1, 0, 1, 3)
        for title, spin, made in (
            ("Minimum size", self.minimum, self.remove),
            ("Hole size", self.hole, self.fill),
            ("Smoothing radius", self.radius, self.smooth),
            ("Split distance", self.distance, self.split),
        ):
            at = grid.rowCount()
            for column, part in enumerate((_Name(title, spin), spin, made)):
                grid.addWidget(part, at, column)
        layout.addLayout(grid)
        layout.addLayout(row(self.keep_largest, self.more))


class _Name(QLabel):
    """The name of a field, as narrow as its longest word: the field and the button beside it need the room."""

    def __init__(self, text: str, field: QWidget) -> None:
        super().__init__(text)
        self.setWordWrap(True)
        self.setBuddy(field)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)

    def sizeHint(self) -> QSize:
        """Return the width of the longest word of all names."""
        width = self.fontMetrics().horizontalAdvance(LONGEST_WORD) + MARGIN_PX
        return QSize(width, self.heightForWidth(width))

    def minimumSizeHint(self) -> QSize:
        """Return the width of the longest word of all names."""
        return self.sizeHint()


def _quick(value: int, own: object) -> QPushButton:
    """Return a button that sets the assignment value."""
    made = toggle(str(value), f"Make {value} the assignment value.")
    made.setAccessibleName(f"Assignment value {value}")
    made.setMinimumWidth(QUICK_PX)
    made.clicked.connect(lambda _checked=False: setattr(own, "assignment", value))
    return made
