"""The object under a pixel, and those inside an outline: found by looking round them, never at the whole array.

Objects are connected components as :mod:`~napari_sam3_assistant.masks.components` has them, inside a block of the
array. Coordinates are pixel indices.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.masks.components import Component, analyze
from napari_sam3_assistant.masks.dtypes import check_holds
from napari_sam3_assistant.masks.edits import Edit, edit_of

Labels = npt.NDArray[Any]
Bools = npt.NDArray[np.bool_]

FIRST_REACH = 32
"""So far from the pixel one looks first, along the last two axes; along others, a quarter of it."""
JOINED_AXES = 3
CHANGED = PromptError("The layer was changed meanwhile; it is left as it is.", hint="Click again.")


@dataclass(frozen=True, slots=True, eq=False)
class Pointed:
    """An object, and its pixels: ``mask`` has the shape of ``labels[component.slices]``."""

    component: Component
    mask: Bools


def object_at(
    labels: Labels, index: Sequence[int], block: Sequence[slice] | None = None, most: int | None = None
) -> Pointed | None:
    """Return the object that a pixel lies in; None on background, or where it does not fit into ``most`` pixels.

    Parameters
    ----------
    labels : ndarray of integer or bool
    index : sequence of int
        The pixel.
    block : sequence of slice or None
        What lies outside is no part of the object, one slice for each axis; None: nothing is outside.
    most : int or None
        Look at no box of more pixels.

    Notes
    -----
    A box round the pixel grows where the object touches its sides, so that the cost follows the object.
    """
    value = labels[tuple(index)]
    limits = [(0, length) for length in labels.shape] if block is None else [(one.start, one.stop) for one in block]
    if value <= 0 or not all(low <= at < high for at, (low, high) in zip(index, limits, strict=True)):
        return None
    joined = range(max(labels.ndim - JOINED_AXES, 0), labels.ndim)
    low, high = list(index), [at + 1 for at in index]
    for axis in joined:
        reach = FIRST_REACH if axis >= labels.ndim - 2 else FIRST_REACH // 4
        low[axis] = max(index[axis] - reach, limits[axis][0])
        high[axis] = min(index[axis] + reach + 1, limits[axis][1])
    while most is None or _size(low, high) <= most:
        mask = _piece(labels, low, high, index, value)
        if not _grow(mask, low, high, limits, joined):
            return _pointed(mask, low, int(value))
    return None


def filled(labels: Labels, objects: Sequence[Pointed], value: int) -> Edit | None:
    """Return the edit that gives the pixels of objects another value, 0 to delete them.

    Raises
    ------
    PromptError
        If the array cannot hold the value, or has changed since the objects were found.
    """
    check_holds(labels.dtype, value)
    if not objects:
        return None
    low = np.min([[start for start, _ in one.component.box] for one in objects], axis=0).tolist()
    high = np.max([[stop for _, stop in one.component.box] for one in objects], axis=0).tolist()
    block = tuple(slice(start, stop) for start, stop in zip(low, high, strict=True))
    if any(stop > length for stop, length in zip(high, labels.shape, strict=True)):
        raise CHANGED
    before = np.array(labels[block])
    after = before.copy()
    for one in objects:
        place = tuple(slice(a - at, b - at) for (a, b), at in zip(one.component.box, low, strict=True))
        if not (before[place][one.mask] == one.component.label).all():
            raise CHANGED
        after[place][one.mask] = value
    return edit_of(labels, block, after)


def objects_inside(labels: Labels, block: Sequence[slice], inside: Bools) -> tuple[Pointed, ...]:
    """Return the objects of which more than half of the pixels lie in a block and there in ``inside``.

    Parameters
    ----------
    labels : ndarray of integer or bool
    block : sequence of slice
        Where ``inside`` lies, one for each axis, with start and stop.
    inside : ndarray of bool
        Of a shape that is spread over the block.
    """
    corner = [part.start for part in block]
    inside = np.broadcast_to(inside, [part.stop - part.start for part in block])
    found = []
    for one in _objects_in(labels, block):
        own = [
            (max(low, part.start), min(high, part.stop))
            for (low, high), part in zip(one.component.box, block, strict=True)
        ]
        within = inside[tuple(slice(low - at, high - at) for (low, high), at in zip(own, corner, strict=True))]
        mask = one.mask[
            tuple(slice(low - at, high - at) for (low, high), (at, _) in zip(own, one.component.box, strict=True))
        ]
        if 2 * int(np.count_nonzero(mask & within)) > one.component.area:
            found.append(one)
    return tuple(found)


def _objects_in(labels: Labels, block: Sequence[slice]) -> Iterator[Pointed]:
    """Yield the objects with pixels in a block, each once and whole."""
    corner = [part.start for part in block]
    crop = labels[tuple(block)]
    reached: set[tuple[int, ...]] = set()
    for one in analyze(crop):
        first = tuple(at + start for at, start in zip(one.start, corner, strict=True))
        joined = range(max(labels.ndim - JOINED_AXES, 0), labels.ndim)
        open_ = any(
            (one.box[axis][0] == 0 and corner[axis] > 0)
            or (one.box[axis][1] == crop.shape[axis] and block[axis].stop < labels.shape[axis])
            for axis in joined
        )
        whole = object_at(labels, first) if open_ else _shifted(crop, one, corner)
        if whole is not None and whole.component.start not in reached:
            reached.add(whole.component.start)
            yield whole


def _shifted(crop: Labels, one: Component, corner: Sequence[int]) -> Pointed:
    mask = _piece(crop, [low for low, _ in one.box], [high for _, high in one.box], one.start, one.label)
    return _pointed(mask, [low + at for (low, _), at in zip(one.box, corner, strict=True)], one.label)


def _piece(labels: Labels, low: Sequence[int], high: Sequence[int], index: Sequence[int], value: Any) -> Bools:
    """Return which pixels of a box hang together with a pixel in it."""
    from scipy import ndimage as ndi

    box = tuple(slice(start, stop) for start, stop in zip(low, high, strict=True))
    pieces, _ = ndi.label(labels[box] == value)
    piece = pieces[tuple(at - start for at, start in zip(index, low, strict=True))]
    return np.asarray(pieces == piece, bool)


def _grow(mask: Bools, low: list[int], high: list[int], limits: Sequence[tuple[int, int]], axes: Sequence[int]) -> bool:
    """Move the sides of a box outwards that its object touches, as far as may be; return whether any moved."""
    moved = False
    for axis in axes:
        length, (first, last) = max(mask.shape[axis], 2), limits[axis]
        if low[axis] > first and mask.take(0, axis=axis).any():
            low[axis], moved = max(low[axis] - length, first), True
        if high[axis] < last and mask.take(-1, axis=axis).any():
            high[axis], moved = min(high[axis] + length, last), True
    return moved


def _pointed(mask: Bools, low: Sequence[int], value: int) -> Pointed:
    """Return the object of a mask that begins at ``low``, in the smallest box."""
    at = np.nonzero(mask)
    box = [(int(one.min()), int(one.max()) + 1) for one in at]
    centroid = tuple(float(one.mean()) + start for one, start in zip(at, low, strict=True))
    start = tuple(int(one[0]) + first for one, first in zip(at, low, strict=True))
    placed = tuple((first + start, last + start) for (first, last), start in zip(box, low, strict=True))
    component = Component(0, value, int(at[0].size), centroid, placed, start)
    return Pointed(component, mask[tuple(slice(first, last) for first, last in box)])


def _size(low: Sequence[int], high: Sequence[int]) -> int:
    size = 1
    for start, stop in zip(low, high, strict=True):
        size *= stop - start
    return size
