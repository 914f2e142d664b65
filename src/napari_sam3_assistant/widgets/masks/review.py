"""The tab ``Object Review``."""

from __future__ import annotations

from functools import partial

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QCheckBox, QLineEdit, QVBoxLayout, QWidget

from napari_sam3_assistant.app.masking.review import Review
from napari_sam3_assistant.app.masking.review_keys import REVIEW_KEYS
from napari_sam3_assistant.app.masking.review_state import ALL_STATUSES, LAYERS, OBJECTS, STATUS_WORDS
from napari_sam3_assistant.app.masking.several import WAIT
from napari_sam3_assistant.app.masking.state import MaskState
from napari_sam3_assistant.app.views import action
from napari_sam3_assistant.layers.marks import ACCEPTED, NEEDS_EDIT, REJECTED, UNREVIEWED
from napari_sam3_assistant.widgets.bind import Bindings
from napari_sam3_assistant.widgets.controls import SPACING_PX, button, combo, draw, fill, form, paragraph, row, show
from napari_sam3_assistant.widgets.keys import typing
from napari_sam3_assistant.widgets.masks.review_table import ReviewTable
from napari_sam3_assistant.widgets.whole import Number

MOST = 2**31 - 1
SELECT = "Select rows first."
KEYS_TIP = "On the canvas with the layer selected, and in this dock unless you type. The same key again takes it back."


