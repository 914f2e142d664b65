"""Controls that say in their tip the whole of what does not fit into them, and that let a wheel scroll past."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QMouseEvent, QResizeEvent, QWheelEvent
from qtpy.QtWidgets import QComboBox, QLineEdit, QSizePolicy, QSpinBox, QStyle, QStyleOptionComboBox, QStyleOptionFrame

CURSOR_PX = 4


class Combo(QComboBox):
    """A combo box whose width does not follow its longest entry."""

    pressed = Signal()
    """The mouse is about to open the list."""

    def __init__(self, tip: str = "") -> None:
        super().__init__()
        self._tip = ""
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(6)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.currentTextChanged.connect(self._tell)
        self.setToolTip(tip)

    def setToolTip(self, tip: str | None) -> None:
        """Say what the control is for; the entry stands above it where it is cut off."""
        self._tip = tip or ""
        self._tell()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """See anew whether the entry fits."""
        super().resizeEvent(event)
        self._tell()

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Tell, and open the list."""
        self.pressed.emit()
        super().mousePressEvent(event)

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        """Let the wheel scroll the dock, unless the control has the focus."""
        if event is not None and not self.hasFocus():
            event.ignore()
        else:
            super().wheelEvent(event)

    def room(self) -> int:
        """Return how wide an entry can be, in pixels."""
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        style, part = self.style(), QStyle.SubControl.SC_ComboBoxEditField
        room = (
            style.subControlRect(QStyle.ComplexControl.CC_ComboBox, option, part, self) if style is not None else None
        )
        return self.width() if room is None else room.width()

    def _tell(self, *_: object) -> None:
        text = self.currentText()
        super().setToolTip(_told(text, self._tip, self.fontMetrics().horizontalAdvance(text) > self.room()))


class Field(QLineEdit):
    """A text field."""

    def __init__(self, tip: str = "") -> None:
        super().__init__()
        self._tip = ""
        self.textChanged.connect(self._tell)
        self.setToolTip(tip)

    def setToolTip(self, tip: str | None) -> None:
        """Say what the field is for; the text, or what stands there in grey, is above it where it is cut off."""
        self._tip = tip or ""
        self._tell()

    def setPlaceholderText(self, text: str | None) -> None:
        """Write in grey into the empty field."""
        super().setPlaceholderText(text)
        self._tell()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """See anew whether the text fits."""
        super().resizeEvent(event)
        self._tell()

    def room(self) -> int:
        """Return how wide a text can be, in pixels."""
        option = QStyleOptionFrame()
        self.initStyleOption(option)
        style = self.style()
        room = style.subElementRect(QStyle.SubElement.SE_LineEditContents, option, self) if style is not None else None
        margins, button = self.textMargins(), self.height() if self.isClearButtonEnabled() and self.text() else 0
        inside = (self.width() if room is None else room.width()) - margins.left() - margins.right()
        return inside - button - CURSOR_PX

    def _tell(self, *_: object) -> None:
        text = self.text() or self.placeholderText()
        super().setToolTip(_told(text, self._tip, self.fontMetrics().horizontalAdvance(text) > self.room()))


class Number(QSpinBox):
    """A whole number; the wheel changes it only while it has the focus."""

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # not that of the wheel

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        """Let the wheel scroll the dock, unless the control has the focus."""
        if event is not None and not self.hasFocus():
            event.ignore()
        else:
            super().wheelEvent(event)


def _told(text: str, tip: str, cut: bool) -> str:
    return "\n".join(filter(None, (text if cut and text not in tip else "", tip)))
