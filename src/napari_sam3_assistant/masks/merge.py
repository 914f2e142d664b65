"""Layers of labels become one: which object has a pixel that several hold, and what its number is.

Layers are merged tile by tile, so that memory goes to the result, not to the layers times the plane.
In a tile that no two objects share, nothing but their boxes is looked at. Sizes of pieces, and their
numbers, are found on runs (:mod:`~napari_sam3_assistant.masks.runs`), of the layers that need them.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.progress import UNWATCHED, Watch
from napari_sam3_assistant.masks.placed import (
    Placed,
    Slices,
    bounds,
    extent,
    shared,
    tile_pixels,
    tiles,
    type_for,
    zeros,
)
from napari_sam3_assistant.masks.runs import find_runs

Labels = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]


class Overlap(StrEnum):
    """Which of several objects has a pixel that they all hold; the value is what a layer's metadata say."""

    EARLIER = "earlier_wins"
    LATER = "later_wins"
    LARGER = "larger_component_wins"
    SMALLER = "smaller_component_wins"
    BACKGROUND = "set_background"


@dataclass(frozen=True, slots=True, eq=False)
class _Pieces:
    """The connected pieces of a layer, by runs: where each run starts in the flattened array, and what it is of.

    ``number`` counts pieces of objects from 1, by label and then in reading order; 0 is background.
    """

    start: npt.NDArray[np.int64]
    number: npt.NDArray[np.uint32]
    area: npt.NDArray[np.int64]
    count: int

    def of(self, flat: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32]]:
        """Return area and number of the piece that each pixel belongs to; pixels are indices of the flattened array."""
        run = np.searchsorted(self.start, flat, "right") - 1
        return self.area[run], self.number[run]

    def numbers(self, first: int, last: int) -> npt.NDArray[np.uint32]:
        """Return the numbers of the pixels from ``first`` to before ``last``."""
        low, high = np.searchsorted(self.start, first, "right") - 1, np.searchsorted(self.start, last)
        lengths = np.diff(np.maximum(self.start[low:high], first), append=last)
        return np.repeat(self.number[low:high], lengths)


def merge(
    layers: Sequence[Placed],
    rule: Overlap,
    value: int | Sequence[int | None] | None = None,
    *,
    watch: Watch = UNWATCHED,
) -> Placed:
    """Return layers as one that covers them all.

    Parameters
    ----------
    layers : sequence of Placed
        On one grid, with as many axes each; the first is the earliest.
    rule : Overlap
        Where objects of several layers lie on each other.
    value : int, sequence of int or None, or None
        What every object becomes, from 1, in all layers or in each; None: its own value.
    watch : Watch

    Returns
    -------
    Placed
        Of an unsigned type of 16 bits at least that holds every value.

    Raises
    ------
    PromptError
        If there is no layer, or one holds no labels.
    TooLargeError
        If there is no memory for the result.
    """
    each = list(value) if isinstance(value, Sequence) else [value] * len(layers)
    return _Merger(layers, rule, None, watch).merged(each)


def merge_apart(layers: Sequence[Placed], rule: Overlap, *, watch: Watch = UNWATCHED) -> tuple[Placed, tuple[int, ...]]:
    """Return layers as one in which each object has a number of its own, from 1 without gaps.

    An object is a connected piece of one label of one layer, as it is before others are laid over it: if that
    cuts it in two, both parts keep its number. Numbers go by layer, then by label, then in reading order.
    Parameters, types and errors are those of :func:`merge`.

    Returns
    -------
    Placed
    tuple of int
        How many objects of each layer are seen.
    """
    pieces = [_pieces(one) for one in watch.over(layers, "Finding objects...")]
    made = _Merger(layers, rule, pieces, watch).merged([None] * len(layers))
    labels = made.labels
    total = sum(one.count for one in pieces)
    seen = np.zeros(total + 1, bool)
    for tile in tiles(labels.shape):
        seen |= np.bincount(labels[tile].reshape(-1), minlength=total + 1) > 0
    seen[0] = False
    number = np.cumsum(seen) * seen
    for tile in tiles(labels.shape):
        labels[tile] = number[labels[tile]]
    ends = np.cumsum([0, *(one.count for one in pieces)])
    counts = tuple(int(np.count_nonzero(seen[first + 1 : last + 1])) for first, last in itertools.pairwise(ends))
    return made, counts


def binary(labels: Labels) -> npt.NDArray[np.uint8]:
    """Return 1 where there is an object, else 0."""
    return (labels > 0).astype(np.uint8)


def overlap_map(layers: Sequence[Placed], *, watch: Watch = UNWATCHED) -> Placed | None:
    """Return in how many layers each pixel is of an object, uint16, 0 where it is one at most; None if all are 0.

    Parameters and errors are those of :func:`merge`.
    """
    low, shape = _extent(layers)
    out, pixels = zeros(shape, np.uint16), tile_pixels(layers)
    for tile in watch.over(list(tiles(shape, pixels))):
        part = out[tile]
        for one in layers:
            place = shared(one, low, tile)
            if place is not None:
                part[place[1]] += one.read(place[0]) > 0
        part[part == 1] = 0
    return Placed(out, low) if out.any() else None


