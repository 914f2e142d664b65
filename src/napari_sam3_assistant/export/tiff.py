"""Label images as plain TIFF files that any program opens."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import ImageError
from napari_sam3_assistant.export.places import TIMES, Place, axis_letters, place_in

MOST_LABEL = 2**32 - 1

_X_POSITION, _Y_POSITION, _RATIONAL = 286, 287, 5
_LARGEST = 2**32 - 1
_IMAGEJ_AXES, _IMAGEJ_BYTES = 4, 2**32 - 2**25
_IMAGEJ_ORDERS = ("YX", "ZYX", "TYX", "CYX", "TZYX", "TCYX", "ZCYX")
_KEY = "napari_sam3_assistant"
"""Of our note among the lines that ImageJ reads."""


def write(file: BinaryIO, labels: npt.NDArray[Any], place: Place) -> None:
    """Write labels from 0 to :data:`MOST_LABEL` as uint16, or uint32 where one needs that.

    Notes
    -----
    uint16 of two to four axes, with one unit, two pixels wide at least, is written as ImageJ has it: axes, unit
    and the distance of slices stand in ImageDescription, pixels per unit in XResolution and YResolution. ImageJ
    knows no uint32: such a file, and one of more axes, says its axes as JSON in ImageDescription, and the size
    of a pixel in the baseline tags, in centimetres. Both keep the place exactly, as JSON in ImageDescription,
    and the position in XPosition and YPosition.
    """
    dtype = np.dtype(np.uint16 if int(labels.max()) < 2**16 else np.uint32)
    write_pages(file, labels.astype(dtype, copy=False), labels.shape, dtype, place)


def write_pages(
    file: BinaryIO,
    pages: npt.NDArray[Any] | Iterator[npt.NDArray[Any]],
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    place: Place,
    letters: str | None = None,
) -> None:
    """Write labels as :func:`write` does, page by page: an iterator gives the planes of the last two axes, in order.

    Parameters
    ----------
    file : file
    pages : ndarray or iterator of ndarray
        Of ``dtype``, uint16 or uint32.
    shape : tuple of int
        Of all of it.
    dtype : dtype
    place : Place
    letters : str or None
        The names of the axes; None for the usual ones.
    """
    import tifffile

    one_unit = place.units is None or len(set(place.units[-2:])) < 2
    small = len(shape) <= _IMAGEJ_AXES and math.prod(shape) * 2 < _IMAGEJ_BYTES and shape[-1] > 1
    axes = (letters or axis_letters(len(shape), place.units)).upper()
    imagej = dtype == np.uint16 and one_unit and small and axes in _IMAGEJ_ORDERS
    (x, y), unit = _resolution(place, imagej)
    tifffile.imwrite(
        file,
        pages,
        shape=shape,
        dtype=dtype,
        imagej=imagej,
        photometric="minisblack",
        compression="zlib",
        compressionargs={"level": 1},
        resolution=((x.numerator, x.denominator), (y.numerator, y.denominator)),
        resolutionunit=unit,
        software="napari-sam3-assistant",
        metadata=_imagej(place, axes, shape) if imagej else {"axes": axes, **place.note()},
        extratags=_position(place, (x, y)),
    )


def read(path: Path) -> tuple[npt.NDArray[Any], Place]:
    """Return the first image of a TIFF file, and its place as far as :func:`write` has noted it.

    Raises
    ------
    ImageError
        If it is a colour picture.
    """
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages.first
        if page.samplesperpixel > 1:
            raise ImageError(f"{path.name} is a colour picture, not labels.", hint="Choose a file of whole numbers.")
        labels = tiff.series[0].asarray()
        note = _note(page)
    shape = note.get("shape")  # ImageJ's own words leave out axes of length 1
    if isinstance(shape, list) and sorted(one for one in shape if one != 1) == sorted(
        n for n in labels.shape if n != 1
    ):
        labels = labels.reshape(shape)
    return labels, place_in(note, labels.ndim)


def read_place(path: Path) -> Place:
    """Return the place that :func:`write` has noted, without reading pixels."""
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        return place_in(_note(tiff.pages.first), len(tiff.series[0].shape))


def _note(page: Any) -> dict[str, Any]:
    text = page.description
    for line in text.splitlines() if text.startswith("ImageJ=") else ():
        if line.startswith(f"{_KEY}="):
            text = line.removeprefix(f"{_KEY}=")
    try:
        note = json.loads(text)
    except ValueError:  # another program's words
        return {}
    return note if isinstance(note, dict) else {}


def _imagej(place: Place, axes: str, shape: tuple[int, ...]) -> dict[str, Any]:
    """Return what ImageJ is told of a picture."""
    told: dict[str, Any] = {"axes": axes, _KEY: json.dumps({"shape": list(shape), **place.note()})}
    if place.units is not None and place.units[-1].isascii():
        told["unit"] = "um" if place.units[-1] == "micrometer" else place.units[-1]
    if axes[0] == "Z" and place.scale is not None:
        told["spacing"] = abs(place.scale[0])
    elif axes[:2] == "TZ" and place.scale is not None:
        told["spacing"] = abs(place.scale[1])
    if axes[0] == "T" and place.scale is not None:
        told["finterval"] = abs(place.scale[0])
        if place.units is not None and place.units[0] in TIMES:
            told["tunit"] = place.units[0]
    return told


def _resolution(place: Place, imagej: bool) -> tuple[tuple[Fraction, Fraction], str]:
    """Return pixels per unit along x and y, and the name of the unit; for ImageJ, the unit is that of the place."""
    lengths, unit = None if imagej else place.pixel_cm(), "CENTIMETER"
    if lengths is None:
        unit = "NONE"
        lengths = (1.0, 1.0) if place.scale is None else (abs(place.scale[-2]), abs(place.scale[-1]))
    x, y = _fraction(1 / lengths[1]), _fraction(1 / lengths[0])
    if x is None or y is None:  # smaller or larger than TIFF can say; the JSON knows
        return (Fraction(1), Fraction(1)), "NONE"
    return (x, y), unit


def _position(place: Place, resolution: tuple[Fraction, Fraction]) -> list[tuple[int, int, int, tuple[int, int], bool]]:
    """Return the tags that say where the first pixel lies, which TIFF knows right of and below the origin."""
    if place.offset is None or len(place.offset) < 2 or min(place.offset[-2:]) < 0:
        return []
    tags = []
    for code, pixels, density in zip((_X_POSITION, _Y_POSITION), place.offset[:-3:-1], resolution, strict=True):
        at = _fraction(float(pixels / density)) if pixels else Fraction(0)
        if at is None:
            return []
        tags.append((code, _RATIONAL, 1, (at.numerator, at.denominator), True))
    return tags


def _fraction(value: float) -> Fraction | None:
    """Return the nearest fraction of two unsigned 32-bit numbers, or None where ``value`` > 0 has none."""
    near = Fraction(value).limit_denominator(max(int(_LARGEST / max(value, 1)), 1))
    return near if 0 < near.numerator <= _LARGEST else None
