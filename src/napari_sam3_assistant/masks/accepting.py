"""Objects that were accepted: the pixels each wrote, and what they lie on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.geometry import Box, PlacedMask, intersection, slices
from napari_sam3_assistant.core.planes import Plane


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
    """

    id: int
    mask: PlacedMask
    image: str
    plane: Plane
    under: npt.NDArray[np.uint32] | None = None
    act: int = 0


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
