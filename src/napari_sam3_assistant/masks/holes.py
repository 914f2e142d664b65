"""Holes of labels: which pieces of background are one, and whose."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.progress import UNWATCHED, Watch
from napari_sam3_assistant.masks.changes import edit_of_runs
from napari_sam3_assistant.masks.edits import Edit
from napari_sam3_assistant.masks.runs import Indices, Runs, border_axes, find_runs

Labels = npt.NDArray[Any]


def fill_holes(labels: Labels, maximum_size: int = 0, watch: Watch = UNWATCHED) -> Edit | None:
    """Return the edit that fills the holes of every label.

    A hole is a connected piece of background from which no way leads to the border of the array
    without crossing one and the same label; of several such labels, the innermost gets it. What
    lies in the hole of another object stays as it is, and background between several labels that
    enclose it only together stays too.

    Parameters
    ----------
    labels : ndarray of integer or bool
        With two or three axes, or more, see :mod:`~napari_sam3_assistant.masks.runs`.
    maximum_size : int
        Larger holes stay, in pixels; 0 fills all.
    watch : Watch

    Raises
    ------
    PromptError
        If the array does not hold integers or booleans, or the size is negative.
    Cancelled
        If the work shall stop.
    """
    if maximum_size < 0:
        raise PromptError("The size of a hole cannot be negative.", hint="Choose 0 to fill holes of any size.")
    runs = find_runs(labels, watch.share(0, 0.5))
    if not runs.parts:
        return None
    hole = (runs.label[runs.first()] == 0) & ~runs.on_border()
    if maximum_size:
        hole &= runs.areas() <= maximum_size
    filling = np.zeros(runs.parts, runs.label.dtype)
    for part, label in _owners(labels, runs, hole, watch.share(0.5, 0.9)):
        filling[part] = label
    watch.at(0.9)
    return edit_of_runs(labels, runs, hole[runs.part] & (filling > 0)[runs.part], filling[runs.part])


def _owners(labels: Labels, runs: Runs, hole: npt.NDArray[np.bool_], watch: Watch) -> Iterator[tuple[Any, Any]]:
    """Yield the parts among ``hole``, of shape (parts,), that one label encloses, and that label.

    Either may be an array, for several at once.
    """
    one, other = runs.contacts()
    pocket = np.concatenate([runs.part[one], runs.part[other]])
    label = np.concatenate([runs.label[other], runs.label[one]])
    beside = np.concatenate([runs.part[other], runs.part[one]])
    met = hole[pocket]
    pocket, label, beside = pocket[met], label[met], beside[met]
    order = np.lexsort((beside, pocket))
    pocket, label, beside = pocket[order], label[order], beside[order]
    begin = np.flatnonzero(np.append(True, pocket[1:] != pocket[:-1])) if pocket.size else np.zeros(0, np.intp)
    if not begin.size:
        return
    low, high = np.minimum.reduceat(label, begin), np.maximum.reduceat(label, begin)
    # Where all that a pocket touches is one label, that label encloses it, and closest.
    alone = low == high
    of_object = alone & (low > 0)
    yield pocket[begin[of_object]], low[of_object]
    # Where it touches two labels that reach the ground outside, it is open whichever of them is taken for a wall.
    free = _free(runs, (one, other))[beside]
    least = np.minimum.reduceat(np.where(free, label, label.max()), begin)
    most = np.maximum.reduceat(np.where(free, label, label.min()), begin)
    yield from _distant_owners(labels, runs, pocket[begin[~alone & (least >= most)]], (one, other), watch)


def _free(runs: Runs, contacts: tuple[Indices, Indices]) -> npt.NDArray[np.bool_]:
    """Return which parts reach the border, or touch ground that does; of shape (parts,)."""
    rim = runs.on_border()
    ground = rim & (runs.label[runs.first()] <= 0)
    free = rim.copy()
    one, other = (runs.part[side] for side in contacts)
    free[one[ground[other]]] = True
    free[other[ground[one]]] = True
    return free


def _distant_owners(
    labels: Labels, runs: Runs, pockets: Indices, contacts: tuple[Indices, Indices], watch: Watch
) -> Iterator[tuple[int, Any]]:
    """Yield the pockets that touch several labels and yet lie in a hole of one, and that label.

    Notes
    -----
    What surrounds a region that hangs together by faces hangs together by corners at least. So a
    label encloses a pocket with one of its clusters, and the pocket lies inside the box of that.
    """
    around = _on_every_way(runs, pockets, contacts, watch.share(0, 0.5))
    if not around:
        return
    ends = border_axes(runs.shape)
    seeds = np.stack(np.unravel_index(runs.start[runs.first()[pockets]], runs.shape), axis=1)
    suspects = {label for found in around.values() for label in found}
    best: dict[int, tuple[int, Any]] = {}
    for label, top, bottom in watch.share(0.5, 1).over(_clusters(runs, ends, suspects)):
        # Parts are numbered in reading order, so those of some rows stand side by side.
        first, last = np.searchsorted(seeds[:, 0], (top[0], bottom[0])).tolist()
        places = first + np.flatnonzero(np.all((seeds[first:last] >= top) & (seeds[first:last] < bottom), axis=1))
        chosen = [place for place in places.tolist() if label in around.get(int(pockets[place]), ())]
        if not chosen:
            continue
        sizes = _cavities(labels, label, top, bottom, seeds[chosen], ends)
        for part, size in zip(pockets[chosen].tolist(), sizes, strict=True):
            if size and (part not in best or (size, label) < best[part]):
                best[part] = size, label
    for part, (_, label) in best.items():
        yield part, label


def _on_every_way(
    runs: Runs, pockets: Indices, contacts: tuple[Indices, Indices], watch: Watch
) -> dict[int, frozenset[int]]:
    """Return the labels that may lie on every way from a pocket to the border; pockets without one are left out.

    Notes
    -----
    Of all ways only those are looked at that come nearer to the border, part by part. So a label may
    be named that does not enclose the pocket; one that does is always named.
    """
    if not pockets.size:
        return {}
    graph, depth, order = _distances(runs, contacts)
    at, beside = graph.indptr.tolist(), graph.indices
    value = runs.label[runs.first()].tolist()
    met: dict[int, frozenset[int]] = {}
    for done, part in enumerate(order):
        if not done % 4096:
            watch.at(done / len(order))
        near = beside[at[part] : at[part + 1]]
        shared: frozenset[int] | None = frozenset() if depth[part] == 1 else None
        if shared is None:
            for other in near[depth[near] < depth[part]].tolist():
                shared = met[other] if shared is None else shared & met[other]
                if not shared:
                    break
        met[part] = (shared or frozenset()) | ({value[part]} if value[part] > 0 else frozenset())
    found = {}
    for pocket in pockets.tolist():
        near = beside[at[pocket] : at[pocket + 1]]
        labels = frozenset.intersection(*(met[other] for other in near.tolist()))
        if labels:
            found[pocket] = labels
    return found


def _distances(runs: Runs, contacts: tuple[Indices, Indices]) -> tuple[Any, Indices, list[int]]:
    """Return which parts touch as a sparse matrix, how many steps each is from outside, and all by that."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import breadth_first_order

    one, other = (runs.part[side] for side in contacts)
    rim = np.flatnonzero(runs.on_border())
    outside = np.full(rim.size, runs.parts)
    ends = np.concatenate([one, rim]), np.concatenate([other, outside])
    links = coo_array((np.ones(ends[0].size), ends), shape=(runs.parts + 1,) * 2).tocsr()
    graph = (links + links.T).tocsr()
    order, before = breadth_first_order(graph, runs.parts)
    depth = np.zeros(runs.parts + 1, np.int64)
    for part, previous in zip(order[1:].tolist(), before[order[1:]].tolist(), strict=True):
        depth[part] = depth[previous] + 1
    inner = graph[: runs.parts, : runs.parts]
    return inner, depth, order[1:].tolist()


