"""The keys of the canvas, in the dock too; and ``?``, which opens the list of them, in the whole window."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QApplication,
    QDialog,
    QGridLayout,
    QLabel,
    QLayout,
    QLineEdit,
    QPlainTextEdit,
    QTextEdit,
    QWidget,
)

from napari_sam3_assistant.app.controller import AppController
from napari_sam3_assistant.app.keys import KEYS, MOUSE

SHEET_KEY = "?"
TEXT_FIELDS = (QLineEdit, QTextEdit, QPlainTextEdit, QAbstractSpinBox)


class DockKeys:
    """Binds every key to a dock and what lies in it.

    Parameters
    ----------
    controller : AppController
    dock : QWidget
    """

    def __init__(self, controller: AppController, dock: QWidget) -> None:
        self.shortcuts: list[QShortcut] = []
        for key in KEYS:
            bound = _shortcut(key.shortcut, dock, partial(key.verb, controller))
            bound.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            self.shortcuts.append(bound)
        task = controller.state.task
        _shortcut(SHEET_KEY, dock, lambda: setattr(task, "sheet", not task.sheet))

    def enable(self, enabled: bool) -> None:
        """Let the keys work, or not: without an image there is nothing they could be about. ``?`` always works."""
        for bound in self.shortcuts:
            bound.setEnabled(enabled)


class KeySheet(QDialog):
    """The list of keys and what the mouse does; stays open while one works.

    Closing it, by ``Escape``, ``?`` or its cross, calls ``closed``.

    Parameters
    ----------
    parent : QWidget
        It closes with this one.
    closed : callable
    """

    def __init__(self, parent: QWidget, closed: Callable[[], object]) -> None:
        super().__init__(parent)
        self.setWindowTitle("SAM3 Assistant: keys and mouse")
        self.finished.connect(lambda _result: closed())
        _shortcut(SHEET_KEY, self, self.close)
        layout = QGridLayout(self)
        layout.setHorizontalSpacing(18)
        layout.setVerticalSpacing(4)
        layout.setSizeConstraint(QLayout.SizeConstraint.SetFixedSize)
        rows = [
            ("Keys", "In the canvas, and in the dock unless you type"),
            *((key.shortcut, key.title) for key in KEYS),
        ]
        rows += [("", ""), ("Mouse and more", "In the canvas"), *MOUSE]
        for at, (keys, title) in enumerate(rows):
            layout.addWidget(QLabel(f"<b>{keys}</b>"), at, 0)
            layout.addWidget(QLabel(title), at, 1)


def _shortcut(keys: str, parent: QWidget, slot: Callable[[], object]) -> QShortcut:
    """Return a shortcut for the window of ``parent``. A key that is held does its work once."""
    made = QShortcut(QKeySequence(keys), parent)
    made.setAutoRepeat(False)
    made.activated.connect(lambda: None if typing() else slot())
    return made


def typing() -> bool:
    """Return whether one types: a text field takes most keys itself, and the rest are not ours. The log is no such."""
    field = QApplication.focusWidget()
    return isinstance(field, TEXT_FIELDS) and not field.isReadOnly()
