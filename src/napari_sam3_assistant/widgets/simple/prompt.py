"""What shows the objects: points, boxes or labels; which object they are about, and steps back."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QComboBox, QGroupBox, QHBoxLayout, QLabel, QWidget

from napari_sam3_assistant.app.controller import AppController
from napari_sam3_assistant.app.state import PromptKind
from napari_sam3_assistant.app.views import Availability
from napari_sam3_assistant.widgets.bind import Bindings
from napari_sam3_assistant.widgets.controls import Toggles, button, column, combo, draw, paragraph, row, show
from napari_sam3_assistant.widgets.simple.finding import ThresholdBox, WordsField
from napari_sam3_assistant.widgets.simple.objects import ObjectRows

KINDS = (
    (PromptKind.POINTS, "Points", "Click on the object and on what is not part of it."),
    (PromptKind.BOX, "Box", "Draw a box round each object."),
    (PromptKind.LABELS, "Labels", "Paint over each object, roughly."),
    (PromptKind.TEXT, "Text", "Type what you look for. Needs SAM3."),
)


class PromptGroup(QGroupBox):
    """The prompts, the object they are about, and what to do next."""

    def __init__(self, controller: AppController, bindings: Bindings) -> None:
        super().__init__("Prompt")
        task = controller.state.task
        self._kinds = Toggles(KINDS, controller.choose_prompt)
        self.kinds = self._kinds.buttons
        self._kinds.show_value(task.prompt)
        bindings.connect(task.events.prompt, lambda kind: self._kinds.show_value(kind))
        self.polarity = _either("Positive", "Negative", "What the next point means (T changes it).")
        _bind(self.polarity, task, "positive", bindings)
        self.box_polarity = _either("Example", "Counter-example", "What the next box shows (J changes it).")
        _bind(self.box_polarity, task, "positive_box", bindings)
        self.text = WordsField(controller, bindings)
        self.threshold = ThresholdBox(task, bindings)
        self._threshold_row = _labelled("Detection threshold", self.threshold)
        self._point_row = _labelled("Next point", self.polarity)
        self._box_row = _labelled("Next box", self.box_polarity)
        self.create = button("Create Prompt Layer", controller.arm)
        self.reset = button("Reset Prompt", controller.clearing.prompts)
        self.objects = ObjectRows(controller)
        self.uses = paragraph()
        self.hint = paragraph(lines=3)
        layout = column(self)
        layout.addLayout(_stretched(self._kinds, self._box_row, self.create))
        layout.addWidget(self.text)
        layout.addLayout(_stretched(self._point_row, self._threshold_row, self.reset))
        for widget in (self.objects, self.hint, self.uses):
            layout.addWidget(widget)

    def draw(self, can: Availability) -> None:
        """Show what can be done and what to do next."""
        prompt, objects = can.prompt, can.objects
        for widget, shown in (
            (self._kinds, prompt.kinds),
            (self._point_row, prompt.next_point),
            (self._box_row, prompt.next_box),
            (self.create, prompt.layer),
            (self.text, prompt.words),
            (self._threshold_row, prompt.threshold),
        ):
            show(widget, shown)
        for control, action in (
            (self.create, prompt.create),
            (self.reset, prompt.reset),
        ):
            draw(control, action)
        self.objects.draw(objects)
        self.uses.setText(prompt.uses)
        self.hint.setText(prompt.hint)


def _either(yes: str, no: str, tip: str) -> QComboBox:
    made = combo(tip)
    made.addItems([yes, no])
    return made


def _bind(box: QComboBox, part: Any, name: str, bindings: Bindings) -> None:
    """Bind a field that is true or false to the first or second entry."""
    box.setCurrentIndex(0 if getattr(part, name) else 1)
    box.currentIndexChanged.connect(lambda index: setattr(part, name, index == 0))
    bindings.connect(getattr(part.events, name), lambda value: box.setCurrentIndex(0 if value else 1))


def _stretched(*widgets: QWidget) -> QHBoxLayout:
    """Return the widgets side by side; all but the last one take the room there is."""
    made = row(*widgets)
    for place in range(len(widgets) - 1):
        made.setStretch(place, 1)
    return made


def _labelled(text: str, box: QWidget) -> QWidget:
    label = QLabel(text)
    label.setBuddy(box)
    made = QWidget()
    layout = row(label, box)
    layout.setContentsMargins(0, 0, 0, 0)
    made.setLayout(layout)
    return made
