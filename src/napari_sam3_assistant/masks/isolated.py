"""Isolated objects: chosen candidates as one array of labels, each pixel given to one of them.

On a pixel that several chosen candidates have, first the family is settled: of a parent and a
child that both have the pixel, ``Trim parent where child exists`` takes the parent out, ``Parent
overwrites children`` the child. A parent and a child are two candidates of which one is nested in
the other, at any depth, or of which one has the status ``parent`` and the other ``nested_child``.
Among those that are left the rule of overlap decides: the smallest (ties: the lower id), the one with the
highest id, or background where there are more than one. The value of a pixel is the id.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import TooLargeError
from napari_sam3_assistant.core.progress import UNWATCHED, Watch
from napari_sam3_assistant.masks.candidates import Harvest, Indices
from napari_sam3_assistant.masks.drawing import label_type
from napari_sam3_assistant.masks.isolation import STAYING, Flags, Status, Verdict
from napari_sam3_assistant.masks.label_layers import MOST_PIXELS
from napari_sam3_assistant.masks.relations import Relations, meetings
from napari_sam3_assistant.masks.runs import ranges

PAINTED_AT_ONCE = 2**22
BAND_PIXELS = 2**19


class OverlapRule(StrEnum):
    """Who gets the pixels that several candidates have; the value is what the user reads."""

    SMALL = "Small objects win"
    LATER = "Later candidates win"
    BACKGROUND = "Set conflict to background"


class ParentRule(StrEnum):
    """What becomes of the pixels that parent and child have; the value is what the user reads."""

    TRIM = "Trim parent where child exists"
    SEPARATE = "Keep parent full in separate parent layer"
    OVERWRITE = "Parent overwrites children"


@dataclass(frozen=True, slots=True, eq=False)
class _Painted:
    """Runs of candidates: number of the candidate, first index of the flattened grid, the one after the last."""

    owner: Indices
    start: Indices
    stop: Indices


def whole_objects(verdicts: Sequence[Verdict], parents: ParentRule) -> tuple[int, ...]:
    """Return the ids of candidates that are objects of their own: without parents where these get their own layer."""
    wanted = STAYING - {Status.PARENT} if parents is ParentRule.SEPARATE else STAYING
    return tuple(id for id, one in enumerate(verdicts, start=1) if one.status in wanted)


def with_status(verdicts: Sequence[Verdict], status: Status) -> tuple[int, ...]:
    """Return the ids of candidates with a status."""
    return tuple(id for id, one in enumerate(verdicts, start=1) if one.status is status)


def isolate(
    harvest: Harvest,
    relations: Relations,
    verdicts: Sequence[Verdict],
    ids: Iterable[int],
    overlap: OverlapRule,
    parents: ParentRule,
    *,
    watch: Watch = UNWATCHED,
) -> npt.NDArray[Any]:
    """Return some candidates as labels.

    Parameters
    ----------
    harvest : Harvest
    relations : Relations
        Of its candidates.
    verdicts : sequence of Verdict
        What each candidate is.
    ids : iterable of int
        The candidates.
    overlap : OverlapRule
    parents : ParentRule
        ``SEPARATE`` is as ``TRIM`` here: who wants parents apart leaves them out of ``ids``.
    watch : Watch

    Returns
    -------
    ndarray of the shape of the grid, uint16 or uint32
        Ids, and 0 for background.

    Raises
    ------
    TooLargeError
        If the grid is too large for an array.
    """
    if math.prod(harvest.shape) > MOST_PIXELS:
        raise TooLargeError(
            f"The layers together cover {' x '.join(map(str, harvest.shape))} pixels, too many for one layer.",
            hint="Harvest layers that lie closer together.",
        )
    chosen = np.zeros(len(harvest.candidates), bool)
    chosen[[id - 1 for id in ids]] = True
    order = _order(harvest, overlap, np.flatnonzero(chosen))
    labels = np.zeros(harvest.shape, label_type((order + 1).tolist()))
    watch.at(None)
    runs = _settled(harvest, _families(relations, verdicts, chosen), chosen, parents)
    _paint(labels.reshape(-1), max(harvest.shape[-1], 1), runs, order, watch)
    if overlap is OverlapRule.BACKGROUND:
        labels.reshape(-1)[_claimed_twice(harvest, runs)] = 0
    return labels


def _order(harvest: Harvest, overlap: OverlapRule, numbers: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Return numbers of candidates, whoever wins behind whom it covers."""
    if overlap is not OverlapRule.SMALL:
        return numbers
    return numbers[np.lexsort((-numbers, -harvest.area[numbers]))]


def _families(relations: Relations, verdicts: Sequence[Verdict], chosen: Flags) -> tuple[Indices, Indices]:
    """Return pairs of a parent and a child that share pixels, both chosen: their numbers."""
    pair = chosen[relations.small] & chosen[relations.large]
    small, large = relations.small[pair], relations.large[pair]
    parent = np.array([one.status is Status.PARENT for one in verdicts], bool)
    child = np.array([one.status is Status.CHILD for one in verdicts], bool)
    line = {id: one.belongs_to for id, one in enumerate(verdicts, start=1) if one.status is Status.CHILD}
    above = np.zeros(small.size, bool)
    for at in np.flatnonzero(child[small]).tolist():
        up = line.get(int(small[at]) + 1)
        while up is not None and up != large[at] + 1:
            up = line.get(up)
        above[at] = up is not None
    down = parent[large] & child[small] | above
    other = parent[small] & child[large] & ~above
    return np.concatenate([large[down], small[other]]), np.concatenate([small[down], large[other]])


