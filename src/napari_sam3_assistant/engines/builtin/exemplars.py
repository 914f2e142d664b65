"""Exemplars: everything in an image that is like the examples in some boxes.

Candidates are nodes of the tree, and outlines sought by rays from where something of the size of
the examples may be: so what touches comes apart.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_sam3_assistant.core.geometry import Box
from napari_sam3_assistant.core.results import Candidates
from napari_sam3_assistant.engines.builtin.apart import apart
from napari_sam3_assistant.engines.builtin.basins import FloatArray, IntArray
from napari_sam3_assistant.engines.builtin.boxes import node_in_box
from napari_sam3_assistant.engines.builtin.looks import QUICK_CELLS, Looks, looks_of
from napari_sam3_assistant.engines.builtin.outlines import Node, Outline, Star, areas, extents
from napari_sam3_assistant.engines.builtin.rays import stars_at
from napari_sam3_assistant.engines.builtin.readings import reading_of_box
from napari_sam3_assistant.engines.builtin.seeds import Alike, seeds
from napari_sam3_assistant.engines.builtin.tree import BoolArray, RegionTree
from napari_sam3_assistant.engines.builtin.weights import ALIKE_WEIGHTS

ALIKE = 0.35
"""The score at which an object is as unlike the examples as one of their kind may be."""

_AREAS = 0.3, 3.0
_MOST = 6000
_REACH = 1.7
# How far one kind spreads: log strength, log contrast, log roughness, log area, log compactness.
_SPREAD = np.array([0.8, 0.5, 0.6, 0.45, 0.35])
_COMPARED = [1, 5, 6, 7, 10]
_COHERENCE_SPREAD = 0.25
_GOOD = {0: 1.0, 3: 1.0, 4: 1.0, 5: 1.0, 6: -1.0}
"""Measures of a good edge and their signs: coherence, weakest and mean sector, contrast, roughness."""
_LEAST_TONE = 8.0
_LEAST_COHERENCE = 0.15
_OF_EXAMPLE = 0.35
_ALONG, _ASIDE = (-1.4, 4.0), 1.0
"""How far the colour of a candidate may lie off, in steps from the surroundings to the example."""
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
    looks = _looks(tree, shown)
    found = [one for k, box in enumerate(positive) for one in alike_in_size(tree, shown, looks, box, k)]
    outlines = [*shown, *found]
    looks = _looks(tree, outlines)
    examples = np.arange(len(shown))
    away = differences(looks, looks, examples)
    score = 1 / (1 + np.exp(-evidence(looks, away, outlines) @ ALIKE_WEIGHTS))
    if negative:
        others = [reading_of_box(tree, box).outline for box in negative]
        far = differences(looks, _looks(tree, others), np.arange(len(others)))
        score[_distance(far) < _distance(away)] = 0
    score[examples] = 1
    return apart(tree, outlines, score)


def _looks(tree: RegionTree, outlines: Sequence[Outline]) -> Looks:
    return looks_of(tree, outlines, _middles(outlines), QUICK_CELLS)


def _middles(outlines: Sequence[Outline]) -> FloatArray:
    """Return the centres of stars, and the middles of the extents of others, shape (m, 2)."""
    box = extents(outlines)
    middle: FloatArray = (box[:, :2] + box[:, 2:] - 1) / 2
    stars = [index for index, one in enumerate(outlines) if isinstance(one, Star)]
    middle[stars] = np.array([one.center for one in outlines if isinstance(one, Star)]).reshape(-1, 2)
    return middle


def alike_in_size(tree: RegionTree, shown: Sequence[Outline], looks: Looks, box: Box, index: int) -> list[Outline]:
    """Return nodes like one of the examples, and outlines by rays from where something of its size may be.

    Parameters
    ----------
    tree : RegionTree
    shown : sequence of Outline
        The examples.
    looks : Looks
        Of the examples.
    box : Box
        Round the one.
    index : int
        Of the one.
    """
    area, (top, left, bottom, right) = shown[index].area, shown[index].extent
    step, own = looks.step[index], node_in_box(tree, box)[0]
    coherence = (1 if step[0] >= 0 else -1) * tree.contour[:, 2] / (2 * tree.contour[:, 0] + 1e-6)
    alike = np.flatnonzero(coherence > max(_LEAST_COHERENCE, _OF_EXAMPLE * coherence[own]))
    alike = alike[_like_color(tree, looks.color[index], step)[alike]]
    nodes = alike[(tree.area[alike] > _AREAS[0] * area) & (tree.area[alike] < _AREAS[1] * area)]
    nodes = _like_node(tree, nodes, own)
    places = seeds(tree, Alike(alike, coherence[alike]), area)[:_MOST]
    places = np.concatenate([_middles([shown[index]]), places])
    rings = stars_at(tree, places, _REACH * 0.5 * max(bottom - top, right - left), step)
    size = areas(rings)
    kept = np.flatnonzero((size > _AREAS[0] * area) & (size < _AREAS[1] * area))
    return [*(Node(tree, int(node)) for node in nodes), *(rings[ring] for ring in kept)]


def _like_color(tree: RegionTree, color: FloatArray, step: FloatArray) -> BoolArray:
    """Return which nodes are not of quite another colour than an example, ``step`` above what is around it."""
    area = tree.area[: tree.n, None]
    differ = tree.sum_over_nodes(tree.color * area) * (10 / tree.area[:, None]) - color
    tone = max(_LEAST_TONE, float(np.sqrt((step * step).sum())))
    along = differ @ step / tone**2
    aside = np.sqrt(np.maximum((differ * differ).sum(axis=1) / tone**2 - along**2, 0))
    return np.asarray((along > _ALONG[0]) & (along < _ALONG[1]) & (aside < _ASIDE), bool)


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
