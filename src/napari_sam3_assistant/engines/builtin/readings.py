"""Readings: of all the outlines that clicks may mean, the best, and others that are not nearly the same."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_sam3_assistant.core.geometry import Box
from napari_sam3_assistant.core.prompts import PointPrompt
from napari_sam3_assistant.engines.builtin.basins import FloatArray
from napari_sam3_assistant.engines.builtin.boxes import fit_of
from napari_sam3_assistant.engines.builtin.candidates import (
    FINE,
    FINE_JOINT,
    RAYS,
    Candidates,
    candidates,
    candidates_in_box,
)
from napari_sam3_assistant.engines.builtin.judge import measured, overlaps
from napari_sam3_assistant.engines.builtin.outlines import Outline
from napari_sam3_assistant.engines.builtin.paint import Clicks, clicks_on
from napari_sam3_assistant.engines.builtin.tree import RegionTree
from napari_sam3_assistant.engines.builtin.weights import IN_BOX, MORE_CLICKS, ONE_CLICK, ONE_CLICK_BY_RAYS

MOST_READINGS = 3
_THIN = 0.2
"""An object is thin whose area is a smaller share of the square on its longer side: the tree answers for it."""
_THIN_BONUS = 100.0
SAME = 0.8
"""Two readings that overlap (IoU) by so much are nearly the same."""


@dataclass(frozen=True, slots=True, eq=False)
class OutlineReading:
    """One answer to some clicks, before it is drawn.

    Attributes
    ----------
    outline : Outline
    score : float
        The overlap (IoU) with the object that is expected, 0 to 1.
    """

    outline: Outline
    score: float


def readings(tree: RegionTree, clicks: Clicks) -> list[OutlineReading]:
    """Return what ``clicks``, of which one or more are positive, may mean: the best first, no two nearly the same.

    The score weighs all candidates by how good each looks: it is the overlap (IoU) that the one
    is expected to have with the object.
    """
    rivals = candidates(tree, clicks)
    overlap = overlaps(rivals.outlines, clicks.first)
    measures = measured(tree, rivals, overlap, clicks)
    if len(clicks) == 1:
        looks = measures[:, : len(ONE_CLICK_BY_RAYS)]
        value = measures @ ONE_CLICK + (looks @ ONE_CLICK_BY_RAYS) * (rivals.source == RAYS)
    else:
        value = measures @ MORE_CLICKS
        value[rivals.source == FINE_JOINT] += _THIN_BONUS * _is_thin(rivals)
    return _distinct(rivals, overlap, value, MOST_READINGS)


def _is_thin(rivals: Candidates) -> bool:
    """Return whether what the tree takes for the object is long and thin, a vessel for one."""
    nodes = np.flatnonzero(rivals.source == FINE)
    best = rivals.outlines[nodes[rivals.rank[nodes].argmax()]]
    top, left, bottom, right = best.extent
    return bool(best.area < _THIN * max(bottom - top, right - left) ** 2)


def reading_of_box(tree: RegionTree, box: Box) -> OutlineReading:
    """Return the object in ``box``, one of :func:`~napari_sam3_assistant.engines.builtin.boxes.box_on`."""
    rivals = candidates_in_box(tree, box)
    middle = clicks_on(tree, [PointPrompt(*box.center)])
    overlap = overlaps(rivals.outlines, box.center)
    value = measured_in_box(tree, rivals, overlap, middle, box) @ IN_BOX
    return _distinct(rivals, overlap, value, 1)[0]


def measured_in_box(tree: RegionTree, rivals: Candidates, overlap: FloatArray, middle: Clicks, box: Box) -> FloatArray:
    """Return what speaks for each candidate, as :func:`measured` from the middle of a box, and how it fits the box."""
    fit = fit_of(np.array([one.extent for one in rivals.outlines]), box)
    filled = np.log(np.array([max(one.area, 1.0) for one in rivals.outlines]) / box.area)
    return np.column_stack([measured(tree, rivals, overlap, middle), fit, fit**2, filled, filled**2])


def _distinct(rivals: Candidates, overlap: FloatArray, value: FloatArray, most: int) -> list[OutlineReading]:
    belief = np.exp(value - value.max())
    scores = overlap @ (belief / belief.sum())
    kept: list[int] = []
    for index in np.argsort(-value, kind="stable").tolist():
        if len(kept) < most and all(overlap[index, other] < SAME for other in kept):
            kept.append(index)
    return [OutlineReading(rivals.outlines[index], float(scores[index])) for index in kept]
