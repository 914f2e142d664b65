"""Step 4: make masks, accept and save them."""

from __future__ import annotations

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_sam3_assistant.app.controller import AppController
from napari_sam3_assistant.app.views import Availability
from napari_sam3_assistant.widgets.bind import Bindings
from napari_sam3_assistant.widgets.controls import paragraph
from napari_sam3_assistant.widgets.shared.accepting import AcceptRows
from napari_sam3_assistant.widgets.shared.run import RunGroup
from napari_sam3_assistant.widgets.shared.saving import SavingRows


class RunStep(QWidget):
    """What goes on, what came of it, and where it is saved."""

    def __init__(self, controller: AppController, bindings: Bindings) -> None:
        super().__init__()
        self.run = RunGroup(controller, "Run preview or propagation", advanced=True)
        self.summary = paragraph(lines=2)
        self.accepting = AcceptRows(controller)
        self.saving = SavingRows(controller, bindings, labelled=True)
        inside = self.run.layout()
        for widget in (self.summary, self.accepting, self.saving):
            inside.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.run)

    def draw(self, can: Availability) -> None:
        """Show what goes on and what can be done."""
        self.run.draw(can.run)
        self.summary.setText(can.results.found)
        self.accepting.draw(can.results)
        self.saving.draw(can.results)
