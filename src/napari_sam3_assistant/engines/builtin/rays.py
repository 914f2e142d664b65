"""Rays: the closed outline round a click that has the strongest edge, all round.

The picture is sampled along rays from the click; the outline crosses each ray once, near
where it crosses the neighbouring rays. Of all such outlines the best is found exactly, by
dynamic programming. So it goes straight over gaps where neighbours touch, has no hole and no
spur, and is sought at several sizes, each on a picture as coarse as the size allows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.geometry import Box
from napari_sam3_assistant.engines.builtin.basins import FloatArray
from napari_sam3_assistant.engines.builtin.levels import Level, level_for
from napari_sam3_assistant.engines.builtin.outlines import Star, areas
from napari_sam3_assistant.engines.builtin.tree import RegionTree

_BEND = 2
"""Steps by which the outline may move from one ray to the next."""
_CROSSING_COST = 0.5
"""Of an edge that lies nearer to the click, by how much it is stronger."""
REACHES_PX = (10.0, 16.0, 26.0, 41.0, 66.0, 105.0, 168.0, 268.0)
_PIXEL_PER_STEP = 1.33
_NEVER = -1e6
_BATCH = 128
_SAME_MIDDLE = 0.3
_SAME_AREA = 0.3
_LEAST_EDGE = 0.15
"""Of the example's edge."""

Places = npt.NDArray[np.float64]
"""``(row, col)`` in pixels, shape (m, 2)."""
_Samples = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Fan:
    """How finely is looked round a centre: so many rays, and so many steps along each."""

    angles: int
    steps: int

    @property
    def ways(self) -> tuple[_Samples, _Samples]:
        """How far down and right each ray goes in a pixel, each of shape (angles, 1)."""
        turn = np.arange(self.angles)[:, None] * (2 * np.pi / self.angles)
        return np.sin(turn).astype(np.float32), np.cos(turn).astype(np.float32)

    def radii(self, reach: float) -> FloatArray:
        """Return how far from the centre each step lies, in pixels."""
        return np.arange(1, self.steps + 1, dtype=np.float64) * (reach / self.steps)


FINE = Fan(64, 40)
QUICK = Fan(32, 24)
"""For many centres at once."""


