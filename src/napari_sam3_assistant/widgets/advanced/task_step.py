"""Step 2: which task, which image, which part of it."""

from __future__ import annotations

from qtpy.QtWidgets import QCheckBox, QGroupBox, QWidget
from superqt import QElidingLabel

from napari_sam3_assistant.app.controller import AppController
from napari_sam3_assistant.app.panel_state import Section as Name
from napari_sam3_assistant.app.views import Availability
from napari_sam3_assistant.tasks.jobs import Task
from napari_sam3_assistant.widgets.advanced.exemplar_rows import ExemplarRows
from napari_sam3_assistant.widgets.bind import Bindings
from napari_sam3_assistant.widgets.controls import button, combo, draw, fill, form, paragraph, row
from napari_sam3_assistant.widgets.section import Section
from napari_sam3_assistant.widgets.shared.channels import ChannelsRow, LimitsBox, axis_box
from napari_sam3_assistant.widgets.shared.direction import TITLE, direction_box
from napari_sam3_assistant.widgets.shared.finding import ThresholdBox
from napari_sam3_assistant.widgets.shared.frames import FrameRows
from napari_sam3_assistant.widgets.shared.window_rows import WindowRows

TASKS = (
    (Task.IMAGE, "2D segmentation"),
    (Task.VIDEO, "3D/video propagation"),
    (Task.EXEMPLAR, "Exemplar segmentation"),
    (Task.TEXT, "Text segmentation"),
    (Task.LIVE_POINTS, "Live Points (positive/negative)"),
)
NOTE = "Only change these if your image layout or detection behavior needs manual tuning."
AXIS_HINT = "Leave -1 unless your image has an explicit channel dimension."


class TaskStep(QGroupBox):
    """The task, the image and the part of it that is looked at."""

    def __init__(self, controller: AppController, bindings: Bindings) -> None:
        super().__init__("Choose the SAM3 task and target image")
        self._controller, self._task = controller, controller.state.task
        self.task = combo("What is to be done.")
        self.task.activated.connect(lambda index: controller.choose_task(Task(str(self.task.itemData(index)))))
        self.image = combo("The image to segment; follows the one selected in the layer list.")
        self.image.activated.connect(lambda index: controller.choose_image(str(self.image.itemData(index)), arm=True))
        self.refresh = button("Refresh", controller.use_active_image, "Use the image selected in the layer list.")
        self.batch = QCheckBox("Batch all image layers")
        bindings.field(self._task, "batch", self.batch.toggled, self.batch.setChecked)
        self.summary = QElidingLabel()
        self.channels = ChannelsRow(controller, bindings, axis=False)
        self.limits = LimitsBox(controller)
        self.window = WindowRows(self._task, bindings)
        self.exemplar = ExemplarRows(self._task)
        self.tuning = Tuning(controller, bindings)
        self.section = Section(controller.state.panel, Name.TUNING, "Advanced", self.tuning, NOTE)
        layout = form(self)
        layout.addRow("Task", self.task)
        target = row(self.image, self.refresh)
        target.setStretch(0, 1)
        layout.addRow("Target image", target)
        layout.addRow(self.batch)
        layout.addRow(self.summary)
        for widget in (self.channels, self.limits, self.window, self.exemplar, self.section):
            layout.addRow(widget)

    def draw(self, can: Availability) -> None:
        """Show what is chosen and what the image is like."""
        fill(self.task, [(title, task.value) for task, title in TASKS], self._task.task.value)
        fill(self.image, [(item.name, item.identity) for item in self._task.images], self._task.image)
        self.image.setToolTip(self.image.currentText())
        draw(self.batch, can.batch.images)
        self.summary.setText(can.summary)
        self.summary.setToolTip(can.summary)
        self.channels.draw(can.channels)
        self.limits.draw(can.channels)
        self.window.draw(can.window)
        self.exemplar.draw(can.exemplar)
        self.section.draw()
        self.tuning.draw(can)


class Tuning(QWidget):
    """What is seldom changed."""

    def __init__(self, controller: AppController, bindings: Bindings) -> None:
        super().__init__()
        task = controller.state.task
        self.axis = axis_box(task, bindings)
        self.threshold = ThresholdBox(task, bindings)
        layout = form(self)
        layout.addRow(paragraph(NOTE, lines=2))
        layout.addRow("Channel axis", self.axis)
        layout.addRow(paragraph(AXIS_HINT, lines=2))
        layout.addRow("Detection threshold", self.threshold)
        self.direction = direction_box(task, bindings)
        layout.addRow(TITLE, self.direction)
        self.diagnostics = QCheckBox("Log SAM3.1 diagnostics")
        self.diagnostics.clicked.connect(lambda wanted: setattr(controller.state.meta, "diagnostics", bool(wanted)))
        layout.addRow(self.diagnostics)
        self.frames = FrameRows(controller, bindings)
        layout.addRow(self.frames)

    def draw(self, can: Availability) -> None:
        """Enable what applies."""
        draw(self.threshold, can.guide.threshold)
        draw(self.direction, can.video.direction)
        draw(self.diagnostics, can.video.diagnostics)
        self.diagnostics.setChecked(can.video.diagnosing)
        self.frames.draw(can.frames)
