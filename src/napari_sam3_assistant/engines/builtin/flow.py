"""Flow: a soft outline carried from one picture to the next, bent as what is seen round it has bent.

All coordinates are (row, col) pixels of the image; a soft mask may reach outside.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.geometry import Box, PlacedMask, intersection, slices
from napari_sam3_assistant.engines.builtin.levels import Level, level_for
from napari_sam3_assistant.engines.builtin.tree import BoolArray, RegionTree

_PAD_PX = 6
_RAMP_PX = 5
_LEAST = 0.1
_MOST_EXACT = 1 << 16
"""Of a mask in a box of more pixels, distances are guessed: it has milliseconds."""
_CELLS = 72
"""A mask is looked at on a level where its box has about so many cells squared."""
_WIDE = 4.0
_STIFF = 0.4
_MOST_CELLS = 1.5
_ROUNDS = 2
_ALIKE_PX = 1.5

_Planes = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class SoftMask:
    """A mask whose outline lies anywhere between pixels: whole pixels would lose slow movements.

    Attributes
    ----------
    field : ndarray of shape (h, w), float32
        Positive inside; near the outline about the distance from it, in pixels.
    offset : tuple of int
        ``(row, col)`` of its first pixel.
    """

    field: _Planes
    offset: tuple[int, int]

    @property
    def box(self) -> Box:
        """The rectangle that the field covers."""
        top, left = self.offset
        return Box(top, left, top + self.field.shape[0], left + self.field.shape[1])

    @property
    def inside(self) -> BoolArray:
        """Whether each pixel of the box belongs to the mask."""
        return np.asarray(self.field > 0, bool)

    def framed(self) -> SoftMask:
        """Return the same with its mask in the middle: what is carried on and on would else leave the field."""
        rows, cols = (np.flatnonzero(self.inside.any(axis=axis)) for axis in (1, 0))
        if not rows.size:
            return self
        low = int(rows[0]) - _PAD_PX, int(cols[0]) - _PAD_PX
        shape = int(rows[-1] - rows[0]) + 1 + 2 * _PAD_PX, int(cols[-1] - cols[0]) + 1 + 2 * _PAD_PX
        if low == (0, 0) and shape == self.field.shape:
            return self
        made = SoftMask(np.full(shape, -_RAMP_PX, np.float32), (self.offset[0] + low[0], self.offset[1] + low[1]))
        shared = intersection(made.box, self.box)
        if shared is not None:
            made.field[slices(shared, made.offset)] = self.field[slices(shared, self.offset)]
        return made

    def redrawn(self, mask: PlacedMask) -> SoftMask:
        """Return ``mask`` as a soft one whose outline is this one's where both lie on the same pixels."""
        new = softened(mask)
        shared = intersection(new.box, self.box)
        if shared is not None:
            here, mine = new.field[slices(shared, new.offset)], self.field[slices(shared, self.offset)]
            same = ((here > 0) == (mine > 0)) & (np.abs(here - mine) < _ALIKE_PX)
            here[same] = mine[same]
        return new


def softened(mask: PlacedMask) -> SoftMask:
    """Return a mask with its outline half-way between its last pixels and the next ones."""
    from scipy import ndimage as ndi

    inside = np.pad(mask.mask, _PAD_PX)
    if inside.size > _MOST_EXACT:
        field = _RAMP_PX * (ndi.uniform_filter(inside.astype(np.float32), _RAMP_PX, mode="constant") - 0.5)
        # What is thin, and corners, would be blurred away.
        field = np.where(inside, np.maximum(field, _LEAST), np.minimum(field, -_LEAST))
    else:
        field = ndi.distance_transform_edt(inside) - ndi.distance_transform_edt(~inside)
        field = np.clip(field - np.where(inside, 0.5, -0.5), -_RAMP_PX, _RAMP_PX)
    return SoftMask(field.astype(np.float32), (mask.offset[0] - _PAD_PX, mask.offset[1] - _PAD_PX))


