"""The layer of boxes: made, styled, and read through world coordinates, this plane only.

Every kind of shape is a prompt: an upright rectangle is a box, another shape with an inside a box
and a mask, a line the box round it. What a drawn corner becomes is said in ``outlines.py``.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Collection, Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Shapes

from napari_sam3_assistant.core.geometry import clip
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.prompts import BoxPrompt, MaskPrompt, Prompts, is_positive
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.layers.features import WORDS, next_positive, polarity_words, set_next, write_features
from napari_sam3_assistant.layers.outlines import (
    FILLED,
    Floats,
    box_of,
    has_area,
    is_upright,
    outline_of,
    rasterise,
)
from napari_sam3_assistant.layers.owned import about, mark, others, set_next_picture
from napari_sam3_assistant.layers.positions import positions
from napari_sam3_assistant.layers.shape_records import ShapesRecord, read_shapes, write_shapes
from napari_sam3_assistant.layers.world import World, camera_of, geometry_at, to_world, world_of

__all__ = [
    "CollectedShapes",
    "ShapePrompt",
    "ShapesRecord",
    "add_box_layer",
    "box_layer",
    "collect_shapes",
    "count_shapes",
    "fit_edges",
    "flip_boxes",
    "next_box_polarity",
    "read_shapes",
    "remove_shapes",
    "set_next_box_polarity",
    "write_shapes",
]

POSITIVE_COLOR = "#51cf66"
NEGATIVE_COLOR = "#c92a2a"
"""Light and dark, so that they are told apart without red and green too."""
FACE_ALPHA = {True: "33", False: "00"}
THICKER = 2.0
"""How much thicker the edge of a counter-example is; nothing is seen in it, so that colour is not all."""
EDGE_SCREEN_PX = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class ShapePrompt:
    """A drawn shape as a prompt for one object, or as an example of what to find.

    Attributes
    ----------
    key : tuple
        Hashable; the same as long as outline, polarity and plane are, and no other shape's.
    prompts : Prompts
        In pixels of the plane: its box, and its mask where it is more than a box.
    box : BoxPrompt
        Its bounding box, cut to the plane; whole pixels.
    index : int
        Its place in the layer.
    """

    key: tuple[Hashable, ...]
    prompts: Prompts
    box: BoxPrompt
    index: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class CollectedShapes:
    """What a shapes layer says about one plane of an image.

    Attributes
    ----------
    shapes : tuple of ShapePrompt
        Oldest first.
    elsewhere, outside, empty : int
        Shapes left out because they lie on other slices, beside the picture, or enclose nothing.
    others : tuple of str
        The pictures of shapes left out because they are about other ones, one each: unique ids.
    """

    shapes: tuple[ShapePrompt, ...]
    elsewhere: int = 0
    outside: int = 0
    empty: int = 0
    others: tuple[str, ...] = ()


def add_box_layer(viewer: Any, *, image: Any | None = None) -> Any:
    """Return the layer ``SAM3 boxes``, made and styled if it is not there, ready to draw rectangles.

    Parameters
    ----------
    viewer : napari viewer
    image : napari Image layer or None
        Whose geometry a new layer takes; two axes in world units without one.
    """
    layer = box_layer(viewer)
    if layer is None:
        colors = {True: POSITIVE_COLOR, False: NEGATIVE_COLOR}
        layer = viewer.add_shapes(
            ndim=image.ndim if image is not None else 2,
            name=names.BOXES,
            feature_defaults={names.POLARITY: WORDS[True]},
            property_choices={names.POLARITY: [WORDS[True], WORDS[False]]},
            edge_color=names.POLARITY,
            edge_color_cycle=list(colors.values()),
            face_color=names.POLARITY,
            face_color_cycle=[color + FACE_ALPHA[good] for good, color in colors.items()],
            opacity=1.0,
            **(geometry_at(image, (0,) * image.ndim) if image is not None else {}),
        )
        mark(layer)
    if image is not None:
        set_next_picture(layer, image)
    fit_edges(viewer, layer)
    layer.mode = "add_rectangle"
    return layer


def box_layer(viewer: Any) -> Any | None:
    """Return the layer ``SAM3 boxes``, or None."""
    return next((one for one in viewer.layers if one.name == names.BOXES and isinstance(one, Shapes)), None)


def fit_edges(viewer: Any, layer: Any) -> None:
    """Draw the edges of all shapes, and of the next ones, :data:`EDGE_SCREEN_PX` wide on the screen, or thicker.

    napari keeps widths in data coordinates, with no limits on the screen as points have them: call this
    again when the zoom has changed much.
    """
    units_per_px = np.linalg.norm(to_world(layer, world_of(viewer)).linear[:, -1])
    width = EDGE_SCREEN_PX / max(float(camera_of(viewer).zoom * units_per_px), 1e-12)
    wanted = [width * _thickness(is_positive(word)) for word in polarity_words(layer)]
    following = width * _thickness(next_box_polarity(layer))
    if np.allclose([layer.current_edge_width, *layer.edge_width], [following, *wanted], rtol=0.05):
        return
    _set_next_width(layer, following)
    if len(layer.data):
        layer.edge_width = wanted
        layer.events.edge_width()  # napari draws new widths only when it is told


def set_next_box_polarity(layer: Any, positive: bool) -> None:
    """Make the next box an example or a counter-example; boxes that are selected stay as they are."""
    before = _thickness(next_box_polarity(layer))
    set_next(layer, names.POLARITY, WORDS[positive])
    _set_next_width(layer, layer.current_edge_width * _thickness(positive) / before)


def next_box_polarity(layer: Any) -> bool:
    """Return whether the next box will be positive."""
    return next_positive(layer)


def flip_boxes(layer: Any) -> int:
    """Turn the polarity of the selected boxes, or of the latest one; return how many were turned."""
    count = len(layer.data)
    chosen = sorted(index for index in layer.selected_data if index < count) or list(range(count))[-1:]
    if not chosen:
        return 0
    words, widths = polarity_words(layer), list(layer.edge_width)
    for index in chosen:
        good = not is_positive(words[index])
        words[index], widths[index] = WORDS[good], widths[index] * _thickness(good) / _thickness(not good)
    write_features(layer, {names.POLARITY: words})
    layer.refresh_colors()
    layer.edge_width = widths
    layer.events.edge_width()
    return len(chosen)


def _thickness(positive: bool) -> float:
    """Return how much thicker an edge is than that of an example."""
    return 1.0 if positive else THICKER


def _set_next_width(layer: Any, width: float) -> None:
    """Set the width of the next shape's edge; shapes that are selected keep theirs."""
    with layer.block_update_properties():
        layer.current_edge_width = width


