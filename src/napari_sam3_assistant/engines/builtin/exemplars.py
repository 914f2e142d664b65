"""Exemplars: everything in an image that is like the examples in some boxes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_sam3_assistant.core.geometry import Box, clip
from napari_sam3_assistant.core.results import Candidates
from napari_sam3_assistant.engines.builtin.basins import FloatArray
from napari_sam3_assistant.engines.builtin.boxes import node_in_box
from napari_sam3_assistant.engines.builtin.tree import BoolArray, RegionTree

ALIKE = 0.35
"""The score at which an object is as unlike the examples as one of their kind may be."""

_LIMIT = 2.0
_REACH = 1.6
# How far one kind spreads: log area, compactness, coherence, log contour strength, log fill of the extent.
_SPREAD = np.array([0.45, 0.35, 0.25, 0.8, 0.25])
_COHERENCE = 2


def candidates_like(tree: RegionTree, positive: Sequence[Box], negative: Sequence[Box] = ()) -> Candidates:
    """Return the objects like those in some boxes and unlike those in others; none overlap.

    Parameters
    ----------
    tree : RegionTree
    positive, negative : sequence of Box
        On the image, with whole corners. A node nearer to a negative example is left out.

    Returns
    -------
    Candidates
        A crop of labels each. The score is 1 for the example itself and :data:`ALIKE` at the
        unlikeness up to which objects were taken when the figures were measured.
    """
    shape, color = _attributes(tree)
    examples = [node_in_box(tree, box)[0] for box in positive]
    unlike = _unlikeness(tree, shape, color, examples, examples)
    if negative:
        others = [node_in_box(tree, box)[0] for box in negative]
        unlike = np.where(_unlikeness(tree, shape, color, others, examples) < unlike, np.inf, unlike)
    chosen = _chosen(tree, unlike, np.abs(shape[:, _COHERENCE]))
    scores = ALIKE ** (unlike[chosen] / _LIMIT)
    return _candidates(tree, chosen, scores)


def _attributes(tree: RegionTree) -> tuple[FloatArray, FloatArray]:
    """Return five numbers on the shape of each node, and its mean colour."""
    color = tree.sum_over_nodes(tree.color * tree.area[: tree.n, None]) / tree.area[:, None]
    gradient, length, jump = tree.contour.T
    top, left, bottom, right = tree.extent.T
    columns = (
        np.log(tree.area),
        np.log(12.6 * tree.area / np.maximum(length * 0.8, 1) ** 2),
        jump / (2 * gradient + 1e-6),
        np.log(gradient / np.maximum(length, 1) / tree.noise + 0.1),
        np.log(tree.area / ((bottom - top) * (right - left))),
    )
    return np.stack(columns, axis=1), color


def _unlikeness(
    tree: RegionTree, shape: FloatArray, color: FloatArray, nodes: list[int], examples: list[int]
) -> FloatArray:
    """Return how unlike the nearest of ``nodes`` each node is, on the colour scale of ``examples``."""
    contrast = np.abs(tree.contour[examples, 2]) / np.maximum(tree.contour[examples, 1], 1) / 10
    tone = max(0.8, 1.2 * float(contrast.mean()))

    def away(node: int) -> FloatArray:
        squares = (((shape - shape[node]) / _SPREAD) ** 2).sum(axis=1)
        total: FloatArray = np.sqrt(squares + (((color - color[node]) / tone) ** 2).sum(axis=1))
        return total

    nearest: FloatArray = np.min([away(node) for node in nodes], axis=0)
    return nearest


def _chosen(tree: RegionTree, unlike: FloatArray, coherence: FloatArray) -> list[int]:
    """Return nodes that share no region, the best first.

    Those beyond the limit are taken too: a rival that is too unlike still keeps its place from its parts.
    """
    taken, chosen = np.zeros(tree.n, bool), []
    near = np.flatnonzero(unlike < _LIMIT * _REACH)
    for node in near[np.argsort(unlike[near] - 2.0 * coherence[near], kind="stable")].tolist():
        if not taken[tree.regions(node)].any():
            taken[tree.regions(node)] = True
            chosen.append(node)
    return chosen


def _candidates(tree: RegionTree, nodes: list[int], scores: FloatArray) -> Candidates:
    boxes, crops = np.zeros((len(nodes), 4), np.float32), []
    for index, node in enumerate(nodes):
        box = clip(Box(*map(int, tree.extent[node])), tree.shape)
        if box is None:  # never: an extent holds pixels of the image
            crops.append(np.zeros((0, 0), bool))
            continue
        labels, regions = tree.labels_in(box), tree.regions(node)
        mask: BoolArray = (labels >= regions.start) & (labels < regions.stop)
        boxes[index] = box.corners
        crops.append(mask)
    return Candidates(scores.astype(np.float32), boxes, tuple(crops), boxes.copy(), tree.shape)
