"""Advanced mode: Steps 1 to 5 and the log, one below the other, each folded away or open."""

from __future__ import annotations

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_sam3_assistant.app.controller import AppController
from napari_sam3_assistant.app.panel_state import Section as Name
from napari_sam3_assistant.app.views import Availability
from napari_sam3_assistant.widgets.advanced.model_step import ModelStep
from napari_sam3_assistant.widgets.advanced.prompt_step import PromptStep
from napari_sam3_assistant.widgets.advanced.results_step import ResultsStep
from napari_sam3_assistant.widgets.advanced.run_step import RunStep
from napari_sam3_assistant.widgets.advanced.task_step import TaskStep
from napari_sam3_assistant.widgets.bind import Bindings
from napari_sam3_assistant.widgets.section import Section
from napari_sam3_assistant.widgets.shared.log import LogPanel


class AdvancedPanel(QWidget):
    """The steps, one below the other, and the log."""

    def __init__(self, controller: AppController, bindings: Bindings) -> None:
        super().__init__()
        self._state = controller.state
        self.model = ModelStep(controller)
        self.task = TaskStep(controller, bindings)
        self.prompts = PromptStep(controller, bindings)
        self.run = RunStep(controller, bindings)
        self.results = ResultsStep(controller, bindings)
        self.log_panel = LogPanel()
        self.log = self.log_panel.view
        self.sections = {
            name: Section(self._state.panel, name, title, content, tip)
            for name, title, content, tip in (
                (Name.MODEL, "Step 1. Model Actions", self.model, "Validate, load or unload SAM3's model."),
                (Name.TASK, "Step 2. Task Setup", self.task, "What is to be done, to which image."),
                (Name.PROMPTS, "Step 3. Prompt Tools", self.prompts, "What shows the objects."),
                (Name.RUN, "Step 4. Run and Save", self.run, "Make masks, accept and save them."),
                (Name.RESULTS, "Step 5. Results", self.results, "The objects as rows."),
                (Name.LOG, "Log. Activity", self.log_panel, "What was said, when, and what lay behind an error."),
            )
        }
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        for section in self.sections.values():
            layout.addWidget(section)
        layout.addStretch()

    def draw(self, can: Availability) -> None:
        """Show the state."""
        for section in self.sections.values():
            section.draw()
        self.model.draw(can.model_step)
        self.task.draw(can)
        self.prompts.draw(can)
        self.run.draw(can)
        self.results.draw(can)
        if Name.LOG in self._state.panel.opened:
            self.log.draw(self._state.activity)
