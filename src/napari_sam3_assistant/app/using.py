"""Which prompts a run would use: those of the kind in use, on the plane on screen; and in words."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_sam3_assistant.app.drafts import Points
from napari_sam3_assistant.app.screen import OnScreen
from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.prompts import BoxPrompt
from napari_sam3_assistant.layers import mask_prompts, prompts, shapes
from napari_sam3_assistant.layers.mask_prompts import MaskAsked
from napari_sam3_assistant.layers.shapes import ShapePrompt
from napari_sam3_assistant.tasks.crops import CropPlace
from napari_sam3_assistant.tasks.jobs import Task

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController


@dataclass(frozen=True, slots=True, eq=False)
class Using:
    """The prompts in use.

    Attributes
    ----------
    layer : bool
        Whether there is a layer for them.
    count : int
        How many there are.
    text, left_out : str
        Which ones, and which not, in words.
    points : mapping of int to tuple of PointPrompt
        By object.
    shapes : sequence of ShapePrompt or MaskAsked
        One object each.
    examples : tuple of BoxPrompt
        For the task ``Exemplar``.
    crop : CropPlace or None
        The example in a picture of its own.
    """

    layer: bool
    count: int = 0
    text: str = ""
    left_out: str = ""
    points: Points = field(default_factory=dict)
    shapes: Sequence[ShapePrompt | MaskAsked] = ()
    examples: tuple[BoxPrompt, ...] = ()
    crop: CropPlace | None = None


MOST_OBJECTS = 1000
"""So many objects are asked about at once; what is beyond is left out, and that is said."""
TITLES = {PromptKind.POINTS: "Points", PromptKind.BOX: "Box", PromptKind.LABELS: "Labels", PromptKind.TEXT: "Text"}


def in_use(controller: AppController, here: OnScreen) -> Using:
    """Return the prompts of the kind in use on the plane on screen.

    Raises
    ------
    AssistantError
        If a prompt layer cannot be read.
    """
    task = controller.state.task
    if task.kind is PromptKind.TEXT:
        return _words(controller)
    if task.kind is PromptKind.POINTS:
        return _points(controller, here)
    if task.kind is PromptKind.LABELS:
        return _labels(controller, here)
    if task.uses_crop:
        return controller.exemplars.in_use(here)
    return _boxes(controller, here, examples=task.task is Task.EXEMPLAR)


def not_in_use(controller: AppController, here: OnScreen) -> str:
    """Return in words which prompts of other kinds lie on the plane on screen; a run does not use them."""
    task, where = controller.state.task, (here.layer, here.plane, here.world)
    by = "Exemplar" if task.task is Task.EXEMPLAR else TITLES[task.kind]
    points, boxes = controller.live.layer, controller.boxes.layer
    there = []
    if task.kind is not PromptKind.POINTS and points is not None:
        there.append((prompts.count_points(points, *where), "point"))
    if task.kind is not PromptKind.BOX and boxes is not None:
        there.append((shapes.count_shapes(boxes, *where), "box"))
    parts = [
        f"{counted(count, noun)} {'is' if count == 1 else 'are'} not used by {by}." for count, noun in there if count
    ]
    if task.kind is not PromptKind.LABELS and controller.masks.painted:
        parts.append(f"What is painted is not used by {by}.")
    if task.advanced and task.kind is not PromptKind.TEXT and task.text.strip():
        parts.append(f"What is typed is not used by {by}.")
    return " ".join(parts)


def _master(controller: AppController) -> str:
    """Return the picture whose prompts count for every other one too: in a batch the one in use."""
    task = controller.state.task
    return (task.image or "") if task.batches else ""


def _words(controller: AppController) -> Using:
    if not controller.state.model.reads:
        return Using(True)
    task = controller.state.task
    try:
        phrases = task.phrases
    except PromptError as error:
        return Using(True, left_out=str(error))
    if not phrases:
        return Using(True)
    names = ", ".join(one.text for one in phrases[:4]) + (" ..." if len(phrases) > 4 else "")
    both = " (of both fields)" if task.text.strip() and task.lines.strip() else ""
    return Using(True, len(phrases), f"{counted(len(phrases), 'phrase')}{both}: {names}")


def _points(controller: AppController, here: OnScreen) -> Using:
    layer = controller.live.layer
    if layer is None:
        return Using(False)
    found = prompts.collect_points(layer, here.layer, here.plane, here.world, also=_master(controller))
    by_object = found.by_object()
    more = list(by_object)[MOST_OBJECTS:]
    count = len(found.points) - sum(len(by_object.pop(id)) for id in more)
    text = counted(count, "point")
    if len(by_object) > 1:
        text += f" of {len(by_object)} objects"
    text, elsewhere = _with_other_frames(controller, text if count else "", found.elsewhere)
    left_out = _left_out("point", elsewhere, found.outside, nowhere=found.nowhere)
    parts = [left_out, _of_others(controller, "point", found.others)]
    if more:
        parts.append(f"{len(more):,} objects left out: {MOST_OBJECTS:,} is the most at once.")
    return Using(True, count, text, " ".join(filter(None, parts)), points=by_object)


def _boxes(controller: AppController, here: OnScreen, *, examples: bool) -> Using:
    layer = controller.boxes.layer
    if layer is None:
        return Using(False)
    found = shapes.collect_shapes(layer, here.layer, here.plane, here.world, also=_master(controller))
    more, elsewhere = _with_other_frames(controller, "", found.elsewhere)
    left_out = _left_out("box", elsewhere, found.outside, found.empty)
    left_out = " ".join(filter(None, (left_out, _of_others(controller, "box", found.others))))
    if examples:
        made = tuple(shape.box for shape in found.shapes)
        good = sum(box.positive for box in made)
        text = counted(good, "example") + (
            f", {counted(len(made) - good, 'counter-example')}" if good < len(made) else ""
        )
        return Using(True, good, text if made else "", left_out, examples=made)
    good_ones = [shape for shape in found.shapes if shape.box.positive]
    counter = len(found.shapes) - len(good_ones)
    if counter:
        said = "is a counter-example" if counter == 1 else "are counter-examples"
        left_out = " ".join(filter(None, (left_out, f"{counted(counter, 'box')} {said}: for Exemplar only.")))
    text = ", ".join(filter(None, (counted(len(good_ones), "box") if good_ones else "", more)))
    return Using(True, len(good_ones), text, left_out, shapes=good_ones)


def _labels(controller: AppController, here: OnScreen) -> Using:
    there = controller.masks.layers
    if not there:
        return Using(False)
    shape = here.source.plane_shape(here.plane)
    found = mask_prompts.collect_masks(there, here.layer, here.plane, here.world, shape, also=_master(controller))
    values = [str(one.value) for one in found.prompts]
    text = ("label " if len(values) == 1 else "labels ") + ", ".join(values[:6]) + (" ..." if len(values) > 6 else "")
    elsewhere = 0 if controller.state.task.task is Task.VIDEO else found.elsewhere  # they count on their own frames
    parts = _left_out("layer", elsewhere, 0), _of_others(controller, "layer", found.others)
    left_out = " ".join(filter(None, parts))
    return Using(True, len(values), text if values else "", left_out, shapes=found.prompts)


def counted(number: int, noun: str) -> str:
    """Return how many there are of something: ``"1 box"``, ``"3 boxes"``."""
    plural = {"box": "boxes"}.get(noun, f"{noun}s")
    return f"{number} {noun if number == 1 else plural}"


def _with_other_frames(controller: AppController, text: str, elsewhere: int) -> tuple[str, int]:
    """Return which prompts are in use and how many are left out: in ``3D/Video`` those of other frames count too."""
    if controller.state.task.task is not Task.VIDEO or not elsewhere:
        return text, elsewhere
    return ", ".join(filter(None, (text, f"{elsewhere} on other frames"))), 0


def _of_others(controller: AppController, noun: str, pictures: Collection[str]) -> str:
    """Return what is said of prompts that are about other pictures."""
    there = {str(layer.unique_id) for layer in controller.viewer.layers}
    closed = sum(one not in there for one in pictures)
    parts = [
        f"{counted(count, noun)} of {where} left out."
        for count, where in ((len(pictures) - closed, "another picture"), (closed, "a picture that was closed"))
        if count
    ]
    return " ".join(parts)


def _left_out(noun: str, elsewhere: int, outside: int, empty: int = 0, nowhere: int = 0) -> str:
    parts = [
        f"{counted(count, noun)} {where} left out."
        for count, where in (
            (elsewhere, "on other slices"),
            (outside, "outside the image"),
            (empty, "without area"),
            (nowhere, "without a place"),
        )
        if count
    ]
    return " ".join(parts)
