"""Whether SAM3's model is there, where it is, how to get it, its type and device, and its memory given back."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QSizePolicy, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_sam3_assistant.app.controller import AppController
from napari_sam3_assistant.app.model_availability import chosen_type
from napari_sam3_assistant.app.model_row_views import ModelStepView, ModelView
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.widgets.controls import button, combo, draw, fill, label, paragraph, row, show

BUILTIN = registry.BUILTIN.name
CHOOSE_FOLDER = {False: "Select SAM3.0 model directory", True: "Select SAM3 model directory"}
"""The title of the dialog, in the mode ``Simple`` and in ``Advanced``."""


class ModelRow(QWidget):
    """The row ``Model``, and the line below it: which engine answers and why, or what is wrong and what to do."""

    def __init__(self, controller: AppController, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller = controller
        self.status = QElidingLabel()
        self.folder = button("Model Folder", self._choose)
        self.get = button("Get SAM3", lambda: controller.model.ask(True))
        self.unload = button("Unload", lambda: controller.model.unload())
        self.builtin = button("Use Built-in", lambda: controller.model.choose_engine(BUILTIN))
        self.server = button("Server...", lambda: controller.model.server.ask(True))
        self.python = button("Python...", lambda: controller.model.meta.ask(True))
        buttons = self.folder, self.get, self.unload, self.builtin, self.server, self.python
        for one in buttons:
            one.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.reason = QElidingLabel()
        self.reason.setElideMode(Qt.TextElideMode.ElideMiddle)
        self.advice = paragraph()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        first = row(self.status, *buttons)
        first.setStretch(0, 1)
        layout.addLayout(first)
        layout.addWidget(self.reason)
        layout.addWidget(self.advice)

    def draw(self, can: ModelView) -> None:
        """Show what is there and what can be done."""
        self.status.setText(can.status)
        self.status.setMinimumWidth(self.status.fontMetrics().horizontalAdvance(can.status) + 2)
        self.status.setToolTip(can.status_tip)
        draw(self.folder, can.folder)
        draw(self.get, can.get)
        draw(self.unload, can.unload)
        draw(self.builtin, can.builtin)
        draw(self.server, can.server)
        draw(self.python, can.python)
        show(self.folder, not can.remote)
        show(self.get, can.offer)
        show(self.unload, not can.offer and not can.remote)
        show(self.builtin, can.alone)
        show(self.server, can.remote)
        show(self.python, can.of_meta)
        self.reason.setText(can.reason)
        self.reason.setToolTip(can.reason_tip)
        self.reason.setVisible(not can.advice)
        self.advice.setText(can.advice)
        self.advice.setToolTip(can.reason_tip)
        self.advice.setVisible(bool(can.advice))

    def _choose(self) -> None:
        folder = choose_folder(self, self._controller)
        if folder is not None:
            self._controller.model.choose_folder(folder)


class ModelChoices(QWidget):
    """Which release of SAM3 is meant, and where it runs: shown in the mode ``Advanced``, and so in both."""

    def __init__(self, controller: AppController, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.type, self.device = combo(), combo()
        self.type.setAccessibleName("Model type")
        self.type.activated.connect(
            lambda index: controller.model.choose_type(chosen_type(str(self.type.itemData(index))))
        )
        self.device.activated.connect(lambda index: controller.model.choose_device(str(self.device.itemData(index))))
        layout = row(self.type, label("Device", self.device), self.device)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setStretch(0, 1)
        layout.setStretch(2, 1)
        self.setLayout(layout)

    def draw(self, can: ModelStepView) -> None:
        """Show what is chosen, and what there is to choose."""
        fill(self.type, can.types, can.model_type)
        fill(self.device, can.devices, can.device)
        self.type.setToolTip(can.type_tip)
        self.device.setToolTip(can.device_tip)
        show(self, can.shown)


def choose_folder(parent: QWidget, controller: AppController) -> Path | None:
    """Return the model folder that the user picks, or None."""
    start = controller.state.model.folder or str(Path.home())
    folder = QFileDialog.getExistingDirectory(parent, CHOOSE_FOLDER[controller.state.task.advanced], start)
    return Path(folder) if folder else None
