"""Clicks: which regions they mean. One linear score for each region weighs all of them at once.

Nothing is kept between clicks, so taking one back is free.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from napari_sam3_assistant.engines.builtin.basins import FloatArray, IntArray
from napari_sam3_assistant.engines.builtin.paint import Clicks, Reading
from napari_sam3_assistant.engines.builtin.tree import BoolArray, RegionTree, expected_overlap, quality

# Nearness to clicks in ratio, colour, texture, nodes of + clicks, nodes of - clicks, height on the tree,
# first guess, nearness in pixels, constant. Fitted to synthetic pictures.
_WEIGHTS = np.array([1.87, 0.52, 0.0, 1.55, -0.5, 0.46, 2.83, 0.28, -3.26])
_ROUNDS = 3
# From a score to a chance: with 2, the overlap expected follows the true one best.
_STEEPNESS = 2.0
_MOST_SHARE = 0.7
_GROWTH_COST = 3.0


def rivals(
    tree: RegionTree, region: int, without: Sequence[int] | IntArray = (), size_px: float = math.inf
) -> tuple[IntArray, FloatArray]:
    """Return the nodes that one click may mean, and how good each is.

    Parameters
    ----------
    tree : RegionTree
    region : int
        The region clicked; every node returned holds it.
    without : sequence of int
        Regions that no node may hold.
    size_px : float
        A node of a larger area must earn it.
    """
    nodes = tree.chain(region)
    for other in without:
        nodes = nodes[(other < tree.first[nodes]) | (other >= tree.first[nodes] + tree.count[nodes])]
    if not len(nodes):
        return np.array([region]), np.zeros(1)
    small = nodes[tree.area[nodes] < _MOST_SHARE * tree.size]
    nodes = small if len(small) else nodes[:1]
    beyond = np.log(np.maximum(tree.area[nodes] / size_px, 1))
    return nodes, quality(tree, nodes) - _GROWTH_COST * beyond


def guess(tree: RegionTree, region: int, without: Sequence[int] | IntArray = (), size_px: float = math.inf) -> int:
    """Return the best of :func:`rivals`."""
    nodes, values = rivals(tree, region, without, size_px)
    return int(nodes[values.argmax()])


def reading_of_clicks(tree: RegionTree, clicks: Clicks, prior: FloatArray | None = None) -> Reading:
    """Return the object that clicks mean.

    Parameters
    ----------
    tree : RegionTree
    clicks : Clicks
        One or more; without a ``prior``, one of them positive.
    prior : ndarray of shape (n,), float, or None
        The share of each region, 0 to 1, that a box or a mask already gives to the object.
    """
    if clicks.positive.all() or not clicks.positive.any():
        return _one_by_one(tree, clicks, prior)
    evidence = _evidence(tree, clicks, prior)
    start = score = np.clip(evidence @ _WEIGHTS, -8, 8)
    for _ in range(_ROUNDS):
        score = 0.5 * start + 0.5 * (tree.affinity @ score)
    chance = 1 / (1 + np.exp(-_STEEPNESS * score))
    positive, negative = clicks.regions[clicks.positive], clicks.regions[~clicks.positive]
    chance[positive], chance[negative] = 1, 0
    on = chance > 0.5
    return Reading(on, expected_overlap(tree, on, chance))


def _one_by_one(tree: RegionTree, clicks: Clicks, prior: FloatArray | None) -> Reading:
    """Add or take away the node of each click; all are of one sign."""
    on = np.zeros(tree.n, bool) if prior is None else prior > 0.5
    scores = []
    for region, positive in zip(clicks.regions.tolist(), clicks.positive, strict=True):
        if positive:
            nodes, values = rivals(tree, region, size_px=room(tree, region, on))
            on[tree.regions(int(nodes[values.argmax()]))] = True
            scores.append(_certainty(tree, nodes, values))
        else:
            on[tree.regions(_part_to_cut(tree, region, on))] = False
    return Reading(on, float(np.mean(scores)) if scores else 0.5)


def _certainty(tree: RegionTree, nodes: IntArray, values: FloatArray) -> float:
    belief = np.exp(values - values.max())
    area, best = tree.area[nodes], tree.area[nodes[values.argmax()]]
    return float((belief * np.minimum(area, best) / np.maximum(area, best)).sum() / belief.sum())


def _part_to_cut(tree: RegionTree, region: int, on: BoolArray) -> int:
    """Return the node that a negative click takes from ``on``: never half of it or more."""
    area = tree.area[: tree.n] * on
    nodes, values = rivals(tree, region)
    taken = np.array([area[tree.regions(int(node))].sum() for node in nodes])
    values = np.where(taken < 0.5 * area.sum(), values, -np.inf)
    return int(nodes[values.argmax()]) if np.isfinite(values).any() else region


def room(tree: RegionTree, region: int, on: BoolArray) -> float:
    """Return the area in pixels that one more positive click may add freely to the regions ``on``."""
    part = np.flatnonzero(on)
    if not len(part):
        return math.inf
    away = ((tree.center[part] - tree.center[region]) ** 2).sum(axis=1).min()
    return float(max(2 * tree.area[part].sum(), 12 * away))


def _evidence(tree: RegionTree, clicks: Clicks, prior: FloatArray | None) -> FloatArray:
    """Return what speaks for each region, columns as ``_WEIGHTS``, from clicks of both signs."""
    signs = clicks.positive
    positive, negative = clicks.regions[signs], clicks.regions[~signs]
    first = tree.mask_of(guess(tree, positive[0])).astype(float) if prior is None else prior
    yes, no = np.zeros(tree.n), np.zeros(tree.n)
    for order, region in enumerate(positive):
        space = math.inf if prior is None and order == 0 else room(tree, region, first > 0.5)
        yes[tree.regions(guess(tree, region, negative, space))] = 1
    for region in negative:
        no[tree.regions(guess(tree, region, positive))] = 1
    near = _distance(tree.center, clicks.pixels[signs].astype(float))
    off = _distance(tree.center, clicks.pixels[~signs].astype(float))
    radius = 0.25 * math.sqrt(max(float((tree.area[: tree.n] * first).sum()), 20) / math.pi)
    made = tree.height[tree.n :]
    low = made.min() * 0.5 + 1e-3 if len(made) else 1.0
    meeting = np.log((_meeting_height(tree, negative) + low) / (_meeting_height(tree, positive) + low))
    terms = (
        np.log((off + 2) / (near + 2)),
        _likeness(tree.color, positive, negative, 0.5),
        _likeness(tree.texture, positive, negative, 0.1),
        yes,
        no,
        np.clip(meeting, -3, 3),
        first,
        np.exp(-near / radius) - np.exp(-off / radius),
        np.ones(tree.n),
    )
    evidence: FloatArray = np.stack(terms, axis=1)
    return evidence


def _distance(values: FloatArray, places: FloatArray) -> FloatArray:
    """Return the distance from each row of ``values`` to the nearest row of ``places``."""
    nearest = np.full(len(values), np.inf)
    for place in places:
        np.minimum(nearest, ((values - place) ** 2).sum(axis=1), out=nearest)
    distance: FloatArray = np.sqrt(nearest)
    return distance


def _likeness(values: FloatArray, positive: IntArray, negative: IntArray, least: float) -> FloatArray:
    """Return the log ratio of each region's unlikeness to negative and to positive regions."""
    unlike, like = _distance(values, values[negative]), _distance(values, values[positive])
    ratio: FloatArray = np.log((unlike + least) / (like + least))
    return ratio


def _meeting_height(tree: RegionTree, regions: Iterable[int]) -> FloatArray:
    """Return the height on the tree at which each region meets the nearest of ``regions``."""
    lowest = np.full(tree.n, np.inf)
    for region in regions:
        met = np.full(tree.n, np.inf)
        for node in tree.chain(region)[::-1]:
            met[tree.regions(node)] = tree.height[node]
        np.minimum(lowest, met, out=lowest)
    return lowest
