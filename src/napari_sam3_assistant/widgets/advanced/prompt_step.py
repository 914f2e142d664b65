"""Step 3: what shows the objects."""

from __future__ import annotations

from qtpy.QtGui import QStandardItemModel
from qtpy.QtWidgets import QGroupBox

from napari_sam3_assistant.app.controller import AppController
from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.app.views import Action, Availability
from napari_sam3_assistant.widgets.advanced.phrases_field import PhrasesField
from napari_sam3_assistant.widgets.bind import Bindings
from napari_sam3_assistant.widgets.controls import button, combo, draw, fill, form, paragraph
from napari_sam3_assistant.widgets.shared.finding import WordsField
from napari_sam3_assistant.widgets.shared.objects import ObjectRows
from napari_sam3_assistant.widgets.shared.polarity import box_polarity_box, polarity_box

KINDS = (
    (PromptKind.POINTS, "Points (positive/negative)"),
    (PromptKind.BOX, "Box"),
    (PromptKind.LABELS, "Labels mask"),
    (PromptKind.TEXT, "Text only"),
)


class PromptStep(QGroupBox):
    """The prompts, the object they are about, and what to do next."""

    def __init__(self, controller: AppController, bindings: Bindings) -> None:
        super().__init__("Guide SAM3 with prompts")
        self._task = task = controller.state.task
        self.kind = combo("What shows the objects.")
        self.kind.activated.connect(lambda index: controller.choose_prompt(PromptKind(str(self.kind.itemData(index)))))
        self.polarity = polarity_box(task, bindings)
        self.box_polarity = box_polarity_box(task, bindings)
        self.hint = paragraph(lines=3)
        self.create = button("Create Prompt Layer", controller.arm)
        self.text = WordsField(controller, bindings)
        self.text.setPlaceholderText("Type text prompt, then press Enter to run...")
        self.lines = PhrasesField(controller, bindings)
        self.objects = ObjectRows(controller)
        self.uses = paragraph()
        self.clear = button("Clear Text / Prompt State", controller.clearing.prompts)
        layout = form(self)
        layout.addRow("Prompt type", self.kind)
        layout.addRow("Next point mode", self.polarity)
        layout.addRow("Next box", self.box_polarity)
        layout.addRow(self.hint)
        layout.addRow(self.create)
        layout.addRow("Text prompt", self.text)
        layout.addRow("Batch text prompts", self.lines)
        for widget in (self.objects, self.uses, self.clear):
            layout.addRow(widget)

    def draw(self, can: Availability) -> None:
        """Show what can be done and what to do next."""
        prompt = can.prompt
        fill(self.kind, [(title, kind.value) for kind, title in KINDS], self._task.kind.value)
        self.kind.setEnabled(prompt.kinds)
        self._draw_words(can.video.words)
        self.polarity.setEnabled(prompt.next_point)
        self.box_polarity.setEnabled(prompt.next_box)
        self.text.setEnabled(prompt.words)
        draw(self.lines, can.batch.lines)
        draw(self.create, prompt.create)
        draw(self.clear, prompt.reset)
        self.objects.draw(can.objects)
        self.uses.setText(prompt.uses)
        self.hint.setText(prompt.hint)

    def _draw_words(self, action: Action) -> None:
        """Let words be chosen where they can be the prompt, and say why not where they cannot."""
        model = self.kind.model()
        entry = model.item(self.kind.findData(PromptKind.TEXT.value)) if isinstance(model, QStandardItemModel) else None
        if entry is not None:
            entry.setEnabled(action.enabled)
            entry.setToolTip(action.tip)
