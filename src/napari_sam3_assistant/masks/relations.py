"""Relations of candidates: which ones share pixels, and how many.

Found from their runs, one pair of layers after the other: candidates of one layer never
overlap, so a pair of layers has no more meetings of runs than it has runs.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.progress import UNWATCHED, Watch
from napari_sam3_assistant.masks.candidates import Harvest, Indices
from napari_sam3_assistant.masks.runs import ranges

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Relations:
    """Pairs of candidates that share pixels; others are in no pair.

    Attributes
    ----------
    small, large : ndarray of shape (pairs,), int64
        Numbers of the two (id less 1): the larger area second; of equal areas the lower id second.
    shared : ndarray of shape (pairs,), int64
        How many pixels both have.
    iou : ndarray of shape (pairs,), float64
        Shared pixels over those that either has.
    inside : ndarray of shape (pairs,), float64
        Shared pixels over those of the small one.
    ratio : ndarray of shape (pairs,), float64
        Area of the small one over that of the large one.
    """

    small: Indices
    large: Indices
    shared: Indices
    iou: Floats
    inside: Floats
    ratio: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Meetings:
    """Stretches of the flattened grid that two candidates share: their numbers, first index, the one after the last."""

    one: Indices
    other: Indices
    start: Indices
    stop: Indices


def relate(harvest: Harvest, *, watch: Watch = UNWATCHED) -> Relations:
    """Return which candidates share pixels."""
    count = len(harvest.candidates)
    keys, sums = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for found in meetings(harvest, watch=watch):
        key, inverse = np.unique(found.one * count + found.other, return_inverse=True)
        keys.append(key)
        sums.append(np.bincount(inverse, weights=found.stop - found.start, minlength=key.size).astype(np.int64))
    pair, shared = np.concatenate(keys), np.concatenate(sums)
    order = np.argsort(pair)
    pair, shared = pair[order], shared[order]
    one, other = pair // max(count, 1), pair % max(count, 1)
    swap = harvest.area[one] >= harvest.area[other]  # the second has the higher id
    small, large = np.where(swap, other, one), np.where(swap, one, other)
    area, most = harvest.area[small], harvest.area[large]
    return Relations(small, large, shared, shared / (area + most - shared), shared / area, area / most)


def meetings(harvest: Harvest, *, watch: Watch = UNWATCHED) -> Iterator[Meetings]:
    """Yield what the candidates of each pair of layers share, where they share anything."""
    of_run = harvest.layer[harvest.owner]
    lines = []
    for layer in range(harvest.layers):
        runs = np.flatnonzero(of_run == layer)
        lines.append(runs[np.argsort(harvest.start[runs])])
    for one, other in watch.over(list(itertools.combinations(lines, 2))):
        found = _met(harvest, one, other)
        if found.start.size:
            yield found


def _met(harvest: Harvest, one: Indices, other: Indices) -> Meetings:
    """Return what two sets of runs share; each is given in reading order, and none of its runs overlap."""
    start, stop = harvest.start, harvest.stop
    first = np.searchsorted(stop[one], start[other], side="right")
    last = np.searchsorted(start[one], stop[other], side="left")
    count = np.maximum(last - first, 0)
    a, b = one[ranges(first, count)], np.repeat(other, count)
    return Meetings(harvest.owner[a], harvest.owner[b], np.maximum(start[a], start[b]), np.minimum(stop[a], stop[b]))
