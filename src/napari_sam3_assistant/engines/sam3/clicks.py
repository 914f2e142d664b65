"""One object from points, a box, a mask, and what was answered before."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.geometry import Box, PlacedMask
from napari_sam3_assistant.core.prompts import Prompts
from napari_sam3_assistant.core.results import Segmentation
from napari_sam3_assistant.engines.places import corners_round, places_of
from napari_sam3_assistant.engines.sam3.embedding import Sam3Embedding
from napari_sam3_assistant.engines.sam3.masks import FloatArray, filled, placed
from napari_sam3_assistant.engines.sam3.model import Model

# Meta's package clamps what it takes back, and gives a drawn mask these values.
MOST_LOGIT = 32.0
DRAWN_LOGIT = 10.0

_NO_POINT = -1


@dataclass(frozen=True, slots=True, eq=False)
class Refinement:
    """What SAM3 wants back when an object is refined.

    Attributes
    ----------
    picture : str
        As in the embedding: the logits of another window mean nothing here.
    drawn : str
        Which mask was drawn; the same text for the same mask, empty for none.
    logits : ndarray of shape (h, w), float32
        Of the chosen mask, on the decoder's grid, before holes were filled.
    """

    picture: str
    drawn: str
    logits: FloatArray


def segment(
    model: Model, embedding: Sam3Embedding, prompts: Prompts, previous: Segmentation | None, hole_area: int
) -> Segmentation:
    """Return the object that ``prompts`` are about; see :meth:`ImageEngine.segment`.

    A lone click is ambiguous: the decoder reads it in three ways, the one that it expects to fit best
    becomes the mask, the others the alternatives. Everything else has one reading.

    Parameters
    ----------
    model : Model
    embedding : Sam3Embedding
    prompts : Prompts
        Not empty.
    previous : Segmentation or None
        Used where it is an answer about the same picture and the same drawn mask.
    hole_area : int
        See :func:`filled`.
    """
    points, labels = places_of(prompts.points, embedding.shape)
    box = None if prompts.box is None else corners_round(prompts.box, embedding.shape)
    drawn = "" if prompts.mask is None else _signed(prompts.mask.mask)
    prior = _prior(model, embedding, prompts, previous, drawn)
    if box is None and prior is None and not labels.any():
        raise PromptError("There are only negative points.", hint="Add a positive one: click on the object.")
    readings = len(labels) == 1 and box is None and prior is None
    masks, overlaps = decoded(model, embedding, points[None], labels[None], box, prior, readings=readings)
    logits, scores = masks[0].cpu().numpy(), overlaps[0].cpu().numpy()
    order = np.argsort(-scores, kind="stable")
    found = [placed(filled(logits[index], hole_area), embedding.shape) for index in order]
    state = Refinement(embedding.picture, drawn, logits[order[0]].clip(-MOST_LOGIT, MOST_LOGIT))
    return Segmentation(found[0], float(scores[order[0]]), tuple(mask for mask in found[1:] if mask.area), state)


def _prior(
    model: Model, embedding: Sam3Embedding, prompts: Prompts, previous: Segmentation | None, drawn: str
) -> torch.Tensor | None:
    """Return what the decoder starts from, as logits of shape (1, 1, h, w): the last answer, or a drawn mask."""
    state = None if previous is None else previous.state
    if isinstance(state, Refinement) and (state.picture, state.drawn) == (embedding.picture, drawn):
        return torch.tensor(state.logits)[None, None]
    if prompts.mask is None:
        return None
    return drawn_logits(model, prompts.mask.mask, embedding.shape)


def drawn_logits(model: Model, mask: PlacedMask, shape: tuple[int, int]) -> torch.Tensor:
    """Return a mask that was drawn on a picture of ``shape`` (H, W) as logits, shape (1, 1, h, w)."""
    shares = shares_of(mask, shape, tuple(model.net.tracker_model.prompt_encoder.mask_input_size))
    return shares * (2 * DRAWN_LOGIT) - DRAWN_LOGIT


def shares_of(mask: PlacedMask, shape: tuple[int, int], size: tuple[int, int]) -> torch.Tensor:
    """Return how much of each cell of a grid over a picture lies in a mask, shape (1, 1, *size), float32.

    Raises
    ------
    PromptError
        If no pixel of the mask lies on the picture.
    """
    inside = mask.within(Box(0, 0, *shape))
    if not inside.any():
        raise PromptError("The mask lies outside the image.", hint="Paint on the picture itself.")
    cells = torch.from_numpy(inside)[None, None].float()
    made: torch.Tensor = torch.nn.functional.interpolate(cells, size, mode="bilinear", antialias=True)
    return made


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
        Of one object alone; see :func:`corners_round` and :func:`drawn_logits`.
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
    if box is None and not labels.size:  # the decoder wants one token, be it of no point
        points, labels = np.zeros((1, 1, 2), np.float32), np.array([[_NO_POINT]])
    with torch.inference_mode():
        sparse, dense = tracker.prompt_encoder(
            input_points=_on(model, points * side)[None] if labels.size else None,
            input_labels=_on(model, labels)[None] if labels.size else None,
            input_boxes=None if box is None else _on(model, box * side)[None, None],
            input_masks=None if prior is None else prior.to(model.device),
        )
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


def _signed(mask: PlacedMask) -> str:
    """Return the same text for the same mask in the same place."""
    inside = mask.trimmed()
    seen = f"{inside.offset} {inside.mask.shape} ".encode() + np.packbits(inside.mask).tobytes()
    return hashlib.blake2b(seen, digest_size=16).hexdigest()
