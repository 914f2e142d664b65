"""Every reading of many points at once, each clicked alone: what a grid of points shows of a whole picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from napari_sam3_assistant.core.prompts import PointPrompt
from napari_sam3_assistant.core.results import Candidates
from napari_sam3_assistant.engines.devices import kind_of
from napari_sam3_assistant.engines.places import places_of
from napari_sam3_assistant.engines.proposing import Places
from napari_sam3_assistant.engines.protocol import Proposals
from napari_sam3_assistant.engines.sam3.clicks import decoded
from napari_sam3_assistant.engines.sam3.embedding import Sam3Embedding
from napari_sam3_assistant.engines.sam3.masks import candidates, filled
from napari_sam3_assistant.engines.sam3.model import Model

LEAST_SCORE, LEAST_STABILITY = 0.88, 0.95
"""Those of the automatic masks of Meta's first model of this kind."""
_LEAST_READ = 0.5
"""A reading that is expected to overlap less with an object is none."""
_OFFSET = 1.0
_POINTS = {"cpu": 4, "mps": 16}
_POINTS_ELSEWHERE = 64


def limits_on(device: str) -> Proposals:
    """Return how many points are read at once on a device, and what is kept unless the user says."""
    return Proposals(_POINTS.get(kind_of(device), _POINTS_ELSEWHERE), LEAST_SCORE, LEAST_STABILITY)


def proposals(model: Model, embedding: Sam3Embedding, places: Places, hole_area: int) -> Candidates:
    """Return the readings of each place, those of the first one first; see :meth:`ProposingEngine.propose`.

    Parameters
    ----------
    model : Model
    embedding : Sam3Embedding
    places : ndarray of shape (n, 2), float
        ``(row, col)`` in pixels.
    hole_area : int
        See :func:`~napari_sam3_assistant.engines.sam3.masks.filled`.

    Notes
    -----
    The stability is ``calculate_stability_score`` of package ``segment_anything``, with its offset of 1. Masks
    are compared on the decoder's grid, before holes are filled.
    """
    points, labels = places_of([PointPrompt(row, col) for row, col in places.tolist()], embedding.shape)
    if not len(points):
        none = np.zeros(0, np.float32)
        return Candidates(none, none.reshape(0, 4), (), none.reshape(0, 4), embedding.shape, none)
    read = decoded(model, embedding, points[:, None], labels[:, None], readings=True)
    masks, overlaps = (part.flatten(0, 1) for part in read)
    stable = _stability(masks)
    scores = overlaps.float().cpu().numpy()
    # What has no cell would be left out later, and the stabilities would be those of others.
    kept = np.flatnonzero((scores >= _LEAST_READ) & (masks > 0).any(dim=(1, 2)).cpu().numpy())
    logits = [filled(masks[index].float().cpu().numpy(), hole_area) for index in kept.tolist()]
    grids = np.stack(logits) if logits else np.zeros((0, 1, 1), np.float32)
    return replace(candidates(grids, scores[kept], embedding.shape), stability=stable.cpu().numpy()[kept])


def _stability(masks: torch.Tensor) -> torch.Tensor:
    """Return the overlap (IoU) of each mask cut a little above and a little below 0, shape (n,), float32."""
    inner, outer = (masks > _OFFSET).sum(dim=(1, 2)), (masks > -_OFFSET).sum(dim=(1, 2))
    return inner.float() / outer.clamp(min=1).float()
