"""Layers of accepted objects and of classes: what their metadata say, and where their pixels lie on each other.

The keys stand at the top of a layer's metadata, under the names that earlier versions gave them: what those
wrote is read here, and what is written here they read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.layers.blocks import colormap, insert_above, note
from napari_sam3_assistant.layers.images import image_layers, layer_by_id
from napari_sam3_assistant.layers.labels import labels_layers
from napari_sam3_assistant.layers.marks import MOST_COLORED
from napari_sam3_assistant.layers.marks import role_of as role_of
from napari_sam3_assistant.layers.names import CLASS_NAME as CLASS_NAME
from napari_sam3_assistant.layers.names import CLASS_VALUE as CLASS_VALUE
from napari_sam3_assistant.layers.names import ROLE as ROLE
from napari_sam3_assistant.layers.names import STATUS as STATUS
from napari_sam3_assistant.layers.world import World, geometry_at, to_world, world_of
from napari_sam3_assistant.masks.joining import Become, Conversion
from napari_sam3_assistant.masks.placed import Placed

OBJECT_NAME = "object_name"
CLASS_COLOR = "class_color"
"""Ours: red, green and blue, 0 to 1."""
SOURCE_IMAGE, SOURCE_PREVIEW, SOURCE_TASK = "source_image_layer", "source_preview_layer", "source_task"
CLICKS = "points"
"""The task of an object that does not say which one it comes from."""
CLASS_CONVERSION, MERGE_CONVERSION = "class_conversion", "merge_conversion"
"""What the values of an accepted object, and of a class mask, became when it was made."""
DEFAULT_CLASS = "class"
DRIFT_PX = 0.05
"""How far, at most, pixels of two layers on one grid may lie from each other, in pixels."""
OTHER_COLOR = (0.6, 0.6, 0.6)
"""Of a value that no class has."""


class Role(StrEnum):
    """What a layer is to Mask Operations; the value is what its metadata say."""

    ACCEPTED = "accepted_object"
    REJECTED = "rejected_object"
    WORKING = "class_working_mask"
    FINAL = "final_training_mask"
    OVERLAP = "overlap_map"


@dataclass(frozen=True, slots=True)
class LayerClass:
    """The class of a layer: its name, empty where none is told, its value, and its colour where one is told."""

    name: str = ""
    value: int = 1
    color: tuple[float, float, float] | None = None


def is_accepted_object(layer: Any) -> bool:
    """Return whether a layer is an accepted object that nobody has rejected since."""
    return role_of(layer) == Role.ACCEPTED and layer.metadata.get(STATUS, "accepted") != "rejected"


def is_rejected(layer: Any) -> bool:
    """Return whether a layer was rejected, as an object or as a mask that was merged."""
    return role_of(layer) == Role.REJECTED or layer.metadata.get(STATUS) == "rejected"


def class_of(layer: Any) -> LayerClass:
    """Return the class that a layer's metadata tell, whoever wrote them."""
    data = layer.metadata
    value, color = data.get(CLASS_VALUE), data.get(CLASS_COLOR)
    known = isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value > 0
    return LayerClass(str(data.get(CLASS_NAME) or ""), int(value) if known else 1, _color(color))


def value_of_class(layer: Any) -> int | None:
    """Return the value of a layer's class, where the layer tells that its pixels hold other values; else None."""
    told = class_of(layer)
    kept = (Conversion.PRESERVE, Conversion.KEEP, Conversion.DELETE)
    made = layer.metadata.get(MERGE_CONVERSION) in (Become.PRESERVE, Become.BINARY)
    return told.value if told.name and (made or layer.metadata.get(CLASS_CONVERSION) in kept) else None


def write_facts(layer: Any, facts: Mapping[str, Any]) -> None:
    """Write entries into a layer's metadata, beside what is there."""
    layer.metadata = {**layer.metadata, **facts}


def reject(layer: Any) -> None:
    """Note that an accepted object is none."""
    write_facts(layer, {ROLE: Role.REJECTED.value, STATUS: "rejected"})


def sources_of(viewer: Any, layer: Any) -> dict[str, str]:
    """Return what is told of where a preview comes from: its picture, itself, and what was asked."""
    found, noted = layer.metadata, note(layer)
    picture = layer_by_id(viewer, str(noted.get("image") or noted.get("propagated") or ""))
    first = next(iter(image_layers(viewer)), None)
    name = found.get(SOURCE_IMAGE) or (str(picture.name) if picture else "") or (str(first.name) if first else "")
    items = noted.get("items", ())
    asked = sorted({str(item.origin.prompt or CLICKS) for item in items if hasattr(item, "origin")})
    task = str(found.get(SOURCE_TASK) or "") or ("propagation" if "propagated" in noted else ", ".join(asked))
    return {SOURCE_IMAGE: str(name), SOURCE_PREVIEW: str(layer.name), SOURCE_TASK: task}


def free_name(viewer: Any, name: str) -> str:
    """Return a name that no layer has: the one wished for, or with ``2``, ``3`` ... after it."""
    taken = {str(layer.name) for layer in viewer.layers}
    made, number = name, 1
    while made in taken:
        number += 1
        made = f"{name} {number}"
    return made


def pixels_of(layer: Any) -> Any:
    """Return the pixels of a layer, of a multiscale one those of full resolution, wherever they are kept."""
    return layer.data[0] if layer.multiscale else layer.data