def stars(
    tree: RegionTree,
    center: tuple[float, float],
    reaches: Sequence[float] = REACHES_PX,
    inside: Places | None = None,
    outside: Places | None = None,
    within: Box | None = None,
) -> list[Star]:
    """Return the best outlines round ``center``, brighter inside and darker inside, of each size.

    Parameters
    ----------
    tree : RegionTree
    center : tuple of float
        ``(row, col)`` in pixels.
    reaches : sequence of float
        How far the rays go, in pixels.
    inside, outside : ndarray of shape (m, 2), float, or None
        ``(row, col)`` of places that the outline must hold or leave out. Where it cannot do both, it holds.
    within : Box or None
        The outline stays in it.
    """
    far = 1.6 * max(tree.shape)
    reaches = [float(reach) for index, reach in enumerate(reaches) if index == 0 or reach < far]
    radii = np.array([FINE.radii(reach) for reach in reaches])
    both = _net(_gains(tree, np.tile(center, (len(reaches), 1)), np.array(reaches), FINE, within))
    if inside is not None:
        _constrain(both, radii, center, inside, hold=True)
    if outside is not None:
        _constrain(both, radii, center, outside, hold=False)
    paths = best_rings(both)
    return [Star(center, radii[index // 2][path]) for index, path in enumerate(paths)]


def stars_at(tree: RegionTree, centers: Places, reach: float, way: FloatArray, edge: float | None = None) -> list[Star]:
    """Return the best outlines round many centres.

    Parameters
    ----------
    tree : RegionTree
    centers : ndarray of shape (m, 2), float
        ``(row, col)`` in pixels.
    reach : float
        How far the rays go, in pixels.
    way : ndarray of shape (planes,), float
        How much brighter the inside is than what is around.
    edge : float or None
        Of the example, as :func:`edge_at`: what has a much weaker one is left out. None: the first centre is its own.

    Returns
    -------
    list of Star
        Of outlines that are nearly the same, found from several centres, there is one.
    """
    if not len(centers):
        return []
    strength, radii = _rings_at(tree, centers, reach, way)
    strong = strength >= _LEAST_EDGE * (float(strength[0]) if edge is None else edge)
    return _distinct(centers[strong], radii[strong]) if strong.any() else []


def edge_at(tree: RegionTree, center: Places, reach: float, way: FloatArray) -> float:
    """Return how strong the edge of the best outline round a centre, shape (1, 2), is."""
    return float(_rings_at(tree, center, reach, way)[0][0])


def _rings_at(tree: RegionTree, centers: Places, reach: float, way: FloatArray) -> tuple[_Samples, FloatArray]:
    """Return the strength of the best outline round each centre, and its radii, shape (m, angles), in pixels."""
    paths, strength, rays = [], [], np.arange(QUICK.angles)
    level = level_for(tree.levels, reach / QUICK.steps * _PIXEL_PER_STEP)
    along = (way / max(float(np.sqrt((way * way).sum())), 1e-6)).astype(np.float32)
    tree = replace(tree, levels=(Level(np.tensordot(along, level.planes, 1)[None], level.step),))
    for start in range(0, len(centers), _BATCH):
        batch = centers[start : start + _BATCH]
        gains = _gains(tree, batch, np.full(len(batch), reach), QUICK, None)
        paths.append(best_rings(gains - _crossed(gains)))
        strength.append(gains[np.arange(len(batch))[:, None], rays, paths[-1]].mean(axis=1))
    return np.concatenate(strength), QUICK.radii(reach)[np.concatenate(paths)]


def _distinct(centers: Places, radii: FloatArray) -> list[Star]:
    down, right = QUICK.ways
    stars = [Star((float(row), float(col)), values) for (row, col), values in zip(centers, radii, strict=True)]
    area = areas(stars)
    middle = centers + (radii**3 @ np.hstack([down, right])) * (2 * np.pi / QUICK.angles / 3 / area)[:, None]
    size = np.sqrt(area / np.pi)
    mark = np.column_stack([middle / (_SAME_MIDDLE * size.mean()), np.log(area) / _SAME_AREA])
    _, kept = np.unique(np.floor(mark).astype(np.int64), axis=0, return_index=True)
    return [stars[index] for index in np.sort(kept)]


def _gains(tree: RegionTree, centers: Places, reaches: FloatArray, fan: Fan, within: Box | None) -> _Samples:
    """Return the rise towards each centre at each step of each ray, shape (centers, angles, steps).

    It is NaN outside ``within``.
    """
    along = (np.arange(fan.steps + 2) * (reaches[:, None, None] / fan.steps)).astype(np.float32)
    down, right = fan.ways
    rows = centers[:, 0, None, None].astype(np.float32) + down * along
    cols = centers[:, 1, None, None].astype(np.float32) + right * along
    edge = _toward_center(_blurred(_sampled(tree, rows, cols, reaches / fan.steps)))
    rows, cols = rows[..., 1:-1], cols[..., 1:-1]
    edge[(rows < -0.5) | (cols < -0.5) | (rows > tree.shape[0] - 0.5) | (cols > tree.shape[1] - 0.5)] = 0
    if within is not None:
        out = (rows < within.top - 1) | (cols < within.left - 1) | (rows > within.bottom) | (cols > within.right)
        edge[out] = np.nan
    return edge


def _sampled(tree: RegionTree, rows: _Samples, cols: _Samples, px: FloatArray) -> _Samples:
    """Return the planes at some places round each centre, whose steps are ``px`` pixels long."""
    steps = np.array([level_for(tree.levels, float(step) * _PIXEL_PER_STEP).step for step in px])
    levels = [level for level in tree.levels if level.step in steps]
    if len(levels) == 1:
        return levels[0].at(rows, cols)
    planes = np.zeros((len(tree.levels[0].planes), *rows.shape), np.float32)
    for level in levels:
        here = np.flatnonzero(steps == level.step)
        planes[:, here] = level.at(rows[here], cols[here])
    return planes


def _blurred(planes: _Samples) -> _Samples:
    """Return samples along rays, smoothed by about a step along each and half a ray across."""
    for _ in range(2):
        half = 0.5 * planes
        half[..., 1:-1] += 0.25 * (planes[..., 2:] + planes[..., :-2])
        half[..., 0] += 0.25 * (planes[..., 0] + planes[..., 1])
        half[..., -1] += 0.25 * (planes[..., -1] + planes[..., -2])
        planes = half
    smooth = 0.5 * planes
    smooth[:, :, 1:-1] += 0.25 * (planes[:, :, 2:] + planes[:, :, :-2])
    smooth[:, :, 0] += 0.25 * (planes[:, :, -1] + planes[:, :, 1])
    smooth[:, :, -1] += 0.25 * (planes[:, :, -2] + planes[:, :, 0])
    return smooth


def _net(edge: _Samples) -> _Samples:
    """Return what outlines gain at each step of each ray, of each centre brighter inside, then darker."""
    both = np.stack([edge, -edge], axis=1).reshape(-1, *edge.shape[1:])
    banned = np.isnan(both)
    both[banned] = 0
    both -= _crossed(both)
    both[banned] += _NEVER
    return both


def _crossed(gains: _Samples) -> _Samples:
    """Return the price of stronger edges between the centre and each step."""
    worst = np.zeros_like(gains)
    np.maximum.accumulate(np.abs(gains[..., :-1]), axis=-1, out=worst[..., 1:])
    worst -= np.maximum(gains, 0)
    np.maximum(worst, 0, out=worst)
    worst *= _CROSSING_COST
    return worst


def _toward_center(planes: _Samples) -> _Samples:
    """Return the rise towards the centre, of colours along the direction in which inside and outside differ.

    Parameters
    ----------
    planes : ndarray of shape (planes, centers, angles, steps + 2), float32
    """
    rise = (planes[..., :-2] - planes[..., 2:]) / 2
    if len(planes) == 1:
        only: _Samples = rise[0]
        return only
    steps = planes.shape[-1]
    inner, outer = planes[..., : steps // 4].mean(axis=(2, 3)), planes[..., steps // 2 :].mean(axis=(2, 3))
    way = inner - outer
    length = np.sqrt((way * way).sum(axis=0))
    way = np.where(length > 1e-3, way / np.maximum(length, 1e-3), np.eye(len(planes))[0][:, None]).astype(np.float32)
    rise *= way[..., None, None]
    toward: _Samples = rise.sum(axis=0)
    return toward


def _constrain(gains: _Samples, radii: FloatArray, center: tuple[float, float], places: Places, *, hold: bool) -> None:
    """Keep outlines beyond some places, or on this side of them."""
    for row, col in places:
        down, right = row - center[0], col - center[1]
        away = float(np.hypot(down, right))
        if away < 1:
            continue
        turn = np.arctan2(down, right) * (FINE.angles / (2 * np.pi))
        rays = np.unique(np.array([np.floor(turn), np.ceil(turn)], int) % FINE.angles)
        for index, steps in enumerate(radii):
            banned = steps < away + 0.5 if hold else steps > away - 0.5
            if banned.all():  # beyond this reach
                banned[-1 if hold else 0] = False
            gains[2 * index : 2 * index + 2, rays[:, None], np.flatnonzero(banned)] += (2 if hold else 1) * _NEVER


def best_rings(gains: _Samples) -> npt.NDArray[np.int64]:
    """Return the best closed path through each table of gains.

    Parameters
    ----------
    gains : ndarray of shape (count, angles, steps), float

    Returns
    -------
    ndarray of shape (count, angles), int
        The step on each ray; neighbours differ by at most ``_BEND``, 2.

    Notes
    -----
    One and a half turns are taken and the middle turn is kept, which closes almost always; where
    it does not, the two ends differ by a few steps.
    """
    count, angles, steps = gains.shape
    turns, kept = angles + angles // 2, angles // 4
    by_ray = np.ascontiguousarray(gains.transpose(1, 0, 2), np.float32)
    total = np.full((turns, count, steps + 2 * _BEND), -np.inf, np.float32)
    total[0, :, _BEND:-_BEND] = by_ray[0]
    pair, four = np.empty((count, steps + 3), np.float32), np.empty((count, steps + 1), np.float32)
    for turn in range(1, turns):
        before, now = total[turn - 1], total[turn, :, _BEND:-_BEND]
        np.maximum(before[:, :-1], before[:, 1:], out=pair)
        np.maximum(pair[:, :-2], pair[:, 2:], out=four)
        np.maximum(four[:, :-1], before[:, 4:], out=now)
        now += by_ray[turn % angles]
    every, window = np.arange(count)[:, None], np.arange(2 * _BEND + 1)
    place = total[-1, :, _BEND:-_BEND].argmax(axis=1)
    path = np.zeros((count, angles), np.int64)
    for turn in range(turns - 1, kept - 1, -1):
        if turn < kept + angles:
            path[:, turn % angles] = place
        place = place + total[turn - 1][every, place[:, None] + window].argmax(axis=1) - _BEND
    return path
