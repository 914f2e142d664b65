"""From what a client calls a picture to RGB pixels, or to why not. Slow: called on threads of a pool.

The order is that of the cost: the text, its bytes, the header, and only then the pixels. The frame
of coordinates is never changed: a picture is as large as a browser shows it, its Exif orientation applied.
What is transparent is shown on white, as a browser shows a picture by itself. Of a moving picture the
first frame is taken. A picture of more than 8 bits is shown from its 0.1 to its 99.9 percentile.
"""

from __future__ import annotations

import base64
import binascii
import logging

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image

from napari_sam3_assistant.core.intensity import limits_of, sample_tiles, to_rgb
from napari_sam3_assistant.server.model.picture_files import opened, size_before_opening
from napari_sam3_assistant.server.model.pictures import Picture, picture_of
from napari_sam3_assistant.server.settings import MIB, Limits
from napari_sam3_assistant.wire.refusals import Refusal

DEEP = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")
"""Pillow's modes of more than 8 bits."""
BAND = 1024
"""So many rows are made 8-bit at once."""
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What puts a picture upright, by its Exif orientation."""
_log = logging.getLogger(__name__)


def bytes_of(text: str, most_bytes: int) -> bytes:
    """Return the bytes of a data URL or of bare base64; white space in it is ignored.

    Parameters
    ----------
    text : str
        What stands before the first comma is dropped: whatever media type it claims, the bytes tell.
    most_bytes : int
        The largest file that is taken.

    Raises
    ------
    Refusal
        If it is none, is empty, or too large.
    """
    head, comma, tail = text.partition(",")
    try:
        packed = (tail if comma else head).encode("ascii").translate(None, b" \t\r\n\f\v")
    except UnicodeEncodeError as error:
        raise Refusal("bad_image") from error
    if not packed:
        raise Refusal("no_image_data")
    _check_bytes(len(packed) * 3 // 4 - packed[-2:].count(b"="), most_bytes)
    try:
        return base64.b64decode(packed, validate=True)
    except binascii.Error as error:
        raise Refusal("bad_image") from error


def decoded(data: bytes, limits: Limits, tenant: str = "") -> Picture:
    """Return the picture of a file's bytes.

    Raises
    ------
    Refusal
        If it is no picture, is too large, or of a kind that is not accepted. No pixel of one that is too large
        is decoded.
    """
    if not data:
        raise Refusal("no_image_data")
    _check_bytes(len(data), limits.image_bytes)
    try:
        return _decoded(data, limits, tenant)
    except Refusal:
        raise
    except Exception as error:
        # Pillow raises whatever a damaged file leads it to.
        _log.info("A picture of %d bytes could not be read: %s", len(data), type(error).__name__)
        raise Refusal("bad_image") from error


def _decoded(data: bytes, limits: Limits, tenant: str) -> Picture:
    known = size_before_opening(data)
    if known is not None:
        _check_size(*known, limits)
    with opened(data) as image:
        _check_size(*image.size, limits)
        image.load()
        _check_size(*image.size, limits)
        turn = _TURNS.get(_orientation(image))
        shown: Image.Image = image if turn is None else image.transpose(turn)
        if shown.mode in DEEP:
            pixels, window = _from_deep(np.asarray(shown))
        else:
            pixels, window = _from_shallow(shown), None
    return picture_of(pixels, tenant, window)


def _check_bytes(size: int, most: int) -> None:
    if size > most:
        said = f"{size / MIB:.1f} MiB exceeds the limit of {most / MIB:g} MiB"
        raise Refusal("image_too_large", f"Failed to load image: {said}")


def _check_size(width: int, height: int, limits: Limits) -> None:
    if width < 1 or height < 1:
        raise Refusal("bad_image")
    if width * height > limits.image_pixels:
        most = f"{limits.image_pixels / 1e6:g} megapixels"
    elif max(width, height) > limits.image_side:
        most = f"{limits.image_side} pixels a side"
    else:
        return
    raise Refusal("image_too_large", f"Failed to load image: {width}x{height} exceeds the limit of {most}")


def _orientation(image: Image.Image) -> int:
    """Return the Exif orientation that browsers obey; 1 where there is none, or only another program's note of it."""
    raw = image.info.get("exif")
    if not isinstance(raw, bytes):
        return 1
    exif = Image.Exif()
    try:
        exif.load(raw)
        found = exif.get(ExifTags.Base.Orientation, 1)
    except Exception:  # whatever a damaged block leads Pillow to: browsers show such a picture as it lies
        return 1
    return found if isinstance(found, int) else 1


def _from_deep(values: npt.NDArray[np.generic]) -> tuple[npt.NDArray[np.uint8], tuple[float, float]]:
    """Return RGB of grey values of more than 8 bits, and what was taken for black and white."""
    tiles = [values[top:bottom, left:right] for top, left, bottom, right in sample_tiles(values.shape)]
    window = limits_of(tiles)
    if window.low == window.high:  # tiles that all miss what there is
        window = limits_of([values])
    pixels = np.empty((*values.shape, 3), np.uint8)
    for top in range(0, len(values), BAND):
        band = values[top : top + BAND]
        pixels[top : top + BAND] = to_rgb(band.astype(band.dtype.newbyteorder("="), copy=False), window)
    return pixels, (window.low[0], window.high[0])


def _from_shallow(image: Image.Image) -> npt.NDArray[np.uint8]:
    """Return RGB of a picture of 8 bits or fewer; what is transparent becomes white."""
    if image.has_transparency_data:
        clear = image.convert("RGBA")
        shown = Image.new("RGB", image.size, "white")
        shown.paste(clear, mask=clear.getchannel("A"))
    else:
        shown = image.convert("RGB")
    return np.asarray(shown)
