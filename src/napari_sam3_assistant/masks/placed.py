"""Labels that cover a part of a grid of pixels, and how they are walked through piece by piece.

Several layers of one pixel size stand on one grid: each is an array, and the place of its first
pixel. What covers them all is their extent. Pixels above 0 are objects; 0, and what is negative,
is background.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import PromptError, TooLargeError

Labels = npt.NDArray[Any]
Slices = tuple[slice, ...]
TILE_PX = 2**22
LAZY_TILE_PX = 2**26
"""Of layers that are read from disk: chunks of them are as high as hundreds of rows, and shall be read once."""


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """Labels with their place.

    Attributes
    ----------
    labels : array of integer or bool
        In memory, or read where it is sliced.
    offset : tuple of int
        Where its first pixel lies on the grid, one index an axis; may be negative.
    without : tuple of int
        Labels that are read as background.
    """

    labels: Any
    offset: tuple[int, ...]
    without: tuple[int, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the array."""
        return tuple(self.labels.shape)

    @property
    def box(self) -> tuple[tuple[int, int], ...]:
        """First index on the grid, and the one after the last, on each axis."""
        return tuple((at, at + length) for at, length in zip(self.offset, self.shape, strict=True))

    def read(self, slices: Slices) -> Labels:
        """Return a block, in indices of the array: a view where that is in memory."""
        block = np.asarray(self.labels[slices])
        check_labels(block)
        return np.where(np.isin(block, self.without), block.dtype.type(0), block) if self.without else block


def check_labels(labels: Labels) -> None:
    """Raise where an array holds no labels.

    Raises
    ------
    PromptError
        If it holds other things than whole numbers, or truths.
    """
    if labels.dtype.kind not in "biu" or not labels.ndim:
        raise PromptError(f"Labels are whole numbers, not {labels.dtype}.", hint="Choose a Labels layer.")


def extent(layers: Sequence[Placed]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the first index and the shape of what covers all layers, of which there is one at least."""
    low = tuple(min(starts) for starts in zip(*([a for a, _ in one.box] for one in layers), strict=True))
    high = tuple(max(stops) for stops in zip(*([b for _, b in one.box] for one in layers), strict=True))
    return low, tuple(b - a for a, b in zip(low, high, strict=True))


def zeros(shape: tuple[int, ...], dtype: npt.DTypeLike) -> Labels:
    """Return an empty array.

    Raises
    ------
    TooLargeError
        If there is no memory for it.
    """
    try:
        return np.zeros(shape, dtype)
    except (MemoryError, ValueError) as error:
        raise too_large(shape, np.dtype(dtype)) from error


def too_large(shape: tuple[int, ...], dtype: np.dtype[Any]) -> TooLargeError:
    """Return the error that says how much memory a result would take."""
    size = math.prod(shape) * dtype.itemsize / 2**30
    return TooLargeError(
        f"The result, {' x '.join(map(str, shape))}, would take {size:,.1f} GiB; that is too much for this machine.",
        hint="Work on smaller layers, or on a part of these: crop them first.",
    )


def type_for(highest: int) -> np.dtype[Any]:
    """Return the smallest unsigned type, of 16 bits at least, that holds labels up to ``highest``."""
    return next(np.dtype(kind) for kind in (np.uint16, np.uint32, np.uint64) if highest <= np.iinfo(kind).max)


def tiles(shape: tuple[int, ...], pixels: int = TILE_PX) -> Iterator[Slices]:
    """Yield blocks that tile an array, of about so many pixels: each is one piece in an array of that shape."""
    if not math.prod(shape):
        return
    axis = next(k for k in range(len(shape)) if math.prod(shape[k + 1 :]) <= pixels)
    step = max(1, pixels // math.prod(shape[axis + 1 :]))
    rest = tuple(slice(0, length) for length in shape[axis + 1 :])
    for index in itertools.product(*map(range, shape[:axis])):
        for start in range(0, shape[axis], step):
            band = slice(start, min(start + step, shape[axis]))
            yield (*(slice(at, at + 1) for at in index), band, *rest)


def tile_pixels(layers: Sequence[Placed]) -> int:
    """Return how many pixels are looked at at once."""
    return TILE_PX if all(isinstance(one.labels, np.ndarray) for one in layers) else LAZY_TILE_PX


def shared(one: Placed, low: tuple[int, ...], tile: Slices) -> tuple[Slices, Slices] | None:
    """Return what a layer and a tile share, as slices of the layer and of the tile; None where it is nothing.

    Parameters
    ----------
    one : Placed
    low : tuple of int
        Where the array that is tiled begins on the grid.
    tile : tuple of slice
        Of that array.
    """
    own, there = [], []
    for at, length, begin, part in zip(one.offset, one.shape, low, tile, strict=True):
        first, last = max(at, begin + part.start), min(at + length, begin + part.stop)
        if first >= last:
            return None
        own.append(slice(first - at, last - at))
        there.append(slice(first - begin - part.start, last - begin - part.start))
    return tuple(own), tuple(there)


def bounds(mask: npt.NDArray[np.bool_]) -> Slices | None:
    """Return the box round what is true, or None where nothing is."""
    found = []
    for axis in range(mask.ndim):
        at = np.flatnonzero(mask.any(axis=tuple(other for other in range(mask.ndim) if other != axis)))
        if not at.size:
            return None
        found.append(slice(int(at[0]), int(at[-1]) + 1))
    return tuple(found)
