"""Candidates: every connected piece of every label of some layers, on one grid of pixels.

Layers have pixels of one size and may lie anywhere on the grid, at whole pixels; those of one
layer never overlap, those of two may. A candidate is kept as runs, stretches along the last
axis: what is computed on them follows the rows of the objects, not the planes, nor the number
of candidates times the number of candidates. Values above 0 are objects. Two and three axes
are looked at as a whole, arrays with more one volume after the other. Coordinates are pixel
indices; those of the grid begin at its corner, the first index of the lowest layer on each axis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.progress import UNWATCHED, Watch
from napari_sam3_assistant.masks.label_layers import LabelLayer, grid_of, read
from napari_sam3_assistant.masks.runs import Runs, find_runs

Labels = npt.NDArray[Any]
Indices = npt.NDArray[np.int64]

MOST_CANDIDATES = 200_000


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One connected piece of one label of one layer; its pixels stay with the harvest.

    Attributes
    ----------
    id : int
        From 1: by layer, then by label, then in reading order.
    layer : int
        Number of its layer, from 0.
    source : str
        The layer's name.
    label : int
        The value of its pixels.
    component : int
        Its number among the pieces of its label in that layer, from 1 in reading order; small ones count.
    area : int
        Number of its pixels.
    box : tuple of (int, int)
        First index, and the one after the last, on each axis of the grid.
    """

    id: int
    layer: int
    source: str
    label: int
    component: int
    area: int
    box: tuple[tuple[int, int], ...]

    @property
    def middle(self) -> tuple[float, ...]:
        """The middle of its box, on the grid."""
        return tuple((low + high - 1) / 2 for low, high in self.box)


@dataclass(frozen=True, slots=True, eq=False)
class Harvest:
    """The candidates of some layers: values, which stay what they are when a layer changes.

    Attributes
    ----------
    corner : tuple of int
        Index of the grid's first pixel, on the pixels that all layers share.
    shape : tuple of int
        Of the grid: it holds all layers.
    layers : int
        The number of layers.
    candidates : tuple of Candidate
        By id.
    area, layer : ndarray of shape (n,), int64
        Of each candidate.
    owner, start, stop : ndarray of shape (runs,), int64
        Number of the candidate of each run, from 0 and rising, and where it begins and ends in the flattened grid.
    """

    corner: tuple[int, ...]
    shape: tuple[int, ...]
    layers: int
    candidates: tuple[Candidate, ...]
    area: Indices
    layer: Indices
    owner: Indices
    start: Indices
    stop: Indices

    def mask(self, number: int) -> npt.NDArray[np.bool_]:
        """Return the pixels of candidate ``number`` (its id less 1), in its box."""
        box = self.candidates[number].box
        mask = np.zeros([high - low for low, high in box], bool)
        lines = mask.reshape(-1, mask.shape[-1])
        first, last = np.searchsorted(self.owner, [number, number + 1])
        for start, stop in zip(self.start[first:last].tolist(), self.stop[first:last].tolist(), strict=True):
            at = [int(index) - low for index, (low, _) in zip(np.unravel_index(start, self.shape), box, strict=True)]
            line = int(np.ravel_multi_index(at[:-1], mask.shape[:-1])) if at[:-1] else 0
            lines[line, at[-1] : at[-1] + stop - start] = True
        return mask


@dataclass(frozen=True, slots=True, eq=False)
class _Pieces:
    """What one layer has: columns of its candidates, and their runs, whose owners count from 0."""

    label: Labels
    component: Indices
    area: Indices
    low: Indices
    high: Indices
    owner: Indices
    start: Indices
    stop: Indices


def harvest(layers: Sequence[LabelLayer], minimum_area: int = 1, *, watch: Watch = UNWATCHED) -> Harvest:
    """Return the connected pieces of all labels of some layers that have ``minimum_area`` pixels at least.

    Raises
    ------
    PromptError
        If there is no layer, one has another number of axes or no whole numbers, or there are too many pieces.
    TooLargeError
        If there is too much to look at, or the layers lie too far apart.
    ImageError
        If pixels cannot be read.
    """
    corner, shape = grid_of(layers)
    found: list[_Pieces] = []
    for layer in watch.over(layers):
        found.append(_pieces(layer, corner, shape, minimum_area, watch))
        if sum(one.area.size for one in found) > MOST_CANDIDATES:
            raise PromptError(
                f"There are more than {MOST_CANDIDATES:,} candidates.",
                hint="Raise Minimum area, or choose fewer layers.",
            )
    counts = np.array([one.area.size for one in found], np.int64)
    before = np.cumsum(counts) - counts
    candidates: list[Candidate] = []
    for number, (layer, one) in enumerate(zip(layers, found, strict=True)):
        candidates += _listed(number, layer.name, one, len(candidates) + 1)
    return Harvest(
        corner,
        shape,
        len(layers),
        tuple(candidates),
        np.concatenate([one.area for one in found]),
        np.repeat(np.arange(len(found), dtype=np.int64), counts),
        np.concatenate([one.owner + first for one, first in zip(found, before, strict=True)]),
        np.concatenate([one.start for one in found]),
        np.concatenate([one.stop for one in found]),
    )


def _pieces(
    layer: LabelLayer, corner: tuple[int, ...], shape: tuple[int, ...], minimum_area: int, watch: Watch
) -> _Pieces:
    pixels = read(layer, watch)
    runs = find_runs(pixels)
    first = runs.first()
    value, area = runs.label[first], runs.areas()
    objects = np.flatnonzero(value > 0)
    objects = objects[np.argsort(value[objects], kind="stable")]
    component = _numbers_within(value[objects])
    large = area[objects] >= minimum_area
    objects, component = objects[large], component[large]
    number: Indices = np.full(first.size, -1, np.int64)
    number[objects] = np.arange(objects.size)
    group = number[runs.part]
    order = np.argsort(group, kind="stable")
    order = order[np.searchsorted(group[order], 0) :]
    shift = np.subtract(layer.offset, corner).astype(np.int64)
    low, high = runs.bounds(group) if objects.size else (np.zeros((0, len(shape)), np.int64),) * 2
    start = _moved(runs, order, shift, shape)
    stop = start + (runs.stop - runs.start)[order]
    return _Pieces(value[objects], component, area[objects], low + shift, high + shift, group[order], start, stop)


def _numbers_within(sorted_values: Labels) -> Indices:
    """Return the number of each value among those like it, from 1."""
    at = np.arange(sorted_values.size, dtype=np.int64)
    begins = np.ones(sorted_values.size, bool)
    begins[1:] = sorted_values[1:] != sorted_values[:-1]
    return at - np.maximum.accumulate(np.where(begins, at, 0)) + 1


def _moved(runs: Runs, order: Indices, shift: Indices, shape: tuple[int, ...]) -> Indices:
    """Return where some runs begin in the flattened grid."""
    start: Indices = np.zeros(order.size, np.int64)
    for axis, step in enumerate(shift.tolist()):
        start += (runs.along(axis)[order] + step) * math.prod(shape[axis + 1 :])
    return start


def _listed(layer: int, name: str, pieces: _Pieces, first: int) -> list[Candidate]:
    box = np.stack([pieces.low, pieces.high], axis=2).tolist()
    columns = zip(pieces.label.tolist(), pieces.component.tolist(), pieces.area.tolist(), box, strict=True)
    return [
        Candidate(id, layer, name, int(label), component, area, tuple((low, high) for low, high in ends))
        for id, (label, component, area, ends) in enumerate(columns, start=first)
    ]
