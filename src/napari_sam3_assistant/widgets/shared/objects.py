"""The object that the next prompt is about: which one, another one, none."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPushButton, QSizePolicy, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_sam3_assistant.app.controller import AppController
from napari_sam3_assistant.app.views import ObjectsView
from napari_sam3_assistant.widgets.controls import button, draw, row


class ObjectRows(QWidget):
    """Walks through the objects, begins one, deletes one, and shows other readings of its prompts."""

    def __init__(self, controller: AppController) -> None:
        super().__init__()
        board = controller.board
        self.previous = _narrow(button("<", lambda: board.walk(-1)), "Previous object")
        self.text = QElidingLabel()
        self.text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.next = _narrow(button(">", lambda: board.walk(1)), "Next object")
        self.begin = button("New Object", board.begin_object)
        self.delete = button("Delete Object", board.delete_object)
        self.reading = button("Next Reading", board.next_reading)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        self.undo = button("Undo", board.undo)
        self.redo = button("Redo", board.redo)
        first = row(self.previous, self.text, self.next, _narrow(self.undo, "Undo"), _narrow(self.redo, "Redo"))
        first.setStretch(1, 1)
        layout.addLayout(first)
        layout.addLayout(row(self.begin, self.delete, self.reading))

    def draw(self, can: ObjectsView) -> None:
        """Show which object is selected, and what can be done with it."""
        self.text.setText(can.text)
        self.text.setToolTip(can.text)
        draw(self.previous, can.previous)
        draw(self.next, can.next)
        draw(self.begin, can.begin)
        draw(self.delete, can.delete)
        draw(self.reading, can.reading)
        draw(self.undo, can.undo)
        draw(self.redo, can.redo)


def _narrow(made: QPushButton, name: str) -> QPushButton:
    made.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
    made.setAccessibleName(name)
    return made
