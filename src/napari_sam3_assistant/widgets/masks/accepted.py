"""The tab ``Accepted Objects``."""

from __future__ import annotations

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_sam3_assistant.app.masking.accepting import LISTING, SAVES, Accepting, SaveMode
from napari_sam3_assistant.app.masking.classes import MOST_VALUE
from napari_sam3_assistant.app.masking.several import WAIT
from napari_sam3_assistant.app.masking.state import MaskState
from napari_sam3_assistant.app.views import action
from napari_sam3_assistant.layers.class_masks import DEFAULT_CLASS
from napari_sam3_assistant.masks.joining import Conversion
from napari_sam3_assistant.widgets.bind import Bindings, Redraw
from napari_sam3_assistant.widgets.controls import button, combo, draw, fill, form, row
from napari_sam3_assistant.widgets.masks.class_field import ClassField
from napari_sam3_assistant.widgets.masks.scope_rows import ScopeRows
from napari_sam3_assistant.widgets.whole import Field, Number

NO_TARGETS = "There is no accepted layer yet: save one as a new layer first."
CONVERSIONS = {
    Conversion.CLASS: "Every object gets the class value.",
    Conversion.PRESERVE: "Every object keeps its value.",
    Conversion.KEEP: "Only the source values are saved, as they are.",
    Conversion.DELETE: "All but the source values are saved, as they are.",
}


class AcceptedTab(QWidget):
    """Keep a preview as an object of a class."""

    title = "Accepted Objects"

    def __init__(self, verbs: Accepting, state: MaskState, bindings: Bindings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._verbs, self._state = verbs, state
        own = verbs.state
        self.source = combo("The layer whose objects are saved: previews, or where there is none every Labels layer.")
        self.source.activated.connect(lambda index: setattr(own, "source", str(self.source.itemData(index))))
        self.object_name = _field("The name of the object; that of the source where it is empty.", "object_001")
        bindings.field(own, "object_name", self.object_name.textChanged, self.object_name.setText)
        tip = "What the object is. A class that is known brings its value and its colour."
        self.class_name = ClassField(verbs.classes, verbs.name_class, tip)
        self.class_name.name.setPlaceholderText("myelin")
        self.value = Number()
        self.value.setRange(1, MOST_VALUE)
        self.value.setToolTip("The value of the class in masks.")
        bindings.field(own, "class_value", self.value.valueChanged, self.value.setValue)
        self.scope = ScopeRows(verbs.scope, "Dimensional scope", bindings)
        self.conversion = combo()
        fill(self.conversion, [(one.value, one.name) for one in Conversion], own.conversion.name)
        self.conversion.activated.connect(
            lambda index: setattr(own, "conversion", Conversion[str(self.conversion.itemData(index))])
        )
        self.values = _field("", "optional: 3,7,12")
        bindings.field(own, "values", self.values.textChanged, self.values.setText)
        self.mode = combo()
        fill(self.mode, [(one.value, one.name) for one in SaveMode], own.mode.name)
        self.mode.activated.connect(lambda index: setattr(own, "mode", SaveMode[str(self.mode.itemData(index))]))
        self.target = combo()
        self.target.activated.connect(lambda index: setattr(own, "target", str(self.target.itemData(index))))
        self.save = button("Save Accepted Object", verbs.save)
        self.refresh = button("Refresh Accepted Layers", verbs.refresh, "List the layers to choose from anew.")
        self._lay_out()
        Redraw((verbs.scope, verbs.classes.state), self.draw, bindings, self)

    def draw(self) -> None:
        """Show the state."""
        own, idle = self._verbs.state, not self._state.busy
        fill(self.source, [(one.name, one.identity) for one in own.sources], own.source)
        fill(self.target, [(one.name, one.identity) for one in own.targets], own.target)
        fill(self.conversion, [(one.value, one.name) for one in Conversion], own.conversion.name)
        fill(self.mode, [(one.value, one.name) for one in SaveMode], own.mode.name)
        self.conversion.setToolTip(CONVERSIONS[own.conversion])
        self.mode.setToolTip(SAVES[own.mode])
        self.class_name.draw(own.class_name, own.class_name.strip() or DEFAULT_CLASS, own.class_value)
        self.scope.draw(own.slices, idle)
        listing, into = own.conversion in LISTING, own.mode is not SaveMode.NEW
        needed = "Choose the conversion Keep only listed, or Delete listed source values, to list values."
        draw(self.values, action(listing, "Values of the source, with commas or blanks between them.", needed))
        needed = NO_TARGETS if into else "Choose Append or Replace as the save mode to name a target."
        draw(self.target, action(into and bool(own.targets), "The accepted layer that is written into.", needed))
        draw(self.save, self._verbs.can_save)
        draw(self.refresh, action(idle, "List the layers to choose from anew.", WAIT))

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        rows = form(fields := QWidget())
        rows.setContentsMargins(0, 0, 0, 0)
        for name, field in (
            ("Source preview layer", self.source),
            ("Object name", self.object_name),
            ("Class name", self.class_name),
            ("Class value", self.value),
        ):
            rows.addRow(name, field)
            field.setAccessibleName(name)
        rows.addRow(self.scope)
        for name, field in (
            ("Class conversion", self.conversion),
            ("Source values", self.values),
            ("Save mode", self.mode),
            ("Target layer", self.target),
        ):
            rows.addRow(name, field)
            field.setAccessibleName(name)
        layout.addWidget(fields)
        layout.addLayout(row(self.save, self.refresh))
        layout.addStretch(1)


def _field(tip: str, placeholder: str) -> Field:
    made = Field(tip)
    made.setPlaceholderText(placeholder)
    return made
