"""Where a window of a large plane goes when the objects in it move. All in pixels of the plane.

The window keeps its size. It moves along an axis only if it then holds all objects with room to spare.
"""

from __future__ import annotations

from collections.abc import Mapping

from napari_sam3_assistant.core.geometry import Box, clip, intersection, union
from napari_sam3_assistant.core.windows import Window

MARGIN = 1 / 8
"""An object that comes nearer to an edge of the window than this share of its side is about to leave it."""
Span = tuple[float, float]


def drifted(window: Window, boxes: Mapping[int, Box], shape: tuple[int, int]) -> tuple[Window, frozenset[int]]:
    """Return the window from which objects are followed on, and those that are about to leave it all the same.

    Parameters
    ----------
    window : Window
        In which they were found.
    boxes : mapping of int to Box
        Where they are.
    shape : tuple of int
        Height and width of the plane.
    """
    if not boxes or window.shape == shape:
        return window, frozenset()
    every = union(boxes.values())
    rows, cols = _rows(window), _cols(window)
    moved = _window(_followed(rows, _rows(every), shape[0]), _followed(cols, _cols(every), shape[1]))
    leaving = {
        id
        for id, box in boxes.items()
        if not (_roomy(_rows(moved), _rows(box), shape[0]) and _roomy(_cols(moved), _cols(box), shape[1]))
    }
    return moved, frozenset(leaving)


def holding(window: Window, boxes: list[Box], shape: tuple[int, int]) -> Window:
    """Return the window in which objects are begun: the same, if it holds them; else it is moved.

    Where no window of its size holds all, the first of them decides, unless the window has some of them already.
    """
    inside = [box for box in (clip(one, shape) for one in boxes) if box is not None]
    if not inside or window.shape == shape:
        return window
    every = union(inside)
    if every.size[0] > window.shape[0] or every.size[1] > window.shape[1]:
        if any(intersection(box, window.box) is not None for box in inside):
            return window
        every = inside[0]
    return _window(_reached(_rows(window), _rows(every), shape[0]), _reached(_cols(window), _cols(every), shape[1]))


def _rows(one: Window | Box) -> Span:
    return one.top, one.bottom


def _cols(one: Window | Box) -> Span:
    return one.left, one.right


def _window(rows: Span, cols: Span) -> Window:
    return Window(int(rows[0]), int(cols[0]), int(rows[1]), int(cols[1]))


def _followed(span: Span, objects: Span, length: int) -> Span:
    if _roomy(span, objects, length):
        return span
    moved = _centred(span, objects, length)
    return moved if _roomy(moved, objects, length) else span


def _reached(span: Span, objects: Span, length: int) -> Span:
    held = span[0] <= objects[0] and objects[1] <= span[1]
    return span if held else _centred(span, objects, length)


def _centred(span: Span, objects: Span, length: int) -> Span:
    side = span[1] - span[0]
    start = min(max(round((objects[0] + objects[1] - side) / 2), 0), length - side)
    return start, start + side


def _roomy(span: Span, objects: Span, length: int) -> bool:
    """Return whether objects lie away from the ends of a span that are not ends of the plane."""
    margin = (span[1] - span[0]) * MARGIN
    low = span[0] <= 0 or objects[0] >= span[0] + margin
    return low and (span[1] >= length or objects[1] <= span[1] - margin)
