"""What the next point, or the next box, means."""

from __future__ import annotations

from qtpy.QtWidgets import QComboBox

from napari_sam3_assistant.app.task_state import TaskState
from napari_sam3_assistant.widgets.bind import Bindings
from napari_sam3_assistant.widgets.controls import combo


def polarity_box(task: TaskState, bindings: Bindings) -> QComboBox:
    """Return a control of what the next point means."""
    return _either(task, "positive", ("Positive", "Negative"), "What the next point means (T changes it).", bindings)


def box_polarity_box(task: TaskState, bindings: Bindings) -> QComboBox:
    """Return a control of what the next box shows."""
    words = ("Example", "Counter-example")
    return _either(task, "positive_box", words, "What the next box shows (J changes it).", bindings)


def _either(task: TaskState, field: str, words: tuple[str, str], tip: str, bindings: Bindings) -> QComboBox:
    """Return a box whose first entry means that a field is true, and the second that it is not."""
    box = combo(tip)
    box.addItems(words)
    box.setCurrentIndex(0 if getattr(task, field) else 1)
    box.currentIndexChanged.connect(lambda index: setattr(task, field, index == 0))
    bindings.connect(getattr(task.events, field), lambda value: box.setCurrentIndex(0 if value else 1))
    return box
