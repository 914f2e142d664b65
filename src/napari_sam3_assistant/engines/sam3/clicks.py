"""SAM3's decoder of clicks, by the parts of transformers' ``Sam3VideoModel``."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt
import torch

from napari_sam3_assistant.core.prompts import Prompts
from napari_sam3_assistant.core.results import Segmentation
from napari_sam3_assistant.engines.sam3 import prompting
from napari_sam3_assistant.engines.sam3.embedding import Sam3Embedding
from napari_sam3_assistant.engines.sam3.masks import FloatArray
from napari_sam3_assistant.engines.sam3.model import Model


def segment(
    model: Model, embedding: Sam3Embedding, prompts: Prompts, previous: Segmentation | None, hole_area: int
) -> Segmentation:
    """Return the object that ``prompts`` are about; see :func:`.prompting.segment`."""
    decode = functools.partial(decoded, model, embedding)
    return prompting.segment(decode, grid_of(model), embedding, prompts, previous, hole_area)


def grid_of(model: Model) -> tuple[int, int]:
    """Return height and width of the grid on which the decoder draws and takes masks."""
    height, width = model.net.tracker_model.prompt_encoder.mask_input_size
    return int(height), int(width)


def decoded(
    model: Model,
    embedding: Sam3Embedding,
    points: FloatArray,
    labels: npt.NDArray[np.int64],
    box: FloatArray | None = None,
    prior: torch.Tensor | None = None,
    *,
    readings: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what the decoder makes of some objects, on the model's device.

    Parameters
    ----------
    model : Model
    embedding : Sam3Embedding
    points : ndarray of shape (n, k, 2), float32
        ``(x, y)`` of the points of each object, as fractions of the picture.
    labels : ndarray of shape (n, k), int64
        1 or 0 for each point.
    box, prior
        Of one object alone; see :func:`~napari_sam3_assistant.engines.places.corners_of`.
    readings : bool
        Whether three readings of each are wanted, or one.

    Returns
    -------
    masks : Tensor of shape (n, 1 or 3, h, w)
        Logits.
    scores : Tensor of shape (n, 1 or 3)
        The overlap (IoU) that the decoder expects of each.

    Notes
    -----
    Both packages place ``(x, y)`` in pixels at ``x * side / width`` and add half a pixel of the resized
    picture, for points and corners alike. So does this. The no-memory token belongs on the features at the
    size of the grid. Meta's package and ``Sam3TrackerVideoModel`` put it there; ``Sam3TrackerModel`` of
    transformers 5.23 adds it to a level that nothing reads.
    """
    tracker, side = model.net.tracker_model, model.side
    with torch.inference_mode():
        sparse, dense = tracker.prompt_encoder(
            input_points=_on(model, points * side)[None] if labels.size else None,
            input_labels=_on(model, labels)[None] if labels.size else None,
            input_boxes=None if box is None else _on(model, box * side)[None, None],
            input_masks=None if prior is None else prior.to(model.device),
        )
        if sparse is None:  # a mask alone: no token, as in Meta's package, where transformers puts one for no point
            sparse = dense.new_zeros(1, 1, 0, dense.shape[1])
        masks, scores, _, _ = tracker.mask_decoder(
            image_embeddings=embedding.clicks[2] + tracker.no_memory_embedding.view(1, -1, 1, 1),
            image_positional_embeddings=tracker.get_image_wide_positional_embeddings(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=readings,
            high_resolution_features=list(embedding.clicks[:2]),
        )
    return masks[0], scores[0]


def _on(model: Model, array: npt.NDArray[np.generic]) -> torch.Tensor:
    return torch.from_numpy(array).to(model.device)
