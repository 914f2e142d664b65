"""What an empty widget shows: three buttons."""

from __future__ import annotations

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_sam3_assistant.app.availability import Availability
from napari_sam3_assistant.app.controller import AppController
from napari_sam3_assistant.widgets.controls import button, draw, paragraph

GET_SAM3 = (
    "This release answers with the built-in engine, which needs no model: clicks and corrections on clear "
    "objects. The SAM3 engine, which also reads words, comes with a later release.\n\n"
    "Its weights are free, but Meta asks you to agree to a licence, and that may take days. To be ready:\n"
    "1. Ask for access at huggingface.co/facebook/sam3.\n"
    "2. Download config.json, processor_config.json and model.safetensors into one folder."
)


class StartPage(QWidget):
    """Opens a sample, takes the image that is there, or says how to get SAM3."""

    def __init__(self, controller: AppController, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.sample = button("Try a sample", controller.open_sample, "Open a picture of nuclei and click on one.")
        self.use_image = button("Use this image", controller.use_active_image)
        self.get_sam3 = button("Get SAM3", self._tell, "What to do to get Meta's model.")
        self.status = paragraph()
        self.about = paragraph(GET_SAM3)
        self.about.hide()
        layout = QVBoxLayout(self)
        layout.addWidget(paragraph("Open an image, then click on the objects you want."))
        for widget in (self.sample, self.use_image, self.get_sam3, self.status, self.about):
            layout.addWidget(widget)
        layout.addStretch()

    def draw(self, can: Availability) -> None:
        """Show what can be done."""
        draw(self.use_image, can.use_image)
        self.status.setText(can.run.status if can.run.problem else "")
        self.status.setVisible(can.run.problem)

    def _tell(self) -> None:
        self.about.setVisible(not self.about.isVisible())
