"""What an engine looks at: a window of a plane, at the level of the pyramid that fits it, and the way back.

Windows, prompts and answers are in pixels of the plane at full resolution; an engine sees
pixels of the window at the view's level. Masks lie at full resolution.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import TooLargeError
from napari_sam3_assistant.core.geometry import Box, PlacedMask
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.prompts import BoxPrompt, MaskPrompt, PointPrompt, Prompts
from napari_sam3_assistant.core.results import Segmentation
from napari_sam3_assistant.core.sources import Source
from napari_sam3_assistant.core.window_rule import BY_SIZE, MOST_SIDE, WindowRule
from napari_sam3_assistant.core.windows import Window, cut_prompts

LEAST_SIDE = 2 * 1008
"""A window is read at the coarsest level at which it is so long, in pixels: twice what SAM3 takes in."""
MOST_MASK = 2**30
"""The most pixels, at full resolution, that the masks of one answer may take."""
LOCAL = "Enable large-image local inference"
"""The control that offers a window where all is too much."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What an engine looks at.

    Attributes
    ----------
    source : Source
    plane : Plane
    window : Window
        In pixels of the plane, at full resolution.
    level : int
        Of the pyramid that is read; 0 is full resolution.
    rule : WindowRule
        By which the window was chosen.
    """

    source: Source
    plane: Plane
    window: Window
    level: int = 0
    rule: WindowRule = BY_SIZE

    @property
    def read_window(self) -> Window:
        """The window in pixels of the level."""
        return self.source.window_at(self.plane, self.window, self.level)

    def read(self) -> npt.NDArray[Any]:
        """Return the pixels, of shape (h, w) or (h, w, 3 or 4), at the level.

        Raises
        ------
        ImageError
            If they cannot be read.
        """
        return self.source.read(self.plane, self.read_window, self.level)

    def seen(self, prompts: Prompts) -> Prompts:
        """Return prompts as an engine takes them: in pixels of what is read, without what lies outside."""
        inside = cut_prompts(prompts, self.window)
        if not self.level:
            return inside
        (rows, cols), top, left = self._grid(), *self.window.offset
        points = tuple(
            PointPrompt(_along(p.row + top, rows), _along(p.col + left, cols), p.positive) for p in inside.points
        )
        box = mask = None
        if inside.box is not None:
            box = self.seen_box(inside.box)
        if inside.mask is not None:
            mask = MaskPrompt(_coarser(inside.mask.mask.shifted(top, left), rows, cols))
        return replace(inside, points=points, box=box, mask=mask)

    def seen_box(self, prompt: BoxPrompt) -> BoxPrompt:
        """Return a box that is in pixels of the window in pixels of what is read."""
        if not self.level:
            return prompt
        (rows, cols), box = self._grid(), prompt.box.shifted(*self.window.offset)
        return BoxPrompt(
            Box(
                box.top / rows.step - rows.first,
                box.left / cols.step - cols.first,
                box.bottom / rows.step - rows.first,
                box.right / cols.step - cols.first,
            ),
            prompt.positive,
        )

    def placed(self, found: Iterable[Segmentation]) -> tuple[Segmentation, ...]:
        """Return what an engine has found in pixels of the plane, at full resolution.

        Raises
        ------
        TooLargeError
            If the masks would not fit in memory.
        """
        if not self.level:
            return tuple(one.shifted(*self.window.offset) for one in found)
        (rows, cols), found = self._grid(), tuple(found)
        masks = [mask for one in found for mask in (one.mask, *one.alternatives)]
        if sum(mask.mask.size for mask in masks) * rows.step * cols.step > MOST_MASK:
            raise TooLargeError(
                f"What was found in {self.window.shape[0]:,} x {self.window.shape[1]:,} px is too large for memory.",
                hint=f"Look at less: tick {LOCAL}, under Setup, or zoom in (in Python: pass a smaller window=).",
                in_shell="Look at less: give a smaller --window T,L,B,R.",
            )
        return tuple(
            replace(
                one,
                mask=_finer(one.mask, rows, cols, self.window),
                alternatives=tuple(_finer(mask, rows, cols, self.window) for mask in one.alternatives),
            )
            for one in found
        )

    def _grid(self) -> tuple[_Axis, _Axis]:
        rows, cols = self.source.factors(self.plane, self.level)
        top, left = self.read_window.offset
        return _Axis(rows, top), _Axis(cols, left)


def fitted(source: Source, plane: Plane, window: Window, rule: WindowRule = BY_SIZE) -> View:
    """Return a view of a window, at the coarsest level on which it is :data:`LEAST_SIDE` long; however large."""
    return View(source, plane, window, source.level_for(plane, window, LEAST_SIDE), rule)


def view_of(source: Source, plane: Plane, window: Window, rule: WindowRule = BY_SIZE) -> View:
    """Return a view of a window, at the level that fits it.

    Raises
    ------
    TooLargeError
        If that is too much to read at once: the picture has no level that is coarse enough.
    """
    view = fitted(source, plane, window, rule)
    height, width = view.read_window.shape
    if height * width > MOST_SIDE**2:
        raise TooLargeError(
            f"{height:,} x {width:,} px are too many to read at once, and {source.name} has no smaller copy of them.",
            hint=f"Tick {LOCAL}, under Setup: a window of them is read."
            if rule.side is None
            else "Draw smaller boxes, or boxes that lie nearer to each other.",
        )
    return view


@dataclass(frozen=True, slots=True)
class _Axis:
    """Pixels of full resolution that one of the level spans (``step``), and the first one read of the level."""

    step: float
    first: int


def _along(at: float, axis: _Axis) -> float:
    """Return where the middle of a pixel of the plane lies, in pixels of what is read."""
    return (at + 0.5) / axis.step - 0.5 - axis.first


def _coarser(mask: PlacedMask, rows: _Axis, cols: _Axis) -> PlacedMask:
    """Return a mask of the plane in pixels of what is read: those of which it has any pixel."""
    values, offset = mask.mask, []
    for number, (axis, start) in enumerate(zip((rows, cols), mask.offset, strict=True)):
        cells = np.floor((np.arange(values.shape[number]) + start + 0.5) / axis.step).astype(np.intp)
        first = np.flatnonzero(np.diff(cells, prepend=cells[0] - 1))
        values = np.logical_or.reduceat(values, first, axis=number)
        offset.append(int(cells[0]) - axis.first)
    return PlacedMask(values, (offset[0], offset[1]))


def _finer(mask: PlacedMask, rows: _Axis, cols: _Axis, window: Window) -> PlacedMask:
    """Return a mask of what was read at full resolution, cut to the window."""
    if mask.box is None:
        return PlacedMask(mask.mask, window.offset)
    picked, offset = [], []
    limits = (window.top, window.bottom), (window.left, window.right)
    for axis, start, length, (low, high) in zip((rows, cols), mask.offset, mask.mask.shape, limits, strict=True):
        first = axis.first + start
        begin = max(math.ceil(first * axis.step - 0.5), low)
        pixels = np.arange(begin, min(math.ceil((first + length) * axis.step - 0.5), high))
        picked.append(np.clip(np.floor((pixels + 0.5) / axis.step).astype(np.intp) - first, 0, length - 1))
        offset.append(begin)
    return PlacedMask(mask.mask[np.ix_(*picked)], (offset[0], offset[1])).trimmed()
