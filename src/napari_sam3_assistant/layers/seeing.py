"""Bringing an object into view, and how large its pixels are."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_sam3_assistant.core.affine import pick, probe
from napari_sam3_assistant.core.geometry import Box
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.export.tables import Grid
from napari_sam3_assistant.layers.world import camera_of, displayed_axes, to_world, world_of

SMALLEST_PX, USUAL_PX, LARGEST_PX = 40, 200, 500
"""Pixels of the canvas: an object seen smaller or larger than the ends is shown at the usual size."""


def grid_of_plane(image: Any, plane: Plane) -> Grid:
    """Return how the pixels of a plane of an image lie in the world, in the layer's own units."""
    axes, rest = _axes(image, plane)
    flat = probe(image.data_to_world, image.ndim).after(pick(axes, image.ndim, rest))
    unit = (str(image.units[axes[0]]), str(image.units[axes[1]]))
    cuts = tuple((axis, str(image.units[axis])) for axis, _ in plane.index if axis < image.ndim)
    return Grid(flat.linear, flat.offset, axes, unit, cuts)


def show_box(viewer: Any, image: Any, plane: Plane, box: Box) -> None:
    """Bring a box of a plane of an image, in pixels, into the middle of the view; zoom where one would not see it."""
    viewer.dims.ndisplay = 2
    axes, rest = _axes(image, plane)
    if displayed_axes(image, world_of(viewer)) != axes:
        shown = [axis + viewer.dims.ndim - image.ndim for axis in axes]
        viewer.dims.order = (*(axis for axis in range(viewer.dims.ndim) if axis not in shown), *shown)
    turn_to(viewer, image, plane, box.center)

    flat = to_world(image, world_of(viewer)).after(pick(axes, image.ndim, rest))
    middle = flat(box.center)
    camera = camera_of(viewer)
    camera.center = (*tuple(camera.center)[:-2], float(middle[axes[0]]), float(middle[axes[1]]))
    corners = flat([(box.top, box.left), (box.top, box.right), (box.bottom, box.left), (box.bottom, box.right)])
    longest = float(np.ptp(corners[:, axes], axis=0).max())
    if longest > 0 and not SMALLEST_PX <= longest * camera.zoom <= LARGEST_PX:
        camera.zoom = USUAL_PX / longest


def turn_to(viewer: Any, image: Any, plane: Plane, pixel: tuple[float, float] = (0.0, 0.0)) -> None:
    """Move the sliders to a plane of an image; of a picture that is turned, to where a pixel of the plane lies."""
    axes, rest = _axes(image, plane)
    offset = viewer.dims.ndim - image.ndim
    there = to_world(image, world_of(viewer)).after(pick(axes, image.ndim, rest))(pixel)
    sliders = [axis for axis in range(image.ndim) if axis + offset not in viewer.dims.displayed]
    viewer.dims.set_point([axis + offset for axis in sliders], [float(there[axis]) for axis in sliders])


def _axes(image: Any, plane: Plane) -> tuple[tuple[int, int], list[float]]:
    """Return the axes of the layer along rows and columns, and where it is cut on the others."""
    last = image.ndim - 1
    rest = np.zeros(image.ndim)
    for axis, position in plane.index:
        if axis <= last:
            rest[axis] = position
    return (min(plane.row_axis, last), min(plane.col_axis, last)), rest.tolist()
