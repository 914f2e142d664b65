"""The tab ``Class Merge``."""

from __future__ import annotations

from collections.abc import Mapping

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_sam3_assistant.app.masking.classes import MOST_VALUE
from napari_sam3_assistant.app.masking.merging import RULES, Become, Merging
from napari_sam3_assistant.app.masking.picking import LayerRow
from napari_sam3_assistant.app.masking.several import WAIT
from napari_sam3_assistant.app.masking.state import MaskState
from napari_sam3_assistant.app.views import action
from napari_sam3_assistant.widgets.bind import Bindings, Redraw
from napari_sam3_assistant.widgets.controls import Toggles, button, combo, draw, fill, form, row
from napari_sam3_assistant.widgets.masks.class_field import ClassField
from napari_sam3_assistant.widgets.masks.ordered_list import Entry, OrderedList
from napari_sam3_assistant.widgets.whole import Field, Number

ORDER_TIP = (
    "Ctrl and Shift select several layers; the numbers tell which is the earlier one. "
    "Drag rows, or press Alt with an arrow, to change that."
)
BECOMES = {
    Become.CLASS: "Every object of every layer gets the target class value.",
    Become.PRESERVE: "Every object keeps its value.",
    Become.BINARY: "1 where an object is, 0 elsewhere, in 8 bits.",
}
RULE_TIP = "Which layer has a pixel that several hold. Earlier and later are those of the numbers in the list."
LISTS = (
    (False, "Accepted-object layers", "List the layers that are accepted objects."),
    (True, "Labels layers", "List every Labels layer; those that were rejected stay out."),
)


class MergeTab(QWidget):
    """Join layers into the mask of one class."""

    title = "Class Merge"

    def __init__(self, verbs: Merging, state: MaskState, bindings: Bindings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._verbs, self._state = verbs, state
        own = verbs.state
        self.class_filter = Field("Lists the layers of this class alone; the whole name counts.")
        self.class_filter.setPlaceholderText("optional class-name filter")
        bindings.field(own, "class_filter", self.class_filter.textChanged, self.class_filter.setText)
        self.layer_filter = Field("Lists the layers whose name contains this.")
        self.layer_filter.setPlaceholderText("optional layer-name filter")
        bindings.field(own, "layer_filter", self.layer_filter.textChanged, self.layer_filter.setText)
        self.every = Toggles(LISTS, lambda every: setattr(own, "all_labels", every))
        self.layers = OrderedList("Layers to merge", ORDER_TIP, 5)
        self.layers.chosen.connect(verbs.picked.choose)
        self.layers.ordered.connect(verbs.picked.order)
        self.become = combo()
        fill(self.become, [(one.value, one.name) for one in Become], own.become.name)
        self.become.activated.connect(lambda index: setattr(own, "become", Become[str(self.become.itemData(index))]))
        tip = "The class of the result; that of the selected layers where it is empty."
        self.class_name = ClassField(verbs.classes, verbs.name_class, tip)
        self.value = Number()
        self.value.setRange(1, MOST_VALUE)
        bindings.field(own, "value", self.value.valueChanged, self.value.setValue)
        self.rule = combo(RULE_TIP)
        fill(self.rule, [(name, name) for name in RULES], own.rule)
        self.rule.activated.connect(lambda index: setattr(own, "rule", str(self.rule.itemData(index))))
        self.output = Field("The name of the new layer; a number is added where another layer has it.")
        self.output.setPlaceholderText("myelin_final_working")
        bindings.field(own, "output", self.output.textChanged, self.output.setText)
        self.merge = button("Merge Accepted Objects", verbs.merge)
        self.reject = button("Reject Selected", verbs.reject)
        self.refresh = button("Refresh", verbs.refresh)
        self._lay_out()
        Redraw((verbs.picked.state, verbs.classes.state), self.draw, bindings, self)

    def draw(self) -> None:
        """Show the state."""
        verbs, own, picked = self._verbs, self._verbs.state, self._verbs.picked.state
        self.every.show_value(own.all_labels)
        self.layers.show_entries([entry_of(one) for one in picked.rows], picked.chosen, verbs.listing)
        fill(self.become, [(one.value, one.name) for one in Become], own.become.name)
        self.become.setToolTip(BECOMES[own.become])
        self.class_name.draw(own.class_name, verbs.class_name, own.value)
        self.class_name.name.setPlaceholderText(verbs.class_name)
        needed = f"Choose {Become.CLASS.value} to give all objects one value."
        draw(self.value, action(own.become is Become.CLASS, "The value that every object gets.", needed))
        fill(self.rule, [(name, name) for name in RULES], own.rule)
        draw(self.merge, verbs.can_merge)
        draw(self.reject, verbs.can_reject)
        draw(self.refresh, action(not self._state.busy, "List the layers anew.", WAIT))

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        filters = {"Class filter": self.class_filter, "Layer filter": self.layer_filter}
        layout.addWidget(named_rows(filters))
        layout.addWidget(self.every)
        layout.addWidget(self.layers, stretch=1)
        fields = {
            "Merge conversion": self.become,
            "Class name": self.class_name,
            "Target class value": self.value,
            "Overlap rule": self.rule,
            "Output layer name": self.output,
        }
        layout.addWidget(named_rows(fields))
        layout.addWidget(self.merge)
        layout.addLayout(row(self.reject, self.refresh))


def named_rows(fields: Mapping[str, QWidget]) -> QWidget:
    """Return fields below each other, each with its name on the left, which those who hear are told too."""
    made = QWidget()
    rows = form(made)
    rows.setContentsMargins(0, 0, 0, 0)
    for name, field in fields.items():
        rows.addRow(name, field)
        field.setAccessibleName(name)
    return made


def entry_of(one: LayerRow) -> Entry:
    """Return a layer as a row: its name, and the class that it tells."""
    return Entry(one.identity, f"{one.name}   {one.class_name} ({one.value})" if one.class_name else one.name)
