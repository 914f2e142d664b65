"""``SAM3 preview boxes``: one rectangle for each object, with its score, number and prompt.

napari takes a sixth of a millisecond for each rectangle that it makes, so only those that
differ from the ones drawn before are made.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Shapes

from napari_sam3_assistant.core.geometry import Box
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.sources import Source
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.layers.blocks import insert_above, note, same_frame, take_away, write_note
from napari_sam3_assistant.layers.world import geometry_at
from napari_sam3_assistant.masks.registry import Objects

STYLE = {"edge_color": "#ffd54f", "face_color": "transparent", "edge_width": 1}
FEATURES = ("score", "object_id", "prompt")


def boxes_layer(viewer: Any, name: str = names.PREVIEW_BOXES) -> Any | None:
    """Return the layer ``SAM3 preview boxes``, or that of another name, or None."""
    found = (one for one in viewer.layers if one.name == name and isinstance(one, Shapes))
    return next(found, None)


def show_boxes(
    viewer: Any, image: Any, source: Source, plane: Plane, objects: Objects, *, name: str = names.PREVIEW_BOXES
) -> Any | None:
    """Draw the objects' rectangles into ``SAM3 preview boxes``, hidden at first, and return the layer.

    Parameters
    ----------
    viewer : napari viewer
    image : napari Image layer
        Whose geometry is taken over.
    source : Source
        Of the image.
    plane : Plane
        On which the objects lie.
    objects : Objects
        Without any, the layer is emptied; none is made.
    name : str
        Of the layer.
    """
    layer, geometry = boxes_layer(viewer, name), geometry_at(image, [0] * image.ndim)
    wanted = [(item.id, item.mask.box) for item in objects if item.mask.box is not None]
    visible = False
    if layer is not None and not _fits(layer, geometry, image.ndim):
        visible = layer.visible
        take_away(viewer, layer)
        layer = None
    if layer is None:
        if not wanted:
            return None
        made = _made([_corners(box, plane, image.ndim) for _, box in wanted], geometry, name)
        layer = insert_above(viewer, image, made)
        layer.visible = visible
        drawn = wanted
    else:
        drawn = _redrawn(layer, plane, wanted)
    _describe(layer, [id for id, _ in drawn], objects)
    write_note(layer, {"image": source.identity, "plane": plane, "boxes": tuple(drawn)})
    return layer


def _made(rectangles: list[np.ndarray], geometry: dict[str, Any], name: str) -> Any:
    return Shapes(
        rectangles,
        shape_type="rectangle",
        name=name,
        features={
            "score": [0.0] * len(rectangles),
            "object_id": [0] * len(rectangles),
            "prompt": [""] * len(rectangles),
        },
        visible=False,
        **STYLE,
        **geometry,
    )


def _redrawn(layer: Any, plane: Plane, wanted: list[tuple[int, Box]]) -> list[tuple[int, Box]]:
    """Draw what differs; return the rectangles in the order in which the layer has them."""
    drawn = list(note(layer).get("boxes", ()))
    if note(layer).get("plane") != plane or len(drawn) != len(layer.data):
        drawn, gone = [], set(range(len(layer.data)))  # of another plane, or edited by hand
    else:
        still = set(wanted)
        gone = {place for place, one in enumerate(drawn) if one not in still}
    kept = [one for place, one in enumerate(drawn) if place not in gone]
    known = set(kept)
    new = [one for one in wanted if one not in known]
    if len(new) > len(kept):
        layer.data = [_corners(box, plane, layer.ndim) for _, box in wanted]
        return wanted
    if gone:
        layer.selected_data = gone
        layer.remove_selected()
    if new:
        layer.add_rectangles([_corners(box, plane, layer.ndim) for _, box in new])
        layer.selected_data = set()
    return kept + new


def _describe(layer: Any, ids: list[int], objects: Objects) -> None:
    """Write the features of the rectangles, which belong to objects ``ids``."""
    items = {item.id: item for item in objects}
    columns = {
        "score": [float(items[id].score) for id in ids],
        "object_id": ids,
        "prompt": [items[id].origin.prompt for id in ids],
    }
    found = layer.features
    if any(name not in found or list(found[name]) != columns[name] for name in FEATURES):
        layer.features = columns


def _fits(layer: Any, geometry: dict[str, Any], ndim: int) -> bool:
    return layer.ndim == ndim and same_frame(layer, geometry) and np.array_equal(layer.translate, geometry["translate"])


def _corners(box: Box, plane: Plane, ndim: int) -> np.ndarray:
    """Return the corners of a rectangle along the outer edges of a box's pixels."""
    corners = np.zeros((4, ndim))
    for axis, position in plane.index:
        corners[:, axis] = position
    corners[:, plane.row_axis] = np.array([box.top, box.top, box.bottom, box.bottom]) - 0.5
    corners[:, plane.col_axis] = np.array([box.left, box.right, box.right, box.left]) - 0.5
    return corners
