"""Boxes and placed masks of a plane.

All coordinates are (row, col) pixels; a pixel's centre is a whole number. A box is
half-open: it holds the pixels whose centres lie in ``top <= row < bottom`` and
``left <= col < right``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import PromptError


@dataclass(frozen=True, slots=True)
class Box:
    """A half-open rectangle of a plane, in pixels.

    Raises
    ------
    PromptError
        If it is empty or holds a number that is not finite.
    """

    top: float
    left: float
    bottom: float
    right: float

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, self.corners)):
            raise PromptError("The box has a corner that is not a number.", hint="Draw it again.")
        if self.bottom <= self.top or self.right <= self.left:
            raise PromptError("The box is empty.", hint="Draw it 1 px wide or more.")

    @property
    def corners(self) -> tuple[float, float, float, float]:
        """``(top, left, bottom, right)``."""
        return self.top, self.left, self.bottom, self.right

    @property
    def center(self) -> tuple[float, float]:
        """``(row, col)`` of the pixel-centre frame: a box of one pixel has that pixel's place."""
        return (self.top + self.bottom - 1) / 2, (self.left + self.right - 1) / 2

    @property
    def size(self) -> tuple[float, float]:
        """Height and width in pixels."""
        return self.bottom - self.top, self.right - self.left

    @property
    def area(self) -> float:
        """Area in square pixels."""
        return (self.bottom - self.top) * (self.right - self.left)

    def shifted(self, rows: float, cols: float) -> Box:
        """Return the box moved by ``rows`` and ``cols`` pixels."""
        return Box(self.top + rows, self.left + cols, self.bottom + rows, self.right + cols)

    def contains(self, row: float, col: float) -> bool:
        """Return whether the pixel centre ``(row, col)`` lies in the box."""
        return self.top <= row < self.bottom and self.left <= col < self.right


def intersection(a: Box, b: Box) -> Box | None:
    """Return what two boxes share, in pixels, or None where they share nothing."""
    top, left = max(a.top, b.top), max(a.left, b.left)
    bottom, right = min(a.bottom, b.bottom), min(a.right, b.right)
    return Box(top, left, bottom, right) if bottom > top and right > left else None


def clip(box: Box, shape: tuple[int, int]) -> Box | None:
    """Return the part of ``box`` inside a plane of ``shape`` (H, W) pixels, or None if there is none."""
    if min(shape) < 1:
        return None
    return intersection(box, Box(0, 0, *shape))


def union(boxes: Iterable[Box]) -> Box:
    """Return the smallest box that holds all ``boxes``.

    Raises
    ------
    PromptError
        If there is no box.
    """
    corners = np.array([box.corners for box in boxes], dtype=float)
    if not len(corners):
        raise PromptError("There is no box to enclose.", hint="Draw one first.")
    low, high = corners.min(0), corners.max(0)
    return Box(float(low[0]), float(low[1]), float(high[2]), float(high[3]))


def box_iou(a: Box, b: Box) -> float:
    """Return the intersection over union of two boxes, 0 to 1."""
    shared = intersection(a, b)
    both = shared.area if shared else 0.0
    return both / (a.area + b.area - both)


def relative_center(box: Box, shape: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Return the centre of ``box`` as fractions of the plane.

    Parameters
    ----------
    box : Box
        In pixels. It may reach outside the plane; clip it first if that matters.
    shape : tuple of int
        Height H and width W of the plane, in pixels.

    Returns
    -------
    ndarray of shape (2,), float32
        ``(x, y)``, fractions of W and H.

    Notes
    -----
    The order that ``Sam3Processor.add_geometric_prompt`` of package ``sam3`` takes.
    """
    x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    return np.array([x / shape[1], y / shape[0]], dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class PlacedMask:
    """A mask and where it lies: never larger than it needs to be.

    Parameters
    ----------
    mask : ndarray of shape (h, w), bool
        True on the object. May be empty (0 x 0).
    offset : tuple of int
        ``(row, col)`` of the mask's first pixel, in pixels of the plane.
    """

    mask: npt.NDArray[np.bool_]
    offset: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        if self.mask.ndim != 2 or self.mask.dtype != np.bool_:
            raise PromptError(
                f"A mask is a 2-D array of booleans, not {self.mask.ndim}-D of {self.mask.dtype}.",
                hint="Pass `labels == value` of one plane.",
            )

    @property
    def area(self) -> int:
        """Number of pixels of the object."""
        return int(np.count_nonzero(self.mask))

    @property
    def box(self) -> Box | None:
        """The rectangle of the array (not of its True pixels), or None for an empty array."""
        height, width = self.mask.shape
        if not height or not width:
            return None
        row, col = self.offset
        return Box(row, col, row + height, col + width)

    def shifted(self, rows: int, cols: int) -> PlacedMask:
        """Return the same mask moved by whole pixels."""
        return PlacedMask(self.mask, (self.offset[0] + rows, self.offset[1] + cols))

    def trimmed(self) -> PlacedMask:
        """Return the mask cut to its True pixels; an empty mask becomes 0 x 0."""
        rows = np.flatnonzero(self.mask.any(axis=1))
        if not len(rows):
            return PlacedMask(np.zeros((0, 0), bool), self.offset)
        cols = np.flatnonzero(self.mask.any(axis=0))
        cut = self.mask[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
        return PlacedMask(np.ascontiguousarray(cut), (self.offset[0] + int(rows[0]), self.offset[1] + int(cols[0])))

    def within(self, box: Box) -> npt.NDArray[np.bool_]:
        """Return the mask as an array that covers ``box``, which must have whole-numbered corners.

        Returns
        -------
        ndarray of shape (box height, box width), bool
            False wherever the mask does not reach.
        """
        out = np.zeros((int(box.bottom - box.top), int(box.right - box.left)), bool)
        shared = intersection(box, self.box) if self.box else None
        if shared is not None:
            out[slices(shared, (int(box.top), int(box.left)))] = self.mask[slices(shared, self.offset)]
        return out

    def lies_on(self, shape: tuple[int, int]) -> bool:
        """Return whether any pixel of the object lies on a plane of ``shape`` (H, W)."""
        box = clip(self.box, shape) if self.box is not None else None
        return box is not None and bool(self.mask[slices(box, self.offset)].any())

    def value_at(self, row: float, col: float) -> bool:
        """Return whether the pixel nearest to ``(row, col)`` belongs to the object."""
        r, c = round(row) - self.offset[0], round(col) - self.offset[1]
        height, width = self.mask.shape
        return 0 <= r < height and 0 <= c < width and bool(self.mask[r, c])


def mask_iou(a: PlacedMask, b: PlacedMask) -> float:
    """Return the intersection over union of two masks of one plane; 0 where both are empty."""
    box = a.box
    shared = int((b.within(box) & a.mask).sum()) if box is not None and b.box and intersection(box, b.box) else 0
    union = a.area + b.area - shared
    return shared / union if union else 0.0


def slices(box: Box, origin: tuple[int, int] = (0, 0)) -> tuple[slice, slice]:
    """Return the slices of the pixels whose centres lie in ``box``, in an array that starts at ``origin``.

    The box must not begin before ``origin``; clip it first.
    """
    rows = slice(math.ceil(box.top) - origin[0], math.ceil(box.bottom) - origin[0])
    cols = slice(math.ceil(box.left) - origin[1], math.ceil(box.right) - origin[1])
    return rows, cols
