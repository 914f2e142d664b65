"""Step 1: SAM3's model looked into, loaded, and its memory given back."""

from __future__ import annotations

from qtpy.QtWidgets import QCheckBox, QGroupBox

from napari_sam3_assistant.app.controller import AppController
from napari_sam3_assistant.app.model_row_views import ModelStepView
from napari_sam3_assistant.widgets.controls import button, column, draw, row


class ModelStep(QGroupBox):
    """What can be done with the model."""

    def __init__(self, controller: AppController) -> None:
        super().__init__("Validate, load, or unload the selected model")
        model, state = controller.model, controller.state.model
        self.validate = button("Validate", model.validate)
        self.load_image = button("Load 2D Model", model.load_image)
        self.load_video = button("Load 3D/Video Model", model.load_video)
        self.unload = button("Unload", lambda: model.unload())
        self.load_on_run = QCheckBox("Load model when running")
        self.load_on_run.clicked.connect(lambda wanted: setattr(state, "load_on_run", bool(wanted)))
        layout = column(self)
        layout.addLayout(row(self.validate, self.unload))
        layout.addLayout(row(self.load_image, self.load_video))
        layout.addWidget(self.load_on_run)

    def draw(self, can: ModelStepView) -> None:
        """Show what can be done."""
        draw(self.validate, can.validate)
        draw(self.load_image, can.load_image)
        draw(self.load_video, can.load_video)
        draw(self.unload, can.unload)
        self.load_on_run.setChecked(can.load_on_run)
        self.load_on_run.setToolTip(can.load_on_run_tip)
