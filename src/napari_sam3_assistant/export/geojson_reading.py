"""Label images from GeoJSON polygons, as QuPath and this program write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import ImageError
from napari_sam3_assistant.core.progress import UNWATCHED, Watch
from napari_sam3_assistant.export.annotated import LabelClass, Meaning
from napari_sam3_assistant.export.geojson import NOTE
from napari_sam3_assistant.export.painting import (
    REMEDY,
    Canvas,
    Imported,
    checked_color,
    checked_ring,
    checked_shape,
    filled,
    shown,
    whole_number,
)
from napari_sam3_assistant.export.places import Place, axis_letters, place_in

Rings = list[npt.NDArray[np.float64]]
_MOST_AT = 2**20


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    """A feature: polygons (each its outline and holes), where in the stack, label and class as far as told."""

    polygons: list[Rings]
    at: Mapping[str, int]
    label: int | None
    class_name: str
    class_value: int | None
    color: tuple[int, int, int] | None


def is_geojson(found: Any) -> bool:
    """Return whether the content of a JSON file is GeoJSON: features, or a bare list of them."""
    if isinstance(found, list):
        return bool(found) and all(isinstance(one, dict) and one.get("type") == "Feature" for one in found[:10])
    return isinstance(found, dict) and found.get("type") in ("FeatureCollection", "Feature")


def read(found: Any, name: str, *, shape: Sequence[int] | None = None, watch: Watch = UNWATCHED) -> Imported:
    """Return the label image of the polygons in a GeoJSON file.

    Parameters
    ----------
    found : object
        The content of the file.
    name : str
        Of the file.
    shape : sequence of int or None
        Of the picture, where that is known; else as the file notes, or as large as the polygons need.
    watch : Watch

    Raises
    ------
    ImageError
        If something in the file is not as GeoJSON has it; it names the feature.
    """
    if not is_geojson(found):
        raise ImageError(f"{name} is JSON, but not GeoJSON.", hint="Choose a file with a FeatureCollection.")
    note = found.get(NOTE) if isinstance(found, dict) else None
    note = note if isinstance(note, dict) else {}
    features = found if isinstance(found, list) else found.get("features", [found])
    if not isinstance(features, list):
        raise ImageError(f"{name} has no list of features.", hint=REMEDY)
    entries, skipped = [], 0
    for number, feature in enumerate(watch.over(features), 1):
        entry = _entry(feature, f"Feature {number} of {name}")
        entries += [entry] if entry is not None else []
        skipped += entry is None
    told = note.get("shape")
    full = checked_shape(told, name) if isinstance(told, list) else _shape(entries, shape, name)
    letters = axis_letters(len(full), place_in(note, len(full)).units)
    return _painted(entries, full, letters, note, skipped, watch)


def _entry(feature: Any, where: str) -> _Entry | None:
    """Return a feature, or None where it is no area."""
    geometry = feature.get("geometry") if isinstance(feature, dict) else None
    if not isinstance(geometry, dict) or not isinstance(geometry.get("type"), str):
        raise ImageError(f"{where} has no geometry.", hint=REMEDY)
    kind, found = geometry["type"], geometry.get("coordinates")
    if kind not in ("Polygon", "MultiPolygon"):
        return None
    parts = [found] if kind == "Polygon" else found
    if not isinstance(parts, list) or not parts or not all(isinstance(part, list) and part for part in parts):
        raise ImageError(f"{where} is a {kind} without outlines.", hint=REMEDY)
    polygons = [[checked_ring(ring, where) for ring in part] for part in parts]
    about = feature.get("properties")
    about = about if isinstance(about, dict) else {}
    kept = about.get("metadata")
    kept = kept if isinstance(kept, dict) else {}
    title, color = _classified(about.get("classification"))
    label, value = whole_number(kept.get("label"), 1), whole_number(kept.get("class_value"), 0)
    return _Entry(polygons, _at(geometry.get("plane"), where), label, title, value, color)


def _classified(found: Any) -> tuple[str, tuple[int, int, int] | None]:
    """Return name and colour of a class; QuPath has had several ways to write them."""
    if isinstance(found, str):
        return found, None
    if not isinstance(found, dict):
        return "", None
    names = found.get("names")
    joined = ": ".join(map(str, names)) if isinstance(names, list) else ""
    name, color, packed = found.get("name", joined), found.get("color"), found.get("colorRGB")
    if isinstance(packed, int) and not isinstance(packed, bool):
        color = [packed >> 16 & 255, packed >> 8 & 255, packed & 255]
    return (name if isinstance(name, str) else ""), checked_color(color)


def _at(plane: Any, where: str) -> dict[str, int]:
    """Return channel, slice and time of a feature; all channels are the first."""
    found = {}
    for letter in "czt":
        told = plane.get(letter, 0) if isinstance(plane, dict) else 0
        place = whole_number(told, -1, _MOST_AT)
        if place is None:
            raise ImageError(f"{where} lies on plane {letter} {shown(told)}.", hint=REMEDY)
        found[letter] = max(place, 0)
    return found


def _shape(entries: Sequence[_Entry], told: Sequence[int] | None, name: str) -> tuple[int, ...]:
    """Return the shape of the picture: as told, or as large as is needed."""
    rings = [ring for entry in entries for polygon in entry.polygons for ring in polygon]
    high = np.ceil(np.max([ring.max(axis=0) for ring in rings], axis=0)).astype(int) if rings else np.ones(2, int)
    plane = tuple(told[-2:]) if told is not None else tuple(np.maximum(high, 1).tolist())
    most = {letter: max((one.at[letter] for one in entries), default=0) + 1 for letter in "tcz"}
    if told is not None and 2 < len(told) <= 5:
        letters = axis_letters(len(told), None)
        return checked_shape([max(most[one], n) for one, n in zip(letters, told[:-2], strict=False)] + [*plane], name)
    leading = [most["t"], most["c"], most["z"]] if most["c"] > 1 else [most["t"], most["z"]]
    while leading and leading[0] == 1:
        leading = leading[1:]
    return checked_shape([*leading, *plane], name)


def _painted(
    entries: Sequence[_Entry],
    shape: tuple[int, ...],
    letters: str,
    note: Mapping[str, Any],
    skipped: int,
    watch: Watch,
) -> Imported:
    told = [one.label for one in entries if one.label is not None]
    labels = told if len(told) == len(entries) else list(range(1, len(entries) + 1))
    canvas = Canvas(shape, max(labels, default=0))
    values = {name: at for at, name in enumerate(dict.fromkeys(one.class_name for one in entries), 1)}
    classes: dict[int, LabelClass] = {}
    outside = 0
    for label, one in zip(labels, watch.over(entries), strict=True):
        index = tuple(one.at.get(letter, 0) for letter in letters[:-2])
        if any(at >= length for at, length in zip(index, shape, strict=False)):
            outside += 1
            continue
        if one.class_name:
            value = one.class_value if one.class_value is not None else values[one.class_name]
            classes[label] = LabelClass(one.class_name, value, one.color)
        masks = [filled(rings, (shape[-2], shape[-1])) for rings in one.polygons]
        outside += not any(mask is not None for mask in masks)
        for mask in masks:
            if mask is not None:
                canvas.paint(mask, label, index)
    notes = []
    if skipped:
        notes.append(f"{skipped:,} point(s) or line(s) have no area; they were left out.")
    if outside:
        notes.append(f"{outside:,} object(s) lie outside the picture, or on no pixel; they were left out.")
    meaning = next((one for one in Meaning if one.value == note.get("meaning")), None)
    place = place_in(note, len(shape))
    picture = note.get("picture")
    return Imported(
        canvas.labels,
        Place(None, None, place.scale, place.units),
        picture if isinstance(picture, str) else "",
        classes,
        meaning,
        canvas.covered,
        tuple(notes),
    )
