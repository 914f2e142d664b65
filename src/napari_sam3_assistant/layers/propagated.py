"""``SAM3 propagated preview labels``: what was followed through a stack, filled in frame by frame.

Stacks of up to :data:`MOST_PIXELS` pixels, in planes of up to 4,096 a side, get an ordinary layer that can be painted
in; memory is used where something is written. Larger ones get a read-only layer that takes no more memory than its
objects.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np
from napari.layers import Labels

from napari_sam3_assistant.core.geometry import PlacedMask, clip, slices
from napari_sam3_assistant.core.labels import to_masks
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.sources import Source
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.layers.accepted import MOST_SIDE
from napari_sam3_assistant.layers.blocks import colormap, insert_above, note, picture_shape, to_plane, write_note
from napari_sam3_assistant.layers.frames import frame_of
from napari_sam3_assistant.layers.sparse import give, levels
from napari_sam3_assistant.layers.world import geometry_at
from napari_sam3_assistant.masks.drawing import label_type, ranked
from napari_sam3_assistant.masks.pieces import Record
from napari_sam3_assistant.masks.registry import MaskObject

MOST_PIXELS = 2**28
KEY = "propagated"


def propagated_layer(viewer: Any, identity: str | None = None) -> Any | None:
    """Return the layer of what was followed through a picture, or through any one, whatever its name is; or None."""
    found = (one for one in viewer.layers if isinstance(one, Labels) and KEY in note(one))
    return next((one for one in found if identity in (None, note(one)[KEY])), None)


def empty_layer(viewer: Any, image: Any, source: Source, ids: Iterable[int]) -> Any:
    """Return a layer for a picture with nothing in it: the one that is there, emptied, where it fits.

    Nothing of an older run is left; a layer that does not fit, of another picture too, is removed.
    """
    shape, dtype = picture_shape(image, source), label_type(ids)
    layer = propagated_layer(viewer)
    large = max(shape) > MOST_SIDE or int(np.prod(shape, dtype=np.int64)) > MOST_PIXELS
    data: Any = levels(shape, (), dtype) if large else np.zeros(shape, dtype)
    if layer is not None and _fits(layer, image, shape, large):
        if large:
            give(layer, data)
        else:
            layer.data = data
        write_note(layer, {KEY: source.identity})
        return layer
    if layer is not None:
        viewer.layers.remove(layer)
    geometry = geometry_at(image, [0] * image.ndim)
    layer = Labels(data, multiscale=large, name=names.PROPAGATED, colormap=colormap(), **geometry)
    write_note(layer, {KEY: source.identity})
    return insert_above(viewer, image, layer)


def _fits(layer: Any, image: Any, shape: tuple[int, ...], large: bool) -> bool:
    if layer.multiscale != large or frame_of(layer) != frame_of(image):
        return False
    data = layer.data[0] if large else layer.data
    return tuple(data.shape) == shape


def writable(layer: Any, shape: tuple[int, ...]) -> bool:
    """Return whether a layer still has the pixels that it was made with: a user may give it others."""
    data = layer.data[0] if layer.multiscale else layer.data
    kind = hasattr(data, "records") if layer.multiscale else isinstance(data, np.ndarray) and data.flags.writeable
    return bool(kind and tuple(data.shape) == shape)


def write_frame(layer: Any, plane: Plane, objects: Sequence[MaskObject], gone: Collection[int], *, seen: bool) -> None:
    """Write the objects of a frame into an ordinary layer, in place.

    Parameters
    ----------
    layer : napari Labels layer
    plane : Plane
        Of the frame.
    objects : sequence of MaskObject
        Of those that overlap, the best one is seen.
    gone : collection of int
        The labels whose pixels are emptied first; what else a user has painted there stays.
    seen : bool
        Whether the frame is on screen: else nothing is drawn.
    """
    highest = max((item.id for item in objects), default=0)
    if highest > np.iinfo(layer.data.dtype).max:
        layer.data = layer.data.astype(np.uint32)
    labels = to_plane(layer.data[_key(plane, layer.ndim)], plane)
    emptied = [*gone, *(item.id for item in objects)]
    if emptied and labels.any():
        labels[np.isin(labels, emptied)] = 0
    for item in ranked(objects):
        box = clip(item.mask.box, labels.shape) if item.mask.box is not None else None
        if box is not None:
            labels[slices(box)][item.mask.within(box)] = item.id
    if seen:
        layer.refresh()


def write_records(layer: Any, records: Sequence[Record]) -> None:
    """Show all objects of a stack in a read-only layer."""
    give(layer, levels(layer.data[0].shape, records, label_type(record.id for record in records)))


def read_frame(layer: Any, plane: Plane) -> dict[int, PlacedMask] | None:
    """Return the masks on a frame of an ordinary layer, as a user may have painted them; None of a read-only one."""
    if layer.multiscale:
        return None
    return to_masks(np.asarray(to_plane(layer.data[_key(plane, layer.ndim)], plane)))


def add_copy(viewer: Any, image: Any, layer: Any) -> Any:
    """Add a copy of what was followed above its picture, the user's own, and return it."""
    data = layer.data if layer.multiscale else layer.data.copy()
    geometry = geometry_at(image, [0] * image.ndim)
    made = Labels(data, multiscale=layer.multiscale, name=names.SAVED_PROPAGATED, colormap=colormap(), **geometry)
    return insert_above(viewer, image, made)


def hand_over(layer: Any, name: str) -> str:
    """Make the layer the user's own, under another name, and return the name that napari gives it."""
    write_note(layer, None)
    layer.name = name
    return str(layer.name)


def _key(plane: Plane, ndim: int) -> tuple[slice, ...]:
    """Return the slices of a plane in an array of ``ndim`` axes, of length 1 on those that it cuts."""
    key = [slice(None)] * ndim
    for axis, position in plane.index:
        key[axis] = slice(position, position + 1)
    return tuple(key)
