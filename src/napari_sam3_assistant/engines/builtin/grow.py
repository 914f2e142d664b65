"""From an image to its tree: gradient, basins, merging, and the numbering depth first."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.engines.builtin import fast
from napari_sam3_assistant.engines.builtin.basins import (
    FloatArray,
    FloatPlane,
    IntArray,
    Labels,
    basins_of,
    gradient_of,
    is_grey,
    pixel_edges,
    planes_of,
    shrunk,
    smoothed,
    summed,
    weighed_count,
)
from napari_sam3_assistant.engines.builtin.levels import levels_of
from napari_sam3_assistant.engines.builtin.merging import Partition, merged
from napari_sam3_assistant.engines.builtin.tree import RegionTree

MOST_PIXELS = 1_600_000
"""A larger image is encoded at a half, a third, ... of its size."""

Tell = Callable[[float], None]
"""Is told what share of the work is done, and may raise to stop it."""

_BAND_PIXELS = 2_000_000
_SIGMA_PX = 1.0
_COARSE_PX = 4
_LEAST_COARSE = 16
_LIMIT_GROWTH = 1.12
_BASINS_PER_REGION = 4


def ignore(done: float) -> None:
    """Take no notice of how far the work is."""


def grow(image: npt.NDArray[np.uint8], tell: Tell = ignore) -> RegionTree:
    """Return the tree of an RGB image.

    Parameters
    ----------
    image : ndarray of shape (H, W, 3), uint8
    tell : callable
        Called before the first step, between any two and after the last, with 0 to 1.
    """
    tell(0.0)
    height, width = image.shape[:2]
    step = max(1, math.ceil(math.sqrt(height * width / MOST_PIXELS)))
    planes = _planes(image, step, tell)
    smooth = [smoothed(plane, _SIGMA_PX) for plane in planes]
    tree = _tree_of((planes, smooth), step, (height, width), tell)
    picture = image[..., : 1 if len(planes) == 1 else 3].copy() if step > 1 else None
    levels = levels_of(smooth, step)
    coarse = None
    times = max(_COARSE_PX // step, 2)
    if min(height, width) >= _LEAST_COARSE * times * step:
        small = [shrunk(plane, times) for plane in planes]
        smooth = [smoothed(plane, _SIGMA_PX) for plane in small]
        coarse = _tree_of((small, smooth), times * step, (height, width), ignore)
    tell(1.0)
    return replace(tree, picture=picture, levels=levels, coarse=coarse)


def _tree_of(
    seen: tuple[list[FloatPlane], list[FloatPlane]], step: int, shape: tuple[int, int], tell: Tell
) -> RegionTree:
    """Return the tree of planes, as they are and smoothed, of ``step`` pixels of an image of ``shape`` a pixel."""
    tell(0.05)
    planes, smooth = seen
    gradient = gradient_of(smooth)
    noise = float(np.median(gradient[::2, ::2])) + 0.5
    tell(0.2)
    basins, count = basins_of(gradient)
    tell(0.35)
    partition = _partition(planes, smooth, gradient, (basins, count), tell)
    tell(0.5)
    group, leaves = _regions(partition, tell)
    forest = _forest(leaves, count, tell)
    return _numbered(group.astype(np.int32)[basins], leaves, forest, noise, _Scale(step, shape, None))


def _planes(image: npt.NDArray[np.uint8], step: int, tell: Tell) -> list[FloatPlane]:
    """Return the planes of an image in its size divided by ``step``, made band by band."""
    height, width = image.shape[:2]
    rows = max(_BAND_PIXELS // width // step, 1) * step
    bands = [image[top : top + rows] for top in range(0, height, rows)]
    grey, parts = all(is_grey(band) for band in bands), []
    for index, band in enumerate(bands):
        tell(0.05 * index / len(bands))
        parts.append([shrunk(plane, step) for plane in planes_of(band, grey=grey)])
    return [np.concatenate(plane) for plane in zip(*parts, strict=True)]


def _partition(
    planes: list[FloatPlane],
    smooth: list[FloatPlane],
    gradient: FloatPlane,
    cut: tuple[Labels, int],
    tell: Tell,
) -> Partition:
    basins, count = cut
    edges = pixel_edges(basins, smooth[0], gradient)
    tell(0.4)
    borders = summed(edges, count)
    tell(0.45)
    flat, rough = basins.ravel(), np.abs(planes[0] - smooth[0])
    pixels: list[FloatArray] = [np.bincount(flat, minlength=count).astype(np.float64)]
    means = [weighed_count(flat, plane.ravel(), count) for plane in (*smooth, rough)]
    return Partition(borders, np.stack(pixels + means, axis=1))


def _regions(partition: Partition, tell: Tell) -> tuple[IntArray, Partition]:
    """Merge basins to regions, below which no tree is needed; also return the region of each basin."""
    group, count = np.arange(len(partition)), len(partition)
    while len(partition) > max(count / _BASINS_PER_REGION, 2):
        tell(0.6)
        new, partition = merged(partition, 0, 0.4)
        group = new[group]
    return group, partition


@dataclass(frozen=True, slots=True, eq=False)
class _Forest:
    """The nodes in the order in which they were made; the attributes are those of ``RegionTree``."""

    parent: IntArray
    height: FloatArray
    area: FloatArray
    contour: FloatArray


def _forest(leaves: Partition, basins: int, tell: Tell) -> _Forest:
    """Merge regions until one is left; every merge makes a node."""
    n = len(leaves)
    forest = _Forest(np.full(2 * n, -1), np.zeros(2 * n), np.zeros(2 * n), np.zeros((2 * n, 3)))
    forest.area[:n], forest.contour[:n] = leaves.sums[:, 0], leaves.contours
    node, top, partition, limit = np.arange(n), n, leaves, leaves.limit
    while len(partition) > 1:
        tell(0.9 - 0.2 * math.log(len(partition)) / math.log(n))
        share = 0.35 if len(partition) > basins / 6 else 0.0
        group, partition = merged(partition, limit * _LIMIT_GROWTH, share)
        limit = partition.limit
        new = np.bincount(group, minlength=len(partition)) > 1
        ids = np.full(len(partition), -1)
        ids[new] = top + np.arange(int(new.sum()))
        moved = new[group]
        ids[group[~moved]] = node[~moved]
        forest.parent[node[moved]] = ids[group[moved]]
        top += int(new.sum())
        node, made = ids, ids[new]
        forest.height[made], forest.area[made] = limit, partition.sums[new, 0]
        forest.contour[made] = partition.contours[new]
    return _Forest(forest.parent[:top], forest.height[:top], forest.area[:top], forest.contour[:top])


@dataclass(frozen=True, slots=True, eq=False)
class _Scale:
    """How the pixels of the tree lie on those of the image."""

    step: int
    shape: tuple[int, int]
    picture: npt.NDArray[np.uint8] | None


def _numbered(labels: Labels, leaves: Partition, forest: _Forest, noise: float, scale: _Scale) -> RegionTree:
    """Number the regions depth first and add what is told of each."""
    n, step = len(leaves), scale.step
    first, count = _slices(forest.parent, n)
    new = first[:n]
    old = np.argsort(new)
    order = np.concatenate([old, np.arange(n, len(forest.parent))])
    labels = new.astype(np.int32)[labels]
    sums = leaves.sums[old]
    color, rough = sums[:, 1:-1] / sums[:, :1] / 10, sums[:, -1:] / sums[:, :1]
    affinity = _affinity(leaves, new, color, noise)
    for _ in range(2):
        rough = 0.4 * rough + 0.6 * (affinity @ rough)
    boxes, places = _spans(labels, n)
    return RegionTree(
        shape=scale.shape,
        step=step,
        labels=labels,
        noise=noise,
        parent=forest.parent[order],
        height=forest.height[order],
        first=first[order],
        count=count[order],
        area=forest.area[order] * step**2,
        contour=forest.contour[order] * step,
        extent=_extents(boxes, first[order], count[order]) * step,
        color=color,
        texture=np.log(rough + 0.5),
        center=places / sums[:, :1] * step + (step - 1) / 2,
        affinity=affinity,
        picture=scale.picture,
    )


def _slices(parent: IntArray, n: int) -> tuple[IntArray, IntArray]:
    """Return the first region of each node in an order depth first, and how many regions it has."""
    total = len(parent)
    root = total - 1
    up = np.where(parent < 0, root, parent)
    count = np.zeros(total, np.int64)
    count[:n] = 1
    depth, above = (np.arange(total) != root).astype(np.int64), up
    while (above != root).any():
        depth, above = depth + depth[above], above[above]
    for level in range(int(depth.max()), 0, -1):
        nodes = np.flatnonzero(depth == level)
        np.add.at(count, up[nodes], count[nodes])
    children = np.argsort(up[:root], kind="stable")
    before = np.cumsum(count[children]) - count[children]
    eldest = np.concatenate([[True], up[children][1:] != up[children][:-1]])[: len(children)]
    first = np.zeros(total, np.int64)
    first[children] = before - np.maximum.accumulate(np.where(eldest, before, 0))
    above = up
    while True:  # add the places of all nodes above, twice as many in each round
        first = first + np.where(above == root, 0, first[above])
        if (above == root).all():
            return first, count
        above = above[above]


def _affinity(leaves: Partition, new: IntArray, color: FloatArray, noise: float) -> Any:
    from scipy.sparse import csr_matrix

    borders, n = leaves.borders, len(leaves)
    rows = np.concatenate([new[borders.low], new[borders.high]])
    cols = np.concatenate([new[borders.high], new[borders.low]])
    length, gradient = np.tile(borders.length, 2), np.tile(borders.gradient, 2)
    step = np.sqrt(((color[rows] - color[cols]) ** 2).sum(axis=1)) * 10
    alike = length * np.exp(-(gradient / length / 3 + step / 6) / noise)
    near = csr_matrix((alike, (rows, cols)), shape=(n, n))
    total = np.maximum(np.asarray(near.sum(axis=1)).ravel(), 1e-9)
    return csr_matrix((near.data / np.repeat(total, np.diff(near.indptr)), near.indices, near.indptr), shape=(n, n))


def _spans(labels: Labels, n: int) -> tuple[IntArray, FloatArray]:
    """Return the extent of each region, shape (n, 4), and the sums of its rows and columns, shape (n, 2)."""
    from scipy import ndimage as ndi

    done = fast.spans(labels, n)
    if done is not None:
        return done
    flat, (height, width) = labels.ravel(), labels.shape
    rows = np.repeat(np.arange(height, dtype=np.float64), width)
    cols = np.tile(np.arange(width, dtype=np.float64), height)
    sums = [weighed_count(flat, along, n) for along in (rows, cols)]
    found = ndi.find_objects(labels + 1)
    boxes = np.array([(rows.start, cols.start, rows.stop, cols.stop) for rows, cols in found], np.int64)
    return boxes, np.stack(sums, axis=1)


def _extents(boxes: IntArray, first: IntArray, count: IntArray) -> IntArray:
    """Return the extents of nodes from those of their regions."""
    n = len(boxes)
    padded = np.vstack([boxes, boxes[-1:]])
    ends = np.stack([first, np.minimum(first + count, n)], axis=1).ravel()
    low = np.minimum.reduceat(padded[:, :2], ends)[::2]
    high = np.maximum.reduceat(padded[:, 2:], ends)[::2]
    return np.hstack([low, high])
