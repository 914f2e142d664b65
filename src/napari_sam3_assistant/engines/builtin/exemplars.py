"""Exemplars: everything in an image that is like the examples in some boxes.

Candidates are nodes of the tree and outlines sought by rays from their middles, at the size of
the examples: so what touches comes apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_sam3_assistant.core.geometry import Box, PlacedMask, slices
from napari_sam3_assistant.core.results import Candidates
from napari_sam3_assistant.engines.builtin.basins import FloatArray, IntArray
from napari_sam3_assistant.engines.builtin.boxes import node_in_box
from napari_sam3_assistant.engines.builtin.judge import Looks, looks_of
from napari_sam3_assistant.engines.builtin.necks import parted
from napari_sam3_assistant.engines.builtin.outlines import Node, Outline
from napari_sam3_assistant.engines.builtin.paint import NO_CLICKS, drawn
from napari_sam3_assistant.engines.builtin.rays import Star, stars_at
from napari_sam3_assistant.engines.builtin.readings import reading_of_box
from napari_sam3_assistant.engines.builtin.tree import BoolArray, RegionTree
from napari_sam3_assistant.engines.builtin.weights import ALIKE_WEIGHTS

ALIKE = 0.35
"""The score at which an object is as unlike the examples as one of their kind may be."""

_AREAS = 0.3, 3.0
_SEED_AREAS = 0.2, 2.5
_CLUSTERS = 1.3, 8.0
_MOST = 1500
_REACH = 1.7
_LEAST_SCORE = 0.05
_MOST_SHARED = 0.25
_PROBES = 9
# How far one kind spreads: log strength, log contrast, log roughness, log area, log compactness.
_SPREAD = np.array([0.8, 0.5, 0.6, 0.45, 0.35])
_COMPARED = [1, 5, 6, 7, 10]
_COHERENCE_SPREAD = 0.25
_GOOD = {0: 1.0, 3: 1.0, 4: 1.0, 5: 1.0, 6: -1.0}
"""Measures of a good edge and their signs: coherence, weakest and mean sector, contrast, roughness."""
_LEAST_TONE = 8.0
_LEAST_COHERENCE = 0.15
# Of a node: log area, compactness, signed coherence, log contour strength, log fill of the extent.
_NODE_SPREAD = np.array([0.45, 0.35, 0.25, 0.8, 0.25])
_NODE_LIMIT = 1.7


def candidates_like(tree: RegionTree, positive: Sequence[Box], negative: Sequence[Box] = ()) -> Candidates:
    """Return the objects like those in some boxes and unlike those in others; none overlap.

    Parameters
    ----------
    tree : RegionTree
    positive, negative : sequence of Box
        On the image, with whole corners. What is nearer to a negative example is left out.

    Returns
    -------
    Candidates
        A crop each. The score is 1 for an example, and :data:`ALIKE` at the unlikeness up to which
        objects were taken when the figures were measured.
    """
    shown = [reading_of_box(tree, box).outline for box in positive]
    outlines = [*shown, *alike_in_size(tree, shown, positive)]
    points = np.array([_middle(one) for one in outlines])
    looks = looks_of(tree, outlines, points)
    examples = np.arange(len(shown))
    away = differences(looks, looks, examples)
    score = 1 / (1 + np.exp(-evidence(looks, away, outlines) @ ALIKE_WEIGHTS))
    if negative:
        others = [reading_of_box(tree, box).outline for box in negative]
        seen = looks_of(tree, others, np.array([_middle(one) for one in others]))
        far = differences(looks, seen, np.arange(len(others)))
        score[_distance(far) < _distance(away)] = 0
    score[examples] = 1
    return _apart(tree, outlines, score)


def alike_in_size(tree: RegionTree, shown: Sequence[Outline], boxes: Sequence[Box]) -> list[Outline]:
    """Return nodes like the examples, and outlines by rays from where something of their size may be."""
    found: list[Outline] = []
    coherence = tree.contour[:, 2] / (2 * tree.contour[:, 0] + 1e-6)
    for example, box in zip(shown, boxes, strict=True):
        area, (top, left, bottom, right) = example.area, example.extent
        looks = looks_of(tree, [example], np.array([_middle(example)]))
        sign = 1 if looks.step[0, 0] >= 0 else -1
        alike = sign * coherence > _LEAST_COHERENCE
        nodes = np.flatnonzero(alike & (tree.area > _AREAS[0] * area) & (tree.area < _AREAS[1] * area))
        nodes = _like_node(tree, nodes, node_in_box(tree, box)[0])
        found += [Node(tree, int(node)) for node in nodes]
        reach = _REACH * 0.5 * max(bottom - top, right - left)
        seeds = np.flatnonzero(alike & (tree.area > _SEED_AREAS[0] * area) & (tree.area < _SEED_AREAS[1] * area))
        places = np.concatenate([_middles(tree, seeds), _middles_of_parts(tree, np.flatnonzero(alike), area)])
        places = _spread_out(places, 0.5 * float(np.sqrt(area / np.pi)))
        found += stars_at(tree, places, reach, sign if len(tree.levels[0].planes) == 1 else 1)
    return found


def _like_node(tree: RegionTree, nodes: IntArray, example: int) -> IntArray:
    """Return those of ``nodes`` whose own outlines, as the tree knows them, are like that of ``example``."""
    every = np.append(nodes, example)
    (gradient, length, jump), area = tree.contour[every].T, tree.area[every]
    top, left, bottom, right = tree.extent[every].T
    columns = (
        np.log(area),
        np.log(12.6 * area / np.maximum(length * 0.8, 1) ** 2),
        jump / (2 * gradient + 1e-6),
        np.log(gradient / np.maximum(length, 1) / tree.noise + 0.1),
        np.log(area / ((bottom - top) * (right - left))),
    )
    shape = np.stack(columns, axis=1)
    away = np.sqrt((((shape[:-1] - shape[-1]) / _NODE_SPREAD) ** 2).sum(axis=1))
    near = np.flatnonzero(away < _NODE_LIMIT)
    return nodes[near[np.argsort(away[near], kind="stable")[:_MOST]]]


def _middles(tree: RegionTree, nodes: IntArray) -> FloatArray:
    """Return the centre of gravity of each of ``nodes``, in pixels."""
    area = tree.area[: tree.n, None]
    total: FloatArray = tree.sum_over_nodes(tree.center * area)[nodes] / tree.area[nodes, None]
    return total


def _middles_of_parts(tree: RegionTree, nodes: IntArray, area: float) -> FloatArray:
    """Return the middles of the parts of those of ``nodes`` that may be several objects of ``area``."""
    nodes = nodes[(tree.area[nodes] > _CLUSTERS[0] * area) & (tree.area[nodes] < _CLUSTERS[1] * area)]
    taken, places = np.zeros(tree.n, bool), [np.zeros((0, 2))]
    coherence = np.abs(tree.contour[nodes, 2]) / (tree.contour[nodes, 0] + 1e-6)
    for node in nodes[np.argsort(-coherence, kind="stable")].tolist():
        if taken[tree.regions(node)].any():
            continue
        taken[tree.regions(node)] = True
        mask = drawn(tree, Node(tree, node), NO_CLICKS)
        parts = parted(mask.mask) if mask.area else np.zeros((1, 1), np.int32)
        if parts.max() > 1:
            numbers = range(1, int(parts.max()) + 1)
            places += [np.argwhere(parts == number).mean(axis=0, keepdims=True) + mask.offset for number in numbers]
    return np.concatenate(places)


def _spread_out(places: FloatArray, px: float) -> FloatArray:
    """Return places of which no two lie in one square of ``px`` pixels."""
    _, kept = np.unique(np.floor(places / max(px, 1.0)).astype(np.int64), axis=0, return_index=True)
    return places[np.sort(kept)[:_MOST]]


def _middle(outline: Outline) -> tuple[float, float]:
    if isinstance(outline, Star):
        return outline.center
    top, left, bottom, right = outline.extent
    return (top + bottom - 1) / 2, (left + right - 1) / 2


def differences(looks: Looks, shown: Looks, examples: IntArray) -> FloatArray:
    """Return how each outline differs from the example that it is most like.

    Returns
    -------
    ndarray of shape (m, 12), float
        Seven differences in spreads of one kind; and by how much five marks of a good edge fall short.
    """
    count = len(_COMPARED) + 2
    nearest = np.full((len(looks.measures), count + len(_GOOD)), np.inf)
    for index in examples:
        tone = max(_LEAST_TONE, float(np.sqrt((shown.step[index] ** 2).sum())))
        differ = looks.measures - shown.measures[index]
        color = np.sqrt(((looks.color - shown.color[index]) ** 2).sum(axis=1)) / tone
        way = np.sqrt(((looks.way - shown.way[index]) ** 2).sum(axis=1)) / _COHERENCE_SPREAD
        short = np.minimum(differ[:, list(_GOOD)] * list(_GOOD.values()), 0)
        away = np.column_stack([way, differ[:, _COMPARED] / _SPREAD, color, short])
        closer = (away[:, :count] ** 2).sum(axis=1) < (nearest[:, :count] ** 2).sum(axis=1)
        nearest[closer] = away[closer]
    return nearest


def _distance(away: FloatArray) -> FloatArray:
    total: FloatArray = (away[:, : len(_COMPARED) + 2] ** 2).sum(axis=1)
    return total


def evidence(looks: Looks, away: FloatArray, outlines: Sequence[Outline]) -> FloatArray:
    """Return what speaks for each outline, columns as ``ALIKE_WEIGHTS``."""
    rays = np.array([isinstance(one, Star) for one in outlines], float)
    count = len(_COMPARED) + 2
    far = np.minimum(away[:, :count] ** 2, 9.0)
    chosen = looks.measures[:, [0, 2, 3, 4, 5, 6, 10, 11]]
    return np.column_stack([chosen, far, np.sqrt(far.sum(axis=1)), away[:, count:], rays, np.ones(len(outlines))])


def _covered(tree: RegionTree, outline: Outline, taken: BoolArray) -> bool:
    """Return whether, by some of its pixels, much of ``outline`` is taken: it need not be drawn then."""
    top, left, bottom, right = outline.extent
    along = (np.arange(_PROBES) + 0.5) / _PROBES
    rows = np.clip(top + along[:, None] * (bottom - top) + 0 * along, 0, tree.shape[0] - 1).astype(np.int64)
    cols = np.clip(left + along * (right - left) + 0 * along[:, None], 0, tree.shape[1] - 1).astype(np.int64)
    inside = outline.inside(rows.astype(float), cols.astype(float))
    return bool(np.count_nonzero(taken[rows, cols] & inside) > 1.5 * _MOST_SHARED * np.count_nonzero(inside))


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    mask: PlacedMask
    score: float


def _apart(tree: RegionTree, outlines: Sequence[Outline], score: FloatArray) -> Candidates:
    """Return the best of ``outlines`` that share next to nothing, each without the pixels of better ones."""
    taken, found = np.zeros(tree.shape, bool), list[_Found]()
    for index in np.argsort(-score, kind="stable").tolist():
        if score[index] < _LEAST_SCORE:
            break
        if _covered(tree, outlines[index], taken):
            continue
        mask = drawn(tree, outlines[index], NO_CLICKS)
        if mask.box is None:
            continue
        before = taken[slices(mask.box)]
        shared = np.count_nonzero(before & mask.mask)
        if shared > _MOST_SHARED * mask.area:
            continue
        rest = PlacedMask(mask.mask & ~before, mask.offset).trimmed()
        if rest.area:
            before |= mask.mask
            found.append(_Found(rest, float(score[index])))
    boxes = np.array([one.mask.box.corners for one in found if one.mask.box is not None], np.float32).reshape(-1, 4)
    crops = tuple(one.mask.mask for one in found)
    return Candidates(np.array([one.score for one in found], np.float32), boxes, crops, boxes.copy(), tree.shape)
