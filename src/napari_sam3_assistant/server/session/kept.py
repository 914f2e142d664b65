"""Masks that a session keeps: packed, a small part of their size in memory."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import cast

import numpy as np

from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.wire.masks import corners_of, decode, encode, encoded
from napari_sam3_assistant.wire.values import Corners, Drawn

NOTHING = PlacedMask(np.zeros((0, 0), bool))
"""A mask without a pixel."""
LONG = 2**16
"""A mask of more bytes is told as it is kept: it is none of a real object, and its run-length code takes seconds."""


@dataclass(frozen=True, slots=True, eq=False)
class KeptMask:
    """A mask of a picture, packed as format ``bits`` has it.

    Attributes
    ----------
    data : bytes
    shape : tuple of int
        Height and width of the picture.
    bbox : tuple of int
        Of its pixels.
    area : int
        Number of its pixels.
    """

    data: bytes
    shape: tuple[int, int]
    bbox: Corners
    area: int

    @property
    def nbytes(self) -> int:
        """Memory that it takes, in bytes."""
        return len(self.data)

    def placed(self) -> PlacedMask:
        """Return the mask. Slow for a large one: called on a thread of the codec pool."""
        if not self.area:
            return NOTHING
        return decode(self.data, "bits", self.shape, self.bbox)

    def drawn(self) -> Drawn:
        """Return the mask as a client may send it back, without bytes. Slow, as :meth:`placed`."""
        if len(self.data) > LONG:
            return Drawn(mask=base64.b64encode(self.data).decode("ascii"), mask_format="bits", bbox=self.bbox)
        mask, format = encoded(self.placed(), self.shape, "rle")
        return Drawn(mask=mask, mask_format=format)


@dataclass(frozen=True, slots=True, eq=False)
class FoundMask:
    """An object that words have found: its mask stands until something else is said about it.

    Attributes
    ----------
    mask : KeptMask
    score : float
    name : str
        The phrase that found it.
    """

    mask: KeptMask
    score: float
    name: str


def kept(mask: PlacedMask, shape: tuple[int, int]) -> KeptMask:
    """Return a mask of a picture of ``shape`` (H, W), packed. Slow, as :meth:`KeptMask.placed`."""
    return KeptMask(cast(bytes, encode(mask, shape, "bits")), shape, corners_of(mask), mask.area)
