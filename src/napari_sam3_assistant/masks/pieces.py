"""Objects as pieces of a picture of any number of axes, at any resolution, painted where they are looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.planes import Plane


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """An object in a picture.

    Attributes
    ----------
    id : int
        Its label, 1 or more.
    mask : PlacedMask
        In pixels of the plane.
    plane : Plane
        Where it lies, in axes of the layer.
    """

    id: int
    mask: PlacedMask
    plane: Plane


def extents_of(records: Sequence[Record], ndim: int) -> npt.NDArray[np.int64]:
    """Return the first pixel of each object on each axis, and the one after its last; shape (2, n, ndim)."""
    rows: list[list[int]] = []
    for record in records:
        plane, (row, col), (height, width) = record.plane, record.mask.offset, record.mask.mask.shape
        low, high = [0] * ndim, [1] * ndim
        for axis, position in plane.index:
            low[axis], high[axis] = position, position + 1
        low[plane.row_axis], low[plane.col_axis] = row, col
        high[plane.row_axis], high[plane.col_axis] = row + height, col + width
        rows += [low, high]
    return np.array(rows, np.int64).reshape(len(records), 2, ndim).swapaxes(0, 1)


class Pieces:
    """The objects at one resolution; made coarse when they are first seen there."""

    def __init__(
        self,
        shape: tuple[int, ...],
        records: tuple[Record, ...],
        extents: npt.NDArray[np.int64],
        strides: Sequence[int] | None = None,
    ) -> None:
        self.shape, self.records, self._extents = shape, records, extents
        self._strides = stride = np.array(strides or [1] * len(shape), np.int64)
        self.lengths: list[int] = (-(-np.array(shape, np.int64) // stride)).tolist()
        self._masks: dict[int, npt.NDArray[np.bool_]] = {}
        self._low = extents[0] // stride
        self._high = np.where(extents[0] < shape, -(-np.minimum(extents[1], shape) // stride), 0)

    def at(self, strides: Sequence[int]) -> Pieces:
        """Return the same objects at other strides."""
        return Pieces(self.shape, self.records, self._extents, strides)

    def paint(self, out: npt.NDArray[Any], corner: Sequence[int]) -> None:
        """Paint the objects into an array whose first element is element ``corner``, in their order."""
        start = np.array(corner, np.int64)
        first = np.maximum(self._low, start)
        last = np.minimum(self._high, start + out.shape)
        for place in np.flatnonzero((first < last).all(axis=1)).tolist():
            record = self.records[place]
            axes = record.plane.row_axis, record.plane.col_axis
            target = out[tuple(slice(a, b) for a, b in zip(first[place] - start, last[place] - start, strict=True))]
            part = tuple(
                slice(first[place, axis] - self._low[place, axis], last[place, axis] - self._low[place, axis])
                for axis in axes
            )
            mask = self._mask(place)[part]
            if axes[0] > axes[1]:
                mask = mask.T
            mask = np.expand_dims(mask, [axis for axis in range(out.ndim) if axis not in axes])
            np.copyto(target, out.dtype.type(record.id), where=mask)

    def _mask(self, place: int) -> npt.NDArray[np.bool_]:
        record = self.records[place]
        rows, cols = int(self._strides[record.plane.row_axis]), int(self._strides[record.plane.col_axis])
        if rows == cols == 1:
            return record.mask.mask
        if place not in self._masks:
            height, width = (self.shape[axis] for axis in (record.plane.row_axis, record.plane.col_axis))
            row, col = record.mask.offset
            inside = record.mask.mask[: height - row, : width - col]  # or the last cell would show what lies outside
            self._masks[place] = _coarse(PlacedMask(inside, (row, col)), rows, cols)
        return self._masks[place]


def _coarse(mask: PlacedMask, rows: int, cols: int) -> npt.NDArray[np.bool_]:
    """Return which cells of ``rows`` x ``cols`` pixels a mask has any pixel in, from the cell of its offset on."""
    found = mask.mask
    for axis, (offset, stride) in enumerate(zip(mask.offset, (rows, cols), strict=True)):
        length = found.shape[axis]
        if not length or stride == 1:
            continue
        edges = np.arange(-(offset % stride), length, stride)
        edges[0] = 0
        found = np.logical_or.reduceat(found, edges, axis=axis)
    return found
