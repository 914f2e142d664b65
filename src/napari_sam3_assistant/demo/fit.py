"""How well masks fit the truth, and where a next click would help most. Arrays of one plane, pixels ``(row, col)``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage as ndi

Mask = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.integer]
HIT = 0.5
"""A mask that overlaps an object by this much (intersection over union) has found it."""


def iou(a: Mask, b: Mask) -> float:
    """Return the intersection over union of two masks."""
    union = int((a | b).sum())
    return int((a & b).sum()) / union if union else 1.0


def matched(mask: Mask, truth: Labels) -> tuple[int, float]:
    """Return the object that a mask covers most of, 0 for none, and how well it fits that object."""
    covered = np.bincount(truth[mask], minlength=2)
    covered[0] = 0
    label = int(covered.argmax())
    return (label, iou(mask, truth == label)) if covered[label] else (0, 0.0)


def f1(masks: Sequence[Mask], truth: Labels) -> float:
    """Return how well masks find all objects of the truth, each once: the F1 score at an overlap of :data:`HIT`."""
    found = (matched(mask, truth) for mask in masks)
    hits = len({label for label, fit in found if fit >= HIT})
    objects = len(np.unique(truth[truth > 0]))
    return 2 * hits / (len(masks) + objects) if hits else 0.0


def next_click(truth: Mask, mask: Mask) -> tuple[int, int, bool]:
    """Return ``(row, col, positive)`` of the middle of the largest error."""
    clicks = []
    for positive, error in ((True, truth & ~mask), (False, mask & ~truth)):
        row, col, depth = deepest(error)
        clicks.append((depth, row, col, positive))
    return max(clicks)[1:]


def deepest(mask: Mask) -> tuple[int, int, float]:
    """Return the pixel ``(row, col)`` that lies deepest in a mask, and how deep, in pixels."""
    depth = ndi.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    row, col = np.unravel_index(int(depth.argmax()), depth.shape)
    return int(row), int(col), float(depth.max())


def box_round(mask: Mask, beyond: int) -> tuple[float, float, float, float]:
    """Return ``(top, left, bottom, right)`` of a box drawn round a mask, ``beyond`` px outside it."""
    rows, cols = np.nonzero(mask)
    return rows.min() - beyond, cols.min() - beyond, rows.max() + beyond, cols.max() + beyond


def zigzag(mask: Mask, brush: float, share: float) -> list[tuple[float, float]]:
    """Return the corners of a stroke to and fro over the inner ``share`` of a mask, by a brush ``brush`` px wide."""
    rows = np.flatnonzero(mask.any(axis=1))
    reach = max((share * (rows[-1] - rows[0]) - brush) / 2, 0.0)
    inner = (rows[0] + rows[-1]) / 2 + np.linspace(-reach, reach, 1 + round(2 * reach / (0.8 * brush)))
    corners = []
    for at, row in enumerate(inner.round().astype(int)):
        cols = np.flatnonzero(mask[row])
        middle, half = (cols[0] + cols[-1]) / 2, max((share * (cols[-1] - cols[0]) - brush) / 2, 1.0)
        ends = [(float(row), middle - half), (float(row), middle + half)]
        corners += ends if at % 2 == 0 else ends[::-1]
    return corners