def placed_on(viewer: Any, base: Any, layer: Any) -> Placed:
    """Return a layer's pixels with their place on the grid of another layer, whose first pixel is the grid's.

    Raises
    ------
    PromptError
        If the layers' pixels do not lie on each other.
    """
    name, other = str(layer.name), str(base.name)
    if layer.ndim != base.ndim:
        raise PromptError(
            f"{name} has {layer.ndim} axes, {other} has {base.ndim}.", hint="Choose layers of as many axes each."
        )
    world = world_of(viewer)
    if world.units is None and tuple(layer.units) != tuple(base.units):
        raise PromptError(
            f"{name} is in {_units(layer)}, {other} in {_units(base)}: these do not go together.",
            hint="Give both the same units: layer.units in napari's console.",
        )
    between = to_world(base, world).inverse().after(to_world(layer, world))
    shape = tuple(int(length) for length in pixels_of(layer).shape)
    reach = np.abs(between.linear - np.eye(layer.ndim)) * np.maximum(shape, 1)
    if reach.max(initial=0) > DRIFT_PX:
        raise _other_grid(layer, base, between.linear, world)
    offset = np.round(between.offset)
    beside = np.abs(between.offset - offset)
    if beside.max(initial=0) > DRIFT_PX:
        axis = int(beside.argmax())
        raise PromptError(
            f"{name} lies {beside[axis]:.2f} px beside the pixels of {other} on axis {axis}.",
            hint="Set the layer's translate so that it lies whole pixels away.",
        )
    return Placed(pixels_of(layer), tuple(int(at) for at in offset))


def _other_grid(layer: Any, base: Any, linear: np.ndarray, world: World) -> PromptError:
    """Return the error that says in what two grids differ: in the size of pixels, in their direction, in both."""
    name, other = str(layer.name), str(base.name)
    sizes = np.linalg.norm(linear, axis=0)
    straight = np.allclose(linear, np.diag(np.diag(linear)), atol=1e-6)
    turned = np.allclose(linear.T @ linear, np.diag(sizes**2), atol=1e-6)
    if straight and (np.diag(linear) > 0).all():
        own, theirs = (
            " x ".join(f"{size:.4g}" for size in np.linalg.norm(to_world(one, world).linear, axis=0))
            for one in (layer, base)
        )
        return PromptError(
            f"{name} has pixels of {own}, {other} of {theirs} {_units(base)}.",
            hint="Bring both to one pixel size first; if they have it, set the same scale in both.",
        )
    how = "mirrored" if straight else "rotated" if turned else "sheared"
    return PromptError(
        f"{name} is {how} against {other}.",
        hint="Give both the same rotate, shear and affine; pixels that are turned cannot be merged.",
    )


def _units(layer: Any) -> str:
    return " x ".join(dict.fromkeys(str(unit) for unit in layer.units))


def add_labels(
    viewer: Any, base: Any, made: Placed, name: str, facts: Mapping[str, Any], colors: Mapping[int, Any] | None = None
) -> Any:
    """Add a Labels layer above all others, and return it; its name is :func:`free_name`'s.

    Parameters
    ----------
    viewer : napari viewer
    base : napari layer
        Whose geometry it has.
    made : Placed
        On the grid of ``base``.
    name : str
    facts : mapping
        What its metadata say.
    colors : mapping of int to color, or None
        The colours of values; None for those of objects.
    """
    layer = Labels(
        made.labels,
        name=free_name(viewer, name),
        colormap=colormap() if colors is None else class_colormap(colors),
        metadata=dict(facts),
        **geometry_at(base, made.offset),
    )
    return insert_above(viewer, viewer.layers[-1], layer)


def give_pixels(layer: Any, made: Placed) -> None:
    """Give a layer other pixels, which lie on its own grid."""
    translate = geometry_at(layer, made.offset)["translate"]
    with layer.events.translate.blocker():  # or napari would draw twice: what follows draws it there
        layer.translate = translate
    layer.data = made.labels


def class_colormap(colors: Mapping[int, Any]) -> Any:
    """Return the colours of values; others are grey, background is clear.

    Where a value is above :data:`MOST_COLORED`, all have the colours of objects: napari draws no higher ones in
    colours of their own.
    """
    if max(colors, default=0) > MOST_COLORED:
        return colormap()
    others: dict[int | None, Any] = {None: OTHER_COLOR, 0: "transparent"}
    own: dict[int | None, Any] = dict(colors.items())
    return DirectLabelColormap(color_dict=others | own)


def show_colors(layer: Any, colors: Mapping[int, Any]) -> None:
    """Draw a layer in the colours of values."""
    layer.colormap = class_colormap(colors)


def has_colors(layer: Any) -> bool:
    """Return whether a layer is drawn in the colours of values."""
    return isinstance(layer.colormap, DirectLabelColormap)


def add_colors(layer: Any, colors: Mapping[int, Any]) -> None:
    """Draw these values of a layer in these colours, and its others as they are drawn."""
    known = {value: color for value, color in layer.colormap.color_dict.items() if value}
    show_colors(layer, {**known, **colors})


def recolor(viewer: Any, name: str, color: tuple[float, float, float]) -> None:
    """Draw all layers of a class in another colour, where they are drawn in those of classes."""
    for layer in known_layers(viewer):
        own = class_of(layer)
        if own.name == name:
            write_facts(layer, {CLASS_COLOR: color})
            if has_colors(layer):
                add_colors(layer, {own.value: color})


def known_layers(viewer: Any) -> Sequence[Any]:
    """Return the Labels layers that tell their class, the lowest first."""
    return [layer for layer in labels_layers(viewer) if layer.metadata.get(CLASS_NAME)]


def _color(found: Any) -> tuple[float, float, float] | None:
    try:
        red, green, blue = (float(part) for part in found)
    except (TypeError, ValueError):
        return None
    return (red, green, blue) if all(0 <= part <= 1 for part in (red, green, blue)) else None
