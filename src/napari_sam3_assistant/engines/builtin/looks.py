"""Looks: what is seen of outlines, wherever they come from.

Every outline is looked at on a grid of the same number of cells, so that large and small ones
are measured alike: is the picture brighter (or darker) inside all round, how much does the inside
vary, how round is it, and how deep inside lies the click?
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.engines.builtin.basins import FloatArray
from napari_sam3_assistant.engines.builtin.levels import level_for
from napari_sam3_assistant.engines.builtin.outlines import Outline, areas, extents, insides
from napari_sam3_assistant.engines.builtin.tree import BoolArray, RegionTree
from napari_sam3_assistant.engines.proposing import Steps, completed

FINE_CELLS = 36
QUICK_CELLS = 24
"""For many outlines at once."""

_FILLED = 28 / 36
"""The share of a grid's side that an outline takes."""
_LEAST_CELL_PX = 0.4
_DISC_FILL = 0.7
_MOST_ZOOM = 6
_BATCH = 64

_Samples = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """What is seen of some outlines.

    Attributes
    ----------
    measures : ndarray of shape (m, 13), float
        Coherence of the edge, log strength, the same relative to the strongest, weakest of eight sectors,
        mean of the sectors, log contrast, log roughness, log area in pixels, its square, log share of the
        image, log compactness, share of the outline beyond the image, depth of the click.
    color : ndarray of shape (m, planes), float
        Mean inside, in grey levels.
    way : ndarray of shape (m, planes), float
        Coherence of the edge, with its sign: above 0 where the inside is brighter.
    step : ndarray of shape (m, planes), float
        How much brighter the inside is than what is around.
    """

    measures: FloatArray
    color: FloatArray
    way: FloatArray
    step: FloatArray


def looks_of(tree: RegionTree, outlines: Sequence[Outline], points: FloatArray, cells: int = FINE_CELLS) -> Looks:
    """Return what is seen of some outlines.

    Parameters
    ----------
    tree : RegionTree
    outlines : sequence of Outline
        One or more.
    points : ndarray of shape (m, 2), float
        ``(row, col)`` in pixels, from which each outline is looked at.
    cells : int
        Of the grid, along each side.
    """
    return completed(looks_in_steps(tree, outlines, points, cells))


def looks_in_steps(
    tree: RegionTree, outlines: Sequence[Outline], points: FloatArray, cells: int = FINE_CELLS
) -> Steps[Looks]:
    """Do what :func:`looks_of` does, some outlines a step."""
    size = np.maximum(areas(outlines), 1.0)
    grids = _grids(extents(outlines), size, points, cells)
    parts = []
    for start in range(0, len(outlines), _BATCH):
        some = slice(start, start + _BATCH)
        parts.append(_seen(tree, outlines[some], points[some], *(values[some] for values in grids)))
        yield start / len(outlines)
    seen, colors = (np.concatenate(part) for part in zip(*parts, strict=True))
    coherence, steep, least, spread, contrast, rough, compact, cut, depth = seen.T
    strength = steep / grids[2] + 0.1
    columns = (
        coherence,
        np.log(strength / tree.noise),
        np.log(strength / strength.max()),
        least,
        spread,
        np.log(contrast + 0.1),
        np.log(rough + 0.02),
        np.log(size),
        np.log(size) ** 2 / 10,
        np.log(size / tree.size),
        np.log(np.clip(compact, 0.02, 1.2)),
        cut,
        np.minimum(depth, 0.8),
    )
    return Looks(np.stack(columns, axis=1), *colors.transpose(1, 0, 2))


