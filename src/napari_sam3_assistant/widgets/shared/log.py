"""The log: what was said, when, and what lay behind an error."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QApplication, QPlainTextEdit, QVBoxLayout, QWidget

from napari_sam3_assistant.app.activity import ActivityState, Line
from napari_sam3_assistant.widgets.controls import button

MOST_LINES = 200
LINES = 8


class LogView(QPlainTextEdit):
    """The newest lines, to be read and copied. It stays where a reader has scrolled to."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._last: Line | None = None
        self._all: Sequence[Line] = ()
        self.setReadOnly(True)
        self.setAccessibleName("Activity log")
        self.setPlaceholderText("Activity log")
        self.setTabChangesFocus(True)
        self.setMaximumBlockCount(MOST_LINES)

    def draw(self, activity: ActivityState) -> None:
        """Add the lines that have come since."""
        lines = activity.lines[-MOST_LINES:]
        seen = next((at for at in reversed(range(len(lines))) if lines[at] is self._last), -1)
        for line in lines[seen + 1 :]:
            self.appendPlainText(str(line))
            self._last = line
        self._all = activity.lines
        self.setFixedHeight(LINES * self.fontMetrics().lineSpacing() + 2 * self.frameWidth() + 8)

    def copy_all(self) -> None:
        """Copy every line there is, those too that are no longer shown."""
        clipboard = QApplication.clipboard()
        if clipboard is not None:
            clipboard.setText("\n".join(map(str, self._all)) + "\n")


class LogPanel(QWidget):
    """The log, and a button that copies it."""

    def __init__(self) -> None:
        super().__init__()
        self.view = LogView()
        self.copy = button("Copy Log", self.view.copy_all, "Copy all lines, to report what has happened.")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.view)
        layout.addWidget(self.copy)

    def showEvent(self, event: QShowEvent | None) -> None:
        """Write in letters of the size that napari gives to buttons."""
        super().showEvent(event)
        self.copy.ensurePolished()
        self.view.setFont(self.copy.font())
