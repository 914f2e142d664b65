"""Where the pixels of a file lie: on their plane, and in lengths."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from napari_sam3_assistant.core.errors import SaveError

# Centimetres in one of each; spelled as napari spells them, or shorter.
_CENTIMETERS = {
    **dict.fromkeys(("angstrom", "Å"), 1e-8),
    **dict.fromkeys(("nanometer", "nm"), 1e-7),
    **dict.fromkeys(("micrometer", "micron", "um", "\u00b5m", "\u03bcm"), 1e-4),  # two letters look like "µ"
    **dict.fromkeys(("millimeter", "mm"), 1e-1),
    **dict.fromkeys(("centimeter", "cm"), 1.0),
    **dict.fromkeys(("meter", "m"), 1e2),
    **dict.fromkeys(("inch", "in"), 2.54),
}

TIMES = ("second", "millisecond", "microsecond", "nanosecond", "minute", "hour", "day")
"""Names of units of time, as napari and OME spell them."""
KNOWN_UNITS = frozenset((*_CENTIMETERS, *TIMES, "pixel"))
"""Names of units that any layer takes."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the pixels of an array lie. None: not known.

    Attributes
    ----------
    offset : tuple of int or None
        The first pixel, in pixels of the plane, one number for each axis of the array.
    plane_shape : tuple of int or None
        Shape of the plane (or stack) that the array is a part of.
    scale : tuple of float or None
        Length of a pixel along each axis.
    units : tuple of str or None
        Unit of each of these lengths.
    plane : tuple of (axis, position) or None
        Where the plane was cut out of a stack, in axes of the stack.
    """

    offset: tuple[int, ...] | None = None
    plane_shape: tuple[int, ...] | None = None
    scale: tuple[float, ...] | None = None
    units: tuple[str, ...] | None = None
    plane: tuple[tuple[int, int], ...] | None = None

    def note(self) -> dict[str, list[Any]]:
        """Return what is known as a JSON object, exactly."""
        known = {name: getattr(self, name) for name in ("offset", "plane_shape", "scale", "units", "plane")}
        return {name: list(value) for name, value in known.items() if value is not None}

    def pixel_cm(self) -> tuple[float, float] | None:
        """Return height and width of a pixel in centimetres, or None where they are not known lengths."""
        if self.scale is None or self.units is None or len(self.scale) < 2:
            return None
        if not all(unit in _CENTIMETERS for unit in self.units[-2:]):
            return None
        height, width = (
            abs(length) * _CENTIMETERS[unit] for length, unit in zip(self.scale[-2:], self.units[-2:], strict=True)
        )
        return height, width


def place_of(
    ndim: int,
    *,
    offset: Sequence[int] | None = None,
    plane_shape: Sequence[int] | None = None,
    scale: Sequence[float] | None = None,
    units: Sequence[object] | str | None = None,
    plane: Sequence[tuple[int, int]] | None = None,
) -> Place:
    """Return the place of an array of ``ndim`` axes, as plain numbers and words.

    Raises
    ------
    SaveError
        If one of them is not one for each axis, or a scale is 0 or not finite.
    """
    words = (units,) * ndim if isinstance(units, str) else units
    for name, values in (
        ("scale", scale),
        ("units", words),
        ("offset", offset),
        ("plane's shape", plane_shape),
    ):
        if values is not None and len(values) != ndim:
            raise SaveError(
                f"The {name} has {len(values)} entries for {ndim} axes.",
                hint="Pass one for each axis of the labels.",
            )
    if scale is not None and not all(math.isfinite(length) and length for length in scale):
        raise SaveError("A pixel needs a length.", hint="Set a scale other than 0 on every axis.")
    return Place(
        None if offset is None else tuple(map(int, offset)),
        None if plane_shape is None else tuple(map(int, plane_shape)),
        None if scale is None else tuple(map(float, scale)),
        None if words is None else tuple(map(str, words)),
        tuple((int(axis), int(position)) for axis, position in plane) if plane else None,
    )


def axis_letters(ndim: int, units: Sequence[str] | None) -> str:
    """Return names of axes, one letter each: ``zyx``, or ``tyx`` where the first of three has a unit of time.

    Of more than five only the last two have names; the others are ``q``, which is nothing in particular.
    """
    if ndim == 3 and units is not None and units[0] in TIMES:
        return "tyx"
    return {2: "yx", 3: "zyx", 4: "tzyx", 5: "tczyx"}.get(ndim, "q" * (ndim - 2) + "yx")


def place_in(note: Mapping[str, Any], ndim: int) -> Place:
    """Return the place that the JSON object of a file tells; what does not fit ``ndim`` axes is left out."""

    def entries(name: str, *kinds: type) -> list[Any] | None:
        values = note.get(name)
        fits = isinstance(values, list) and len(values) == ndim and all(isinstance(v, kinds) for v in values)
        return values if fits else None

    offset, plane_shape = entries("offset", int), entries("plane_shape", int)
    scale, units = entries("scale", int, float), entries("units", str)
    return Place(
        None if offset is None else tuple(offset),
        None if plane_shape is None else tuple(plane_shape),
        None if scale is None else tuple(map(float, scale)),
        None if units is None else tuple(units),
        _plane_in(note.get("plane")),
    )


def _plane_in(pairs: object) -> tuple[tuple[int, int], ...] | None:
    if not isinstance(pairs, list) or not pairs:
        return None
    for pair in pairs:
        if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(number, int) for number in pair)):
            return None
    return tuple((axis, position) for axis, position in pairs)
