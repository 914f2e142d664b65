"""What an OME-Zarr of labels says of itself: NGFF 0.4, levels, axes, units, and our own note."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from napari_sam3_assistant.core.errors import SaveError
from napari_sam3_assistant.export.places import TIMES, Place, axis_letters

NOTE, VERSION = "napari_sam3_assistant", "0.4"

_LENGTHS = ("angstrom", "nanometer", "micrometer", "millimeter", "centimeter", "meter", "inch")


def attributes_of(
    ndim: int,
    levels: Mapping[str, Sequence[int]],
    place: Place,
    looks: Mapping[str, Any] | None = None,
    letters: str | None = None,
) -> dict[str, Any]:
    """Return what the file of a label image says of itself.

    Parameters
    ----------
    ndim : int
        Number of axes.
    levels : mapping of str to sequence of int
        By name, how many pixels of the first level one pixel takes along each axis.
    place : Place
    looks : mapping or None
        Further entries of ``image-label``: ``colors`` and ``properties``.
    letters : str or None
        The names of the axes; None for the usual ones.

    Raises
    ------
    SaveError
        If there are too few or too many axes.
    """
    pyramid = {
        "version": VERSION,
        "name": "labels",
        "type": "nearest",
        "axes": _axes(ndim, place.units, letters),
        "datasets": [_dataset(name, steps, place) for name, steps in levels.items()],
    }
    return {
        "multiscales": [pyramid],
        "image-label": {"version": VERSION, **(looks or {})},
        NOTE: place.note(),
    }


def _dataset(name: str, steps: Sequence[int], place: Place) -> dict[str, Any]:
    fine = [abs(length) for length in place.scale] if place.scale is not None else [1.0] * len(steps)
    lengths = [length * step for length, step in zip(fine, steps, strict=True)]
    found: list[dict[str, Any]] = [{"type": "scale", "scale": lengths}]
    if place.offset is not None and any(place.offset):
        moved = [length * first for length, first in zip(fine, place.offset, strict=True)]
        found.append({"type": "translation", "translation": moved})
    return {"path": name, "coordinateTransformations": found}


def _axes(ndim: int, units: Sequence[str] | None, letters: str | None = None) -> list[dict[str, str]]:
    """Return names, kinds and units of axes."""
    if not 2 <= ndim <= 5:
        raise SaveError(f"OME-Zarr holds 2 to 5 axes, not {ndim}.", hint="Choose TIFF or NumPy.")
    found = []
    for place, name in enumerate(letters or axis_letters(ndim, units)):
        kind = {"t": "time", "c": "channel"}.get(name, "space")
        known = {"time": TIMES, "space": _LENGTHS}.get(kind, ())
        unit = units[place] if units is not None else ""
        found.append({"name": name, "type": kind, **({"unit": unit} if unit in known else {})})
    return found
