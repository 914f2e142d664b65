"""What a change of an array does to the index of its components: only what it touches is looked at again.

A change lies in a box. It can touch the components that have pixels in the box or beside it, and no
others: pieces of what is erased still border on it, and what is painted joins what it borders on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.masks.components import Component
from napari_sam3_assistant.masks.index import Block, Index, Labels, index_of

MOST_PIXELS = 2**21
"""A change that makes one look at more is better answered by an analysis of the whole."""
MOST_BOXES = 256
JOINED_AXES = 3


def updated(index: Index, labels: Labels, boxes: Sequence[Block], bounds: Block | None = None) -> Index | None:
    """Return the index of an array after changes in some boxes.

    Parameters
    ----------
    index : Index
        Of the array before.
    labels : ndarray of integer or bool
        After all changes.
    boxes : sequence of tuple of slice
        What changed lies in these.
    bounds : tuple of slice or None
        The part of the array that the index is about; None: all of it.

    Returns
    -------
    Index or None
        Equal to that of an analysis of the whole, but for ids: components that were not touched keep theirs,
        one that was changed keeps its own, new ones get higher ids than all before. None where the change
        is so large that an analysis is the better way.
    """
    if len(boxes) > MOST_BOXES:
        return None
    limits = bounds or tuple(slice(0, length) for length in labels.shape)
    change = _Change(index, labels, limits)
    if not all(change.look_at(box) for box in boxes):
        return None
    return change.result()


class _Change:
    """What goes and what comes, box by box; each is looked at in the array as it is after all of them."""

    def __init__(self, index: Index, labels: Labels, limits: Block) -> None:
        self._index, self._labels, self._limits = index, labels, limits
        self._gone: set[int] = set()
        self._came: list[Component] = []
        self._next = max((one.id for one in index.components), default=0) + 1

    def look_at(self, box: Block) -> bool:
        """Find out what a change in a box has touched; return False where that is too much to look at."""
        near = _meet([slice(part.start - 1, part.stop + 1) for part in box], self._limits)
        if near is None:
            return True
        if _size(near) > MOST_PIXELS:
            return False
        known = {k: self._index.components[k] for k in self._index.near(near) if k not in self._gone}
        recent = [one for one in self._came if _meet(one.slices, near) is not None]
        old = [*known.values(), *recent]
        values = _objects_in(self._labels[near])
        regions = {value: _around([near, *(one.slices for one in old if one.label == value)]) for value in values}
        if sum(map(_size, regions.values())) > MOST_PIXELS:
            return False
        touched, made = _Touched(old), list[Component]()
        for value, region in regions.items():
            made += _pieces(self._labels, value, region, near, touched)
        for one in old:
            if one.label not in regions and (self._labels[one.start] != one.label or _holds(near, one.start)):
                touched.gone.add(one.id)
        self._gone |= {k for k, one in known.items() if one.id in touched.gone}
        self._came = [one for one in self._came if one.id not in touched.gone]
        self._came += self._named(made, touched)
        return True

    def result(self) -> Index:
        """Return the new index."""
        if not self._gone and not self._came:
            return self._index
        kept = np.ones(len(self._index.components), bool)
        kept[list(self._gone)] = False
        stay = tuple(one for one, stays in zip(self._index.components, kept.tolist(), strict=True) if stays)
        new = index_of(self._came)
        if not stay or not new.components:
            return new if not stay else Index(stay, self._index.low[kept], self._index.high[kept])
        low, high = self._index.low[kept], self._index.high[kept]
        return Index((*stay, *new.components), np.concatenate([low, new.low]), np.concatenate([high, new.high]))

    def _named(self, made: list[Component], touched: _Touched) -> list[Component]:
        """Give pieces the ids of what they were; the largest piece keeps the id, others get new ones."""
        free = {one.id: one for one in touched.old if one.id in touched.gone}
        named = []
        for piece in sorted(made, key=lambda one: -one.area):
            heirs = [one for one in free.values() if _inherits(piece, one)]
            if heirs:
                heir = min(heirs, key=lambda one: (one.label != piece.label, one.start != piece.start, one.id))
                number = heir.id
                del free[number]
            else:
                number, self._next = self._next, self._next + 1
            named.append(replace(piece, id=number))
        return named


class _Touched:
    """The components that a change may have touched, and the ids of those that it has."""

    def __init__(self, old: list[Component]) -> None:
        self.old = old
        self.gone: set[int] = set()


def _pieces(labels: Labels, value: Any, region: Block, near: Block, touched: _Touched) -> list[Component]:
    """Return the components of ``value`` that have pixels in ``near``, without ids; note which were changed."""
    from scipy import ndimage as ndi

    pieces, _ = ndi.label(labels[region] == value, _structure(labels.ndim))
    inner = tuple(
        slice(part.start - whole.start, part.stop - whole.start) for part, whole in zip(near, region, strict=True)
    )
    reached = {int(number) for number in np.unique(pieces[inner])} - {0}
    for one in touched.old:
        if one.label != value:
            continue
        at = tuple(start - whole.start for start, whole in zip(one.start, region, strict=True))
        number = int(pieces[at])
        if not number or number in reached:
            touched.gone.add(one.id)
    boxes = ndi.find_objects(pieces)
    return [_component(pieces, number, boxes[number - 1], region, int(value)) for number in sorted(reached)]


def _component(pieces: npt.NDArray[Any], number: int, box: Block, region: Block, label: int) -> Component:
    places = [
        at + part.start + whole.start
        for at, part, whole in zip(np.nonzero(pieces[box] == number), box, region, strict=True)
    ]
    return Component(
        0,
        label,
        int(places[0].size),
        tuple(float(at.mean()) for at in places),
        tuple((part.start + whole.start, part.stop + whole.start) for part, whole in zip(box, region, strict=True)),
        tuple(int(at[0]) for at in places),
    )


def _inherits(piece: Component, old: Component) -> bool:
    """Return whether a piece may be what became of a component: their boxes meet, and the value or the place is one."""
    if _meet(piece.slices, old.slices) is None:
        return False
    return piece.label == old.label or piece.start == old.start


def _objects_in(block: Labels) -> list[Any]:
    """Return the values above 0 in a block; where neighbours are equal one of them is looked at."""
    flat = np.ascontiguousarray(block).reshape(-1)
    change = np.ones(flat.shape, bool)
    np.not_equal(flat[1:], flat[:-1], out=change[1:])
    return [value for value in np.unique(flat[change]).tolist() if value > 0]


def _structure(ndim: int) -> npt.NDArray[np.bool_]:
    """Return which neighbours of a pixel hang together with it: by faces, along the last three axes."""
    made = np.zeros((3,) * ndim, bool)
    middle = (1,) * ndim
    made[middle] = True
    for axis in range(max(ndim - JOINED_AXES, 0), ndim):
        for step in (0, 2):
            made[(*middle[:axis], step, *middle[axis + 1 :])] = True
    return made


def _meet(block: Sequence[slice], other: Sequence[slice]) -> Block | None:
    """Return what two blocks share, or None."""
    shared = tuple(slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(block, other, strict=True))
    return shared if all(part.stop > part.start for part in shared) else None


def _around(blocks: Sequence[Sequence[slice]]) -> Block:
    """Return the smallest block that holds all."""
    return tuple(
        slice(min(part.start for part in parts), max(part.stop for part in parts))
        for parts in zip(*blocks, strict=True)
    )


def _size(block: Block) -> int:
    return math.prod(part.stop - part.start for part in block)


def _holds(block: Block, place: Sequence[int]) -> bool:
    return all(part.start <= at < part.stop for part, at in zip(block, place, strict=True))
