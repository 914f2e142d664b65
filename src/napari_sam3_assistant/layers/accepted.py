"""``SAM3 live accepted labels``: the objects a user keeps, one layer for each picture.

Planes of up to :data:`MOST_SIDE` pixels a side get an ordinary layer that can be painted in;
larger ones a read-only layer that takes no more memory than its objects. What was accepted is
told by :class:`Accepted`, so that it can be taken back and made again, in any order, without
touching what a user painted meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Labels

from napari_sam3_assistant.core.errors import ImageError
from napari_sam3_assistant.core.geometry import Box, PlacedMask, clip, intersection, slices
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.sources import Source
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.layers.blocks import (
    colormap,
    insert_above,
    note,
    picture_shape,
    to_plane,
    write_note,
)
from napari_sam3_assistant.layers.frames import frame_of, take_frame
from napari_sam3_assistant.layers.sparse import SparseLabels, give, levels
from napari_sam3_assistant.layers.world import geometry_at
from napari_sam3_assistant.masks.accepting import Accepted as Accepted
from napari_sam3_assistant.masks.accepting import Facts, accepted_of, beneath, held_already
from napari_sam3_assistant.masks.drawing import label_type
from napari_sam3_assistant.masks.pieces import Record

MOST_SIDE = 4096
COVER = "cover"
"""Noted of a layer of which a window is shown by a copy: what hides it there."""
MOST_PIXELS = 2**28
"""An object whose rectangle has more pixels is not accepted: it would take gigabytes and minutes."""
MOST_LOOKED_THROUGH = 2**26
"""Of layers with more pixels, only the plane in use is looked through for the highest label."""


def accepted_layer(viewer: Any, image: Any) -> Any | None:
    """Return the layer of accepted labels of an image, whatever its name is now, or None."""
    return _layer_of(viewer, str(image.unique_id))


def _layer_of(viewer: Any, identity: str) -> Any | None:
    found = (one for one in viewer.layers if isinstance(one, Labels) and note(one).get("accepted") == identity)
    return next(found, None)


def is_accepted(layer: Any) -> bool:
    """Whether a layer holds accepted objects, in the viewer or taken out of it."""
    return isinstance(layer, Labels) and "accepted" in note(layer)


def all_accepted(viewer: Any) -> tuple[Accepted, ...]:
    """Return what was accepted on every image of a viewer; image by image, the newest last."""
    found: list[Accepted] = []
    for layer in viewer.layers:
        if is_accepted(layer):
            found += sorted(note(layer)["live"].values(), key=lambda record: record.id)
    return tuple(found)


def accept(
    viewer: Any,
    image: Any,
    source: Source,
    plane: Plane,
    masks: Sequence[PlacedMask],
    places: Sequence[int] | None = None,
    facts: Sequence[Facts] = (),
) -> tuple[Accepted, ...]:
    """Write masks into the layer of accepted labels, with numbers above all that it has; return what was written.

    Pixels that hold a label keep it; but a mask of which nothing else is left is written over them.
    Left out are masks outside the plane, and those of an object that the layer has already: their overlap
    is half of their union or more.

    Parameters
    ----------
    viewer : napari viewer
    image : napari Image layer
        Whose geometry the layer has.
    source : Source
        Of the image.
    plane : Plane
        On which the masks lie.
    masks : sequence of PlacedMask
        Written in this order: the first one keeps a pixel that several hold.
    places : sequence of int or None
        Which of the new numbers each mask gets, 0 the lowest; None: in their order.
    facts : sequence of Facts
        What is known of each mask; nothing where there are none.

    Raises
    ------
    ImageError
        If an object is too large, or there is no memory for a layer of the picture's size.
    """
    shape, places = source.plane_shape(plane), places if places is not None else range(len(masks))
    wanted = [
        (place, mask, box, about)
        for place, mask, about in zip(places, masks, facts or [Facts()] * len(masks), strict=True)
        if mask.lies_on(shape) and mask.box and (box := clip(mask.box, shape))
    ]
    if not wanted:
        return ()
    for _, _, box, _ in wanted:
        if box.area > MOST_PIXELS:
            height, width = box.size
            raise ImageError(
                f"An object of {height:,.0f} x {width:,.0f} pixels is too large to be accepted.",
                hint="Press Save: a file can hold it. Or segment a smaller copy of the picture.",
            )
    layer = ready(viewer, image, source, plane)
    live, erased = note(layer)["live"], note(layer)["erased"]
    free = 1 + max(highest(layer, plane), max(live, default=0), max(erased, default=0))
    make_room(layer, free + max(place for place, *_ in wanted))
    made: list[Accepted] = []
    at_once: set[int] = set()
    known, data = {id: one for id, one in live.items() if one.plane == plane}, _pixels(layer)
    for place, mask, box, about in wanted:
        labels = _read(layer, plane, box, made, data)
        if held_already(mask.within(box), labels, known, at_once):
            continue
        one = accepted_of(free + place, mask.within(box), box, labels, source.identity, plane)
        made.append(replace(one, act=free, facts=about))
        known[one.id] = made[-1]
        at_once.add(one.id)
        _put(layer, made[-1], labels, box)
    finish(layer, {**live, **{record.id: record for record in made}}, erased, made)
    return tuple(made)


def erase(viewer: Any, records: Iterable[Accepted]) -> None:
    """Take accepted objects back: pixels that still have their number become what they were before.

    Pixels that were painted since stay. What is not in a layer any more is left alone.
    """
    for identity, mine in _by_image(records).items():
        layer = _layer_of(viewer, identity)
        if layer is None:
            continue
        live, erased = dict(note(layer)["live"]), dict(note(layer)["erased"])
        mine = [record for record in mine if live.get(record.id) is record]
        for record in mine:
            erased[record.id] = live.pop(record.id)
            if not layer.multiscale:
                labels = _own(layer, record)
                gone = record.mask.mask & (labels == record.id)
                labels[gone] = beneath(record, erased)[gone]
        if mine:
            finish(layer, live, erased, mine)


def restore(viewer: Any, image: Any, source: Source, records: Iterable[Accepted]) -> None:
    """Write accepted objects again, with the numbers they had, where nothing was painted since.

    An object whose number another one has by now (in a layer made anew) is left out. Parameters and
    errors are those of :func:`accept`.
    """
    mine = sorted(records, key=lambda record: record.id)
    if not mine:
        return
    layer = ready(viewer, image, source, mine[0].plane)
    live, erased = dict(note(layer)["live"]), dict(note(layer)["erased"])
    mine = [one for one in mine if one.id not in live and erased.get(one.id, one).root is one.root]
    make_room(layer, max((record.id for record in mine), default=0))
    for record in mine:
        erased.pop(record.id, None)
        live[record.id] = record
        if not layer.multiscale:
            labels = _own(layer, record)
            labels[record.mask.mask & (labels == beneath(record, erased))] = record.id
    finish(layer, live, erased, mine)


def _by_image(records: Iterable[Accepted]) -> dict[str, list[Accepted]]:
    found: dict[str, list[Accepted]] = {}
    for record in sorted(records, key=lambda record: record.id):
        found.setdefault(record.image, []).append(record)
    return found


# -- the layer ------------------------------------------------------------------------------------


def ready(viewer: Any, image: Any, source: Source, plane: Plane) -> Any:
    """Return the layer of an image to write into, made if it is not there, with the image's geometry."""
    geometry, shape = geometry_at(image, [0] * image.ndim), picture_shape(image, source)
    layer = _layer_of(viewer, source.identity)
    if layer is not None and not _writable(layer, shape):
        write_note(layer, None)  # the user gave it other data: it is the user's own from now on
        layer = None
    if layer is not None:
        if frame_of(layer) != frame_of(image):
            take_frame(layer, image)
        return layer
    large = max(source.plane_shape(plane)) > MOST_SIDE
    layer = Labels(
        levels(shape, (), np.uint16) if large else _zeros(shape),
        multiscale=large,
        name=names.ACCEPTED,
        colormap=colormap(),
        **geometry,
    )
    write_note(layer, {"accepted": source.identity, "live": {}, "erased": {}})
    return insert_above(viewer, image, layer)


