"""The offer to bring back what an earlier process has kept of the picture in use; in both modes."""

from __future__ import annotations

from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_sam3_assistant.app.controller import AppController
from napari_sam3_assistant.app.views import JournalView
from napari_sam3_assistant.widgets.controls import button, draw, paragraph, row, show


class JournalRow(QWidget):
    """A line that says what was kept, and two buttons; hidden where nothing was."""

    def __init__(self, controller: AppController) -> None:
        super().__init__()
        offers = controller.accepting.offers
        self.text = paragraph()
        self.restore = button("Restore", offers.restore)
        self.discard = button("Discard", offers.discard)
        for one in (self.restore, self.discard):
            one.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        layout = row(self.text, self.restore, self.discard)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setStretch(0, 1)
        self.setLayout(layout)
        self.hide()

    def draw(self, can: JournalView) -> None:
        """Show what is offered."""
        self.text.setText(can.text)
        draw(self.restore, can.restore)
        draw(self.discard, can.discard)
        show(self, bool(can.text))
