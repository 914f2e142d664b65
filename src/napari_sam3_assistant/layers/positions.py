"""Positions: where the coordinates of a prompt layer lie on a plane of an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.layers.world import World, between, to_world

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
HALF = 0.5 + 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Positions:
    """Where coordinates lie on a plane.

    Attributes
    ----------
    rows, cols : ndarray of shape (N,), float64
        In pixels of the plane.
    here : ndarray of shape (N,), bool
        Whether they lie on this slice, and are numbers.
    shape : tuple of int
        Height and width of the plane, in pixels.
    """

    rows: Floats
    cols: Floats
    here: Flags
    shape: tuple[int, int]

    @property
    def inside(self) -> Flags:
        """Whether they lie on the plane's pixels, whatever the slice: shape (N,), bool."""
        height, width = self.shape
        with np.errstate(invalid="ignore"):
            on_rows = (self.rows >= -0.5) & (self.rows < height - 0.5)
            return on_rows & (self.cols >= -0.5) & (self.cols < width - 0.5)


def positions(layer: Any, image: Any, plane: Plane, data: Floats, world: World | None = None) -> Positions:
    """Return where coordinates of a layer lie on a plane of an image.

    Parameters
    ----------
    layer : napari layer
        Of any number of axes and any transform.
    image : napari Image layer
    plane : Plane
        Of the image's data.
    data : ndarray of shape (N, layer.ndim), float64
        Coordinates of the layer's data.
    world : World or None
        What the viewer shows; None for layers without sliders and with one unit.

    Notes
    -----
    A coordinate lies on a slice if it is at most half a pixel of the image away from it. On axes that
    the image does not have, it lies where the slider stands, within half a pixel of the layer's own.
    """
    ndim = max(layer.ndim, image.ndim)
    world = world or World((0.0,) * ndim, tuple(range(ndim)), None)
    to_all, to_image = between(layer, image, world)
    pixels = to_image(data)
    here = np.isfinite(pixels).all(axis=1)
    for axis, position in plane.index:
        if axis < image.ndim:
            here &= np.abs(pixels[:, axis] - position) <= HALF
    here &= _on_missing_axes(layer, image, to_all(data), world)
    rows, cols = pixels[:, _own(plane.row_axis, image)], pixels[:, _own(plane.col_axis, image)]
    shape = image.data[0].shape if image.multiscale else image.data.shape
    return Positions(rows, cols, here, plane.shape_in(shape))


def _own(axis: int, image: Any) -> int:
    """Return the layer axis of an array axis: the colour axis, always last, is not one of the layer's."""
    return axis if axis < image.ndim else int(image.ndim) - 1


def _on_missing_axes(layer: Any, image: Any, places: Floats, world: World) -> Flags:
    """Return which world ``places`` lie where the sliders stand on axes that the image does not have."""
    missing = max(layer.ndim - image.ndim, 0)
    here = np.ones(len(places), bool)
    steps = np.abs(np.diag(to_world(layer, world).linear))
    for axis in range(missing):
        at = places.shape[1] - layer.ndim + axis
        slider = world.point[at - (places.shape[1] - world.ndim)] if at >= places.shape[1] - world.ndim else 0.0
        here &= np.abs(places[:, at] - slider) <= HALF * max(steps[axis], 1e-12)
    return here
