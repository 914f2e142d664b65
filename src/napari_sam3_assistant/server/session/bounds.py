"""What of a client's coordinates and masks lies on the picture."""

from __future__ import annotations

import math

from napari_sam3_assistant.core.geometry import Box, PlacedMask, clip
from napari_sam3_assistant.core.prompts import BoxPrompt, PointPrompt
from napari_sam3_assistant.wire.masks import decode
from napari_sam3_assistant.wire.refusals import Refusal
from napari_sam3_assistant.wire.values import Drawn, Place, Point, Rectangle

ON_OBJECTS = "A box round an object has label 1. Click with label 0 on what does not belong to it."


def point_on(x: int, y: int, label: int, shape: tuple[int, int]) -> Point:
    """Return a point of a picture of ``shape`` (H, W).

    Raises
    ------
    Refusal
        If it lies outside.
    """
    height, width = shape
    if not (0 <= x <= width and 0 <= y <= height):
        raise Refusal("out_of_bounds", f"Point ({x}, {y}) outside image bounds ({width}x{height})")
    # The seed's page rounds to the edge of a picture that is shown larger than it is.
    return Point(x=min(x, width - 1), y=min(y, height - 1), label=label)


def place_on(place: Place, shape: tuple[int, int]) -> PointPrompt:
    """Return a point that may lie between the middles of pixels, on a picture of ``shape`` (H, W).

    Raises
    ------
    Refusal
        If it lies outside.
    """
    height, width = shape
    if not (-0.5 <= place.x <= width and -0.5 <= place.y <= height):
        raise Refusal("out_of_bounds", f"Point ({place.x:g}, {place.y:g}) outside image bounds ({width}x{height})")
    return PointPrompt(_before(place.y, height), _before(place.x, width), bool(place.label))


def _before(at: float, length: int) -> float:
    return at if math.floor(at + 0.5) < length else length - 1


def box_on(rectangle: Rectangle, shape: tuple[int, int]) -> Rectangle:
    """Return the part of a box that lies on a picture of ``shape`` (H, W).

    Raises
    ------
    Refusal
        If it is empty, lies outside, or holds no pixel.
    """
    if rectangle.x1 >= rectangle.x2 or rectangle.y1 >= rectangle.y2:
        raise Refusal("bad_box")
    inside = clip(Box(rectangle.y1, rectangle.x1, rectangle.y2, rectangle.x2), shape)
    if inside is None:
        height, width = shape
        raise Refusal("out_of_bounds", f"Bounding box out of image bounds. Image size: {width}x{height}")
    if math.ceil(inside.left) >= inside.right or math.ceil(inside.top) >= inside.bottom:
        raise Refusal("bad_box", "Invalid bounding box: it holds no pixel")
    return Rectangle(x1=inside.left, y1=inside.top, x2=inside.right, y2=inside.bottom, label=rectangle.label)


def object_box_on(rectangle: Rectangle, shape: tuple[int, int]) -> Rectangle:
    """Return the part of a box round an object that lies on a picture; errors as :func:`box_on`."""
    if not rectangle.label:
        raise Refusal("unsupported", ON_OBJECTS)
    return box_on(rectangle, shape)


def mask_on(drawn: Drawn, shape: tuple[int, int]) -> PlacedMask:
    """Return a mask that a client drew on a picture of ``shape`` (H, W). Slow: called on a codec thread.

    Raises
    ------
    Refusal
        If it is broken, not of this picture, or empty.
    """
    mask = decode(drawn.mask, drawn.mask_format, shape, drawn.bbox)
    if not mask.area:
        raise Refusal("bad_mask", "Invalid mask: it is empty")
    return mask


def box_prompt(rectangle: Rectangle) -> BoxPrompt:
    """Return a box in (row, col) pixels."""
    return BoxPrompt(Box(rectangle.y1, rectangle.x1, rectangle.y2, rectangle.x2), bool(rectangle.label))
