"""Saved labels: layers that hold objects of a plane as they were when they were saved, the user's own from then on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.layers import Labels

from napari_sam3_assistant.core.geometry import union
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.sources import Source
from napari_sam3_assistant.core.windows import whole
from napari_sam3_assistant.layers.blocks import (
    block_geometry,
    colormap,
    grid_block,
    insert_above,
    note,
    same_frame,
    to_axes,
    write_note,
)
from napari_sam3_assistant.layers.held import sparse_data
from napari_sam3_assistant.layers.previews import preview_layer
from napari_sam3_assistant.masks.drawing import draw, label_type
from napari_sam3_assistant.masks.registry import MaskObject

MOST_SIDE = 4096
"""Of planes up to this side the layer covers all; of larger ones as much as the objects take, up to its square."""


def add_saved(viewer: Any, image: Any, source: Source, plane: Plane, objects: Sequence[MaskObject], name: str) -> Any:
    """Add a Labels layer of objects above their image and return it; napari numbers the second one of a name.

    Parameters
    ----------
    viewer : napari viewer
    image : napari Image layer
        Whose geometry is taken over.
    source : Source
        Of the image.
    plane : Plane
        On which the objects lie.
    objects : sequence of MaskObject
        One at least. Where they overlap, the better score is seen.
    name : str
        Of the layer.

    Notes
    -----
    Objects too far apart for one array get a read-only layer that takes no more memory than they do.
    """
    data, geometry = _made(image, source, plane, objects)
    sparse = isinstance(data, list)
    return insert_above(viewer, image, Labels(data, multiscale=sparse, name=name, colormap=colormap(), **geometry))


def turn_preview(
    viewer: Any, image: Any, source: Source, plane: Plane, objects: Sequence[MaskObject], name: str
) -> Any:
    """Make ``SAM3 preview labels`` the layer that :func:`add_saved` would add, with its parameters, and return it.

    napari takes some tenths of a second to add a layer and as long to remove one: here none comes and
    none goes. Where the preview does not fit, a layer is added.
    """
    layer = preview_layer(viewer)
    data, geometry = _made(image, source, plane, objects)
    if layer is None or "drawn" not in note(layer) or isinstance(data, list) or not same_frame(layer, geometry):
        return add_saved(viewer, image, source, plane, objects, name)
    if not np.array_equal(layer.data, data):
        layer.data = data
    layer.translate = geometry["translate"]
    write_note(layer, None)
    layer.name = name
    return layer


def _made(image: Any, source: Source, plane: Plane, objects: Sequence[MaskObject]) -> tuple[Any, dict[str, Any]]:
    """Return data (a list of levels where no array holds the objects) and geometry of a layer."""
    shape = source.plane_shape(plane)
    box = union(box for item in objects if (box := item.mask.box) is not None)
    block = whole(shape) if max(shape) <= MOST_SIDE else grid_block(box, shape)
    if block.shape[0] * block.shape[1] > MOST_SIDE**2:
        return sparse_data(source, plane, image.ndim, objects), block_geometry(image, plane, whole(shape))
    labels = draw(objects, block, label_type(item.id for item in objects))
    return to_axes(labels, plane, image.ndim), block_geometry(image, plane, block)
