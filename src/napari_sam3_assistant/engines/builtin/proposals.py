"""Proposals: every object that stands out by itself, without a click or an example.

Candidates are all nodes of the trees. Each is first judged alone; from the best of them follows what is usual in the
image, and all are judged again by that, together with outlines by rays of the usual size. So small and large objects,
bright and dark ones, need no setting, and what touches comes apart.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_sam3_assistant.core.results import Candidates
from napari_sam3_assistant.engines.builtin.apart import apart, apart_in_steps
from napari_sam3_assistant.engines.builtin.basins import FloatArray
from napari_sam3_assistant.engines.builtin.looks import QUICK_CELLS, Looks, looks_in_steps
from napari_sam3_assistant.engines.builtin.outlines import Node, Outline
from napari_sam3_assistant.engines.builtin.proposal_weights import ALONE_WEIGHTS, PROPOSAL_WEIGHTS
from napari_sam3_assistant.engines.builtin.shown import middles, signed_coherence
from napari_sam3_assistant.engines.builtin.tree import RegionTree, quality
from napari_sam3_assistant.engines.builtin.usual import differences, of_usual_size, usual_of
from napari_sam3_assistant.engines.proposing import Steps, part_of

LEAST_SCORE = 0.45
"""The score from which most proposals were objects when the figures were measured."""

_AREA_PX, _MOST_SHARE = 12, 0.4
_LEAST_COHERENCE = 0.15
_MOST = 12_000
_LOW = 0.2
"""Added to the height of borders, whose logarithm is taken."""
_LOOKED, _JUDGED = 0.6, 0.7
"""The share of the work that is done when nodes were looked at, and when outlines by rays were."""
_MEASURES = [0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
"""Those that do not depend on the rivals."""


def proposals(tree: RegionTree) -> Steps[Candidates]:
    """Find every object of an image; none overlap.

    Returns
    -------
    Candidates
        A crop each. The score is the overlap (IoU) that is expected of it with an object.
    """
    nodes = _nodes(tree)
    if not nodes:
        return apart(tree, [], np.zeros(0))
    looks = yield from part_of(looks_in_steps(tree, nodes, middles(nodes), QUICK_CELLS), 0, _LOOKED)
    marks = seen(tree, nodes, looks)
    yield _LOOKED
    usual = usual_of(nodes, looks, _share(marks @ ALONE_WEIGHTS))
    yield _LOOKED
    rings = of_usual_size(tree, usual)
    yield _LOOKED
    evidence = [beside_usual(marks, differences(looks, usual))]
    if rings:
        looks = yield from part_of(looks_in_steps(tree, rings, middles(rings), QUICK_CELLS), _LOOKED, _JUDGED)
        evidence.append(beside_usual(seen(tree, rings, looks), differences(looks, usual)))
    score = _share(np.concatenate(evidence) @ PROPOSAL_WEIGHTS)
    return (yield from part_of(apart_in_steps(tree, [*nodes, *rings], score), _JUDGED, 1))


def _nodes(tree: RegionTree) -> list[Outline]:
    """Return the nodes that may be objects, up to ``_MOST`` of each tree."""
    found: list[Outline] = []
    for one in (tree, tree.coarse):
        if one is not None:
            large = (one.area >= _AREA_PX) & (one.area < _MOST_SHARE * one.size)
            nodes = np.flatnonzero(large & (np.abs(signed_coherence(one, 1)) > _LEAST_COHERENCE))
            if len(nodes) > _MOST:
                nodes = np.sort(nodes[np.argsort(-quality(one, nodes), kind="stable")[:_MOST]])
            found += [Node(one, int(node)) for node in nodes]
    return found


def seen(tree: RegionTree, outlines: Sequence[Outline], looks: Looks) -> FloatArray:
    """Return what speaks for each outline by itself, columns as ``ALONE_WEIGHTS``."""
    columns = np.column_stack([looks.measures[:, _MEASURES], [_place(tree, one) for one in outlines]])
    return np.column_stack([columns, columns**2, np.ones(len(columns))])


def _place(tree: RegionTree, outline: Outline) -> tuple[float, ...]:
    """Return how much larger the node above is, and how much higher; its height; and which kind of outline this is."""
    if not isinstance(outline, Node):
        return 0.0, 0.0, 0.0, 1.0, 0.0
    one, node = outline.tree, outline.node
    above = one.parent[node]
    larger = min(float(np.log(one.area[above] / one.area[node])), 3.0)
    high = float(np.log(one.height[above] + _LOW))
    return larger, high - float(np.log(one.height[node] + _LOW)), high, 0.0, float(one is not tree)


def beside_usual(marks: FloatArray, differ: FloatArray) -> FloatArray:
    """Return what speaks for each outline where others are known, columns as ``PROPOSAL_WEIGHTS``."""
    return np.column_stack([differ, differ**2, marks])


def _share(evidence: FloatArray) -> FloatArray:
    share: FloatArray = 1 / (1 + np.exp(-evidence))
    return share