def remove_shapes(layer: Any, indices: Collection[int]) -> None:
    """Remove some shapes; nothing is selected afterwards."""
    layer.selected_data = {index for index in indices if index < len(layer.data)}
    layer.remove_selected()


def count_shapes(layer: Any, image: Any, plane: Plane, world: World | None = None) -> int:
    """Return how many shapes begin on a plane of an image; parameters are those of :func:`collect_shapes`."""
    first = np.array([np.asarray(one[0], dtype=float) for one in layer.data])
    if not len(first):
        return 0
    return int((positions(layer, image, plane, first, world).here & about(layer, image)).sum())


def collect_shapes(
    layer: Any, image: Any, plane: Plane, world: World | None = None, *, also: str = ""
) -> CollectedShapes:
    """Return the shapes that lie on a plane of an image, as prompts in its pixels.

    Parameters
    ----------
    layer : napari Shapes layer
        Of any number of axes and any transform.
    image : napari Image layer
    plane : Plane
        Of the image's data.
    world : World or None
        What the viewer shows; None for layers without sliders and with one unit.
    also : str
        Shapes that were drawn for this other picture, a unique id, count too: where they lie is all that matters.

    Returns
    -------
    CollectedShapes
        A shape lies on the plane if all its vertices do. What is left out is counted.
    """
    kinds = [str(kind) for kind in layer.shape_type]
    drawn = [outline_of(k, np.asarray(one, dtype=float)) for k, one in zip(kinds, layer.data, strict=True)]
    if not drawn:
        return CollectedShapes(())
    found = positions(layer, image, plane, np.concatenate(drawn), world)
    ends = np.cumsum([len(one) for one in drawn])[:-1]
    outlines = np.split(np.stack([found.rows, found.cols], axis=1), ends)
    here = [bool(part.all()) for part in np.split(found.here, ends)]
    positive = [is_positive(word) for word in polarity_words(layer)]
    own = about(layer, image, also).tolist()
    return _sorted(kinds, outlines, here, positive, own, plane, found.shape, others(layer, image, also))


def _sorted(
    kinds: list[str],
    outlines: list[Floats],
    here: list[bool],
    positive: list[bool],
    own: list[bool],
    plane: Plane,
    shape: tuple[int, int],
    others: tuple[str, ...],
) -> CollectedShapes:
    """Return the prompts of what can be one, and count the rest."""
    shapes: list[ShapePrompt] = []
    left, seen = Counter[str](), Counter[Hashable]()
    for index, (kind, outline, lies_here, good) in enumerate(zip(kinds, outlines, here, positive, strict=True)):
        if not own[index]:
            continue
        if not np.isfinite(outline).all() or (lies_here and not has_area(outline, kind in FILLED)):
            left["empty"] += 1
        elif not lies_here:
            left["elsewhere"] += 1
        elif (box := clip(box_of(outline), shape)) is None:
            left["outside"] += 1
        else:
            key = (kind, good, plane, box, zlib.crc32(np.round(outline + 0.0, 2).tobytes()))
            seen[key] += 1  # a copy on the same place is another object
            shapes.append(_prompt((*key, seen[key]), kind, outline, BoxPrompt(box, good), index))
    return CollectedShapes(tuple(shapes), left["elsewhere"], left["outside"], left["empty"], others)


def _prompt(key: tuple[Hashable, ...], kind: str, outline: Floats, box: BoxPrompt, index: int) -> ShapePrompt:
    if kind not in FILLED or (kind == "rectangle" and is_upright(outline)):
        return ShapePrompt(key, Prompts(box=box), box, index)
    mask = rasterise(outline, box.box)
    return ShapePrompt(key, Prompts(box=box, mask=None if mask is None else MaskPrompt(mask)), box, index)