class _Merger:
    """Merges layers tile by tile.

    Parameters
    ----------
    layers : sequence of Placed
    rule : Overlap
    pieces : sequence of _Pieces or None
        Of each layer, if each piece shall have a number of its own.
    watch : Watch
    """

    def __init__(self, layers: Sequence[Placed], rule: Overlap, pieces: Sequence[_Pieces] | None, watch: Watch) -> None:
        self._low, self._shape = _extent(layers)
        self._layers, self._rule, self._watch = layers, rule, watch
        self._pieces: dict[int, _Pieces] = dict(enumerate(pieces or ()))
        self._before = None
        if pieces is not None:
            self._before = np.cumsum([0, *(one.count for one in pieces)]).tolist()
        # The later one wins where the first one keeps, and they come in the other order.
        self._order = list(range(len(layers)))[:: -1 if rule is Overlap.LATER else 1]

    def merged(self, values: Sequence[int | None]) -> Placed:
        """Return the result, see :func:`merge`; ``values`` has an entry for each layer."""
        self._become = values
        highest = self._before[-1] if self._before is not None else max((one or 0 for one in values), default=0)
        self._out = zeros(self._shape, type_for(highest))
        for tile in self._watch.over(list(tiles(self._shape, tile_pixels(self._layers)))):
            self._fill(tile)
        return Placed(self._out, self._low)

    def _fill(self, tile: Slices) -> None:
        held: list[tuple[int, Slices, Slices, Mask]] = []
        contested: Mask | None = None
        for at in self._order:
            place = shared(self._layers[at], self._low, tile)
            if place is None:
                continue
            own, there = place
            block = self._layers[at].read(own)
            box = bounds(mask := block > 0)
            if box is None:
                continue
            values = self._values(at, own, block)[box]
            own, there, mask = _inner(own, box), _inner(there, box), mask[box]
            self._widen(values)
            target = self._out[tile][there]
            free = mask & (target == 0)
            if (taken := mask & ~free).any():
                contested = np.zeros(self._out[tile].shape, bool) if contested is None else contested
                contested[there] |= taken
            np.copyto(target, values, where=free, casting="unsafe")
            held.append((at, own, there, mask))
        if contested is not None:
            self._settle(tile, contested, held)

    def _settle(self, tile: Slices, contested: Mask, held: Sequence[tuple[int, Slices, Slices, Mask]]) -> None:
        """Give the pixels that several layers hold to the one that has them by the rule."""
        target = self._out[tile]
        if self._rule is Overlap.BACKGROUND:
            target[contested] = 0
        if self._rule not in (Overlap.LARGER, Overlap.SMALLER):
            return
        best = np.zeros(target.shape, np.int64)
        sign = 1 if self._rule is Overlap.LARGER else -1
        for at, own, there, mask in held:
            where = np.nonzero(mask & contested[there])
            if not where[0].size:
                continue
            if at not in self._pieces:
                self._pieces[at] = _pieces(self._layers[at])
            inside = tuple(index + part.start for index, part in zip(where, own, strict=True))
            flat = np.ravel_multi_index(inside, self._layers[at].shape).astype(np.int64)
            area, number = self._pieces[at].of(flat)
            known = best[there][where]
            wins = (known == 0) | (sign * area > sign * known)
            won = tuple(index[wins] for index in where)
            best[there][won] = area[wins]
            if self._before is None:
                value = self._become[at]
                target[there][won] = self._layers[at].read(own)[won] if value is None else value
            else:
                target[there][won] = number[wins].astype(target.dtype) + target.dtype.type(self._before[at])

    def _values(self, at: int, own: Slices, block: Labels) -> Labels:
        """Return what the objects of a block of a layer become; what stands on background counts for nothing."""
        if self._before is None:
            value = self._become[at]
            return block if value is None else np.broadcast_to(np.uint64(value), block.shape)
        # What a layer shares with a tile is one piece of its flattened array, see `tiles`.
        first = int(np.ravel_multi_index(tuple(part.start for part in own), self._layers[at].shape))
        numbers = self._pieces[at].numbers(first, first + block.size).reshape(block.shape)
        made: Labels = numbers.astype(self._out.dtype) + self._out.dtype.type(self._before[at])
        return made

    def _widen(self, values: Labels) -> None:
        highest = int(values.max())
        if highest > np.iinfo(self._out.dtype).max:
            self._out = self._out.astype(type_for(highest))


def _inner(outer: Slices, inner: Slices) -> Slices:
    return tuple(slice(a.start + b.start, a.start + b.stop) for a, b in zip(outer, inner, strict=True))


def _extent(layers: Sequence[Placed]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    if not layers:
        raise PromptError("There is no layer to merge.", hint="Select at least one.")
    return extent(layers)


def _pieces(one: Placed) -> _Pieces:
    whole = one.read(tuple(slice(0, length) for length in one.shape))
    runs = find_runs(whole)
    if not runs.parts:
        nothing = np.zeros(0, np.int64)
        return _Pieces(nothing, nothing.astype(np.uint32), nothing, 0)
    label = runs.label[runs.first()]
    objects = np.flatnonzero(label > 0)
    number = np.zeros(runs.parts, np.uint32)
    number[objects[np.argsort(label[objects], kind="stable")]] = np.arange(1, objects.size + 1)
    return _Pieces(runs.start, number[runs.part], runs.areas()[runs.part], objects.size)
