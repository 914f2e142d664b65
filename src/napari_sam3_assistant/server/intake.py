"""From what a client calls a picture to RGB pixels, or to why not."""

from __future__ import annotations

import base64
import binascii
import io

import numpy as np

from napari_sam3_assistant.server.pictures import Picture, picture_of
from napari_sam3_assistant.server.settings import Limits
from napari_sam3_assistant.wire.refusals import Refusal

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")


def bytes_of(text: str) -> bytes:
    """Return the bytes of a data URL or of bare base64.

    Raises
    ------
    Refusal
        If it is none, or empty.
    """
    text = "".join(text.rpartition(",")[2].split())
    if not text:
        raise Refusal("no_image_data")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refusal("bad_image") from error


def decoded(data: bytes, limits: Limits, tenant: str = "") -> Picture:
    """Return the picture of a file's bytes. Slow: called on a thread of the codec pool.

    Raises
    ------
    Refusal
        If it is no picture, or too large.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            turned = ImageOps.exif_transpose(image).convert("RGB")
    except Exception as error:
        raise Refusal("bad_image") from error
    return picture_of(np.asarray(turned), tenant)
