"""Judging: how much each of some outlines, wherever they come from, looks like the object meant.

Every outline is looked at on a grid of the same number of cells, so that large and small ones
are measured alike: is the picture brighter (or darker) inside all round, how much does the inside
vary, how round is it, where does the click lie, and how many rivals agree?
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.engines.builtin.basins import FloatArray
from napari_sam3_assistant.engines.builtin.candidates import COARSE_JOINT, Candidates
from napari_sam3_assistant.engines.builtin.levels import level_for
from napari_sam3_assistant.engines.builtin.outlines import Outline
from napari_sam3_assistant.engines.builtin.paint import Clicks
from napari_sam3_assistant.engines.builtin.tree import BoolArray, RegionTree

_CELLS = 36
_ACROSS = 28
_LEAST_CELL_PX = 0.4
_DISC_FILL = 0.7
_MOST_ZOOM = 6
_RINGS = 24
_SPOKES = 24


def measured(tree: RegionTree, rivals: Candidates, overlap: FloatArray, clicks: Clicks) -> FloatArray:
    """Return what speaks for each candidate, a row each.

    Parameters
    ----------
    tree : RegionTree
    rivals : Candidates
    overlap : ndarray of shape (m, m), float
        Of every two of them, as :func:`overlaps` returns it.
    clicks : Clicks
    """
    looks = looks_of(tree, rivals.outlines, np.tile(clicks.first, (len(rivals.outlines), 1)))
    others = (*_agreement(overlap), *_from(rivals, len(clicks)), *_broken(rivals.outlines, clicks))
    return np.column_stack([looks.measures, *others])


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


def looks_of(tree: RegionTree, outlines: Sequence[Outline], points: FloatArray) -> Looks:
    """Return what is seen of ``outlines``, each looked at from its own point, ``(row, col)`` in pixels."""
    rows, cols, cell = _grids(outlines, points)
    masks = np.stack([one.inside(r, c) for one, r, c in zip(outlines, rows, cols, strict=True)])
    beyond = (rows < -0.5) | (cols < -0.5) | (rows > tree.shape[0] - 0.5) | (cols > tree.shape[1] - 0.5)
    edge = _edges(_sampled(tree, rows, cols, cell), masks, beyond)
    cells = np.maximum(masks.sum(axis=(1, 2)), 1)
    size = np.array([max(one.area, 1.0) for one in outlines])
    strength = edge.strength / cell + 0.1
    columns = (
        edge.coherence,
        np.log(strength / tree.noise),
        np.log(strength / strength.max()),
        edge.least,
        edge.spread,
        np.log(edge.contrast + 0.1),
        np.log(edge.rough + 0.02),
        np.log(size),
        np.log(size) ** 2 / 10,
        np.log(size / tree.size),
        np.log(np.clip(12.57 * cells / edge.length**2, 0.02, 1.2)),
        edge.cut,
        np.minimum(_depth(masks, rows, cols, cell, points), 0.8),
    )
    colors = (values.T.astype(np.float64) for values in (edge.color, edge.way, edge.step))
    return Looks(np.stack(columns, axis=1), *colors)


def _from(rivals: Candidates, clicks: int) -> list[FloatArray]:
    """Return where each candidate comes from, and its rank in its tree."""
    kinds = [(rivals.source == kind).astype(float) for kind in range(1, COARSE_JOINT + 1)]
    later = np.log(clicks)
    return [*kinds, *(kind * later for kind in kinds), *(rivals.rank * (rivals.source == kind) for kind in (0, 1))]


def _broken(outlines: Sequence[Outline], clicks: Clicks) -> list[FloatArray]:
    """Return how many positive clicks each outline leaves out, and how many negative ones it holds."""
    rows, cols = clicks.pixels.T.astype(float)
    inside = np.stack([one.inside(rows, cols) for one in outlines])
    missed, held = (clicks.positive & ~inside).sum(axis=1), (~clicks.positive & inside).sum(axis=1)
    return [np.minimum(missed, 1.0), np.log1p(missed), np.minimum(held, 1.0), np.log1p(held)]


def _grids(outlines: Sequence[Outline], points: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the rows and columns of the cells of each outline's grid, and their size, in pixels.

    Of what is thin, a vessel for one, the grid shows the part round its point, finely enough.
    """
    extent, area = np.array([one.extent for one in outlines]), np.array([one.area for one in outlines])
    longest = np.maximum(extent[:, 2] - extent[:, 0], extent[:, 3] - extent[:, 1])
    across = np.clip(area / longest / _DISC_FILL, longest / _MOST_ZOOM, longest)
    cell = np.maximum(across / _ACROSS, _LEAST_CELL_PX)
    middle = (extent[:, :2] + extent[:, 2:] - 1) / 2
    middle += (points - middle) * (1 - across / longest)[:, None]
    along = np.arange(_CELLS) - (_CELLS - 1) / 2
    rows = middle[:, 0, None, None] + along[:, None] * cell[:, None, None] + np.zeros(_CELLS)
    cols = middle[:, 1, None, None] + along[None, :] * cell[:, None, None] + np.zeros((_CELLS, 1))
    return rows, cols, cell