def _zeros(shape: tuple[int, ...]) -> npt.NDArray[np.uint16]:
    try:
        return np.zeros(shape, np.uint16)
    except (MemoryError, ValueError) as error:
        raise ImageError(
            f"There is no memory for accepted labels of shape {shape}.",
            hint="Close other layers, or work on a part of the stack.",
        ) from error


def _writable(layer: Any, shape: tuple[int, ...]) -> bool:
    data = layer.data
    if layer.multiscale:
        return tuple(data[0].shape) == shape and hasattr(data[0], "records")
    return isinstance(data, np.ndarray) and data.shape == shape and data.flags.writeable


def highest(layer: Any, plane: Plane) -> int:
    """Return the highest label of a layer that can be painted in."""
    if layer.multiscale:
        return 0
    data = layer.data
    if data.size > MOST_LOOKED_THROUGH:
        data = data[tuple(dict(plane.index).get(axis, slice(None)) for axis in range(data.ndim))]
    return int(data.max())


def make_room(layer: Any, highest: int) -> None:
    """Make the labels of a type that holds ``highest``."""
    if not layer.multiscale and highest > np.iinfo(layer.data.dtype).max:
        layer.data = layer.data.astype(np.uint32)


def block_of(plane: Plane, box: Box, ndim: int) -> tuple[slice, ...]:
    """Return the slices of a box of a plane in an array of ``ndim`` axes."""
    key = [slice(None)] * ndim
    for axis, position in plane.index:
        key[axis] = slice(position, position + 1)
    key[plane.row_axis], key[plane.col_axis] = slices(box)
    return tuple(key)


