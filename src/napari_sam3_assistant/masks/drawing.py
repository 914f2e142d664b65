"""Objects drawn into a label image, and what a user did to that image as objects.

Where objects overlap, the better score is seen; of equal ones, the newer. What is taken from
a painted image is drawn again as it was left: an object that would hide a painted pixel loses it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.geometry import Box, PlacedMask, clip, intersection, slices, union
from napari_sam3_assistant.core.windows import WINDOW_SIDE, Window
from napari_sam3_assistant.masks.registry import PAINTED, MaskObject, Objects, Origin

Labels = npt.NDArray[Any]
FEW = 8
"""Up to this many changed objects are drawn anew by themselves."""


MOST_PIXELS = 4096**2
LONGEST_SIDE = 8192
"""The least that graphics cards take of a texture; napari makes a longer one coarser."""


def split(
    objects: Objects, shape: tuple[int, int], window: Window | None = None
) -> tuple[tuple[MaskObject, ...], tuple[MaskObject, ...]]:
    """Return the objects to draw, which lie in one block of :data:`MOST_PIXELS`, and the others; in their order.

    Parameters
    ----------
    objects : Objects
        Those outside the plane are in neither.
    shape : tuple of int
        Height and width of the plane, in pixels.
    window : Window or None
        Where not all fit, those that meet it are drawn, the newest first; None: the newest object's
        neighbourhood.
    """
    boxes = {item.id: box for item in objects if item.mask.box and (box := clip(item.mask.box, shape))}
    if not boxes:
        return (), ()
    inside = [item for item in objects if item.id in boxes]
    if _fits(union(boxes.values())):
        return tuple(inside), ()
    if window is None:
        row, col = boxes[inside[-1].id].center
        half = WINDOW_SIDE // 2
        window = Window(int(row) - half, int(col) - half, int(row) + half, int(col) + half)
    chosen: set[int] = set()
    block: Box | None = None
    for item in reversed(inside):
        if intersection(boxes[item.id], window.box) is None:
            continue
        both = boxes[item.id] if block is None else union((block, boxes[item.id]))
        if _fits(both):
            chosen.add(item.id)
            block = both
    drawn = tuple(item for item in inside if item.id in chosen)
    return drawn, tuple(item for item in inside if item.id not in chosen)


def _fits(box: Box) -> bool:
    return box.area <= MOST_PIXELS and max(box.size) <= LONGEST_SIDE


def ranked(objects: Iterable[MaskObject]) -> list[MaskObject]:
    """Return objects in the order in which they are drawn: the last lies on top."""
    return sorted(objects, key=lambda item: item.score)


def label_type(ids: Iterable[int]) -> np.dtype[Any]:
    """Return the smaller of uint16 and uint32 that holds some numbers."""
    return np.dtype(np.uint16 if max(ids, default=0) < 2**16 else np.uint32)


def draw(objects: Sequence[MaskObject], window: Window, dtype: npt.DTypeLike = np.uint32) -> Labels:
    """Return the label image of a window, of shape ``window.shape``; parts outside are left out."""
    labels = np.zeros(window.shape, dtype)
    _paint(labels, objects, window.box, window)
    return labels


def redraw(labels: Labels, before: Sequence[MaskObject], after: Sequence[MaskObject], window: Window) -> Labels:
    """Return what :func:`draw` makes of ``after``, quickly where ``labels`` show ``before`` and few objects differ.

    Parameters
    ----------
    labels : ndarray of shape window.shape
        What :func:`draw` made of ``before``. It is not written to.
    before, after : sequence of MaskObject
    window : Window
        Of both.
    """
    new, old = {item.id: item for item in after}, {item.id: item for item in before}
    changed = [id for id in {**old, **new} if not _alike(old.get(id), new.get(id))]
    kept = [item.id for item in before if item.id in new], [item.id for item in after if item.id in old]
    if len(changed) > FEW or kept[0] != kept[1]:
        return draw(after, window, labels.dtype)
    out = labels.copy()
    for id in changed:
        box = union(item.mask.box for side in (old, new) if (item := side.get(id)) and item.mask.box)
        shared = intersection(box, window.box)
        if shared is not None:
            out[slices(shared, window.offset)] = 0
            _paint(out, after, shared, window)
    return out


def _alike(a: MaskObject | None, b: MaskObject | None) -> bool:
    return a is not None and b is not None and a.mask is b.mask and a.score == b.score


def _paint(labels: Labels, objects: Iterable[MaskObject], region: Box, window: Window) -> None:
    """Paint objects into the part of ``labels`` that covers ``region``, which lies in the window."""
    top, left, bottom, right = (int(corner) for corner in region.corners)
    for item in ranked(objects):
        height, width = item.mask.mask.shape
        row, col = item.mask.offset
        t, le, b, r = max(top, row), max(left, col), min(bottom, row + height), min(right, col + width)
        if t < b and le < r:
            part = item.mask.mask[t - row : b - row, le - col : r - col]
            target = labels[t - window.top : b - window.top, le - window.left : r - window.left]
            np.copyto(target, labels.dtype.type(item.id), where=part)


def painted(
    objects: Objects,
    drawn: frozenset[int],
    before: Labels,
    after: Labels,
    window: Window,
    origin: Origin = PAINTED,
) -> Objects:
    """Return the objects as a user left them who painted in a drawing of theirs.

    Parameters
    ----------
    objects : Objects
    drawn : frozenset of int
        Which of them the drawing shows; the others keep their pixels.
    before, after : ndarray of shape window.shape, integers of 0 or more
        The drawing as it was made and as it is now.
    window, origin : Window, Origin

    Returns
    -------
    Objects
        ``objects`` itself if no pixel differs. An object of which the user took all that was seen is
        removed; what lies hidden stays where the user changed nothing. Unknown labels become objects.
    """
    changed = before != after
    if not changed.any():
        return objects
    gained = _gained(changed, after, window.offset)
    new = [MaskObject(id, mask, origin=origin) for id, mask in gained.items() if id not in objects]
    rank = {item.id: place for place, item in enumerate(ranked((*objects, *new)))}
    items: list[MaskObject] = []
    for item in objects:
        mask: PlacedMask | None = item.mask
        moved = item.id in gained
        if item.id in drawn:
            mask = _without_lost(item, rank, changed, before, after, window, moved)
        if moved:
            mask = gained[item.id] if mask is None else _joined(mask, gained[item.id])
        if mask is not None:
            items.append(item if mask is item.mask else replace(item, mask=mask.trimmed()))
    return Objects((*items, *new), max(objects.next_id, *(item.id + 1 for item in new), 1))


def _gained(changed: npt.NDArray[np.bool_], after: Labels, offset: tuple[int, int]) -> dict[int, PlacedMask]:
    """Return the pixels that each label was given."""
    rows, cols = np.nonzero(changed & (after > 0))
    if not len(rows):
        return {}
    values = after[rows, cols]
    order = np.argsort(values, kind="stable")
    rows, cols, values = rows[order], cols[order], values[order]
    starts = np.flatnonzero(np.diff(values, prepend=0)).tolist()
    found = {}
    for start, stop in zip(starts, [*starts[1:], len(values)], strict=True):
        r, c = rows[start:stop], cols[start:stop]
        top, left = int(r.min()), int(c.min())
        mask = np.zeros((int(r.max()) - top + 1, int(c.max()) - left + 1), bool)
        mask[r - top, c - left] = True
        found[int(values[start])] = PlacedMask(mask, (top + offset[0], left + offset[1]))
    return found


def _without_lost(
    item: MaskObject,
    rank: Mapping[int, int],
    changed: npt.NDArray[np.bool_],
    before: Labels,
    after: Labels,
    window: Window,
    moved: bool,
) -> PlacedMask | None:
    """Return the mask of an object without what the user took from it; None where nothing of it is seen any more.

    ``moved`` says that the user painted it elsewhere: then it is seen, and keeps what lies hidden.
    """
    shared = intersection(item.mask.box, window.box) if item.mask.box else None
    if shared is None:
        return item.mask
    here, own = slices(shared, window.offset), slices(shared, item.mask.offset)
    theirs = changed[here] & item.mask.mask[own] & (after[here] != item.id)
    if not theirs.any():
        return item.mask
    seen = theirs & (before[here] == item.id)
    if seen.any() and not moved and not (after[here] == item.id).any():
        return None
    # A hidden pixel goes too where the object would hide what was painted there.
    values = np.unique(after[here][theirs])
    below = [int(value) for value in values if rank.get(int(value), -1) < rank[item.id]]
    lost = seen | (theirs & np.isin(after[here], below))
    mask = item.mask.mask.copy()
    mask[own] &= ~lost
    return PlacedMask(mask, item.mask.offset) if mask.any() else None


def _joined(a: PlacedMask, b: PlacedMask) -> PlacedMask:
    boxes = [box for box in (a.box, b.box) if box is not None]
    box = union(boxes)
    return PlacedMask(a.within(box) | b.within(box), (int(box.top), int(box.left)))
