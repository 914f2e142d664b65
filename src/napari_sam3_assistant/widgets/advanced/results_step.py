"""Step 5: the objects along the frames, and as rows."""

from __future__ import annotations

from qtpy.QtWidgets import QGroupBox

from napari_sam3_assistant.app.controller import AppController
from napari_sam3_assistant.app.views import Availability
from napari_sam3_assistant.widgets.bind import Bindings
from napari_sam3_assistant.widgets.controls import button, column, draw
from napari_sam3_assistant.widgets.shared.glance import GlancePanel
from napari_sam3_assistant.widgets.shared.table import TablePanel


class ResultsStep(QGroupBox):
    """The table, and what can be done with it."""

    def __init__(self, controller: AppController, bindings: Bindings) -> None:
        super().__init__("Review and save results")
        self.glance = GlancePanel(controller, bindings)
        self.table = TablePanel(controller, bindings)
        self.clear_results = button("Clear Results", controller.clearing.results)
        layout = column(self)
        layout.addWidget(self.glance)
        layout.addWidget(self.table)
        layout.addWidget(self.clear_results)

    def draw(self, can: Availability) -> None:
        """Show the rows."""
        self.glance.draw(can.glance)
        self.table.draw(can.table)
        draw(self.clear_results, can.run.clear_results)
