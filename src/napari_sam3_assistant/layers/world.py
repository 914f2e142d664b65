"""napari's world, and the way from one layer's pixels to another's.

napari lays layers over each other by their last axes, each through its own transform, and
scales units that can be converted into each other (nanometre and micrometre). Nothing
outside ``layers/`` knows world coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_sam3_assistant.core.affine import Affine, probe
from napari_sam3_assistant.core.errors import ImageError, PromptError
from napari_sam3_assistant.core.geometry import Box
from napari_sam3_assistant.core.planes import Plane, plane_of
from napari_sam3_assistant.core.windows import Window, visible_window


@dataclass(frozen=True, slots=True)
class World:
    """What the viewer shows, taken once per request.

    Attributes
    ----------
    point : tuple of float
        Where the sliders stand, world units; one value an axis of the viewer.
    order : tuple of int
        Axes of the viewer: those with a slider, then those on screen, rows before columns.
    units : tuple or None
        Unit of each axis; None where the layers' units do not go together, and napari ignores them.
    flat : bool
        Whether a plane is on screen, and no volume.
    middle : tuple of float or None
        What is in the middle of the canvas, as ``point``; None where there is no canvas.
    """

    point: tuple[float, ...]
    order: tuple[int, ...]
    units: tuple[Any, ...] | None
    flat: bool = True
    middle: tuple[float, ...] | None = None

    @property
    def ndim(self) -> int:
        """Number of axes of the viewer."""
        return len(self.point)


def world_of(viewer: Any) -> World:
    """Return what ``viewer`` shows."""
    dims = viewer.dims
    units = viewer.layers.extent.units
    point, order = tuple(float(value) for value in dims.point), tuple(int(axis) for axis in dims.order)
    middle = list(point)
    for axis, value in zip(order[-2:], camera_of(viewer).center[-2:], strict=True):
        middle[axis] = float(value)
    return World(point, order, None if units is None else tuple(units), dims.ndisplay == 2, tuple(middle))


def camera_of(viewer: Any) -> Any:
    """Return the camera of a viewer; napari 0.9 moved it into the scene."""
    return getattr(viewer, "scene", viewer).camera


def to_world(layer: Any, world: World) -> Affine:
    """Return the map from data coordinates of ``layer`` to the last ``layer.ndim`` world coordinates."""
    found = probe(layer.data_to_world, layer.ndim)
    if world.units is None or len(world.units) < layer.ndim:
        return found
    return found.scaled([_ratio(a, b) for a, b in zip(layer.units, world.units[-layer.ndim :], strict=True)])


def _ratio(unit: Any, target: Any) -> float:
    if unit == target:
        return 1.0
    return float((1 * unit).to(target).magnitude)


def between(layer: Any, image: Any, world: World) -> tuple[Affine, Affine]:
    """Return the maps from data coordinates of ``layer`` to the world and to data coordinates of ``image``.

    World axes that ``layer`` does not have stand where the sliders do.

    Returns
    -------
    tuple of Affine
        To all axes of the world, and to those of the image.
    """
    ndim = max(world.ndim, layer.ndim, image.ndim)
    own = to_world(layer, world)
    rest = np.zeros(ndim)
    rest[ndim - world.ndim :] = world.point
    linear = np.zeros((ndim, layer.ndim))
    linear[ndim - layer.ndim :] = own.linear
    rest[ndim - layer.ndim :] = own.offset
    out = Affine(linear, rest)
    tail = Affine(np.eye(ndim)[ndim - image.ndim :], np.zeros(image.ndim))
    return out, to_world(image, world).inverse().after(tail).after(out)


def displayed_axes(layer: Any, world: World) -> tuple[int, ...]:
    """Return the axes of ``layer`` on screen, rows before columns, as napari picks them."""
    offset = world.ndim - layer.ndim
    own = [axis - offset for axis in world.order if axis >= offset]
    return tuple(own[-2:])


def slider_position(layer: Any, world: World) -> tuple[float, ...]:
    """Return where the sliders cut ``layer``, one coordinate an axis of its data (0 for those on screen).

    Notes
    -----
    As napari slices: the rows and columns of the inverse transform that belong to axes on screen are
    left out, so that a layer rotated within the screen keeps its slice.
    """
    back = to_world(layer, world).inverse()
    shown = displayed_axes(layer, world)
    cut = [axis for axis in range(layer.ndim) if axis not in shown]
    point = np.zeros(layer.ndim)
    known = np.asarray(world.point[-layer.ndim :], dtype=float)
    point[layer.ndim - len(known) :] = known
    position = np.zeros(layer.ndim)
    position[cut] = back.linear[np.ix_(cut, cut)] @ point[cut] + back.offset[cut]
    return tuple(float(value) for value in position)


def plane_on_screen(image: Any, world: World, shape: Sequence[int], color_axis: int | None) -> Plane:
    """Return the plane of ``image`` on screen.

    Parameters
    ----------
    image : napari layer
    world : World
    shape : sequence of int
        Of its data, colour axis included.
    color_axis : int or None
        As :attr:`Source.color_axis`.

    Raises
    ------
    ImageError
        If the picture has no plane on screen, or the sliders stand beside it.
    """
    shown = displayed_axes(image, world)
    if len(shown) < 2:
        raise ImageError(f"{image.name} has no plane on screen.", hint="Choose an image with rows and columns.")
    position = list(slider_position(image, world))
    for axis in set(range(image.ndim)) - set(shown):
        if not 0 <= round(position[axis]) < shape[axis]:
            raise ImageError(
                f"{image.name} is not seen here: its axis {axis} goes from 0 to {shape[axis] - 1}, and the slider "
                f"stands at {round(position[axis])} of it.",
                hint="Move the slider until the image is seen.",
            )
    if color_axis is not None:
        position.insert(color_axis, 0.0)
    return plane_of(shape, shown, position, color_axis)


def pixel_at(image: Any, plane: Plane, world: World, position: Sequence[float]) -> tuple[float, float] | None:
    """Return where a place of the world lies on a plane of an image, or None beside it.

    Parameters
    ----------
    image : napari Image layer
    plane : Plane
        On screen.
    world : World
    position : sequence of float
        World units, one an axis of the viewer, as mouse events tell.

    Returns
    -------
    tuple of float or None
        ``(row, col)`` in pixels.
    """
    row, col = _pixel(image, plane, world, position)
    height, width = plane.shape_in(image.data[0].shape if image.multiscale else image.data.shape)
    inside = -0.5 <= row < height - 0.5 and -0.5 <= col < width - 0.5
    return (row, col) if inside else None


def _pixel(image: Any, plane: Plane, world: World, position: Sequence[float]) -> tuple[float, float]:
    """Return where a place of the world lies on a plane of an image or beside it, in pixels."""
    pixel = to_world(image, world).inverse()(np.asarray(position, dtype=float)[-image.ndim :])
    last = image.ndim - 1
    return float(pixel[min(plane.row_axis, last)]), float(pixel[min(plane.col_axis, last)])


def window_in_view(image: Any, plane: Plane, shape: tuple[int, int], world: World) -> Window | None:
    """Return what of a plane of ``shape`` is in view, in pixels, or None if the viewer has not drawn it.

    Of a picture in chunks napari tells whole chunks. What is in view lies evenly about the middle of the canvas.
    """
    corners = np.asarray(image.corner_pixels, dtype=float)
    if image.multiscale:
        corners = corners * np.asarray(image.downsample_factors[image.data_level], dtype=float)
    last = image.ndim - 1
    (top, left), (bottom, right) = corners[:, [min(plane.row_axis, last), min(plane.col_axis, last)]]
    if bottom <= top or right <= left:
        return None
    if world.middle is not None:
        row, col = _pixel(image, plane, world, world.middle)
        (top, bottom), (left, right) = _about(row, top, bottom, shape[0]), _about(col, left, right, shape[1])
    try:
        return visible_window(Box(top, left, bottom + 1, right + 1), shape)
    except PromptError:
        return None


def _about(middle: float, first: float, last: float, length: int) -> tuple[float, float]:
    """Return the first and last pixel along an axis without what lies farther from the middle than the nearer end.

    An end at the plane's border tells nothing: what is in view may go on beside the plane.
    """
    ends = [reach for reach, inside in ((middle - first, first > 0), (last - middle, last < length - 1)) if inside]
    reach = min(ends, default=math.inf)
    return (max(first, middle - reach), min(last, middle + reach)) if reach > 0 else (first, last)


def geometry_at(image: Any, corner: Sequence[float]) -> dict[str, Any]:
    """Return the geometry of a layer whose first pixel is pixel ``corner`` of ``image``.

    Returns
    -------
    dict
        ``scale``, ``rotate``, ``shear``, ``translate``, ``affine``, ``units`` and ``axis_labels``, as
        napari's layers take them.
    """
    affine = np.asarray(image.affine.affine_matrix, dtype=float)
    outer = Affine(affine[:-1, :-1], affine[:-1, -1])
    inner = outer.inverse().after(probe(image.data_to_world, image.ndim))
    return {
        "scale": tuple(image.scale),
        "rotate": image.rotate,
        "shear": image.shear,
        "translate": tuple(inner(corner)),
        "affine": affine,
        "units": tuple(image.units),
        "axis_labels": tuple(image.axis_labels),
    }
