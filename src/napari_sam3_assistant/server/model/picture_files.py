"""The files of pictures that are accepted, known by how they begin; opened without a pixel being decoded.

Pillow's own ``Image.open`` is not used: it asks every format that is installed, and compares the size
with a limit of the whole process.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass

from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from napari_sam3_assistant.server.model.picture_costs import (
    MeteredFile,
    check_directory,
    check_jpeg,
    check_png,
    check_scans,
    check_strips,
)
from napari_sam3_assistant.wire.refusals import Refusal

ACCEPTED = ("JPEG", "PNG", "WebP", "BMP", "TIFF", "GIF")


@dataclass(frozen=True, slots=True)
class _Format:
    """A format that is accepted: how it is opened, and for some what is read or looked at before that."""

    name: str
    opener: Callable[[io.BytesIO], ImageFile.ImageFile]
    size: Callable[[bytes], tuple[int, int] | None] | None = None
    check: Callable[[bytes], None] | None = None


def opened(data: bytes) -> ImageFile.ImageFile:
    """Return a picture of which the header was read, and nothing else.

    Raises
    ------
    Refusal
        If the format is not accepted, or the file is made to keep its reader busy: then the same while it is loaded.
    Exception
        Of Pillow, if the header is damaged.
    """
    found = _format_of(data)
    if found.check is not None:
        found.check(data)
    file = MeteredFile(data)
    image = found.opener(file)
    if found.name == "JPEG":
        check_scans(data, image.size)
    file.opened()
    return image


def size_before_opening(data: bytes) -> tuple[int, int] | None:
    """Return width and height of a file whose opening would already take memory for its pixels; None for others."""
    size = _format_of(data).size
    return None if size is None else size(data)


def not_accepted(format: str) -> Refusal:
    """Return what is said about a format that is known, and not taken."""
    return Refusal("bad_format", f"Failed to load image: format {format} is not accepted ({', '.join(ACCEPTED)})")


def _format_of(data: bytes) -> _Format:
    for beginning, format in _FORMATS.items():
        if data.startswith(beginning) and (format.name != "WebP" or data[8:12] == b"WEBP"):
            return format
    for name, (at, part) in _OTHERS.items():
        if data[at : at + len(part)] == part:
            raise not_accepted(name)
    raise Refusal("bad_image")


def _gif_size(data: bytes) -> tuple[int, int] | None:
    return struct.unpack_from("<HH", data, 6) if len(data) >= 10 else None


def _webp_size(data: bytes) -> tuple[int, int] | None:
    """Return the size of the canvas; see "WebP Container Specification" and RFC 6386, 9.1."""
    kind, body = data[12:16], data[20:30]
    if len(body) < 10:
        return None
    if kind == b"VP8X":
        return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", body, 6)
    return width & 0x3FFF, height & 0x3FFF


def _opened_tiff(file: io.BytesIO) -> ImageFile.ImageFile:
    """Return a TIFF of which the header was read.

    Raises
    ------
    Refusal
        If its pixels are of a kind that Pillow does not know: ``TIFF-34712`` by the number of their compression,
        ``TIFF-64-bit`` by what a sample takes.
    """
    beginning = file.read(4)
    header = beginning + file.read(12 if b"+" in beginning else 4)
    directory = TiffImagePlugin.ImageFileDirectory_v2(header)
    entries = check_directory(file, directory.next, order="<" if beginning.startswith(b"II") else ">")
    file.seek(directory.next)
    directory.load(file)
    check_strips(entries, directory)
    compression = directory.get(TiffImagePlugin.COMPRESSION, 1)
    if compression not in TiffImagePlugin.COMPRESSION_INFO:
        raise not_accepted(f"TIFF-{int(compression)}")
    file.seek(0)
    try:
        return TiffImagePlugin.TiffImageFile(file)
    except SyntaxError as error:
        if TiffImagePlugin.IMAGEWIDTH not in directory:
            raise
        bits = max(directory.get(TiffImagePlugin.BITSPERSAMPLE, (1,)))
        raise not_accepted(f"TIFF-{int(bits)}-bit") from error


_TIFF = _Format("TIFF", _opened_tiff)
_GIF = _Format("GIF", GifImagePlugin.GifImageFile, _gif_size)
_FORMATS = {
    b"\xff\xd8\xff": _Format("JPEG", JpegImagePlugin.JpegImageFile, check=check_jpeg),
    b"\x89PNG\r\n\x1a\n": _Format("PNG", PngImagePlugin.PngImageFile, check=check_png),
    b"RIFF": _Format("WebP", WebPImagePlugin.WebPImageFile, _webp_size),
    b"BM": _Format("BMP", BmpImagePlugin.BmpImageFile),
    b"II*\0": _TIFF,
    b"MM\0*": _TIFF,
    b"II+\0": _TIFF,
    b"MM\0+": _TIFF,
    b"GIF87a": _GIF,
    b"GIF89a": _GIF,
}
_OTHERS = {
    "HEIC": (4, b"ftypheic"),
    "HEIF": (4, b"ftypmif1"),
    "AVIF": (4, b"ftypavif"),
    "JPEG 2000": (0, b"\0\0\0\x0cjP  "),
    "JPEG XL": (0, b"\0\0\0\x0cJXL "),
    "SVG": (0, b"<svg"),
    "PDF": (0, b"%PDF"),
    "PSD": (0, b"8BPS"),
    "ICO": (0, b"\0\0\1\0"),
    "DICOM": (128, b"DICM"),
    "OpenEXR": (0, b"v/1\x01"),
    "NumPy": (0, b"\x93NUMPY"),
    "HDF5": (0, b"\x89HDF\r\n\x1a\n"),
    "ZIP": (0, b"PK\3\4"),
}
"""Where in a file which bytes say that it is of a format that people send, and that is not accepted."""