def _clusters(runs: Runs, ends: tuple[int, ...], labels: set[int]) -> list[tuple[Any, Indices, Indices]]:
    """Return label and corners of the box of each cluster of some labels that is large enough to have a hole."""
    cluster = runs.clusters()
    value = runs.label[np.unique(cluster, return_index=True)[1]]
    low, high = runs.bounds(cluster)
    hollow = (value > 0) & np.all((high - low)[:, ends] >= 3, axis=1)
    return [
        found for found in zip(value[hollow].tolist(), low[hollow], high[hollow], strict=True) if found[0] in labels
    ]


def _cavities(
    labels: Labels, label: Any, top: Indices, bottom: Indices, seeds: Indices, ends: tuple[int, ...]
) -> list[int]:
    """Return the size of the hole of ``label`` that holds each of ``seeds``, 0 where that is open."""
    from scipy import ndimage as ndi

    block = tuple(slice(start, stop) for start, stop in zip(top.tolist(), bottom.tolist(), strict=True))
    pieces, count = ndi.label(labels[block] != label)
    sizes = np.bincount(pieces.reshape(-1), minlength=count + 1)
    for axis in ends:
        for edge in (0, -1):
            sizes[np.unique(pieces.take(edge, axis=axis))] = 0
    return [int(size) for size in sizes[pieces[tuple((seeds - top).T)]]]
