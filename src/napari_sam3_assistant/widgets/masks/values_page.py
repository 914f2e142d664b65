"""The sub-page ``Values`` of ``Mask Cleanup``."""

from __future__ import annotations

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_sam3_assistant.app.masking.several import WAIT
from napari_sam3_assistant.app.masking.state import MaskState
from napari_sam3_assistant.app.masking.values import Values
from napari_sam3_assistant.app.views import action
from napari_sam3_assistant.widgets.bind import Bindings
from napari_sam3_assistant.widgets.controls import button, draw, form, paragraph, row
from napari_sam3_assistant.widgets.masks.numbers import MOST, number
from napari_sam3_assistant.widgets.masks.value_table import ValueTable
from napari_sam3_assistant.widgets.whole import Field

TABLE_PX = 150
NO_TARGET = "Choose a target Labels layer first."
NO_ROWS = "Select rows of the table first."
NO_TEXT = "Write the values to replace first, as in: 1,2,3,4"


class ValuesPage(QWidget):
    """The values of a layer, and others in their place."""

    def __init__(self, verbs: Values, state: MaskState, bindings: Bindings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._verbs, self._masks, own = verbs, state, verbs.state
        self.table = ValueTable()
        self.table.setMinimumHeight(TABLE_PX)
        self.table.setAccessibleName("Values")
        self.table.setToolTip("Click a row to select its value; Delete makes the pixels of selected ones background.")
        self.table.picked.connect(lambda rows: setattr(own, "selected", tuple(value for value, _ in rows)))
        self.table.unwanted.connect(verbs.delete_selected)
        self.told = paragraph()
        self.replaced = Field("Whole numbers, separated by commas, semicolons or blanks.")
        self.replaced.setPlaceholderText("1,2,3,4")
        self.replaced.setAccessibleName("Values to replace")
        self.replaced.returnPressed.connect(verbs.relabel)
        bindings.field(own, "replaced", self.replaced.textChanged, self._write)
        self.new = number(0, MOST, "The value that pixels get; 0 is background.", "New class/value")
        bindings.field(own, "new", self.new.valueChanged, self.new.setValue)
        self.relabel = button("Apply Relabel", verbs.relabel, NO_TEXT)
        self.assign = button("Assign Selected To", verbs.assign_selected, NO_ROWS)
        self.delete = button("Delete Selected Values", verbs.delete_selected, NO_ROWS)
        self.keep = button("Keep Selected Only", verbs.keep_selected, NO_ROWS)
        self.convert = button("Convert Non-zero To Class", verbs.convert, NO_TARGET)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.table, stretch=1)
        layout.addWidget(self.told)
        layout.addLayout(row(self.delete, self.keep))
        fields = QWidget()
        rows = form(fields)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.addRow("Values to replace", row(self.replaced, self.relabel))
        rows.addRow("New class/value", row(self.new, self.assign))
        layout.addWidget(fields)
        layout.addWidget(self.convert)

    def draw(self, idle: bool) -> None:
        """Show the state."""
        own, target = self._verbs.state, self._masks.target is not None
        self.table.show_counts(own.counts, own.selected, self._hint(target))
        self.told.setText(f"{len(own.counts):,} value(s), {len(own.selected):,} selected" if own.counts else "")
        chosen, new = bool(own.selected), own.new
        for control, does in (
            (self.assign, f"Give the pixels of the selected values the value {new}."),
            (self.delete, "Make the pixels of the selected values background. Key: Delete"),
            (self.keep, "Make the pixels of all other values background."),
        ):
            draw(control, action(idle and chosen, does, WAIT if chosen else NO_ROWS))
        written = bool(own.replaced.strip())
        does = f"Give the pixels of these values the value {new}."
        draw(self.relabel, action(idle and target and written, does, _missing(target, written)))
        does = f"Give all objects the value {new}."
        draw(self.convert, action(idle and target, does, WAIT if target else NO_TARGET))

    def _hint(self, target: bool) -> str:
        own = self._verbs.state
        if not target:
            return "There is no Labels layer.\nOpen one, or make one with New labels layer in the layer list."
        if own.trouble:
            return own.trouble
        return "There is no object here." if own.counted else "Counting..."

    def _write(self, text: str) -> None:
        """Write the values, unless they stand there: the cursor would go to the end."""
        if text != self.replaced.text():
            self.replaced.setText(text)


def _missing(target: bool, written: bool) -> str:
    if not target:
        return NO_TARGET
    return WAIT if written else NO_TEXT
