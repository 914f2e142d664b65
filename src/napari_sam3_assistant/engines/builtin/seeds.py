"""Seeds: places of an image where something of a given size may have its middle."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from napari_sam3_assistant.engines.builtin.basins import FloatArray, IntArray
from napari_sam3_assistant.engines.builtin.tree import BoolArray, RegionTree

_AREAS = 0.3, 2.0
_CLUSTERS = 1.3, 8.0
_APART = 0.5
"""No two seeds lie in one square of so many radii."""
_CELLS_PER_RADIUS = 5
_LEAST_DEPTH = 0.4


@dataclass(frozen=True, slots=True, eq=False)
class Alike:
    """Nodes of a tree whose outlines go the way of an example's: from bright to dark, or the reverse.

    Attributes
    ----------
    nodes : ndarray of shape (m,), int
    coherence : ndarray of shape (m,), float
        How much of each outline goes that way, up to 1.
    """

    nodes: IntArray
    coherence: FloatArray

    def between(self, tree: RegionTree, least: float, most: float) -> Alike:
        """Return those whose area in pixels lies between two limits."""
        area = tree.area[self.nodes]
        kept = (area > least) & (area < most)
        return Alike(self.nodes[kept], self.coherence[kept])


def seeds(tree: RegionTree, alike: Alike, area: float) -> FloatArray:
    """Return where an object of ``area`` pixels may have its middle.

    These are the middles of nodes about as large, and the deepest places of nodes that may be several objects.

    Returns
    -------
    ndarray of shape (k, 2), float
        ``(row, col)`` in pixels.
    """
    radius = math.sqrt(area / math.pi)
    single = disjoint(tree, alike.between(tree, _AREAS[0] * area, _AREAS[1] * area))
    joined = disjoint(tree, alike.between(tree, _CLUSTERS[0] * area, _CLUSTERS[1] * area))
    on = np.zeros(tree.n, bool)
    for node in joined:
        on[tree.regions(node)] = True
    places = np.concatenate([_middles(tree, single), _deepest(tree, on, radius)])
    _, kept = np.unique(np.floor(places / max(_APART * radius, 1.0)).astype(np.int64), axis=0, return_index=True)
    return places[np.sort(kept)]


def disjoint(tree: RegionTree, alike: Alike) -> list[int]:
    """Return nodes none of which holds another, those with the most coherent outlines first."""
    taken, kept = np.zeros(tree.n, bool), []
    for node in alike.nodes[np.argsort(-alike.coherence, kind="stable")].tolist():
        regions = taken[tree.regions(node)]
        if not regions.any():
            regions[:] = True
            kept.append(node)
    return kept


def _middles(tree: RegionTree, nodes: list[int]) -> FloatArray:
    """Return the centre of gravity of each of ``nodes``, in pixels."""
    area = tree.area[: tree.n, None]
    total: FloatArray = tree.sum_over_nodes(tree.center * area)[nodes] / tree.area[nodes, None]
    return total


def _deepest(tree: RegionTree, on: BoolArray, radius: float) -> FloatArray:
    """Return where the regions ``on`` are deepest, about a radius apart, in pixels."""
    from scipy import ndimage as ndi

    if not on.any():
        return np.zeros((0, 2))
    every = max(int(radius / tree.step / _CELLS_PER_RADIUS), 1)
    mask = np.pad(on[tree.labels[every // 2 :: every, every // 2 :: every]], 1)
    deep = np.asarray(ndi.distance_transform_edt(mask))
    across = radius / tree.step / every
    peak = ndi.maximum_filter(deep, size=2 * max(round(0.5 * across), 1) + 1)
    rows, cols = np.nonzero((deep == peak) & (deep > _LEAST_DEPTH * across))
    places = np.stack([rows, cols], axis=1) - 1.0
    middles: FloatArray = np.asarray((places * every + every // 2) * tree.step + (tree.step - 1) / 2, np.float64)
    return middles
