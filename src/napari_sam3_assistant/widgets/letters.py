"""Letters that are pressed with Alt: underlined in what is seen, while the text stays as it is.

napari's own menus have F, V, L, P, W and H.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import (
    QAbstractButton,
    QGroupBox,
    QPushButton,
    QRadioButton,
    QStyleOptionButton,
    QStyleOptionGroupBox,
    QStyleOptionToolButton,
    QToolButton,
    QWidget,
)

TAKEN = frozenset("FVLPWHSC")
"""By napari: its menus, and Alt+S and Alt+C, which take pictures of the window."""
REASON = Qt.FocusReason.ShortcutFocusReason


class Push(QPushButton):
    """A button with a letter of its own."""

    letter = ""

    def initStyleOption(self, option: QStyleOptionButton | None) -> None:
        """Underline the letter."""
        super().initStyleOption(option)
        if option is not None:
            option.text = _marked(option.text, self.letter)


ARROW_PX = 8
"""What is left free round the arrow of a title."""


class Opener(QToolButton):
    """A title that opens something, with a letter of its own. Enter presses it too, as Space does."""

    letter = ""

    def __init__(self) -> None:
        super().__init__()
        for key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            pressed = QShortcut(QKeySequence(key), self)
            pressed.setContext(Qt.ShortcutContext.WidgetShortcut)
            pressed.activated.connect(self.click)

    def initStyleOption(self, option: QStyleOptionToolButton | None) -> None:
        """Underline the letter; of a text that is too long the end is left out."""
        super().initStyleOption(option)
        if option is not None:
            room = self.width() - option.iconSize.width() - ARROW_PX
            cut = self.fontMetrics().elidedText(option.text, Qt.TextElideMode.ElideRight, room)
            option.text = _marked(cut, self.letter)


class Group(QGroupBox):
    """A frame with a title, which has a letter of its own."""

    letter = ""

    def initStyleOption(self, option: QStyleOptionGroupBox | None) -> None:
        """Underline the letter."""
        super().initStyleOption(option)
        if option is not None:
            option.text = _marked(option.text, self.letter)


class Letters:
    """Binds letters to a dock: what of them is seen is pressed, opened, or gone to.

    A button is pressed and the focus stays where it is. A title that opens something opens it, and a group gives
    the focus to the first of its controls. macOS writes letters with this key, and has none of it.

    Parameters
    ----------
    dock : QWidget
        They work in its whole window.
    controls : mapping of str to sequence of QWidget
        Of each letter, one of which is seen at a time.
    """

    def __init__(self, dock: QWidget, controls: Mapping[str, Sequence[QWidget]]) -> None:
        self.controls = controls
        self.shortcuts: list[QShortcut] = []
        if sys.platform == "darwin":
            return
        for letter, ones in controls.items():
            for one in ones:
                if isinstance(one, (Push, Opener, Group)):
                    one.letter = letter
            bound = QShortcut(QKeySequence(f"Alt+{letter}"), dock)
            bound.setAutoRepeat(False)
            bound.activated.connect(lambda letter=letter: self.press(letter))
            self.shortcuts.append(bound)

    def press(self, letter: str) -> None:
        """Do what the letter stands for."""
        for one in self.controls[letter]:
            if one.isVisible() and one.isEnabled():
                _press(one)
                return


def _press(control: QWidget) -> None:
    if isinstance(control, Opener):
        control.setFocus(REASON)
        if not control.isChecked():
            control.click()
    elif isinstance(control, QRadioButton):
        control.setFocus(REASON)
        control.click()
    elif isinstance(control, QAbstractButton):
        control.click()
    else:
        first = first_control(control)
        if first is not None:
            first.setFocus(REASON)


def first_control(around: QWidget) -> QWidget | None:
    """Return the first control in a part that the Tab key leads to, or None."""
    one = around.nextInFocusChain()
    while one is not None and one is not around and around.isAncestorOf(one):
        if one.isVisible() and one.isEnabled() and one.focusPolicy() & Qt.FocusPolicy.TabFocus:
            return one
        one = one.nextInFocusChain()
    return None


def _marked(text: str, letter: str) -> str:
    """Return a text in which Qt underlines the letter, where it begins a word if it does."""
    if not letter:
        return text
    places = [at for at, one in enumerate(text) if one.upper() == letter]
    begin = [at for at in places if at == 0 or not text[at - 1].isalnum()]
    at = next(iter(begin or places), None)
    return text if at is None else f"{text[:at]}&{text[at:]}"
