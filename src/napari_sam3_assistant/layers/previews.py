"""Preview layers: drawn, cleared, kept. A preview is no larger than the objects it shows.

The labels of a preview cover a block of the plane that holds all objects, rounded outwards
to :data:`GRID` pixels so that most changes leave the layer where it is: moving it costs as much
again as drawing it. Each drawing is a new array, so that whoever edits the layer, or keeps its
edits for undo, is told that these pixels are others.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import label_colormap

from napari_sam3_assistant.core.geometry import PlacedMask, clip, intersection, union
from napari_sam3_assistant.core.labels import to_labels
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.sources import Source
from napari_sam3_assistant.core.windows import Window
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.layers.world import geometry_at

GRID = 64
COLORS, COLOR_SEED = 49, 0.597
"""napari's cyclic colours, begun where the first is a light yellow: it is seen on grey, on pink and on violet."""


def preview_layer(viewer: Any) -> Any | None:
    """Return the layer ``SAM3 preview labels``, or None."""
    found = (one for one in viewer.layers if one.name == names.PREVIEW_LABELS and isinstance(one, Labels))
    return next(found, None)


def show_preview(
    viewer: Any, image: Any, source: Source, plane: Plane, masks: Mapping[int, PlacedMask], scores: Mapping[int, float]
) -> Any | None:
    """Draw the objects of a plane into ``SAM3 preview labels`` and return the layer.

    Parameters
    ----------
    viewer : napari viewer
    image : napari Image layer
        Its geometry is taken over, so that a mask lies where the pixels are.
    source : Source
        Of the image.
    plane : Plane
        On which the objects lie.
    masks : mapping of int to PlacedMask
        By label value, 1 or more. Empty masks draw nothing.
    scores : mapping of int to float
        Where masks overlap, the better one is seen.

    Returns
    -------
    napari Labels layer or None
        None where there is nothing to draw and no layer to empty.
    """
    drawn = {value: mask for value, mask in masks.items() if mask.area}
    if not drawn:
        return empty_preview(viewer)
    layer = preview_layer(viewer)
    block = _block(drawn, source, plane, layer)
    geometry, key = _at(image, source, plane, block)
    values = list(drawn)
    labels = to_labels(list(drawn.values()), block, values=values, scores=[scores[v] for v in values])
    data = _stand_in(labels.astype(np.uint16 if max(values) < 2**16 else np.uint32), plane, image.ndim)
    if layer is not None and {**_note(layer), **key} == _note(layer) and layer.data.dtype == data.dtype:
        layer.data = data
        layer.metadata = _noted(key, data)
        return layer
    if layer is not None and layer.ndim == image.ndim and _same_frame(layer, geometry):
        layer.data = data
        layer.translate = geometry["translate"]
        layer.metadata = _noted(key, data)
        return layer
    if layer is not None:
        viewer.layers.remove(layer)
    return _added(viewer, image, data, geometry, key)


def add_empty_preview(viewer: Any, image: Any, source: Source, plane: Plane) -> Any:
    """Return ``SAM3 preview labels``, made without a mask if it is not there.

    napari takes a tenth of a second to add a layer: done before the first click, the click need not wait.
    """
    layer = preview_layer(viewer)
    if layer is not None:
        return layer
    height, width = source.plane_shape(plane)
    block = Window(0, 0, min(GRID, height), min(GRID, width))
    geometry, key = _at(image, source, plane, block)
    return _added(viewer, image, _stand_in(np.zeros(block.shape, np.uint16), plane, image.ndim), geometry, key)


