"""Motion: where a mask lies on the next picture, by matching what is seen round it."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.engines.builtin.tree import RegionTree

_PAD_PX = 5
_MOST_CELLS = 1600
_REACH = 4
_FINER_REACH = 1

_Planes = npt.NDArray[np.float32]
_Frame = tuple[int, int, int, int]


def moved(before: RegionTree, after: RegionTree, mask: PlacedMask) -> tuple[PlacedMask, float]:
    """Return ``mask`` moved by whole pixels to where its surroundings are found again, and how well they are.

    Parameters
    ----------
    before, after : RegionTree
        Of two pictures; the mask was made on the first.
    mask : PlacedMask
        On the first picture, not empty.

    Returns
    -------
    mask : PlacedMask
        Some pixels may lie outside.
    match : float
        The correlation of what is seen, up to 1; 0 where the pictures cannot be compared.
    """
    alike = before.shape == after.shape and before.levels[0].planes.shape == after.levels[0].planes.shape
    if not alike or mask.box is None:
        return mask, 0.0
    top, left, bottom, right = mask.box.corners
    corners = top - _PAD_PX, left - _PAD_PX, bottom + _PAD_PX, right + _PAD_PX
    first = 1
    while first + 1 < len(before.levels) and _cells(corners, before.levels[first].step) > _MOST_CELLS:
        first += 1
    first = min(first, len(before.levels) - 1)
    shift, match, reach = (0, 0), 0.0, _REACH
    for index in range(first, -1, -1):
        old, new = before.levels[index], after.levels[index]
        if index < first and _cells(corners, old.step) > 16 * _MOST_CELLS:
            break
        start = round(shift[0] / old.step), round(shift[1] / old.step)
        place, match = _matched(old.planes, new.planes, _frame(corners, old.step, old.planes), start, reach)
        shift, reach = (place[0] * old.step, place[1] * old.step), _FINER_REACH
    return mask.shifted(*shift), match


def _cells(corners: tuple[float, float, float, float], step: int) -> float:
    return (corners[2] - corners[0]) * (corners[3] - corners[1]) / step**2


def _frame(corners: tuple[float, float, float, float], step: int, planes: _Planes) -> _Frame:
    """Return a box in pixels as one on a level, inside it."""
    _, height, width = planes.shape
    top, left = max(int(corners[0] // step), 0), max(int(corners[1] // step), 0)
    bottom, right = min(math.ceil(corners[2] / step), height), min(math.ceil(corners[3] / step), width)
    return min(top, height - 1), min(left, width - 1), max(bottom, top + 1), max(right, left + 1)


def _matched(
    old: _Planes, new: _Planes, frame: _Frame, start: tuple[int, int], reach: int
) -> tuple[tuple[int, int], float]:
    """Return the shift, up to ``reach`` cells from ``start``, at which a frame of one level is most like the other."""
    top, left, bottom, right = frame
    here = old[:, top:bottom, left:right]
    rows = np.clip(np.arange(top + start[0] - reach, bottom + start[0] + reach), 0, new.shape[1] - 1)
    cols = np.clip(np.arange(left + start[1] - reach, right + start[1] + reach), 0, new.shape[2] - 1)
    around = new[:, rows[:, None], cols]
    views = np.lib.stride_tricks.sliding_window_view(around, here.shape[1:], axis=(1, 2))
    away = ((views - here[:, None, None]) ** 2).sum(axis=(0, 3, 4))
    row, col = divmod(int(away.argmin()), away.shape[1])
    there = views[:, row, col]
    a, b = (part - part.mean(axis=(1, 2), keepdims=True) for part in (here, there))
    norm = math.sqrt(float((a * a).sum()) * float((b * b).sum()))
    match = float((a * b).sum()) / norm if norm > 0 else 0.0
    return (start[0] + row - reach, start[1] + col - reach), match
