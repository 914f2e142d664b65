"""Which object a prompt on a frame is about, once objects were followed onto it: pure functions.

What lies on an object corrects that object, whatever its number says. What lies elsewhere is another object, or
one that is not seen on the frame. A number that the user has begun on purpose is a new object wherever it is put.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import numpy as np

from napari_sam3_assistant.app.talk import Points
from napari_sam3_assistant.core.geometry import Box, PlacedMask, intersection
from napari_sam3_assistant.core.prompts import PointPrompt
from napari_sam3_assistant.masks.registry import MaskObject
from napari_sam3_assistant.tasks.tracks import SAME, joined

Masks = Mapping[int, PlacedMask]
Numbered = tuple[int, PointPrompt]
"""A point and the number that it has in its layer."""
BESIDE = (-1, 0, 1)
"""A positive point so many pixels from an object touches it."""


def object_under(point: PointPrompt, there: Masks, own: int) -> int | None:
    """Return which object a point lies on, or, if it is positive, touches: ``own`` first, then the smallest."""
    held = [id for id, mask in there.items() if mask.value_at(point.row, point.col)]
    if not held and point.positive:
        held = [id for id, mask in there.items() if _touches(mask, point)]
    return own if own in held else min(held, key=lambda id: there[id].area, default=None)


def _touches(mask: PlacedMask, point: PointPrompt) -> bool:
    return any(mask.value_at(point.row + row, point.col + col) for row in BESIDE for col in BESIDE)


def about_points(
    points: Points, there: Masks, taken: Collection[int], begun: Collection[int], known: Mapping[Numbered, int]
) -> dict[Numbered, int]:
    """Return which object each point on a frame is about.

    Parameters
    ----------
    points : mapping of int to tuple of PointPrompt
        By the numbers that they have in their layer.
    there : mapping of int to PlacedMask
        The objects that were followed onto the frame.
    taken : collection of int
        Numbers of objects on any frame.
    begun : collection of int
        Numbers that the user has begun as new objects.
    known : mapping of (int, PointPrompt) to int
        What was found of points before: it stays.
    """
    found: dict[Numbered, int] = {}
    numbers = {*taken, *points, *known.values()}
    for number, own in points.items():
        new: int | None = None
        sure = number in begun and number not in taken
        for point in sorted(own, key=lambda point: not point.positive):
            id = known.get((number, point))
            if id is None and not sure:
                id = object_under(point, there, number)
            if id is None and (sure or number not in there):
                id = number
            if id is None and not point.positive:
                id = new or number
            if id is None:
                new = id = new or max(numbers, default=0) + 1
                numbers.add(id)
            found[number, point] = id
    return found


def by_object(points: Points, about: Mapping[Numbered, int]) -> dict[int, tuple[PointPrompt, ...]]:
    """Return the points of each object, in the order in which they were made."""
    found: dict[int, list[PointPrompt]] = {}
    for number, own in points.items():
        for point in own:
            found.setdefault(about[number, point], []).append(point)
    return {id: tuple(own) for id, own in found.items()}


class Numbering:
    """Gives the drawn and painted objects of a frame their numbers.

    Parameters
    ----------
    there : mapping of int to PlacedMask
        The objects that were followed onto the frame.
    taken : iterable of int
        Numbers of objects on any frame.
    """

    def __init__(self, there: Masks, taken: Iterable[int]) -> None:
        self._left, self._followed = dict(there), frozenset(there)
        self.taken = {*taken, *there}

    def of_mask(self, mask: PlacedMask, own: int | None = None) -> int:
        """Return the object that a mask covers; else ``own``, where that is not taken, or a new number."""
        wanted = own if own is not None else max(self.taken, default=0) + 1
        now = joined(self._left, [MaskObject(wanted, mask)], self.taken)
        return self._used(next(id for id, one in now.items() if one is mask))

    def of_box(self, box: Box) -> int:
        """Return the object round which a box is drawn, or a new number."""
        share = {id: _shared(box, mask.box) for id, mask in self._left.items() if mask.box is not None}
        best = max(share, key=lambda id: share[id], default=None)
        return self._used(best if best is not None and share[best] >= SAME else max(self.taken, default=0) + 1)

    def of_value(self, known: int | None, mask: PlacedMask, own: int) -> int:
        """Return the object that a painted label covers; else the one that the label stood for, where it is not here.

        ``known`` is what the label stood for on other frames, ``own`` its value.
        """
        if known is None or known in self._left:
            return self.of_mask(mask, own)
        covered = self.of_mask(mask, known)
        if covered in self._followed:
            return covered
        self.taken.discard(covered)
        return self._used(known)

    def _used(self, id: int) -> int:
        self._left.pop(id, None)
        self.taken.add(id)
        return id


def _shared(a: Box, b: Box) -> float:
    """Return which share of the smaller of two boxes lies in the other."""
    both = intersection(a, b)
    return 0.0 if both is None else both.area / float(np.minimum(a.area, b.area))
