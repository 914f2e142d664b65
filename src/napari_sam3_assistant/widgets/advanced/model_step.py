"""Step 1: SAM3's model looked into, loaded, and its memory given back."""

from __future__ import annotations

from qtpy.QtWidgets import QGroupBox

from napari_sam3_assistant.app.controller import AppController
from napari_sam3_assistant.app.views import ModelView
from napari_sam3_assistant.widgets.controls import button, column, draw, row


class ModelStep(QGroupBox):
    """What can be done with the model."""

    def __init__(self, controller: AppController) -> None:
        super().__init__("Validate, load, or unload the selected model")
        self.unload = button("Unload", controller.model.unload)
        layout = column(self)
        layout.addLayout(row(self.unload))

    def draw(self, can: ModelView) -> None:
        """Show what can be done."""
        draw(self.unload, can.unload)
