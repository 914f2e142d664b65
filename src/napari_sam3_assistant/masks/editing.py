"""Accepted objects edited as labels: what was painted in a window of a plane, as objects again.

A pixel that was painted belongs to the object painted there and to no other one; all others stay as
they are, and so does the part of an object outside the window. A number that is not seen in the window
becomes a new object.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.geometry import Box, PlacedMask, intersection, slices, union
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.windows import Window
from napari_sam3_assistant.masks.accepting import Accepted

Labels = npt.NDArray[Any]

MOST_SIDE = 4096
"""The longest side of a window that is edited."""
LEAST_SIDE = 1024
"""The shortest, where the plane is as large: an object at the edge of a small view is not cut."""
GRID = 128
"""Its edges lie on this grid: on every coarser copy they are edges of pixels too."""
MARGIN = 1 / 4
"""So much of what is in view is taken beyond it, on each side."""


@dataclass(frozen=True, slots=True, eq=False)
class Rewritten:
    """What an edit made of accepted objects.

    Attributes
    ----------
    gone : tuple of Accepted
        Those that changed, as they were.
    made : tuple of Accepted
        The same, without those of which no pixel is left, and new ones, as they are now.
    numbers : mapping of int to int
        Labels that were painted and are the number of an object elsewhere, and the new number of each.
    """

    gone: tuple[Accepted, ...]
    made: tuple[Accepted, ...]
    numbers: Mapping[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """Which numbers there are in a layer of accepted labels.

    Attributes
    ----------
    live, erased : mapping of int to Accepted
        The objects in it, on any plane, and those that were taken out of it.
    """

    live: Mapping[int, Accepted]
    erased: Mapping[int, Accepted]

    @property
    def free(self) -> int:
        """The number of the next new object."""
        return 1 + max(max(self.live, default=0), max(self.erased, default=0))


def window_to_edit(view: Window, shape: tuple[int, int]) -> Window:
    """Return what of a plane of ``shape`` is edited where ``view`` is in view: all of it, and some more on each side.

    Raises
    ------
    PromptError
        If more is in view than :data:`MOST_SIDE` pixels a side.
    """
    if max(view.shape) > MOST_SIDE:
        raise PromptError(
            f"{view.shape[0]:,} x {view.shape[1]:,} pixels are in view; accepted objects are edited in up to "
            f"{MOST_SIDE:,} x {MOST_SIDE:,}.",
            hint="Zoom in on what you want to paint, then press again.",
        )
    (top, bottom), (left, right) = (
        _edges(first, last, length)
        for first, last, length in ((view.top, view.bottom, shape[0]), (view.left, view.right, shape[1]))
    )
    return Window(top, left, bottom, right)


def _edges(first: int, last: int, length: int) -> tuple[int, int]:
    """Return where a window along one axis begins and ends that holds the pixels ``first`` to ``last``."""
    length_seen = last - first
    room = max(int(length_seen * MARGIN), (LEAST_SIDE - length_seen) // 2)
    room = min(room, (MOST_SIDE - length_seen) // 2)
    low = max(math.floor((first - room) / GRID) * GRID, 0)
    high = min(math.ceil((last + room) / GRID) * GRID, length)
    if high - low > MOST_SIDE:  # the grid would make it too long
        low, high = first, last
    return low, high


def covers(window: Window, view: Window) -> bool:
    """Return whether all that is in view lies in a window."""
    return intersection(window.box, view.box) == view.box


def meets(record: Accepted, box: Box) -> bool:
    """Return whether an object's rectangle and a box have pixels in common."""
    (row, col), (height, width) = record.mask.offset, record.mask.mask.shape
    return row < box.bottom and row + height > box.top and col < box.right and col + width > box.left


