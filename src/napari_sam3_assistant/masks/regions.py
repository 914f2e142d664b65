"""Which objects lie in a region of the planes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.geometry import Box, PlacedMask
from napari_sam3_assistant.masks.runs import Indices, Runs

Labels = npt.NDArray[Any]


def region_of(region: PlacedMask, slices: tuple[slice, ...]) -> npt.NDArray[np.bool_]:
    """Return a region as an array that covers the last two axes of a block of an array."""
    rows, cols = slices[-2:]
    if rows.stop <= rows.start or cols.stop <= cols.start:
        return np.zeros((max(rows.stop - rows.start, 0), max(cols.stop - cols.start, 0)), bool)
    return region.within(Box(rows.start, cols.start, rows.stop, cols.stop))


def mostly_inside(runs: Runs, region: PlacedMask | None) -> npt.NDArray[np.bool_]:
    """Return of which parts more than half of the pixels lie in a region of the last two axes; of shape (parts,).

    Parameters
    ----------
    runs : Runs
    region : PlacedMask or None
        In pixels of the array's planes; None: all lie in it.
    """
    if region is None:
        return np.ones(runs.parts, bool)
    inside = np.bincount(runs.part, weights=_pixels_inside(runs, region), minlength=runs.parts)
    return np.asarray(2 * inside > runs.areas(), bool)


def _pixels_inside(runs: Runs, region: PlacedMask) -> Indices:
    """Return how many pixels of each run lie in the region."""
    height, width = region.mask.shape
    if not height or not width:
        return np.zeros(runs.start.size, np.int64)
    counts = np.zeros((height, width + 1), np.int64)
    np.cumsum(region.mask, axis=1, out=counts[:, 1:])
    row = runs.along(len(runs.shape) - 2) - region.offset[0]
    first = runs.start % runs.shape[-1] - region.offset[1]
    last = first + runs.stop - runs.start
    met = (row >= 0) & (row < height)
    row, first, last = np.where(met, row, 0), np.clip(first, 0, width), np.clip(last, 0, width)
    return np.where(met, counts[row, last] - counts[row, first], 0)
