"""Suppression: of masks that are one object, found more than once, the best one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.geometry import mask_iou
from napari_sam3_assistant.core.results import Segmentation
from napari_sam3_assistant.tasks.distinct import doubles

LEAST_AREA = 9
"""What is smaller is a speck, in pixels of what was read."""
MOST_SHARE = 0.9
"""What covers more of the picture is the picture itself."""
_COVERING_SHARE = 0.05
"""An object that covers more of the picture may have others on it."""


class Suppression:
    """Keeps objects of one picture that come one after another, none of which overlaps much with a better one.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the picture, in pixels.
    most_overlap : float
        The largest overlap (IoU) that two objects may have.
    """

    def __init__(self, shape: tuple[int, int], most_overlap: float) -> None:
        self._size = shape[0] * shape[1]
        self._least = min(LEAST_AREA, self._size / 4)
        self._most_overlap = most_overlap
        self._kept: list[Segmentation] = []
        self._corners = np.zeros((0, 4))
        self._areas = np.zeros(0)

    def add(self, one: Segmentation) -> bool:
        """Keep an object unless it is a speck, all of the picture, or one that is kept already is as good.

        Those that it overlaps with, and is better than, go. Returns whether it is kept.
        """
        mask = one.mask.trimmed()
        area = mask.area
        if mask.box is None or not self._least <= area <= MOST_SHARE * self._size:
            return False
        corners = np.array(mask.box.corners)
        near = np.flatnonzero(doubles(self._corners, self._areas, corners, area, self._most_overlap))
        same = [int(other) for other in near if mask_iou(mask, self._kept[other].mask) > self._most_overlap]
        if any(self._kept[other].score >= one.score for other in same):
            return False
        left = np.setdiff1d(np.arange(len(self._kept)), same)
        self._kept = [*(self._kept[other] for other in left), Segmentation(mask, one.score)]
        self._corners = np.vstack([self._corners[left], corners])
        self._areas = np.append(self._areas[left], area)
        return True

    def best(self, most: int) -> tuple[Segmentation, ...]:
        """Return up to ``most`` of what is kept, the best first."""
        order = sorted(range(len(self._kept)), key=lambda index: -self._kept[index].score)
        return tuple(self._kept[index] for index in order[:most])

    def covered(self, places: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """Return which places, ``(row, col)`` of shape (n, 2) in pixels, lie on an object that has no room for others.

        That is one that covers only a small share of the picture.
        """
        out = np.zeros(len(places), bool)
        small = np.flatnonzero(self._areas <= _COVERING_SHARE * self._size)
        pixels = np.rint(places).astype(np.intp)
        for index in small:
            mask = self._kept[index].mask
            at = pixels - mask.offset
            within = np.flatnonzero(((at >= 0) & (at < mask.mask.shape)).all(axis=1))
            out[within] |= mask.mask[at[within, 0], at[within, 1]]
        return out
