"""What shows the objects: points, boxes or labels; which object they are about, and steps back."""

from __future__ import annotations

from qtpy.QtCore import QSize
from qtpy.QtWidgets import QHBoxLayout, QWidget

from napari_sam3_assistant.app.controller import AppController
from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.app.views import Availability
from napari_sam3_assistant.widgets.bind import Bindings
from napari_sam3_assistant.widgets.controls import (
    MARGIN_PX,
    SPACING_PX,
    Toggles,
    button,
    column,
    draw,
    labelled,
    paragraph,
    row,
    show,
)
from napari_sam3_assistant.widgets.letters import Group
from napari_sam3_assistant.widgets.shared.finding import ThresholdBox, WordsField
from napari_sam3_assistant.widgets.shared.objects import ObjectRows
from napari_sam3_assistant.widgets.shared.polarity import box_polarity_box, polarity_box

KINDS = (
    (PromptKind.POINTS, "Points", "Click on the object and on what is not part of it."),
    (PromptKind.BOX, "Box", "Draw a box round each object."),
    (PromptKind.LABELS, "Labels", "Paint over each object, roughly."),
    (PromptKind.TEXT, "Text", "Type what you look for. Needs SAM3."),
)


class PromptGroup(Group):
    """The prompts, the object they are about, and what to do next."""

    def __init__(self, controller: AppController, bindings: Bindings) -> None:
        super().__init__("Prompt")
        self._task = task = controller.state.task
        self._kinds = Toggles(KINDS, controller.choose_prompt)
        self.kinds = self._kinds.buttons
        self._kinds.show_value(task.prompt)
        bindings.connect(task.events.prompt, lambda kind: self._kinds.show_value(kind))
        self.polarity = polarity_box(task, bindings)
        self.box_polarity = box_polarity_box(task, bindings)
        self.text = WordsField(controller, bindings)
        self.threshold = ThresholdBox(task, bindings)
        self._threshold_row = labelled("Detection threshold", self.threshold)
        self._point_row = labelled("Next point", self.polarity)
        self._box_row = labelled("Next box", self.box_polarity)
        self.create = button("Create Prompt Layer", controller.choice.create)
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

    def minimumSizeHint(self) -> QSize:
        """Return a size that is no narrower while the widest row is hidden: another task leaves the dock its width."""
        margins, pairs = self.contentsMargins(), ((self._kinds, self.create), (self._threshold_row, self.reset))
        both = max(sum(one.minimumSizeHint().width() for one in pair) for pair in pairs)
        inside = 2 * MARGIN_PX + SPACING_PX + margins.left() + margins.right()
        return super().minimumSizeHint().expandedTo(QSize(both + inside, 0))

    def draw(self, can: Availability) -> None:
        """Show what can be done and what to do next."""
        prompt, objects = can.prompt, can.objects
        rows = (
            (self._kinds, prompt.kinds),
            (self._point_row, prompt.next_point),
            (self._box_row, prompt.next_box),
            (self.create, prompt.layer),
            (self.text, prompt.words),
            (self._threshold_row, prompt.threshold),
        )
        for widget, shown in sorted(rows, key=lambda one: one[1]):  # Qt lays out at once what is shown: hide first
            show(widget, shown)
        if prompt.kinds:
            self._kinds.show_value(self._task.kind)
        for control, action in (
            (self.kinds[PromptKind.TEXT], can.video.words),
            (self.create, prompt.create),
            (self.reset, prompt.reset),
        ):
            draw(control, action)
        self.objects.draw(objects)
        self.uses.setText(prompt.uses)
        self.hint.keep(2 if can.glance.shown else 3)  # room for the strip below
        self.hint.setText(prompt.hint)


def _stretched(*widgets: QWidget) -> QHBoxLayout:
    """Return the widgets side by side; all but the last one take the room there is."""
    made = row(*widgets)
    for place in range(len(widgets) - 1):
        made.setStretch(place, 1)
    return made
