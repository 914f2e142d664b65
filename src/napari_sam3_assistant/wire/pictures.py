"""The name of a picture: the same for the same pixels, so that one that is there already need not be sent."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt


def picture_id(pixels: npt.NDArray[np.uint8], intensity_window: tuple[float, float] | None = None) -> str:
    """Return the ``image_id`` of a picture.

    Parameters
    ----------
    pixels : ndarray of shape (H, W, 3), uint8
        RGB, contiguous.
    intensity_window : tuple of float or None
        What was taken for black and white, of a picture of more than 8 bits: other values that look the same are
        another picture.

    Returns
    -------
    str
        SHA-256 of size, pixels and window, as hexadecimal text.
    """
    height, width = pixels.shape[:2]
    digest = hashlib.sha256(f"{width}x{height}".encode())
    digest.update(pixels.data)
    if intensity_window is not None:
        digest.update(repr(intensity_window).encode())
    return digest.hexdigest()
