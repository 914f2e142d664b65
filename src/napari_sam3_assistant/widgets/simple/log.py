"""The log: what was said, when, and what lay behind an error."""

from __future__ import annotations

from qtpy.QtWidgets import QPlainTextEdit, QWidget

from napari_sam3_assistant.app.activity import ActivityState, Line

MOST_LINES = 200
LINES = 8


class LogView(QPlainTextEdit):
    """The newest lines, to be read and copied. It stays where a reader has scrolled to."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._last: Line | None = None
        self.setReadOnly(True)
        self.setAccessibleName("Activity log")
        self.setPlaceholderText("Activity log")
        self.setMaximumBlockCount(MOST_LINES)

    def draw(self, activity: ActivityState) -> None:
        """Add the lines that have come since."""
        lines = activity.lines[-MOST_LINES:]
        seen = next((at for at in reversed(range(len(lines))) if lines[at] is self._last), -1)
        for line in lines[seen + 1 :]:
            self.appendPlainText(str(line))
            self._last = line
        self.setFixedHeight(LINES * self.fontMetrics().lineSpacing() + 2 * self.frameWidth() + 8)
