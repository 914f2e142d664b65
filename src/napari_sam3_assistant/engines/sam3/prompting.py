"""What prompts become for SAM3, and what becomes of its answers, whichever package computes them.

Nothing here knows a model: what computes is given as a function. transformers and Meta's package are not needed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.geometry import Box, PlacedMask
from napari_sam3_assistant.core.prompts import BoxPrompt, PointPrompt, Prompts, Query
from napari_sam3_assistant.core.results import Candidates, Segmentation
from napari_sam3_assistant.engines.places import corners_of, corners_round, places_of
from napari_sam3_assistant.engines.proposing import Places
from napari_sam3_assistant.engines.sam3.masks import FloatArray, candidates, filled, placed

# Meta's package clamps what it takes back, and gives a drawn mask these values.
MOST_LOGIT = 32.0
DRAWN_LOGIT = 10.0
NO_WORDS = "visual"
"""The phrase that Meta's package gives the model where there are examples only."""
LEAST_SCORE = 0.01
"""Of several phrases in one query, what is found with a lower score is not kept: 200 objects for each would be."""

_LEAST_READ = 0.5
"""A reading that is expected to overlap less with an object is none."""
_OFFSET = 1.0


class Decode(Protocol):
    """SAM3's decoder of clicks for one picture."""

    def __call__(
        self,
        points: FloatArray,
        labels: npt.NDArray[np.int64],
        box: FloatArray | None = None,
        prior: torch.Tensor | None = None,
        *,
        readings: bool,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return logits and expected overlaps; see :func:`~napari_sam3_assistant.engines.sam3.clicks.decoded`."""


class Encoded(Protocol):
    """What is asked of an embedding here."""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the picture, in pixels."""

    @property
    def picture(self) -> str:
        """The same text for the same pixels."""


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
    decode: Decode,
    grid: tuple[int, int],
    embedding: Encoded,
    prompts: Prompts,
    previous: Segmentation | None,
    hole_area: int,
) -> Segmentation:
    """Return the object that ``prompts`` are about; see :meth:`ImageEngine.segment`.

    A lone click is ambiguous: the decoder reads it in three ways, the one that it expects to fit best
    becomes the mask, the others the alternatives. Everything else has one reading.

    Parameters
    ----------
    decode : Decode
        Of the picture.
    grid : tuple of int
        Height and width of the grid on which the decoder takes masks.
    embedding : Encoded
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
    prior = _prior(grid, embedding, prompts, previous, drawn)
    if box is None and prior is None and not labels.any():
        raise PromptError("There are only negative points.", hint="Add a positive one: click on the object.")
    readings = len(labels) == 1 and box is None and prior is None
    masks, overlaps = decode(points[None], labels[None], box, prior, readings=readings)
    logits, scores = masks[0].float().cpu().numpy(), overlaps[0].float().cpu().numpy()
    order = np.argsort(-scores, kind="stable")
    found = [placed(filled(logits[index], hole_area), embedding.shape) for index in order]
    state = Refinement(embedding.picture, drawn, logits[order[0]].clip(-MOST_LOGIT, MOST_LOGIT))
    return Segmentation(found[0], float(scores[order[0]]), tuple(mask for mask in found[1:] if mask.area), state)


def _prior(
    grid: tuple[int, int], embedding: Encoded, prompts: Prompts, previous: Segmentation | None, drawn: str
) -> torch.Tensor | None:
    """Return what the decoder starts from, as logits of shape (1, 1, h, w): the last answer, or a drawn mask."""
    state = None if previous is None else previous.state
    if isinstance(state, Refinement) and (state.picture, state.drawn) == (embedding.picture, drawn):
        return torch.tensor(state.logits)[None, None]
    if prompts.mask is None:
        return None
    return drawn_logits(prompts.mask.mask, embedding.shape, grid)


def drawn_logits(mask: PlacedMask, shape: tuple[int, int], grid: tuple[int, int]) -> torch.Tensor:
    """Return a mask that was drawn on a picture of ``shape`` (H, W) as logits on a grid, shape (1, 1, *grid)."""
    return shares_of(mask, shape, grid) * (2 * DRAWN_LOGIT) - DRAWN_LOGIT


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


def proposals(decode: Decode, shape: tuple[int, int], places: Places, hole_area: int) -> Candidates:
    """Return the readings of each place, those of the first one first; see :meth:`ProposingEngine.propose`.

    Parameters
    ----------
    decode : Decode
        Of the picture.
    shape : tuple of int
        Its height and width, in pixels.
    places : ndarray of shape (n, 2), float
        ``(row, col)`` in pixels.
    hole_area : int
        See :func:`~napari_sam3_assistant.engines.sam3.masks.filled`.

    Notes
    -----
    The stability is ``calculate_stability_score`` of package ``segment_anything``, with its offset of 1. Masks
    are compared on the decoder's grid, before holes are filled.
    """
    points, labels = places_of([PointPrompt(row, col) for row, col in places.tolist()], shape)
    if not len(points):
        none = np.zeros(0, np.float32)
        return Candidates(none, none.reshape(0, 4), (), none.reshape(0, 4), shape, none)
    read = decode(points[:, None], labels[:, None], readings=True)
    masks, overlaps = (part.flatten(0, 1).float() for part in read)
    stable = _stability(masks)
    scores = overlaps.cpu().numpy()
    # What has no cell would be left out later, and the stabilities would be those of others.
    kept = np.flatnonzero((scores >= _LEAST_READ) & (masks > 0).any(dim=(1, 2)).cpu().numpy())
    logits = [filled(masks[index].cpu().numpy(), hole_area) for index in kept.tolist()]
    grids = np.stack(logits) if logits else np.zeros((0, 1, 1), np.float32)
    return replace(candidates(grids, scores[kept], shape), stability=stable.cpu().numpy()[kept])


def _stability(masks: torch.Tensor) -> torch.Tensor:
    """Return the overlap (IoU) of each mask cut a little above and a little below 0, shape (n,), float32."""
    inner, outer = (masks > _OFFSET).sum(dim=(1, 2)), (masks > -_OFFSET).sum(dim=(1, 2))
    return inner.float() / outer.clamp(min=1).float()


def find(
    ask: Callable[[str, FloatArray, list[bool]], tuple[torch.Tensor, torch.Tensor]],
    shape: tuple[int, int],
    query: Query,
) -> Candidates:
    """Return all that each phrase of ``query`` (or none, with examples) finds; see :meth:`ImageEngine.find`.

    One after another: each phrase is asked together with all examples.

    Parameters
    ----------
    ask : callable
        Takes a phrase and examples as :func:`examples` returns them; returns scores, shape (n,), and logits,
        shape (n, h, w).
    shape : tuple of int
        Height and width of the picture, in pixels.
    query : Query
    """
    boxes, labels = examples(query.exemplars, shape)
    words = [one.text for one in query.texts] or [NO_WORDS]
    least = 0.0 if len(words) == 1 else LEAST_SCORE
    parts = []
    for one in words:
        scores, logits = ask(one, boxes, labels)
        keep = scores >= least
        parts.append(candidates(logits[keep].float().cpu().numpy(), scores[keep].float().cpu().numpy(), shape))
    return joined(parts, shape)


def examples(exemplars: Sequence[BoxPrompt], shape: tuple[int, int]) -> tuple[FloatArray, list[bool]]:
    """Return examples as ``(cx, cy, w, h)`` in fractions of the picture, shape (n, 4), and whether each is one of it.

    Raises
    ------
    PromptError
        If one lies outside the picture.
    """
    if not exemplars:
        return np.zeros((0, 4), np.float32), []
    corners = np.stack([corners_of(one.box, shape) for one in exemplars])
    low, high = corners[:, :2], corners[:, 2:]
    return np.concatenate([(low + high) / 2, high - low], axis=1), [one.positive for one in exemplars]


def joined(parts: Sequence[Candidates], shape: tuple[int, int]) -> Candidates:
    """Return what several phrases have found on one picture as one."""
    if len(parts) == 1:
        return parts[0]
    return Candidates(
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.boxes for part in parts]),
        tuple(logits for part in parts for logits in part.logits),
        np.concatenate([part.frames for part in parts]),
        shape,
    )


def _signed(mask: PlacedMask) -> str:
    """Return the same text for the same mask in the same place."""
    inside = mask.trimmed()
    seen = f"{inside.offset} {inside.mask.shape} ".encode() + np.packbits(inside.mask).tobytes()
    return hashlib.blake2b(seen, digest_size=16).hexdigest()
