"""Offers to bring back what an earlier process has left of the picture in use; in both modes."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_sam3_assistant.app.views import JournalView
from napari_sam3_assistant.widgets.controls import button, draw, paragraph, row, show


class JournalRow(QWidget):
    """A line that says what was left, and two buttons; hidden where nothing was.

    Parameters
    ----------
    title : str
        Of the button that brings it back.
    restore, discard : callable
    """

    def __init__(self, title: str, restore: Callable[[], None], discard: Callable[[], None]) -> None:
        super().__init__()
        self.text = paragraph()
        self.restore = button(title, restore)
        self.discard = button("Discard", discard)
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
