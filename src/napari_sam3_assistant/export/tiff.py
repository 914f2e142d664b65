"""Label images as plain TIFF files that any program opens."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import ImageError
from napari_sam3_assistant.export.places import Place, place_in

MOST_LABEL = 2**32 - 1

_X_POSITION, _Y_POSITION, _RATIONAL = 286, 287, 5
_LARGEST = 2**32 - 1


def write(file: BinaryIO, labels: npt.NDArray[Any], place: Place) -> None:
    """Write labels from 0 to :data:`MOST_LABEL` as uint16, or uint32 where one needs that.

    Notes
    -----
    Scale and position stand in the baseline tags XResolution, YResolution, ResolutionUnit, XPosition
    and YPosition, rounded to fractions, and exactly in ImageDescription, as JSON.
    """
    import tifffile

    dtype = np.uint16 if int(labels.max()) < 2**16 else np.uint32
    (x, y), unit = _resolution(place)
    tifffile.imwrite(
        file,
        labels.astype(dtype, copy=False),
        photometric="minisblack",
        compression="zlib",
        compressionargs={"level": 1},
        resolution=((x.numerator, x.denominator), (y.numerator, y.denominator)),
        resolutionunit=unit,
        software="napari-sam3-assistant",
        metadata=place.note(),
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
    return labels, place_in(note, labels.ndim)


def read_place(path: Path) -> Place:
    """Return the place that :func:`write` has noted, without reading pixels."""
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        return place_in(_note(tiff.pages.first), len(tiff.series[0].shape))


def _note(page: Any) -> dict[str, Any]:
    try:
        note = json.loads(page.description)
    except ValueError:  # another program's words
        return {}
    return note if isinstance(note, dict) else {}


def _resolution(place: Place) -> tuple[tuple[Fraction, Fraction], str]:
    """Return pixels per unit along x and y, and the name of the unit."""
    lengths, unit = place.pixel_cm(), "CENTIMETER"
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
