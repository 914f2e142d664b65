"""Controls that several widgets share. None of them asks for more width than a narrow dock has."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget


def button(text: str, clicked: Callable[[], object], tip: str = "") -> QPushButton:
    """Return a push button that can become as narrow as its text."""
    made = QPushButton(text)
    made.setToolTip(tip)
    made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    made.clicked.connect(lambda _checked=False: clicked())
    return made


def toggle(text: str, tip: str = "") -> QPushButton:
    """Return a button that stays pressed; used in exclusive groups."""
    made = QPushButton(text)
    made.setCheckable(True)
    made.setToolTip(tip)
    made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return made


def combo(tip: str = "") -> QComboBox:
    """Return a combo box whose width does not follow its longest entry."""
    made = QComboBox()
    made.setToolTip(tip)
    made.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    made.setMinimumContentsLength(6)
    made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return made


def paragraph(text: str = "") -> QLabel:
    """Return a label that wraps, and that never widens the dock."""
    made = QLabel(text)
    made.setWordWrap(True)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    made.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    return made


def row(*widgets: QWidget) -> QHBoxLayout:
    """Return the widgets side by side."""
    layout = QHBoxLayout()
    for widget in widgets:
        layout.addWidget(widget)
    return layout


def fill(box: QComboBox, entries: Iterable[tuple[str, str]], current: str | None) -> None:
    """Make the entries of a combo box ``(text, value)`` and select ``current``, without telling anyone.

    Nothing is touched where all is as it should be: a list that is open stays open.
    """
    wanted = list(entries)
    have = [(box.itemText(k), str(box.itemData(k))) for k in range(box.count())]
    index = next((k for k, (_, value) in enumerate(wanted) if value == current), -1)
    if have == wanted and box.currentIndex() == index:
        return
    if have != wanted:
        box.clear()
        for text, value in wanted:
            box.addItem(text, value)
    box.setCurrentIndex(index)
