"""One object that was found twice: which of the two to keep."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

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
        low = np.maximum(corners[:, :2], corners[index, :2])
        high = np.minimum(corners[:, 2:], corners[index, 2:])
        shared = np.clip(high - low, 0, None).prod(axis=1)
        for other in np.flatnonzero(left & (shared > most * np.maximum(areas, areas[index]))).tolist():
            left[other] = mask_iou(masks[index], masks[other]) <= most
    return tuple(sorted(kept))
