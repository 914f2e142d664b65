"""What a Labels layer tells the file that it is exported to, and the layer that an imported file becomes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Labels

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.export.annotated import OBJECT, Annotated, Color, LabelClass, Meaning
from napari_sam3_assistant.export.names import picture_stem
from napari_sam3_assistant.export.painting import Imported
from napari_sam3_assistant.export.places import KNOWN_UNITS, Place
from napari_sam3_assistant.layers.blocks import colormap, note
from napari_sam3_assistant.layers.class_masks import (
    CLASS_CONVERSION,
    CLASS_NAME,
    CLASS_VALUE,
    MERGE_CONVERSION,
    SOURCE_IMAGE,
    Role,
    class_of,
    free_name,
    pixels_of,
    placed_on,
    role_of,
)
from napari_sam3_assistant.layers.images import active_image, image_layers
from napari_sam3_assistant.layers.world import geometry_at
from napari_sam3_assistant.masks.joining import Become, Conversion

INDEX = "index"
"""The column of a layer's features that says which label a row is about."""
MOST_COLORS = 255
MOST_NAMED = 10**6
"""How many labels get a class each, at most."""


def meaning_of(layer: Any) -> Meaning:
    """Return whether the labels of a layer are objects or classes, as far as its metadata tell: else objects."""
    merged = layer.metadata.get("merge_mode")
    if merged in ("semantic", "binary"):
        return Meaning.CLASSES
    numbered = layer.metadata.get(MERGE_CONVERSION) == Become.PRESERVE
    return Meaning.CLASSES if merged is None and role_of(layer) == Role.WORKING and not numbered else Meaning.OBJECTS


def annotated(viewer: Any, layer: Any, meaning: Meaning) -> Annotated:
    """Return a layer with all that is told of it; its pixels are not read.

    Where it lies on an Image layer, pixel on pixel, it is placed on that picture.
    """
    data = pixels_of(layer)
    classes, default = _classes(layer, meaning)
    scale, units = tuple(float(abs(one)) for one in layer.scale), tuple(str(one) for one in layer.units)
    found = next(_pictures(viewer, layer), None)
    offset = plane_shape = None
    picture = str(layer.name)
    if found is not None:
        image, at = found
        path = image.source.path
        picture = Path(str(path)).name if path else str(image.name)
        if tuple(_shape(image)) != tuple(data.shape):
            offset, plane_shape = at, _shape(image)
    place = Place(offset, plane_shape, scale, units)
    return Annotated(data, place, picture, meaning, classes, _colors(layer), default)


def names_of_pictures(viewer: Any) -> tuple[str, ...]:
    """Return the names of all Image layers and of their files."""
    found = [str(layer.name) for layer in image_layers(viewer)]
    return (*found, *(Path(str(one.source.path)).name for one in image_layers(viewer) if one.source.path))


def shape_of_picture(viewer: Any) -> tuple[int, ...] | None:
    """Return the shape of the picture that a file without one is about: the selected layer's, or the topmost's.

    Of a selected Labels layer that is the picture on which it lies, pixel on pixel, else its own.
    """
    active = viewer.layers.selection.active
    layer = active if isinstance(active, Labels) else active_image(viewer)
    if layer is None:
        return None
    image = next((image for image, _ in _pictures(viewer, layer)), None) if isinstance(layer, Labels) else layer
    return tuple(pixels_of(layer).shape) if image is None else _shape(image)


def add_imported(viewer: Any, one: Imported, name: str) -> Any:
    """Add a Labels layer of what was read, above all others, and return it.

    It lies on the Image layer of the same name or shape where there is one, else where the file says.
    """
    labels = one.labels.view(np.uint8) if one.labels.dtype == bool else one.labels
    kinds = set(one.classes.values())
    facts = {}
    if len(kinds) == 1:
        (only,) = kinds
        facts = {CLASS_NAME: only.name, CLASS_VALUE: only.value}
        if one.meaning is not Meaning.CLASSES:  # labels number the objects, and are not the class's value
            facts[CLASS_CONVERSION] = Conversion.PRESERVE.value
    layer = Labels(
        labels,
        name=free_name(viewer, name),
        colormap=colormap(),
        features=_features(one.classes),
        metadata=facts | ({"merge_mode": "semantic"} if one.meaning is Meaning.CLASSES else {}),
        **_geometry(viewer, one, labels.shape),
    )
    return viewer.add_layer(layer)


