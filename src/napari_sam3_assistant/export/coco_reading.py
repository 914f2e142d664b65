"""Label images from COCO JSON: polygons, and run-length codes, compressed or not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_sam3_assistant.core.errors import ImageError
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.progress import UNWATCHED, Watch
from napari_sam3_assistant.core.rle import counts_in, mask_of
from napari_sam3_assistant.export.annotated import LabelClass, Meaning
from napari_sam3_assistant.export.coco import NOTE
from napari_sam3_assistant.export.names import picture_stem
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
from napari_sam3_assistant.export.places import Place, place_in

NO_COCO = "Choose a COCO file with the lists images, annotations and categories."


@dataclass(frozen=True, slots=True, eq=False)
class _Picture:
    """A picture of the file: its name, its plane's shape, where in the stack it stands, and its annotations."""

    name: str
    shape: tuple[int, int]
    index: tuple[int, ...]
    annotations: list[tuple[str, dict[str, Any]]]


def is_coco(found: Any) -> bool:
    """Return whether the content of a JSON file is COCO's by its lists."""
    return isinstance(found, dict) and isinstance(found.get("annotations"), list) and "images" in found


def read(found: Any, name: str, *, wanted: Sequence[str] = (), watch: Watch = UNWATCHED) -> Iterator[Imported]:
    """Yield the label image of each picture; a stack that was written here is one picture.

    Parameters
    ----------
    found : object
        The content of the file.
    name : str
        Of the file.
    wanted : sequence of str
        Names of pictures: where the file has some of these, only those.
    watch : Watch

    Raises
    ------
    ImageError
        If something in the file is not as COCO has it; it names the entry.
    """
    if not is_coco(found):
        raise ImageError(f"{name} is JSON, but not COCO.", hint=NO_COCO)
    pictures = _pictures(found, name)
    classes = _classes(found.get("categories"), name)
    info = found.get("info")
    note = info.get(NOTE) if isinstance(info, dict) else None
    note = note if isinstance(note, dict) else {}
    stack = _stack(note, pictures, name)
    if stack is not None:
        yield _painted(pictures, stack, classes, note, watch)
        return
    stems = {picture_stem(one).casefold() for one in wanted}
    chosen = [one for one in pictures if picture_stem(one.name).casefold() in stems] or pictures
    for one in chosen:
        yield _painted([one], one.shape, classes, note, watch)


def _pictures(found: Mapping[str, Any], name: str) -> list[_Picture]:
    """Return all pictures, with what annotates them."""
    images = found["images"]
    if not isinstance(images, list) or not images:
        raise ImageError(f"{name} names no picture.", hint=NO_COCO)
    by_id: dict[Any, _Picture] = {}
    for number, image in enumerate(images, 1):
        where = f"Image {number} of {name}"
        if not isinstance(image, dict) or not isinstance(image.get("id"), (int, str)):
            raise ImageError(f"{where} has no id.", hint=REMEDY)
        height, width = checked_shape((image.get("height"), image.get("width")), where)
        title = image.get("file_name")
        by_id[image["id"]] = _Picture(
            title if isinstance(title, str) else "", (height, width), _numbers(image.get("index")), []
        )
    for number, annotation in enumerate(found["annotations"], 1):
        where = f"Annotation {number} of {name}"
        if not isinstance(annotation, dict):
            raise ImageError(f"{where} is {shown(annotation)}, not an object.", hint=REMEDY)
        image = annotation.get("image_id")
        if not isinstance(image, (int, str)) or image not in by_id:
            raise ImageError(f"{where} is about the picture {shown(image)}, which is not listed.", hint=REMEDY)
        by_id[image].annotations.append((f"{where} (id {shown(annotation.get('id'))})", annotation))
    return list(by_id.values())


def _numbers(found: Any) -> tuple[int, ...]:
    """Return a list of whole numbers, or none where it is something else."""
    numbers = [whole_number(one) for one in found] if isinstance(found, list) else []
    known = [one for one in numbers if one is not None]
    return tuple(known) if len(known) == len(numbers) else ()


