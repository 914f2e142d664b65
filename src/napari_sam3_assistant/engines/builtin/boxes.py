"""Boxes: the object that a box is drawn round.

Where a node's extent fits the box, that node; else two Gaussians of colour and texture, one
from the middle of the box and one from the ring round it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.geometry import Box, clip
from napari_sam3_assistant.engines.builtin.basins import FloatArray, IntArray
from napari_sam3_assistant.engines.builtin.paint import Reading
from napari_sam3_assistant.engines.builtin.tree import BoolArray, RegionTree, expected_overlap, grown, quality

_FIT_WEIGHT = 14.0
_NEVER = -50.0


def box_on(tree: RegionTree, box: Box) -> Box:
    """Return the part of ``box`` on the image, with whole corners, 1 px wide or more.

    Raises
    ------
    PromptError
        If it lies outside.
    """
    inside = clip(box, tree.shape)
    if inside is None:
        raise PromptError("The box lies outside the image.", hint="Draw it on the picture itself.")
    top, left, bottom, right = (round(corner) for corner in inside.corners)
    if bottom <= top:
        top = min(math.floor(inside.top), tree.shape[0] - 1)
        bottom = top + 1
    if right <= left:
        left = min(math.floor(inside.left), tree.shape[1] - 1)
        right = left + 1
    return Box(top, left, bottom, right)


def node_in_box(tree: RegionTree, box: Box) -> tuple[int, float]:
    """Return the node that fits ``box`` best, and the overlap (IoU) of its extent with the box."""
    nodes, fit = nodes_in_box(tree, box, 1)
    return int(nodes[0]), float(fit[0])


def nodes_in_box(tree: RegionTree, box: Box, most: int) -> tuple[IntArray, FloatArray]:
    """Return the nodes that fit ``box`` best, the best first, and the overlaps (IoU) of their extents with the box."""
    fit = fit_of(tree.extent, box)
    nodes: IntArray = np.flatnonzero(fit > 0.6 * fit.max())
    value = quality(tree, nodes) + _FIT_WEIGHT * fit[nodes]
    nodes = nodes[np.argsort(-value, kind="stable")[:most]]
    return nodes, fit[nodes]


def fit_of(extent: npt.NDArray[Any], box: Box) -> FloatArray:
    """Return the overlaps (IoU) of some rectangles, shape (m, 4), with ``box``."""
    top, left, bottom, right = extent.T
    high = np.maximum(np.minimum(bottom, box.bottom) - np.maximum(top, box.top), 0)
    wide = np.maximum(np.minimum(right, box.right) - np.maximum(left, box.left), 0)
    shared = high * wide
    fit: FloatArray = shared / ((bottom - top) * (right - left) + box.area - shared)
    return fit


def region_reading(tree: RegionTree, box: Box) -> Reading:
    """Return the regions in ``box`` that are unlike those around it.

    The score is the overlap (IoU) that the two Gaussians expect.
    """
    within = tree.share_in(box)
    around = grown(box, tree.shape, max(4, int(box.size[0] + box.size[1]) // 8))
    ring = tree.share_in(around) - within
    middle = (box.top + box.bottom) / 2, (box.left + box.right) / 2
    radius = np.hypot(*((tree.center - middle) / (box.size[0] / 2, box.size[1] / 2)).T)
    prior = np.where(within > 0.5, 1.2 - 1.5 * radius**2, _NEVER)
    inner = within * (radius < 0.6)
    for _ in range(3):
        score = two_class_score(tree, inner, ring + 0.3 * within * (radius > 1.1), prior)
        inner = within * (score > 0) + 1e-3 * (radius < 0.3)
    on = largest_part(tree, score > 0)
    if not on.any():  # a box across a large flat object: the object, of which the box keeps its part
        node, fit = node_in_box(tree, box)
        return Reading(tree.mask_of(node), fit)
    return Reading(on, expected_overlap(tree, on, chance_of(score)))


def chance_of(score: FloatArray) -> FloatArray:
    """Return the logistic function of a score."""
    chance: FloatArray = 1 / (1 + np.exp(-np.clip(score, -30, 30)))
    return chance


def two_class_score(tree: RegionTree, inside: FloatArray, outside: FloatArray, prior: FloatArray) -> FloatArray:
    """Return how much each region is like the inside rather than the outside.

    Parameters
    ----------
    tree : RegionTree
    inside, outside : ndarray of shape (n,), float
        How much each region counts for the two Gaussians of colour and texture.
    prior : ndarray of shape (n,), float
        Added to the logarithm of the ratio of likelihoods.
    """
    features, score = np.hstack([tree.color, tree.texture * 2]), prior.astype(float)
    for share, sign in ((inside, 1), (outside, -1)):
        weight = share * tree.area[: tree.n]
        total = max(float(weight.sum()), 1e-6)
        mean = (features * weight[:, None]).sum(axis=0) / total
        variance = ((features - mean) ** 2 * weight[:, None]).sum(axis=0) / total + 0.15
        unlike = ((features - mean) ** 2 / variance).sum(axis=1) / 2 + np.log(variance).sum() / 2
        score = score - sign * np.minimum(unlike, 12)
    for _ in range(2):
        score = 0.5 * score + 0.5 * (tree.affinity @ score)
    return score


def largest_part(tree: RegionTree, on: BoolArray) -> BoolArray:
    """Return the largest connected part of the regions ``on``."""
    from scipy.sparse.csgraph import connected_components

    chosen = np.flatnonzero(on)
    if len(chosen) < 2:
        return on
    _, part = connected_components(tree.affinity[chosen][:, chosen], directed=False)
    out = np.zeros(tree.n, bool)
    out[chosen[part == np.bincount(part, weights=tree.area[chosen]).argmax()]] = True
    return out
