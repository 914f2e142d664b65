"""The strip above both modes: which mode, which engine answers and why, SAM3's model, and the list of keys."""

from __future__ import annotations

from qtpy.QtWidgets import QRadioButton, QSizePolicy, QVBoxLayout, QWidget

from napari_sam3_assistant.app.controller import AppController
from napari_sam3_assistant.app.views import Availability
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.widgets.bind import Bindings
from napari_sam3_assistant.widgets.controls import button, combo, fill, label, row
from napari_sam3_assistant.widgets.model_row import ModelChoices, ModelRow
from napari_sam3_assistant.widgets.sound import sound_box

MULTIPLEX = registry.MULTIPLEX.name
"""Chosen by the type of the model, not here."""
MODES = {False: "The shortest way from a picture to a mask.", True: "Every control, step by step."}


class TopStrip(QWidget):
    """The modes, the rows ``Engine`` and ``Model``, and the line that says what is used."""

    def __init__(self, controller: AppController, bindings: Bindings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller, self._model = controller, controller.state.model
        self.engine = combo("Which model answers. Automatic takes the best one there is.")
        self._entries = [
            ("Automatic", "auto"),
            *((one.title, one.name) for one in registry.available() if one.name != MULTIPLEX),
        ]
        self.engine.activated.connect(self._chosen)
        self.model, self.choices = ModelRow(controller), ModelChoices(controller)
        task = controller.state.task
        self.keys = button("?", lambda: setattr(task, "sheet", not task.sheet), "Keys and mouse (?).")
        self.keys.setAccessibleName("Keys")
        self.keys.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.modes = {wanted: QRadioButton(text) for wanted, text in ((False, "Simple"), (True, "Advanced"))}
        for wanted, one in self.modes.items():
            one.setToolTip(MODES[wanted])
            one.clicked.connect(lambda _checked=False, wanted=wanted: setattr(task, "advanced", wanted))
        bindings.connect(task.events.advanced, lambda wanted: self.modes[wanted].setChecked(True))
        self.modes[task.advanced].setChecked(True)
        self.sound = sound_box(controller.state.panel, bindings)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        modes = row(*self.modes.values())
        modes.addStretch()
        modes.addWidget(self.sound)
        first = row(label("Engine", self.engine), self.engine, self.keys)
        first.setStretch(1, 1)
        layout.addLayout(modes)
        layout.addLayout(first)
        layout.addWidget(self.choices)
        layout.addWidget(self.model)

    def _chosen(self, index: int) -> None:
        self._controller.model.want_engine(str(self.engine.itemData(index)))
        fill(self.engine, self._entries, self._model.engine)  # a server is in use once it is chosen in its dialog

    def draw(self, can: Availability) -> None:
        """Show the engine in use, and the model."""
        fill(self.engine, self._entries, self._model.engine)
        self.choices.draw(can.model_step)
        self.model.draw(can.model)
