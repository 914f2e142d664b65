"""The tab ``Final Merge / Export``: masks of classes become the one that a model learns from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from psygnal import SignalGroupDescriptor

from napari_sam3_assistant.app.masking.classes import Classes, color_of
from napari_sam3_assistant.app.masking.desk import Desk
from napari_sam3_assistant.app.masking.picking import Picking
from napari_sam3_assistant.app.masking.several import WAIT, placed, run_on
from napari_sam3_assistant.app.views import Action, action
from napari_sam3_assistant.core.errors import AssistantError, PromptError
from napari_sam3_assistant.core.progress import Watch
from napari_sam3_assistant.layers import class_masks
from napari_sam3_assistant.layers.class_masks import Role
from napari_sam3_assistant.layers.marks import left_out
from napari_sam3_assistant.masks.merge import Overlap, binary, merge, merge_apart, overlap_map
from napari_sam3_assistant.masks.placed import Placed

OUTPUT, OVERLAP_MAP = "final_training_mask", "SAM3 overlap map"
PRIORITY, PRIORITY_RULE = "Class priority order wins", "class_priority"
RULES = {
    PRIORITY: Overlap.EARLIER,
    "Earlier selected layer wins": Overlap.EARLIER,
    "Later selected layer wins": Overlap.LATER,
    "Larger component wins": Overlap.LARGER,
    "Smaller component wins": Overlap.SMALLER,
    "Set overlap to background": Overlap.BACKGROUND,
}
"""What a user chooses, and what it means; by priority, the layers of the first class come first."""
MOST_CLASSES = 255
"""A mask with higher values is drawn as objects are."""
NOTHING_CHOSEN = PromptError(
    "Select at least one class mask layer.", hint="Click it in the list; Ctrl and Shift select more."
)
TOO_FEW = PromptError(
    "Select at least two label layers to show overlap.", hint="Click them in the list; Ctrl and Shift select more."
)


class Mode(StrEnum):
    """What a final mask tells; the value is what a user reads."""

    SEMANTIC = "Semantic"
    INSTANCE = "Instance"
    BINARY = "Binary"


@dataclass(eq=False)
class FinalState:
    """What the user sets (``rule`` is a key of :data:`RULES`), and a fact: ``made``, the unique id of the last mask."""

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    mode: Mode = Mode.SEMANTIC
    rule: str = PRIORITY
    output: str = OUTPUT
    made: str | None = None


class Final:
    """Verbs of the tab."""

    def __init__(self, desk: Desk, classes: Classes) -> None:
        self._desk, self.classes = desk, classes
        self.state = FinalState()
        self.picked = Picking(desk, _wanted)
        for signal in (desk.state.events.layers, desk.state.events.tab):
            signal.connect(self.refresh)
        self.refresh()

    @property
    def listing(self) -> str:
        """What to say in place of layers, where none is listed."""
        return "There is no Labels layer.\nMerge objects in the tab Class Merge, or open a mask."

    @property
    def can_merge(self) -> Action:
        """Whether there is something to merge."""
        does = "Merge the selected masks into a new layer; they stay as they are."
        return self._on_chosen(1, does, NOTHING_CHOSEN)

    @property
    def can_map(self) -> Action:
        """Whether there is something that can overlap."""
        return self._on_chosen(2, "Show in how many of the selected layers each pixel is, where it is in two.", TOO_FEW)

    def _on_chosen(self, least: int, does: str, missing: PromptError) -> Action:
        if self._desk.state.busy:
            return Action(False, WAIT)
        return action(len(self.picked.state.chosen) >= least, does, str(missing))

    def refresh(self, *_: object) -> None:
        """List the layers anew."""
        self.picked.list_layers()
        self.classes.learn()

    def priority(self) -> tuple[str, ...]:
        """Return the classes of the chosen layers, that which wins first; a layer that tells none is one of its own."""
        ranks = self.classes.ranks()
        found = dict.fromkeys(one.class_name or one.name for one in self._chosen())
        return tuple(sorted(found, key=lambda name: ranks.get(name, len(ranks))))

    def rank(self, names: Sequence[str]) -> None:
        """Bring the classes of the chosen layers into this order, the one that wins first."""
        values = {one.class_name or one.name: one.value for one in self._chosen()}
        for name in names:
            if self.classes.find(name) is None and name in values:
                self.classes.put(name, values[name])
        self.classes.rank(names)

    def output(self) -> Any | None:
        """Return the layer named as the output: the one merged last, if it still has that name, or another; or None."""
        made = self._desk.layer(self.state.made)
        wanted = self.state.output.strip() or OUTPUT
        if made is not None and str(made.name).startswith(wanted):
            return made
        return next((one for one in self._desk.viewer.layers if str(one.name) == wanted), None)

    def merge(self, then: Callable[[Any], None] | None = None) -> None:
        """Merge the chosen layers into a new one.

        Parameters
        ----------
        then : callable or None
            Called with the new layer once it is there.
        """
        desk, state = self._desk, self.state
        layers = self._in_order()
        try:
            if not layers:
                raise NOTHING_CHOSEN
            pixels = placed(desk, layers)
        except AssistantError as error:
            desk.fail(error)
            return
        mode, rule, by_name = state.mode, RULES[state.rule], state.rule
        values = [class_masks.value_of_class(one) for one in layers]

        def make(watch: Watch) -> _Made:
            made, counts = _merged(mode, rule, pixels, values, watch)
            return _Made(made, counts, int(made.labels.max(initial=0)))

        def done(made: _Made) -> None:
            facts = {
                class_masks.ROLE: Role.FINAL.value,
                "merge_mode": mode.value.lower(),
                "overlap_rule": PRIORITY_RULE if by_name == PRIORITY else rule.value,
                "source_class_masks": [str(one.name) for one in layers],
                "classes": _classes(layers, made.counts),
                "created_from": "Mask Operations",
            }
            colors = None if mode is Mode.INSTANCE else self._colors(layers, mode, made.highest)
            name = state.output.strip() or OUTPUT
            layer = class_masks.add_labels(desk.viewer, layers[0], made.placed, name, facts, colors)
            state.made = str(layer.unique_id)
            end = left_out(sum(len(one.without) for one in pixels))
            remark = _alike(layers) if mode is Mode.SEMANTIC else _counted(made.counts)
            desk.say(f"Merged {len(layers)} class mask layer(s) into final mask: {layer.name}{remark}{end}")
            if then is not None:
                then(layer)

        run_on(desk, layers, "Merging...", make, done)

    def show_overlap(self) -> None:
        """Show where the chosen layers lie on each other, as a new layer."""
        desk, layers = self._desk, self.picked.layers()
        try:
            if len(layers) < 2:
                raise TOO_FEW
            pixels = placed(desk, layers, 2)
        except AssistantError as error:
            desk.fail(error)
            return

        def done(made: Placed | None) -> None:
            if made is None:
                desk.say("No overlap found in the selected label layers.")
                return
            facts = {
                class_masks.ROLE: Role.OVERLAP.value,
                "source_layers": [str(one.name) for one in layers],
                "created_from": "Mask Operations",
            }
            layer = class_masks.add_labels(desk.viewer, layers[0], made, OVERLAP_MAP, facts)
            desk.say(f"Created overlap map '{layer.name}' from {len(layers)} layer(s).")

        run_on(desk, layers, "Looking for overlap...", lambda watch: overlap_map(pixels, watch=watch), done)

    def _chosen(self) -> list[Any]:
        chosen = set(self.picked.state.chosen)
        return [one for one in self.picked.state.rows if one.identity in chosen]

    def _in_order(self) -> list[Any]:
        """Return the chosen layers, the one that wins first where the rule is the priority of classes."""
        layers = self.picked.layers()
        if self.state.rule != PRIORITY:
            return layers
        place = {name: at for at, name in enumerate(self.priority())}
        return sorted(layers, key=lambda layer: place.get(_class_name(layer), len(place)))

    def _colors(self, layers: Sequence[Any], mode: Mode, highest: int) -> dict[int, Any] | None:
        if mode is Mode.SEMANTIC and highest > MOST_CLASSES:
            return None
        told = [class_masks.class_of(layer) for layer in layers]
        if mode is Mode.BINARY:
            return {1: self.classes.color(told[0].name, 1)}
        own = {one.value: self.classes.color(one.name, one.value) for one in reversed(told) if one.name}
        return {**{value: color_of(value) for value in range(1, highest + 1)}, **own}


@dataclass(frozen=True, slots=True, eq=False)
class _Made:
    """A final mask, how many objects of each layer are in it (empty where they are not counted), its highest value."""

    placed: Placed
    counts: tuple[int, ...]
    highest: int


def _merged(
    mode: Mode, rule: Overlap, pixels: Sequence[Placed], values: Sequence[int | None], watch: Watch
) -> tuple[Placed, tuple[int, ...]]:
    """Return the mask and the counts of :class:`_Made`; ``values``: what the objects of each layer are by class."""
    if mode is Mode.INSTANCE:
        return merge_apart(pixels, rule, watch=watch)
    made = merge(pixels, rule, 1 if mode is Mode.BINARY else values, watch=watch)
    return (Placed(binary(made.labels), made.offset) if mode is Mode.BINARY else made), ()


def _wanted(layer: Any) -> bool:
    return not class_masks.is_rejected(layer) and class_masks.role_of(layer) != Role.OVERLAP


def _class_name(layer: Any) -> str:
    return class_masks.class_of(layer).name or str(layer.name)


def _classes(layers: Sequence[Any], counts: Sequence[int]) -> list[dict[str, Any]]:
    """Return which class each layer brought, and between which numbers its objects lie where they have numbers."""
    found: list[dict[str, Any]] = []
    first = 1
    for at, layer in enumerate(layers):
        entry: dict[str, Any] = {
            class_masks.CLASS_NAME: _class_name(layer),
            class_masks.CLASS_VALUE: class_masks.class_of(layer).value,
        }
        if counts:
            entry |= {"first": first, "last": first + counts[at] - 1}
            first += counts[at]
        found.append(entry)
    return found


def _alike(layers: Sequence[Any]) -> str:
    """Return a remark where classes that differ have one value: the mask does not tell them apart."""
    by_value: dict[int, set[str]] = {}
    for one in map(class_masks.class_of, layers):
        if one.name:
            by_value.setdefault(one.value, set()).add(one.name)
    shared = [
        f"{' and '.join(sorted(names))} share the value {value}" for value, names in by_value.items() if len(names) > 1
    ]
    return f". {'; '.join(shared)}: give them different values to tell them apart." if shared else ""


def _counted(counts: Sequence[int]) -> str:
    return f" ({sum(counts):,} objects)" if counts else ""
