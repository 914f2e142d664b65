"""Accepting what came of a run."""

from __future__ import annotations

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_sam3_assistant.app.controller import AppController
from napari_sam3_assistant.app.views import ResultsView
from napari_sam3_assistant.widgets.controls import button, draw, row, show


class AcceptRows(QWidget):
    """Accepts objects, takes that back, and edits what was accepted."""

    def __init__(self, controller: AppController) -> None:
        super().__init__()
        self.accept_clear = button("Accept + Clear", lambda: controller.accepting.accept(clear=True))
        self.accept_only = button("Accept Only", lambda: controller.accepting.accept(clear=False))
        self.undo_accept = button("Undo Last Accept", lambda: controller.accepting.undo_last())
        self.edit = button("Edit Accepted", lambda: controller.editing.press())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(row(self.accept_clear, self.accept_only, self.undo_accept))
        layout.addWidget(self.edit)

    def draw(self, can: ResultsView) -> None:
        """Show what can be done with the masks."""
        show(self.edit, bool(can.edit_text))
        self.edit.setText(can.edit_text)
        for control, action in (
            (self.accept_clear, can.accept_clear),
            (self.accept_only, can.accept_only),
            (self.undo_accept, can.undo_accept),
            (self.edit, can.edit),
        ):
            draw(control, action)
