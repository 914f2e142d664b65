"""Exemplars: everything in an image that is like the examples in some boxes.

Candidates are nodes of the tree, and outlines sought by rays from where something of the size of
the examples may be: so what touches comes apart.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_sam3_assistant.core.geometry import Box
from napari_sam3_assistant.core.prompts import CropExemplar
from napari_sam3_assistant.core.results import Candidates
from napari_sam3_assistant.engines.builtin.apart import apart
from napari_sam3_assistant.engines.builtin.basins import FloatArray, IntArray
from napari_sam3_assistant.engines.builtin.looks import Looks
from napari_sam3_assistant.engines.builtin.outlines import Node, Outline, Star, areas
from napari_sam3_assistant.engines.builtin.rays import edge_at, stars_at
from napari_sam3_assistant.engines.builtin.seeds import Alike, seeds
from napari_sam3_assistant.engines.builtin.shown import (
    Example,
    example_of,
    examples_in,
    looks_at,
    middles,
    signed_coherence,
)
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


def candidates_like(
    tree: RegionTree, positive: Sequence[Box], negative: Sequence[Box] = (), crop: CropExemplar | None = None
) -> Candidates:
    """Return the objects like those in some boxes and unlike those in others; none overlap.

    Parameters
    ----------
    tree : RegionTree
    positive, negative : sequence of Box
        On the image, with whole corners. What is nearer to a negative example is left out.
    crop : CropExemplar or None
        Another example, in a picture of its own.

    Returns
    -------
    Candidates
        A crop each. The score is 1 for an example, and :data:`ALIKE` at the unlikeness up to which
        objects were taken when the figures were measured.

    Raises
    ------
    PromptError
        If the crop shows nothing.
    """
    own = examples_in(tree, positive)
    examples = own if crop is None else [*own, example_of(crop, tree)]
    outlines = [one.outline for one in own]
    outlines += [found for one in examples for found in alike_in_size(tree, one)]
    if not outlines:
        return apart(tree, [], np.zeros(0))
    looks = looks_at(tree, outlines)
    away = differences(looks, examples)
    score = 1 / (1 + np.exp(-evidence(looks, away, outlines) @ ALIKE_WEIGHTS))
    if negative:
        far = differences(looks, examples_in(tree, negative))
        score[_distance(far) < _distance(away)] = 0
    score[: len(own)] = 1
    return apart(tree, outlines, score)


def alike_in_size(tree: RegionTree, example: Example) -> list[Outline]:
    """Return nodes like an example, and outlines by rays from where something of its size may be."""
    area, (top, left, bottom, right) = example.outline.area, example.outline.extent
    step, reach = example.step, _REACH * 0.5 * max(bottom - top, right - left)
    coherence = signed_coherence(tree, 1 if step[0] >= 0 else -1)
    alike = np.flatnonzero(coherence > max(_LEAST_COHERENCE, _OF_EXAMPLE * example.coherence))
    alike = alike[_like_color(tree, example)[alike]]
    nodes = alike[(tree.area[alike] > _AREAS[0] * area) & (tree.area[alike] < _AREAS[1] * area)]
    nodes = _like_node(tree, nodes, example)
    places, middle = seeds(tree, Alike(alike, coherence[alike]), area)[:_MOST], middles([example.outline])
    if example.own:
        rings = stars_at(tree, np.concatenate([middle, places]), reach, step)
    else:
        rings = stars_at(tree, places, reach, step, edge_at(example.tree, middle, reach, step[: example.planes]))
    size = areas(rings) if rings else np.zeros(0)
    kept = np.flatnonzero((size > _AREAS[0] * area) & (size < _AREAS[1] * area))
    return [*(Node(tree, int(node)) for node in nodes), *(rings[ring] for ring in kept)]


def _like_color(tree: RegionTree, example: Example) -> BoolArray:
    """Return which nodes are not of quite another colour than an example.

    That of a crop is also reckoned from what is around: the light may have been another.
    """
    area = tree.area[: tree.n, None]
    color = tree.sum_over_nodes(tree.color * area) * (10 / tree.area[:, None])
    like = _near(color - example.looks.color[0], example.step)
    if not example.own:
        like |= _near(color - (_ground(tree) + example.step), example.step)
    return like


def _near(differ: FloatArray, step: FloatArray) -> BoolArray:
    tone = max(_LEAST_TONE, float(np.sqrt((step * step).sum())))
    along = differ @ step / tone**2
    aside = np.sqrt(np.maximum((differ * differ).sum(axis=1) / tone**2 - along**2, 0))
    return np.asarray((along > _ALONG[0]) & (along < _ALONG[1]) & (aside < _ASIDE), bool)


def _ground(tree: RegionTree) -> FloatArray:
    """Return the colour in the middle of all colours of an image, in grey levels."""
    ground = []
    for plane in tree.color.T:
        order = np.argsort(plane)
        below = np.cumsum(tree.area[: tree.n][order])
        ground.append(10 * plane[order[np.searchsorted(below, below[-1] / 2)]])
    return np.array(ground)


def _like_node(tree: RegionTree, nodes: IntArray, example: Example) -> IntArray:
    """Return those of ``nodes`` whose own outlines, as the tree knows them, are like that of an example."""
    own = _shapes(example.tree, np.array([example.node]))
    away = np.sqrt((((_shapes(tree, nodes) - own) / _NODE_SPREAD) ** 2).sum(axis=1))
    near = np.flatnonzero(away < _NODE_LIMIT)
    return nodes[near[np.argsort(away[near], kind="stable")[:_MOST]]]


def _shapes(tree: RegionTree, nodes: IntArray) -> FloatArray:
    """Return what the tree knows of the outlines of some nodes, columns as ``_NODE_SPREAD``."""
    (gradient, length, jump), area = tree.contour[nodes].T, tree.area[nodes]
    top, left, bottom, right = tree.extent[nodes].T
    columns = (
        np.log(area),
        np.log(12.6 * area / np.maximum(length * 0.8, 1) ** 2),
        jump / (2 * gradient + 1e-6),
        np.log(gradient / np.maximum(length, 1) / tree.noise + 0.1),
        np.log(area / ((bottom - top) * (right - left))),
    )
    return np.stack(columns, axis=1)


def differences(looks: Looks, examples: Sequence[Example]) -> FloatArray:
    """Return how each outline differs from the example that it is most like.

    Returns
    -------
    ndarray of shape (m, 12), float
        Seven differences in spreads of one kind; and by how much five marks of a good edge fall short.

    Notes
    -----
    The colour of a crop is compared as it is, and as a step from what is around: the smaller difference counts.
    """
    count = len(_COMPARED) + 2
    nearest = np.full((len(looks.measures), count + len(_GOOD)), np.inf)
    for example in examples:
        shown, some = example.looks, slice(None, example.planes)
        tone = max(_LEAST_TONE, float(np.sqrt((shown.step[0] ** 2).sum())))
        differ = looks.measures - shown.measures[0]
        color = _length(looks.color[:, some] - shown.color[0, some]) / tone
        if not example.own:
            color = np.minimum(color, _length(looks.step[:, some] - shown.step[0, some]) / tone)
        way = _length(looks.way[:, some] - shown.way[0, some]) / _COHERENCE_SPREAD
        short = np.minimum(differ[:, list(_GOOD)] * list(_GOOD.values()), 0)
        away = np.column_stack([way, differ[:, _COMPARED] / _SPREAD, color, short])
        closer = (away[:, :count] ** 2).sum(axis=1) < (nearest[:, :count] ** 2).sum(axis=1)
        nearest[closer] = away[closer]
    return nearest


def _length(vectors: FloatArray) -> FloatArray:
    length: FloatArray = np.sqrt((vectors**2).sum(axis=1))
    return length


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
