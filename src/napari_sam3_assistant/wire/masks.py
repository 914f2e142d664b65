"""Masks as bytes and text, in each form that messages know, and back.

``png``
    Base64 of a PNG of the whole picture: 8-bit grey, 0 and 255. Where that would be long, of 1 bit; a reader of
    PNG sees no difference, and ``mask_format`` says ``png1``.
``png1``
    Base64 of a 1-bit PNG of the whole picture.
``rle``
    COCO's compressed run-length code of the whole picture: ``{"size": [height, width], "counts": "..."}``.
``bits``
    The pixels of ``bbox`` row by row, eight to a byte, the first one highest, rows not filled up, through zlib.
    Bytes, which go in a binary frame (see :mod:`~napari_sam3_assistant.wire.frames`), or base64 without one.
``polygon``
    Rings of corners ``[x, y]`` along the edges of pixels, the last joined to the first. A pixel belongs to the
    object if an odd number of rings go round its centre.
"""

from __future__ import annotations

import base64
import binascii
import io
import math
import struct
import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import ImageError
from napari_sam3_assistant.core.filling import fill
from napari_sam3_assistant.core.geometry import Box, PlacedMask, clip
from napari_sam3_assistant.core.polygons import trace
from napari_sam3_assistant.core.rle import counts_in, counts_of, mask_of, text_of
from napari_sam3_assistant.wire.refusals import Refusal
from napari_sam3_assistant.wire.streams import compressed
from napari_sam3_assistant.wire.values import Corners, MaskData, MaskFormat, Rings, Run

