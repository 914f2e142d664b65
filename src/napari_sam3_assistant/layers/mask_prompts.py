"""Layers to paint mask prompts in: made where the user looks, and read as masks of a plane.

Each label above 0 is one object. A layer of ours is as large as the picture where that is
small, so that one can paint on any slice, and else a window of the plane.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Labels

from napari_sam3_assistant.core.errors import AssistantError
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.prompts import MaskPrompt, Prompts
from napari_sam3_assistant.core.sources import Source
from napari_sam3_assistant.core.windows import WHOLE_SIDE, Window, whole
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.layers.blocks import axes_shape, block_geometry, note, picture_shape, same_frame, write_note
from napari_sam3_assistant.layers.grids import MOST_PIXELS, MOST_SIDE, Ints, full_resolution, grid_of, painted, to_plane
from napari_sam3_assistant.layers.world import World, geometry_at

MOST_BYTES = 2**31
"""A stack up to this size has one layer for all its slices."""
BRUSH_SHARE = 1 / 50
ROLE = "mask prompt"
"""Noted in our layers as ``role``, so that one is known by another name too; beside it the ``image`` they are about."""


@dataclass(frozen=True, slots=True, eq=False)
class MaskAsked:
    """A painted label as a prompt for one object.

    Attributes
    ----------
    key : tuple
        Hashable; the same as long as layer, label, plane and pixels are.
    prompts : Prompts
        Its mask, cut to its pixels, in pixels of the plane.
    value : int
        The label, 1 or more.
    """

    key: tuple[Hashable, ...]
    prompts: Prompts
    value: int


@dataclass(frozen=True, slots=True, eq=False)
class CollectedMasks:
    """What painted layers say about one plane of an image.

    Attributes
    ----------
    prompts : tuple of MaskAsked
        Layer by layer, labels rising.
    elsewhere : int
        Painted layers left out because another slice of them is on screen.
    others : tuple of str
        The pictures of layers left out because they were painted for other ones, one each: unique ids.
    """

    prompts: tuple[MaskAsked, ...]
    elsewhere: int = 0
    others: tuple[str, ...] = ()


def add_mask_layer(
    viewer: Any, image: Any, source: Source, plane: Plane, world: World, view: Window | None = None
) -> Any:
    """Return a layer ``SAM3 mask prompt`` over what is in view, ready to be painted in.

    One for this image that covers it is taken again. Otherwise one that is empty is moved there, or another is made.

    Parameters
    ----------
    viewer : napari viewer
    image : napari Image layer
        Whose geometry the layer takes.
    source : Source
        Of the image.
    plane : Plane
        On screen.
    world : World
    view : Window or None
        What is in view of the plane, in its pixels; None for its middle.

    Returns
    -------
    napari Labels layer
        uint8. Of the whole picture where its planes have up to 2,048 px a side and all of them up to 2 GiB;
        else of one plane, cut to 4,096 px a side.
    """
    shape = source.plane_shape(plane)
    block = _block(shape, view)
    layers = [one for one in mask_layers(viewer)[::-1] if _is_about(one, image) or (paintable(one) and _is_empty(one))]
    layer = next((one for one in layers if _covers(one, image, plane, world, shape, block)), None)
    if layer is None:
        lengths, geometry = _place(image, source, plane, block)
        layer = _moved(viewer, layers, lengths, geometry) or viewer.add_labels(
            np.zeros(lengths, np.uint8), name=names.MASK_PROMPT, **geometry
        )
        layer.brush_size = max(1, round(max((view or block).shape) * BRUSH_SHARE))
    write_note(layer, {"role": ROLE, "image": str(image.unique_id)})
    layer.mode = "paint"
    return layer


def mask_layers(viewer: Any) -> list[Any]:
    """Return the layers to paint mask prompts in, the lowest first; renamed ones too."""
    return [
        one
        for one in viewer.layers
        if isinstance(one, Labels) and (one.name.startswith(names.MASK_PROMPT) or note(one).get("role") == ROLE)
    ]


def collect_masks(
    layers: Iterable[Any], image: Any, plane: Plane, world: World, shape: tuple[int, int], *, also: str = ""
) -> CollectedMasks:
    """Return what is painted in some layers, see :func:`collect_mask_layer`.

    What was painted for the picture ``also``, a unique id, counts too.

    Raises
    ------
    PromptError
        If a layer is tilted against the plane, or too large.
    """
    there = list(layers)
    found = [collect_mask_layer(one, image, plane, world, shape) for one in there if _is_about(one, image, also)]
    others = [one for one in there if not _is_about(one, image, also) and not _is_empty(one)]
    prompts = tuple(one for part in found for one in part.prompts)
    pictures = tuple(str(picture_of(one)) for one in others)
    return CollectedMasks(prompts, sum(part.elsewhere for part in found), pictures)


def picture_of(layer: Any) -> str | None:
    """Return the picture that a layer of ours was painted for, a unique id; None where it counts for any."""
    return note(layer).get("image") if note(layer).get("role") == ROLE else None


def _is_about(layer: Any, image: Any, also: str = "") -> bool:
    return picture_of(layer) in (None, str(image.unique_id), also or None)


def collect_mask_layer(layer: Any, image: Any, plane: Plane, world: World, shape: tuple[int, int]) -> CollectedMasks:
    """Return what is painted in a Labels layer on a plane of an image, as prompts in the plane's pixels.

    Parameters
    ----------
    layer : napari Labels layer
        Of any number of axes, integer type and transform; of a multiscale one the first level.
        Where its pixels are not those of the plane, each pixel of the plane takes the nearest of the layer's.
    image : napari Image layer
    plane : Plane
        Of the image's data.
    world : World
    shape : tuple of int
        Height and width of the plane, in pixels.

    Raises
    ------
    PromptError
        If the layer is tilted against the plane; if more than 4,096 x 4,096 of its pixels lie on the plane
        and it is not in memory; or if what is painted covers more than that.
    """
    grid = grid_of(layer, image, plane, world)
    if grid is None:
        return CollectedMasks((), elsewhere=0 if _is_empty(layer) else 1)
    found = painted(layer, grid, shape)
    placed = None if found is None else to_plane(*found, grid, shape)
    if placed is None:
        return CollectedMasks(())
    asked = []
    for value, mask in _masks(*placed):
        checksum = zlib.crc32(np.packbits(mask.mask).tobytes())
        key = (str(layer.unique_id), value, plane, mask.offset, mask.mask.shape, checksum)
        asked.append(MaskAsked(key, Prompts(mask=MaskPrompt(mask)), value))
    return CollectedMasks(tuple(asked))


def is_painted(layer: Any) -> bool:
    """Return whether anything is painted in a layer, as far as that is soon seen: a large one is not looked through."""
    data = full_resolution(layer)
    return isinstance(data, np.ndarray) and data.size <= MOST_PIXELS and bool((data > 0).any())


def _masks(labels: Ints, offset: tuple[int, int]) -> Iterator[tuple[int, PlacedMask]]:
    """Yield each label above 0 and its mask, cut to its pixels."""
    values = np.unique(labels[labels > 0])
    if len(values) == 1:
        yield int(values[0]), PlacedMask(labels == values[0], offset).trimmed()
        return
    if not len(values):
        return
    from scipy.ndimage import find_objects

    numbers = np.where(labels > 0, np.searchsorted(values, labels) + 1, 0)
    for number, (value, at) in enumerate(zip(values, find_objects(numbers), strict=True), start=1):
        corner = offset[0] + at[0].start, offset[1] + at[1].start
        yield int(value), PlacedMask(np.ascontiguousarray(numbers[at] == number), corner)


def _block(shape: tuple[int, int], view: Window | None) -> Window:
    """Return what a layer has to cover: a small plane, or what is in view, cut to 4,096 px a side round its middle."""
    if max(shape) <= WHOLE_SIDE:
        return whole(shape)
    seen = view or whole(shape)
    edges: list[int] = []
    for low, high, length in ((seen.top, seen.bottom, shape[0]), (seen.left, seen.right, shape[1])):
        low, high = max(low, 0), min(high, length)
        side = min(high - low, MOST_SIDE)
        edges += [(low + high - side) // 2, (low + high + side) // 2]
    return Window(edges[0], edges[2], edges[1], edges[3])


def _place(image: Any, source: Source, plane: Plane, block: Window) -> tuple[tuple[int, ...], dict[str, Any]]:
    """Return the shape and the geometry of a layer that covers ``block``, and where it may all of the picture."""
    stack, shape = picture_shape(image, source), source.plane_shape(plane)
    if block == whole(shape) and max(shape) <= WHOLE_SIDE and math.prod(stack) <= MOST_BYTES:
        return stack, geometry_at(image, (0,) * image.ndim)
    return axes_shape(block.shape, plane, image.ndim), block_geometry(image, plane, block)


def _covers(layer: Any, image: Any, plane: Plane, world: World, shape: tuple[int, int], block: Window) -> bool:
    """Return whether a layer can be painted in wherever ``block`` of the plane is, pixel by pixel."""
    if not paintable(layer):
        return False
    try:
        grid = grid_of(layer, image, plane, world)
    except AssistantError:
        return False
    same = None if grid is None else grid.shift(shape)
    if grid is None or same is None:
        return False
    turned, (rows, cols) = same
    height, width = (layer.data.shape[axis] for axis in (grid.axes[::-1] if turned else grid.axes))
    top, left, bottom, right = block.top + rows, block.left + cols, block.bottom + rows, block.right + cols
    return bool(top >= 0 and left >= 0 and bottom <= height and right <= width)


def paintable(layer: Any) -> bool:
    """Return whether a user can paint in a layer, and we can erase."""
    return not layer.multiscale and isinstance(layer.data, np.ndarray) and bool(layer.data.flags.writeable)


def _is_empty(layer: Any) -> bool:
    """Return whether nothing is painted in a layer; a large one is not looked through."""
    data = full_resolution(layer)
    return isinstance(data, np.ndarray) and data.size <= MOST_PIXELS and not (data > 0).any()


def _moved(viewer: Any, layers: list[Any], lengths: tuple[int, ...], geometry: dict[str, Any]) -> Any | None:
    """Return an empty layer of ours, moved; None where there is none. One in another frame is removed."""
    for layer in layers:
        if not layer.name.startswith(names.MASK_PROMPT) or not paintable(layer) or not _is_empty(layer):
            continue
        if layer.ndim != len(lengths) or not same_frame(layer, geometry):
            viewer.layers.remove(layer)
            continue
        if layer.data.shape != tuple(lengths):
            layer.data = np.zeros(lengths, np.uint8)
        layer.translate = geometry["translate"]
        return layer
    return None
