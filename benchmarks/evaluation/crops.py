"""What is found from an example in another picture of the same kind: as a box on that picture, and as a crop of it."""

from __future__ import annotations

import numpy as np

from benchmarks.evaluation.pictures import Picture
from benchmarks.evaluation.protocol import matched
from napari_sam3_assistant.core.geometry import Box
from napari_sam3_assistant.core.labels import to_labels
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.core.prompts import Crop, Query
from napari_sam3_assistant.core.sources import array_source, estimate_limits
from napari_sam3_assistant.core.windows import whole
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.engines.protocol import ImageEngine
from napari_sam3_assistant.tasks.crops import CropPlace
from napari_sam3_assistant.tasks.find import find_plane
from napari_sam3_assistant.tasks.view import View

MARGIN = 6
"""Pixels round the object of a crop."""
PLANE = Plane(0, 1)


def found_from(engine: ImageEngine, target: Picture, other: Picture, box: Box, threshold: float) -> list[tuple]:
    """Return precision, recall and F1 on a target of a box on another picture, and of a crop of it."""
    source = array_source(other.image, identity="other", name="The other picture")
    high, wide = other.labels.shape
    top, left, bottom, right = map(int, box.corners)
    cut = other.image[
        max(top - MARGIN, 0) : min(bottom + MARGIN, high), max(left - MARGIN, 0) : min(right + MARGIN, wide)
    ]
    crop = array_source(np.ascontiguousarray(cut), identity="crop", name="The crop")
    return [
        _figures(engine, target, place, threshold) for place in (CropPlace(source, PLANE, box), CropPlace(crop, PLANE))
    ]


def _figures(engine: ImageEngine, target: Picture, place: Crop, threshold: float) -> tuple[float, float, float]:
    view = View(array_source(target.image, identity="target"), PLANE, whole(target.labels.shape))
    cache = EmbeddingCache()
    answer = find_plane(
        engine, cache, view, Query(crop=place), limits_of=estimate_limits, progress=no_progress, cancel=CancelToken()
    )
    return matched(to_labels([one.mask for one in answer.above(threshold)], whole(target.labels.shape)), target.labels)
