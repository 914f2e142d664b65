"""Masks as bytes and text, in each form that messages know, and back."""

from __future__ import annotations

import base64
import io

from napari_sam3_assistant.core.geometry import Box, PlacedMask
from napari_sam3_assistant.wire.values import Corners, MaskData, MaskFormat


def corners_of(mask: PlacedMask) -> Corners:
    """Return ``x1, y1, x2, y2`` of the True pixels of a mask; all 0 where there is none."""
    box = mask.trimmed().box
    if box is None:
        return (0, 0, 0, 0)
    return int(box.left), int(box.top), int(box.right), int(box.bottom)


def png_of(mask: PlacedMask, shape: tuple[int, int]) -> bytes:
    """Return the PNG of a mask on a picture of ``shape`` (H, W): 8-bit grey, 0 and 255."""
    from PIL import Image

    file = io.BytesIO()
    pixels = mask.within(Box(0, 0, *shape)).view("uint8") * 255
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()


def encode(mask: PlacedMask, shape: tuple[int, int], format: MaskFormat) -> MaskData:
    """Return a mask as a message holds it; ``bits`` are bytes.

    Parameters
    ----------
    mask : PlacedMask
    shape : tuple of int
        Height and width of the picture.
    format : str
    """
    return base64.b64encode(png_of(mask, shape)).decode("ascii")
