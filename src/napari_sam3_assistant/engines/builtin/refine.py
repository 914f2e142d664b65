"""Refining: the outline of a mask from a tree of half size or less, drawn again in full size.

Only a narrow band along the outline changes: basins of the full-size picture, which end where
its gradient has crests, go to the side on which most of them lies.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.geometry import PlacedMask, slices
from napari_sam3_assistant.engines.builtin.basins import (
    basins_of,
    gradient_of,
    is_grey,
    planes_of,
    smoothed,
    weighed_count,
)
from napari_sam3_assistant.engines.builtin.tree import BoolArray, RegionTree, grown

_SIGMA_PX = 1.0
_PAD_PX = 8
_MOST_PIXELS = 400_000
"""A larger object keeps its outline: its share of pixels that would change is small, its cost is not."""


def refined(tree: RegionTree, mask: PlacedMask) -> PlacedMask:
    """Return ``mask`` with its outline in full size, or ``mask`` itself where there is nothing to gain.

    Parameters
    ----------
    tree : RegionTree
        One of ``step`` 1 needs no refining.
    mask : PlacedMask
        Trimmed, on the image.
    """
    if tree.picture is None or mask.box is None:
        return mask
    box = grown(mask.box, tree.shape, _PAD_PX)
    if box.area > _MOST_PIXELS:
        return mask
    coarse = mask.within(box)
    drawn = _by_basins(tree.picture[slices(box)], coarse)
    fine = np.where(_near_outline(coarse, tree.step + 1), drawn, coarse)
    if not 0.5 < fine.sum() / coarse.sum() < 2:  # smaller than a basin
        return mask
    return PlacedMask(fine, (int(box.top), int(box.left))).trimmed()


def _by_basins(picture: npt.NDArray[np.uint8], coarse: BoolArray) -> BoolArray:
    """Return the basins of a crop that lie in ``coarse`` by more than half."""
    smooth = [smoothed(plane, _SIGMA_PX) for plane in planes_of(picture, grey=is_grey(picture))]
    basins, count = basins_of(gradient_of(smooth))
    flat = basins.ravel()
    inside = weighed_count(flat, coarse.ravel().astype(np.float64), count)
    most: BoolArray = inside > 0.5 * np.bincount(flat, minlength=count)
    return most[basins]


def _near_outline(mask: BoolArray, px: int) -> BoolArray:
    from scipy import ndimage as ndi

    away = ndi.distance_transform_edt(mask) + ndi.distance_transform_edt(~mask)
    near: BoolArray = away <= px
    return near
