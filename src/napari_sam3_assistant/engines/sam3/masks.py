"""From a model's logits on a small grid to masks on pixels, never larger than the object."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.results import Candidates

HOLE_AREA = 256
"""Holes of a clicked mask up to this area are filled, in cells of the grid, as Meta's package does by default."""

_FILLED = 10.0

FloatArray = npt.NDArray[np.float32]


def placed(logits: FloatArray, shape: tuple[int, int]) -> PlacedMask:
    """Return the pixels where logits, brought to the size of an image, are positive.

    Parameters
    ----------
    logits : ndarray of shape (h, w), float32
        On a grid that covers the image.
    shape : tuple of int
        Height and width of the image, in pixels.

    Notes
    -----
    Logits are enlarged (bilinear, pixel centres in the middle of pixels) and then compared with 0, as
    Meta's package does; transformers enlarges probabilities, which draws other edges.
    """
    found = candidates(logits[None], np.ones(1, np.float32), shape).above(0)
    return found[0].mask if found else PlacedMask(np.zeros((0, 0), bool))


def candidates(logits: FloatArray, scores: FloatArray, shape: tuple[int, int]) -> Candidates:
    """Return objects that keep the part of the grid that holds them, and nothing else.

    Parameters
    ----------
    logits : ndarray of shape (n, h, w), float32
        On a grid that covers the image. Those without a positive cell are left out.
    scores : ndarray of shape (n,), float32
        0 to 1.
    shape : tuple of int
        Height and width of the image, in pixels.
    """
    kept = [index for index, one in enumerate(logits) if (one > 0).any()]
    cuts = [_cut(logits[index], shape) for index in kept]
    return Candidates(
        scores[kept],
        np.array([box for _, _, box in cuts], np.float32).reshape(-1, 4),
        tuple(values for values, _, _ in cuts),
        np.array([frame for _, frame, _ in cuts], np.float32).reshape(-1, 4),
        shape,
    )


def filled(logits: FloatArray, area: int) -> FloatArray:
    """Return logits without holes.

    Parameters
    ----------
    logits : ndarray of shape (h, w), float32
    area : int
        The largest piece of background that is filled, in cells; pieces hang together across corners.

    Notes
    -----
    ``max_hole_area`` of ``SAM3InteractiveImagePredictor`` of package ``sam3``: a piece at the border counts too.
    """
    if area <= 0:
        return logits
    from scipy import ndimage

    pieces, count = ndimage.label(logits <= 0, np.ones((3, 3)))
    if not count:
        return logits
    small = np.bincount(pieces.ravel()) <= area
    small[0] = False  # the object
    return np.where(small[pieces], np.float32(_FILLED), logits)


def _cut(
    logits: FloatArray, shape: tuple[int, int]
) -> tuple[FloatArray, tuple[float, float, float, float], tuple[int, int, int, int]]:
    """Return the object's part of a grid with one cell round it, its frame, and a box of whole pixels round that."""
    on = logits > 0
    spans = []
    for axis in (0, 1):
        hits = np.flatnonzero(on.any(axis=1 - axis))
        spans.append((max(int(hits[0]) - 1, 0), min(int(hits[-1]) + 2, on.shape[axis])))
    (top, bottom), (left, right) = spans
    values = logits[top:bottom, left:right].copy()  # or the whole grid would stay in memory
    rows, cols = (length / cells for length, cells in zip(shape, on.shape, strict=True))
    frame = top * rows, left * cols, bottom * rows, right * cols
    box = (
        max(math.floor(frame[0]) - 1, 0),
        max(math.floor(frame[1]) - 1, 0),
        min(math.ceil(frame[2]) + 1, shape[0]),
        min(math.ceil(frame[3]) + 1, shape[1]),
    )
    return values, frame, box
