"""The pictures of a server: decoded once, known by their hash, and forgotten when memory asks for it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.sources import Source


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture as engines and browsers see it.

    Attributes
    ----------
    image_id : str
        SHA-256 of its pixels and size, as hexadecimal text.
    source : Source
        RGB, uint8.
    shape : tuple of int
        Height and width, in pixels.
    intensity_window : tuple of float or None
        What was taken for black and white, of a picture of more than 8 bits.
    """

    image_id: str
    source: Source
    shape: tuple[int, int]
    intensity_window: tuple[float, float] | None = None

    @property
    def plane(self) -> Plane:
        """The one plane of the source."""
        return Plane(0, 1)

    @property
    def nbytes(self) -> int:
        """Memory that its pixels take, in bytes."""
        return sum(int(level.nbytes) for level in self.source.levels)


def picture_of(
    pixels: npt.NDArray[np.uint8], tenant: str = "", intensity_window: tuple[float, float] | None = None
) -> Picture:
    """Return the picture of RGB pixels of shape (H, W, 3); pictures of two tenants share nothing."""
    height, width = pixels.shape[:2]
    digest = hashlib.sha256(f"{width}x{height}".encode() + pixels.tobytes()).hexdigest()
    source = Source(f"{tenant}/{digest}", (pixels,), rgb=True, channel_axis=2)
    return Picture(digest, source, (height, width), intensity_window)
