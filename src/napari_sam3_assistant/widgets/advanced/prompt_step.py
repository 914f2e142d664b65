"""Step 3: what shows the objects."""

from __future__ import annotations

from qtpy.QtGui import QStandardItemModel
from qtpy.QtWidgets import QComboBox, QGroupBox, QWidget

from napari_sam3_assistant.app.controller import AppController
from napari_sam3_assistant.app.panel_state import Section as Name
from napari_sam3_assistant.app.task_state import LayerChoice, PromptKind
from napari_sam3_assistant.app.views import Action, Availability, GuideView
from napari_sam3_assistant.widgets.advanced.phrases_field import PhrasesField
from napari_sam3_assistant.widgets.bind import Bindings
from napari_sam3_assistant.widgets.controls import button, combo, draw, fill, form, paragraph
from napari_sam3_assistant.widgets.section import Section
from napari_sam3_assistant.widgets.shared.finding import WordsField
from napari_sam3_assistant.widgets.shared.objects import ObjectRows
from napari_sam3_assistant.widgets.shared.polarity import box_polarity_box, polarity_box

KINDS = (
    (PromptKind.POINTS, "Points (positive/negative)"),
    (PromptKind.BOX, "Box"),
    (PromptKind.LABELS, "Labels mask"),
    (PromptKind.TEXT, "Text only"),
)
NONE = ("(none)", "")
LAYERS_TIP = "Which layers the prompts come from: ours, or layers of your own."


class PromptStep(QGroupBox):
    """The prompts, the object they are about, and what to do next."""

    def __init__(self, controller: AppController, bindings: Bindings) -> None:
        super().__init__("Guide SAM3 with prompts")
        self._controller, self._task = controller, controller.state.task
        self.kind = combo("What shows the objects.")
        self.kind.activated.connect(lambda index: controller.choose_prompt(PromptKind(str(self.kind.itemData(index)))))
        self.polarity = polarity_box(self._task, bindings)
        self.box_polarity = box_polarity_box(self._task, bindings)
        self.hint = paragraph(lines=3)
        self.create = button("Create Prompt Layer", self._create)
        self.apply = button("Apply mode to selected points", controller.live.apply_mode)
        self.text = WordsField(controller, bindings)
        self.text.setPlaceholderText("Type text prompt, then press Enter to run...")
        self.lines = PhrasesField(controller, bindings)
        self.objects = ObjectRows(controller)
        self.uses = paragraph()
        self.layers = PromptLayers(controller)
        self.section = Section(controller.state.panel, Name.LAYERS, "Prompt Layers", self.layers, LAYERS_TIP)
        self.clear = button("Clear Text / Prompt State", controller.clearing.all)
        layout = form(self)
        layout.addRow("Prompt type", self.kind)
        layout.addRow("Next point mode", self.polarity)
        layout.addRow("Next box", self.box_polarity)
        for widget in (self.hint, self.create, self.apply):
            layout.addRow(widget)
        layout.addRow("Text prompt", self.text)
        layout.addRow("Batch text prompts", self.lines)
        for widget in (self.objects, self.uses, self.section, self.clear):
            layout.addRow(widget)

    def draw(self, can: Availability) -> None:
        """Show what can be done and what to do next."""
        guide = can.guide
        fill(self.kind, [(title, kind.value) for kind, title in KINDS], self._task.kind.value)
        for control, action in (
            (self.kind, guide.kind),
            (self.polarity, guide.next_point),
            (self.box_polarity, guide.next_box),
            (self.text, guide.words),
        ):
            draw(control, action)
        self._draw_words(can.video.words)
        draw(self.lines, can.batch.lines)
        draw(self.create, can.prompt.create)
        draw(self.apply, guide.apply)
        draw(self.clear, guide.clear)
        self.objects.draw(can.objects)
        self.uses.setText(can.prompt.uses)
        self.hint.setText(can.prompt.hint)
        self.layers.draw(guide)
        self.section.draw()

    def _draw_words(self, action: Action) -> None:
        """Let words be chosen where they can be the prompt, and say why not where they cannot."""
        model = self.kind.model()
        entry = model.item(self.kind.findData(PromptKind.TEXT.value)) if isinstance(model, QStandardItemModel) else None
        if entry is not None:
            entry.setEnabled(action.enabled)
            entry.setToolTip(action.tip)

    def _create(self) -> None:
        self._controller.choice.create()
        if self._task.kind is PromptKind.TEXT:
            self.text.setFocus()


class PromptLayers(QWidget):
    """Which layers the prompts come from."""

    def __init__(self, controller: AppController) -> None:
        super().__init__()
        self._controller = controller
        self.points = self._box(PromptKind.POINTS, "The layer that points come from.")
        self.shapes = self._box(PromptKind.BOX, "The layer that boxes come from: every kind of shape is one.")
        self.labels = self._box(PromptKind.LABELS, "The layer that painted prompts come from: each label is an object.")
        self.refresh = button("Refresh Layers", controller.choice.refresh)
        layout = form(self)
        layout.addRow("Points", self.points)
        layout.addRow("Shapes", self.shapes)
        layout.addRow("Labels", self.labels)
        layout.addRow(self.refresh)

    def draw(self, guide: GuideView) -> None:
        """Show which layers there are, and which are in use."""
        for box, choice in ((self.points, guide.points), (self.shapes, guide.shapes), (self.labels, guide.labels)):
            _fill(box, choice)
        draw(self.refresh, guide.refresh)

    def _box(self, kind: PromptKind, tip: str) -> QComboBox:
        made = combo(tip)
        made.activated.connect(lambda index: self._controller.choice.choose(kind, str(made.itemData(index))))
        return made


def _fill(box: QComboBox, choice: LayerChoice) -> None:
    fill(box, [NONE, *((one.name, one.identity) for one in choice.items)], choice.current or "")
