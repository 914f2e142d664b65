"""Rays: the closed outline round a click that has the strongest edge, all round.

The picture is sampled along rays from the click; the outline crosses each ray once, near
where it crosses the neighbouring rays. Of all such outlines the best is found exactly, by
dynamic programming. So it goes straight over gaps where neighbours touch, has no hole and no
spur, and is sought at several sizes, each on a picture as coarse as the size allows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.geometry import Box
from napari_sam3_assistant.engines.builtin.basins import FloatArray
from napari_sam3_assistant.engines.builtin.levels import level_for
from napari_sam3_assistant.engines.builtin.tree import BoolArray, RegionTree

ANGLES = 64
_STEPS = 40
_BEND = 2
"""Steps by which the outline may move from one ray to the next."""
_CROSSING_COST = 0.5
"""Of an edge that lies nearer to the click, by how much it is stronger."""
REACHES_PX = (10.0, 16.0, 26.0, 41.0, 66.0, 105.0, 168.0)
_PIXEL_PER_STEP = 1.33
_NEVER = -1e6
_BATCH = 128

Places = npt.NDArray[np.float64]
"""``(row, col)`` in pixels, shape (m, 2)."""

_THETA = np.arange(ANGLES) * (2 * np.pi / ANGLES)
_DOWN, _RIGHT = np.sin(_THETA), np.cos(_THETA)


@dataclass(frozen=True, slots=True, eq=False)
class Star:
    """What lies inside an outline that each ray from a centre crosses once.

    Attributes
    ----------
    center : tuple of float
        ``(row, col)`` in pixels.
    radii : ndarray of shape (ANGLES,), float
        Where it crosses the rays, in pixels from the centre.
    """

    center: tuple[float, float]
    radii: FloatArray

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """``(top, left, bottom, right)`` in pixels, half-open."""
        rows, cols = self.center[0] + self.radii * _DOWN, self.center[1] + self.radii * _RIGHT
        return float(rows.min()), float(cols.min()), float(rows.max()) + 1, float(cols.max()) + 1

    @property
    def area(self) -> float:
        """In square pixels."""
        return float((self.radii * np.roll(self.radii, 1)).sum() * np.sin(2 * np.pi / ANGLES) / 2)

    def inside(self, rows: FloatArray, cols: FloatArray) -> BoolArray:
        """Return whether places, in pixels, lie inside."""
        down, right = rows - self.center[0], cols - self.center[1]
        turn = np.arctan2(down, right) * (ANGLES / (2 * np.pi)) % ANGLES
        before = turn.astype(np.int64) % ANGLES
        share = turn - np.floor(turn)
        radius = self.radii[before] * (1 - share) + self.radii[(before + 1) % ANGLES] * share
        within: BoolArray = down * down + right * right <= radius * radius
        return within


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
    radii = np.array([_radii(reach) for reach in reaches])
    both = _net(_gains(tree, np.tile(center, (len(reaches), 1)), np.array(reaches), within))
    if inside is not None:
        _constrain(both, radii, center, inside, hold=True)
    if outside is not None:
        _constrain(both, radii, center, outside, hold=False)
    paths = best_rings(both)
    return [Star(center, radii[index // 2][path]) for index, path in enumerate(paths)]


def stars_at(tree: RegionTree, centers: Places, reach: float, sign: int) -> list[Star]:
    """Return the best outline round each of many centres, brighter inside (``sign`` 1) or darker (-1)."""
    found: list[Star] = []
    radii = _radii(reach)
    for start in range(0, len(centers), _BATCH):
        batch = centers[start : start + _BATCH]
        gains = sign * _gains(tree, batch, np.full(len(batch), reach), None)
        paths = best_rings(gains - _crossed(gains))
        found += [Star((float(r), float(c)), radii[path]) for (r, c), path in zip(batch, paths, strict=True)]
    return found


def _radii(reach: float) -> FloatArray:
    return np.arange(1, _STEPS + 1, dtype=np.float64) * (reach / _STEPS)


def _gains(tree: RegionTree, centers: Places, reaches: FloatArray, within: Box | None) -> FloatArray:
    """Return the rise towards each centre at each step of each ray, shape (centers, ANGLES, _STEPS).

    It is NaN outside ``within``.
    """
    along = np.arange(_STEPS + 2) * (reaches[:, None, None] / _STEPS)
    rows = centers[:, 0, None, None] + _DOWN[:, None] * along
    cols = centers[:, 1, None, None] + _RIGHT[:, None] * along
    edge: FloatArray = _toward_center(_blurred(_sampled(tree, rows, cols, reaches)))
    beyond = (rows < -0.5) | (cols < -0.5) | (rows > tree.shape[0] - 0.5) | (cols > tree.shape[1] - 0.5)
    edge[beyond[..., 1:-1]] = 0
    if within is not None:
        out = (rows < within.top - 1) | (cols < within.left - 1) | (rows > within.bottom) | (cols > within.right)
        edge[out[..., 1:-1]] = np.nan
    return edge


def _sampled(tree: RegionTree, rows: FloatArray, cols: FloatArray, reaches: FloatArray) -> npt.NDArray[np.float32]:
    planes = np.zeros((len(tree.levels[0].planes), *rows.shape), np.float32)
    steps = np.array([level_for(tree.levels, float(reach) / _STEPS * _PIXEL_PER_STEP).step for reach in reaches])
    for level in tree.levels:
        here = np.flatnonzero(steps == level.step)
        if len(here):
            planes[:, here] = level.at(rows[here], cols[here])
    return planes


def _blurred(planes: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return samples along rays, smoothed by about a step along each and half a ray across."""
    for _ in range(2):
        ends = np.concatenate([planes[..., :1], planes, planes[..., -1:]], axis=-1)
        planes = 0.5 * planes + 0.25 * (ends[..., :-2] + ends[..., 2:])
    ring = np.concatenate([planes[:, :, -1:], planes, planes[:, :, :1]], axis=2)
    smooth: npt.NDArray[np.float32] = 0.5 * planes + 0.25 * (ring[:, :, :-2] + ring[:, :, 2:])
    return smooth


