"""Windows: rectangles of a plane that are segmented in its place.

All coordinates are (row, col) pixels; pixel centres are whole numbers. A window is
half-open: it holds the rows ``top <= row < bottom``. Nothing here touches napari.

The rule: a plane of up to :data:`WHOLE_SIDE` pixels a side is taken whole. Of a larger one
a square of :data:`WINDOW_SIDE` round the newest prompt is taken, grown until it holds every
prompt of the object; a window that still serves is kept, so that its encoding does too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.geometry import Box, PlacedMask, clip, intersection
from napari_sam3_assistant.core.prompts import BoxPrompt, MaskPrompt, PointPrompt, Prompts

WHOLE_SIDE = 2048
WINDOW_SIDE = 1024
# A kept window must leave this share of its side between a prompt and its border, or the object may be cut off.
_MARGIN = 1 / 16


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open rectangle of whole pixels.

    Raises
    ------
    PromptError
        If it is empty.
    """

    top: int
    left: int
    bottom: int
    right: int

    def __post_init__(self) -> None:
        if self.bottom <= self.top or self.right <= self.left:
            raise PromptError("The window is empty.", hint="Choose an image that has pixels.")

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.bottom - self.top, self.right - self.left

    @property
    def offset(self) -> tuple[int, int]:
        """``(row, col)`` of its first pixel."""
        return self.top, self.left

    @property
    def box(self) -> Box:
        """The same rectangle as a box."""
        return Box(self.top, self.left, self.bottom, self.right)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Slices of the plane."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def contains(self, row: float, col: float) -> bool:
        """Return whether the pixel that holds ``(row, col)`` lies in the window."""
        return self.top - 0.5 <= row < self.bottom - 0.5 and self.left - 0.5 <= col < self.right - 0.5


def whole(shape: tuple[int, int]) -> Window:
    """Return the window that is the whole plane of ``shape`` (H, W) pixels."""
    return Window(0, 0, *shape)


def choose_window(
    shape: tuple[int, int], prompts: Prompts, current: Window | None = None, *, side: int | None = None
) -> Window:
    """Return the window of a plane that answers ``prompts``.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the plane, in pixels.
    prompts : Prompts
        Not empty, in pixels of the plane. What lies outside the plane is ignored.
    current : Window or None
        The window in use. It is returned again where it holds every prompt with room to spare.
    side : int or None
        A fixed side in pixels; None applies the rule of this module.

    Returns
    -------
    Window
        Inside the plane; at least ``side`` (or :data:`WINDOW_SIDE`) a side where the plane allows.

    Raises
    ------
    PromptError
        If no prompt lies on the plane, or the plane is empty.
    """
    if side is None and max(shape) <= WHOLE_SIDE:
        return whole(shape)
    side = side or WINDOW_SIDE
    extent = clip(prompts.extent(), shape)
    if extent is None:
        raise PromptError("The prompts lie outside the image.", hint="Click on the picture itself.")
    if current is not None and _serves(current, extent, shape):
        return current
    row, col = prompts.newest()
    return _around(row, col, extent, shape, side)


def _serves(window: Window, extent: Box, shape: tuple[int, int]) -> bool:
    """Return whether ``extent`` lies in ``window``, away from those of its borders that are not the plane's."""
    if clip(window.box, shape) != window.box:
        return False
    rows, cols = (round(length * _MARGIN) for length in window.shape)
    inner = Box(
        window.top + (rows if window.top > 0 else 0),
        window.left + (cols if window.left > 0 else 0),
        window.bottom - (rows if window.bottom < shape[0] else 0),
        window.right - (cols if window.right < shape[1] else 0),
    )
    return intersection(extent, inner) == extent


def _around(row: float, col: float, extent: Box, shape: tuple[int, int], side: int) -> Window:
    half = side // 2
    start = Box(round(row) - half, round(col) - half, round(row) - half + side, round(col) - half + side)
    edges: list[int] = []
    margin = round(side * _MARGIN)
    for low, high, first, last, length in (
        (start.top, start.bottom, extent.top, extent.bottom, shape[0]),
        (start.left, start.right, extent.left, extent.right, shape[1]),
    ):
        if first - margin < low or last + margin > high:
            low, high = min(low, first - margin), max(high, last + margin)
        low, high = math.floor(low), math.ceil(high)
        shift = max(-low, 0) + min(length - high, 0) if high - low <= length else -low
        edges += [max(low + shift, 0), min(high + shift, length)]
    return Window(edges[0], edges[2], edges[1], edges[3])


def visible_window(view: Box, shape: tuple[int, int]) -> Window:
    """Return the whole-pixel window of what is in view, cut to a plane of ``shape`` (H, W).

    Raises
    ------
    PromptError
        If the plane is not in view.
    """
    seen = clip(view, shape)
    if seen is None:
        raise PromptError("The image is not in view.", hint="Move the view back onto it.")
    return Window(math.floor(seen.top), math.floor(seen.left), math.ceil(seen.bottom), math.ceil(seen.right))


def cut_prompts(prompts: Prompts, window: Window) -> Prompts:
    """Return ``prompts`` in the pixels of ``window``, without what lies outside it.

    Points outside are left out, a box or mask is cut to the window (and left out where nothing
    of it remains).
    """
    top, left = window.offset
    points = tuple(
        PointPrompt(p.row - top, p.col - left, p.positive) for p in prompts.points if window.contains(p.row, p.col)
    )
    box = mask = None
    if prompts.box is not None and (cut := intersection(prompts.box.box, window.box)) is not None:
        box = BoxPrompt(cut.shifted(-top, -left), prompts.box.positive)
    if prompts.mask is not None:
        inside = PlacedMask(prompts.mask.mask.within(window.box)).trimmed()
        mask = MaskPrompt(inside) if inside.area else None
    return replace(prompts, points=points, box=box, mask=mask)


def tiles(shape: tuple[int, int], side: int, overlap: int = 0) -> Iterator[Window]:
    """Yield windows of ``side`` pixels that cover a plane, row by row, sharing ``overlap`` or more pixels.

    The last ones are moved back inside the plane, so that all have the same size where the plane allows.

    Raises
    ------
    PromptError
        If the overlap is not smaller than the side.
    """
    if not 0 <= overlap < side:
        raise PromptError("The overlap must be smaller than the tile.", hint="Choose an overlap below 50 %.")
    for top in _starts(shape[0], side, overlap):
        for left in _starts(shape[1], side, overlap):
            yield Window(top, left, min(top + side, shape[0]), min(left + side, shape[1]))


def _starts(length: int, side: int, overlap: int) -> list[int]:
    if length <= side:
        return [0] if length > 0 else []
    count = math.ceil((length - side) / (side - overlap)) + 1
    return [min(index * (side - overlap), length - side) for index in range(count)]
