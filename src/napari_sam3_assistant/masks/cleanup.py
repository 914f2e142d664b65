"""Operations that tidy labels; each returns an edit, or None where nothing changes.

Labels are integers or booleans; values above 0 are objects, 0 is background, and negative
values are left alone. The array that is passed in is never changed. It may be painted meanwhile, on
another thread: then the edit's ``before`` differs from the array, or :class:`PromptError` is raised.

An object is a connected component: pixels of one label that touch by faces. Two and three axes are
looked at as a whole, arrays with more one volume after the other. Operations on whole objects take
``among``: a region of the planes, in pixels of the array; they act on objects of which more than half
of the pixels lie in it, wholly, and on no others.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.progress import UNWATCHED, Watch
from napari_sam3_assistant.masks.changes import edit_of_runs, painted
from napari_sam3_assistant.masks.components import Component, component_mask
from napari_sam3_assistant.masks.dtypes import check_holds
from napari_sam3_assistant.masks.edits import Edit, edit_of
from napari_sam3_assistant.masks.holes import fill_holes
from napari_sam3_assistant.masks.morphology import dilate, erode, smooth
from napari_sam3_assistant.masks.regions import mostly_inside, region_of
from napari_sam3_assistant.masks.runs import Runs, find_runs
from napari_sam3_assistant.masks.splitting import split_touching

Labels = npt.NDArray[Any]

__all__ = [
    "assign_components",
    "clear_border",
    "delete_components",
    "dilate",
    "erode",
    "fill_holes",
    "keep_largest",
    "remove_small",
    "smooth",
    "split_touching",
]


def remove_small(
    labels: Labels, minimum_size: int, *, among: PlacedMask | None = None, watch: Watch = UNWATCHED
) -> Edit | None:
    """Return the edit that removes every object of fewer than ``minimum_size`` pixels.

    Raises
    ------
    PromptError
        If the array does not hold integers or booleans.
    Cancelled
        If the work shall stop.
    """
    runs = find_runs(labels, watch.share(0, 0.8))
    return _without(labels, runs, _objects(runs, among) & (runs.areas() < minimum_size))


def keep_largest(labels: Labels, *, among: PlacedMask | None = None, watch: Watch = UNWATCHED) -> Edit | None:
    """Return the edit that removes all objects of each label but the largest; of equal ones the first stays.

    First in reading order, that is. Of an array with more than three axes each volume keeps one of each label. Errors
    as :func:`remove_small`.
    """
    runs = find_runs(labels, watch.share(0, 0.8))
    objects = np.flatnonzero(_objects(runs, among))
    first = runs.first()[objects]
    volume, label = runs.volumes()[first], runs.label[first]
    order = np.lexsort((objects, -runs.areas()[objects], label, volume))
    volume, label = volume[order], label[order]
    gone = np.zeros(runs.parts, bool)
    gone[objects[order[1:]]] = (volume[1:] == volume[:-1]) & (label[1:] == label[:-1])
    return _without(labels, runs, gone)


def clear_border(labels: Labels, *, among: PlacedMask | None = None, watch: Watch = UNWATCHED) -> Edit | None:
    """Return the edit that removes every object that reaches the border of its plane or volume.

    A volume of one slice is a plane: its first and last slice are no border. Errors as :func:`remove_small`.
    """
    runs = find_runs(labels, watch.share(0, 0.8))
    return _without(labels, runs, _objects(runs, among) & runs.on_border())


def delete_components(
    labels: Labels, components: Iterable[Component], *, among: PlacedMask | None = None, watch: Watch = UNWATCHED
) -> Edit | None:
    """Return the edit that makes components background; errors as :func:`assign_components`."""
    return assign_components(labels, components, 0, among=among, watch=watch)


def assign_components(
    labels: Labels,
    components: Iterable[Component],
    value: int,
    *,
    among: PlacedMask | None = None,
    watch: Watch = UNWATCHED,
) -> Edit | None:
    """Return the edit that gives components another value. It costs as much as the box round all of them.

    Raises
    ------
    PromptError
        If ``labels`` has changed since the components were found, or cannot hold the value.
    Cancelled
        If the work shall stop.
    """
    check_holds(labels.dtype, value)
    masks = {}
    for component in watch.over(tuple(set(components))):
        mask = component_mask(labels, component)
        if among is None or 2 * np.count_nonzero(mask & region_of(among, component.slices)) > component.area:
            masks[component] = mask
    if not masks:
        return None
    low = np.min([[start for start, _ in component.box] for component in masks], axis=0).tolist()
    high = np.max([[stop for _, stop in component.box] for component in masks], axis=0).tolist()
    whole = tuple(slice(start, stop) for start, stop in zip(low, high, strict=True))
    after = labels[whole].copy()
    for component, mask in masks.items():
        place = tuple(slice(a - start, b - start) for (a, b), start in zip(component.box, low, strict=True))
        after[place][mask] = value
    edit = edit_of(labels, whole, after)
    expected = sum(component.area for component in masks if component.label != value)
    if (0 if edit is None else edit.changed) != expected:
        raise painted()
    return edit


def _objects(runs: Runs, among: PlacedMask | None) -> npt.NDArray[np.bool_]:
    """Return which parts are objects that may be acted on; of shape (parts,)."""
    return (runs.label[runs.first()] > 0) & mostly_inside(runs, among)


def _without(labels: Labels, runs: Runs, gone: npt.NDArray[np.bool_]) -> Edit | None:
    """Return the edit that makes parts background."""
    return edit_of_runs(labels, runs, gone[runs.part], np.zeros_like(runs.label))
