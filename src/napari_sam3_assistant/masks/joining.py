"""One layer's objects go into another: as values of a class, beside what is there, or in its place."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.progress import UNWATCHED, Watch
from napari_sam3_assistant.masks.edits import Edit, edit_of
from napari_sam3_assistant.masks.merge import Overlap, merge
from napari_sam3_assistant.masks.placed import Placed, Slices, bounds, tile_pixels, tiles, type_for, zeros

Labels = npt.NDArray[Any]


class Conversion(StrEnum):
    """What the labels of a preview become; the value is what a user reads."""

    CLASS = "Convert all non-zero to class value"
    PRESERVE = "Preserve source labels"
    KEEP = "Keep only listed source values"
    DELETE = "Delete listed source values"


class Become(StrEnum):
    """What the labels of merged layers become; the value is what a user reads."""

    CLASS = "Convert each layer non-zero to target class value"
    PRESERVE = "Preserve source label values"
    BINARY = "Binary output"


def label_values(text: str) -> tuple[int, ...]:
    """Return the whole numbers of a text, in which commas, semicolons and blanks stand between them.

    Raises
    ------
    PromptError
        If one of them is no whole number.
    """
    words = text.replace(",", " ").replace(";", " ").split()
    for word in words:
        if not word.removeprefix("-").isdecimal():
            raise PromptError(f"Label values must be integers. Invalid value: '{word}'", hint="Write them as 3,7,12.")
    return tuple(map(int, words))


def convert(
    source: Placed,
    slices: Slices,
    conversion: Conversion,
    value: int = 1,
    listed: Collection[int] = (),
    *,
    watch: Watch = UNWATCHED,
) -> Placed:
    """Return a block of a layer with its labels converted.

    Parameters
    ----------
    source : Placed
    slices : tuple of slice
        The block, in indices of the source's array.
    conversion : Conversion
    value : int
        That of the class, from 1.
    listed : collection of int
        Values that are kept, or deleted.
    watch : Watch

    Returns
    -------
    Placed
        Of an unsigned type of 16 bits at least that holds every value.

    Raises
    ------
    PromptError
        If the layer holds no labels.
    TooLargeError
        If there is no memory for the result.
    """
    shape = tuple(part.stop - part.start for part in slices)
    out = zeros(shape, type_for(value if conversion is Conversion.CLASS else 0))
    wanted = list(listed)
    for tile in watch.over(list(tiles(shape, tile_pixels([source])))):
        inner = tuple(slice(a.start + b.start, a.start + b.stop) for a, b in zip(slices, tile, strict=True))
        block = source.read(inner)
        kept = block > 0
        if conversion in (Conversion.KEEP, Conversion.DELETE):
            kept &= np.isin(block, wanted, invert=conversion is Conversion.DELETE)
        if not kept.any():
            continue
        if conversion is Conversion.CLASS:
            out[tile][kept] = value
            continue
        values = block[kept]
        highest = int(values.max())
        if highest > np.iinfo(out.dtype).max:
            out = out.astype(type_for(highest))
        out[tile][kept] = values
    offset = tuple(at + part.start for at, part in zip(source.offset, slices, strict=True))
    return Placed(out, offset)


def appended(base: Placed, added: Placed, *, watch: Watch = UNWATCHED) -> Edit | Placed | None:
    """Return what brings objects into a layer where it is empty; what is there stays.

    Parameters
    ----------
    base : Placed
        In memory.
    added : Placed
        On the same grid.
    watch : Watch

    Returns
    -------
    Edit, Placed or None
        An edit where the layer's extent and type hold all; else what it becomes, as large as both; None where
        nothing changes.
    """
    box = bounds(added.labels > 0)
    if box is None:
        return None
    part = Placed(added.labels[box], tuple(at + one.start for at, one in zip(added.offset, box, strict=True)))
    place = _place(base, part)
    if place is None:
        return merge([base, part], Overlap.EARLIER, watch=watch)
    there = base.labels[place]
    return edit_of(base.labels, place, np.where(there == 0, part.labels.astype(there.dtype), there))


def replaced(base: Placed, added: Placed, axes: Collection[int], *, watch: Watch = UNWATCHED) -> Edit | Placed | None:
    """Return what puts objects in the place of those of a layer.

    Parameters
    ----------
    base, added : Placed
        As :func:`appended`.
    axes : collection of int
        Where on these ``added`` does not lie, the layer stays as it is; on the others all of it goes.
    watch : Watch

    Returns
    -------
    Edit, Placed or None
        As :func:`appended`.
    """
    gone = tuple(
        slice(*(np.clip([first - at, last - at], 0, length).tolist() if axis in axes else (0, length)))
        for axis, (at, length, (first, last)) in enumerate(zip(base.offset, base.shape, added.box, strict=True))
    )
    box = bounds(added.labels > 0)
    if box is None:
        return edit_of(base.labels, gone, np.zeros_like(base.labels[gone]))
    part = Placed(added.labels[box], tuple(at + one.start for at, one in zip(added.offset, box, strict=True)))
    place = _place(base, part)
    if place is None:
        rest = base.labels.copy()
        rest[gone] = 0
        return merge([part, Placed(rest, base.offset)], Overlap.EARLIER, watch=watch)
    after = np.zeros_like(base.labels[gone])
    inner = tuple(slice(a.start - b.start, a.stop - b.start) for a, b in zip(place, gone, strict=True))
    after[inner] = part.labels
    return edit_of(base.labels, gone, after)


def _place(base: Placed, part: Placed) -> Slices | None:
    """Return where a part lies in the array of ``base``, or None where that, or its type, does not hold it."""
    inside = all(low >= first and high <= last for (first, last), (low, high) in zip(base.box, part.box, strict=True))
    most = 1 if base.labels.dtype.kind == "b" else np.iinfo(base.labels.dtype).max
    if not inside or int(part.labels.max()) > most:
        return None
    return tuple(slice(low - at, high - at) for at, (low, high) in zip(base.offset, part.box, strict=True))
