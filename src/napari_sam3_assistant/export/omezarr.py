"""Label images as OME-Zarr: folders of blocks, of which only those with an object are written.

NGFF 0.4 (Zarr version 2), the version that most programs read: a multiscale whose levels take
every second, fourth ... pixel along rows and columns. A mask of a large plane is written as that
plane, without ever making it: a block without a label takes no room on the disk.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.labels import to_labels
from napari_sam3_assistant.core.progress import UNWATCHED, Watch
from napari_sam3_assistant.core.windows import Window
from napari_sam3_assistant.export.atomic import write_folder
from napari_sam3_assistant.export.ngff import NOTE, attributes_of
from napari_sam3_assistant.export.places import Place, place_in, place_of

Array = npt.NDArray[Any]
Block = tuple[tuple[slice, ...], Array]
"""Where in a level, and the labels there."""

MOST_LABEL = 2**32 - 1
SUFFIX = ".ome.zarr"
BLOCK_SIDE = 1024
"""Of blocks, in pixels along rows and columns; of a stack they are one slice thick."""
FACTORS, LEAST_SIDE = (2, 4, 8, 16), 64
"""How much coarser each level is than the first, as long as its sides have that many pixels."""


def write(
    folder: Path,
    labels: Array,
    place: Place,
    looks: Mapping[str, Any] | None = None,
    watch: Watch = UNWATCHED,
) -> None:
    """Write a label image of 2 to 5 axes, none below 0, into an empty folder.

    ``looks`` are further entries of ``image-label``: ``colors`` and ``properties``, as NGFF 0.4 has them.
    """
    dtype = labels.dtype if labels.dtype.kind != "b" else np.dtype(np.uint8)
    if labels.dtype.kind == "i":
        dtype = np.dtype(np.uint16 if labels.max(initial=0) < 2**16 else np.uint32)
    elif dtype.itemsize > 4:
        dtype = np.dtype(np.uint32)
    for name, factor in _levels(folder, labels.shape, place, looks):
        part = labels[..., ::factor, ::factor]
        _write_level(folder, name, part.shape, dtype, _blocks(part, dtype, watch))


def save_masks(
    masks: Sequence[PlacedMask],
    values: Sequence[int],
    path: Path,
    *,
    plane_shape: tuple[int, int],
    scale: Sequence[float] | None = None,
    units: Sequence[object] | str | None = None,
    plane: Sequence[tuple[int, int]] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write masks as a label image of their whole plane, and return where it is.

    Parameters
    ----------
    masks : sequence of PlacedMask
        In pixels of the plane; where they overlap, the last one is seen.
    values : sequence of int
        The label of each, 1 or more.
    path : Path
        Of the folder that is made.
    plane_shape : tuple of int
        Height and width of the plane, in pixels.
    scale, units, plane, overwrite
        As for :func:`~napari_sam3_assistant.export.images.save_labels`.

    Raises
    ------
    SaveError
        If the folder is there already, or cannot be written.
    """
    place = place_of(2, offset=(0, 0), plane_shape=plane_shape, scale=scale, units=units, plane=plane)
    dtype = np.dtype(np.uint16 if max(values, default=0) < 2**16 else np.uint32)

    def fill(folder: Path) -> None:
        for name, factor in _levels(folder, plane_shape, place):
            coarse = [_coarser(mask, factor) for mask in masks]
            shape = -(-plane_shape[0] // factor), -(-plane_shape[1] // factor)
            _write_level(folder, name, shape, dtype, _placed_blocks(coarse, values, shape, dtype))

    return write_folder(path, fill, overwrite=overwrite)


def read(path: Path) -> tuple[Array, Place]:
    """Return the finest level of an OME-Zarr, and its place as far as it tells."""
    import zarr

    group = zarr.open_group(path, mode="r")
    (image, *_) = group.attrs["multiscales"]
    array = group[image["datasets"][0]["path"]]
    return np.asarray(array[...]), _place_in(dict(group.attrs), array.ndim)


def read_place(path: Path) -> Place:
    """Return the place that an OME-Zarr of ours tells, without reading a pixel."""
    import zarr

    return place_in(dict(zarr.open_group(path, mode="r").attrs).get(NOTE, {}), 2)


def _levels(
    folder: Path, shape: Sequence[int], place: Place, looks: Mapping[str, Any] | None = None
) -> Iterator[tuple[str, int]]:
    """Write what the file says of itself, then return name and factor of each level to be written."""
    import zarr

    ndim = len(shape)
    factors = factors_of((shape[-2], shape[-1]))
    steps = {str(level): (*[1] * (ndim - 2), factor, factor) for level, factor in enumerate(factors)}
    zarr.create_group(folder, zarr_format=2, attributes=attributes_of(ndim, steps, place, looks))
    return ((str(level), factor) for level, factor in enumerate(factors))


def factors_of(plane_shape: tuple[int, int]) -> tuple[int, ...]:
    """Return how much coarser each level of a plane of such height and width is than the first."""
    return (1, *(one for one in FACTORS if min(plane_shape) // one >= LEAST_SIDE))


def _place_in(attributes: dict[str, Any], ndim: int) -> Place:
    """Return the place that we noted, or else what the first level says of its scale and units."""
    if NOTE in attributes:
        return place_in(attributes[NOTE], ndim)
    (image, *_) = attributes["multiscales"]
    steps = image["datasets"][0]["coordinateTransformations"][0].get("scale")
    units = [axis.get("unit", "pixel") for axis in image.get("axes", ()) if isinstance(axis, dict)]
    return place_in({"scale": steps, "units": units}, ndim)


def _block_shape(shape: Sequence[int]) -> tuple[int, ...]:
    return (*[1] * (len(shape) - 2), *(min(BLOCK_SIDE, length) for length in shape[-2:]))


def _write_level(folder: Path, name: str, shape: Sequence[int], dtype: np.dtype[Any], blocks: Iterable[Block]) -> None:
    array = new_level(folder, name, shape, _block_shape(shape), dtype)
    for where, labels in blocks:
        array[where] = labels


def new_level(folder: Path, name: str, shape: Sequence[int], block: Sequence[int], dtype: np.dtype[Any]) -> Any:
    """Return a new zarr array of a group, in blocks of which only those with a label are on the disk."""
    import zarr
    from numcodecs import Blosc

    return zarr.create_array(
        folder,
        name=name,
        shape=tuple(shape),
        chunks=tuple(block),
        dtype=dtype.newbyteorder("="),
        compressors=Blosc(cname="zstd", clevel=3, shuffle=Blosc.BITSHUFFLE),
        fill_value=0,
        zarr_format=2,
        chunk_key_encoding={"name": "v2", "separator": "/"},
        config={"write_empty_chunks": False},
        overwrite=True,
    )


def _blocks(labels: Array, dtype: np.dtype[Any], watch: Watch) -> Iterator[Block]:
    """Return the blocks of an array that hold a label."""
    steps = _block_shape(labels.shape)
    starts = [range(0, length, step) for length, step in zip(labels.shape, steps, strict=True)]
    for first in product(*starts):
        watch.at(None)
        where = tuple(slice(one, one + step) for one, step in zip(first, steps, strict=True))
        part = labels[where]
        if part.any():
            yield where, part.astype(dtype)


def _coarser(mask: PlacedMask, factor: int) -> PlacedMask:
    """Return the pixels of a mask that lie on every ``factor``-th row and column of the plane."""
    (top, left), skip = mask.offset, [-first % factor for first in mask.offset]
    return PlacedMask(
        mask.mask[skip[0] :: factor, skip[1] :: factor], ((top + skip[0]) // factor, (left + skip[1]) // factor)
    )


def _placed_blocks(
    masks: Sequence[PlacedMask], values: Sequence[int], shape: tuple[int, int], dtype: np.dtype[Any]
) -> Iterator[Block]:
    """Return the blocks of a plane on which there are masks, one made after the other."""
    height, width = _block_shape(shape)
    within: dict[tuple[int, int], list[int]] = defaultdict(list)
    for index, mask in enumerate(masks):
        if mask.box is None:
            continue
        rows = range(max(int(mask.box.top), 0) // height, -(-min(int(mask.box.bottom), shape[0]) // height))
        cols = range(max(int(mask.box.left), 0) // width, -(-min(int(mask.box.right), shape[1]) // width))
        for place in product(rows, cols):
            within[place].append(index)
    for (row, col), chosen in sorted(within.items()):
        top, left = row * height, col * width
        window = Window(top, left, min(top + height, shape[0]), min(left + width, shape[1]))
        part = [masks[index] for index in chosen]
        labels = to_labels(part, window, values=[values[index] for index in chosen], overlap="last")
        yield window.slices, labels.astype(dtype)