def _at(image: Any, source: Source, plane: Plane, block: Window) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the geometry of a layer that covers ``block``, and what is noted of it in its metadata."""
    corner = [0] * image.ndim
    for axis, position in plane.index:
        corner[axis] = position
    corner[plane.row_axis], corner[plane.col_axis] = block.offset
    return geometry_at(image, corner), {"image": source.identity, "plane": plane, "window": block}


def keep_edited(viewer: Any) -> str | None:
    """Set the preview aside if its pixels are no longer those that were drawn; return the name it has now.

    A user has painted in it or cleaned it: the next drawing must not take that away.
    """
    layer = preview_layer(viewer)
    if layer is None or not layer.data.any() or _checksum(layer.data) == _note(layer).get("drawn"):
        return None
    layer.metadata = {key: value for key, value in layer.metadata.items() if key != names.METADATA}
    layer.name = names.EDITED_LABELS
    return str(layer.name)


def read_preview(viewer: Any) -> tuple[np.ndarray, Window] | None:
    """Return the labels on screen, edits included, and the block of the plane that they cover; None without one.

    Returns
    -------
    tuple of ndarray of shape window.shape, and Window, or None
    """
    layer = preview_layer(viewer)
    if layer is None or "window" not in _note(layer):
        return None
    plane, window = _note(layer)["plane"], _note(layer)["window"]
    labels = np.array(layer.data).squeeze(
        tuple(a for a in range(layer.ndim) if a not in (plane.row_axis, plane.col_axis))
    )
    return (labels.T if plane.row_axis > plane.col_axis else labels), window


def _note(layer: Any) -> dict[str, Any]:
    """Return what we noted of a layer in its metadata: picture, plane, window, and a checksum of what was drawn."""
    found: dict[str, Any] = layer.metadata.get(names.METADATA, {})
    return found


def _checksum(data: np.ndarray) -> int:
    return zlib.adler32(np.ascontiguousarray(data).tobytes())


def _noted(key: Mapping[str, Any], data: np.ndarray) -> dict[str, Any]:
    return {names.METADATA: {**key, "drawn": _checksum(data)}}


def empty_preview(viewer: Any) -> Any | None:
    """Draw nothing into ``SAM3 preview labels``; return the layer, or None if there is none."""
    layer = preview_layer(viewer)
    if layer is not None and layer.data.any():
        layer.data = np.zeros_like(layer.data)
        layer.metadata = _noted(_note(layer), layer.data)
    return layer


def _block(masks: Mapping[int, PlacedMask], source: Source, plane: Plane, layer: Any | None) -> Window:
    """Return the block of the plane to draw: the layer's own where all masks fit in, else one round them."""
    shape = source.plane_shape(plane)
    box = union(mask.box for mask in masks.values() if mask.box is not None)
    box = clip(box, shape) or box
    drawn = _note(layer) if layer is not None else {}
    if (drawn.get("image"), drawn.get("plane")) == (source.identity, plane):
        kept: Window = drawn["window"]
        if intersection(box, kept.box) == box:
            return kept
    top, left = (math.floor(value / GRID) * GRID for value in (box.top, box.left))
    bottom = min(math.ceil(box.bottom / GRID) * GRID, shape[0])
    right = min(math.ceil(box.right / GRID) * GRID, shape[1])
    return Window(max(top, 0), max(left, 0), bottom, right)


def _stand_in(labels: np.ndarray, plane: Plane, ndim: int) -> np.ndarray:
    """Return labels of a plane as an array of ``ndim`` axes, of length 1 on those that the plane cuts."""
    if plane.row_axis > plane.col_axis:
        labels = labels.T
    return np.expand_dims(labels, [axis for axis in range(ndim) if axis not in (plane.row_axis, plane.col_axis)])


def _same_frame(layer: Any, geometry: Mapping[str, Any]) -> bool:
    """Return whether a layer differs from ``geometry`` in its translation alone."""
    return all(
        np.array_equal(np.asarray(getattr(layer, name)), np.asarray(geometry[name]))
        for name in ("scale", "rotate", "shear")
    ) and (
        np.array_equal(layer.affine.affine_matrix, geometry["affine"])
        and tuple(layer.units) == tuple(geometry["units"])
    )


def _added(viewer: Any, image: Any, data: np.ndarray, geometry: Mapping[str, Any], key: Mapping[str, Any]) -> Any:
    """Add the preview layer right above its image, below the prompts; the selection stays as it is."""
    active = viewer.layers.selection.active
    layer = Labels(
        data,
        name=names.PREVIEW_LABELS,
        metadata=_noted(key, data),
        colormap=label_colormap(COLORS, seed=COLOR_SEED),
        **geometry,
    )
    viewer.layers.insert(viewer.layers.index(image) + 1, layer)
    if active is not None:
        viewer.layers.selection.active = active
    return layer


def clear_previews(viewer: Any) -> int:
    """Remove every preview layer; prompts and saved labels stay. Return how many there were."""
    found = [layer for layer in viewer.layers if layer.name in names.PREVIEWS]
    for layer in found:
        viewer.layers.remove(layer)
    return len(found)
