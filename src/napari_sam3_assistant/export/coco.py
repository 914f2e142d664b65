"""Objects as COCO JSON: polygons along the edges of pixels, or run-length codes where an object has holes.

What others need is as the COCO data format says it. What they have no word for - the label of each object, the
axes of a stack, the size of a pixel - stands in fields of our own, which other programs pass over.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from napari_sam3_assistant.core.polygons import Outline
from napari_sam3_assistant.core.progress import UNWATCHED, Watch
from napari_sam3_assistant.core.rle import counts_of, text_of
from napari_sam3_assistant.export.annotated import Annotated, Color, LabelClass, numbered
from napari_sam3_assistant.export.atomic import write_file
from napari_sam3_assistant.export.names import PICTURE_SUFFIXES, picture_stem, slice_name
from napari_sam3_assistant.export.places import axis_letters

NOTE = "napari_sam3_assistant"
"""The key of what we note for ourselves."""


def write(
    path: Path, masks: Annotated, *, overwrite: bool = False, watch: Watch = UNWATCHED, rle: bool = False
) -> Path:
    """Write one annotation for each object on each plane, and return the path.

    Parameters
    ----------
    path : Path
    masks : Annotated
    overwrite : bool
        Whether a file that is there already may be replaced.
    watch : Watch
    rle : bool
        Whether every object is a run-length code; else only those with holes, which COCO's polygons have not.

    Raises
    ------
    SaveError
        If the file is there already, or cannot be written.
    """
    return write_file(path, lambda file: _write(file, masks, watch, rle), overwrite=overwrite)


def _write(file: BinaryIO, masks: Annotated, watch: Watch, rle: bool) -> None:
    images = _images(masks)
    kinds: dict[LabelClass, Color] = {}
    found: list[tuple[int, list[Outline]]] = []
    for image, (index, plane) in zip(images, masks.planes(), strict=True):
        watch.at(len(found) / len(images), f"Outlines of {index}")
        outlines = list(masks.outlines(plane, watch))
        kinds |= {masks.class_of(one.label): masks.color_of(one.label) for one in outlines}
        found.append((image["id"], outlines))
    numbers = numbered(kinds)
    head = {
        "info": {"description": masks.picture, "version": "1.0", NOTE: _note(masks)},
        "licenses": [],
        "images": images,
        "categories": [
            {"id": number, "name": one.name, "supercategory": "", "color": list(one.color or kinds[one])}
            for one, number in numbers.items()
        ],
    }
    file.write(_text(head)[:-1] + b',"annotations":[')
    for number, (at, one) in enumerate(_each(found), 1):
        if number % 100 == 0:
            watch.at(None)
        file.write(b",\n" if number > 1 else b"\n")
        file.write(_text(_annotation(number, at, numbers[masks.class_of(one.label)], one, masks.plane_shape, rle)))
    file.write(b"]}\n")


def _each(found: list[tuple[int, list[Outline]]]) -> Iterator[tuple[int, Outline]]:
    for image, outlines in found:
        for one in outlines:
            yield image, one


def _images(masks: Annotated) -> list[dict[str, Any]]:
    height, width = masks.plane_shape
    shape = masks.labels.shape[:-2]
    letters = axis_letters(masks.labels.ndim, masks.place.units)
    stem, suffix = _parted(masks.picture)
    images = []
    for number, (index, _) in enumerate(masks.planes(), 1):
        cut = slice_name(list(zip(letters, index, shape, strict=False)))
        image: dict[str, Any] = {
            "id": number,
            "file_name": f"{stem}{cut}{suffix}" if cut else masks.picture,
            "width": width,
            "height": height,
        }
        images.append(image | ({"index": list(index)} if index else {}))
    return images


def _parted(picture: str) -> tuple[str, str]:
    """Return the name of a picture, and what it ends in."""
    for suffix in PICTURE_SUFFIXES:
        if picture.lower().endswith(suffix):
            return picture_stem(picture), picture[-len(suffix) :]
    return picture, ""


def _note(masks: Annotated) -> dict[str, Any]:
    (height, width), leading = masks.plane_shape, masks.labels.shape[:-2]
    place = masks.place.note()
    kept: dict[str, Any] = {name: place[name] for name in ("scale", "units", "plane") if name in place}
    return {"shape": [*leading, height, width], "meaning": masks.meaning.value, **kept}


def _annotation(
    number: int, image: int, category: int, one: Outline, shape: tuple[int, int], rle: bool
) -> dict[str, Any]:
    top, left, bottom, right = one.box
    height, width = shape
    if rle or any(piece.holes for piece in one.pieces):
        segmentation: Any = {"size": [height, width], "counts": text_of(counts_of(one.mask(), shape))}
    else:
        segmentation = [piece.outer[:, ::-1].reshape(-1).tolist() for piece in one.pieces]
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "bbox": [left, top, right - left, bottom - top],
        "area": one.area,
        "iscrowd": 0,
        "label": one.label,
        "segmentation": segmentation,
    }


def _text(entry: dict[str, Any]) -> bytes:
    return json.dumps(entry, separators=(",", ":")).encode("ascii")
