"""``SAM3 active ROI``: a thin frame round the window that is looked at.

A layer of vectors, which no task takes for a prompt, right above the picture. Its vectors are the
four edges; napari's own bounding box of the layer draws them as wide as seen from near as from far.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Vectors

from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.windows import Window
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.layers.blocks import insert_above, note, same_frame, take_away, write_note
from napari_sam3_assistant.layers.world import geometry_at

COLOR = "#d6a657"
LINE_PX = 1.5


def roi_layer(viewer: Any) -> Any | None:
    """Return the layer ``SAM3 active ROI``, or None."""
    found = (one for one in viewer.layers if one.name == names.ROI and isinstance(one, Vectors))
    return next(found, None)


def show_roi(viewer: Any, image: Any, plane: Plane, window: Window) -> Any:
    """Draw the frame of a window and return its layer; selection and camera stay as they are.

    Parameters
    ----------
    viewer : napari viewer
    image : napari Image layer
        Whose geometry is taken over.
    plane : Plane
        Of the image's data.
    window : Window
        In pixels of the plane.
    """
    layer, geometry = roi_layer(viewer), geometry_at(image, [0] * image.ndim)
    shape = plane.shape_in(image.data[0].shape if image.multiscale else image.data.shape)
    key = {"image": str(image.unique_id), "plane": plane, "window": window}
    if layer is not None and not (
        layer.ndim == image.ndim and same_frame(layer, geometry) and np.allclose(layer.translate, geometry["translate"])
    ):
        take_away(viewer, layer)
        layer = None
    if layer is None:
        layer = _made(_edges(window, plane, image.ndim, shape), geometry)
        write_note(layer, key)
        return insert_above(viewer, image, layer)
    if note(layer) != key:
        layer.data = _edges(window, plane, image.ndim, shape)
        write_note(layer, key)
    return layer


def hide_roi(viewer: Any) -> None:
    """Remove the frame, if it is there."""
    layer = roi_layer(viewer)
    if layer is not None:
        take_away(viewer, layer)


def _made(edges: np.ndarray, geometry: dict[str, Any]) -> Any:
    layer = Vectors(edges, name=names.ROI, edge_color=COLOR, edge_width=1, vector_style="line", **geometry)
    frame = layer.bounding_box
    frame.points, frame.line_color, frame.line_thickness, frame.visible = False, COLOR, LINE_PX, True
    return layer


def _edges(window: Window, plane: Plane, ndim: int, shape: tuple[int, int]) -> np.ndarray:
    """Return the edges of a window along the outer edges of its pixels: shape (4, 2, ndim), start and direction.

    At the plane's borders they stay on the outermost pixels: napari would take them for a larger scene.
    """
    (height, width), last = shape, ndim - 1
    top, left = max(window.top - 0.5, 0), max(window.left - 0.5, 0)
    bottom, right = min(window.bottom - 0.5, height - 1), min(window.right - 0.5, width - 1)
    corners = np.zeros((4, ndim))
    for axis, position in plane.index:
        if axis < ndim:
            corners[:, axis] = position
    corners[:, min(plane.row_axis, last)] = top, top, bottom, bottom
    corners[:, min(plane.col_axis, last)] = left, right, right, left
    return np.stack([corners, np.roll(corners, -1, axis=0) - corners], axis=1)
