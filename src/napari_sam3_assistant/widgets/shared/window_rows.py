"""Which part of a large plane is looked at."""

from __future__ import annotations

from qtpy.QtWidgets import QCheckBox, QComboBox, QSizePolicy, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_sam3_assistant.app.task_state import TaskState
from napari_sam3_assistant.app.views import WindowView
from napari_sam3_assistant.core.window_rule import SIDES
from napari_sam3_assistant.tasks.view import LOCAL
from napari_sam3_assistant.widgets.bind import Bindings
from napari_sam3_assistant.widgets.controls import combo, fill, row, show

LOCAL_TIP = (
    "Look at a square of this size round the newest prompt. Off: the size follows the prompts, 1024 x 1024 or more."
)
WHOLE_TIP = "Look at all of the plane, from the smallest of its copies that is fine enough. Small objects are lost."


class WindowRows(QWidget):
    """Shown for planes that are too large to be taken whole unasked, and in the mode ``Advanced``."""

    def __init__(self, task: TaskState, bindings: Bindings) -> None:
        super().__init__()
        self._task = task
        self.local = QCheckBox(LOCAL)
        self.local.setToolTip(LOCAL_TIP)
        bindings.field(task, "local", self.local.toggled, self.local.setChecked)
        self.side = combo("ROI size, in pixels.")
        self.side.setAccessibleName("ROI size")
        self.side.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.side.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)
        fill(self.side, [(f"{side} x {side}", str(side)) for side in SIDES], str(task.local_side))
        self.side.currentIndexChanged.connect(self._side_chosen)
        bindings.connect(task.events.local_side, lambda side: self.side.setCurrentIndex(SIDES.index(side)))
        self.whole = QCheckBox("Whole plane")
        self.whole.setToolTip(WHOLE_TIP)
        bindings.field(task, "whole_plane", self.whole.toggled, self.whole.setChecked)
        self.text = QElidingLabel()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        second = row(self.side, self.whole, self.text)
        second.setStretch(2, 1)
        layout.addWidget(self.local)
        layout.addLayout(second)

    def draw(self, can: WindowView) -> None:
        """Show what of the plane is looked at."""
        show(self, can.shown)
        show(self.side, can.sizes)
        show(self.text, can.more)
        show(self.whole, can.more and not can.sizes)  # a window of a fixed size is not all of the plane
        self.text.setText(can.text)
        self.text.setToolTip(can.text)

    def _side_chosen(self, index: int) -> None:
        self._task.local_side = SIDES[index]
