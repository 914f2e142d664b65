"""Outlines: drawn shapes as boxes and masks of a plane.

An outline is in napari's frame: a pixel's centre is a whole number, so that a pixel ends half
way to the next. A :class:`Box` of whole corners holds whole pixels. A drawn rectangle becomes the box of
the pixels whose centres it holds (``top <= row < bottom``): one drawn from (10, 10) to (20, 20)
becomes ``Box(10, 10, 20, 20)``, the pixels 10 to 19, and so does one from (9.5, 9.5) to (19.5, 19.5),
round the edges of these pixels. A box that holds no centre becomes the pixel in its middle.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.geometry import Box, PlacedMask

Floats = npt.NDArray[np.float64]

FILLED = frozenset({"rectangle", "ellipse", "polygon"})
"""Kinds of shapes that have an inside; paths and lines have none."""
MOST_SIDE = 4096
"""Boxes that are larger than this, in pixels, are not rasterised."""
ELLIPSE_VERTICES = 180
UPRIGHT_PX = 0.25
"""How far a corner of a rectangle may lie from that of its bounding box, in pixels."""


def outline_of(kind: str, vertices: Floats) -> Floats:
    """Return the vertices along a shape's outline, in whatever frame ``vertices`` are.

    Parameters
    ----------
    kind : str
        napari's word: ``rectangle``, ``ellipse``, ``polygon``, ``path``, ``line``.
    vertices : ndarray of shape (N, D), float64
        As napari keeps them: an ellipse by the four corners of the rectangle round it.
    """
    if kind != "ellipse" or len(vertices) != 4:
        return vertices
    center = vertices.mean(axis=0)
    angle = np.linspace(0, 2 * np.pi, ELLIPSE_VERTICES, endpoint=False)[:, None]
    across, along = (vertices[1] - vertices[0]) / 2, (vertices[3] - vertices[0]) / 2
    return np.asarray(center + np.cos(angle) * across + np.sin(angle) * along)


def tolerance(outline: Floats) -> float:
    """Return how far apart two coordinates may be that mean the same, in pixels: napari keeps float32."""
    return max(1e-3, 4 * float(np.finfo(np.float32).eps) * float(np.abs(outline).max(initial=0.0)))


def has_area(outline: Floats, filled: bool) -> bool:
    """Return whether an outline of shape (N, 2), in pixels, encloses anything.

    A line has area if its bounding box has. What crosses itself has area, whatever its signed area is.
    """
    if len(outline) < 2 or not np.isfinite(outline).all():
        return False
    least = tolerance(outline)
    if min(np.ptp(outline, axis=0)) <= least:
        return False
    if not filled:
        return True
    thickness = np.linalg.svd(outline - outline.mean(axis=0), compute_uv=False)[-1]
    return bool(thickness > least)


def is_upright(outline: Floats) -> bool:
    """Return whether the four corners of a rectangle, shape (4, 2), lie on those of its bounding box."""
    low, high = outline.min(axis=0), outline.max(axis=0)
    off = np.minimum(np.abs(outline - low), np.abs(outline - high))
    turned = np.abs(np.diff(outline, axis=0)).min(axis=1)  # each side runs along one axis
    return bool(off.max() <= UPRIGHT_PX and turned.max() <= 2 * UPRIGHT_PX)


def box_of(outline: Floats) -> Box:
    """Return the box of an outline that has area, with whole corners; see the top of this module."""
    least = tolerance(outline)
    (top, left), (bottom, right) = outline.min(axis=0), outline.max(axis=0)
    first_row, end_row = _pixels(top, bottom, least)
    first_col, end_col = _pixels(left, right, least)
    return Box(first_row, first_col, end_row, end_col)


def _pixels(low: float, high: float, least: float) -> tuple[int, int]:
    first, end = math.ceil(low - least), math.ceil(high - least)
    if end > first:
        return first, end
    middle = math.floor((low + high) / 2 + 0.5)
    return middle, middle + 1


def rasterise(outline: Floats, box: Box, most_side: int = MOST_SIDE) -> PlacedMask | None:
    """Return the pixels of a whole-numbered ``box`` whose centres lie in an outline of shape (N, 2), in pixels.

    An outline that crosses itself is filled by the even-odd rule: what it goes round twice is left out. None
    where the box is larger than ``most_side`` pixels a side, or no pixel is left.

    Notes
    -----
    Scan lines: each edge turns the pixels right of where it crosses a row. ``skimage.draw.polygon`` asks
    for each pixel about each edge, which takes seconds for a large lasso.
    """
    if max(box.size) > most_side:
        return None
    height, width = (int(side) for side in box.size)
    start = outline - tolerance(outline) - (box.top, box.left)
    end = np.roll(start, -1, axis=0)
    low, high = np.minimum(start[:, 0], end[:, 0]), np.maximum(start[:, 0], end[:, 0])
    first, stop = (np.clip(np.ceil(rows), 0, height).astype(int) for rows in (low, high))
    edge = np.repeat(np.arange(len(start)), stop - first)
    rows = np.arange(len(edge)) - np.repeat(np.cumsum(stop - first) - stop, stop - first)
    (r0, c0), (r1, c1) = start[edge].T, end[edge].T
    cols = np.clip(np.ceil(c0 + (rows - r0) * (c1 - c0) / (r1 - r0)), 0, width).astype(int)
    turned = np.zeros((height, width + 1), bool)
    np.logical_xor.at(turned, (rows, cols), True)
    mask = np.logical_xor.accumulate(turned, axis=1)[:, :-1]
    placed = PlacedMask(mask, (int(box.top), int(box.left))).trimmed()
    return placed if placed.area else None
