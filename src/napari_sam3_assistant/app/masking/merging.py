"""The tab ``Class Merge``: accepted objects become the mask of one class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from psygnal import SignalGroupDescriptor

from napari_sam3_assistant.app.masking.classes import Classes
from napari_sam3_assistant.app.masking.desk import Desk
from napari_sam3_assistant.app.masking.picking import Picking
from napari_sam3_assistant.app.masking.several import WAIT, placed, run_on
from napari_sam3_assistant.app.views import Action, action
from napari_sam3_assistant.core.errors import AssistantError, PromptError
from napari_sam3_assistant.core.progress import Watch
from napari_sam3_assistant.layers import class_masks
from napari_sam3_assistant.layers.class_masks import DEFAULT_CLASS, Role
from napari_sam3_assistant.layers.marks import left_out
from napari_sam3_assistant.masks.joining import Become as Become
from napari_sam3_assistant.masks.merge import Overlap, binary, merge
from napari_sam3_assistant.masks.placed import Placed

OUTPUT = "class_working_mask"
NOTHING_CHOSEN = PromptError(
    "Select at least one accepted-object layer.", hint="Click it in the list; Ctrl and Shift select more."
)
RULES = {
    "Earlier selected object wins": Overlap.EARLIER,
    "Later selected object wins": Overlap.LATER,
    "Larger component wins": Overlap.LARGER,
    "Smaller component wins": Overlap.SMALLER,
    "Set overlap to background": Overlap.BACKGROUND,
}
"""What a user chooses, and what it means."""


@dataclass(eq=False)
class MergingState:
    """What the user sets: ``rule`` is a key of :data:`RULES`; an empty ``class_name`` is that of the layers."""

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    class_filter: str = ""
    layer_filter: str = ""
    all_labels: bool = False
    become: Become = Become.CLASS
    class_name: str = ""
    value: int = 1
    rule: str = "Earlier selected object wins"
    output: str = OUTPUT


class Merging:
    """Verbs of the tab."""

    def __init__(self, desk: Desk, classes: Classes) -> None:
        self._desk, self.classes = desk, classes
        self.state = MergingState()
        self.picked = Picking(desk, self._wanted)
        for signal in (desk.state.events.layers, desk.state.events.tab):
            signal.connect(self.refresh)
        events = self.state.events
        for signal in (events.class_filter, events.layer_filter, events.all_labels):
            signal.connect(self.refresh)
        self.picked.state.events.chosen.connect(self._take_value)
        self.refresh()

    @property
    def listing(self) -> str:
        """What to say in place of layers, where none is listed."""
        if not self._desk.state.layers:
            return "There is no Labels layer."
        if self.state.class_filter.strip() or self.state.layer_filter.strip():
            return "No layer passes the filters."
        return "There is no accepted object.\nSave one in the tab Accepted Objects, or list all Labels layers."

    @property
    def class_name(self) -> str:
        """The class of the result: the one that is typed, else that of the chosen layers where they have one."""
        names = {one.name for one in map(class_masks.class_of, self.picked.layers())}
        shared = next(iter(names)) if len(names) == 1 else ""
        return self.state.class_name.strip() or self.state.class_filter.strip() or shared or DEFAULT_CLASS

    @property
    def can_merge(self) -> Action:
        """Whether there is something to merge."""
        return self._on_chosen("Merge the selected layers, in the order of their numbers, into a new one.")

    @property
    def can_reject(self) -> Action:
        """Whether there is something to reject."""
        return self._on_chosen("Note that the selected layers are no accepted objects; they stay in the viewer.")

    def _on_chosen(self, does: str) -> Action:
        if self._desk.state.busy:
            return Action(False, WAIT)
        return action(bool(self.picked.state.chosen), does, str(NOTHING_CHOSEN))

    def refresh(self, *_: object) -> None:
        """List the layers anew."""
        self.picked.list_layers()
        self.classes.learn()

    def name_class(self, name: str) -> None:
        """Name the class of the result; one that is known brings its value."""
        self.state.class_name = name
        known = self.classes.find(name.strip())
        if known is not None:
            self.state.value = known.value

    def merge(self) -> None:
        """Merge the chosen layers into a new one."""
        desk, state = self._desk, self.state
        layers = self.picked.layers()
        try:
            if not layers:
                raise NOTHING_CHOSEN
            pixels = placed(desk, layers)
        except AssistantError as error:
            desk.fail(error)
            return
        become, rule, name, class_value = state.become, RULES[state.rule], self.class_name, state.value
        value = {Become.CLASS: state.value, Become.PRESERVE: None, Become.BINARY: 1}[become]

        def make(watch: Watch) -> Placed:
            made = merge(pixels, rule, value, watch=watch)
            if not made.labels.any():
                raise PromptError("No accepted object data found to merge.", hint="The selected layers are empty.")
            return Placed(binary(made.labels), made.offset) if become is Become.BINARY else made

        def done(made: Placed) -> None:
            known = self.classes.put(name, class_value)
            facts = {
                class_masks.ROLE: Role.WORKING.value,
                class_masks.CLASS_NAME: name,
                class_masks.CLASS_VALUE: known.value,
                class_masks.CLASS_COLOR: known.color,
                "source_accepted_layers": [str(one.name) for one in layers],
                "overlap_rule": rule.value,
                class_masks.MERGE_CONVERSION: become.value,
                "created_from": "Mask Operations",
            }
            colors = None if value is None else {value: known.color}
            output, end = state.output.strip() or OUTPUT, left_out(sum(len(one.without) for one in pixels))
            layer = class_masks.add_labels(desk.viewer, layers[0], made, output, facts, colors)
            desk.say(f"Merged {len(layers)} accepted object layer(s) into class mask: {layer.name}{end}")

        run_on(desk, layers, "Merging...", make, done)

    def reject(self) -> None:
        """Note that the chosen objects are none; they are listed no more."""
        layers = self.picked.layers()
        if not layers:
            self._desk.fail(NOTHING_CHOSEN)
            return
        for layer in layers:
            class_masks.reject(layer)
        self.refresh()
        self._desk.say(
            f"Rejected {len(layers)} accepted object layer(s); they will be excluded from merge. "
            "Object Review can accept them again."
        )

    def _take_value(self, *_: object) -> None:
        """Take the value of the class that the chosen layers have, where none is typed."""
        known = self.classes.find(self.class_name)
        if known is not None and not self.state.class_name.strip():
            self.state.value = known.value

    def _wanted(self, layer: Any) -> bool:
        state, about = self.state, class_masks.class_of(layer)
        if class_masks.is_rejected(layer):
            return False
        if not (state.all_labels or class_masks.is_accepted_object(layer)):
            return False
        of_class = not state.class_filter.strip() or about.name == state.class_filter.strip()
        return of_class and state.layer_filter.strip().lower() in str(layer.name).lower()
