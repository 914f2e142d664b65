"""Which image, which task, which part of a large plane."""

from __future__ import annotations

from qtpy.QtWidgets import QSizePolicy
from superqt import QElidingLabel

from napari_sam3_assistant.app.controller import AppController
from napari_sam3_assistant.app.panel_state import Section
from napari_sam3_assistant.app.views import Availability
from napari_sam3_assistant.tasks.jobs import Task
from napari_sam3_assistant.widgets.bind import Bindings
from napari_sam3_assistant.widgets.controls import Toggles, button, column, combo, draw, fill, labelled, row, show
from napari_sam3_assistant.widgets.letters import Group
from napari_sam3_assistant.widgets.section import fold, show_fold
from napari_sam3_assistant.widgets.shared.channels import ChannelsRow, LimitsBox
from napari_sam3_assistant.widgets.shared.direction import TITLE, direction_box
from napari_sam3_assistant.widgets.shared.frames import FrameRows
from napari_sam3_assistant.widgets.shared.window_rows import WindowRows

TASKS = (
    (Task.IMAGE, "2D", "Place points, boxes or labels, then press Run Preview."),
    (Task.TEXT, "Text", "Type what you look for: all that it names are found. Needs SAM3."),
    (Task.LIVE_POINTS, "Live Points", "Each click gives a mask at once."),
    (Task.EXEMPLAR, "Exemplar", "Draw a box round one object: all that look like it are found."),
    (Task.VIDEO, "3D/Video", "Point at objects on one slice or frame: they are followed through all of them."),
)
FRAMES_TIP = "Which frames are gone through, along which axis, and whether the slider follows."


class SetupGroup(Group):
    """Which image, which task."""

    def __init__(self, controller: AppController, bindings: Bindings) -> None:
        super().__init__("Setup")
        self._controller, self._task, self._panel = controller, controller.state.task, controller.state.panel
        self.image = combo("The image to segment; follows the one selected in the layer list.")
        self.image.activated.connect(self._chosen)
        self.refresh = button("Refresh", controller.use_active_image, "Use the image selected in the layer list.")
        self.summary = QElidingLabel()
        toggles = Toggles(TASKS, controller.choose_task)
        self.tasks = toggles.buttons
        toggles.show_value(self._task.task)
        bindings.connect(self._task.events.task, lambda task: toggles.show_value(task))
        layout = column(self)
        first = row(self.image, self.refresh)
        first.setStretch(0, 3)
        first.setStretch(1, 1)
        layout.addLayout(first)
        layout.addWidget(toggles)
        self.channels, self.limits = ChannelsRow(controller, bindings), LimitsBox(controller)
        second = row(self.summary, self.limits)
        second.setStretch(0, 1)
        layout.addWidget(self.channels)
        layout.addLayout(second)
        self.window = WindowRows(self._task, bindings)
        layout.addWidget(self.window)
        self.direction = direction_box(self._task, bindings)
        self._direction_row = labelled(TITLE, self.direction)
        self.open_frames = fold("Frames", FRAMES_TIP)
        self.open_frames.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)  # its tip has all of it
        self.open_frames.clicked.connect(self._open_frames)
        self.frames = FrameRows(controller, bindings)
        third = row(self._direction_row, self.open_frames)
        third.setStretch(1, 1)
        layout.addLayout(third)
        layout.addWidget(self.frames)

    def draw(self, can: Availability) -> None:
        """Show the images there are and what the chosen one is like."""
        fill(self.image, [(item.name, item.identity) for item in self._task.images], self._task.image)
        self.image.setToolTip(self.image.currentText())
        self.summary.setText(can.summary)
        self.summary.setToolTip(can.summary)
        self.channels.draw(can.channels)
        self.limits.draw(can.channels)
        self.window.draw(can.window)
        draw(self.direction, can.video.direction)
        opened = Section.FRAMES in self._panel.opened
        self.open_frames.setText(can.frames.line)
        self.open_frames.setToolTip(f"{can.frames.line}\n{FRAMES_TIP}")
        show_fold(self.open_frames, self.frames, opened=opened)
        for widget in (self._direction_row, self.open_frames):
            show(widget, can.video.on)
        show(self.frames, can.video.on and opened)
        self.frames.draw(can.frames)

    def _open_frames(self, opened: bool) -> None:
        chosen = {Section.FRAMES}
        self._panel.opened = self._panel.opened | chosen if opened else self._panel.opened - chosen

    def _chosen(self, index: int) -> None:
        self._controller.choose_image(str(self.image.itemData(index)), arm=True)
