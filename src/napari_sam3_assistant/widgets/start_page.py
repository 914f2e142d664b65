"""What an empty widget shows: three buttons."""

from __future__ import annotations

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_sam3_assistant.app.controller import AppController
from napari_sam3_assistant.app.views import Availability
from napari_sam3_assistant.widgets.controls import button, draw, paragraph


class StartPage(QWidget):
    """Opens a sample, takes the image that is there, or shows how to get SAM3."""

    def __init__(self, controller: AppController, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.sample = button("Try a sample", controller.open_sample, "Open a picture of nuclei and click on one.")
        self.use_image = button("Use this image", controller.use_active_image)
        self.get_sam3 = button("Get SAM3", lambda: controller.model.ask(True))
        self.status = paragraph()
        layout = QVBoxLayout(self)
        layout.addWidget(paragraph("Open an image, then click on the objects you want."))
        for widget in (self.sample, self.use_image, self.get_sam3, self.status):
            layout.addWidget(widget)
        layout.addStretch()

    def draw(self, can: Availability) -> None:
        """Show what can be done."""
        draw(self.use_image, can.use_image)
        draw(self.get_sam3, can.model.get)
        self.status.setText(can.run.status if can.run.problem else "")
        self.status.setVisible(can.run.problem)
