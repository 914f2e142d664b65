"""Connected components of labels: pixels of one label that touch by faces.

Labels are integers or booleans; values above 0 are objects. Two and three axes are looked at
as a whole, arrays with more one volume after the other. Coordinates are pixel indices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.masks.runs import Runs, find_runs

Labels = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Component:
    """One piece of one label; its pixels stay in the array.

    Attributes
    ----------
    id : int
        From 1, by label and then in reading order.
    label : int
        The value of its pixels.
    area : int
        Number of its pixels.
    centroid : tuple of float
        Mean index of its pixels on each axis.
    box : tuple of (int, int)
        First index, and the one after the last, on each axis.
    start : tuple of int
        Index of its first pixel in reading order.
    """

    id: int
    label: int
    area: int
    centroid: tuple[float, ...]
    box: tuple[tuple[int, int], ...]
    start: tuple[int, ...]

    @property
    def slices(self) -> tuple[slice, ...]:
        """The block that holds it."""
        return tuple(slice(low, high) for low, high in self.box)


def analyze(labels: Labels) -> tuple[Component, ...]:
    """Return the connected components of an array of labels, by label and then in reading order.

    Raises
    ------
    PromptError
        If the array does not hold integers or booleans.
    """
    runs = find_runs(labels)
    if not runs.parts:
        return ()
    first = runs.first()
    value = runs.label[first]
    low, high = runs.bounds(runs.part)
    area, centroid = runs.areas(), _centroids(runs)
    begin = np.stack(np.unravel_index(runs.start[first], runs.shape), axis=1)
    objects = np.flatnonzero(value > 0)
    objects = objects[np.argsort(value[objects], kind="stable")]
    columns = (value, area, centroid, np.stack([low, high], axis=2), begin)
    rows = zip(*(column[objects].tolist() for column in columns), strict=True)
    return tuple(
        Component(number, int(label), size, tuple(middle), tuple(map(tuple, box)), tuple(start))
        for number, (label, size, middle, box, start) in enumerate(rows, start=1)
    )


def component_mask(labels: Labels, component: Component) -> npt.NDArray[np.bool_]:
    """Return the pixels of a component, in its own block of ``labels``.

    Returns
    -------
    ndarray of the shape of ``labels[component.slices]``, bool

    Raises
    ------
    PromptError
        If ``labels`` has changed since it was analyzed, so that the component is no longer there.
    """
    from scipy import ndimage as ndi

    stale = PromptError("The layer has changed since it was analyzed.", hint="Analyze it again.")
    if len(component.box) != labels.ndim or any(
        stop > length for (_, stop), length in zip(component.box, labels.shape, strict=True)
    ):
        raise stale
    pieces, _ = ndi.label(labels[component.slices] == component.label)
    piece = pieces[tuple(at - low for at, (low, _) in zip(component.start, component.box, strict=True))]
    mask = np.asarray(pieces == piece, bool)
    if not piece or np.count_nonzero(mask) != component.area:
        raise stale
    return mask


def _centroids(runs: Runs) -> npt.NDArray[np.float64]:
    """Return the mean index of the pixels of each part, an array of shape (parts, ndim)."""
    length = (runs.stop - runs.start).astype(np.float64)
    area = np.bincount(runs.part, weights=length)
    means = []
    for axis in range(len(runs.shape)):
        middle = runs.along(axis).astype(np.float64)
        if axis == len(runs.shape) - 1:
            middle += (length - 1) / 2
        means.append(np.bincount(runs.part, weights=middle * length) / area)
    return np.stack(means, axis=1)
