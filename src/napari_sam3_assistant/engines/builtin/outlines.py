"""Outlines: candidate objects that can say of any place whether it lies inside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.engines.builtin.basins import FloatArray, Labels
from napari_sam3_assistant.engines.builtin.tree import BoolArray, RegionTree

Places = npt.NDArray[np.floating[Any]] | npt.NDArray[np.signedinteger[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A node of a tree, as an outline."""

    tree: RegionTree
    node: int

    @property
    def on(self) -> BoolArray:
        """Whether each region belongs to it, shape (n,)."""
        return self.tree.mask_of(self.node)

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """``(top, left, bottom, right)`` in pixels, half-open."""
        top, left, bottom, right = map(float, self.tree.extent[self.node])
        return top, left, bottom, right

    @property
    def area(self) -> float:
        """In square pixels."""
        return float(self.tree.area[self.node])


@dataclass(frozen=True, slots=True, eq=False)
class Union:
    """Some regions of a tree, as an outline."""

    tree: RegionTree
    on: BoolArray

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """``(top, left, bottom, right)`` in pixels, half-open."""
        boxes = self.tree.extent[: self.tree.n][self.on]
        if not len(boxes):
            return 0.0, 0.0, 1.0, 1.0
        (top, left), (bottom, right) = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
        return float(top), float(left), float(bottom), float(right)

    @property
    def area(self) -> float:
        """In square pixels."""
        return float(self.tree.area[: self.tree.n][self.on].sum())


@dataclass(frozen=True, slots=True, eq=False)
class Star:
    """What lies inside an outline that each ray from a centre crosses once.

    Attributes
    ----------
    center : tuple of float
        ``(row, col)`` in pixels.
    radii : ndarray of shape (angles,), float
        Where it crosses the rays, in pixels from the centre; the first goes right, the next a little down.
    """

    center: tuple[float, float]
    radii: FloatArray

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """``(top, left, bottom, right)`` in pixels, half-open."""
        top, left, bottom, right = map(float, _extents([self])[0])
        return top, left, bottom, right

    @property
    def area(self) -> float:
        """In square pixels."""
        return float(_areas(self.radii[None])[0])


Outline = Node | Union | Star


def extents(outlines: Sequence[Outline]) -> FloatArray:
    """Return ``(top, left, bottom, right)`` in pixels, half-open, of each outline; shape (m, 4)."""
    out = np.array([(0.0, 0.0, 1.0, 1.0) if isinstance(one, Star) else one.extent for one in outlines])
    for which, stars in _by_rays(outlines):
        out[which] = _extents(stars)
    return out


def areas(outlines: Sequence[Outline]) -> FloatArray:
    """Return the area of each outline in square pixels, shape (m,)."""
    out = np.array([0.0 if isinstance(one, Star) else one.area for one in outlines])
    for which, stars in _by_rays(outlines):
        out[which] = _areas(np.array([one.radii for one in stars]))
    return out


def _by_rays(outlines: Sequence[Outline]) -> list[tuple[list[int], list[Star]]]:
    """Return the stars among ``outlines`` and where they stand, those of as many rays together."""
    found: dict[int, tuple[list[int], list[Star]]] = {}
    for k, one in enumerate(outlines):
        if isinstance(one, Star):
            which, stars = found.setdefault(len(one.radii), ([], []))
            which.append(k)
            stars.append(one)
    return list(found.values())


def _extents(stars: Sequence[Star]) -> FloatArray:
    radii, center = np.array([one.radii for one in stars]), np.array([one.center for one in stars])
    turn = np.arange(radii.shape[1]) * (2 * np.pi / radii.shape[1])
    rows, cols = center[:, :1] + radii * np.sin(turn), center[:, 1:] + radii * np.cos(turn)
    return np.stack([rows.min(axis=1), cols.min(axis=1), rows.max(axis=1) + 1, cols.max(axis=1) + 1], axis=1)


def _areas(radii: FloatArray) -> FloatArray:
    around = (radii[:, 1:] * radii[:, :-1]).sum(axis=1) + radii[:, 0] * radii[:, -1]
    area: FloatArray = around * (np.sin(2 * np.pi / radii.shape[1]) / 2)
    return area


