"""What is looked for: words, and the score from which what is found is kept."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QDoubleSpinBox, QWidget

from napari_sam3_assistant.app.controller import AppController
from napari_sam3_assistant.app.guide import THRESHOLD
from napari_sam3_assistant.app.task_state import TaskState
from napari_sam3_assistant.widgets.bind import Bindings
from napari_sam3_assistant.widgets.whole import Field


class WordsField(Field):
    """Words that name objects; Enter looks for them."""

    def __init__(self, controller: AppController, bindings: Bindings) -> None:
        super().__init__("What to look for, such as: nucleus. Separate several phrases by commas; Enter runs.")
        self._controller = controller
        self.setPlaceholderText("Text prompt")
        self.setAccessibleName("Text prompt")
        self.setClearButtonEnabled(True)
        bindings.field(controller.state.task, "text", self.textChanged, self._write)
        self.returnPressed.connect(controller.finding.enter)

    def _write(self, text: str) -> None:
        if text != self.text():  # or the cursor would jump to the end at each letter
            self.setText(text)


class ThresholdBox(QDoubleSpinBox):
    """The score from which what is found is kept; below all others stands what is usual."""

    def __init__(self, task: TaskState, bindings: Bindings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._task = task
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # not that of the wheel
        self.setRange(0, 1)
        self.setSingleStep(0.05)
        self.setSpecialValueText("Auto")
        self.setKeyboardTracking(False)  # else the first digit counts, and is rewritten under the cursor
        self.setToolTip(THRESHOLD)
        self._write(task.threshold)
        self.valueChanged.connect(self._set)
        bindings.connect(task.events.threshold, lambda value: self._write(value))

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        """Let the wheel scroll the dock, unless the control has the focus."""
        if event is not None and not self.hasFocus():
            event.ignore()
        else:
            super().wheelEvent(event)

    def _set(self, value: float) -> None:
        self._task.threshold = round(value, 2) or None

    def _write(self, value: float | None) -> None:
        self.setValue(value or 0)
