"""Standing out: how different what a mask covers is from what lies round it."""

from __future__ import annotations

import numpy as np

from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.engines.builtin.tree import RegionTree

_INSIDE_PX = 3
_GAP_PX = 1
_OUTSIDE_PX = 4
_REACH_PX = 5


def standing_out(tree: RegionTree, mask: PlacedMask) -> float:
    """Return how far the planes of an image step across the outline of ``mask``; 0 where that cannot be told.

    Parameters
    ----------
    tree : RegionTree
        Of the image.
    mask : PlacedMask
        In pixels of the image; it may reach outside.

    Notes
    -----
    Means of a band of 3 px inside and of one from 1 to 4 px outside, so that a soft or slightly misplaced outline
    counts as a sharp one does; in the units of the planes, so that images of one film can be compared.
    """
    from scipy import ndimage as ndi

    inside = np.pad(mask.mask, _REACH_PX)
    rows, cols = (
        np.arange(length) + start - _REACH_PX for length, start in zip(inside.shape, mask.offset, strict=True)
    )
    on_image = ((rows >= 0) & (rows < tree.shape[0]))[:, None] & ((cols >= 0) & (cols < tree.shape[1]))
    depth, height = ndi.distance_transform_edt(inside), ndi.distance_transform_edt(~inside)
    within = (depth > 0) & (depth <= _INSIDE_PX) & on_image
    round_it = (height > _GAP_PX) & (height <= _OUTSIDE_PX) & on_image
    if not within.any() or not round_it.any():
        return 0.0
    seen = tree.levels[0].at(rows[:, None].astype(np.float64), cols.astype(np.float64))
    step = seen[:, within].mean(axis=1) - seen[:, round_it].mean(axis=1)
    return float(np.linalg.norm(step))
