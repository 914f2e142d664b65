"""Fingerprints: what tells a picture from all others, in this process and in later ones.

A picture is known by its shape, its type and a checksum of 4,096 fixed pixels, so it is the same one opened from
another place, lazily, or as an array. Where all these pixels are equal they tell nothing: then its path and its
name have to be the same too.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np

from napari_sam3_assistant.core.errors import ImageError
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.sources import Source
from napari_sam3_assistant.core.windows import Window

SIDE = 16
"""Pixels are taken in squares of this side: a lazy picture reads one chunk for each, not all of them."""
MOST_FRAMES = 4
_DAMAGED = b"damaged"
"""Stands for pixels that cannot be read."""
GRIDS = {1: (4, 4), 2: (2, 4)}
"""Rows and columns of squares in each frame that is looked at, by the number of these frames; of more, 2 x 2."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a picture is known by.

    Attributes
    ----------
    shape : tuple of int
        At full resolution, the colour axis included.
    dtype : str
        Of the pixels, in the byte order of this machine.
    rgb : bool
        Whether the last axis holds colours.
    checksum : int
        Over fixed pixels.
    plain : bool
        Whether all of these are equal.
    path, name : str
        The file that the picture was opened from, empty where there is none; what its layer is called.
    """

    shape: tuple[int, ...]
    dtype: str
    rgb: bool
    checksum: int
    plain: bool = False
    path: str = ""
    name: str = ""

    @property
    def key(self) -> str:
        """Sixteen letters and digits that are the same wherever the picture is opened."""
        told = repr((self.shape, self.dtype, self.rgb, self.checksum))
        return hashlib.blake2s(told.encode(), digest_size=8).hexdigest()

    def same_as(self, other: Fingerprint) -> bool:
        """Return whether both are of one picture."""
        if self.key != other.key:
            return False
        return not self.plain or (self.path, self.name) == (other.path, other.name)


def fingerprint_of(source: Source, path: str = "") -> Fingerprint:
    """Return the fingerprint of a picture; reads 4,096 pixels or fewer, of at most four frames.

    Parameters
    ----------
    source : Source
    path : str
        The file that it was opened from; empty where there is none.

    Raises
    ------
    ImageError
        If none of the pixels can be read.
    """
    shape, rgb = source.shape, source.rgb
    rows, cols = [axis for axis in range(len(shape)) if axis != source.color_axis][-2:]
    others = [axis for axis in range(len(shape)) if axis not in (rows, cols, source.color_axis)]
    frames = prod(shape[axis] for axis in others)
    looked = min(frames, MOST_FRAMES)
    grid = GRIDS.get(looked, (2, 2))
    checksum, values = 0, set[object]()
    damage: ImageError | None = None
    for number in range(looked):
        frame = number * (frames - 1) // max(looked - 1, 1)
        at = np.unravel_index(frame, [shape[axis] for axis in others]) if others else ()
        plane = Plane(rows, cols, tuple((axis, int(place)) for axis, place in zip(others, at, strict=True)))
        for row, col in product(range(grid[0]), range(grid[1])):
            top, bottom = _square(row, grid[0], shape[rows])
            left, right = _square(col, grid[1], shape[cols])
            try:
                pixels = np.ascontiguousarray(source.read(plane, Window(top, left, bottom, right)))
            except ImageError as error:  # one damaged frame is no reason to refuse a film
                damage, checksum = error, zlib.crc32(_DAMAGED, checksum)
                continue
            pixels = pixels.astype(_native(pixels.dtype), copy=False)
            checksum = zlib.crc32(pixels.tobytes(), checksum)
            values |= {pixels.min().item(), pixels.max().item()}
    if damage is not None and not values:
        raise damage
    return Fingerprint(shape, _native(source.dtype).name, rgb, checksum, len(values) == 1, path, source.name)


def unread(source: Source, path: str = "") -> Fingerprint:
    """Return the fingerprint of a picture without its pixels: it is known by its path and its name."""
    return Fingerprint(source.shape, _native(source.dtype).name, source.rgb, 0, True, path, source.name)


def _native(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return dtype.newbyteorder("=")


def _square(number: int, of: int, length: int) -> tuple[int, int]:
    """Return the first pixel of a square along an axis, and the one after its last."""
    middle = int((number + 0.5) / of * length)
    first = max(min(middle - SIDE // 2, length - SIDE), 0)
    return first, min(first + SIDE, length)