def drawn(records: Iterable[Accepted], box: Box, dtype: npt.DTypeLike) -> Labels:
    """Return the labels of a box of a plane: where objects overlap, the highest number is seen."""
    out = np.zeros((int(box.bottom - box.top), int(box.right - box.left)), dtype)
    origin = int(box.top), int(box.left)
    for record in sorted((one for one in records if meets(one, box)), key=lambda one: one.id):
        shared = intersection(record.mask.box, box) if record.mask.box else None
        if shared is not None:
            part = record.mask.mask[slices(shared, record.mask.offset)]
            np.copyto(out[slices(shared, origin)], out.dtype.type(record.id), where=part)
    return out


def rewritten(
    records: Mapping[int, Accepted],
    numbers: Numbers,
    before: Labels,
    after: Labels,
    corner: tuple[int, int],
    image: str,
    plane: Plane,
) -> Rewritten:
    """Return the objects as they are after a block of their labels was painted.

    Parameters
    ----------
    records : mapping of int to Accepted
        The objects that the window shows, or has shown since it was opened.
    numbers : Numbers
        Of the whole layer.
    before, after : ndarray of shape (h, w), integers
        The block as it was drawn and as it is now. Numbers below 1 are background.
    corner : tuple of int
        ``(row, col)`` of its first pixel, in pixels of the plane.
    image : str
        Identity of the picture's layer.
    plane : Plane
        Of the picture.
    """
    changed = before != after
    box = Box(corner[0], corner[1], corner[0] + changed.shape[0], corner[1] + changed.shape[1])
    painted = [int(value) for value in np.unique(after[changed]).tolist() if value > 0]
    gone: list[Accepted] = []
    made: list[Accepted] = []
    for record in records.values():
        if record.id not in painted and not meets(record, box):
            continue
        now = _edited(record, record.id in painted, changed, after, box)
        if now is not record.mask:
            gone.append(record)
            if now.area:
                made.append(replace(record, mask=now, under=None, first=record.root))
    fresh, renamed = _fresh([id for id in painted if id not in records], numbers, changed, after, corner, image, plane)
    return Rewritten(tuple(gone), (*made, *fresh), renamed)


def _edited(record: Accepted, painted: bool, changed: npt.NDArray[np.bool_], after: Labels, box: Box) -> PlacedMask:
    """Return an object's mask without what was painted over, and with what was painted of it; itself if neither."""
    mask, corner = record.mask, (int(box.top), int(box.left))
    shared = intersection(mask.box, box) if mask.box else None
    there = slices(shared, corner) if shared is not None else (slice(0), slice(0))
    over = changed[there] & (after[there] != record.id)
    lost = over & mask.mask[slices(shared, mask.offset)] if shared is not None else over
    gained = PlacedMask(changed & (after == record.id), corner).trimmed() if painted else PlacedMask(over[:0, :0])
    if not lost.any() and not gained.area:
        return mask
    whole = union(part for part in (mask.box, gained.box) if part is not None)
    origin = int(whole.top), int(whole.left)
    pixels = mask.within(whole)
    if shared is not None:
        pixels[slices(shared, origin)] &= ~lost
    if gained.box is not None:
        pixels[slices(gained.box, origin)] |= gained.mask
    return PlacedMask(pixels, origin).trimmed()


def _fresh(
    painted: Sequence[int],
    numbers: Numbers,
    changed: npt.NDArray[np.bool_],
    after: Labels,
    corner: tuple[int, int],
    image: str,
    plane: Plane,
) -> tuple[list[Accepted], dict[int, int]]:
    """Return the objects of numbers that the window has not shown, and which of these had to be others."""
    made: list[Accepted] = []
    renamed: dict[int, int] = {}
    free = max(numbers.free, max(painted, default=0) + 1)
    for value in painted:
        id = value
        if value in numbers.live:
            id = renamed[value] = free
            free += 1
        mask = PlacedMask(changed & (after == value), corner).trimmed()
        older = numbers.erased.get(id)
        made.append(Accepted(id, mask, image, plane, act=id, first=older.root if older is not None else None))
    return made, renamed
