"""Readers of picture files: TIFF, PNG, JPEG and NPY."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from napari_sam3_assistant.core.errors import ImageError
from napari_sam3_assistant.export.stacks import Picture, picture_of
from napari_sam3_assistant.export.tiff_scales import tiff_scale, tiff_steps

LAZY_BYTES = 32 * 1024**2
"""A compressed TIFF picture larger than this is read chunk by chunk, when a window of it is asked for."""

_PLAIN = ("1", "L", "I", "I;16", "I;16B", "F", "RGB", "RGBA")


def read_tiff(path: Path) -> Picture:
    """Return the first picture of a TIFF file, its axes, and its scale where OME, ImageJ or the tags tell it."""
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        if not tiff.series:
            raise ImageError(f"{path.name} holds no picture.", hint="Save it again where it was made.")
        series = tiff.series[0]
        axes = tuple(letter.lower() for letter in series.axes)
        scale, units = tiff_scale(tiff)
        steps = tiff_steps(tiff, axes)
        if series.is_truncated:
            raise ImageError(f"{path.name} is cut off.", hint="Copy it again; the copy is not whole.")
        _check_codec(path, series)
        levels: tuple[Any, ...]
        if series.dataoffset is not None and len(series.levels) == 1:
            if path.stat().st_size < series.dataoffset + series.nbytes:
                raise ImageError(f"{path.name} is cut off.", hint="Copy it again; the copy is not whole.")
            levels = (series.asarray(out="memmap") if series.nbytes > LAZY_BYTES else series.asarray(),)
        elif series.nbytes <= LAZY_BYTES:
            levels = (series.asarray(),)
        else:
            levels = tuple(_lazy(path, index) for index in range(len(series.levels)))
    color = axes.index("s") if "s" in axes else None
    channels = color if color is not None else axes.index("c") if "c" in axes else None
    named = axes if len(set(axes)) == len(axes) and "q" not in axes else ()
    return Picture(path.name, levels, named, color is not None, channels, scale, units, steps)


def _check_codec(path: Path, series: Any) -> None:
    """Raise ImageError where a TIFF file is packed in a way that takes another package to unpack."""
    import tifffile

    kind = series.keyframe.compression
    try:
        tifffile.TIFF.DECOMPRESSORS[kind]  # looks for the codec
    except (KeyError, ValueError, ImportError) as error:
        name = getattr(kind, "name", kind)
        raise ImageError(
            f"{path.name} is compressed with {name}, which takes another package to read.",
            hint="Install it: pip install imagecodecs. Or save the picture without compression.",
        ) from error


def _lazy(path: Path, level: int) -> Any:
    """Return one resolution of a TIFF picture as an array that reads chunks when it is sliced."""
    import tifffile
    import zarr

    tiff = tifffile.TiffFile(path)
    try:
        array = zarr.open(tiff.series[0].aszarr(level=level), mode="r")
    except BaseException:
        tiff.close()
        raise
    weakref.finalize(array, tiff.close)
    return array


def read_pillow(path: Path) -> Picture:
    """Return the picture of a PNG or JPEG file. What it is, its first bytes tell, not its name."""
    from PIL.JpegImagePlugin import JpegImageFile
    from PIL.PngImagePlugin import PngImageFile

    # Not Image.open: that refuses, or warns of, planes of the size our users have.
    with path.open("rb") as file:
        start = file.read(8)
        file.seek(0)
        kinds = {b"\x89PNG": PngImageFile, b"\xff\xd8\xff": JpegImageFile}
        opened = next((kind for magic, kind in kinds.items() if start.startswith(magic)), None)
        if opened is None:
            raise ImageError(f"{path.name} is no PNG or JPEG picture.", hint="Save it again where it was made.")
        with opened(file) as image:
            if image.mode in _PLAIN:
                pixels = np.array(image)
            elif image.mode == "LA":
                pixels = np.array(image.convert("L"))
            else:
                see_through = image.mode == "PA" or "transparency" in image.info
                pixels = np.array(image.convert("RGBA" if see_through else "RGB"))
    color = pixels.ndim == 3
    return Picture(path.name, (pixels,), ("y", "x", "c") if color else ("y", "x"), color, 2 if color else None)


def read_npy(path: Path) -> Picture:
    """Return the array of an NPY file, mapped into memory; 8-bit data with a last axis of 3 or 4 are colour."""
    with path.open("rb") as file:
        version = np.lib.format.read_magic(file)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read_header(file)
    if dtype.hasobject:
        raise ImageError(f"{path.name} holds Python objects, not pixels.", hint="Save an array of numbers.")
    lazy = 0 not in shape and shape
    return picture_of(np.load(path, mmap_mode="r" if lazy else None, allow_pickle=False), name=path.name)


READERS: dict[str, Callable[[Path], Picture]] = {
    **dict.fromkeys((".tif", ".tiff", ".btf", ".tf8", ".lsm"), read_tiff),
    **dict.fromkeys((".png", ".jpg", ".jpeg"), read_pillow),
    ".npy": read_npy,
}
"""How a file is read, by its suffix."""
