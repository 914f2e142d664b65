"""Preview layers of a batch: ``SAM3 preview labels [image - prompt]`` and its boxes and masks, one set for each result.

They show objects that are kept elsewhere; which result a layer shows is noted in its metadata, so that a
layer that was renamed is found again. What a user paints in one is told by :func:`absorb`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Labels, Shapes

from napari_sam3_assistant.core.geometry import union
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.sources import Source
from napari_sam3_assistant.core.windows import whole
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.layers.blocks import (
    RESULT,
    block_geometry,
    colormap,
    grid_block,
    insert_above,
    note,
    same_frame,
    take_away,
    to_axes,
    to_plane,
    write_note,
)
from napari_sam3_assistant.layers.held import sparse_data
from napari_sam3_assistant.layers.preview_boxes import show_boxes
from napari_sam3_assistant.layers.preview_masks import show_masks
from napari_sam3_assistant.masks.drawing import draw, label_type, painted
from napari_sam3_assistant.masks.registry import PAINTED, MaskObject, Objects, Origin

MOST_PIXELS = 4096**2
"""Objects farther apart than that get a read-only layer that takes no more memory than they do."""
LABELS, BOXES, MASKS = names.PREVIEW_LABELS, names.PREVIEW_BOXES, names.PREVIEW_MASKS
KIND, ITEMS, DRAWN, WINDOW = "kind", "items", "pixels", "block"
Result = tuple[str, Plane, str]
"""What a set of layers shows: an image's unique id, a plane of it, and the phrase that was asked (or nothing)."""


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A layer that shows a result: which one, as what (:data:`LABELS`, :data:`BOXES` or :data:`MASKS`), and of what."""

    layer: Any
    result: Result
    kind: str
    items: tuple[MaskObject, ...]


def shown(viewer: Any) -> list[Shown]:
    """Return the layers that show results of a batch."""
    return [found for layer in viewer.layers if (found := shown_in(layer)) is not None]


def shown_in(layer: Any) -> Shown | None:
    """Return what a layer shows of a batch; None where it shows nothing of one."""
    noted = note(layer)
    if RESULT not in noted or not isinstance(layer, Labels | Shapes):
        return None
    return Shown(layer, noted[RESULT], noted[KIND], noted[ITEMS])


def show_labels(
    viewer: Any,
    image: Any,
    source: Source,
    result: Result,
    items: tuple[MaskObject, ...],
    title: str,
    layer: Any | None = None,
    *,
    visible: bool = True,
) -> Any:
    """Show objects as labels above their image, and return the layer.

    Parameters
    ----------
    viewer : napari viewer
    image, source : napari Image layer, Source
        Whose geometry is taken over.
    result : Result
    items : tuple of MaskObject
        One at least. A label is the object's number; where they overlap, the better score is seen.
    title : str
        Name of the layer.
    layer : napari Labels layer or None
        That shows the result already.
    visible : bool
        Whether a new layer is.
    """
    plane, shape = result[1], source.plane_shape(result[1])
    box = union(box for item in items if (box := item.mask.box) is not None)
    block = grid_block(box, shape)
    sparse = block.shape[0] * block.shape[1] > MOST_PIXELS
    block, drawn, data = whole(shape) if sparse else block, None, None
    if not sparse:
        drawn = draw(items, block, label_type(item.id for item in items))
        data = to_axes(drawn.copy(), plane, image.ndim)
    geometry = block_geometry(image, plane, block)
    if layer is not None and (
        layer.multiscale or sparse or layer.ndim != image.ndim or not same_frame(layer, geometry)
    ):
        visible = layer.visible
        take_away(viewer, layer)
        layer = None
    if layer is None:
        pixels = sparse_data(source, plane, image.ndim, items) if sparse else data
        about = {"name": title, "colormap": colormap(), "visible": visible}
        layer = insert_above(viewer, image, Labels(pixels, multiscale=sparse, **about, **geometry))
    else:
        layer.translate = geometry["translate"]
        layer.data = data
    rename(layer, title)
    write_note(layer, {RESULT: result, KIND: LABELS, ITEMS: items, DRAWN: drawn, WINDOW: block})
    return layer


def show_others(
    viewer: Any, image: Any, source: Source, result: Result, items: tuple[MaskObject, ...], titles: tuple[str, str]
) -> None:
    """Show the boxes of objects, and those that overlap as masks of their own, hidden at first.

    ``titles`` are the names of the two layers; the other parameters are those of :func:`show_labels`.
    """
    objects = Objects(items, 1 + max(item.id for item in items))
    boxes = show_boxes(viewer, image, source, result[1], objects, name=titles[0])
    masks = show_masks(viewer, image, source, result[1], objects, name=titles[1])
    for layer, kind in ((boxes, BOXES), (masks, MASKS)):
        if layer is not None:
            write_note(layer, {**note(layer), RESULT: result, KIND: kind, ITEMS: items})


def rename(layer: Any, title: str) -> None:
    """Give a layer another name, unless it has it."""
    if layer.name != title:
        layer.name = title


def is_painted(layer: Any) -> bool:
    """Return whether the pixels of a layer of labels are no longer those that were drawn."""
    noted, labels = note(layer), _pixels(layer)
    return labels is not None and not np.array_equal(labels, noted[DRAWN])


def absorb(layer: Any, objects: Objects, origin: Origin = PAINTED) -> Objects:
    """Return the objects of a plane as a user left them who painted in the labels of a result of it.

    Parameters
    ----------
    layer : napari Labels layer
        Of :func:`show_labels`.
    objects : Objects
        All of the plane.
    origin : Origin
        Of what was painted with a number of no object.
    """
    noted, labels = note(layer), _pixels(layer)
    if labels is None or np.array_equal(labels, noted[DRAWN]):
        return objects
    ids = frozenset(item.id for item in noted[ITEMS])
    found = painted(objects, ids, noted[DRAWN], labels, noted[WINDOW], origin)
    new: Sequence[int] = [item.id for item in found if item.id not in objects]
    for id in new:
        found = found.replace(id, class_name=noted[RESULT][2])
    write_note(layer, {**noted, DRAWN: labels.copy()})
    return found


def _pixels(layer: Any) -> np.ndarray | None:
    """Return the labels as the plane has them; None where they are not those of an array of ours."""
    noted, data = note(layer), layer.data
    drawn = noted.get(DRAWN)
    if drawn is None or not isinstance(data, np.ndarray) or data.size != drawn.size:
        return None
    labels = to_plane(data, noted[RESULT][1])
    return labels if labels.shape == drawn.shape and labels.min(initial=0) >= 0 else None