def carried(
    before: RegionTree, after: RegionTree, soft: SoftMask, shift: tuple[int, int]
) -> tuple[SoftMask, npt.NDArray[np.float32]]:
    """Return a soft mask on the next picture, and how much that differs from this one where it comes to lie.

    Parameters
    ----------
    before, after : RegionTree
        Of two pictures of one size.
    soft : SoftMask
        On the first.
    shift : tuple of int
        By how many whole pixels it has moved, about.

    Returns
    -------
    soft : SoftMask
    change : ndarray of the shape of its field, float32
        In units of the planes.
    """
    px = math.sqrt(soft.field.size) / _CELLS
    old, new = level_for(before.levels, px), level_for(after.levels, px)
    top, left = soft.offset[0] + shift[0], soft.offset[1] + shift[1]
    height, width = soft.field.shape
    rows, cols = _grid(top, height, old.step), _grid(left, width, old.step)
    flow, change = _bent(old, new, rows, cols, shift, max(before.noise, after.noise, 1.0))
    at_rows, at_cols = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)
    if old.step > 1:
        finer = Level(np.stack([*flow, change]), old.step).at(at_rows, at_cols)
        flow, change = finer[:2], finer[2]
    field = Level(soft.field[None], 1).at(at_rows - flow[0], at_cols - flow[1])[0]
    return SoftMask(field, (top, left)), change


def _grid(first: int, length: int, step: int) -> npt.NDArray[np.float64]:
    """Return the middles of cells of ``step`` pixels that cover ``length`` pixels from ``first`` on, as a column."""
    return first + (step - 1) / 2 + step * np.arange(math.ceil(length / step), dtype=np.float64)[:, None]


def _bent(
    old: Level,
    new: Level,
    rows: npt.NDArray[np.float64],
    cols: npt.NDArray[np.float64],
    shift: tuple[int, int],
    noise: float,
) -> tuple[_Planes, _Planes]:
    """Return the flow beyond ``shift`` at the cells of a grid, in pixels, and how much they have changed.

    Notes
    -----
    Lucas and Kanade's equations, on windows a few cells wide; where little is seen, nothing moves.
    """
    from scipy import ndimage as ndi

    cols = cols.T
    there = new.at(rows, cols)
    down, right = (_slope(there, axis) for axis in (1, 2))

    stiff = np.float32(_STIFF * noise**2)
    a, b, c = _summed((down, down), (down, right), (right, right))
    a, c = a + stiff, c + stiff
    share = 1 / (a * c - b * b)
    flow = np.zeros((2, *there.shape[1:]), np.float32)

    def came_from() -> _Planes:
        return old.at(rows - shift[0] - flow[0] * old.step, cols - shift[1] - flow[1] * old.step)

    here = came_from()
    for _ in range(_ROUNDS):
        away = here - there
        d, r = _summed((down, away), (right, away))
        flow += np.stack([(c * d - b * r) * share, (a * r - b * d) * share])
        np.clip(flow, -_MOST_CELLS, _MOST_CELLS, out=flow)
        here = came_from()
    change = ndi.gaussian_filter(np.sqrt(((here - there) ** 2).sum(axis=0)), 1.0)
    return flow * np.float32(old.step), np.asarray(change, np.float32)


def _summed(*pairs: tuple[_Planes, _Planes]) -> _Planes:
    """Return products of planes, summed over the planes and over a window round each cell."""
    from scipy import ndimage as ndi

    products = np.stack([(one * other).sum(axis=0) for one, other in pairs])
    return np.asarray(ndi.gaussian_filter(products, (0, _WIDE, _WIDE), truncate=2.0), np.float32)


def _slope(planes: _Planes, axis: int) -> _Planes:
    """Return the slope of planes along an axis, per cell; 0 along one of a single cell."""
    return np.gradient(planes, axis=axis) if planes.shape[axis] > 1 else np.zeros_like(planes)
