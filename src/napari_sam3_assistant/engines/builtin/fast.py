"""The same steps, sooner: loops compiled by numba, where numba is installed.

numba is looked for when the first image is encoded, never when this module is imported. What
the loops return is, bit for bit, what the numpy code returns that they stand in for.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@cache
def compiled() -> dict[str, Callable[..., Any]] | None:
    """Return the compiled loops by name, or None without numba. The first call takes seconds."""
    if find_spec("numba") is None:
        return None
    from numba import njit

    loops = (_targets, _edges, _rows, _summed)
    return {loop.__name__[1:]: njit(loop, nogil=True, cache=True) for loop in loops}


def targets(height: Array) -> Array | None:
    """Return the pit that each pixel runs down to, as flat indices, or None without numba."""
    loops = compiled()
    return None if loops is None else loops["targets"](height)


def edges(labels: Array, grey: Array, gradient: Array) -> tuple[Array, Array, Array] | None:
    """Return the two regions of every edge between pixels, the lower first, and its values; None without numba.

    Values are its length, 1, the gradient and the step of grey in steps of 1/256, as ``basins.pixel_edges`` says.
    """
    loops = compiled()
    if loops is None:
        return None
    result: tuple[Array, Array, Array] = loops["edges"](labels, grey, gradient)
    return result


def summed(low: Array, high: Array, values: Array, count: int) -> tuple[Array, Array, Array] | None:
    """Return each pair of ``low`` and ``high`` once, in order, and the sums of its values; None without numba.

    Parameters
    ----------
    low, high : ndarray of shape (m,), int64
    values : ndarray of shape (m, 3), float64
        Multiples of a power of two: their sums are exact, in whatever order.
    count : int
        All numbers are below it.
    """
    loops = compiled()
    if loops is None:
        return None
    order, start = loops["rows"](low, count)
    result: tuple[Array, Array, Array] = loops["summed"](order, start, high, values, count)
    return result


def _targets(height: Array) -> Array:
    rows, cols = height.shape
    target = np.empty(rows * cols, np.int32)
    for row in range(rows):
        for col in range(cols):
            lowest, best = height[row, col], row * cols + col
            for down, right in ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1)):
                r, c = row + down, col + right
                if 0 <= r < rows and 0 <= c < cols and height[r, c] < lowest:
                    lowest, best = height[r, c], r * cols + c
            target[row * cols + col] = best
    for index in range(rows * cols):
        end = target[index]
        while target[end] != end:
            end = target[end]
        here = index
        while target[here] != end:
            further = target[here]
            target[here] = end
            here = further
    return target


def _edges(labels: Array, grey: Array, gradient: Array) -> tuple[Array, Array, Array]:
    height, width = labels.shape
    size = 0
    for row in range(height):
        for col in range(width):
            size += row + 1 < height and labels[row, col] != labels[row + 1, col]
            size += col + 1 < width and labels[row, col] != labels[row, col + 1]
    low, high = np.empty(size, np.int64), np.empty(size, np.int64)
    values, top, scale = np.empty((size, 3)), 0, np.float32(256)
    for row in range(height):
        for col in range(width):
            for down, right in ((1, 0), (0, 1)):
                r, c = row + down, col + right
                if r >= height or c >= width or labels[row, col] == labels[r, c]:
                    continue
                before = grey[max(row - down, 0), max(col - right, 0)]
                after = grey[min(r + down, height - 1), min(c + right, width - 1)]
                steep = max(gradient[row, col], gradient[r, c])
                jump = np.rint((before - after) * scale) / 256
                a, b = labels[row, col], labels[r, c]
                low[top], high[top] = min(a, b), max(a, b)
                values[top, 0], values[top, 1] = 1, np.rint(steep * scale) / 256
                values[top, 2] = jump if a < b else -jump
                top += 1
    return low, high, values


def _rows(low: Array, count: int) -> tuple[Array, Array]:
    start = np.zeros(count + 1, np.int64)
    for number in low:
        start[number + 1] += 1
    for number in range(count):
        start[number + 1] += start[number]
    place, order = start[:-1].copy(), np.empty(len(low), np.int64)
    for index in range(len(low)):
        order[place[low[index]]] = index
        place[low[index]] += 1
    return order, start


def _summed(order: Array, start: Array, high: Array, values: Array, count: int) -> tuple[Array, Array, Array]:
    size = len(order)
    pairs_low, pairs_high = np.empty(size, np.int64), np.empty(size, np.int64)
    sums = np.zeros((size, 3))
    seen, place = np.full(count, -1), np.empty(count, np.int64)
    top = 0
    for low in range(count):
        first = top
        for at in range(start[low], start[low + 1]):
            index = order[at]
            if seen[high[index]] != low:
                seen[high[index]] = low
                pairs_low[top], pairs_high[top] = low, high[index]
                top += 1
        if top > first + 32:
            pairs_high[first:top] = np.sort(pairs_high[first:top])
        else:
            for pair in range(first + 1, top):
                number, back = pairs_high[pair], pair
                while back > first and pairs_high[back - 1] > number:
                    pairs_high[back] = pairs_high[back - 1]
                    back -= 1
                pairs_high[back] = number
        for pair in range(first, top):
            place[pairs_high[pair]] = pair
        for at in range(start[low], start[low + 1]):
            index = order[at]
            pair = place[high[index]]
            sums[pair, 0] += values[index, 0]
            sums[pair, 1] += values[index, 1]
            sums[pair, 2] += values[index, 2]
    return pairs_low[:top].copy(), pairs_high[:top].copy(), sums[:top].copy()