def _net(edge: FloatArray) -> FloatArray:
    """Return what outlines gain at each step of each ray, of each centre brighter inside, then darker."""
    both = np.stack([edge, -edge], axis=1).reshape(-1, *edge.shape[1:])
    banned = np.isnan(both)
    both[banned] = 0
    both -= _crossed(both)
    both[banned] += _NEVER
    return both


def _crossed(gains: FloatArray) -> FloatArray:
    """Return the price of stronger edges between the centre and each step."""
    worst = np.zeros_like(gains)
    np.maximum.accumulate(np.abs(gains[..., :-1]), axis=-1, out=worst[..., 1:])
    price: FloatArray = _CROSSING_COST * np.maximum(worst - np.maximum(gains, 0), 0)
    return price


def _toward_center(planes: npt.NDArray[np.float32]) -> FloatArray:
    """Return the rise towards the centre, of colours along the direction in which inside and outside differ.

    Parameters
    ----------
    planes : ndarray of shape (planes, centers, ANGLES, steps + 2), float32
    """
    rise = (planes[..., :-2] - planes[..., 2:]).astype(np.float64) / 2
    if len(planes) == 1:
        only: FloatArray = rise[0]
        return only
    steps = planes.shape[-1]
    inner, outer = planes[..., : steps // 4].mean(axis=(2, 3)), planes[..., steps // 2 :].mean(axis=(2, 3))
    way = (inner - outer).astype(np.float64)
    length = np.sqrt((way * way).sum(axis=0))
    way = np.where(length > 1e-3, way / np.maximum(length, 1e-3), np.eye(len(planes))[0][:, None])
    toward: FloatArray = (way[..., None, None] * rise).sum(axis=0)
    return toward


def _constrain(
    gains: FloatArray, radii: FloatArray, center: tuple[float, float], places: Places, *, hold: bool
) -> None:
    """Keep outlines beyond some places, or on this side of them."""
    for row, col in places:
        down, right = row - center[0], col - center[1]
        away = float(np.hypot(down, right))
        if away < 1:
            continue
        turn = np.arctan2(down, right) * (ANGLES / (2 * np.pi))
        rays = np.unique(np.array([np.floor(turn), np.ceil(turn)], int) % ANGLES)
        for index, steps in enumerate(radii):
            banned = steps < away + 0.5 if hold else steps > away - 0.5
            if banned.all():  # beyond this reach
                banned[-1 if hold else 0] = False
            gains[2 * index : 2 * index + 2, rays[:, None], np.flatnonzero(banned)] += (2 if hold else 1) * _NEVER


def best_rings(gains: FloatArray) -> npt.NDArray[np.int64]:
    """Return the best closed path through each table of gains.

    Parameters
    ----------
    gains : ndarray of shape (count, ANGLES, steps), float

    Returns
    -------
    ndarray of shape (count, ANGLES), int
        The step on each ray; neighbours differ by at most ``_BEND``.

    Notes
    -----
    One and a half turns are taken and the middle turn is kept, which closes almost always; where
    it does not, the two ends differ by a few steps.
    """
    count, angles, steps = gains.shape
    gains = gains.astype(np.float32)
    wide = np.full((count, steps + 2 * _BEND), -np.inf, np.float32)
    from_below = [wide[:, shift : shift + steps] for shift in range(2 * _BEND + 1)]
    total, better = from_below[_BEND], np.empty((count, steps), bool)
    turns, kept = angles + angles // 2, angles // 4
    back = np.zeros((turns, count, steps), np.int8)
    total[:] = gains[:, 0]
    for turn in range(1, turns):
        best = from_below[0].copy()
        for shift, other in enumerate(from_below[1:], 1):
            np.greater(other, best, out=better)
            np.copyto(back[turn], np.int8(shift), where=better)
            np.maximum(best, other, out=best)
        np.add(best, gains[:, turn % angles], out=total)
    every, place = np.arange(count), total.argmax(axis=1)
    path = np.zeros((count, angles), np.int64)
    for turn in range(turns - 1, kept - 1, -1):
        if turn < kept + angles:
            path[:, turn % angles] = place
        place = place + back[turn, every, place] - _BEND
    return path
