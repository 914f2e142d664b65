"""What came of a run: accepting it, and saving it."""

from __future__ import annotations

from napari_sam3_assistant.app.controller import AppController
from napari_sam3_assistant.app.views import Availability
from napari_sam3_assistant.widgets.bind import Bindings
from napari_sam3_assistant.widgets.controls import column, paragraph
from napari_sam3_assistant.widgets.letters import Group
from napari_sam3_assistant.widgets.shared.accepting import AcceptRows
from napari_sam3_assistant.widgets.shared.glance import GlancePanel
from napari_sam3_assistant.widgets.shared.saving import SavingRows


class ResultsGroup(Group):
    """The latest result, and where it is saved."""

    def __init__(self, controller: AppController, bindings: Bindings) -> None:
        super().__init__("Results")
        self.summary = paragraph(lines=2)
        self.glance = GlancePanel(controller, bindings)
        self.accepting = AcceptRows(controller)
        self.saving = SavingRows(controller, bindings)
        layout = column(self)
        for widget in (self.glance, self.summary, self.accepting, self.saving):
            layout.addWidget(widget)

    def draw(self, can: Availability) -> None:
        """Show the result and what can be done with it."""
        self.summary.setText(can.results.text)
        self.summary.setToolTip(can.results.saved)
        self.glance.draw(can.glance)
        self.accepting.draw(can.results)
        self.saving.draw(can.results)
