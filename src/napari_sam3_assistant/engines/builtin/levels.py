"""Levels: the smoothed planes of an image in its size and in a half, a quarter, ... of it.

What is large is looked at on a coarse level, where speckle and blur do not show.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.geometry import Box, slices
from napari_sam3_assistant.engines.builtin.basins import FloatPlane, shrunk

_LEVELS = 5
_LEAST_PX = 8

FloatArray = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """An image, reduced.

    Attributes
    ----------
    planes : ndarray of shape (planes, h, w), float32
        As :func:`~napari_sam3_assistant.engines.builtin.basins.planes_of`, smoothed.
    step : int
        Pixels of the image that a pixel of ``planes`` is high and wide.
    """

    planes: npt.NDArray[np.float32]
    step: int

    def at(self, rows: FloatArray, cols: FloatArray) -> npt.NDArray[np.float32]:
        """Return the planes at some places, ``(row, col)`` in pixels of the image; the border goes on outside.

        Parameters
        ----------
        rows, cols : ndarray of float
            Of shapes that go together: a column of rows and a line of columns are a grid.

        Returns
        -------
        ndarray of shape (planes, *shape of both), float32
        """
        _, height, width = self.planes.shape
        (top, down), (left, right) = self._between(rows, height), self._between(cols, width)
        corner = top * width + left
        below, beside = width if height > 1 else 0, 1 if width > 1 else 0
        out = np.empty((len(self.planes), *corner.shape), np.float32)
        for plane, sampled in zip(self.planes.reshape(len(self.planes), -1), out, strict=True):
            lower = plane[below:].take(corner)
            lower += right * (plane[below + beside :].take(corner) - lower)
            upper = plane.take(corner, out=sampled, mode="clip")
            upper += right * (plane[beside:].take(corner) - upper)
            lower -= upper
            upper += down * lower
        return out

    def _between(self, places: FloatArray, length: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float32]]:
        """Return the pixel before each place along an axis, never the last of several, and how far beyond it lies."""
        exact = np.clip((places.astype(np.float32) + np.float32(0.5)) / self.step - np.float32(0.5), 0, length - 1)
        before = np.minimum(exact.astype(np.intp), max(length - 2, 0))
        return before, (exact - before).astype(np.float32)

    def crop(self, box: Box) -> npt.NDArray[np.float32]:
        """Return the planes on the pixels of ``box``, which lies in the image and has whole corners."""
        if self.step == 1:
            return self.planes[(slice(None), *slices(box))]
        rows, cols = np.arange(box.top, box.bottom), np.arange(box.left, box.right)
        return self.at(rows[:, None], cols)


def levels_of(smooth: list[FloatPlane], step: int) -> tuple[Level, ...]:
    """Return levels of 1, 2, 4, ... times ``step`` from the smoothed planes of that step."""
    levels = []
    for _ in range(_LEVELS):
        levels.append(Level(np.stack(smooth), step))
        if min(smooth[0].shape) < 2 * _LEAST_PX:
            break
        smooth, step = [shrunk(plane, 2) for plane in smooth], 2 * step
    return tuple(levels)


def level_for(levels: tuple[Level, ...], px: float) -> Level:
    """Return the coarsest level whose pixels are no larger than ``px`` pixels of the image, or the finest."""
    fitting = [level for level in levels if level.step <= px]
    return fitting[-1] if fitting else levels[0]
