"""Operations that tidy labels; each returns an edit, or None where nothing changes.

Labels are integers or booleans; values above 0 are objects, 0 is background, and negative
values are left alone. The array that is passed in is never changed. It may be painted meanwhile, on
another thread: then the edit's ``before`` differs from the array, or :class:`PromptError` is raised.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.masks.components import Component, component_mask
from napari_sam3_assistant.masks.edits import Edit, edit_of
from napari_sam3_assistant.masks.runs import Indices, Runs, border_axes, find_runs, ranges

Labels = npt.NDArray[Any]


def remove_small(labels: Labels, minimum_size: int) -> Edit | None:
    """Return the edit that removes every connected component of fewer than ``minimum_size`` pixels.

    Raises
    ------
    PromptError
        If the array does not hold integers or booleans.
    """
    runs = find_runs(labels)
    if not runs.parts:
        return None
    gone = (runs.label > 0) & (runs.areas() < minimum_size)[runs.part]
    return _filled(labels, runs, gone, np.zeros(runs.label.shape, labels.dtype))


def fill_holes(labels: Labels, maximum_size: int = 0) -> Edit | None:
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

    Raises
    ------
    PromptError
        If the array does not hold integers or booleans, or the size is negative.
    """
    if maximum_size < 0:
        raise PromptError("The size of a hole cannot be negative.", hint="Choose 0 to fill holes of any size.")
    runs = find_runs(labels)
    if not runs.parts:
        return None
    hole = (runs.label[runs.first()] == 0) & ~runs.on_border()
    if maximum_size:
        hole &= runs.areas() <= maximum_size
    filling = np.zeros(runs.parts, labels.dtype)
    for part, label in _owners(labels, runs, hole):
        filling[part] = label
    return _filled(labels, runs, hole[runs.part] & (filling > 0)[runs.part], filling[runs.part])


def delete_components(labels: Labels, components: Iterable[Component]) -> Edit | None:
    """Return the edit that makes components background.

    Raises
    ------
    PromptError
        If ``labels`` has changed since they were found.
    """
    chosen = tuple(set(components))
    if not chosen:
        return None
    masks = [component_mask(labels, component) for component in chosen]
    low = np.min([[start for start, _ in component.box] for component in chosen], axis=0).tolist()
    high = np.max([[stop for _, stop in component.box] for component in chosen], axis=0).tolist()
    whole = tuple(slice(start, stop) for start, stop in zip(low, high, strict=True))
    after = labels[whole].copy()
    for component, mask in zip(chosen, masks, strict=True):
        place = tuple(slice(a - start, b - start) for (a, b), start in zip(component.box, low, strict=True))
        after[place][mask] = 0
    edit = edit_of(labels, whole, after)
    if edit is not None and edit.changed != sum(component.area for component in chosen):
        raise _painted()
    return edit


def _filled(labels: Labels, runs: Runs, chosen: npt.NDArray[np.bool_], values: Labels) -> Edit | None:
    """Return the edit that gives the chosen runs their ``values``, both of shape (n,)."""
    if not chosen.any():
        return None
    low, high = (edge[0].tolist() for edge in runs.bounds(np.where(chosen, 0, -1)))
    block = tuple(slice(start, stop) for start, stop in zip(low, high, strict=True))
    before = labels[block].copy()
    inside = tuple(runs.along(axis)[chosen] - start for axis, start in enumerate(low))
    length = (runs.stop - runs.start)[chosen]
    pixels = ranges(np.ravel_multi_index(inside, before.shape), length)
    if not np.array_equal(before.reshape(-1)[pixels], np.repeat(runs.label[chosen], length)):
        raise _painted()
    after = before.copy()
    after.reshape(-1)[pixels] = np.repeat(values[chosen], length)
    return Edit(labels.shape, block, before, after)


def _painted() -> PromptError:
    return PromptError("The layer was changed meanwhile; it is left as it is.", hint="Try again.")


def _owners(labels: Labels, runs: Runs, hole: npt.NDArray[np.bool_]) -> Iterator[tuple[int, Any]]:
    """Yield the parts among ``hole``, of shape (parts,), that one label encloses, and that label."""
    one, other = runs.contacts()
    pocket = np.concatenate([runs.part[one], runs.part[other]])
    label = np.concatenate([runs.label[other], runs.label[one]])
    pocket, label = pocket[hole[pocket]], label[hole[pocket]]
    order = np.lexsort((label, pocket))
    pocket, label = pocket[order], label[order]
    begin = np.flatnonzero(np.append(True, pocket[1:] != pocket[:-1])) if pocket.size else np.zeros(0, np.intp)
    end = np.append(begin[1:], pocket.size) - 1 if begin.size else begin
    alone = label[begin] == label[end]
    # Where all that a pocket touches is one label, that label encloses it, and closest.
    for at in begin[alone].tolist():
        if label[at] > 0:
            yield int(pocket[at]), label[at]
    yield from _distant_owners(labels, runs, pocket[begin[~alone]])


def _distant_owners(labels: Labels, runs: Runs, pockets: Indices) -> Iterator[tuple[int, Any]]:
    """Yield the pockets that touch several labels and yet lie in a hole of one, and that label.

    Notes
    -----
    What surrounds a region that hangs together by faces hangs together by corners at least. So a
    label encloses a pocket with one of its clusters, and the pocket lies inside the box of that.
    """
    if not pockets.size:
        return
    ends = border_axes(runs.shape)
    seeds = np.stack(np.unravel_index(runs.start[runs.first()[pockets]], runs.shape), axis=1)
    best: dict[int, tuple[int, Any]] = {}
    for label, top, bottom in _clusters(runs, ends):
        # Parts are numbered in reading order, so those of some rows stand side by side.
        near = slice(*np.searchsorted(seeds[:, 0], (top[0], bottom[0])))
        within = np.all((seeds[near] >= top) & (seeds[near] < bottom), axis=1)
        if not within.any():
            continue
        sizes = _cavities(labels, label, top, bottom, seeds[near][within], ends)
        for part, size in zip(pockets[near][within].tolist(), sizes, strict=True):
            if size and (part not in best or (size, label) < best[part]):
                best[part] = size, label
    for part, (_, label) in best.items():
        yield part, label


def _clusters(runs: Runs, ends: tuple[int, ...]) -> Iterator[tuple[Any, Indices, Indices]]:
    """Yield label and corners of the box of each cluster that is large enough to have a hole."""
    cluster = runs.clusters()
    value = runs.label[np.unique(cluster, return_index=True)[1]]
    low, high = runs.bounds(cluster)
    hollow = (value > 0) & np.all((high - low)[:, ends] >= 3, axis=1)
    yield from zip(value[hollow], low[hollow], high[hollow], strict=True)


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