def _pixels(layer: Any) -> Any:
    """Return the array of a layer's labels; of a large plane, also of what a copy shows in its place."""
    if COVER in note(layer):
        return SparseLabels(layer.data[0].shape, records_of(note(layer)["live"]))
    return layer.data[0] if layer.multiscale else layer.data


def _read(layer: Any, plane: Plane, box: Box, made: Sequence[Accepted], data: Any) -> npt.NDArray[Any]:
    """Return the labels of a box of a plane: a view of them where the layer is an ordinary array."""
    if not layer.multiscale:
        return to_plane(data[block_of(plane, box, layer.ndim)], plane)
    labels = to_plane(np.asarray(data[block_of(plane, box, layer.ndim)], dtype=np.uint32), plane)
    places = np.array([(*record.mask.offset, *record.mask.mask.shape) for record in made], int).reshape(-1, 4)
    first, last = places[:, :2], places[:, :2] + places[:, 2:]
    near = ((first < (box.bottom, box.right)) & (last > (box.top, box.left))).all(axis=1)
    for record in (made[place] for place in np.flatnonzero(near).tolist()):
        shared = intersection(record.mask.box, box) if record.mask.box else None
        if shared is not None:
            part = record.mask.mask[slices(shared, record.mask.offset)]
            labels[slices(shared, (int(box.top), int(box.left)))][part] = record.id
    return labels


def _own(layer: Any, record: Accepted) -> npt.NDArray[Any]:
    """Return the view of the labels where an object of an ordinary layer lies."""
    (row, col), (height, width) = record.mask.offset, record.mask.mask.shape
    return _read(layer, record.plane, Box(row, col, row + height, col + width), (), layer.data)


def _put(layer: Any, record: Accepted, labels: npt.NDArray[Any], box: Box) -> None:
    if not layer.multiscale and record.mask.box is not None:
        labels[slices(record.mask.box, (int(box.top), int(box.left)))][record.mask.mask] = record.id


def finish(
    layer: Any, live: Mapping[int, Accepted], erased: Mapping[int, Accepted], changed: Iterable[Accepted] | None = None
) -> None:
    """Note which objects there are, draw the layer, and tell others that its pixels are others.

    Where all that ``changed`` lies in a window that a copy shows in the layer's place, nothing is drawn.
    """
    write_note(layer, {**note(layer), "live": dict(live), "erased": dict(erased)})
    if layer.multiscale:
        covers = note(layer).get(COVER, ())
        if changed is None or not covers or not all(_hidden(one, covers[0]) for one in changed):
            give(layer, levels(layer.data[0].shape, (*records_of(live), *covers), label_type(live)))
        return
    layer.refresh()
    layer.events.paint(value=[])  # what is written into the array is no event of napari's


def _hidden(one: Accepted, cover: Record) -> bool:
    box, window = one.mask.box, cover.mask.box
    inside = box is None or (window is not None and intersection(box, window) == box)
    return inside and one.plane == cover.plane


def records_of(live: Mapping[int, Accepted]) -> list[Record]:
    """Return objects as pieces of a sparse layer: the highest number lies on top."""
    return [Record(one.id, one.mask, one.plane) for one in sorted(live.values(), key=lambda one: one.id)]


def boxes_of(layer: Any) -> list[tuple[int, int, tuple[tuple[int, int], ...]]]:
    """Return number, pixels and box, on all axes of the layer, of each accepted object."""
    found = []
    for id, one in sorted(note(layer)["live"].items()):
        box = [(0, 1)] * layer.ndim
        for axis, position in one.plane.index:
            if axis < layer.ndim:
                box[axis] = position, position + 1
        for axis, low, length in zip(
            (one.plane.row_axis, one.plane.col_axis), one.mask.offset, one.mask.mask.shape, strict=True
        ):
            box[axis] = low, low + length
        found.append((id, int(one.mask.area), tuple(box)))
    return found
