"""Finishing: holes that the picture does not show, ragged outlines and spurs are taken from a mask.

What is thin and long stays: a vessel of two pixels is no spur.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.geometry import Box, PlacedMask
from napari_sam3_assistant.engines.builtin.levels import FloatArray
from napari_sam3_assistant.engines.builtin.tree import BoolArray, RegionTree, grown

_PAD_PX = 4
_RADIUS_PX = 2
_LEAST_PX = 150
"""A smaller mask is left as it is."""
_THIN_PX = 25
"""A part thinner than the filter stays if it holds so many pixels: it is a vessel, not a spur."""
_MOST_PIXELS = 120_000
_MOST_SMOOTHED = 40_000
"""A larger mask keeps its outline, and a still larger one its holes: a click has milliseconds."""
_LEAST_KEPT = 0.85
_HOLE_SHARE = 0.4
"""A hole is filled if its colour is nearer to the object's than this share of the way to what is around."""


def finished(tree: RegionTree, mask: PlacedMask) -> PlacedMask:
    """Return ``mask`` without holes that are none, with a smooth outline.

    Parameters
    ----------
    tree : RegionTree
    mask : PlacedMask
        Trimmed, on the image.
    """
    if mask.box is None or mask.box.area > _MOST_PIXELS:
        return mask
    box = grown(mask.box, tree.shape, _PAD_PX)
    whole = mask.within(box)
    whole |= _false_holes(tree, whole, box)
    if box.area <= _MOST_SMOOTHED and whole.sum() >= _LEAST_PX:
        whole = smooth(whole)
    return PlacedMask(whole, (int(box.top), int(box.left))).trimmed()


def tidied(mask: BoolArray, px: int) -> BoolArray:
    """Return ``mask`` smoothed at a glance, one of many: by squares a little larger than steps of ``px`` pixels."""
    from scipy import ndimage as ndi

    done = ndi.uniform_filter(mask.astype(np.float32), 2 * _RADIUS_PX + px, mode="nearest") > 0.5
    thin = np.count_nonzero(done & mask) < _LEAST_KEPT * np.count_nonzero(mask)
    return mask if thin else np.asarray(done, bool)


def smooth(mask: BoolArray) -> BoolArray:
    """Return ``mask`` after a majority filter that spares what is thin and long, in the mask and between its parts."""
    from scipy import ndimage as ndi

    padded = np.pad(mask, 2 * _RADIUS_PX, mode="edge")
    major = ndi.convolve(padded.astype(np.float32), _DISC.astype(np.float32) / _DISC.sum(), mode="nearest") > 0.5
    major |= _thin(padded)
    major &= ~_thin(~padded)
    inner = slice(2 * _RADIUS_PX, -2 * _RADIUS_PX)
    return np.asarray(major[inner, inner], bool)


def _disc(radius: int) -> BoolArray:
    along = np.arange(-radius, radius + 1)
    return np.asarray(along[:, None] ** 2 + along**2 <= radius * radius + 1, bool)


_DISC = _disc(_RADIUS_PX)


def _thin(mask: BoolArray) -> BoolArray:
    """Return the parts of ``mask`` that no disc fits in and that are long."""
    from scipy import ndimage as ndi

    rest = mask & ~ndi.binary_opening(mask, _DISC, border_value=1)
    labels, count = ndi.label(rest, np.ones((3, 3), bool))
    if not count:
        return np.asarray(rest, bool)
    long = np.bincount(labels.ravel()) >= _THIN_PX
    long[0] = False
    return np.asarray(long[labels], bool)


def _false_holes(tree: RegionTree, mask: BoolArray, box: Box) -> BoolArray:
    """Return the holes of ``mask``, which covers ``box``, that are coloured like it."""
    from scipy import ndimage as ndi

    labels, count = ndi.label(np.pad(~mask, 1, constant_values=True))
    labels = labels[1:-1, 1:-1]  # the frame is 1, and with it all that is no hole
    if count < 2:
        return np.zeros(mask.shape, bool)
    planes = tree.levels[0].crop(box)
    around = labels == 1
    if not around.any():
        return ~mask
    inside, outside = (planes[:, part].mean(axis=1) for part in (mask, around))
    index = np.arange(2, count + 1)
    level = np.stack([ndi.mean(plane, labels, index) for plane in planes])
    like = _along(level, inside, outside) < _HOLE_SHARE
    small = np.bincount(labels.ravel(), minlength=count + 1)[2:] <= _DISC.sum()
    return np.asarray(np.concatenate([[False, False], like | small])[labels], bool)


def _along(level: FloatArray, inside: FloatArray, outside: FloatArray) -> npt.NDArray[np.floating[Any]]:
    """Return how far colours, shape (planes, m), lie on the way from ``inside`` to ``outside``; 0 is inside."""
    way = outside - inside
    length = float((way * way).sum())
    if length < 1e-6:
        return np.zeros(level.shape[1])
    share: npt.NDArray[np.floating[Any]] = np.abs(((level - inside[:, None]) * way[:, None]).sum(axis=0)) / length
    return share
