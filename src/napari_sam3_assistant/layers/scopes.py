"""How far an operation on a layer reaches, in pixels of its data: which slices, and what was drawn round.

Two axes of a layer lie in the plane that is looked at; those beside them have a slider. That holds
for a volume on screen too: its slices are those it had as a plane, and the sliders stay where they stood.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Shapes

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.geometry import PlacedMask, clip, union
from napari_sam3_assistant.layers.outlines import FILLED, box_of, has_area, outline_of, rasterise
from napari_sam3_assistant.layers.world import World, between, displayed_axes, slider_position, world_of
from napari_sam3_assistant.masks.scopes import Reach, Scope

DRAW = "Draw a rectangle, an ellipse or a polygon in it, or choose Full mask."


def scope_of(
    viewer: Any,
    layer: Any,
    reach: Reach = Reach.WHOLE,
    first: int = 0,
    last: int = 0,
    region: PlacedMask | None = None,
) -> Scope:
    """Return the block of a layer's data that an operation reaches.

    Parameters
    ----------
    viewer : napari viewer
        Its sliders tell the current slice.
    layer : napari layer
        Of any number of axes, any transform and any order of axes on screen; a multiscale one by its first level.
    reach : Reach
        A slice is taken on every axis with a slider. A range is taken on the last of these; on the
        others, those of a time series for one, it is the slice where the slider stands.
    first, last : int
        Slices of a range, from 0, both included, in either order.
    region : PlacedMask or None
        Goes into the scope as it is.

    Raises
    ------
    PromptError
        If the sliders stand beside the layer, or it has no slice in the range.
    """
    shape = shape_of(layer)
    blocks = [slice(0, length) for length in shape]
    world = world_of(viewer)
    axes = slider_axes(layer, world)
    if reach is not Reach.WHOLE and axes:
        position = slider_position(layer, world)
        for axis in axes:
            if reach is Reach.RANGE and axis == axes[-1]:
                blocks[axis] = _range(layer, shape[axis], first, last)
            else:
                blocks[axis] = _slice(layer, axis, shape[axis], position[axis])
    return Scope(tuple(blocks), region)


def slices_of(viewer: Any, layer: Any | None) -> int:
    """Return how many slices a range can be chosen of; 0 where the layer has no axis with a slider."""
    if layer is None:
        return 0
    axes = slider_axes(layer, world_of(viewer))
    return shape_of(layer)[axes[-1]] if axes else 0


def slider_axes(layer: Any, world: World) -> tuple[int, ...]:
    """Return the axes of a layer that have a slider, in the order of the viewer: the last is that of a range."""
    offset, shown = world.ndim - layer.ndim, displayed_axes(layer, world)
    return tuple(axis - offset for axis in world.order if axis >= offset and axis - offset not in shown)


def shape_of(layer: Any) -> tuple[int, ...]:
    """Return the shape of a layer's data, of a multiscale one that of its first level."""
    data = layer.data[0] if layer.multiscale else layer.data
    return tuple(int(length) for length in data.shape)


def shapes_layers(viewer: Any) -> list[Any]:
    """Return the Shapes layers of a viewer, the lowest first."""
    return [layer for layer in viewer.layers if isinstance(layer, Shapes)]


def region_of(viewer: Any, shapes: Any, layer: Any) -> PlacedMask:
    """Return what the shapes of a layer cover on the last two axes of another layer's data.

    They count on every slice, whichever they were drawn on. Lines and paths cover nothing.

    Parameters
    ----------
    viewer : napari viewer
    shapes : napari Shapes layer
        Of any transform.
    layer : napari layer
        With the pixels that are meant.

    Raises
    ------
    PromptError
        If nothing is drawn, nothing that has an inside, or only beside the layer.
    """
    if not len(shapes.data):
        raise PromptError(f"There is no shape in {shapes.name}.", hint=DRAW)
    to_layer = between(shapes, layer, world_of(viewer))[1]
    drawn = [
        to_layer(outline_of(str(kind), np.asarray(one, dtype=float)))[:, -2:]
        for kind, one in zip(shapes.shape_type, shapes.data, strict=True)
        if str(kind) in FILLED
    ]
    drawn = [outline for outline in drawn if has_area(outline, True)]
    if not drawn:
        raise PromptError(f"No shape in {shapes.name} encloses any pixels of {layer.name}.", hint=DRAW)
    height, width = shape_of(layer)[-2:]
    covered = [_covered(outline, (height, width)) for outline in drawn]
    parts = [part for part in covered if part is not None]
    if not parts:
        raise PromptError(f"The shapes in {shapes.name} lie beside {layer.name}.", hint=DRAW)
    around = union(box for part in parts if (box := part.box) is not None)
    mask = np.zeros((int(around.size[0]), int(around.size[1])), bool)
    for part in parts:
        row, col = part.offset[0] - int(around.top), part.offset[1] - int(around.left)
        mask[row : row + part.mask.shape[0], col : col + part.mask.shape[1]] |= part.mask
    return PlacedMask(mask, (int(around.top), int(around.left)))


def _covered(outline: Any, shape: tuple[int, int]) -> PlacedMask | None:
    """Return the pixels of a plane that an outline covers, or None."""
    box = clip(box_of(outline), shape)
    if box is None:
        return None
    return rasterise(outline, box, most_side=max(shape))


def _range(layer: Any, length: int, first: int, last: int) -> slice:
    low, high = min(first, last), max(first, last)
    if low >= length:
        raise PromptError(
            f"{layer.name} has slices 0 to {length - 1}; the range begins at {low}.", hint="Choose a lower Z range."
        )
    return slice(max(low, 0), min(high + 1, length))


def _slice(layer: Any, axis: int, length: int, position: float) -> slice:
    at = round(position)
    if not 0 <= at < length:
        raise PromptError(
            f"{layer.name} is not seen here: its axis {axis} goes from 0 to {length - 1}, and the slider stands at "
            f"{at} of it.",
            hint="Move the slider until the layer is seen, or choose Whole volume.",
        )
    return slice(at, at + 1)
