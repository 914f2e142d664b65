"""The usual object: what most of what stands out in an image has in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_sam3_assistant.engines.builtin.basins import FloatArray, IntArray
from napari_sam3_assistant.engines.builtin.looks import Looks
from napari_sam3_assistant.engines.builtin.outlines import Outline, areas, extents
from napari_sam3_assistant.engines.builtin.rays import edge_at, stars_at
from napari_sam3_assistant.engines.builtin.seeds import Alike, seeds
from napari_sam3_assistant.engines.builtin.shown import middles, signed_coherence
from napari_sam3_assistant.engines.builtin.tree import RegionTree

_MOST = 1500
_LEAST_SCORE = 0.2
_LEAST_COHERENCE = 0.15
_REACH = 1.7
_AREAS = 0.3, 3.0
_OF_EDGE = 0.5
_LEAST_TONE = 8.0
_BY_AREA = 0.7
"""The power of its area with which an object counts: specks are many, and chance makes them."""
_TIGHT = 0.3
"""Where areas spread (median deviation of their logarithms) less than this, another area tells more."""
# Coherence, log strength, mean sector, log contrast, log roughness, log area, log compactness.
_COMPARED = [0, 1, 4, 5, 6, 7, 10]
_AREA = 5
"""Of ``_COMPARED``, the place of the logarithm of the area."""


@dataclass(frozen=True, slots=True, eq=False)
class Usual:
    """What is usual of the objects of an image.

    Attributes
    ----------
    measures : ndarray of shape (7,), float
        Coherence of the edge, log strength, mean sector, log contrast, log roughness, log area, log compactness.
    spread : float
        Median deviation of the logarithm of the area.
    step : ndarray of shape (planes,), float
        How much brighter it is than what is around, in grey levels.
    side : float
        Of the rectangle round it, the longer one, in pixels.
    best : Outline
        The object that stands out most.
    """

    measures: FloatArray
    spread: float
    step: FloatArray
    side: float
    best: Outline

    @property
    def area(self) -> float:
        """In square pixels."""
        return float(np.exp(self.measures[_AREA]))


def usual_of(outlines: Sequence[Outline], looks: Looks, score: FloatArray) -> Usual:
    """Return what is usual of the best of some outlines, one or more, none of which lies on a better one."""
    order = np.argsort(-score, kind="stable")[:_MOST]
    order = order[score[order] >= min(_LEAST_SCORE, score[order[0]])]
    box = extents([outlines[index] for index in order])
    kept = _apart(box)
    box, order = box[kept], order[kept]
    area = looks.measures[order, _COMPARED[_AREA]]
    weight = score[order] ** 2 * np.exp(_BY_AREA * area)
    measures = _middle(looks.measures[order][:, _COMPARED], weight)
    spread = float(_middle(np.abs(area - measures[_AREA])[:, None], weight)[0])
    side = float(_middle((box[:, 2:] - box[:, :2]).max(axis=1)[:, None], weight)[0])
    return Usual(measures, spread, _middle(looks.step[order], weight), side, outlines[order[0]])


def _apart(box: FloatArray) -> IntArray:
    """Return which of some rectangles neither hold the middle of one before that is kept, nor have theirs in it."""
    middle = (box[:, :2] + box[:, 2:]) / 2
    left, kept = np.ones(len(box), bool), []
    for index in range(len(box)):
        if left[index]:
            kept.append(index)
            here = (box[index, :2] <= middle) & (middle < box[index, 2:])
            there = (box[:, :2] <= middle[index]) & (middle[index] < box[:, 2:])
            left &= ~(here.all(axis=1) | there.all(axis=1))
    return np.array(kept)


def _middle(values: FloatArray, weight: FloatArray) -> FloatArray:
    """Return the weighted median of each column."""
    order = np.argsort(values, axis=0, kind="stable")
    below = np.cumsum(weight[order], axis=0)
    place = (below < below[-1] / 2).sum(axis=0)
    middle: FloatArray = np.take_along_axis(values, np.take_along_axis(order, place[None], axis=0), axis=0)[0]
    return middle


def of_usual_size(tree: RegionTree, usual: Usual) -> list[Outline]:
    """Return outlines by rays from where something of the usual size may be: what touches comes apart."""
    coherence = signed_coherence(tree, 1 if usual.step[0] >= 0 else -1)
    alike = np.flatnonzero(coherence > _LEAST_COHERENCE)
    places, reach = seeds(tree, Alike(alike, coherence[alike]), usual.area)[:_MOST], _REACH * 0.5 * usual.side
    if not len(places) or not usual.step.any():
        return []
    edge = _OF_EDGE * edge_at(tree, middles([usual.best]), reach, usual.step)
    rings = stars_at(tree, places, reach, usual.step, edge)
    size = areas(rings)
    return [rings[ring] for ring in np.flatnonzero((size > _AREAS[0] * usual.area) & (size < _AREAS[1] * usual.area))]


def differences(looks: Looks, usual: Usual) -> FloatArray:
    """Return how each outline differs from what is usual, shape (m, 11), float."""
    differ = np.clip(looks.measures[:, _COMPARED] - usual.measures, -4, 4)
    tone = max(_LEAST_TONE, float(np.sqrt((usual.step**2).sum())))
    color = np.sqrt(((looks.step - usual.step) ** 2).sum(axis=1)) / tone
    along = looks.step @ usual.step / tone**2
    away = np.abs(differ[:, _AREA])
    columns = (away, np.minimum(color, 3), np.clip(along, -2, 3), away * (usual.spread < _TIGHT))
    return np.column_stack([differ, *columns])
