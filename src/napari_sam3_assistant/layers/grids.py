"""Grids: how the pixels of a labels layer lie on a plane of an image, and reading what is painted there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.windows import Window
from napari_sam3_assistant.layers.world import World, between

Ints = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

MOST_SIDE = 4096
MOST_PIXELS = MOST_SIDE**2
MOST_SEARCHED = 2**30
"""So many pixels in memory are searched for painted ones."""
SEARCH_SIDE = 1024
STRIP_PIXELS = 2**20
SAME_PX = 0.05
"""How far apart two grids may be at the far end of a plane and still be the same, in pixels."""


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """How a labels layer lies on a plane.

    Attributes
    ----------
    axes : tuple of int
        The two axes of the layer's data that lie in the plane, in rising order.
    index : tuple of (axis, position)
        Where its other axes are cut.
    linear : ndarray of shape (2, 2), float64
    offset : ndarray of shape (2,), float64
        ``linear @ (row, col) + offset`` are the coordinates on ``axes`` of a pixel of the plane.
    """

    axes: tuple[int, int]
    index: tuple[tuple[int, int], ...]
    linear: Floats
    offset: Floats

    def shift(self, shape: tuple[int, int]) -> tuple[bool, tuple[int, int]] | None:
        """Return how the pixels of both fall on each other, or None where they do not.

        Parameters
        ----------
        shape : tuple of int
            Height and width of the plane, in pixels.

        Returns
        -------
        tuple of bool and tuple of int, or None
            Whether rows of the plane are columns of the layer; and what to add to the plane's ``(row, col)``
            to get the layer's.
        """
        for turned, like in ((False, np.eye(2)), (True, np.eye(2)[::-1])):
            if np.abs(self.linear - like).max() * max(shape) <= SAME_PX:
                steps = [int(step) for step in np.floor(self.offset + 0.5)]
                return turned, (steps[1], steps[0]) if turned else (steps[0], steps[1])
        return None


def full_resolution(layer: Any) -> Any:
    """Return the data of a labels layer, of a multiscale one its first level."""
    return layer.data[0] if layer.multiscale else layer.data


def grid_of(layer: Any, image: Any, plane: Plane, world: World) -> Grid | None:
    """Return how a labels layer lies on a plane of an image; None where another slice of it is on screen.

    Raises
    ------
    PromptError
        If the layer is tilted against the plane.
    """
    to_layer = between(image, layer, world)[1]
    corner = np.zeros(image.ndim)
    for axis, position in plane.index:
        if axis < image.ndim:
            corner[axis] = position
    along = [min(axis, image.ndim - 1) for axis in (plane.row_axis, plane.col_axis)]
    linear, offset = to_layer.linear[:, along], to_layer(corner)
    slope = np.abs(linear).max(axis=1)
    axes = [axis for axis in range(layer.ndim) if slope[axis] > 1e-6 * slope.max()]
    if len(axes) > 2:
        raise PromptError(
            f"{layer.name} is tilted against {image.name}.", hint="Press Create Prompt Layer and paint in the new one."
        )
    if len(axes) < 2 or abs(np.linalg.det(linear[axes])) <= 1e-9 * slope.max() ** 2:
        return None
    index = []
    for axis, length in enumerate(full_resolution(layer).shape):
        if axis in axes:
            continue
        if not -0.5 - 1e-6 <= offset[axis] <= length - 0.5 + 1e-6:
            return None
        index.append((axis, int(np.clip(np.floor(offset[axis] + 0.5), 0, length - 1))))
    return Grid((axes[0], axes[1]), tuple(index), linear[axes], offset[axes])


def painted(layer: Any, grid: Grid, shape: tuple[int, int]) -> tuple[Ints, tuple[int, int]] | None:
    """Return what is painted in a labels layer where a plane of ``shape`` (H, W) pixels lies.

    Returns
    -------
    tuple of ndarray of shape (h, w), any integer type, and tuple of int; or None
        The smallest block of the layer's slice that holds all labels above 0, in order of ``grid.axes``, and
        the coordinates of its first pixel. None where nothing is painted.

    Raises
    ------
    PromptError
        If there is too much to search, or to hold.
    """
    data = full_resolution(layer)
    lengths = [data.shape[axis] for axis in grid.axes]
    ends = np.array([(r, c) for r in (-0.5, shape[0] - 0.5) for c in (-0.5, shape[1] - 0.5)]) @ grid.linear.T
    first = np.maximum(np.floor((ends + grid.offset).min(axis=0)), 0).astype(int)
    stop = np.minimum(np.ceil((ends + grid.offset).max(axis=0)) + 1, lengths).astype(int)
    if (stop <= first).any():
        return None
    region = Window(int(first[0]), int(first[1]), int(stop[0]), int(stop[1]))
    if region.shape[0] * region.shape[1] > MOST_PIXELS:
        found = _search(layer, data, grid, region)
        if found is None:
            return None
        region = found
    return _trimmed(np.asarray(_cut(data, grid, region)), region.offset)


def _cut(data: Any, grid: Grid, region: Window) -> Any:
    picked: list[int | slice] = [slice(None)] * len(data.shape)
    for axis, position in grid.index:
        picked[axis] = position
    picked[grid.axes[0]], picked[grid.axes[1]] = region.slices
    return data[tuple(picked)]


def _search(layer: Any, data: Any, grid: Grid, region: Window) -> Window | None:
    """Return the part of a large region that holds all that is painted; None where nothing is."""
    height, width = region.shape
    if not isinstance(data, np.ndarray) or isinstance(data, np.memmap) or height * width > MOST_SEARCHED:
        raise PromptError(
            f"{layer.name} is too large to be searched for what is painted ({height} x {width} px).",
            hint="Add the part that matters as a layer of its own, or paint in one made by Create Prompt Layer.",
        )
    seen, side = _cut(data, grid, region), SEARCH_SIDE
    hits = [
        (r, c) for r in range(0, height, side) for c in range(0, width, side) if seen[r : r + side, c : c + side].any()
    ]
    if not hits:
        return None
    rows, cols = [r for r, _ in hits], [c for _, c in hits]
    found = Window(
        region.top + min(rows),
        region.left + min(cols),
        region.top + min(max(rows) + side, height),
        region.left + min(max(cols) + side, width),
    )
    if found.shape[0] * found.shape[1] > MOST_PIXELS:
        raise PromptError(
            f"What is painted in {layer.name} is spread over more than {MOST_SIDE} px a side.",
            hint="Erase what lies far away, or paint it in a layer of its own.",
        )
    return found


def _trimmed(block: Ints, origin: tuple[int, int]) -> tuple[Ints, tuple[int, int]] | None:
    rows = np.flatnonzero((block > 0).any(axis=1))
    if not len(rows):
        return None
    block = block[rows[0] : rows[-1] + 1]
    cols = np.flatnonzero((block > 0).any(axis=0))
    return block[:, cols[0] : cols[-1] + 1], (origin[0] + int(rows[0]), origin[1] + int(cols[0]))


def to_plane(
    block: Ints, origin: tuple[int, int], grid: Grid, shape: tuple[int, int]
) -> tuple[Ints, tuple[int, int]] | None:
    """Return a block of :func:`painted` in the pixels of a plane of ``shape`` (H, W), each the nearest of the layer's.

    Returns
    -------
    tuple of ndarray of shape (h, w), and tuple of int; or None
        The labels, and ``(row, col)`` of the first; None where the block lies beside the plane.

    Raises
    ------
    PromptError
        If it covers more than 4,096 x 4,096 pixels of the plane.
    """
    same = grid.shift(shape)
    if same is None:
        return _resampled(block, origin, grid, shape)
    turned, (rows, cols) = same
    if turned:
        block, origin = block.T, (origin[1], origin[0])
    top, left = origin[0] - rows, origin[1] - cols
    labels = block[max(-top, 0) : max(shape[0] - top, 0), max(-left, 0) : max(shape[1] - left, 0)]
    return (labels, (max(top, 0), max(left, 0))) if labels.size else None


def _resampled(
    block: Ints, origin: tuple[int, int], grid: Grid, shape: tuple[int, int]
) -> tuple[Ints, tuple[int, int]] | None:
    edges = [(origin[k] - 0.5, origin[k] + block.shape[k] - 0.5) for k in (0, 1)]
    corners = np.array([(a, b) for a in edges[0] for b in edges[1]]) - grid.offset
    on_plane = corners @ np.linalg.inv(grid.linear).T
    top, left = np.maximum(np.floor(on_plane.min(axis=0)), 0).astype(int)
    bottom, right = np.minimum(np.ceil(on_plane.max(axis=0)) + 1, shape).astype(int)
    if bottom <= top or right <= left:
        return None
    if (bottom - top) * (right - left) > MOST_PIXELS:
        raise PromptError(
            f"What is painted covers {bottom - top} x {right - left} px of the image.",
            hint="Paint a smaller part of it.",
        )
    labels = np.zeros((bottom - top, right - left), block.dtype)
    step = max(1, STRIP_PIXELS // labels.shape[1])
    cols = np.arange(left, right)
    for start in range(0, len(labels), step):
        rows = np.arange(top + start, min(top + start + step, bottom))[:, None]
        at = [
            np.floor(grid.linear[k, 0] * rows + grid.linear[k, 1] * cols + grid.offset[k] + 0.5).astype(int) - origin[k]
            for k in (0, 1)
        ]
        inside = (at[0] >= 0) & (at[0] < block.shape[0]) & (at[1] >= 0) & (at[1] < block.shape[1])
        labels[start : start + step][inside] = block[at[0][inside], at[1][inside]]
    return labels, (int(top), int(left))