MOST_PNG = 900_000
"""A PNG of 8 bits that takes more letters of base64 is written with 1 bit."""
MOST_LETTERS = 2**21
"""Of a run-length code that is read or written; the code of a real object has thousands."""
MOST_CORNERS = 100_000
"""Of the rings of a polygon that is read."""
MOST_WRITTEN = 20_000
"""Corners of a polygon that is written: a message may hold fifty, and is put together on the event loop."""
MOST_RINGS = 2000
"""Of a polygon that is read or written; a mask of more pieces is better sent in another format."""
MOST_CROSSINGS = 2**23
"""Of the edges of a polygon that is read with rows of pixels: what filling it costs."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_SIZE_IN_PNG = slice(16, 24)
_FAR_OUTSIDE = "Invalid mask: a corner of its rings is far outside the image"


def corners_of(mask: PlacedMask) -> Corners:
    """Return ``x1, y1, x2, y2`` of the True pixels of a mask; all 0 where there is none."""
    box = mask.trimmed().box
    if box is None:
        return (0, 0, 0, 0)
    return int(box.left), int(box.top), int(box.right), int(box.bottom)


def share(score: float, area: int) -> float:
    """Return a score from 0 to 1: 0 for a mask of ``area`` 0, and for what is no number."""
    return min(max(score, 0.0), 1.0) if math.isfinite(score) and area else 0.0


def encode(mask: PlacedMask, shape: tuple[int, int], format: MaskFormat) -> MaskData:
    """Return what :func:`encoded` does, without its format."""
    return encoded(mask, shape, format)[0]


def encoded(mask: PlacedMask, shape: tuple[int, int], format: MaskFormat) -> tuple[MaskData, MaskFormat]:
    """Return a mask as a message holds it, and its format: ``png1`` where another one would be too long.

    Parameters
    ----------
    mask : PlacedMask
        Inside the picture.
    shape : tuple of int
        Height and width of the picture.
    format : str
        ``bits`` gives bytes, of :func:`corners_of` the mask.
    """
    match format:
        case "png":
            text = base64.b64encode(png_of(mask, shape)).decode("ascii")
            return (text, "png") if len(text) <= MOST_PNG else encoded(mask, shape, "png1")
        case "png1":
            return base64.b64encode(png_of(mask, shape, bits=1)).decode("ascii"), format
        case "rle":
            run = _run_of(mask, shape)
            return (run, format) if run is not None else encoded(mask, shape, "png1")
        case "bits":
            return zlib.compress(np.packbits(mask.trimmed().mask).data, 1), format
        case "polygon":
            rings = _rings_of(mask)
            return (rings, format) if rings is not None else encoded(mask, shape, "png1")


def decode(data: MaskData, format: MaskFormat, shape: tuple[int, int], bbox: Corners | None = None) -> PlacedMask:
    """Return the mask that a message holds. It costs no more than the picture does, whatever was sent.

    Parameters
    ----------
    data : MaskData
    format : str
    shape : tuple of int
        Height and width of the picture.
    bbox : tuple of int or None
        What ``bits`` are of; None for the whole picture. The other formats need none.

    Raises
    ------
    Refusal
        ``bad_mask``: if it is broken, or not of this picture.
    """
    match format:
        case "png" | "png1":
            return _of_png(_bytes_of(data), shape)
        case "rle":
            return _of_run(data, shape)
        case "bits":
            return _of_bits(_bytes_of(data), shape, bbox or (0, 0, shape[1], shape[0]))
        case "polygon":
            return _of_rings(data, shape)


def png_of(mask: PlacedMask, shape: tuple[int, int], *, bits: int = 8) -> bytes:
    """Return the PNG of a mask on a picture of ``shape`` (H, W): grey of 8 bits or 1, black and white.

    Notes
    -----
    PNG, 3rd edition, sections 5 and 11: one zlib stream of rows, each after a byte that says "no filter". Written here
    since Pillow takes three times as long, and longer where the object is a small part of the picture.
    """
    height, width = shape
    rows = np.zeros((height, 1 + (width * bits + 7) // 8), np.uint8)
    top = bottom = 0
    if (box := mask.box and clip(mask.box, shape)) is not None:
        top, left, bottom, right = (int(corner) for corner in box.corners)
        if bits == 1:
            rows[top:bottom, 1:] = np.packbits(mask.within(Box(top, 0, bottom, width)), axis=1)
        else:
            np.multiply(mask.within(box).view(np.uint8), 255, out=rows[top:bottom, 1 + left : 1 + right])
    packed = compressed(rows.reshape(-1), top * rows.shape[1], bottom * rows.shape[1])
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    return b"".join((_SIGNATURE, _chunk(b"IHDR", header), _chunk(b"IDAT", packed), _chunk(b"IEND", b"")))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))


def _run_of(mask: PlacedMask, shape: tuple[int, int]) -> Run | None:
    """Return a run-length code, None where it has more letters than one that is read."""
    counts = counts_of(mask.trimmed(), shape)
    letters = text_of(counts) if counts.size <= MOST_LETTERS else ""
    return Run(size=shape, counts=letters) if 0 < len(letters) <= MOST_LETTERS else None


def _rings_of(mask: PlacedMask) -> Rings | None:
    """Return rings, None where there are more of them than are read, or too many corners."""
    if _turns(mask.mask) > MOST_WRITTEN:  # what is traced takes a hundred times as much memory
        return None
    rings = [ring + mask.offset for outline in trace(mask.mask) for ring in outline.rings]
    if len(rings) > MOST_RINGS or sum(map(len, rings)) > MOST_WRITTEN:
        return None
    return [[(x, y) for y, x in ring.tolist()] for ring in rings]


def _turns(mask: npt.NDArray[np.bool_]) -> int:
    """Return at how many places outlines turn."""
    padded = np.pad(mask, 1)
    across, along = padded[:, 1:] != padded[:, :-1], padded[1:] != padded[:-1]
    return int(np.count_nonzero((across[:-1] | across[1:]) & (along[:, :-1] | along[:, 1:])))


def _bytes_of(data: MaskData) -> bytes:
    if isinstance(data, bytes):
        return data
    if not isinstance(data, str):
        raise Refusal("bad_mask", "Invalid mask: it must be base64 text, or bytes in a binary frame")
    try:
        return binascii.a2b_base64(data, strict_mode=True)
    except ValueError as error:
        raise Refusal("bad_mask", "Invalid mask: its base64 is broken") from error


def _of_png(data: bytes, shape: tuple[int, int]) -> PlacedMask:
    from PIL import Image

    if not data.startswith(_SIGNATURE) or len(data) < _SIZE_IN_PNG.stop:
        raise Refusal("bad_mask", "Invalid mask: it is no PNG")
    width, height = struct.unpack(">II", data[_SIZE_IN_PNG])
    # Before Pillow sees it: what is larger than the picture is never unpacked.
    if (height, width) != shape:
        raise Refusal("bad_mask", _not_of_this_picture(height, width, shape))
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            inner = image.size[::-1]  # a second header counts for Pillow, and the first one was looked at
            pixels = np.asarray(image) if inner == shape and image.mode in ("1", "L") else None
    except Exception as error:  # Pillow raises many kinds
        raise Refusal("bad_mask", "Invalid mask: its PNG is broken") from error
    if inner != shape:
        raise Refusal("bad_mask", _not_of_this_picture(*inner, shape))
    if pixels is None:
        raise Refusal("bad_mask", "Invalid mask: its PNG must be grey, of 8 bits at most, and not transparent")
    return PlacedMask(pixels != 0).trimmed()


def _of_run(data: MaskData, shape: tuple[int, int]) -> PlacedMask:
    if not isinstance(data, Run):
        raise Refusal("bad_mask", 'Invalid mask: a run-length code is {"size": [height, width], "counts": "..."}')
    if data.size != shape:
        raise Refusal("bad_mask", _not_of_this_picture(*data.size, shape))
    if len(data.counts) > MOST_LETTERS:
        raise Refusal("bad_mask", f"Invalid mask: its run-length code has more than {MOST_LETTERS} letters")
    try:
        found = mask_of(counts_in(data.counts), shape)
    except (ImageError, ValueError) as error:
        raise Refusal("bad_mask", "Invalid mask: its run-length code is broken") from error
    return found or PlacedMask(np.zeros((0, 0), bool))


def _of_bits(data: bytes, shape: tuple[int, int], bbox: Corners) -> PlacedMask:
    left, top, right, bottom = bbox
    if not (0 <= left <= right <= shape[1] and 0 <= top <= bottom <= shape[0]):
        raise Refusal("bad_mask", "Invalid mask: its bbox is not inside the image")
    height, width = bottom - top, right - left
    expected = (height * width + 7) // 8
    stream = zlib.decompressobj()
    try:
        # One byte more than there may be: enough to see that there are too many.
        packed = stream.decompress(data, expected + 1)
    except zlib.error as error:
        raise Refusal("bad_mask", "Invalid mask: its zlib stream is broken") from error
    if len(packed) != expected or not stream.eof:
        raise Refusal("bad_mask", f"Invalid mask: its bits do not fill the {width}x{height} pixels of its bbox")
    flat = np.unpackbits(np.frombuffer(packed, np.uint8), count=height * width)
    return PlacedMask(flat.view(bool).reshape(height, width), (top, left))


def _of_rings(data: MaskData, shape: tuple[int, int]) -> PlacedMask:
    if not isinstance(data, list) or not all(isinstance(ring, list) for ring in data):
        raise Refusal("bad_mask", "Invalid mask: a polygon is a list of rings, each a list of corners [x, y]")
    if len(data) > MOST_RINGS or sum(map(len, data)) > MOST_CORNERS:
        raise Refusal("bad_mask", f"Invalid mask: more than {MOST_RINGS} rings, or {MOST_CORNERS} corners")
    rings = [_ring_of(ring, shape) for ring in data if ring]
    if sum(np.abs(np.diff(ring[:, 0], append=ring[0, 0])).sum() for ring in rings) > MOST_CROSSINGS:
        raise Refusal("bad_mask", "Invalid mask: its rings go up and down too often")
    if not rings:
        return PlacedMask(np.zeros((0, 0), bool))
    low = np.floor(np.clip(np.min([ring.min(axis=0) for ring in rings], axis=0), 0, shape)).astype(int).tolist()
    high = np.ceil(np.clip(np.max([ring.max(axis=0) for ring in rings], axis=0), 0, shape)).astype(int).tolist()
    return PlacedMask(fill(rings, (*low, *high)), (low[0], low[1])).trimmed()


def _ring_of(ring: Sequence[Sequence[float]], shape: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Return corners as (row, col), which may lie as far outside the picture as it is large."""
    # Before numpy sees them: of one long text among them it would make an array of texts that are all as long.
    if not all(map(_is_corner, ring)):
        raise Refusal("bad_mask", "Invalid mask: a corner of its rings is not [x, y]")
    try:
        corners = np.array(ring, np.float64)[:, ::-1]
    except OverflowError as error:
        raise Refusal("bad_mask", _FAR_OUTSIDE) from error
    size = np.array(shape)
    # What is not a number is in no range.
    if not ((corners >= -size) & (corners <= 2 * size)).all():
        raise Refusal("bad_mask", _FAR_OUTSIDE)
    return corners


def _is_corner(corner: object) -> bool:
    return isinstance(corner, list | tuple) and len(corner) == 2 and {*map(type, corner)} <= {int, float}


def _not_of_this_picture(height: int, width: int, shape: tuple[int, int]) -> str:
    return f"Invalid mask: it is {width}x{height} pixels, the image {shape[1]}x{shape[0]}"
