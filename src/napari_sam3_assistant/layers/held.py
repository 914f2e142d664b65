"""``SAM3 held objects``: those that lie too far from where the user works to be drawn with the others.

A read-only layer over the whole plane that takes no more memory than its objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from napari.layers import Labels

from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.sources import Source
from napari_sam3_assistant.core.windows import whole
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.layers.blocks import (
    axes_shape,
    block_geometry,
    colormap,
    insert_above,
    same_frame,
    take_away,
    unchanged,
    write_note,
)
from napari_sam3_assistant.layers.sparse import SparseLabels, give, levels
from napari_sam3_assistant.masks.drawing import label_type, ranked
from napari_sam3_assistant.masks.pieces import Record
from napari_sam3_assistant.masks.registry import MaskObject


def held_layer(viewer: Any) -> Any | None:
    """Return the layer ``SAM3 held objects``, or None."""
    found = (one for one in viewer.layers if one.name == names.HELD and isinstance(one, Labels))
    return next(found, None)


def sparse_data(source: Source, plane: Plane, ndim: int, items: Sequence[MaskObject]) -> list[SparseLabels]:
    """Return objects as multiscale labels of the whole plane that take no more memory than they do.

    As a preview, these have ``ndim`` axes, of length 1 on those that the plane cuts.
    """
    flat = Plane(plane.row_axis, plane.col_axis, tuple((axis, 0) for axis, _ in plane.index))
    shape = axes_shape(source.plane_shape(plane), plane, ndim)
    records = [Record(item.id, item.mask, flat) for item in ranked(items)]
    return levels(shape, records, label_type(item.id for item in items))


def show_held(viewer: Any, image: Any, source: Source, plane: Plane, held: Sequence[MaskObject]) -> Any | None:
    """Show objects in ``SAM3 held objects`` and return the layer; without any, it is removed.

    Parameters
    ----------
    viewer : napari viewer
    image : napari Image layer
        Whose geometry is taken over.
    source : Source
        Of the image.
    plane : Plane
        On which the objects lie.
    held : sequence of MaskObject
    """
    layer, key = held_layer(viewer), {"image": source.identity, "plane": plane, "items": tuple(held)}
    geometry = block_geometry(image, plane, whole(source.plane_shape(plane)))
    fits = layer is not None and layer.ndim == image.ndim and same_frame(layer, geometry)
    if layer is not None and (not held or not fits or not layer.multiscale):
        take_away(viewer, layer)
        layer = None
    if not held or (layer is not None and unchanged(layer, key)):
        return layer
    data = sparse_data(source, plane, image.ndim, held)
    if layer is None:
        layer = Labels(data, multiscale=True, name=names.HELD, colormap=colormap(), **geometry)
        insert_above(viewer, image, layer)
    else:
        give(layer, data)
        layer.translate = geometry["translate"]
    write_note(layer, key)
    return layer
