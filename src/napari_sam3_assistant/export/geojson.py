"""Objects as GeoJSON polygons, as QuPath reads and writes them.

Coordinates are (x, y) pixels of the picture, (0, 0) being the upper left corner of its first pixel. Outlines run
as RFC 7946 asks, which the numbers alone decide: the area by x and y is positive; holes run the other way round.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, BinaryIO

from napari_sam3_assistant.core.errors import SaveError
from napari_sam3_assistant.core.polygons import Outline, Piece
from napari_sam3_assistant.core.progress import UNWATCHED, Watch
from napari_sam3_assistant.export.annotated import Annotated
from napari_sam3_assistant.export.atomic import write_file
from napari_sam3_assistant.export.places import axis_letters

NOTE = "napari_sam3_assistant"
MOST_AXES = 5


def write(
    path: Path, masks: Annotated, *, overwrite: bool = False, watch: Watch = UNWATCHED, detections: bool = False
) -> Path:
    """Write a FeatureCollection with a polygon for each object on each plane, and return the path.

    Parameters
    ----------
    path : Path
    masks : Annotated
    overwrite : bool
        Whether a file that is there already may be replaced.
    watch : Watch
    detections : bool
        Whether QuPath shall take the objects for detections, of which it shows more at a time; else annotations,
        which can be edited there.

    Raises
    ------
    SaveError
        If there are too many axes, the file is there already, or it cannot be written.
    """
    if masks.labels.ndim > MOST_AXES:
        raise SaveError(
            f"QuPath knows channels, slices and times, not {masks.labels.ndim} axes.", hint="Export a part of them."
        )
    return write_file(path, lambda file: _write(file, masks, watch, detections), overwrite=overwrite)


def _write(file: BinaryIO, masks: Annotated, watch: Watch, detections: bool) -> None:
    (height, width), leading = masks.plane_shape, masks.labels.shape[:-2]
    place = masks.place.note()
    about = {"shape": [*leading, height, width], "meaning": masks.meaning.value, "picture": masks.picture}
    about |= {name: place[name] for name in ("scale", "units") if name in place}
    letters = axis_letters(masks.labels.ndim, masks.place.units)
    file.write(b'{"type":"FeatureCollection",' + _text({NOTE: about})[1:-1] + b',"features":[')
    kind, first = "detection" if detections else "annotation", True
    count = max(int(masks.labels.size // (masks.labels.shape[-2] * masks.labels.shape[-1])), 1)
    for done, (index, plane) in enumerate(masks.planes()):
        where = _plane(letters, index)
        watch.at(done / count)
        for number, one in enumerate(masks.outlines(plane, watch)):
            if number % 100 == 0:
                watch.at(None)
            file.write(b"\n" if first else b",\n")
            file.write(_text(_feature(masks, one, kind, where)))
            first = False
    file.write(b"]}\n")


def _plane(letters: str, index: tuple[int, ...]) -> dict[str, int]:
    """Return where QuPath shall show an object: all channels, unless the labels differ between them."""
    at = dict(zip(letters, index, strict=False))
    return {"c": at.get("c", -1), "z": at.get("z", 0), "t": at.get("t", 0)}


def _feature(masks: Annotated, one: Outline, kind: str, where: dict[str, int]) -> dict[str, Any]:
    known = masks.class_of(one.label)
    polygons = [_rings(piece) for piece in one.pieces]
    geometry: dict[str, Any] = (
        {"type": "Polygon", "coordinates": polygons[0]}
        if len(polygons) == 1
        else {"type": "MultiPolygon", "coordinates": polygons}
    )
    return {
        "type": "Feature",
        "geometry": geometry | {"plane": where},
        "properties": {
            "objectType": kind,
            "classification": {"name": known.name, "color": list(known.color or masks.color_of(known.value))},
            "metadata": {"label": str(one.label), "class_value": str(known.value)},
        },
    }


def _rings(piece: Piece) -> list[list[list[int]]]:
    """Return the rings as GeoJSON has them: x before y, and closed."""
    return [[*(swapped := ring[:, ::-1].tolist()), swapped[0]] for ring in piece.rings]


def _text(entry: dict[str, Any]) -> bytes:
    return json.dumps(entry, separators=(",", ":")).encode("ascii")
