"""Labels that exist only where there is an object: what napari slices, made when it asks.

A :class:`SparseLabels` answers slices as an array does, from placed masks, whatever the size
of the picture. A list of them at falling resolution is a multiscale Labels layer, of which
napari asks for what is on screen; such layers cannot be edited.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import ImageError
from napari_sam3_assistant.masks.pieces import Pieces, Record, extents_of

MOST_PIXELS = 2**28
COARSEST = 512
"""The longest side of the coarsest level, of the axes that are made coarser."""


class SparseLabels:
    """An array of labels that is made where it is read.

    Slicing returns another of these; ``numpy.asarray`` makes the pixels. Where objects overlap,
    the last one is seen.

    Parameters
    ----------
    shape : sequence of int
        Of the picture at full resolution.
    records : sequence of Record
        What lies outside the shape is not seen.
    strides : sequence of int or None
        How many pixels of the picture an element spans along each axis; None: 1. An element holds
        an object of which it has any pixel, so that small ones are seen at every resolution.
    dtype : dtype
        Of the labels.
    """

    def __init__(
        self,
        shape: Sequence[int],
        records: Iterable[Record],
        strides: Sequence[int] | None = None,
        dtype: npt.DTypeLike = np.uint32,
    ) -> None:
        records = tuple(records)
        self._set(Pieces(tuple(shape), records, extents_of(records, len(shape))), strides, dtype)

    def _set(self, pieces: Pieces, strides: Sequence[int] | None, dtype: npt.DTypeLike) -> None:
        self._pieces = pieces.at(strides or [1] * len(pieces.shape))
        self._axes: tuple[range | int, ...] = tuple(range(length) for length in self._pieces.lengths)
        self.dtype: np.dtype[Any] = np.dtype(dtype)

    def coarser(self, strides: Sequence[int]) -> SparseLabels:
        """Return the labels of the same picture at other strides."""
        other = object.__new__(SparseLabels)
        other._set(self._pieces, strides, self.dtype)
        return other

    @property
    def records(self) -> tuple[Record, ...]:
        """The objects of the picture."""
        return self._pieces.records

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return tuple(len(axis) for axis in self._axes if isinstance(axis, range))

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("an array without axes has no length")
        return self.shape[0]

    def __repr__(self) -> str:
        return f"SparseLabels(shape={self.shape}, dtype={self.dtype})"

    def __getitem__(self, key: Any) -> SparseLabels:
        """Return a part: whole numbers, slices and ``...``, as NumPy's basic indexing has them."""
        keys = list(key) if isinstance(key, tuple) else [key]
        if sum(one is Ellipsis for one in keys) > 1 or len([one for one in keys if one is not Ellipsis]) > self.ndim:
            raise IndexError(f"too many indices for {self!r}")
        at = next((place for place, one in enumerate(keys) if one is Ellipsis), len(keys))
        missing = self.ndim - len([one for one in keys if one is not Ellipsis])
        keys[at : at + 1] = [slice(None)] * missing
        left = iter(keys)
        axes = tuple(axis[_plain(next(left))] if isinstance(axis, range) else axis for axis in self._axes)
        part = object.__new__(SparseLabels)
        part._pieces, part._axes, part.dtype = self._pieces, axes, self.dtype
        return part

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """Return the pixels.

        Raises
        ------
        ImageError
            If these would be more than a quarter of a billion.
        """
        if copy is False:
            raise ValueError("pixels that are made when they are read are always a copy")
        spans = [axis if isinstance(axis, range) else range(axis, axis + 1) for axis in self._axes]
        lows = [min(span[0], span[-1]) if span else 0 for span in spans]
        highs = [max(span[0], span[-1]) + 1 if span else 0 for span in spans]
        if math.prod(high - low for low, high in zip(lows, highs, strict=True)) > MOST_PIXELS:
            raise ImageError(
                f"Labels of shape {self.shape} do not fit in memory.", hint="Read them in parts, or a coarser level."
            )
        dense = np.zeros([high - low for low, high in zip(lows, highs, strict=True)], self.dtype)
        self._pieces.paint(dense, lows)
        picked = tuple(
            (slice(None) if axis.step == 1 else np.arange(len(axis)) * axis.step + axis.start - low)
            if isinstance(axis, range)
            else 0
            for axis, low in zip(self._axes, lows, strict=True)
        )
        for place in reversed(range(len(picked))):  # one at a time: NumPy joins several arrays of indices
            dense = dense[(slice(None),) * place + (picked[place],)]
        return np.asarray(dense, dtype)


def _plain(key: Any) -> Any:
    if isinstance(key, slice):
        return key
    return key.__index__()


def levels(shape: Sequence[int], records: Iterable[Record], dtype: npt.DTypeLike = np.uint32) -> list[SparseLabels]:
    """Return labels at full, half, quarter ... resolution: the data of a multiscale Labels layer.

    Axes of up to :data:`COARSEST` pixels keep their length at every level.

    Parameters
    ----------
    shape : sequence of int
        Of the picture.
    records : iterable of Record
    dtype : dtype
        Of the labels.

    Returns
    -------
    list of SparseLabels
        Two at least, and each smaller than the one before, or napari takes them for no levels.
    """
    full = SparseLabels(shape, records, dtype=dtype)
    count = max(2, math.ceil(math.log2(max(*shape, COARSEST) / COARSEST)) + 1)
    least = min(COARSEST, max(shape) // 2)
    return [full, *(full.coarser([2**k if length > least else 1 for length in shape]) for k in range(1, count))]


def give(layer: Any, data: Sequence[SparseLabels]) -> None:
    """Give a multiscale layer other data of the same shapes.

    napari then begins with the coarsest level. Cut by the corners of a finer one in view, nothing would be left of
    it, and drawing nothing fails: so all of it is in view until napari has looked.
    """
    layer.corner_pixels = np.array([[0] * data[-1].ndim, data[-1].shape]) - [[0], [1]]
    layer.data = list(data)
