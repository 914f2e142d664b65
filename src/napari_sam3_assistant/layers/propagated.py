"""``SAM3 propagated preview labels``: what was followed through a stack, filled in frame by frame.

Planes of up to 4,096 pixels a side get an ordinary layer that can be painted in, of an array as
:mod:`~napari_sam3_assistant.layers.stacks` makes it. Those of larger planes get a read-only layer that takes no more
memory than its objects.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Labels

from napari_sam3_assistant.core.geometry import Box, PlacedMask, clip, slices, union
from napari_sam3_assistant.core.labels import to_masks
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.sources import Source
from napari_sam3_assistant.layers import names, stacks
from napari_sam3_assistant.layers.accepted import MOST_SIDE
from napari_sam3_assistant.layers.blocks import colormap, insert_above, note, picture_shape, write_note
from napari_sam3_assistant.layers.frames import frame_of
from napari_sam3_assistant.layers.owned import is_marked, mark
from napari_sam3_assistant.layers.pixels import is_zarr
from napari_sam3_assistant.layers.sparse import give, levels
from napari_sam3_assistant.layers.world import geometry_at
from napari_sam3_assistant.masks.drawing import label_type, ranked
from napari_sam3_assistant.masks.pieces import Record
from napari_sam3_assistant.masks.registry import MaskObject

KEY = "propagated"
FEW = 8
"""So many labels are looked for one by one; of more, a table is made."""


def propagated_layer(viewer: Any, identity: str | None = None) -> Any | None:
    """Return the layer of what was followed through a picture, or through any one, whatever its name is; or None.

    A duplicate of it is the user's.
    """
    found = (one for one in viewer.layers if isinstance(one, Labels) and KEY in note(one) and is_marked(one))
    return next((one for one in found if identity in (None, note(one)[KEY])), None)


def part(layer: Any) -> None:
    """Give a duplicate of the layer pixels of its own: napari lets it share what lies on the disk.

    Raises
    ------
    SaveError
        If the disk is full.
    """
    duplicate = isinstance(layer, Labels) and KEY in note(layer) and not is_marked(layer)
    if duplicate and not layer.multiscale and stacks.shares(layer.data):
        layer.data = stacks.copied(layer.data)


def empty_layer(
    viewer: Any, image: Any, source: Source, plane: Plane, ids: Iterable[int], most_bytes: int = stacks.MEMORY_BYTES
) -> Any:
    """Return a layer for a picture with nothing in it: the one that is there, emptied, where it fits.

    Nothing of an older run is left; a layer that does not fit, of another picture too, is removed.

    Parameters
    ----------
    viewer : napari viewer
    image : napari Image layer
    source : Source
        Of the image.
    plane : Plane
        Any one of those that are written.
    ids : iterable of int
        The labels that will be.
    most_bytes : int
        An array that takes more is kept on the disk.

    Raises
    ------
    SaveError
        If the disk cannot be written.
    """
    shape, dtype = picture_shape(image, source), label_type(ids)
    layer = propagated_layer(viewer)
    large = max(source.plane_shape(plane)) > MOST_SIDE
    data: Any = levels(shape, (), dtype) if large else stacks.stack_of(shape, dtype, plane, most_bytes)
    if layer is not None and _fits(layer, image, shape, large):
        if large:
            give(layer, data)
        else:
            before, layer.data = layer.data, data
            stacks.let_go(before)
        write_note(layer, {KEY: source.identity})
        return mark(layer)
    if layer is not None:
        remove_layer(viewer, layer)
    geometry = geometry_at(image, [0] * image.ndim)
    layer = Labels(data, multiscale=large, name=names.PROPAGATED, colormap=colormap(), **geometry)
    write_note(layer, {KEY: source.identity})
    return insert_above(viewer, image, mark(layer))


def remove_layer(viewer: Any, layer: Any) -> None:
    """Remove the layer, and what it keeps on the disk."""
    viewer.layers.remove(layer)
    removed(layer)


def removed(layer: Any) -> None:
    """Remove what a layer of ours, which has left the viewer, keeps on the disk."""
    if isinstance(layer, Labels) and KEY in note(layer) and is_marked(layer) and not layer.multiscale:
        stacks.let_go(layer.data)


def _fits(layer: Any, image: Any, shape: tuple[int, ...], large: bool) -> bool:
    if layer.multiscale != large or frame_of(layer) != frame_of(image):
        return False
    return writable(layer, shape) and tuple(layer.axis_labels) == tuple(image.axis_labels)


def writable(layer: Any, shape: tuple[int, ...]) -> bool:
    """Return whether a layer still has the pixels that it was made with: a user may give it others."""
    data = layer.data[0] if layer.multiscale else layer.data
    if layer.multiscale:
        kind = hasattr(data, "records")
    elif is_zarr(data):
        kind = not data.read_only
    else:
        kind = isinstance(data, np.ndarray) and bool(data.flags.writeable)
    return kind and tuple(data.shape) == shape


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

    Raises
    ------
    SaveError
        If the array is on the disk, and that is full.
    """
    highest = max((item.id for item in objects), default=0)
    if highest > np.iinfo(layer.data.dtype).max:
        _widen(layer, plane)
    labels = stacks.plane_in(layer.data, plane)
    touched = [_emptied(labels, {*gone, *(item.id for item in objects)})]
    for item in ranked(objects):
        box = clip(item.mask.box, labels.shape) if item.mask.box is not None else None
        if box is not None:
            np.copyto(labels[slices(box)], labels.dtype.type(item.id), where=item.mask.within(box))
            touched.append(box)
    changed = [box for box in touched if box is not None]
    if changed:
        stacks.put_plane(layer.data, plane, labels, union(changed))
    if seen:
        draw(layer)


