"""How large pixels are, by what TIFF files tell: OME, ImageJ or the tags."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

_CENTIMETER = 3
_UNITS = {"µm": "micrometer", "\u03bcm": "micrometer", "um": "micrometer", "micron": "micrometer", "nm": "nanometer"}
_UNITS |= {"mm": "millimeter", "cm": "centimeter", "m": "meter", "\\u00B5m": "micrometer"}
_UNITS |= {"ms": "millisecond", "µs": "microsecond", "us": "microsecond", "ns": "nanosecond"}
_UNITS |= dict.fromkeys(("s", "sec", "seconds"), "second") | dict.fromkeys(("min", "minutes"), "minute")
_UNITS |= {"h": "hour", "d": "day"}


def tiff_scale(tiff: Any) -> tuple[tuple[float, float] | None, tuple[str, str] | None]:
    """Return height and width of a pixel and their units, or None where the file does not tell."""
    if tiff.is_ome:
        pixels = _ome_pixels(tiff.ome_metadata)
        if "PhysicalSizeX" in pixels and "PhysicalSizeY" in pixels:
            units = tuple(_unit(pixels.get(f"PhysicalSize{axis}Unit", "µm")) for axis in "YX")
            return (float(pixels["PhysicalSizeY"]), float(pixels["PhysicalSizeX"])), (units[0], units[1])
        return None, None
    tags = tiff.pages.first.tags
    x, y = (_density(tags.get(name)) for name in ("XResolution", "YResolution"))
    if x is None or y is None:
        return None, None
    unit = tags.get("ResolutionUnit")
    if tiff.is_imagej:
        name = _unit(str((tiff.imagej_metadata or {}).get("unit", "pixel")))
        return ((1 / y, 1 / x), (name, name)) if name != "pixel" else (None, None)
    if unit is None or int(unit.value) != _CENTIMETER:  # inches are a printer's dots, not a microscope's pixels
        return None, None
    return (1 / y, 1 / x), ("centimeter", "centimeter")


def tiff_steps(tiff: Any, axes: Sequence[str]) -> dict[int, tuple[float, str]]:
    """Return how far neighbours lie apart along depth and time, and its unit, by axis, as far as a TIFF file tells."""
    told: dict[str, tuple[Any, str]] = {}
    if tiff.is_ome:
        pixels = _ome_pixels(tiff.ome_metadata)
        told["z"] = pixels.get("PhysicalSizeZ"), _unit(pixels.get("PhysicalSizeZUnit", "µm"))
        told["t"] = pixels.get("TimeIncrement"), _unit(pixels.get("TimeIncrementUnit", "s"))
    elif tiff.is_imagej:
        about = tiff.imagej_metadata or {}
        told["z"] = about.get("spacing"), _unit(str(about.get("zunit", about.get("unit", "pixel"))))
        told["t"] = about.get("finterval"), _unit(str(about.get("tunit", "s")))
    lengths = {name: (_length(value), unit) for name, (value, unit) in told.items() if name in axes}
    return {axes.index(name): (length, unit) for name, (length, unit) in lengths.items() if length}


def _length(value: Any) -> float:
    """Return a length as a number above 0; 0 where it is none."""
    try:
        length = abs(float(value))
    except (TypeError, ValueError):
        return 0.0
    return length if math.isfinite(length) else 0.0


def _ome_pixels(xml: str) -> dict[str, Any]:
    import tifffile

    image = tifffile.xml2dict(xml).get("OME", {}).get("Image", {})
    first = image[0] if isinstance(image, list) and image else image
    pixels = first.get("Pixels", {}) if isinstance(first, dict) else {}
    return pixels if isinstance(pixels, dict) else {}


def _density(tag: Any) -> float | None:
    if tag is None or not isinstance(tag.value, tuple) or not all(tag.value):
        return None
    return float(tag.value[0] / tag.value[1])


def _unit(name: str) -> str:
    return _UNITS.get(name, name)
