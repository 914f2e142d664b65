"""Which pixel of a layer lies under the pointer, and which lie inside a line drawn on the canvas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.geometry import clip
from napari_sam3_assistant.layers.outlines import box_of, rasterise
from napari_sam3_assistant.layers.world import displayed_axes, slider_position, to_world, world_of
from napari_sam3_assistant.masks.scopes import Scope


def index_at(viewer: Any, layer: Any, position: Sequence[float]) -> tuple[int, ...] | None:
    """Return the pixel of a layer at a place of the world, or None beside it and in a view of a volume.

    Parameters
    ----------
    viewer : napari viewer
    layer : napari layer
    position : sequence of float
        World units, one an axis of the viewer, as mouse events tell.
    """
    world = world_of(viewer)
    if not world.flat:
        return None
    point = to_world(layer, world).inverse()(np.asarray(position, dtype=float)[-layer.ndim :])
    index = list(slider_position(layer, world))
    for axis in displayed_axes(layer, world):
        index[axis] = float(point[axis])
    found = tuple(round(at) for at in index)
    return found if all(0 <= at < length for at, length in zip(found, layer.data.shape, strict=True)) else None


def inside_line(
    viewer: Any, layer: Any, line: npt.NDArray[np.float64], scope: Scope
) -> tuple[tuple[slice, ...], npt.NDArray[np.bool_]] | None:
    """Return the block of a layer's data that a closed line goes round, and which of its pixels lie inside.

    Parameters
    ----------
    viewer : napari viewer
        It shows a plane.
    layer : napari layer
    line : ndarray of shape (n, ndim)
        World units, one column an axis of the viewer.
    scope : Scope
        Along the axes that are not on screen, the block is the scope's.

    Returns
    -------
    tuple, or None where no pixel lies inside
        One slice for each axis; and a mask to be spread over the block.
    """
    world = world_of(viewer)
    back = to_world(layer, world).inverse()
    points = np.array([back(point[-layer.ndim :]) for point in line])
    axes = tuple(sorted(displayed_axes(layer, world)))
    outline, shape = points[:, axes], (layer.data.shape[axes[0]], layer.data.shape[axes[1]])
    box = clip(box_of(outline), shape)
    placed = None if box is None else rasterise(outline, box, most_side=max(shape))
    if placed is None:
        return None
    block = list(scope.slices)
    for axis, start, length in zip(axes, placed.offset, placed.mask.shape, strict=True):
        block[axis] = slice(start, start + length)
    others = tuple(axis for axis in range(layer.ndim) if axis not in axes)
    return tuple(block), np.expand_dims(placed.mask, others)
