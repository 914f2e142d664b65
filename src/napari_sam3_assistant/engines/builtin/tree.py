"""The tree of regions of an image: made once, the candidates for every prompt.

Each node is a candidate object: a region, or a union of regions. Regions are numbered depth
first, so a node is a slice of regions, and a sum over every node is a difference of prefix
sums. All coordinates are (row, col) pixels of the image; boxes are half-open.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.geometry import Box
from napari_sam3_assistant.engines.builtin.basins import FloatArray, IntArray, Labels
from napari_sam3_assistant.engines.builtin.levels import Level

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class RegionTree:
    """What the built-in engine keeps of an image (its embedding). Never changed once made.

    Nodes ``0 .. n - 1`` are the regions; the last node is the whole image. K is the number of nodes.

    Attributes
    ----------
    shape : tuple of int
        Height H and width W of the image, in pixels.
    step : int
        Pixels of the image that a pixel of ``labels`` is high and wide.
    labels : ndarray of shape (ceil(H / step), ceil(W / step)), int32
        The region of each pixel.
    noise : float
        Median gradient of the image, in grey levels a pixel.
    parent : ndarray of shape (K,), int
        -1 at the root.
    height : ndarray of shape (K,), float
        The cost of the border at which a node was made; 0 for a region.
    first, count : ndarray of shape (K,), int
        The first region of each node, and how many follow.
    area : ndarray of shape (K,), float
        In pixels.
    contour : ndarray of shape (K, 3), float
        Sums along the outline: gradient, length, signed jump of grey.
    extent : ndarray of shape (K, 4), int
        ``(top, left, bottom, right)`` in pixels; may pass the image's end by less than ``step``.
    color : ndarray of shape (n, planes), float
        Mean of each plane, divided by 10.
    texture : ndarray of shape (n, 1), float
        Logarithm of the mean fine detail.
    center : ndarray of shape (n, 2), float
        ``(row, col)`` in pixels.
    affinity : scipy sparse array of shape (n, n)
        How much neighbours look like one thing; rows sum to 1.
    picture : ndarray of shape (H, W, 1 or 3), uint8, or None
        The image, kept where ``step`` is more than 1, to draw outlines in full size.
    levels : tuple of Level
        The smoothed image in several sizes.
    coarse : RegionTree or None
        The tree of the same image on a coarser level, for what is large and speckled or blurred.
    """

    shape: tuple[int, int]
    step: int
    labels: Labels
    noise: float
    parent: IntArray
    height: FloatArray
    first: IntArray
    count: IntArray
    area: FloatArray
    contour: FloatArray
    extent: IntArray
    color: FloatArray
    texture: FloatArray
    center: FloatArray
    affinity: Any
    picture: npt.NDArray[np.uint8] | None = None
    levels: tuple[Level, ...] = ()
    coarse: RegionTree | None = None

    @property
    def n(self) -> int:
        """Number of regions."""
        return len(self.color)

    @property
    def size(self) -> int:
        """Number of pixels of the image."""
        return self.shape[0] * self.shape[1]

    @property
    def nbytes(self) -> int:
        """Memory that the tree takes, in bytes."""
        values = [getattr(self, one.name) for one in fields(self)]
        sparse = self.affinity.data.nbytes + self.affinity.indices.nbytes + self.affinity.indptr.nbytes
        others = sum(level.planes.nbytes for level in self.levels) + (self.coarse.nbytes if self.coarse else 0)
        return int(sparse + others + sum(value.nbytes for value in values if isinstance(value, np.ndarray)))

    def regions(self, node: int) -> slice:
        """Return the regions of ``node``."""
        return slice(int(self.first[node]), int(self.first[node] + self.count[node]))

    def mask_of(self, node: int) -> BoolArray:
        """Return whether each region belongs to ``node``, shape (n,)."""
        out = np.zeros(self.n, bool)
        out[self.regions(node)] = True
        return out

    def region_at(self, rows: IntArray, cols: IntArray) -> IntArray:
        """Return the region of each of some pixels of the image."""
        return self.labels[rows // self.step, cols // self.step].astype(np.int64)

    def sum_over_nodes(self, values: FloatArray) -> FloatArray:
        """Return the sum over every node of one value (or row of values) for each region."""
        before = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])
        total: FloatArray = before[self.first + self.count] - before[self.first]
        return total

    def chain(self, region: int) -> IntArray:
        """Return ``region`` and all nodes above it, up to the root."""
        nodes = [region]
        while self.parent[nodes[-1]] >= 0:
            nodes.append(int(self.parent[nodes[-1]]))
        return np.array(nodes)

    def labels_in(self, box: Box) -> Labels:
        """Return the region of each pixel of ``box``, which lies in the image and has whole corners."""
        top, left, bottom, right = map(int, box.corners)
        step = self.step
        if step == 1:
            return self.labels[top:bottom, left:right]
        cut = self.labels[top // step : math.ceil(bottom / step), left // step : math.ceil(right / step)]
        large = cut.repeat(step, axis=0).repeat(step, axis=1)
        top, left = top % step, left % step
        return large[top : top + int(box.size[0]), left : left + int(box.size[1])]

    def share_under(self, mask: BoolArray, offset: tuple[int, int]) -> FloatArray:
        """Return the share of each region, 0 to 1, that lies under a mask.

        Parameters
        ----------
        mask : ndarray of shape (h, w), bool
        offset : tuple of int
            ``(row, col)`` of its first pixel. The mask lies inside the image.
        """
        if not mask.size:
            return np.zeros(self.n)
        box = Box(*offset, offset[0] + mask.shape[0], offset[1] + mask.shape[1])
        return np.bincount(self.labels_in(box)[mask], minlength=self.n) / self.area[: self.n]

    def share_in(self, box: Box) -> FloatArray:
        """Return the share of each region, 0 to 1, that lies in ``box``, as :meth:`labels_in` takes it."""
        return np.bincount(self.labels_in(box).ravel(), minlength=self.n) / self.area[: self.n]


def grown(box: Box, shape: tuple[int, int], px: int) -> Box:
    """Return ``box`` grown by ``px`` pixels on each side, inside an image of ``shape``."""
    top, left, bottom, right = map(int, box.corners)
    return Box(max(top - px, 0), max(left - px, 0), min(bottom + px, shape[0]), min(right + px, shape[1]))


# How much a node looks like an object: coherence of its outline, the outline's strength among rivals,
# being too small, being too large, logarithm of the share of the image.
_QUALITY = np.array([7.5, 2.3, -1.4, -4.4, 0.34])
_SMALL_LOG_PX = 4.2
_LARGE_LOG_SHARE = -2.3


def quality(tree: RegionTree, nodes: IntArray) -> FloatArray:
    """Return how much each of ``nodes``, rivals for one prompt, looks like an object.

    Notes
    -----
    The first term matters most: an object is darker, or brighter, than its surroundings *all round*,
    so the signed jumps along its outline add up to almost the gradient. The weights were fitted to
    single clicks on synthetic pictures.
    """
    area, (gradient, length, jump) = tree.area[nodes], tree.contour[nodes].T
    strength = gradient / np.maximum(length, 1) / tree.noise + 0.1
    share = np.log(area / tree.size)
    terms = (
        np.abs(jump) / (2 * gradient + 1e-6),
        np.log(strength / strength.max()),
        np.maximum(_SMALL_LOG_PX - np.log(area), 0),
        np.maximum(share - _LARGE_LOG_SHARE, 0),
        share,
    )
    total: FloatArray = np.stack(terms, axis=1) @ _QUALITY
    return total


def expected_overlap(tree: RegionTree, on: BoolArray, chance: FloatArray) -> float:
    """Return the overlap (IoU) to expect between the regions ``on`` and the object, 0 to 1.

    Parameters
    ----------
    tree : RegionTree
    on : ndarray of shape (n,), bool
    chance : ndarray of shape (n,), float
        How likely each region belongs to the object, 0 to 1. Of the others only those count that touch ``on``:
        small chances of many regions far away would outweigh all.
    """
    area = tree.area[: tree.n]
    touching = (tree.affinity @ on.astype(np.float64) > 0) & ~on
    union = float(area[on].sum() + (area * chance)[touching].sum())
    return float((area * chance)[on].sum()) / union if union else 0.0