def _grids(
    extent: FloatArray, area: FloatArray, points: FloatArray, cells: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the rows, shape (m, cells), and columns of the cells of each outline's grid, and their size, in pixels.

    Of what is thin, a vessel for one, the grid shows the part round its point, finely enough.
    """
    longest = np.maximum(extent[:, 2] - extent[:, 0], extent[:, 3] - extent[:, 1])
    across = np.clip(area / longest / _DISC_FILL, longest / _MOST_ZOOM, longest)
    cell = np.maximum(across / (_FILLED * cells), _LEAST_CELL_PX)
    middle = (extent[:, :2] + extent[:, 2:] - 1) / 2
    middle += (points - middle) * (1 - across / longest)[:, None]
    along = (np.arange(cells) - (cells - 1) / 2) * cell[:, None]
    return middle[:, :1] + along, middle[:, 1:] + along, cell


def _seen(
    tree: RegionTree,
    outlines: Sequence[Outline],
    points: FloatArray,
    rows: FloatArray,
    cols: FloatArray,
    cell: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Return nine numbers of each outline, lengths in cells, and three of each of its planes: colour, way and step."""
    down, right = rows[:, :, None], cols[:, None, :]
    masks = insides(outlines, down, right)
    high, wide = tree.shape
    beyond = ((down < -0.5) | (down > high - 0.5)) | ((right < -0.5) | (right > wide - 0.5))
    seen, colors = _edges(_sampled(tree, down, right, cell), masks, beyond)
    away = (down - points[:, 0, None, None]) ** 2 + (right - points[:, 1, None, None]) ** 2
    nearest = np.sqrt(np.where(masks, np.inf, away).min(axis=(1, 2)))
    count = masks.sum(axis=(1, 2))
    radius = np.sqrt(count / np.pi) * cell
    depth = np.minimum(nearest / np.maximum(radius, 1e-6), 1.5)
    seen[:, 6] = 12.57 * np.maximum(count, 1) / seen[:, 6] ** 2
    return np.column_stack([seen, depth]), colors


def _sampled(tree: RegionTree, rows: FloatArray, cols: FloatArray, cell: FloatArray) -> _Samples:
    steps = np.array([level_for(tree.levels, float(size) * 1.3).step for size in cell])
    levels = [level for level in tree.levels if level.step in steps]
    if len(levels) == 1:
        return levels[0].at(rows, cols)
    out = np.empty((len(tree.levels[0].planes), len(rows), rows.shape[1], cols.shape[2]), np.float32)
    for level in levels:
        here = np.flatnonzero(steps == level.step)
        out[:, here] = level.at(rows[here], cols[here])
    return out


def _edges(planes: _Samples, masks: BoolArray, beyond: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Return coherence, strength, weakest and mean sector, contrast, roughness, length and cut; and the colours."""
    soft = _blurred(_blurred(masks.astype(np.float32), 1), 2)
    down, right = -_slope(soft, 1), -_slope(soft, 2)
    normal = np.sqrt(down * down + right * right)
    length = normal.sum(axis=(1, 2)) + 1e-6
    weight = normal * ~beyond
    seen = weight.sum(axis=(1, 2)) + 1e-6
    rise_down, rise_right = _slope(planes, 2), _slope(planes, 3)
    steep = np.sqrt((rise_down * rise_down + rise_right * rise_right).sum(axis=0))
    signed = -(rise_down * down + rise_right * right) * ~beyond  # planes, B, G, G
    total = signed.sum(axis=(2, 3))
    strength = np.sqrt((total * total).sum(axis=0))
    way = total / np.maximum(strength, 1e-6)
    least, spread = _sectors(signed, way, weight, strength / seen, length)
    inner, outer = masks & (normal < 0.05), ~masks & (soft > 0.02) & ~beyond
    n = np.maximum(inner.sum(axis=(1, 2)), 1)
    first, second = _mean(planes, inner), _mean(planes, outer)
    varied = np.sqrt(np.maximum(_mean(planes * planes, inner) - first * first, 0).sum(axis=0))
    differ = np.sqrt(((first - second) ** 2).sum(axis=0))
    along = (steep * weight).sum(axis=(1, 2)) + 1e-6
    mean = strength / seen
    rough = np.einsum("bij,bij->b", steep, inner) / n / (mean + 0.2)
    columns = (strength / along, mean, least, spread, differ / (varied + 1.0), rough, length, 1 - seen / length)
    return np.stack(columns, axis=1).astype(np.float64), np.stack([first, total / along, first - second]).T.swapaxes(
        1, 2
    )


def _sectors(
    signed: _Samples, way: _Samples, weight: _Samples, mean: _Samples, length: _Samples
) -> tuple[FloatArray, FloatArray]:
    """Return the edge of the weakest of eight sectors, and the mean of the eight, as shares of the whole edge."""
    along = (signed * way[..., None, None]).sum(axis=0)
    edge, there = _by_sector(along), _by_sector(weight)
    relative = np.clip(edge / np.maximum(there, 1e-3) / np.maximum(mean, 1e-6)[:, None], -1, 1)
    whole = there > 0.02 * length[:, None]
    few = np.maximum(whole.sum(axis=1), 1)
    return np.where(whole, relative, 1).min(axis=1), (relative * whole).sum(axis=1) / few


def _mean(planes: _Samples, where: BoolArray) -> _Samples:
    total: _Samples = np.einsum("pbij,bij->pb", planes, where.astype(np.float32))
    mean: _Samples = total / np.maximum(where.sum(axis=(1, 2)), 1).astype(np.float32)
    return mean


def _blurred(values: _Samples, axis: int) -> _Samples:
    out = 2 * values
    ahead, behind = _shifted(values.ndim, axis, 1)
    out[behind] += values[ahead]
    out[ahead] += values[behind]
    out /= 4
    return out


def _slope(values: _Samples, axis: int) -> _Samples:
    out = np.zeros_like(values)
    ahead, behind = _shifted(values.ndim, axis, 2)
    inner = [slice(None)] * values.ndim
    inner[axis] = slice(1, -1)
    np.subtract(values[ahead], values[behind], out=out[tuple(inner)])
    out /= 2
    return out


def _shifted(ndim: int, axis: int, by: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return the slices of all but the first, and of all but the last, ``by`` values along an axis."""
    ahead, behind = [slice(None)] * ndim, [slice(None)] * ndim
    ahead[axis], behind[axis] = slice(by, None), slice(None, -by)
    return tuple(ahead), tuple(behind)


@cache
def _sector_of(cells: int) -> _Samples:
    """Return which of eight sectors each cell of a grid lies in, shape (cells ** 2, 8)."""
    side = np.arange(cells) - (cells - 1) / 2
    sector = np.floor((np.arctan2(side[:, None], side[None]) / (2 * np.pi) + 0.5) * 7.999).astype(np.int64).ravel()
    which: _Samples = np.eye(8, dtype=np.float32)[sector]
    return which


def _by_sector(values: _Samples) -> _Samples:
    total: _Samples = values.reshape(len(values), -1) @ _sector_of(values.shape[-1])
    return total
