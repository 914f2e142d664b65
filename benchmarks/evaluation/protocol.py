"""Simulated users: what they click, and how an answer is measured.

A user clicks the middle of the largest error, until the mask is as good as wanted or twenty
clicks are spent. NoC@85 is the number of clicks to an IoU of 0.85.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from scipy import ndimage as ndi

from napari_sam3_assistant.core.geometry import Box, PlacedMask
from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.core.prompts import PointPrompt, Prompts
from napari_sam3_assistant.engines.protocol import Embedding, ImageEngine

MOST_CLICKS = 20
ENOUGH = 0.95


@dataclass(frozen=True, slots=True)
class Clicked:
    """One object, clicked: IoU after each click, milliseconds a click, and clicks not honoured."""

    ious: tuple[float, ...]
    ms: float
    broken: int


def encoded(engine: ImageEngine, image: np.ndarray) -> Embedding:
    """Return the embedding of an image."""
    return engine.encode(image, progress=no_progress, cancel=CancelToken())


def full(mask: PlacedMask, shape: tuple[int, int]) -> np.ndarray:
    """Return a placed mask as an array of the image's shape."""
    return mask.within(Box(0, 0, *shape))


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """Return the intersection over union of two masks; 1 if both are empty."""
    union = (a | b).sum()
    return float((a & b).sum() / union) if union else 1.0


def next_click(truth: np.ndarray, mask: np.ndarray) -> PointPrompt:
    """Return a click in the middle of the largest error."""
    best, point = -1.0, PointPrompt(0, 0)
    for positive, error in ((True, truth & ~mask), (False, mask & ~truth)):
        deep = ndi.distance_transform_edt(np.pad(error, 1))[1:-1, 1:-1]
        if deep.max() > best:
            row, col = np.unravel_index(deep.argmax(), deep.shape)
            best, point = deep.max(), PointPrompt(int(row), int(col), positive)
    return point


def clicked(engine: ImageEngine, embedding: Embedding, truth: np.ndarray) -> Clicked:
    """Return what a user gets who clicks at an object until it is right."""
    points: list[PointPrompt] = []
    ious: list[float] = []
    mask, spent, broken = np.zeros(truth.shape, bool), 0.0, 0
    while len(points) < MOST_CLICKS and (not ious or ious[-1] < ENOUGH):
        points.append(next_click(truth, mask))
        start = time.process_time()
        answer = engine.segment(embedding, Prompts(tuple(points))).mask
        spent += time.process_time() - start
        broken += any(answer.value_at(*point.pixel) != point.positive for point in points)
        mask = full(answer, truth.shape)
        ious.append(iou(mask, truth))
    return Clicked(tuple(ious), 1000 * spent / len(points), broken)


def figures(objects: list[Clicked]) -> np.ndarray:
    """Return NoC@85, NoC@90, and the mean IoU after 1, 3 and 5 clicks. A miss counts as twenty clicks."""
    rows = [one.ious for one in objects]
    clicks = [
        np.mean([next((i + 1 for i, value in enumerate(row) if value >= goal), MOST_CLICKS) for row in rows])
        for goal in (0.85, 0.9)
    ]
    return np.array([*clicks, *(np.mean([row[min(k, len(row)) - 1] for row in rows]) for k in (1, 3, 5))])


def box_of(mask: np.ndarray) -> Box:
    """Return the box round a mask."""
    rows, cols = np.nonzero(mask)
    return Box(int(rows.min()), int(cols.min()), int(rows.max()) + 1, int(cols.max()) + 1)


def matched(found: np.ndarray, labels: np.ndarray, at: float = 0.5) -> tuple[float, float, float]:
    """Return precision, recall and F1 of label image ``found``; a hit overlaps by ``at`` (IoU) or more."""
    n, m = int(found.max()) + 1, int(labels.max()) + 1
    both = np.bincount((found.astype(np.int64) * m + labels).ravel(), minlength=n * m).reshape(n, m)
    overlap = both / np.maximum(both.sum(1)[:, None] + both.sum(0)[None] - both, 1)
    hits = int((overlap[1:, 1:].max(0) >= at).sum()) if n > 1 else 0
    precision, recall = hits / max(n - 1, 1), hits / max(int((both[:, 1:].sum(0) > 0).sum()), 1)
    return precision, recall, 2 * precision * recall / max(precision + recall, 1e-9)
