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

    inside = np.pad(mask.mask, _REACH_PX).view(np.uint8)
    rows, cols = (
        np.arange(length) + start - _REACH_PX for length, start in zip(inside.shape, mask.offset, strict=True)
    )
    on_image = ((rows >= 0) & (rows < tree.shape[0]))[:, None] & ((cols >= 0) & (cols < tree.shape[1]))
    deep = ndi.minimum_filter(inside, 2 * _INSIDE_PX + 1)
    near, far = (ndi.maximum_filter(inside, 2 * px + 1) for px in (_GAP_PX, _OUTSIDE_PX))
    within, round_it = (inside > deep) & on_image, (far > near) & on_image
    if not within.any() or not round_it.any():
        return 0.0
    finest = tree.levels[0]
    if finest.step == 1:
        rows, cols = np.clip(rows, 0, tree.shape[0] - 1), np.clip(cols, 0, tree.shape[1] - 1)
        seen = finest.planes[:, rows[:, None], cols]
    else:
        seen = finest.at(rows[:, None].astype(np.float64), cols.astype(np.float64))
    step = seen[:, within].mean(axis=1) - seen[:, round_it].mean(axis=1)
    return float(np.linalg.norm(step))
