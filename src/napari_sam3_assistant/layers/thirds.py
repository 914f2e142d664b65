"""An object brought into the middle of the view, as large as one looks at it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from napari_sam3_assistant.core.geometry import Box
from napari_sam3_assistant.core.planes import plane_of
from napari_sam3_assistant.layers.seeing import show_box
from napari_sam3_assistant.layers.world import camera_of, displayed_axes, to_world, world_of

USUAL_CANVAS_PX = 600
SHARE = 3
"""The object is so many times as small as the view."""
MOST_ZOOM_PX = 40
"""No pixel of the layer becomes larger than so many of the canvas."""


def show_third(viewer: Any, layer: Any, box: Sequence[tuple[int, int]]) -> None:
    """Bring a box of a layer's data into the middle of the view, a third of which it takes; sliders go there."""
    viewer.dims.ndisplay = 2
    shape = (layer.data[0] if layer.multiscale else layer.data).shape
    middle = [(low + high - 1) // 2 for low, high in box]
    axes = displayed_axes(layer, world_of(viewer))
    plane = plane_of(shape, axes, middle, None)
    (top, bottom), (left, right) = box[axes[0]], box[axes[1]]
    show_box(viewer, layer, plane, Box(top, left, bottom, right))
    linear = to_world(layer, world_of(viewer)).linear
    pixel = max(float(abs(linear[:, axis]).max()) for axis in axes)
    longest = max(bottom - top, right - left) * pixel
    size = getattr(getattr(viewer, "canvas", None), "size", None)  # napari 0.7 does not tell
    least = min(size) if size is not None else USUAL_CANVAS_PX
    camera_of(viewer).zoom = min(least / (SHARE * longest), MOST_ZOOM_PX / pixel)
