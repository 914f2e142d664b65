"""The pixels inside polygons: those whose centre an odd number of rings holds.

Coordinates are (row, col) of the corners of pixels, as in :mod:`~napari_sam3_assistant.core.polygons`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

MOST_CROSSINGS = 2**21
"""How many crossings of edges with rows are worked out at a time."""


def fill(rings: Iterable[npt.NDArray[Any]], box: tuple[int, int, int, int]) -> npt.NDArray[np.bool_]:
    """Return which pixels of a box have their centre inside an odd number of rings.

    Parameters
    ----------
    rings : iterable of ndarray of shape (n, 2), real
        Corners (row, col), the last joined to the first; finite.
    box : tuple of int
        Top, left, bottom and right, half-open.

    Returns
    -------
    ndarray of shape (bottom - top, right - left), bool
    """
    top, left, bottom, right = box
    turns = np.zeros((bottom - top, right - left + 1), np.uint8)
    for ring in rings:
        one, other = ring.astype(np.float64), np.roll(ring, -1, axis=0).astype(np.float64)
        # Always from above: an edge that is gone along twice, to and fro, cancels to the last bit.
        up = one[:, 0] > other[:, 0]
        high, low = np.where(up[:, None], other, one), np.where(up[:, None], one, other)
        first = np.ceil(np.clip(high[:, 0], top, bottom) - 0.5).astype(np.int64)
        stop = np.ceil(np.clip(low[:, 0], top, bottom) - 0.5).astype(np.int64)
        crossed = np.flatnonzero(stop > first)
        total = np.cumsum(stop[crossed] - first[crossed])
        cuts = np.searchsorted(total, np.arange(MOST_CROSSINGS, total[-1] if total.size else 0, MOST_CROSSINGS))
        for part in np.split(crossed, np.unique(cuts)):
            _turn(turns, high[part], low[part], first[part], stop[part], (top, left, right))
    return np.bitwise_xor.accumulate(turns, axis=1)[:, :-1].astype(bool)


def _turn(
    turns: npt.NDArray[np.uint8],
    high: npt.NDArray[np.float64],
    low: npt.NDArray[np.float64],
    first: npt.NDArray[np.int64],
    stop: npt.NDArray[np.int64],
    at: tuple[int, int, int],
) -> None:
    """Turn, in each row that an edge crosses, all that lies right of it."""
    top, left, right = at
    count = stop - first
    edge = np.repeat(np.arange(count.size), count)
    row = np.arange(edge.size) - np.repeat(np.cumsum(count) - count, count) + first[edge]
    along = (row + 0.5 - high[edge, 0]) / (low[edge, 0] - high[edge, 0])
    col = high[edge, 1] + along * (low[edge, 1] - high[edge, 1])
    where = np.ceil(np.clip(col, left, right) - 0.5).astype(np.int64) - left
    np.bitwise_xor.at(turns, (row - top, where), 1)