class ReviewTab(QWidget):
    """Which objects and layers are accepted, and which need work."""

    title = "Object Review"

    def __init__(self, verbs: Review, state: MaskState, bindings: Bindings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._verbs, self._masks, self._bindings = verbs, state, bindings
        self._make_choices()
        self._make_table()
        self._make_buttons()
        self._lay_out()
        for key in REVIEW_KEYS:
            bound = QShortcut(QKeySequence(key.keys.replace("-", "+")), self)
            bound.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            bound.setAutoRepeat(False)
            bound.activated.connect(partial(self._pressed, key.verb))

    def draw(self) -> None:
        """Show the state."""
        state, idle = self._verbs.state, not self._masks.busy
        objects = state.kind == OBJECTS
        fill(self.kind, [(LAYERS, LAYERS), (OBJECTS, OBJECTS)], state.kind)
        fill(self.layer, [(one.name, one.identity) for one in self._masks.layers], state.layer if objects else None)
        draw(self.layer, action(objects, "The layer whose objects are reviewed.", f"Choose {OBJECTS} first."))
        fill(self.status, [(ALL_STATUSES, ALL_STATUSES), *((w, w) for w in STATUS_WORDS.values())], state.status_filter)
        self.table.show_review(state.rows, state.selected, state.listing)
        self.summary.setText(state.summary)
        chosen, some = bool(state.selected), bool(state.rows)
        for made, tip in self._on_rows.items():
            draw(made, action(chosen, tip, SELECT))
        for made, tip in self._on_all.items():
            draw(made, action(some, tip, "There is nothing to review here."))
        show(self.delete_layer, not objects)
        show(self.delete_rejected, objects)
        rejected = "rejected=0" not in state.summary
        tip = "Make the rejected objects background, in one edit that can be undone."
        draw(self.delete_rejected, action(rejected and idle, tip, "Reject objects first." if idle else WAIT))
        draw(self.refresh, action(idle, "List and count anew.", WAIT))

    def _pressed(self, verb: object) -> None:
        if not typing() and callable(verb):
            verb(self._verbs)

    def _make_choices(self) -> None:
        state, verbs = self._verbs.state, self._verbs
        self.kind = combo(
            "What the rows are: Labels layers, or the objects of one of them, a row for each label value."
        )
        self.kind.activated.connect(lambda index: verbs.choose(str(self.kind.itemData(index))))
        self.layer = combo()
        self.layer.setAccessibleName("Layer whose objects are reviewed")
        self.layer.activated.connect(lambda index: verbs.choose(OBJECTS, str(self.layer.itemData(index))))
        self.status = combo("Show only rows with this status.")
        self.status.activated.connect(lambda at: setattr(state, "status_filter", str(self.status.itemData(at))))
        self.class_filter = self._line("class_filter", "Show only rows whose class has this in its name.", "any class")
        self.text_filter = self._line(
            "text_filter", "Show only rows with this in their layer, value, class or role.", "any text"
        )
        self.include = self._check(
            "include_final", "include final/output masks", "List layers too that were merged from others."
        )

    def _make_table(self) -> None:
        verbs = self._verbs
        self.table = ReviewTable()
        self.table.setMinimumHeight(130)
        self.table.setAccessibleName("Layers or objects to review")
        self.table.setToolTip("Double-click or Enter shows a row on the canvas.")
        self.table.located.connect(verbs.locate)
        self.table.chosen.connect(lambda keys: setattr(verbs.state, "selected", keys))
        self.class_name = self._line("class_name", "The name of the class to assign.", "myelin")
        self.class_value = Number()
        self.class_value.setRange(0, MOST)
        self.class_value.setToolTip("The value of that class.")
        self.class_value.setAccessibleName("Value")
        self._bindings.field(verbs.state, "class_value", self.class_value.valueChanged, self.class_value.setValue)
        self.assign = button("Assign Class", verbs.assign_class)

    def _make_buttons(self) -> None:
        verbs = self._verbs
        self.accept = button("Accept", partial(verbs.mark, ACCEPTED))
        self.reject = button("Reject", partial(verbs.mark, REJECTED))
        self.needs_edit = button("Needs Edit", partial(verbs.mark, NEEDS_EDIT))
        self.unreview = button("Unreview", partial(verbs.mark, UNREVIEWED))
        self.locate = button("Locate", lambda: verbs.locate())
        self.delete_layer = button("Delete Layer", verbs.delete_layers)
        self.delete_rejected = button("Delete Rejected", verbs.delete_rejected)
        self.previous = button("Previous", partial(verbs.walk, -1))
        self.next = button("Next unreviewed", partial(verbs.walk, 1))
        self.only = button("Show Only Selected", verbs.show_only_selected)
        self.hide_rejected = button("Hide Rejected", verbs.hide_rejected)
        self.show_all = button("Show All Masks", verbs.show_all)
        self.refresh = button("Refresh", verbs.refresh)
        self.auto_hide = self._check(
            "auto_hide",
            "auto-hide rejected",
            "Hide what is rejected at once. In a layer of more than a million pixels, or 4,096 objects, press Hide "
            "Rejected instead.",
        )
        self.go_on = self._check("go_on", "go on", "After a key of the review, go on to the next unreviewed row.")
        self._on_rows = {
            self.assign: "Give the selected rows this class.",
            self.accept: "Mark the selected rows as accepted.",
            self.reject: "Mark the selected rows as rejected.",
            self.needs_edit: "Mark the selected rows as work to do.",
            self.unreview: "Take back what was decided about the selected rows.",
            self.locate: "Show the first selected row on the canvas.",
            self.delete_layer: "Remove the selected layers from the viewer; they do not come back.",
            self.only: "Hide all rows but the selected ones.",
        }
        self._on_all = {
            self.previous: "Show the row before the selected one.",
            self.next: "Show the next row that is unreviewed.",
            self.hide_rejected: "Hide what is rejected on the canvas.",
            self.show_all: "Show all layers, or all objects, again.",
        }
        self.summary = paragraph()
        keys = ", ".join(f"{key.keys.replace('-', '+')} {key.title}" for key in REVIEW_KEYS)
        self.keys = paragraph(f"Keys: {keys}", lines=2)
        self.keys.setToolTip(KEYS_TIP)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.setSpacing(SPACING_PX)
        fields = QWidget()
        rows = form(fields)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.addRow("Review", self.kind)
        rows.addRow("Layer", self.layer)
        rows.addRow("Status filter", self.status)
        rows.addRow("Class filter", self.class_filter)
        rows.addRow("Text filter", self.text_filter)
        layout.addWidget(fields)
        layout.addWidget(self.include)
        layout.addWidget(self.table, stretch=1)
        layout.addWidget(self.summary)
        layout.addLayout(row(self.accept, self.reject, self.needs_edit))
        layout.addLayout(row(self.previous, self.next))
        layout.addWidget(self.keys)
        layout.addLayout(row(self.auto_hide, self.go_on))
        layout.addLayout(row(self.unreview, self.locate, self.refresh))
        named = QWidget()
        classes = form(named)
        classes.setContentsMargins(0, 0, 0, 0)
        classes.addRow("Class", self.class_name)
        classes.addRow("Value", row(self.class_value, self.assign))
        layout.addWidget(named)
        for made in (
            row(self.only, self.hide_rejected),
            row(self.show_all, self.delete_layer, self.delete_rejected),
        ):
            layout.addLayout(made)

    def _line(self, field: str, tip: str, placeholder: str) -> QLineEdit:
        made = QLineEdit()
        made.setToolTip(tip)
        made.setPlaceholderText(placeholder)
        made.setClearButtonEnabled(True)
        self._bindings.field(self._verbs.state, field, made.textChanged, made.setText)
        return made

    def _check(self, field: str, text: str, tip: str) -> QCheckBox:
        made = QCheckBox(text)
        made.setToolTip(tip)
        self._bindings.field(self._verbs.state, field, made.toggled, made.setChecked)
        return made
