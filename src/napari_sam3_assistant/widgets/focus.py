"""Where the focus goes: to the canvas from what the mouse presses. What the keyboard has reached keeps it."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractButton, QLineEdit, QWidget

from napari_sam3_assistant.widgets.whole import Combo


def give_focus_back(dock: QWidget, canvas: Callable[[], QWidget | None]) -> None:
    """Let a button or a combo box that the mouse presses give the focus to the canvas: its keys then work at once.

    What the press leads to may give the focus elsewhere: it comes after.

    Parameters
    ----------
    dock : QWidget
        With all its controls.
    canvas : callable
        Returns the canvas, or None.
    """

    def pressed(control: QWidget) -> None:
        found = None if control.hasFocus() else canvas()  # only the keyboard gives such a control the focus
        if found is not None:
            found.setFocus(Qt.FocusReason.MouseFocusReason)

    for button in dock.findChildren(QAbstractButton):
        if not isinstance(button.parent(), QLineEdit):  # the cross that empties a text field
            _reached_by_keys(button)
            button.pressed.connect(lambda button=button: pressed(button))
    for box in dock.findChildren(Combo):
        _reached_by_keys(box)
        box.pressed.connect(lambda box=box: pressed(box))


def _reached_by_keys(control: QWidget) -> None:
    if control.focusPolicy() & Qt.FocusPolicy.ClickFocus:
        control.setFocusPolicy(Qt.FocusPolicy.TabFocus)
