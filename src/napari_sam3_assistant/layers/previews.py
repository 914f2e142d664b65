"""Preview layers: the objects of a plane as labels, and what a user paints there as objects.

The labels cover a block of the plane, no larger than the objects on it, rounded outwards so
that most changes leave the layer where it is: moving it costs as much again as drawing it.
Each drawing is a new array, so that whoever edits the layer, or keeps its edits for undo, is
told that these pixels are others. Objects too far apart for one block wait in ``layers/held.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Labels

from napari_sam3_assistant.core.geometry import union
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.sources import Source
from napari_sam3_assistant.core.windows import Window
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.layers.blocks import (
    GRID,
    axes_shape,
    block_geometry,
    colormap,
    grid_block,
    insert_above,
    note,
    same_frame,
    take_away,
    to_axes,
    to_plane,
    write_note,
)
from napari_sam3_assistant.layers.held import show_held
from napari_sam3_assistant.masks.drawing import draw, label_type, painted, redraw, split
from napari_sam3_assistant.masks.registry import PAINTED, MaskObject, Objects, Origin


@dataclass(frozen=True, slots=True)
class Shown:
    """What was drawn.

    Attributes
    ----------
    layer : napari Labels layer or None
        ``SAM3 preview labels``; None where there was nothing to draw and no layer to empty.
    ids : frozenset of int
        The objects in it.
    held : frozenset of int
        Those in ``SAM3 held objects``: too far away for one layer.
    """

    layer: Any | None
    ids: frozenset[int] = frozenset()
    held: frozenset[int] = frozenset()


def preview_layer(viewer: Any) -> Any | None:
    """Return the layer ``SAM3 preview labels``, or None.

    Where the name is taken, by a copy converted to an image, napari has numbered it.
    """
    ours = [one for one in viewer.layers if isinstance(one, Labels) and one.name.startswith(names.PREVIEW_LABELS)]
    named = [one for one in ours if one.name == names.PREVIEW_LABELS]
    return next(iter(named or [one for one in ours if "drawn" in note(one)]), None)


def show_objects(
    viewer: Any, image: Any, source: Source, plane: Plane, objects: Objects, window: Window | None = None
) -> Shown:
    """Draw the objects of a plane into ``SAM3 preview labels``; a label is the object's number.

    What a user has painted there is overwritten: :func:`absorb` it first.

    Parameters
    ----------
    viewer : napari viewer
    image : napari Image layer
        Its geometry is taken over, so that a mask lies where the pixels are.
    source : Source
        Of the image.
    plane : Plane
        On which the objects lie.
    objects : Objects
        Where they overlap, the better score is seen; of equal ones, the newer.
    window : Window or None
        What is worked on. Where the objects lie too far apart for one layer, those that meet it are
        drawn; None takes the newest object's neighbourhood.
    """
    drawn, held = split(objects, source.plane_shape(plane), window)
    show_held(viewer, image, source, plane, held)
    ids, away = frozenset(item.id for item in drawn), frozenset(item.id for item in held)
    if not drawn:
        return Shown(empty_preview(viewer), ids, away)
    return Shown(_draw(viewer, image, source, plane, drawn), ids, away)


def _draw(viewer: Any, image: Any, source: Source, plane: Plane, drawn: Sequence[MaskObject]) -> Any:
    _set_aside(viewer)
    layer = preview_layer(viewer)
    noted = note(layer) if layer is not None else {}
    here = (noted.get("image"), noted.get("plane")) == (source.identity, plane)
    box = union(box for item in drawn if (box := item.mask.box) is not None)
    block = grid_block(box, source.plane_shape(plane), noted["window"] if here else None)
    dtype = label_type(item.id for item in drawn)
    if here and noted["window"] == block and noted["drawn"].dtype == dtype:
        labels = redraw(noted["drawn"], noted["items"], drawn, block)
    else:
        labels = draw(drawn, block, dtype)
    data = to_axes(labels, plane, image.ndim)
    geometry = block_geometry(image, plane, block)
    if layer is not None and (layer.ndim != image.ndim or not same_frame(layer, geometry)):
        take_away(viewer, layer)
        layer = None
    if layer is None:
        layer = _added(viewer, image, data, geometry)
    else:
        if not np.array_equal(layer.translate, geometry["translate"]):
            with layer.events.translate.blocker():  # or napari would draw twice: what follows draws it there
                layer.translate = geometry["translate"]
        layer.data = data
    _note_drawn(layer, source, plane, block, labels, drawn)
    return layer


def _note_drawn(
    layer: Any, source: Source, plane: Plane, block: Window, labels: np.ndarray, drawn: Sequence[MaskObject]
) -> None:
    """Note what was drawn, with a copy of the pixels: users and other plugins write into the layer's own."""
    key = {"image": source.identity, "plane": plane, "window": block}
    write_note(layer, {**key, "drawn": labels.copy(), "items": tuple(drawn)})


