"""The field of many phrases, one a line."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeyEvent, QPainter, QPaintEvent
from qtpy.QtWidgets import QFrame, QPlainTextEdit

from napari_sam3_assistant.app.controller import AppController
from napari_sam3_assistant.widgets.bind import Bindings

PLACEHOLDER = "Optional batch prompts: one prompt per line, then Press Ctrl+Enter to run batch text prompts."
MOST_HEIGHT_PX, LINE_ALPHA = 78, 90
ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class PhrasesField(QPlainTextEdit):
    """Phrases, one a line: Enter begins another, Ctrl+Enter looks for all of them, Tab leaves the field."""

    def __init__(self, controller: AppController, bindings: Bindings) -> None:
        super().__init__()
        self._controller, self._task = controller, controller.state.task
        self.setPlaceholderText(PLACEHOLDER)
        self.setAccessibleName("Batch text prompts")
        self.setMaximumHeight(MOST_HEIGHT_PX)
        self.setTabChangesFocus(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self._write(self._task.phrase_lines)
        self.textChanged.connect(self._typed)
        bindings.connect(self._task.events.phrase_lines, lambda text: self._write(text))

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Run at Ctrl+Enter; every other key types."""
        if event is not None and event.key() in ENTER and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._controller.run()
            event.accept()
            return
        super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw a line round the field: napari's themes give it the colour of what lies round it."""
        super().paintEvent(event)
        viewport = self.viewport()
        if viewport is not None:
            painter = QPainter(viewport)
            line = self.palette().windowText().color()
            line.setAlpha(LINE_ALPHA)
            painter.setPen(line)
            painter.drawRect(viewport.rect().adjusted(0, 0, -1, -1))

    def _typed(self) -> None:
        self._task.phrase_lines = self.toPlainText()

    def _write(self, text: str) -> None:
        if text != self.toPlainText():  # or the cursor would jump to the start at each letter
            self.setPlainText(text)