def _pictures(viewer: Any, layer: Any) -> Iterator[tuple[Any, tuple[int, ...]]]:
    """Yield the images on whose pixels a layer lies, and where; the one that it was made of first."""
    told = {str(layer.metadata.get(SOURCE_IMAGE, "")), str(note(layer).get("image", ""))}
    topmost_first = image_layers(viewer)[::-1]
    for image in sorted(topmost_first, key=lambda one: not {str(one.name), str(one.unique_id)} & (told - {""})):
        try:
            placed = placed_on(viewer, image, layer)
        except PromptError:  # another grid
            continue
        inside = (
            at >= 0 and at + own <= length
            for at, own, length in zip(placed.offset, placed.shape, _shape(image), strict=True)
        )
        if all(inside):
            yield image, placed.offset


def _shape(image: Any) -> tuple[int, ...]:
    return tuple(int(length) for length in pixels_of(image).shape[: image.ndim])


def _classes(layer: Any, meaning: Meaning) -> tuple[dict[int, LabelClass], LabelClass]:
    """Return the class of each label, as far as told, and that of all others."""
    told = class_of(layer)
    whole = LabelClass(told.name, told.value, _bytes(told.color)) if told.name else None
    found: dict[int, LabelClass] = {}
    if whole is not None and meaning is Meaning.CLASSES:
        found[1 if layer.metadata.get(MERGE_CONVERSION) == Become.BINARY else whole.value] = whole
    entries = layer.metadata.get("classes")
    entries = entries if isinstance(entries, list) else []
    if meaning is Meaning.CLASSES and layer.metadata.get("merge_mode") == "binary":
        kinds = {_class(entry) for entry in entries}
        return {1: kinds.pop() if len(kinds) == 1 else OBJECT} | _marked(layer.features), OBJECT
    for entry in entries:
        kind = _class(entry)
        if meaning is Meaning.CLASSES:
            found.setdefault(kind.value, kind)
        elif "first" in entry:
            found |= dict.fromkeys(range(entry["first"], min(entry["last"] + 1, entry["first"] + MOST_NAMED)), kind)
    return found | _marked(layer.features), whole or OBJECT


def _class(entry: Mapping[str, Any]) -> LabelClass:
    return LabelClass(str(entry.get(CLASS_NAME, "")), int(entry.get(CLASS_VALUE, 1)))


def _marked(table: Any) -> dict[int, LabelClass]:
    """Return the classes that the features of a layer tell."""
    if CLASS_NAME not in table:
        return {}
    values = table[INDEX] if INDEX in table else range(len(table))
    numbers = table[CLASS_VALUE] if CLASS_VALUE in table else [0] * len(table)
    found: dict[int, LabelClass] = {}
    known: dict[str, int] = {}
    for label, name, number in zip(values, table[CLASS_NAME], numbers, strict=True):
        if not isinstance(name, str) or not name:
            continue
        value = int(number) if np.isfinite(number) and number > 0 else known.setdefault(name, len(known) + 1)
        found[int(label)] = LabelClass(name, value)
    return found


def _colors(layer: Any) -> dict[int, Color]:
    """Return the colours of the first labels, as they are seen."""
    dtype = np.dtype(pixels_of(layer).dtype)
    most = min(MOST_COLORS, int(np.iinfo(dtype).max)) if dtype.kind in "iu" else 1
    drawn = np.asarray(layer.colormap.map(np.arange(1, most + 1).astype(dtype)))
    return {at: _bytes(color) or (0, 0, 0) for at, color in enumerate(drawn, 1) if color[3] > 0}


def _bytes(color: Any) -> Color | None:
    if color is None:
        return None
    red, green, blue = (round(float(part) * 255) for part in color[:3])
    return red, green, blue


def _features(classes: Mapping[int, LabelClass]) -> Any:
    if not classes:
        return None
    rows = sorted(classes.items())
    return {
        INDEX: [label for label, _ in rows],
        CLASS_NAME: [kind.name for _, kind in rows],
        CLASS_VALUE: [kind.value for _, kind in rows],
    }


def _geometry(viewer: Any, one: Imported, shape: tuple[int, ...]) -> dict[str, Any]:
    place, stem = one.place, picture_stem(one.picture).casefold()
    whole = place.plane_shape or shape
    alike = [image for image in image_layers(viewer) if _shape(image) == tuple(whole)]
    named = [image for image in alike if picture_stem(str(image.name)).casefold() == stem]
    active = [image for image in alike if image == active_image(viewer)]
    chosen = next(iter([*named, *active, *reversed(alike)]), None)
    offset = place.offset if place.offset is not None and place.plane_shape is not None else (0,) * len(shape)
    if chosen is not None:
        return geometry_at(chosen, offset)
    scale = place.scale or (1.0,) * len(shape)
    found: dict[str, Any] = {"scale": scale, "translate": tuple(a * b for a, b in zip(offset, scale, strict=True))}
    if place.units is not None and all(unit in KNOWN_UNITS for unit in place.units):
        found["units"] = place.units
    return found