def insides(outlines: Sequence[Outline], rows: Places, cols: Places) -> BoolArray:
    """Return whether some places lie inside each of some outlines.

    Parameters
    ----------
    outlines : sequence of Outline
    rows, cols : ndarray of shape (m, ...) or (1, ...), float
        In pixels: the places asked of each outline, or the same of all. The shapes go together: a column of rows
        and a line of columns are a grid.

    Returns
    -------
    ndarray of shape (m, ...), bool
    """
    out = np.empty((len(outlines), *np.broadcast_shapes(rows.shape, cols.shape)[1:]), bool)
    for tree in {id(one.tree): one.tree for one in outlines if not isinstance(one, Star)}.values():
        nodes = [k for k, one in enumerate(outlines) if isinstance(one, Node) and one.tree is tree]
        unions = [k for k, one in enumerate(outlines) if isinstance(one, Union) and one.tree is tree]
        for some in (nodes, unions):
            if some:
                r, c = (places[some] if len(places) > 1 else places for places in (rows, cols))
                out[some] = _in_regions(tree, [outlines[k] for k in some], *_labels_at(tree, r, c))
    for which, stars in _by_rays(outlines):
        r, c = (places[which] if len(places) > 1 else places for places in (rows, cols))
        out[which] = _in_stars(stars, r, c)
    return out


def inside(outline: Outline, rows: Places, cols: Places) -> BoolArray:
    """Return whether places, in pixels, lie inside one outline."""
    if isinstance(outline, Star):
        return np.asarray(_in_stars([outline], rows[None], cols[None])[0], bool)
    return np.asarray(insides([outline], rows[None], cols[None])[0], bool)


def _in_regions(tree: RegionTree, outlines: Sequence[Outline], labels: Labels, within: BoolArray) -> BoolArray:
    """Return which labels belong to each of some nodes, or to each of some unions."""
    unions = [one for one in outlines if isinstance(one, Union)]
    if unions:
        every = labels if len(labels) > 1 else [labels[0]] * len(unions)
        return np.stack([one.on[here] for one, here in zip(unions, every, strict=True)]) & within
    nodes = np.array([one.node for one in outlines if isinstance(one, Node)])
    first = tree.first[nodes].astype(np.int32).reshape(-1, *(1,) * (labels.ndim - 1))
    count = tree.count[nodes].astype(np.int32).reshape(first.shape)
    return np.asarray((labels >= first) & (labels < first + count) & within, bool)


def _in_stars(stars: Sequence[Star], rows: Places, cols: Places) -> BoolArray:
    """Return which places lie in each of some stars of as many rays."""
    shape = (-1, *(1,) * (rows.ndim - 1))
    center = np.array([one.center for one in stars])
    down = (rows - center[:, 0].reshape(shape)).astype(np.float32)
    right = (cols - center[:, 1].reshape(shape)).astype(np.float32)
    radii = np.array([one.radii for one in stars], np.float32)
    angles = radii.shape[1]
    radii = np.concatenate([radii, radii[:, :1]], axis=1)
    turn = np.arctan2(down, right)
    turn *= np.float32(angles / (2 * np.pi))
    turn += np.float32(angles) * (turn < 0)
    before = np.minimum(turn.astype(np.intp), angles - 1)
    turn -= before
    before += (np.arange(len(stars)) * (angles + 1)).reshape(shape)
    radius = radii.take(before)
    radius += turn * (radii.ravel()[1:].take(before) - radius)
    return np.asarray(down * down + right * right <= radius * radius, bool)


def _labels_at(tree: RegionTree, rows: Places, cols: Places) -> tuple[Labels, BoolArray]:
    """Return the regions at some places, and whether these lie on the image."""
    r, c = np.rint(rows).astype(np.intp), np.rint(cols).astype(np.intp)
    height, width = tree.shape
    within = (r >= 0) & (r < height) & ((c >= 0) & (c < width))
    place = np.clip(r, 0, height - 1) // tree.step * tree.labels.shape[1] + np.clip(c, 0, width - 1) // tree.step
    return tree.labels.take(place), within
