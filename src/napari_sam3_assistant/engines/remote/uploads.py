"""Pictures as files that a server takes, and gets the same pixels from."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image

from napari_sam3_assistant.core.errors import TooLargeError
from napari_sam3_assistant.engines.remote.failures import SMALLER
from napari_sam3_assistant.wire.values import LimitsInfo

MIB = 2**20
ROOM = 4096
"""What a message needs beside the picture, in bytes."""


def file_of(pixels: npt.NDArray[np.uint8], limits: LimitsInfo) -> bytes:
    """Return a file of RGB pixels, shape (H, W, 3), that a server of these limits takes.

    Notes
    -----
    It is a plain TIFF, which costs 5 ms at 1080p; a PNG takes 200 ms to save a third of the bytes, so it is made only
    of what would be too long. What is grey, as most of microscopy is, travels as one channel.

    Raises
    ------
    TooLargeError
        If the server takes no picture as large.
    """
    check_size((pixels.shape[0], pixels.shape[1]), limits)
    picture = Image.fromarray(pixels[..., 0] if is_grey(pixels) else pixels)
    most = min(limits.image_bytes, limits.message_bytes - ROOM)
    if picture.width * picture.height * len(picture.getbands()) + ROOM <= most:
        return _saved(picture, "TIFF")
    file = _saved(picture, "PNG")
    if len(file) > most:
        raise TooLargeError(
            f"The picture takes {len(file) / MIB:.0f} MiB, the server takes {most / MIB:.0f} MiB at most.", hint=SMALLER
        )
    return file


def check_size(shape: tuple[int, int], limits: LimitsInfo) -> None:
    """Raise TooLargeError if a picture of ``shape`` (H, W) has more pixels than a server takes."""
    height, width = shape
    if height * width > limits.image_pixels or max(shape) > limits.image_side:
        raise TooLargeError(
            f"{height:,} x {width:,} px are more than the server takes: {limits.image_pixels / 1e6:g} megapixels and "
            f"{limits.image_side:,} px a side at most.",
            hint=SMALLER,
        )


def is_grey(pixels: npt.NDArray[np.uint8]) -> bool:
    """Return whether the three channels of a picture are the same."""
    first = pixels[..., 0]
    return bool(np.array_equal(first, pixels[..., 1]) and np.array_equal(first, pixels[..., 2]))


def _saved(picture: Image.Image, format: str) -> bytes:
    file = io.BytesIO()
    picture.save(file, format, **({"compress_level": 1} if format == "PNG" else {}))
    return file.getvalue()