def _classes(found: Any, file: str) -> dict[int, LabelClass]:
    """Return the classes by the number that annotations name them by."""
    classes = {}
    for number, one in enumerate(found if isinstance(found, list) else [], 1):
        value = whole_number(one.get("id")) if isinstance(one, dict) else None
        if value is None:
            raise ImageError(f"Category {number} of {file} has no number.", hint=REMEDY)
        title = one.get("name")
        name = title if isinstance(title, str) else f"class_{value}"
        classes[value] = LabelClass(name, value, checked_color(one.get("color")))
    return classes


def _stack(note: Mapping[str, Any], pictures: Sequence[_Picture], name: str) -> tuple[int, ...] | None:
    """Return the shape of the stack that was written here, of which each picture is a plane; None for others."""
    told = note.get("shape")
    if not isinstance(told, list) or len(told) < 3:
        return None
    shape = checked_shape(told, name)
    fits = all(
        len(one.index) == len(shape) - 2
        and one.shape == shape[-2:]
        and all(at < length for at, length in zip(one.index, shape, strict=False))
        for one in pictures
    )
    return shape if fits else None


def _painted(
    pictures: Sequence[_Picture],
    shape: tuple[int, ...],
    classes: Mapping[int, LabelClass],
    note: Mapping[str, Any],
    watch: Watch,
) -> Imported:
    entries = [(picture, *entry) for picture in pictures for entry in picture.annotations]
    told = [whole_number(one.get("label"), 1) for _, _, one in entries]
    numbers = [label for label in told if label is not None]
    labels = numbers if len(numbers) == len(entries) else list(range(1, len(entries) + 1))
    canvas = Canvas(shape, max(labels, default=0))
    known: dict[int, LabelClass] = {}
    empty: dict[str, int] = defaultdict(int)
    for label, (picture, where, annotation) in zip(labels, watch.over(entries), strict=True):
        segmentation = annotation.get("segmentation")
        if not segmentation:
            empty["have a box but no outline"] += 1
            continue
        mask = _mask(segmentation, picture.shape, where)
        category = whole_number(annotation.get("category_id"))
        if category is not None and category in classes:
            known[label] = classes[category]
        if mask is None:
            empty["lie outside the picture, or on no pixel"] += 1
            continue
        canvas.paint(mask, label, picture.index if len(shape) > 2 else ())
    notes = tuple(f"{count:,} annotation(s) {why}; they were left out." for why, count in empty.items())
    meaning = next((one for one in Meaning if one.value == note.get("meaning")), None)
    place = place_in(note, len(shape))
    name = pictures[0].name
    return Imported(
        canvas.labels, Place(None, None, place.scale, place.units), name, known, meaning, canvas.covered, notes
    )


def _mask(found: Any, shape: tuple[int, int], where: str) -> PlacedMask | None:
    """Return the pixels of an annotation."""
    if isinstance(found, dict):
        return _of_runs(found, shape, where)
    if not isinstance(found, list):
        raise ImageError(f"{where} has an outline that is neither polygons nor a run-length code.", hint=REMEDY)
    rings = [checked_ring(one, where, flat=True) for one in found]
    parts = [part for ring in rings if (part := filled([ring], shape)) is not None]
    if len(parts) < 2:
        return parts[0] if parts else None
    # Polygons of one annotation are joined: what two of them hold counts once.
    low = np.min([part.offset for part in parts], axis=0)
    high = np.max([np.add(part.offset, part.mask.shape) for part in parts], axis=0)
    mask = np.zeros(tuple(high - low), bool)
    for part in parts:
        top, left = np.subtract(part.offset, low)
        mask[top : top + part.mask.shape[0], left : left + part.mask.shape[1]] |= part.mask
    return PlacedMask(mask, (int(low[0]), int(low[1])))


def _of_runs(found: Mapping[str, Any], shape: tuple[int, int], where: str) -> PlacedMask | None:
    if found.get("size") != list(shape):
        raise ImageError(
            f"{where} has a run-length code of size {shown(found.get('size'))}, its picture is {list(shape)}.",
            hint=REMEDY,
        )
    counts = found.get("counts")
    try:
        if isinstance(counts, str):
            return mask_of(counts_in(counts), shape)
        if isinstance(counts, list) and all(isinstance(one, int) and abs(one) < 2**62 for one in counts):
            return mask_of(counts, shape)
    except ImageError as error:
        raise ImageError(f"{where}: {error.message}", hint=REMEDY) from error
    raise ImageError(f"{where} has a run-length code without whole numbers.", hint=REMEDY)
