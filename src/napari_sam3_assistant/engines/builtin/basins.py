"""Basins: an image cut along the crests of its gradient, and the borders between the pieces.

Every pixel runs downhill on the gradient; those that end in the same pit make one basin.
Basins are many and small: :mod:`~napari_sam3_assistant.engines.builtin.merging` joins them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.engines.builtin import fast

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Labels = npt.NDArray[np.int32]
FloatPlane = npt.NDArray[np.float32]

_NEIGHBOURS = ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))


@dataclass(frozen=True, slots=True, eq=False)
class Borders:
    """The borders between neighbouring regions, one entry for each pair.

    Attributes
    ----------
    low, high : ndarray of shape (m,), int
        The two regions, ``low < high``.
    length : ndarray of shape (m,), float
        Pixel edges along the border.
    gradient : ndarray of shape (m,), float
        Sum of the gradient along it.
    jump : ndarray of shape (m,), float
        Sum of the step of grey across it, ``low`` minus ``high``.
    """

    low: IntArray
    high: IntArray
    length: FloatArray
    gradient: FloatArray
    jump: FloatArray


def is_grey(image: npt.NDArray[np.uint8]) -> bool:
    """Return whether all channels of an image of shape (H, W, channels) are the same."""
    first = image[..., 0]
    return all(np.array_equal(first, image[..., channel]) for channel in range(1, image.shape[2]))


def planes_of(image: npt.NDArray[np.uint8], *, grey: bool) -> list[FloatPlane]:
    """Return what an image is segmented by.

    Parameters
    ----------
    image : ndarray of shape (H, W, 3), uint8
        Or (H, W, 1), if it is grey.
    grey : bool
        Whether one plane is enough; see :func:`is_grey`.

    Returns
    -------
    list of ndarray of shape (H, W), float32
        Lightness from 0 to 255; of a coloured image also two opponent colours.
    """
    if grey:
        return [image[..., 0].astype(np.float32)]
    r, g, b = (image[..., channel].astype(np.float32) for channel in range(3))
    return [(r + g + b) / 3, (r - g) * 0.7, ((r + g) / 2 - b) * 0.6]


def shrunk(plane: FloatPlane, step: int) -> FloatPlane:
    """Return means of squares of ``step`` pixels; the last row and column are repeated where needed."""
    if step == 1:
        return plane
    height, width = plane.shape
    whole = np.pad(plane, ((0, -height % step), (0, -width % step)), mode="edge")
    total = sum(whole[row::step, col::step] for col in range(step) for row in range(step))
    return np.asarray(total / (step * step), np.float32)


def smoothed(plane: FloatPlane, sigma: float) -> FloatPlane:
    """Return ``plane`` after a Gaussian filter of ``sigma`` pixels."""
    from scipy import ndimage as ndi

    return np.asarray(ndi.gaussian_filter(plane, sigma, truncate=3), np.float32)


def gradient_of(planes: list[FloatPlane]) -> FloatPlane:
    """Return the length of the gradient over all ``planes``, in grey levels a pixel."""
    square = np.zeros(planes[0].shape, np.float32)
    for plane in planes:
        square[1:-1] += ((plane[2:] - plane[:-2]) / 2) ** 2
        square[:, 1:-1] += ((plane[:, 2:] - plane[:, :-2]) / 2) ** 2
    return np.sqrt(square)


def basins_of(height: FloatPlane) -> tuple[Labels, int]:
    """Return the basins of steepest descent of ``height``, and how many there are.

    Returns
    -------
    labels : ndarray of shape (H, W), int32
        From 0. On a plateau each pixel is a basin of its own.
    count : int
    """
    target = fast.targets(height)
    if target is None:
        target = _targets(height)
    numbers = np.cumsum(target == np.arange(height.size, dtype=np.int32), dtype=np.int32) - np.int32(1)
    return numbers[target].reshape(height.shape), int(numbers[-1]) + 1


def _targets(height: FloatPlane) -> Labels:
    """Return the pit that each pixel runs down to, as flat indices."""
    rows, cols = height.shape
    lowest, step = height.copy(), np.zeros(height.shape, np.int32)
    for down, right in _NEIGHBOURS:
        here = slice(max(0, -down), rows - max(0, down)), slice(max(0, -right), cols - max(0, right))
        there = slice(max(0, down), rows - max(0, -down)), slice(max(0, right), cols - max(0, -right))
        lower = height[there] < lowest[here]
        np.copyto(lowest[here], height[there], where=lower)
        np.copyto(step[here], np.int32(down * cols + right), where=lower)
    index = np.arange(rows * cols, dtype=np.int32)
    target = index + step.ravel()
    # Each round doubles the way that every pixel has gone.
    while not np.array_equal(further := target[target], target):
        target = further
    return target


def weighed_count(
    numbers: npt.NDArray[np.integer[Any]], weights: npt.NDArray[np.floating[Any]], count: int
) -> FloatArray:
    """Return the sum of the weights of each number from 0 to ``count - 1``."""
    return np.bincount(numbers, weights=weights, minlength=count).astype(np.float64, copy=False)


def pixel_edges(labels: Labels, grey: FloatPlane, gradient: FloatPlane) -> Borders:
    """Return every edge between two pixels of different regions, an entry each; :func:`summed` makes borders.

    Parameters
    ----------
    labels : ndarray of shape (H, W), int32
    grey : ndarray of shape (H, W), float32
        Smoothed lightness; the step across a border is taken one pixel to each side of it.
    gradient : ndarray of shape (H, W), float32
    """
    done = fast.edges(labels, grey, gradient)
    if done is not None:
        low, high, values = done
        return Borders(low, high, *values.T)
    height, width = labels.shape
    flat, levels, steepness, parts = labels.ravel(), grey.ravel(), gradient.ravel(), []
    for axis, stride in ((0, width), (1, 1)):
        a, b = (labels[:-1], labels[1:]) if axis == 0 else (labels[:, :-1], labels[:, 1:])
        row, col = np.divmod(np.flatnonzero(a != b), max(a.shape[1], 1))
        here = row * width + col
        there = here + stride
        place, last = (row, col)[axis], (height, width)[axis] - 2
        before, after = (
            np.where(place > 0, here - stride, here),
            np.where(place < last, there + stride, there),
        )
        steep = _exact(np.maximum(steepness[here], steepness[there]))
        parts.append((flat[here], flat[there], np.ones(len(here)), steep, _exact(levels[before] - levels[after])))
    low, high, length, steep, jump = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Borders(low.astype(np.int64), high.astype(np.int64), length, steep, jump)


def _exact(values: npt.NDArray[np.float32]) -> FloatArray:
    """Return values in steps of 1/256: their sums are exact, so that the order of adding them does not matter."""
    steps: FloatArray = np.rint(values * np.float32(256)).astype(np.float64)
    return steps / 256


def summed(borders: Borders, count: int) -> Borders:
    """Return ``borders`` with ``low < high`` and one entry for each pair of the ``count`` regions."""
    from scipy.sparse import coo_matrix

    pairs, values = (borders.low, borders.high), (borders.length, borders.gradient, borders.jump)
    done = fast.summed(pairs, values, count) if len(borders.low) else None
    if done is not None:
        low, high, sums = done
        return Borders(low, high, *(np.ascontiguousarray(column) for column in sums.T))
    swap = borders.low > borders.high
    low = np.where(swap, borders.high, borders.low)
    high = np.where(swap, borders.low, borders.high)
    jump = np.where(swap, -borders.jump, borders.jump)
    if not len(low):
        return Borders(low, high, borders.length, borders.gradient, jump)
    # One sparse sum carries two numbers.
    both = coo_matrix((borders.length + 1j * borders.gradient, (low, high)), shape=(count, count)).tocsr()
    step = coo_matrix((jump, (low, high)), shape=(count, count)).tocsr()
    both.sum_duplicates()
    step.sum_duplicates()
    low = np.repeat(np.arange(count), np.diff(both.indptr))
    return Borders(low, both.indices.astype(np.int64), both.data.real.copy(), both.data.imag.copy(), step.data)
