"""Simple mode: Setup, Prompt, Run, Results; the table and the log."""

from __future__ import annotations

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_sam3_assistant.app.controller import AppController
from napari_sam3_assistant.app.views import Availability
from napari_sam3_assistant.widgets.bind import Bindings
from napari_sam3_assistant.widgets.shared.run import RunGroup
from napari_sam3_assistant.widgets.simple.prompt import PromptGroup
from napari_sam3_assistant.widgets.simple.records import Records
from napari_sam3_assistant.widgets.simple.results import ResultsGroup
from napari_sam3_assistant.widgets.simple.setup import SetupGroup


class SimplePanel(QWidget):
    """The four groups, one below the other, and below them the table and the log."""

    def __init__(self, controller: AppController, bindings: Bindings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setup = SetupGroup(controller, bindings)
        self.prompt = PromptGroup(controller, bindings)
        self.run = RunGroup(controller)
        self.results = ResultsGroup(controller, bindings)
        self.records = Records(controller, bindings)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        for group in (self.setup, self.prompt, self.run, self.results, self.records):
            layout.addWidget(group)
        layout.addStretch()

    def draw(self, can: Availability) -> None:
        """Show the state."""
        self.setup.draw(can)
        self.prompt.draw(can)
        self.run.draw(can.run)
        self.results.draw(can)
        self.records.draw(can.table)