def _sampled(tree: RegionTree, rows: FloatArray, cols: FloatArray, cell: FloatArray) -> npt.NDArray[np.float32]:
    out = np.zeros((len(tree.levels[0].planes), *rows.shape), np.float32)
    steps = np.array([level_for(tree.levels, float(size) * 1.3).step for size in cell])
    for level in tree.levels:
        here = steps == level.step
        if here.any():
            out[:, here] = level.at(rows[here], cols[here])
    return out


@dataclass(frozen=True, slots=True, eq=False)
class _Edges:
    """Of each outline; lengths are in cells."""

    coherence: FloatArray
    strength: FloatArray
    least: FloatArray
    spread: FloatArray
    contrast: FloatArray
    rough: FloatArray
    length: FloatArray
    cut: FloatArray
    color: FloatArray
    way: FloatArray
    step: FloatArray


def _edges(planes: npt.NDArray[np.float32], masks: BoolArray, beyond: BoolArray) -> _Edges:
    soft = masks.astype(np.float32)
    soft = _blurred(_blurred(soft, 1), 2)
    down, right = -_slope(soft, 1), -_slope(soft, 2)
    normal = np.sqrt(down * down + right * right)
    length = normal.sum(axis=(1, 2)) + 1e-6
    weight = np.where(beyond, 0, normal)
    seen = weight.sum(axis=(1, 2)) + 1e-6
    rise_down, rise_right = _slope(planes, 2), _slope(planes, 3)
    steep = np.sqrt((rise_down**2 + rise_right**2).sum(axis=0))
    signed = -(rise_down * down + rise_right * right) * ~beyond  # planes, B, G, G
    total = signed.sum(axis=(2, 3))
    strength = np.sqrt((total**2).sum(axis=0))
    way = total / np.maximum(strength, 1e-6)
    along = (signed * way[..., None, None]).sum(axis=0)
    sectors = _by_sector(along) / np.maximum(_by_sector(weight), 1e-3)
    mean = strength / seen
    relative = sectors / np.maximum(mean, 1e-6)[:, None]
    whole = (_by_sector(weight) > 0.02 * length[:, None]).astype(float)
    few = np.maximum(whole.sum(axis=1), 1)
    least = np.where(whole > 0, np.clip(relative, -1, 1), 1).min(axis=1)
    spread = (np.clip(relative, -1, 1) * whole).sum(axis=1) / few
    inner, outer = masks & (normal < 0.05), ~masks & (soft > 0.02) & ~beyond
    n = np.maximum(inner.sum(axis=(1, 2)), 1)
    first, second = _mean(planes, inner), _mean(planes, outer)
    varied = np.sqrt(np.maximum(_mean(planes**2, inner) - first**2, 0).sum(axis=0))
    differ = np.sqrt(((first - second) ** 2).sum(axis=0))
    return _Edges(
        coherence=strength / ((steep * weight).sum(axis=(1, 2)) + 1e-6),
        strength=mean,
        least=least,
        spread=spread,
        contrast=differ / (varied + 1.0),
        rough=(steep * inner).sum(axis=(1, 2)) / n / (mean + 0.2),
        length=length,
        cut=1 - seen / length,
        color=first,
        way=total / np.maximum((steep * weight).sum(axis=(1, 2)) + 1e-6, 1e-6),
        step=first - second,
    )


