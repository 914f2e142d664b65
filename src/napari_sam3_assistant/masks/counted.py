"""The values of an array of labels: how many pixels each has, and the box round them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.progress import UNWATCHED, Watch
from napari_sam3_assistant.masks.edits import Edit, edit_of

Labels = npt.NDArray[Any]

PIXELS_AT_ONCE = 2**23


@dataclass(frozen=True, slots=True)
class Counted:
    """A value, the number of its pixels, and first index and the one after the last on each axis."""

    value: int
    area: int
    box: tuple[tuple[int, int], ...]


def count_values(labels: Labels, *, watch: Watch = UNWATCHED) -> tuple[Counted, ...]:
    """Return the values above 0 of an array, by value.

    Notes
    -----
    Looked at a slab of lines at a time, as runs of equal value along the last axis.
    """
    length = labels.shape[-1]
    lines = max(math.prod(labels.shape[:-1]), 1)
    slab = max(PIXELS_AT_ONCE // max(length, 1), 1)
    flat = (
        labels.reshape(lines, length)
        if labels.flags.c_contiguous
        else np.ascontiguousarray(labels).reshape(lines, length)
    )
    parts = [_runs(flat[first : first + slab], first) for first in watch.over(range(0, lines, slab))]
    value, line, low, high = (np.concatenate(column) for column in zip(*parts, strict=True))
    if not value.size:
        return ()
    order = np.argsort(value, kind="stable")
    value, line, low, high = value[order], line[order], low[order], high[order]
    begin = np.flatnonzero(np.append(True, value[1:] != value[:-1]))
    places = np.unravel_index(line, labels.shape[:-1]) if labels.ndim > 1 else ()
    edges = [(np.minimum.reduceat(at, begin), np.maximum.reduceat(at, begin) + 1) for at in places]
    edges.append((np.minimum.reduceat(low, begin), np.maximum.reduceat(high, begin)))
    area = np.add.reduceat(high - low, begin).tolist()
    boxes = zip(*(zip(first.tolist(), last.tolist(), strict=True) for first, last in edges), strict=True)
    return tuple(Counted(int(one), size, tuple(box)) for one, size, box in zip(value[begin], area, boxes, strict=True))


def recounted(known: Iterable[Counted], edit: Edit) -> tuple[Counted, ...]:
    """Return what :func:`count_values` would return after an edit; boxes may be too large, never too small."""
    found = {one.value: one for one in known}
    inside = tuple((part.start, part.stop) for part in edit.slices)
    for values, sign in ((edit.before, -1), (edit.after, 1)):
        for value, count in zip(*(part.tolist() for part in np.unique(values, return_counts=True)), strict=True):
            if value <= 0:
                continue
            one = found.get(value, Counted(value, 0, inside))
            box = one.box
            if sign > 0:
                box = tuple((min(a, c), max(b, d)) for (a, b), (c, d) in zip(box, inside, strict=True))
            found[value] = replace(one, area=one.area + sign * count, box=box)
    return tuple(found[value] for value in sorted(found) if found[value].area > 0)


def deleted(labels: Labels, chosen: Sequence[Counted], *, watch: Watch = UNWATCHED) -> Edit | None:
    """Return the edit that makes all pixels of some values background; no more is looked at than their boxes."""
    if not chosen:
        return None
    low = np.min([[start for start, _ in one.box] for one in chosen], axis=0).tolist()
    high = np.max([[stop for _, stop in one.box] for one in chosen], axis=0).tolist()
    block = tuple(slice(start, stop) for start, stop in zip(low, high, strict=True))
    after = labels[block].copy()
    for one in watch.over(chosen):
        part = after[tuple(slice(a - at, b - at) for (a, b), at in zip(one.box, low, strict=True))]
        part[part == one.value] = 0
    return edit_of(labels, block, after)


def _runs(lines: Labels, first: int) -> tuple[npt.NDArray[Any], ...]:
    """Return value, line, begin and end of the runs above 0 in lines of which the first has the number ``first``."""
    length = lines.shape[1]
    change = np.empty(lines.shape, bool)
    change[:, :1] = True
    np.not_equal(lines[:, 1:], lines[:, :-1], out=change[:, 1:])
    start = np.flatnonzero(change)
    stop = np.append(start[1:], lines.size)[: start.size]
    value = lines.reshape(-1)[start]
    some = value > 0
    line, low = np.divmod(start[some], max(length, 1))
    return value[some], line + first, low, low + (stop - start)[some]
