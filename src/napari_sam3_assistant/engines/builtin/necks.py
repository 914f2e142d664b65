"""Necks: a mask of round parts that touch, cut where it is clearly narrower than the parts on both sides."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.engines.builtin.tree import BoolArray

_NARROW = 0.62
"""A neck is as wide as this share of the smaller part, or less."""
_LEAST_RADIUS_PX = 3.0
_ROUND = 2.2
"""A part is round if it is no larger than so many discs that fit in it; a branch of a vessel is not."""
_LEVELS = 8
_MOST_PIXELS = 40_000


def parted(mask: BoolArray) -> npt.NDArray[np.int32]:
    """Return the parts of ``mask``, numbered from 1: one part where there is no neck.

    Parameters
    ----------
    mask : ndarray of shape (h, w), bool
        Not empty.

    Returns
    -------
    ndarray of shape (h, w), int32
        0 outside.
    """
    from scipy import ndimage as ndi

    whole = mask.astype(np.int32)
    if mask.size > _MOST_PIXELS:
        return whole
    deep = np.asarray(ndi.distance_transform_edt(np.pad(mask, 1)))[1:-1, 1:-1]
    best = whole
    for level in np.linspace(0, _NARROW, _LEVELS + 1)[1:] * deep.max():
        cores, count = ndi.label(deep > level)
        if count < 2:
            continue
        peaks = np.asarray(ndi.maximum(deep, cores, np.arange(1, count + 1)))
        clear = np.flatnonzero(peaks >= max(level / _NARROW, _LEAST_RADIUS_PX)) + 1
        if len(clear) > best.max():
            parts = _nearest(mask, cores, clear)
            area = np.bincount(parts.ravel(), minlength=len(clear) + 1)[1:]
            if (area <= _ROUND * np.pi * peaks[clear - 1] ** 2).all():
                best = parts
    return best


def _nearest(mask: BoolArray, cores: npt.NDArray[np.int32], kept: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    """Return the number, from 1, of the core nearest to each pixel of ``mask``."""
    from scipy import ndimage as ndi

    numbers = np.zeros(int(cores.max()) + 1, np.int32)
    numbers[kept] = np.arange(1, len(kept) + 1)
    seeds = numbers[cores]
    rows, cols = ndi.distance_transform_edt(seeds == 0, return_distances=False, return_indices=True)
    return np.asarray(np.where(mask, seeds[rows, cols], 0), np.int32)


def part_under(mask: PlacedMask, pixel: tuple[int, int]) -> PlacedMask | None:
    """Return the part of ``mask`` that holds ``pixel``, or None if there is no neck to cut at."""
    if not mask.area or not mask.value_at(*pixel):
        return None
    parts = parted(mask.mask)
    if parts.max() < 2:
        return None
    here = parts[pixel[0] - mask.offset[0], pixel[1] - mask.offset[1]]
    return PlacedMask(parts == here, mask.offset).trimmed()
