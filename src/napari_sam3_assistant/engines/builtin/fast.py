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

    loops = (_targets, _edges, _ordered, _rows, _summed, _spans, _costs)
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


def summed(pairs: tuple[Array, Array], values: tuple[Array, Array, Array], count: int) -> tuple[Array, ...] | None:
    """Return each pair once, the lower first, in order, and the sums of its values; None without numba.

    Parameters
    ----------
    pairs : tuple of two ndarrays of shape (m,), int64
        All numbers are below ``count``.
    values : tuple of three ndarrays of shape (m,), float64
        Multiples of a power of two: their sums are exact, in whatever order. The third is of the first of a pair
        minus the second.
    count : int

    Returns
    -------
    low, high : ndarray of shape (k,), int64
    sums : ndarray of shape (k, 3), float64
    """
    loops = compiled()
    if loops is None:
        return None
    low, high, table = loops["ordered"](*pairs, *values)
    order, start = loops["rows"](low, count)
    result: tuple[Array, ...] = loops["summed"](order, start, high, table, count)
    return result


def spans(labels: Array, count: int) -> tuple[Array, Array] | None:
    """Return the extent of each label, and the sums of its rows and columns; None without numba.

    Returns
    -------
    extent : ndarray of shape (count, 4), int64
        ``(top, left, bottom, right)``, half-open.
    sums : ndarray of shape (count, 2), float64
    """
    loops = compiled()
    if loops is None:
        return None
    result: tuple[Array, Array] = loops["spans"](labels, count)
    return result


def costs(
    pairs: tuple[Array, Array], edge: Array, means: Array, weight: Array, color: float
) -> tuple[Array, Array] | None:
    """Return the cost of each pair's border as ``merging`` says, and each region's lowest; None without numba.

    Parameters
    ----------
    pairs : tuple of two ndarrays of shape (m,), int64
    edge : ndarray of shape (m,), float64
        Mean gradient along each border.
    means : ndarray of shape (count, planes), float64
        Contiguous.
    weight : ndarray of shape (count,), float64
    color : float
        What a step of colour counts.
    """
    loops = compiled()
    if loops is None:
        return None
    result: tuple[Array, Array] = loops["costs"](*pairs, edge, means, weight, color)
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


def _ordered(a: Array, b: Array, first: Array, second: Array, signed: Array) -> tuple[Array, Array, Array]:
    low, high, values = np.empty(len(a), np.int64), np.empty(len(a), np.int64), np.empty((len(a), 3))
    for index in range(len(a)):
        swap = a[index] > b[index]
        low[index], high[index] = (b[index], a[index]) if swap else (a[index], b[index])
        values[index, 0], values[index, 1] = first[index], second[index]
        values[index, 2] = -signed[index] if swap else signed[index]
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


def _spans(labels: Array, count: int) -> tuple[Array, Array]:
    height, width = labels.shape
    extent, sums = np.empty((count, 4), np.int64), np.zeros((count, 2))
    extent[:, 0], extent[:, 1], extent[:, 2], extent[:, 3] = height, width, 0, 0
    for row in range(height):
        for col in range(width):
            box, total = extent[labels[row, col]], sums[labels[row, col]]
            box[0], box[1] = min(box[0], row), min(box[1], col)
            box[2], box[3] = max(box[2], row + 1), max(box[3], col + 1)
            total[0] += row
            total[1] += col
    return extent, sums


def _costs(low: Array, high: Array, edge: Array, means: Array, weight: Array, color: float) -> tuple[Array, Array]:
    cost, cheapest = np.empty(len(low)), np.full(len(weight), np.inf)
    for index in range(len(low)):
        a, b = low[index], high[index]
        square = 0.0
        for plane in range(means.shape[1]):
            step = means[a, plane] - means[b, plane]
            square += step * step
        cost[index] = (edge[index] + color * np.sqrt(square)) * min(weight[a], weight[b])
        cheapest[a], cheapest[b] = min(cheapest[a], cost[index]), min(cheapest[b], cost[index])
    return cost, cheapest
