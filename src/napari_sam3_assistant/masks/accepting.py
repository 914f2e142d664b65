"""Objects that were accepted: the pixels each wrote, and what they lie on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.geometry import Box, PlacedMask, intersection, slices
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.masks.registry import Origin

SAME_IOU = 0.5
"""What covers an object accepted before by this much is that object."""
SAME_AT_ONCE_IOU = 0.8
"""The same for objects that are accepted together: a nucleus that fills most of its cell is an object too."""


SAID = 8
"""So many numbers of objects are said one by one."""
UNKNOWN = Origin()


@dataclass(frozen=True, slots=True)
class Facts:
    """What was known of an object when it was accepted: its score, 0 to 1, its class, and where it came from."""

    score: float = 1.0
    class_name: str = ""
    origin: Origin = UNKNOWN


@dataclass(frozen=True, slots=True, eq=False)
class Accepted:
    """One object that was accepted.

    Attributes
    ----------
    id : int
        Its label in the layer.
    mask : PlacedMask
        The pixels that were written: without those accepted earlier.
    image : str
        Identity of the picture's layer.
    plane : Plane
        Of the picture.
    under : ndarray of the mask's shape, or None
        The labels that it lies on; None: on background.
    act : int
        The first of the numbers that were given together with this one.
    facts : Facts
        What the table tells of it besides its pixels.
    first : Accepted or None
        The object as it was accepted, where it was edited since; None where this is it.
    """

    id: int
    mask: PlacedMask
    image: str
    plane: Plane
    under: npt.NDArray[np.uint32] | None = None
    act: int = 0
    facts: Facts = Facts()
    first: Accepted | None = None

    @property
    def root(self) -> Accepted:
        """The object as it was accepted, before any edit: what all of its versions have in common."""
        return self.first or self


def accepted_of(
    id: int, mask: npt.NDArray[np.bool_], box: Box, labels: npt.NDArray[Any], identity: str, plane: Plane
) -> Accepted:
    """Return what is to be written of a mask that covers ``box``, where ``labels`` are now."""
    first = int(box.top), int(box.left)
    free = mask & (labels == 0)
    if free.any():
        return Accepted(id, PlacedMask(free, first).trimmed(), identity, plane)
    placed = PlacedMask(mask, first).trimmed()
    under = labels[slices(placed.box or box, first)].astype(np.uint32)
    return Accepted(id, placed, identity, plane, under)


def held_already(
    mask: npt.NDArray[np.bool_],
    labels: npt.NDArray[Any],
    known: Mapping[int, Accepted],
    at_once: Collection[int] = (),
) -> bool:
    """Return whether a label holds the object already: their overlap is most of their union.

    Parameters
    ----------
    mask : ndarray of bool
        What is to be accepted.
    labels : ndarray of the mask's shape, integer
        What is accepted there.
    known : mapping of int to Accepted
        Objects by label; of others, only what lies under the mask's box is counted.
    at_once : collection of int
        Labels of those that are accepted together with this one.
    """
    there = labels[mask]
    if not there.any():
        return False
    values, counts = np.unique(there, return_counts=True)
    area = int(mask.sum())
    for value, shared in zip(values.tolist(), counts.tolist(), strict=True):
        if value:
            theirs = known[value].mask.area if value in known else int((labels == value).sum())
            same = SAME_AT_ONCE_IOU if value in at_once else SAME_IOU
            if shared >= same * (area + max(theirs, shared) - shared):
                return True
    return False


def beneath(record: Accepted, erased: Mapping[int, Accepted]) -> npt.NDArray[np.uint32]:
    """Return what is seen where ``record`` is taken away: what it lies on, or what that lies on if it is gone too."""
    if record.under is None:
        return np.zeros(record.mask.mask.shape, np.uint32)
    below = record.under.copy()
    for value in np.unique(below).tolist():
        older = erased.get(value)
        shared = intersection(older.mask.box, record.mask.box) if older and older.mask.box and record.mask.box else None
        if older is None or shared is None or older.plane != record.plane:
            continue
        there, here = slices(shared, older.mask.offset), slices(shared, record.mask.offset)
        gone = (below[here] == value) & older.mask.mask[there]
        below[here][gone] = beneath(older, erased)[there][gone]
    return below


def span(numbers: list[int]) -> str:
    """Return sorted numbers in words: ``"1 to 7"`` where none is left out, else each of the first few."""
    if len(numbers) > 1 and numbers[-1] - numbers[0] + 1 == len(numbers):
        return f"{numbers[0]} to {numbers[-1]}"
    return ", ".join(map(str, numbers[:SAID])) + (" ..." if len(numbers) > SAID else "")
