"""Which way objects are followed from the frame on screen."""

from __future__ import annotations

from qtpy.QtWidgets import QComboBox

from napari_sam3_assistant.app.task_state import TaskState
from napari_sam3_assistant.tasks.frames import Direction
from napari_sam3_assistant.widgets.bind import Bindings
from napari_sam3_assistant.widgets.controls import combo

TITLE = "3D direction"


def direction_box(task: TaskState, bindings: Bindings) -> QComboBox:
    """Return a control of the direction."""
    box = combo()
    box.setAccessibleName(TITLE)
    box.addItems([one.value for one in Direction])
    box.setCurrentText(task.direction.value)
    box.currentTextChanged.connect(lambda text: setattr(task, "direction", Direction(text)))
    bindings.connect(task.events.direction, lambda value: box.setCurrentText(value.value))
    return box
