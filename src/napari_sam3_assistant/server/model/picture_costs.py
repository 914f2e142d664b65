"""What it costs to read a picture's file, however it is made; what is made to keep its reader busy is refused.

A small picture may come in a file of a million parts, each of which Pillow looks at by itself, and a small file may
ask for the same pixels many times over. Real files come nowhere near these limits.
"""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Mapping
from typing import Any

from PIL import TiffImagePlugin

from napari_sam3_assistant.wire.refusals import Refusal

MOST_READS_OF_HEADER = 20_000
"""Each part of a header is one or a few reads; the largest real headers take hundreds."""
MOST_READS = 500_000
"""Of all of a file."""
MOST_BYTES_READ = 2**33
"""Of all of a file. Parts overlap where one is read in blocks that are longer than it: 65,536 times 64 KiB."""
MOST_SCANS = 500
"""A progressive JPEG of more scans is made to keep a processor busy; cameras and programs make about ten."""
MOST_SCANNED = 10**9
"""Pixels of a JPEG times its scans: what unpacking it costs."""
MOST_EXIF = 4
"""Blocks of Exif in a JPEG, which Pillow joins one by one."""
MOST_PROFILES = 4
"""Colour profiles in a PNG, where one is allowed; each may unfold to a megabyte."""
MOST_STRIPS = 2**16
"""Strips or tiles of a TIFF."""


class MeteredFile(io.BytesIO):
    """A file in memory whose reader is stopped when it has read too often, or too much."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._reads, self._bytes = MOST_READS_OF_HEADER, MOST_BYTES_READ

    def opened(self) -> None:
        """Say that the header is read."""
        self._reads += MOST_READS - MOST_READS_OF_HEADER

    def read(self, size: int | None = -1, /) -> bytes:
        """Return bytes.

        Raises
        ------
        Refusal
            If they are too many.
        """
        data = super().read(size)
        self._reads -= 1
        self._bytes -= len(data)
        if self._reads < 0 or self._bytes < 0:
            raise Refusal("bad_image")
        return data


def check_jpeg(data: bytes) -> None:
    """Raise Refusal where a JPEG has too many parts that cost much."""
    if data.count(b"\xff\xda") > MOST_SCANS or data.count(b"Exif\0\0") > MOST_EXIF:
        raise Refusal("bad_image")


def check_scans(data: bytes, size: tuple[int, int]) -> None:
    """Raise Refusal where a JPEG of ``size`` (W, H) goes over its pixels too often."""
    if data.count(b"\xff\xda") * math.prod(size) > MOST_SCANNED:
        raise Refusal("bad_image")


def check_png(data: bytes) -> None:
    """Raise Refusal where a PNG has too many parts that cost much."""
    if data.count(b"iCCP") > MOST_PROFILES:
        raise Refusal("bad_image")


def check_directory(file: io.BytesIO, at: int, *, order: str) -> dict[int, int]:
    """Return how many values each entry of a TIFF's directory has, by its tag.

    Parameters
    ----------
    file : BytesIO
        The whole TIFF.
    at : int
        Where in it the directory begins.
    order : str
        Of bytes, as :mod:`struct` has it.

    Raises
    ------
    Refusal
        If the values take more bytes than the file has: then they lie over one another, and each would be copied.

    Notes
    -----
    "TIFF, Revision 6.0", section 2; BigTIFF has longer numbers.
    """
    data = file.getbuffer()
    big = data[2 if order == "<" else 3] == 43
    entry, count = struct.Struct(order + ("HHQ8x" if big else "HHL4x")), struct.Struct(order + ("Q" if big else "H"))
    start = at + count.size
    number = min(count.unpack_from(data, at)[0], (len(data) - start) // entry.size)
    entries: dict[int, int] = {}
    size = 0
    for tag, kind, values in entry.iter_unpack(data[start : start + number * entry.size]):
        entries[tag] = max(values, entries.get(tag, 0))
        size += values * _SIZES.get(kind, 0)
    if size > len(data):
        raise Refusal("bad_image")
    return entries


def check_strips(entries: Mapping[int, int], directory: Mapping[int, Any]) -> None:
    """Raise Refusal where a TIFF has more strips or tiles than it takes to fill it, or too many.

    Parameters
    ----------
    entries : mapping
        What :func:`check_directory` returned.
    directory : mapping
        Of the same TIFF, the values by tag.
    """
    given = max(entries.get(TiffImagePlugin.STRIPOFFSETS, 0), entries.get(TiffImagePlugin.TILEOFFSETS, 0))
    if given > MOST_STRIPS:
        raise Refusal("bad_image")
    if given < 2:
        return
    width, height = directory[TiffImagePlugin.IMAGEWIDTH], directory[TiffImagePlugin.IMAGELENGTH]
    if TiffImagePlugin.STRIPOFFSETS in entries:
        across, down = width, directory.get(TiffImagePlugin.ROWSPERSTRIP, height)
    else:
        across, down = directory[TiffImagePlugin.TILEWIDTH], directory[TiffImagePlugin.TILELENGTH]
    apart = directory.get(TiffImagePlugin.PLANAR_CONFIGURATION, 1) == 2
    planes = directory.get(TiffImagePlugin.SAMPLESPERPIXEL, 1) if apart else 1
    if given > math.ceil(width / across) * math.ceil(height / down) * planes:
        raise Refusal("bad_image")


_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of a value, by its kind."""
