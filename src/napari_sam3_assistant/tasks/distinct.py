"""One object that was found twice: which of the two to keep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.geometry import PlacedMask, mask_iou

SAME_IOU = 0.8
"""Two masks that overlap (IoU) more than this are one object."""


def distinct(masks: Sequence[PlacedMask], scores: Sequence[float], most: float = SAME_IOU) -> tuple[int, ...]:
    """Return which masks to keep, as rising indices: of those that are one object, the one with the best score.

    Parameters
    ----------
    masks : sequence of PlacedMask
        None of them empty.
    scores : sequence of float
        One for each; of equal ones the earlier mask counts as better.
    most : float
        The largest overlap (IoU) that two objects may have.

    Notes
    -----
    What two masks share is no more than what their boxes share, and their union no less than the larger
    of them. So boxes and areas tell of most pairs that they are two objects, and pixels are compared of
    the others only.
    """
    if len(masks) < 2:
        return tuple(range(len(masks)))
    corners = np.array([box.corners for one in masks if (box := one.trimmed().box) is not None])
    areas = np.array([one.area for one in masks])
    left, kept = np.ones(len(masks), bool), []
    for index in np.argsort(-np.asarray(scores), kind="stable").tolist():
        if not left[index]:
            continue
        kept.append(index)
        left[index] = False
        for other in np.flatnonzero(left & doubles(corners, areas, corners[index], areas[index], most)).tolist():
            left[other] = mask_iou(masks[index], masks[other]) <= most
    return tuple(sorted(kept))


def doubles(
    corners: npt.NDArray[np.floating[Any]],
    areas: npt.NDArray[np.number[Any]],
    corner: npt.NDArray[np.floating[Any]],
    area: float,
    most: float,
) -> npt.NDArray[np.bool_]:
    """Return which masks may overlap (IoU) with another one by more than ``most``, as boxes and areas tell.

    Parameters
    ----------
    corners : ndarray of shape (n, 4)
        ``(top, left, bottom, right)`` of the masks, in pixels, half-open.
    areas : ndarray of shape (n,)
        In pixels.
    corner, area
        Of the other one.
    most : float
    """
    low, high = np.maximum(corners[:, :2], corner[:2]), np.minimum(corners[:, 2:], corner[2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    return np.asarray(shared > most * np.maximum(areas, area), bool)
