"""What is said of objects on the frames of a stack, read from the prompts in use and the masks on screen.

A mask that answers its prompts stands for them: what is seen is what is carried. Prompts without a mask are given to
the video as they are, on whichever frame they lie. All on the GUI thread.
"""

from __future__ import annotations

import zlib
from collections.abc import Hashable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_sam3_assistant.app.drafts import Draft, Points
from napari_sam3_assistant.app.propagating.numbers import Numbered, Numbering, about_points, by_object
from napari_sam3_assistant.app.propagating.saying import Heard, Saying, Value
from napari_sam3_assistant.app.screen import OnScreen
from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.app.using import Using, in_use
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.prompts import Prompts
from napari_sam3_assistant.layers import on_frames
from napari_sam3_assistant.layers.mask_prompts import MaskAsked
from napari_sam3_assistant.layers.shapes import ShapePrompt
from napari_sam3_assistant.tasks.frames import Through
from napari_sam3_assistant.tasks.tracks import Tracks

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController


def planes_said(controller: AppController, here: OnScreen, through: Through) -> list[Plane]:
    """Return the planes to go through on which prompts of the kind in use lie, or may lie, in their order."""
    axes = (through.axis,) if through.over is None else (through.over, through.axis)
    planes = [here.plane]
    for axis in axes:
        found = sorted(_positions(controller, here, axis))
        planes = [plane.at(axis, position) for plane in planes for position in found]
    return planes


def _positions(controller: AppController, here: OnScreen, axis: int) -> set[int]:
    """Return the positions on an axis of the image at which such prompts lie, or may lie."""
    kind, picture = controller.state.task.kind, here.layer
    points, boxes = controller.live.layer, controller.boxes.layer
    found: set[int] = set()
    if kind is PromptKind.POINTS and points is not None:
        found |= on_frames.of_points(points, picture, axis, here.world)
    elif kind is PromptKind.BOX and boxes is not None:
        found |= on_frames.of_shapes(boxes, picture, axis, here.world)
    elif kind is PromptKind.LABELS:
        for layer in controller.masks.layers:
            found |= controller.masks.strokes.frames(layer, picture, axis, here.world)
    return found