def draw(layer: Any) -> None:
    """Draw the pixels that are on screen, and nothing else."""
    layer.refresh(thumbnail=False, highlight=False, extent=False)


def _widen(layer: Any, plane: Plane) -> None:
    """Give the layer labels of a type that holds more of them."""
    before = layer.data
    if not is_zarr(before):
        layer.data = before.astype(np.uint32)
        return
    wide = stacks.stack_of(before.shape, np.uint32, plane, 0)
    firsts = (range(0, length, step) for length, step in zip(before.shape, before.chunks, strict=True))
    for corner in product(*firsts):
        key = tuple(slice(at, at + step) for at, step in zip(corner, before.chunks, strict=True))
        part = before[key]
        if part.any():
            wide[key] = part
    layer.data = wide
    stacks.let_go(before)


def _emptied(labels: npt.NDArray[Any], ids: Collection[int]) -> Box | None:
    """Empty the pixels of some labels; return the box of all labels that there were, None where there were none."""
    rows = np.flatnonzero(labels.any(axis=1))
    if not ids or not rows.size:
        return None
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    cols = np.flatnonzero(labels[top:bottom].any(axis=0))
    left, right = int(cols[0]), int(cols[-1]) + 1
    part = labels[top:bottom, left:right]
    if len(ids) <= FEW:
        for id in ids:
            np.copyto(part, labels.dtype.type(0), where=part == id)
    else:
        table = np.zeros(int(part.max()) + 1, bool)
        table[[id for id in ids if id < len(table)]] = True
        np.copyto(part, labels.dtype.type(0), where=table[part])
    return Box(top, left, bottom, right)


def write_records(layer: Any, records: Sequence[Record]) -> None:
    """Show all objects of a stack in a read-only layer."""
    give(layer, levels(layer.data[0].shape, records, label_type(record.id for record in records)))


def read_frame(layer: Any, plane: Plane) -> dict[int, PlacedMask] | None:
    """Return the masks on a frame of an ordinary layer, as a user may have painted them; None of a read-only one."""
    return None if layer.multiscale else to_masks(np.asarray(stacks.plane_in(layer.data, plane)))


def copied(data: Any, plane: Plane, ids: Collection[int] | None = None) -> Any:
    """Return an independent copy of a layer's labels, or of some of them alone. May take long; on any thread.

    Parameters
    ----------
    data : array or list of SparseLabels
    plane : Plane
        Any one of the stack.
    ids : collection of int or None
        The labels that are copied; None copies all.

    Raises
    ------
    SaveError
        If it is on the disk, and that is full.
    """
    if isinstance(data, list):
        if ids is None:
            return data
        return levels(data[0].shape, [one for one in data[0].records if one.id in ids], data[0].dtype)
    made = stacks.copied(data)
    if ids is not None:
        stacks.keep_only(made, plane, ids)
    return made


def add_labels(viewer: Any, image: Any, data: Any, name: str, metadata: Mapping[str, Any] | None = None) -> Any:
    """Add labels of a picture's shape above it, the user's own, and return their layer."""
    geometry = geometry_at(image, [0] * image.ndim)
    made = Labels(
        data,
        multiscale=isinstance(data, list),
        name=name,
        colormap=colormap(),
        metadata=dict(metadata or {}),
        **geometry,
    )
    return insert_above(viewer, image, made)


def hand_over(layer: Any, name: str) -> str:
    """Make the layer the user's own, under another name, and return the name that napari gives it."""
    write_note(layer, None)
    layer.name = name
    return str(layer.name)
