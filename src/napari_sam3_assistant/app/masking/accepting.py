"""The tab ``Accepted Objects``: a preview is kept as a layer of its own, or in one that is there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, ClassVar

import numpy as np
from psygnal import SignalGroupDescriptor

from napari_sam3_assistant.app.masking.classes import Classes
from napari_sam3_assistant.app.masking.desk import Desk
from napari_sam3_assistant.app.masking.several import WAIT, check_fits, run_on
from napari_sam3_assistant.app.masking.state import ScopeState
from napari_sam3_assistant.app.task_state import ImageItem
from napari_sam3_assistant.app.views import Action, action
from napari_sam3_assistant.core.errors import AssistantError, PromptError
from napari_sam3_assistant.core.progress import Watch
from napari_sam3_assistant.layers import class_masks, labels, marks
from napari_sam3_assistant.layers.class_masks import DEFAULT_CLASS, Role
from napari_sam3_assistant.layers.scopes import scope_of, shape_of, slices_of, slider_axes
from napari_sam3_assistant.layers.world import world_of
from napari_sam3_assistant.masks.edits import Edit
from napari_sam3_assistant.masks.joining import Conversion, appended, convert, label_values, replaced
from napari_sam3_assistant.masks.placed import Placed, extent, zeros
from napari_sam3_assistant.masks.records import Record, pack
from napari_sam3_assistant.masks.scopes import Reach, Scope

PREVIEW = "preview"
OF_THE_TARGET = {
    class_masks.OBJECT_NAME,
    class_masks.CLASS_NAME,
    class_masks.CLASS_VALUE,
    class_masks.CLASS_COLOR,
    class_masks.CLASS_CONVERSION,
    "source_values",
}
"""What stays in a layer to which objects are appended."""
NO_SOURCE = PromptError("Select a source preview Labels layer.", hint="Run a preview, or add a Labels layer.")
NO_TARGET = PromptError(
    "Select an accepted target layer for append or replace.", hint="Or choose the save mode Save as new layer."
)
NO_VALUES = PromptError(
    "Enter source label values for this conversion mode, for example: 3,7,12.",
    hint="They stand in the field Source values.",
)
LISTING = (Conversion.KEEP, Conversion.DELETE)
"""Conversions that need values."""
TITLES = {True: "Append Accepted Object", False: "Replace Accepted Object"}


class SaveMode(StrEnum):
    """Where an accepted object goes; the value is what a user reads."""

    NEW = "Save as new layer"
    APPEND = "Append to existing accepted layer"
    REPLACE = "Replace existing accepted layer"


SAVES = {
    SaveMode.NEW: "Copy the source into a new layer; the source stays as it is.",
    SaveMode.APPEND: "Write the source's objects where the target is empty; what is there stays.",
    SaveMode.REPLACE: "Put the source's objects in the place of the target's, on the slices of the scope.",
}


@dataclass(eq=False)
class AcceptingState:
    """What the user sets, and facts.

    Facts: the layers there are to choose from (``sources``, ``targets``), and how many slices the source has
    (``slices``, 0 where there is no slider). ``source`` and ``target`` are unique ids.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    source: str | None = None
    object_name: str = ""
    class_name: str = ""
    class_value: int = 1
    conversion: Conversion = Conversion.CLASS
    values: str = ""
    mode: SaveMode = SaveMode.NEW
    target: str | None = None
    sources: tuple[ImageItem, ...] = ()
    targets: tuple[ImageItem, ...] = ()
    slices: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """What one press asks for, taken once; ``cut`` are the axes on which the scope is less than all."""

    scope: Scope
    cut: tuple[int, ...]
    conversion: Conversion
    value: int
    listed: tuple[int, ...]
    class_name: str
    facts: dict[str, Any]


