"""``SAM3 accepted in view``: a window of the accepted objects of a large plane, as a layer to paint in.

The accepted labels of a large plane take no more room than their objects, and cannot be painted in. This
layer can: it shows the objects of one window, in the same colours, and the other layer leaves that window out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Labels

from napari_sam3_assistant.core.geometry import Box, PlacedMask, intersection, slices
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.windows import Window
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.layers.accepted import COVER, Accepted, accepted_layer, finish
from napari_sam3_assistant.layers.blocks import (
    block_geometry,
    insert_above,
    note,
    to_axes,
    to_plane,
    write_note,
)
from napari_sam3_assistant.layers.labels import stroke_of, write_stroke
from napari_sam3_assistant.layers.sparse import SparseLabels
from napari_sam3_assistant.layers.world import World, window_in_view
from napari_sam3_assistant.masks.editing import Numbers
from napari_sam3_assistant.masks.edits import edit_of
from napari_sam3_assistant.masks.pieces import Record

GEOMETRY = ("scale", "rotate", "shear", "translate", "affine", "units")
BRUSH_SHARE = 1 / 50
FRAME_COLOR, FRAME_PX = "white", 1
"""Of the frame that shows how far one can paint."""


def sparse_layer(viewer: Any, image: Any) -> Any | None:
    """Return the layer of accepted labels of an image with a large plane, or None: others are painted in directly."""
    layer = accepted_layer(viewer, image)
    return layer if layer is not None and is_sparse(layer) else None


def is_sparse(layer: Any) -> bool:
    """Return whether a layer shows accepted objects of a large plane, and not data of the user's."""
    return bool(layer.multiscale) and "live" in note(layer) and isinstance(layer.data[0], SparseLabels)


def numbers_of(layer: Any) -> Numbers:
    """Return which numbers a layer of accepted labels has."""
    return Numbers(note(layer)["live"], note(layer)["erased"])


def cover(layer: Any, plane: Plane, window: Window | None) -> None:
    """Leave out a window of a plane, where a copy shows the objects; None shows all of them again."""
    noted = {key: value for key, value in note(layer).items() if key != COVER}
    if window is not None:
        hidden = PlacedMask(np.broadcast_to(np.True_, window.shape), window.offset)  # takes no room
        noted[COVER] = (Record(0, hidden, plane),)
    write_note(layer, noted)
    finish(layer, noted["live"], noted["erased"])


def rewrite(layer: Any, gone: Iterable[Accepted], made: Iterable[Accepted]) -> None:
    """Put objects of a large plane in the place of others.

    They differ in a window that is left out: nothing is drawn until it is not left out any more.
    """
    live, erased = dict(note(layer)["live"]), dict(note(layer)["erased"])
    for one in gone:
        erased[one.id] = live.pop(one.id)
    for one in made:
        erased.pop(one.id, None)
        live[one.id] = one
    finish(layer, live, erased, ())


def view_of(image: Any, kept: Any, plane: Plane, shape: tuple[int, int], world: World) -> Window | None:
    """Return what of a plane of ``shape`` is in view; None where it is not, or was not drawn yet.

    Of a picture in chunks napari tells whole chunks; the accepted labels have none.
    """
    seen, other = (window_in_view(layer, plane, shape, world) for layer in (image, kept))
    both = intersection(seen.box, other.box) if seen is not None and other is not None else None
    return seen if both is None else Window(int(both.top), int(both.left), int(both.bottom), int(both.right))


# -- the copy ---------------------------------------------------------------------------------------


def add_copy(viewer: Any, image: Any, kept: Any, plane: Plane, window: Window, labels: npt.NDArray[Any]) -> Any:
    """Return a new layer that shows ``labels`` in a window of a plane, above ``kept`` and in its colours.

    Parameters
    ----------
    viewer : napari viewer
    image : napari Image layer
        Whose geometry it takes.
    kept : napari Labels layer
        The accepted labels of the image.
    plane : Plane
    window : Window
    labels : ndarray of the window's shape
        They become the layer's own.
    """
    layer = Labels(
        to_axes(labels, plane, image.ndim),
        name=names.IN_VIEW,
        colormap=kept.colormap.model_copy(deep=True),
        opacity=kept.opacity,
        **block_geometry(image, plane, window),
    )
    layer.contour = kept.contour
    frame = layer.bounding_box
    frame.points, frame.line_color, frame.line_thickness, frame.visible = False, FRAME_COLOR, FRAME_PX, True
    return insert_above(viewer, kept, layer)


def move_copy(layer: Any, image: Any, plane: Plane, window: Window, labels: npt.NDArray[Any]) -> None:
    """Show other labels in another window."""
    layer.data = to_axes(labels, plane, image.ndim)
    lay(layer, image, plane, window)


def lay(layer: Any, image: Any, plane: Plane, window: Window) -> None:
    """Lay a copy onto its window of an image."""
    geometry = block_geometry(image, plane, window)
    for name in GEOMETRY:
        setattr(layer, name, geometry[name])


def brush_of(view: Window) -> int:
    """Return the size of a brush that fits what is in view, in pixels."""
    return max(round(min(view.shape) * BRUSH_SHARE), 1)


def copy_pixels(layer: Any, plane: Plane, window: Window) -> npt.NDArray[Any] | None:
    """Return the view of a copy's array with rows and columns alone; None where the user gave it other data."""
    data = layer.data
    if layer.multiscale or not isinstance(data, np.ndarray) or data.ndim <= max(plane.row_axis, plane.col_axis):
        return None
    labels = to_plane(data, plane) if data.size == np.prod(window.shape) else data
    return labels if labels.shape == window.shape and data.flags.writeable else None


def touched(event: Any, corner: tuple[int, int]) -> Box | None:
    """Return the box of the plane that napari drew anew as one painted; None where that is not known."""
    offset, shape = event.offset, np.shape(event.data)
    if len(offset) != 2 or len(shape) < 2:
        return None
    top, left = int(offset[0]) + corner[0], int(offset[1]) + corner[1]
    return Box(top, left, top + shape[0], left + shape[1])


def draw_box(layer: Any, plane: Plane, window: Window, box: Box, labels: npt.NDArray[Any]) -> None:
    """Make the pixels of a box of the plane, which lies in the window, equal to ``labels``; draw what differs."""
    data, part = layer.data, [slice(0, 1)] * layer.data.ndim
    part[plane.row_axis], part[plane.col_axis] = slices(box, window.offset)
    edit = edit_of(data, tuple(part), to_axes(labels, plane, data.ndim).astype(data.dtype))
    if edit is not None:
        write_stroke(layer, data, stroke_of(edit))
