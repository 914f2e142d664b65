"""A table of the objects of a label image: class, size, centre and box of each, as a CSV file."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.progress import UNWATCHED, Watch
from napari_sam3_assistant.export.annotated import Annotated, Meaning
from napari_sam3_assistant.export.atomic import write_file
from napari_sam3_assistant.export.places import axis_letters

_NAMES = {"y": "row", "x": "column", "z": "z", "t": "t", "c": "channel"}
_ENDS = {"y": ("Top", "Bottom"), "x": ("Left", "Right")}


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """An object in numbers: its label, how many pixels it has, the mean index of these, and its half-open box."""

    label: int
    pixels: int
    centroid: tuple[float, ...]
    box: tuple[tuple[int, int], ...]


def write(path: Path, masks: Annotated, *, overwrite: bool = False, watch: Watch = UNWATCHED) -> Path:
    """Write a row for each object, in pixels and in the units of the picture, and return the path.

    Raises
    ------
    SaveError
        If the file is there already, or cannot be written.
    """
    axes = _axes(masks)
    scale = masks.place.scale or (1.0,) * len(axes)
    units = masks.place.units or ("pixel",) * len(axes)
    size = "Area" if len(axes) == 2 else "Volume"
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        [
            *("Label", "Class", "Class value", f"{size} (px)", f"{size} (world)", f"{size} unit"),
            *(f"Centroid {axis.title}" for axis in axes),
            *(f"Centroid {axis.title} (world)" for axis in axes),
            *(f"{axis.title.capitalize()} unit" for axis in axes),
            *(end for axis in axes for end in axis.ends),
        ]
    )
    unit = f"{units[0]}^{len(units)}" if len(set(units)) == 1 else " * ".join(units)
    for one in measured(masks, watch=watch):
        known = masks.class_of(one.label)
        world = one.pixels * math.prod(map(abs, scale))
        writer.writerow(
            [
                *(one.label, known.name, known.value, one.pixels, _written(world), unit),
                *map(_written, one.centroid),
                *(_written(at * length) for at, length in zip(one.centroid, scale, strict=True)),
                *units,
                *(end for pair in one.box for end in pair),
            ]
        )
    text = out.getvalue().encode("utf-8", "backslashreplace")
    return write_file(path, lambda file: file.write(text), overwrite=overwrite)


def measured(masks: Annotated, *, watch: Watch = UNWATCHED) -> Iterator[Measured]:
    """Yield each object of an array of any number of axes, by label; of classes each connected piece."""
    from scipy import ndimage as ndi

    labels = masks.labels.view(np.uint8) if masks.labels.dtype == bool else masks.labels
    values = np.unique(labels)
    values = values[values > 0]
    offset = masks.place.offset if masks.place.offset and masks.place.plane_shape else (0,) * labels.ndim
    if not values.size:
        return
    dense = np.searchsorted(values, labels).astype(np.int32) + 1
    dense[~np.isin(labels, values)] = 0
    found = ndi.find_objects(dense, len(values))
    for number, where in watch.over(list(enumerate(found, 1))):
        mask, start = dense[where] == number, [part.start for part in where]
        label = int(values[number - 1])
        if masks.meaning is Meaning.OBJECTS:
            yield _measured(label, mask, start, offset)
            continue
        pieces, _ = ndi.label(mask)
        for piece, part in enumerate(ndi.find_objects(pieces), 1):
            corner = [first + inner.start for first, inner in zip(start, part, strict=True)]
            yield _measured(label, pieces[part] == piece, corner, offset)


def _measured(label: int, mask: npt.NDArray[np.bool_], start: list[int], offset: tuple[int, ...]) -> Measured:
    places = np.nonzero(mask)
    corner = [a + b for a, b in zip(start, offset, strict=True)]
    centroid = tuple(float(at.mean()) + first for at, first in zip(places, corner, strict=True))
    box = tuple((int(at.min()) + first, int(at.max()) + first + 1) for at, first in zip(places, corner, strict=True))
    return Measured(label, int(places[0].size), centroid, box)


@dataclass(frozen=True, slots=True)
class _Axis:
    title: str
    ends: tuple[str, str]


def _axes(masks: Annotated) -> list[_Axis]:
    letters = axis_letters(masks.labels.ndim, masks.place.units)
    found = []
    for number, letter in enumerate(letters):
        title = _NAMES.get(letter, f"axis {number}")
        found.append(_Axis(title, _ENDS.get(letter, (f"First {title}", f"End {title}"))))
    return found


def _written(value: Any) -> str:
    return f"{float(value):.10g}"