def add_empty_preview(viewer: Any, image: Any, source: Source, plane: Plane) -> Any:
    """Return ``SAM3 preview labels``, made without a mask if it is not there.

    napari takes a tenth of a second to add a layer: done before the first click, the click need not wait.
    """
    _set_aside(viewer)
    layer = preview_layer(viewer)
    if layer is not None:
        return layer
    height, width = source.plane_shape(plane)
    block = Window(0, 0, min(GRID, height), min(GRID, width))
    labels = np.zeros(block.shape, np.uint16)
    layer = _added(viewer, image, to_axes(labels, plane, image.ndim), block_geometry(image, plane, block))
    _note_drawn(layer, source, plane, block, labels, ())
    return layer


def _added(viewer: Any, image: Any, data: np.ndarray, geometry: Mapping[str, Any]) -> Any:
    return insert_above(viewer, image, Labels(data, name=names.PREVIEW_LABELS, colormap=colormap(), **geometry))


def _pixels(layer: Any) -> np.ndarray | None:
    """Return the labels of a preview as the plane has them; None if a user gave the layer other data."""
    noted, data = note(layer), layer.data
    if "window" not in noted or not isinstance(data, np.ndarray):
        return None
    if data.shape != axes_shape(noted["window"].shape, noted["plane"], data.ndim):
        return None
    return to_plane(data, noted["plane"])


def absorb(
    viewer: Any,
    objects: Objects,
    plane: Plane | None = None,
    *,
    image: str | None = None,
    origin: Origin = PAINTED,
) -> Objects:
    """Return the objects as a user left them who painted, erased, filled or cleaned in the preview.

    Parameters
    ----------
    viewer : napari viewer
    objects : Objects
        As they are now.
    plane, image : Plane, str or None
        Where they lie: a preview of another plane, or of another picture's identity, is left alone.
    origin : Origin
        Of what was painted with a number of no object.

    Returns
    -------
    Objects
        ``objects`` itself where nothing was changed by hand. A layer that has data of another shape
        now, or negative labels, is kept as ``SAM3 edited labels``, and the objects stay as they are.
    """
    layer = preview_layer(viewer)
    if layer is None or "window" not in note(layer):
        return objects
    noted = note(layer)
    if (plane is not None and plane != noted["plane"]) or (image is not None and image != noted["image"]):
        return objects
    labels, drawn = _pixels(layer), noted["drawn"]
    if labels is None or (labels.dtype.kind == "i" and labels.min() < 0):
        keep_edited(viewer)
        return objects
    if np.array_equal(labels, drawn):
        return objects
    ids = frozenset(item.id for item in noted["items"])
    return painted(objects, ids, drawn, labels, noted["window"], origin)


def note_absorbed(viewer: Any, before: Objects, after: Objects) -> None:
    """Note that the pixels on screen are those of objects now, as :func:`absorb` has made them of those ``before``.

    Else a user who takes back what was absorbed is not seen to have changed anything.
    """
    layer = preview_layer(viewer)
    noted = {} if layer is None else note(layer)
    labels = None if layer is None else _pixels(layer)
    if layer is None or labels is None:
        return
    drawn = {item.id for item in noted["items"]}
    items = tuple(item for item in after if item.id in drawn or item.id not in before)
    write_note(layer, {**noted, "drawn": labels.copy(), "items": items})


def _set_aside(viewer: Any) -> None:
    """Give a preview that we have not drawn another name: a file that was opened, a copy. It is the user's own."""
    layer = preview_layer(viewer)
    if layer is not None and "drawn" not in note(layer):
        layer.name = names.EDITED_LABELS


def keep_edited(viewer: Any) -> str | None:
    """Set the preview aside if its pixels are no longer those that were drawn; return the name it has now."""
    layer = preview_layer(viewer)
    if layer is None or "drawn" not in note(layer):
        return None
    labels = _pixels(layer)
    if labels is not None and (not labels.any() or np.array_equal(labels, note(layer)["drawn"])):
        return None
    write_note(layer, None)
    layer.name = names.EDITED_LABELS
    return str(layer.name)


def read_preview(viewer: Any) -> tuple[np.ndarray, Window] | None:
    """Return the labels on screen, edits included, and the block of the plane that they cover; None without one.

    Returns
    -------
    tuple of ndarray of shape window.shape, and Window, or None
    """
    layer = preview_layer(viewer)
    labels = None if layer is None else _pixels(layer)
    return None if labels is None else (labels.copy(), note(layer)["window"])


def empty_preview(viewer: Any) -> Any | None:
    """Draw nothing into ``SAM3 preview labels``; return the layer, or None if there is none."""
    _set_aside(viewer)
    layer = preview_layer(viewer)
    if layer is not None and layer.data.any():
        layer.data = np.zeros_like(layer.data)
    noted = {} if layer is None else note(layer)
    if noted.get("items"):
        write_note(layer, {**noted, "drawn": np.zeros_like(noted["drawn"]), "items": ()})
    return layer


def clear_previews(viewer: Any) -> int:
    """Remove every preview layer; prompts and saved labels stay. Return how many there were."""
    found = _previews(viewer)
    for layer in found:
        take_away(viewer, layer)
    return len(found)


def count_previews(viewer: Any) -> int:
    """Return how many preview layers there are."""
    return len(_previews(viewer))


def _previews(viewer: Any) -> list[Any]:
    return [layer for layer in viewer.layers if layer.name in names.PREVIEWS]
