"""Objects of a process that is gone, brought back into ``SAM3 live accepted labels``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from napari_sam3_assistant.core.geometry import intersection, slices
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.sources import Source
from napari_sam3_assistant.layers.accepted import (
    accepted_layer,
    block_of,
    finish,
    highest,
    make_room,
    ready,
)
from napari_sam3_assistant.layers.blocks import note, to_plane
from napari_sam3_assistant.masks.accepting import Accepted
from napari_sam3_assistant.masks.editing import drawn, meets
from napari_sam3_assistant.masks.restoring import Block, beside


def free_number(viewer: Any, image: Any, plane: Plane) -> int:
    """Return a number above all that the accepted labels of an image have, and had."""
    layer = accepted_layer(viewer, image)
    if layer is None:
        return 1
    live, erased = note(layer)["live"], note(layer)["erased"]
    return 1 + max(highest(layer, plane), max(live, default=0), max(erased, default=0))


def bring_back(
    viewer: Any, image: Any, source: Source, records: Sequence[Accepted], blocks: Sequence[Block]
) -> tuple[Accepted, ...]:
    """Write objects into the accepted labels of an image, and return those of which anything was written.

    What is there keeps its pixels.

    Parameters
    ----------
    viewer : napari viewer
    image : napari Image layer
    source : Source
        Of the image.
    records : sequence of Accepted
        With numbers that are free.
    blocks : sequence of Block
        The same, drawn; not read for a large plane.

    Raises
    ------
    ImageError
        If there is no memory for a layer of the picture's size.
    """
    if not records:
        return ()
    layer = ready(viewer, image, source, records[0].plane)
    live, erased = note(layer)["live"], note(layer)["erased"]
    make_room(layer, max(one.id for one in records))
    made = _sparse(live, records) if layer.multiscale else _dense(layer, records, blocks)
    finish(layer, {**live, **{one.id: one for one in made}}, erased, made)
    return tuple(made)


def _sparse(live: dict[int, Accepted], records: Sequence[Accepted]) -> list[Accepted]:
    """Return the objects without the pixels of those that are there."""
    made: list[Accepted | None] = []
    for one in records:
        box = one.mask.box
        near = [other for other in live.values() if other.plane == one.plane and box and meets(other, box)]
        made.append(beside(one, drawn(near, box, np.uint32) > 0) if near and box else one)
    return [one for one in made if one is not None]


def _dense(layer: Any, records: Sequence[Accepted], blocks: Sequence[Block]) -> list[Accepted]:
    """Draw the objects where nothing is, and return them without the pixels that others have."""
    made: list[Accepted | None] = []
    for block in blocks:
        own = [one for one in records if one.plane == block.plane]
        labels = to_plane(layer.data[block_of(block.plane, block.box, layer.ndim)], block.plane)
        if not labels.any():
            labels[...] = block.labels
            made += own
            continue
        foreign = labels != 0
        corner = int(block.box.top), int(block.box.left)
        np.copyto(labels, block.labels.astype(labels.dtype, copy=False), where=~foreign)
        for one in own:
            shared = intersection(one.mask.box, block.box) if one.mask.box else None
            made.append(one if shared is None else beside(one, foreign[slices(shared, corner)]))
    return [one for one in made if one is not None]
