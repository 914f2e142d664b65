"""``SAM3 preview masks``: objects that overlap, each on a slice of its own, so that all of each is seen.

The stack has one axis more than the picture, in front. It is a Labels layer: napari would
offer an Image layer as a picture to segment.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.layers import Labels

from napari_sam3_assistant.core.geometry import intersection, slices, union
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.sources import Source
from napari_sam3_assistant.core.windows import Window
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.layers.blocks import (
    axes_shape,
    block_geometry,
    colormap,
    grid_block,
    insert_above,
    same_frame,
    take_away,
    unchanged,
    write_note,
)
from napari_sam3_assistant.layers.sparse import SparseLabels
from napari_sam3_assistant.masks.drawing import label_type
from napari_sam3_assistant.masks.pieces import Record
from napari_sam3_assistant.masks.registry import MaskObject, Objects

MOST_PIXELS = 4096**2
MOST_BYTES = 2**26
"""A larger stack is made where it is looked at."""


def masks_layer(viewer: Any, name: str = names.PREVIEW_MASKS) -> Any | None:
    """Return the layer ``SAM3 preview masks``, or that of another name, or None."""
    found = (one for one in viewer.layers if one.name == name and isinstance(one, Labels))
    return next(found, None)


def overlapping(objects: Objects) -> tuple[MaskObject, ...]:
    """Return the objects that share a pixel with another one, in their order."""
    items = [item for item in objects if item.mask.box is not None]
    corners = np.array([item.mask.box.corners for item in items if item.mask.box], int).reshape(-1, 4)
    low, high = corners[:, :2], corners[:, 2:]
    meet = (low[:, None] < high[None]).all(axis=2)
    meet &= meet.T
    near = [item for item, count in zip(items, np.count_nonzero(meet, axis=1).tolist(), strict=True) if count > 1]
    if not near:
        return ()
    box = union(item.mask.box for item in near if item.mask.box)
    if box.area > MOST_PIXELS:
        return tuple(a for a in near if any(a is not b and _share(a, b) for b in near))
    count = np.zeros((int(box.size[0]), int(box.size[1])), np.uint16)
    places = [(item, slices(item.mask.box or box, (int(box.top), int(box.left)))) for item in near]
    for item, place in places:
        count[place] += item.mask.mask
    return tuple(item for item, place in places if (count[place][item.mask.mask] > 1).any())


def _share(a: MaskObject, b: MaskObject) -> bool:
    shared = intersection(a.mask.box, b.mask.box) if a.mask.box and b.mask.box else None
    if shared is None:
        return False
    return bool((a.mask.mask[slices(shared, a.mask.offset)] & b.mask.mask[slices(shared, b.mask.offset)]).any())


def show_masks(
    viewer: Any, image: Any, source: Source, plane: Plane, objects: Objects, *, name: str = names.PREVIEW_MASKS
) -> Any | None:
    """Show objects that overlap in ``SAM3 preview masks``, hidden at first; where none do, it is removed.

    Parameters
    ----------
    viewer : napari viewer
    image, source : napari Image layer, Source
        Whose geometry is taken over.
    plane : Plane
        On which the objects lie.
    objects : Objects
    name : str
        Of the layer.

    Returns
    -------
    napari Labels layer or None
        Of shape (N, ...): slice k holds the k-th object that overlaps, as its number; the other axes
        are the picture's, of length 1 where the plane cuts them.
    """
    layer, items = masks_layer(viewer, name), overlapping(objects)
    if not items:
        if layer is not None:
            take_away(viewer, layer)
        return None
    block = grid_block(union(item.mask.box for item in items if item.mask.box), source.plane_shape(plane))
    geometry = _with_front_axis(block_geometry(image, plane, block), viewer, image.ndim)
    visible = False
    if layer is not None and (layer.ndim != image.ndim + 1 or not same_frame(layer, geometry)):
        visible = layer.visible
        take_away(viewer, layer)
        layer = None
    key = {"image": source.identity, "plane": plane, "items": items}
    if layer is None:
        about = {"name": name, "colormap": colormap(), "visible": visible}
        layer = Labels(_stack(items, plane, block, image.ndim), multiscale=False, **about, **geometry)
        insert_above(viewer, image, layer)
    elif not unchanged(layer, key):
        layer.data = _stack(items, plane, block, image.ndim)
        layer.translate = geometry["translate"]
    write_note(layer, key)
    return layer


def _stack(items: Sequence[MaskObject], plane: Plane, block: Window, ndim: int) -> Any:
    records = [
        Record(
            item.id,
            item.mask.shifted(-block.top, -block.left),
            Plane(plane.row_axis + 1, plane.col_axis + 1, ((0, place), *((axis + 1, 0) for axis, _ in plane.index))),
        )
        for place, item in enumerate(items)
    ]
    shape = (len(items), *axes_shape(block.shape, plane, ndim))
    stack = SparseLabels(shape, records, dtype=label_type(item.id for item in items))
    return np.asarray(stack) if stack.size * stack.dtype.itemsize <= MOST_BYTES else stack


def _with_front_axis(geometry: dict[str, Any], viewer: Any, ndim: int) -> dict[str, Any]:
    """Return the geometry of a layer with one axis more, in front, on which it lies as it is."""

    def framed(matrix: Any) -> np.ndarray:
        matrix = np.asarray(matrix, dtype=float)
        out = np.eye(len(matrix) + 1)
        out[1:, 1:] = matrix
        return out

    shear = np.asarray(geometry["shear"], dtype=float)
    if shear.ndim == 1:
        full = np.eye(ndim)
        full[np.triu_indices(ndim, 1)] = shear
        shear = full
    # Units on one axis that do not go together make napari ignore all units of the viewer.
    units = viewer.layers.extent.units
    unit = units[-ndim - 1] if units is not None and len(units) > ndim else "pixel"
    return {
        "scale": (1.0, *geometry["scale"]),
        "translate": (0.0, *geometry["translate"]),
        "rotate": framed(geometry["rotate"]),
        "shear": framed(shear),
        "affine": framed(geometry["affine"]),
        "units": (unit, *geometry["units"]),
        "axis_labels": ("object", *geometry["axis_labels"]),
    }