def _settled(harvest: Harvest, families: tuple[Indices, Indices], chosen: Flags, parents: ParentRule) -> _Painted:
    """Return the runs of the chosen candidates, less what their family takes from them."""
    own = chosen[harvest.owner]
    runs = _Painted(harvest.owner[own], harvest.start[own], harvest.stop[own])
    above, below = families
    if not above.size:
        return runs
    loser, winner = (below, above) if parents is ParentRule.OVERWRITE else (above, below)
    count = len(harvest.candidates)
    taken, taken_start, taken_stop = [], [], []
    for met in meetings(harvest):
        for one, other in ((met.one, met.other), (met.other, met.one)):
            lost = np.isin(one * count + other, loser * count + winner)
            taken.append(one[lost])
            taken_start.append(met.start[lost])
            taken_stop.append(met.stop[lost])
    cuts = _Painted(np.concatenate(taken), np.concatenate(taken_start), np.concatenate(taken_stop))
    touched = np.isin(runs.owner, cuts.owner)
    left = _less(_part(runs, touched), cuts, math.prod(harvest.shape))
    return _joined(_part(runs, ~touched), left)


def _part(runs: _Painted, which: Flags) -> _Painted:
    return _Painted(runs.owner[which], runs.start[which], runs.stop[which])


def _joined(one: _Painted, other: _Painted) -> _Painted:
    owner = np.concatenate([one.owner, other.owner])
    order = np.argsort(owner, kind="stable")
    start, stop = np.concatenate([one.start, other.start]), np.concatenate([one.stop, other.stop])
    return _Painted(owner[order], start[order], stop[order])


def _less(runs: _Painted, cuts: _Painted, size: int) -> _Painted:
    """Return runs without the stretches cut out of them; both on one line, a grid of ``size`` for each owner."""
    begin, end = runs.owner * size + runs.start, runs.owner * size + runs.stop
    cut_begin, cut_end = cuts.owner * size + cuts.start, cuts.owner * size + cuts.stop
    edges = np.unique(np.concatenate([begin, end, cut_begin, cut_end]))
    depth = np.zeros(edges.size, np.int64)
    removed = np.zeros(edges.size, np.int64)
    np.add.at(depth, np.searchsorted(edges, begin), 1)
    np.add.at(depth, np.searchsorted(edges, end), -1)
    np.add.at(removed, np.searchsorted(edges, cut_begin), 1)
    np.add.at(removed, np.searchsorted(edges, cut_end), -1)
    kept = np.flatnonzero((np.cumsum(depth) > 0) & (np.cumsum(removed) == 0))
    owner = edges[kept] // size
    return _Painted(owner, edges[kept] - owner * size, edges[kept + 1] - owner * size)


def _paint(flat: npt.NDArray[Any], width: int, runs: _Painted, order: npt.NDArray[np.intp], watch: Watch) -> None:
    """Write the id of each candidate where its runs are, one candidate after the other in each band of lines.

    What lies on a pixel lies on its line: bands, small enough for a processor's cache, change nothing but the speed.
    """
    first = np.searchsorted(runs.owner, order, side="left")
    last = np.searchsorted(runs.owner, order, side="right")
    turn = ranges(first, last - first)
    band = runs.start[turn] // (width * max(BAND_PIXELS // width, 1))
    turn = turn[np.argsort(band, kind="stable")]
    for now, at in watch.over(list(_handfuls(runs, turn))):
        flat[ranges(*at)] = np.repeat(runs.owner[now] + 1, at[1])  # the last one written stays


def _handfuls(runs: _Painted, turn: Indices) -> Iterator[tuple[Indices, tuple[Indices, Indices]]]:
    """Yield numbers of runs, in order, as many as are painted at once, with where they begin and how long they are."""
    length = (runs.stop - runs.start)[turn]
    pixels = np.cumsum(length)
    cuts = np.searchsorted(pixels, np.arange(PAINTED_AT_ONCE, int(length.sum()), PAINTED_AT_ONCE))
    for part in np.split(np.arange(turn.size), np.unique(cuts)):
        if part.size:
            yield turn[part], (runs.start[turn[part]], length[part])


def _claimed_twice(harvest: Harvest, runs: _Painted) -> Flags:
    """Return where runs of more than one candidate lie, a flattened grid."""
    seen = np.zeros(math.prod(harvest.shape), bool)
    twice = np.zeros(seen.size, bool)
    layer = harvest.layer[runs.owner]
    for number in range(harvest.layers):
        for _, at in _handfuls(runs, np.flatnonzero(layer == number).astype(np.int64)):
            pixels = ranges(*at)  # a layer has no pixel twice
            twice[pixels] |= seen[pixels]
            seen[pixels] = True
    return twice