def _mean(planes: npt.NDArray[np.float32], where: BoolArray) -> FloatArray:
    mean: FloatArray = (planes * where).sum(axis=(2, 3)) / np.maximum(where.sum(axis=(1, 2)), 1)
    return mean


def _blurred(values: npt.NDArray[np.float32], axis: int) -> npt.NDArray[np.float32]:
    out = 2 * values
    along = [slice(None)] * values.ndim
    ahead, behind = along.copy(), along.copy()
    ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
    out[tuple(behind)] += values[tuple(ahead)]
    out[tuple(ahead)] += values[tuple(behind)]
    return np.asarray(out / 4, np.float32)


def _slope(values: npt.NDArray[np.float32], axis: int) -> npt.NDArray[np.float32]:
    out = np.zeros_like(values)
    along = [slice(None)] * values.ndim
    ahead, behind, middle = along.copy(), along.copy(), along.copy()
    ahead[axis], behind[axis], middle[axis] = slice(2, None), slice(None, -2), slice(1, -1)
    out[tuple(middle)] = (values[tuple(ahead)] - values[tuple(behind)]) / 2
    return out


_SIDE = np.arange(_CELLS) - (_CELLS - 1) / 2
_SECTOR = np.floor((np.arctan2(_SIDE[:, None], _SIDE[None]) / (2 * np.pi) + 0.5) * 7.999).astype(np.int64).ravel()
_SECTORS = np.eye(8, dtype=np.float32)[_SECTOR]


def _by_sector(values: npt.NDArray[np.float32]) -> FloatArray:
    total: FloatArray = values.reshape(len(values), -1).astype(np.float32) @ _SECTORS
    return total


def _depth(masks: BoolArray, rows: FloatArray, cols: FloatArray, cell: FloatArray, points: FloatArray) -> FloatArray:
    """Return how deep its point lies in each outline, 1 at the middle of a disc."""
    away = (rows - points[:, 0, None, None]) ** 2 + (cols - points[:, 1, None, None]) ** 2
    nearest = np.sqrt(np.where(masks, np.inf, away).min(axis=(1, 2)))
    size = np.sqrt(masks.sum(axis=(1, 2)) / np.pi) * cell
    depth: FloatArray = np.minimum(nearest / np.maximum(size, 1e-6), 1.5)
    return depth


def _agreement(overlap: FloatArray) -> list[FloatArray]:
    """Return how well each outline overlaps with its nearest rival, its nearest three, and all."""
    others = overlap - np.diag(np.diag(overlap))
    nearest = -np.sort(-others, axis=1)
    most = max(min(3, nearest.shape[1]), 1)
    return [nearest[:, 0], nearest[:, :most].mean(axis=1), others.mean(axis=1)]


def overlaps(outlines: Sequence[Outline], click: tuple[float, float]) -> FloatArray:
    """Return the overlap (IoU) of every two outlines, by rings round the click that grow with the distance."""
    extent = np.array([one.extent for one in outlines])
    far = float(np.abs(extent - np.array([*click, *click])).max())
    ratio = max(far, 2.0) ** (1 / (_RINGS - 1))
    radius = ratio ** np.arange(_RINGS)
    turn = np.arange(_SPOKES) * (2 * np.pi / _SPOKES)
    rows = (click[0] + np.sin(turn)[:, None] * radius).ravel()
    cols = (click[1] + np.cos(turn)[:, None] * radius).ravel()
    weight = np.tile(radius**2, _SPOKES)
    inside = np.stack([one.inside(rows, cols) for one in outlines]).astype(np.float64)
    shared = (inside * weight) @ inside.T
    area = np.diag(shared)
    overlap: FloatArray = shared / np.maximum(area[:, None] + area - shared, 1e-9)
    return overlap
