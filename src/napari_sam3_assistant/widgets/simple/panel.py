"""Simple mode: Setup, Prompt, Run, Results."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QButtonGroup, QGroupBox, QLabel, QProgressBar, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_sam3_assistant.app.availability import Availability
from napari_sam3_assistant.app.controller import AppController
from napari_sam3_assistant.tasks.jobs import Task
from napari_sam3_assistant.widgets.bind import Bindings
from napari_sam3_assistant.widgets.controls import button, combo, fill, paragraph, row, toggle
from napari_sam3_assistant.widgets.napari_bridge import open_mask_operations
from napari_sam3_assistant.widgets.simple.results import ResultsGroup

TASKS = ((Task.IMAGE, "2D"), (Task.LIVE_POINTS, "Live Points"))
POLARITIES = ((True, "Positive"), (False, "Negative"))


class SetupGroup(QGroupBox):
    """Which image, which task."""

    def __init__(self, controller: AppController, bindings: Bindings) -> None:
        super().__init__("Setup")
        self._controller, self._task = controller, controller.state.task
        self.image = combo("The image to segment; follows the one selected in the layer list.")
        self.image.activated.connect(self._chosen)
        self.refresh = button("Refresh", controller.use_active_image, "Use the image selected in the layer list.")
        self.summary = QElidingLabel()
        self.tasks = {task: toggle(text) for task, text in TASKS}
        self.tasks[Task.IMAGE].setToolTip("Place points, then press Run Preview.")
        self.tasks[Task.LIVE_POINTS].setToolTip("Each click gives a mask at once.")
        group = QButtonGroup(self)
        group.setExclusive(True)
        for task, made in self.tasks.items():
            group.addButton(made)
            made.clicked.connect(lambda _checked=False, task=task: controller.choose_task(task))
        bindings.connect(self._task.events.task, self._task_changed)
        self._task_changed(self._task.task)
        layout = QVBoxLayout(self)
        first = row(self.image, self.refresh)
        first.setStretch(0, 3)
        first.setStretch(1, 1)
        layout.addLayout(first)
        layout.addLayout(row(*self.tasks.values()))
        layout.addWidget(self.summary)

    def draw(self, can: Availability) -> None:
        """Show the images there are and what the chosen one is like."""
        fill(self.image, [(item.name, item.identity) for item in self._task.images], self._task.image)
        self.image.setToolTip(self.image.currentText())
        self.summary.setText(can.summary)
        self.summary.setToolTip(can.summary)

    def _chosen(self, index: int) -> None:
        self._controller.choose_image(str(self.image.itemData(index)), arm=True)

    def _task_changed(self, task: Task) -> None:
        self.tasks[task].setChecked(True)


class PromptGroup(QGroupBox):
    """What the next point means."""

    def __init__(self, controller: AppController, bindings: Bindings) -> None:
        super().__init__("Prompt")
        state = controller.state.task
        self.polarity = combo("What the next point means. T changes it.")
        for _, text in POLARITIES:
            self.polarity.addItem(text)
        self.polarity.currentIndexChanged.connect(lambda index: setattr(state, "positive", POLARITIES[index][0]))
        bindings.connect(state.events.positive, self._show_polarity)
        self._show_polarity(state.positive)
        self.create = button("Create Prompt Layer", controller.arm, "Make or select the layer SAM3 points.")
        self.reset = button("Reset Prompt", controller.reset_prompt, "Remove every point and the mask they made.")
        self.hint = paragraph()
        layout = QVBoxLayout(self)
        label = QLabel("Next point")
        label.setBuddy(self.polarity)
        layout.addLayout(row(label, self.polarity, self.reset))
        layout.addWidget(self.create)
        layout.addWidget(self.hint)

    def _show_polarity(self, positive: bool) -> None:
        self.polarity.setCurrentIndex([value for value, _ in POLARITIES].index(positive))

    def draw(self, can: Availability) -> None:
        """Show what to do next."""
        self.create.setVisible(not can.live)
        self.reset.setEnabled(can.reset)
        self.hint.setText(can.prompt_hint)


class RunGroup(QGroupBox):
    """What goes on, and the buttons that start, stop and clear it."""

    def __init__(self, controller: AppController) -> None:
        super().__init__("Run")
        self.status = paragraph()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setMaximumHeight(8)
        policy = self.bar.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.bar.setSizePolicy(policy)
        self.run = button("Run Preview", controller.segment_points)
        self.cancel = button("Cancel", controller.cancel, "Stop what runs; points and masks stay.")
        self.clear_preview = button("Clear Preview", controller.clear_preview, "Remove the preview, keep the points.")
        self.clear_results = button("Clear Results", controller.clear_results, "Forget the results listed below.")
        self.mask_ops = button(
            "Mask Ops", lambda: open_mask_operations(controller.viewer), "Clean masks in SAM3 Mask Operations."
        )
        layout = QVBoxLayout(self)
        layout.addWidget(self.status)
        layout.addWidget(self.bar)
        layout.addLayout(row(self.run, self.cancel))
        layout.addLayout(row(self.clear_preview, self.clear_results))
        layout.addWidget(self.mask_ops)

    def draw(self, can: Availability, progress: float | None) -> None:
        """Show what goes on."""
        self.status.setText(f"\N{WARNING SIGN} {can.status}" if can.problem else can.status)
        self.bar.setVisible(can.busy)
        self.bar.setRange(0, 0 if progress is None else 1000)
        self.bar.setValue(int((progress or 0) * 1000))
        self.run.setEnabled(can.run)
        self.run.setToolTip(can.run_hint)
        self.cancel.setEnabled(can.cancel)
        self.clear_preview.setEnabled(can.clear_preview)
        self.clear_results.setEnabled(can.clear_results)


class SimplePanel(QWidget):
    """The four groups, one below the other."""

    def __init__(self, controller: AppController, bindings: Bindings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run_state = controller.state.run
        self.setup = SetupGroup(controller, bindings)
        self.prompt = PromptGroup(controller, bindings)
        self.run = RunGroup(controller)
        self.results = ResultsGroup(controller, bindings)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for group in (self.setup, self.prompt, self.run, self.results):
            layout.addWidget(group)
        layout.addStretch()
        for keys, slot in (("T", controller.live.toggle_next), ("Shift+T", controller.live.flip)):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(slot)

    def draw(self, can: Availability) -> None:
        """Show the state."""
        self.setup.draw(can)
        self.prompt.draw(can)
        self.run.draw(can, self._run_state.progress)
        self.results.draw(can)
