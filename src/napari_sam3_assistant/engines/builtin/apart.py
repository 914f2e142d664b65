"""Apart: of many outlines that overlap, the best ones as masks that do not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from napari_sam3_assistant.core.results import Candidates
from napari_sam3_assistant.engines.builtin.basins import FloatArray, IntArray
from napari_sam3_assistant.engines.builtin.finish import tidied
from napari_sam3_assistant.engines.builtin.outlines import Node, Outline, extents, inside, insides
from napari_sam3_assistant.engines.builtin.tree import BoolArray, RegionTree
from napari_sam3_assistant.engines.proposing import Steps, completed

_LEAST_SCORE = 0.05
_MOST_SHARED = 0.25
_PROBES = 7
_MOST_PROBES = 0.4
_BATCH = 1024


def apart(tree: RegionTree, outlines: Sequence[Outline], score: FloatArray) -> Candidates:
    """Return the best of ``outlines`` that share next to nothing, each without the pixels of better ones."""
    return completed(apart_in_steps(tree, outlines, score))


def apart_in_steps(tree: RegionTree, outlines: Sequence[Outline], score: FloatArray) -> Steps[Candidates]:
    """Do what :func:`apart` does, an outline a step."""
    order = np.argsort(-score, kind="stable")
    order = order[score[order] >= _LEAST_SCORE]
    some = [outlines[index] for index in order]
    boxes = _boxes(some, tree.shape)
    taken, masks, kept = np.zeros(tree.shape, bool), list[BoolArray](), list[int]()
    for index, (box, probes) in enumerate(zip(boxes.tolist(), _probes(tree, some, boxes), strict=True)):
        yield index / len(some)
        if np.count_nonzero(taken.take(probes)) > _MOST_PROBES * len(probes):
            continue
        top, left, bottom, right = box
        before = taken[top:bottom, left:right]
        mask = _drawn(tree, some[index], top, left, before.shape)
        if np.count_nonzero(before & mask) > _MOST_SHARED * np.count_nonzero(mask):
            continue
        mask = tidied(mask, tree.step) & ~before
        if mask.any():
            before |= mask
            masks.append(mask)
            kept.append(index)
    frames = boxes[kept].astype(np.float32).reshape(-1, 4)
    return Candidates(score[order[kept]].astype(np.float32), frames, tuple(masks), frames.copy(), tree.shape)


def _boxes(outlines: Sequence[Outline], shape: tuple[int, int]) -> IntArray:
    """Return ``(top, left, bottom, right)`` of the pixels of an image that each outline may hold, shape (m, 4)."""
    if not outlines:
        return np.zeros((0, 4), np.int64)
    extent = extents(outlines)
    low, high = np.floor(extent[:, :2]), np.ceil(extent[:, 2:])
    boxes: IntArray = np.clip(np.hstack([low, high]), 0, np.tile(shape, 2)).astype(np.int64)
    return boxes


def _probes(tree: RegionTree, outlines: Sequence[Outline], boxes: IntArray) -> Iterator[IntArray]:
    """Yield some pixels in each outline, as flat indices: whether they are taken shows before it is drawn."""
    along = (np.arange(_PROBES) + 0.5) / _PROBES
    for start in range(0, len(outlines), _BATCH):
        some, box = outlines[start : start + _BATCH], boxes[start : start + _BATCH]
        rows, cols = ((box[:, k, None] + (box[:, k + 2] - box[:, k])[:, None] * along).astype(np.int64) for k in (0, 1))
        rows, cols = np.minimum(rows, tree.shape[0] - 1), np.minimum(cols, tree.shape[1] - 1)
        places = rows[:, :, None] * tree.shape[1] + cols[:, None, :]
        for here, within in zip(places, insides(some, rows[:, :, None], cols[:, None, :]), strict=True):
            yield here[within]


def _drawn(tree: RegionTree, outline: Outline, top: int, left: int, shape: tuple[int, ...]) -> BoolArray:
    """Return which pixels of a rectangle of the image lie in an outline."""
    rows, cols = np.arange(top, top + shape[0])[:, None], np.arange(left, left + shape[1])[None]
    if isinstance(outline, Node) and outline.tree is tree and tree.step == 1:
        labels, regions = tree.labels[top : top + shape[0], left : left + shape[1]], tree.regions(outline.node)
        return np.asarray((labels >= regions.start) & (labels < regions.stop), bool)
    return inside(outline, rows, cols)
