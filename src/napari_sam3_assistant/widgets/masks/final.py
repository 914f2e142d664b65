"""The tab ``Final Merge / Export``."""

from __future__ import annotations

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_sam3_assistant.app.masking.exporting import Exporting
from napari_sam3_assistant.app.masking.final import PRIORITY, RULES, Mode
from napari_sam3_assistant.app.masking.several import WAIT
from napari_sam3_assistant.app.masking.state import MaskState
from napari_sam3_assistant.app.views import action
from napari_sam3_assistant.widgets.bind import Bindings, Redraw
from napari_sam3_assistant.widgets.controls import button, combo, draw, fill, label, row
from napari_sam3_assistant.widgets.masks.export_group import ExportGroup
from napari_sam3_assistant.widgets.masks.merging import ORDER_TIP, RULE_TIP, entry_of, named_rows
from napari_sam3_assistant.widgets.masks.ordered_list import Entry, OrderedList
from napari_sam3_assistant.widgets.whole import Field

MODES = {
    Mode.SEMANTIC: "Every pixel has the value of its class.",
    Mode.INSTANCE: "Every object has a number of its own, from 1; objects that touch keep apart.",
    Mode.BINARY: "1 where an object is, 0 elsewhere, in 8 bits.",
}
PRIORITY_TIP = "The class above wins. Drag rows, or press Alt with an arrow, to change that."


class FinalTab(QWidget):
    """Join the masks of classes, and write a file."""

    title = "Final Merge / Export"

    def __init__(
        self, exporting: Exporting, state: MaskState, bindings: Bindings, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        verbs = exporting.final
        self._verbs, self._state = verbs, state
        own = verbs.state
        self.layers = OrderedList("Cleaned class masks", ORDER_TIP, 4)
        self.layers.chosen.connect(verbs.picked.choose)
        self.layers.ordered.connect(verbs.picked.order)
        self.mode = combo()
        fill(self.mode, [(one.value, one.name) for one in Mode], own.mode.name)
        self.mode.activated.connect(lambda index: setattr(own, "mode", Mode[str(self.mode.itemData(index))]))
        self.rule = combo(RULE_TIP)
        fill(self.rule, [(name, name) for name in RULES], own.rule)
        self.rule.activated.connect(lambda index: setattr(own, "rule", str(self.rule.itemData(index))))
        self.priority = OrderedList("Class priority", PRIORITY_TIP, 3, every=True)
        self.priority.ordered.connect(verbs.rank)
        self.output = Field("The name of the new layer; a number is added where another layer has it.")
        bindings.field(own, "output", self.output.textChanged, self.output.setText)
        self.merge = button("Merge Saved Objects", verbs.merge)
        self.map = button("Show Overlap Map", verbs.show_overlap)
        self.refresh = button("Refresh", verbs.refresh)
        self.export = ExportGroup(exporting, state, bindings)
        self._lay_out()
        Redraw((verbs.picked.state, verbs.classes.state), self.draw, bindings, self)

    def draw(self) -> None:
        """Show the state."""
        verbs, own, picked = self._verbs, self._verbs.state, self._verbs.picked.state
        self.layers.show_entries([entry_of(one) for one in picked.rows], picked.chosen, verbs.listing)
        fill(self.mode, [(one.value, one.name) for one in Mode], own.mode.name)
        self.mode.setToolTip(MODES[own.mode])
        fill(self.rule, [(name, name) for name in RULES], own.rule)
        ranked = own.rule == PRIORITY
        entries = [self._entry(name) for name in verbs.priority()]
        self.priority.show_entries(entries, self.priority.selected(), "Select masks above to order their classes.")
        draw(self.priority, action(ranked, PRIORITY_TIP, f"Choose {PRIORITY} as the overlap rule to order classes."))
        draw(self.merge, verbs.can_merge)
        draw(self.map, verbs.can_map)
        draw(self.refresh, action(not self._state.busy, "List the layers anew.", WAIT))

    def _entry(self, name: str) -> Entry:
        known = self._verbs.classes.find(name)
        return Entry(name, f"{name} ({known.value})" if known else name, known.color if known else None)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.addWidget(label("Cleaned class masks", self.layers))
        layout.addWidget(self.layers, stretch=2)
        layout.addWidget(named_rows({"Merge mode": self.mode, "Overlap rule": self.rule}))
        layout.addWidget(label("Class priority", self.priority))
        layout.addWidget(self.priority, stretch=1)
        layout.addWidget(named_rows({"Output layer name": self.output}))
        layout.addWidget(self.merge)
        layout.addLayout(row(self.map, self.refresh))
        layout.addWidget(self.export)