class Accepting:
    """Verbs of the tab."""

    def __init__(self, desk: Desk, classes: Classes) -> None:
        self._desk, self.classes = desk, classes
        self.state, self.scope = AcceptingState(), ScopeState()
        desk.state.events.layers.connect(self.refresh)
        desk.state.events.tab.connect(self.refresh)
        self.state.events.source.connect(self._count_slices)
        self.refresh()

    def refresh(self, *_: object) -> None:
        """List the layers to choose from anew."""
        state, found = self.state, labels.labels_layers(self._desk.viewer)
        previews = [one for one in found if PREVIEW in str(one.name).lower()]
        state.sources = _items(previews or found)
        state.targets = _items([one for one in found if class_masks.is_accepted_object(one)])
        state.source = _kept(state.source, state.sources)
        state.target = _kept(state.target, state.targets)
        self.classes.learn()
        self._count_slices()

    def name_class(self, name: str) -> None:
        """Take a class by its name; one that is known brings its value."""
        self.state.class_name = name
        known = self.classes.find(name.strip())
        if known is not None:
            self.state.class_value = known.value

    @property
    def can_save(self) -> Action:
        """Whether the source can be saved now."""
        state = self.state
        missing = ""
        if state.source is None:
            missing = str(NO_SOURCE)
        elif state.mode is not SaveMode.NEW and state.target is None:
            missing = str(NO_TARGET)
        elif state.conversion in LISTING and not state.values.strip():
            missing = str(NO_VALUES)
        elif self._desk.state.busy:
            missing = WAIT
        return action(not missing, SAVES[state.mode], missing)

    def save(self) -> None:
        """Keep the source as an accepted object, as the fields say."""
        state, desk = self.state, self._desk
        try:
            source = desk.layer(state.source)
            if source is None:
                raise NO_SOURCE
            asked = self._asked(source)
            if state.mode is SaveMode.NEW:
                self._save_new(source, asked)
            else:
                self._save_into(source, asked, state.mode is SaveMode.APPEND)
        except AssistantError as error:
            desk.fail(error)

    def _asked(self, source: Any) -> _Asked:
        state, scope = self.state, self.scope
        listed: tuple[int, ...] = ()
        if state.conversion in LISTING:
            listed = label_values(state.values)
            if not listed:
                raise NO_VALUES
        name = state.class_name.strip() or DEFAULT_CLASS
        reach = scope.reach if slices_of(self._desk.viewer, source) else Reach.WHOLE
        ends = [min(scope.first, scope.last), max(scope.first, scope.last)] if reach is Reach.RANGE else None
        facts = {
            class_masks.ROLE: Role.ACCEPTED.value,
            class_masks.STATUS: "accepted",
            class_masks.OBJECT_NAME: state.object_name.strip() or str(source.name),
            class_masks.CLASS_NAME: name,
            class_masks.CLASS_VALUE: state.class_value,
            class_masks.CLASS_COLOR: self.classes.color(name, state.class_value),
            "instance_kind": "object",
            **class_masks.sources_of(self._desk.viewer, source),
            "created_from": "Mask Operations",
            "dimensional_scope": reach.value,
            "z_range": ends,
            class_masks.CLASS_CONVERSION: state.conversion.value,
            "source_values": list(listed),
        }
        block = scope_of(self._desk.viewer, source, reach, scope.first, scope.last)
        cut = () if reach is Reach.WHOLE else slider_axes(source, world_of(self._desk.viewer))
        return _Asked(block, cut, state.conversion, state.class_value, listed, name, facts)

    def _save_new(self, source: Any, asked: _Asked) -> None:
        data, desk = _placed(source), self._desk
        check_fits(data.shape, 2)

        def make(watch: Watch) -> Placed:
            made = _converted(data, asked, str(source.name), watch)
            if made.shape == data.shape:
                return made
            whole = zeros(data.shape, made.labels.dtype)
            whole[asked.scope.slices] = made.labels
            return Placed(whole, data.offset)

        def done(made: Placed) -> None:
            known = self.classes.put(asked.class_name, asked.value)
            colors = {asked.value: known.color} if asked.conversion is Conversion.CLASS else None
            name = f"{asked.class_name}_{asked.facts[class_masks.OBJECT_NAME]}"
            layer = class_masks.add_labels(desk.viewer, source, made, name, asked.facts, colors)
            self.refresh()
            desk.say(f"Saved accepted object layer: {layer.name}{marks.left_out(len(data.without))}")

        run_on(desk, [source], "Saving...", make, done)

    def _save_into(self, source: Any, asked: _Asked, append: bool) -> None:
        desk, target = self._desk, self._desk.layer(self.state.target)
        if target is None:
            raise NO_TARGET
        if target == source:
            raise PromptError(f"{source.name} is the source, and the target too.", hint="Choose another target layer.")
        base = Placed(labels.editable_data(target), (0,) * target.ndim)
        data = replace(class_masks.placed_on(desk.viewer, target, source), without=marks.rejected_values(source))
        check_fits(extent([base, data])[1])

        def make(watch: Watch) -> tuple[labels.Stroke, Record] | Placed | None:
            added = _converted(data, asked, str(source.name), watch)
            made = appended(base, added, watch=watch) if append else replaced(base, added, asked.cut, watch=watch)
            return (labels.stroke_of(made), pack(made, TITLES[append])) if isinstance(made, Edit) else made

        def done(made: tuple[labels.Stroke, Record] | Placed | None) -> None:
            self._write(target, base, made)
            self.classes.put(asked.class_name, asked.value)
            kept = OF_THE_TARGET if append else {class_masks.OBJECT_NAME}
            class_masks.write_facts(target, {key: value for key, value in asked.facts.items() if key not in kept})
            self._color(target, asked, append)
            end = marks.left_out(len(data.without)) if made is not None else ", which holds all of it already"
            desk.say(f"Updated accepted object layer: {target.name}{end}")

        run_on(desk, [source, target], "Saving...", make, done)

    def _write(self, target: Any, base: Placed, made: tuple[labels.Stroke, Record] | Placed | None) -> None:
        """Write what was made into the target: in place where it fits, so that it can be undone."""
        if isinstance(made, Placed):
            class_masks.give_pixels(target, made)
            self._desk.edited.forget(target)
        elif made is not None:
            stroke, record = made
            self._desk.edited.write(target, base.labels, stroke, record)

    def _color(self, target: Any, asked: _Asked, append: bool) -> None:
        """Draw a layer that holds classes alone in their colours."""
        if asked.conversion is not Conversion.CLASS:
            return
        colors = {asked.value: self.classes.color(asked.class_name, asked.value)}
        if not append:
            class_masks.show_colors(target, colors)
        elif class_masks.has_colors(target):
            class_masks.add_colors(target, colors)

    def _count_slices(self, *_: object) -> None:
        self.state.slices = slices_of(self._desk.viewer, self._desk.layer(self.state.source))


def _placed(layer: Any) -> Placed:
    return Placed(class_masks.pixels_of(layer), (0,) * len(shape_of(layer)), marks.rejected_values(layer))


def _converted(data: Placed, asked: _Asked, name: str, watch: Watch) -> Placed:
    made = convert(data, asked.scope.slices, asked.conversion, asked.value, asked.listed, watch=watch)
    if not np.any(made.labels):
        raise PromptError(f"There is no object to save in {name}.", hint="Choose another layer, scope or conversion.")
    return made


def _items(layers: list[Any]) -> tuple[ImageItem, ...]:
    return tuple(ImageItem(str(one.unique_id), str(one.name)) for one in layers)


def _kept(current: str | None, items: tuple[ImageItem, ...]) -> str | None:
    """Return what is chosen if it is still there, else the topmost layer."""
    if any(one.identity == current for one in items):
        return current
    return items[-1].identity if items else None
