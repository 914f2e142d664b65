"""Accepted objects of a process that is gone, made ready to be written into the labels of this one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.geometry import Box, PlacedMask, slices, union
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.masks.accepting import Accepted


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """The labels of the objects of a plane, drawn: ``labels`` cover ``box``, which has whole-numbered corners."""

    plane: Plane
    box: Box
    labels: npt.NDArray[np.uint32]


def same_mask(a: PlacedMask, b: PlacedMask) -> bool:
    """Return whether two masks have the same pixels; both are cut to them."""
    return a is b or (a.offset == b.offset and a.mask.shape == b.mask.shape and bool((a.mask == b.mask).all()))


def fits(one: Accepted, shape: Sequence[int], color_axis: int | None) -> bool:
    """Return whether an object lies on a plane of a picture of this shape, with all its pixels."""
    axes = sorted([one.plane.row_axis, one.plane.col_axis, *(axis for axis, _ in one.plane.index)])
    if axes != [axis for axis in range(len(shape)) if axis != color_axis]:
        return False
    (top, left), (height, width) = one.mask.offset, one.mask.mask.shape
    rows, cols = one.plane.shape_in(shape)
    inside = 0 <= top <= rows - height and 0 <= left <= cols - width
    return inside and all(0 <= at < shape[axis] for axis, at in one.plane.index)


def numbered(groups: Iterable[Sequence[Accepted]], free: int) -> list[Accepted]:
    """Return the objects of several processes with numbers that are free, each once.

    Parameters
    ----------
    groups : iterable of sequence of Accepted
        Those of each process: they keep their numbers, or where one of these is taken, their order.
    free : int
        The lowest number that is free, and all above it.
    """
    made: list[Accepted] = []
    seen: dict[tuple[object, ...], list[PlacedMask]] = {}
    for group in groups:
        fresh = []
        for one in sorted(group, key=lambda one: one.id):
            twins = seen.setdefault((one.plane, one.mask.offset, one.facts.class_name), [])
            if not any(same_mask(one.mask, twin) for twin in twins):
                twins.append(one.mask)
                fresh.append(one)
        lowest = min((min(one.id, one.act or one.id) for one in fresh), default=free)
        shift = max(free - lowest, 0)
        made += [replace(one, id=one.id + shift, act=(one.act or one.id) + shift) for one in fresh]
        free = max([free, *(one.id + 1 for one in made)])
    return made


def laid(records: Iterable[Accepted]) -> tuple[list[Accepted], list[Block]]:
    """Return objects with what each lies on, and the labels of each plane: of two, the higher number is seen."""
    by_plane: dict[Plane, list[Accepted]] = {}
    for one in sorted(records, key=lambda one: one.id):
        by_plane.setdefault(one.plane, []).append(one)
    made: list[Accepted] = []
    blocks = []
    for plane, own in by_plane.items():
        box = union(one.mask.box for one in own if one.mask.box is not None)
        corner = int(box.top), int(box.left)
        labels = np.zeros((int(box.bottom) - corner[0], int(box.right) - corner[1]), np.uint32)
        for one in own:
            part = labels[slices(one.mask.box or box, corner)]
            under = part.copy() if part[one.mask.mask].any() else None
            made.append(replace(one, under=under))
            part[one.mask.mask] = one.id
        blocks.append(Block(plane, box, labels))
    return made, blocks


def beside(one: Accepted, foreign: npt.NDArray[Any]) -> Accepted | None:
    """Return an object without the pixels that others hold; None where nothing is left.

    Parameters
    ----------
    one : Accepted
    foreign : ndarray of the mask's shape, bool
        Where others are.
    """
    if not (one.mask.mask & foreign).any():
        return one
    left = PlacedMask(one.mask.mask & ~foreign, one.mask.offset).trimmed()
    if left.box is None:
        return None
    under = None if one.under is None else one.under[slices(left.box, one.mask.offset)]
    return replace(one, mask=left, under=under)