class Gathering:
    """Reads what is said, frame by frame.

    Parameters
    ----------
    controller : AppController
    here : OnScreen
    through : Through
        The axis of the frames, and a second one, if any.
    heard : Heard
        What was said already.
    tracks : Tracks or None
        What was followed so far; None at a start.

    Raises
    ------
    AssistantError
        If a prompt layer cannot be read.
    """

    def __init__(
        self, controller: AppController, here: OnScreen, through: Through, heard: Heard, tracks: Tracks | None
    ) -> None:
        self._controller, self._here, self._through = controller, here, through
        self._heard, self._tracks = heard, tracks
        self._values: dict[Value, int] = dict(heard.values)
        self.using: Using | None = None
        """The prompts on the plane on screen."""
        self._taken: set[int] = set(tracks.ids) if tracks is not None else set()
        self.sayings = list(self._all())

    def _all(self) -> Iterator[Saying]:
        planes = [self._here.plane, *planes_said(self._controller, self._here, self._through)]
        for plane in dict.fromkeys(planes):
            there = replace(self._here, plane=plane)
            found, draft = in_use(self._controller, there), self._controller.board.at(there.place)
            if plane == self._here.plane:
                self.using, draft = found, self._tidied(draft, found)
                self._taken.update(item.id for item in draft.objects)
            made = [*self._pointed(there, found.points, draft), *self._drawn(there, found, draft)]
            self._taken.update(one.number for one in made)
            yield from (one for one in made if not all(map(self._heard.knows, one.keys)))

    def _tidied(self, draft: Draft, found: Using) -> Draft:
        """Return the draft on screen without the masks whose prompts were deleted; they go from the screen too."""
        kind, keys = self._controller.state.task.kind, {shape.key for shape in found.shapes}
        if kind is PromptKind.POINTS:
            tidy = draft.with_points(found.points, gone=True)
        else:
            own = {id: talk for id, talk in draft.talks.items() if talk.kind == kind.value and talk.key}
            tidy = draft.without([id for id, talk in own.items() if talk.key not in keys and not talk.pointed])
        if len(tidy.objects) == len(draft.objects):
            return draft
        self._controller.board.put(self._here.place, tidy)
        self._controller.board.draw(self._here)
        return tidy

    def _followed(self, there: OnScreen) -> dict[int, PlacedMask]:
        """Return what was followed onto a frame."""
        return {} if self._tracks is None else {item.id: item.mask for item in self._tracks.at(there.plane)}

    # -- points -----------------------------------------------------------------------------------

    def _pointed(self, there: OnScreen, points: Points, draft: Draft) -> Iterator[Saying]:
        """Yield what points say; where a mask on the plane answers them, that stands for them."""
        plane, frame = self._at(there)
        stale, rest = draft.stale(points, again=True), dict(points)
        for number in [number for number in points if number not in stale and draft.has(number)]:
            own, seen = rest.pop(number), draft.objects[number].mask
            id = self._of_mask(there, seen, number)
            found = {(plane, number, point): id for point in own}
            keys = ("points", plane, id, own), _key(plane, seen)
            yield Saying(plane, frame, id, keys=keys, mask=seen, about=found)
        about = self._about(there, rest)
        for id, own in by_object(rest, about).items():
            mask = draft.objects[id].mask if self._tracks is None and draft.has(id) else None
            spots = {(plane, *spot): one for spot, one in about.items() if one == id}
            said: tuple[Hashable, ...] = (("points", plane, id, own),)
            if mask is not None:
                said = *said, _key(plane, mask)
            yield Saying(plane, frame, id, Prompts(points=own), said, mask, spots)

    def _about(self, there: OnScreen, points: Points) -> dict[Numbered, int]:
        """Return which object each point is about: before a start the one whose number it has."""
        if self._tracks is None:
            return {(number, point): number for number, own in points.items() for point in own}
        known = {(number, point): id for (at, number, point), id in self._heard.about.items() if at == there.plane}
        return about_points(points, self._followed(there), self._taken, self._heard.begun, known)

    # -- masks, boxes, labels ---------------------------------------------------------------------

    def _drawn(self, there: OnScreen, found: Using, draft: Draft) -> Iterator[Saying]:
        """Yield what boxes and painted labels say; and, on screen, the masks that have no prompts in use."""
        kind, shown = self._controller.state.task.kind.value, set(found.points)
        plane, frame = self._at(there)
        own = {talk.key: id for id, talk in draft.talks.items() if talk.kind == kind and talk.key}
        stale, numbering = draft.stale_shapes(kind, again=True), Numbering(self._followed(there), self._taken)
        for shape in found.shapes:
            id = own.get(shape.key)
            answered = id is not None and id not in stale and draft.has(id)
            shown.update([id] if id is not None else [])
            mask = draft.objects[id].mask if id is not None and answered else None
            yield self._shaped(there, shape, mask, id, numbering)
        for item in draft.objects if plane == self._here.plane else ():
            if item.id not in shown:
                number = self._of_mask(there, item.mask, item.id)
                yield Saying(plane, frame, number, keys=(_key(plane, item.mask),), mask=item.mask)

    def _shaped(
        self,
        there: OnScreen,
        shape: ShapePrompt | MaskAsked,
        mask: PlacedMask | None,
        own: int | None,
        numbering: Numbering,
    ) -> Saying:
        """Return what a box or a painted label says, or the mask that answers it (of the object ``own``)."""
        plane, frame = self._at(there)
        keys: tuple[Hashable, ...] = (("shape", plane, shape.key),)
        if mask is not None:
            keys = *keys, _key(plane, mask)
        value = (str(shape.key[0]), shape.value) if isinstance(shape, MaskAsked) else None
        painted = mask if mask is not None or shape.prompts.mask is None else shape.prompts.mask.mask
        if mask is not None and own is not None and self._tracks is None and plane == self._here.plane:
            number = own
        elif isinstance(shape, ShapePrompt) or painted is None:
            number = numbering.of_box(shape.prompts.extent()) if mask is None else numbering.of_mask(mask)
        else:
            number = numbering.of_value(self._values.get((str(shape.key[0]), shape.value)), painted, shape.value)
        if value is not None:
            self._values.setdefault(value, number)
        prompts = Prompts() if mask is not None else shape.prompts
        return Saying(plane, frame, number, prompts, keys, mask, shape=shape.key, value=value)

    def _at(self, there: OnScreen) -> tuple[Plane, int]:
        """Return a plane, and which frame it is."""
        return there.plane, there.plane.position(self._through.axis) or 0

    def _of_mask(self, there: OnScreen, mask: PlacedMask, own: int) -> int:
        """Return which object a mask is: before a start ``own``, then the one that it covers."""
        if self._tracks is None:
            return own
        return Numbering(self._followed(there), self._taken).of_mask(mask, own)


def _key(plane: Plane, mask: PlacedMask) -> Hashable:
    """Return what is equal for the same mask on the same plane."""
    return "mask", plane, mask.offset, mask.mask.shape, zlib.crc32(np.packbits(mask.mask).tobytes())
