"""Objects that SAM3 follows through frames: given by points, boxes or masks on any of them, corrected on any.

Each object has a memory of its own; the features of a frame serve all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import numpy as np
import torch

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.geometry import Box, PlacedMask, mask_iou
from napari_sam3_assistant.core.progress import CancelToken
from napari_sam3_assistant.core.prompts import Prompts
from napari_sam3_assistant.core.results import FrameResult, Segmentation
from napari_sam3_assistant.engines import devices
from napari_sam3_assistant.engines.places import corners_round, places_of
from napari_sam3_assistant.engines.protocol import Embedding, VideoLimits, check_number, check_shape, check_video
from napari_sam3_assistant.engines.sam3.clicks import grid_of
from napari_sam3_assistant.engines.sam3.embedding import Sam3Embedding
from napari_sam3_assistant.engines.sam3.masks import placed
from napari_sam3_assistant.engines.sam3.memory import Memory, Seen
from napari_sam3_assistant.engines.sam3.model import Model
from napari_sam3_assistant.engines.sam3.prompting import MOST_LOGIT, drawn_logits
from napari_sam3_assistant.engines.sam3.tracking import (
    Asked,
    Features,
    drawn,
    features_of,
    followed,
    prompted,
    stoppable,
)

LIMITS = VideoLimits()
SAME = 0.9
"""A mask that overlaps so much (IoU) with what the tracker remembers is that: its logits say more than the mask."""

_BOX_LABELS = (2, 3)

Look = Callable[[Embedding], tuple[Model, Sam3Embedding]]


class TrackerSession:
    """Objects followed by SAM3's tracker; see :class:`~napari_sam3_assistant.engines.protocol.VideoSession`.

    A prompted frame conditions all later answers, and stays as it was answered: so does a correction on a frame that
    the object was followed to. An object that is not seen on a frame may be seen again on a later one; none is lost.

    Parameters
    ----------
    look : callable
        Returns the model and the embedding that one is.
    instead : str
        What to do where a prompt is not taken.
    """

    def __init__(self, look: Look, instead: str) -> None:
        self._look, self._instead = look, instead
        self._memories: dict[int, Memory] = {}
        self._following: set[int] = set()
        self._shape: tuple[int, int] | None = None
        self._last: tuple[int, bool] | None = None

    @property
    def nbytes(self) -> int:
        """Memory that is taken by what is remembered, in bytes."""
        return sum(memory.nbytes for memory in self._memories.values())

    def prompt(
        self,
        frame: int,
        embedding: Embedding,
        object_id: int,
        prompts: Prompts,
        present: PlacedMask | None = None,
        *,
        cancel: CancelToken | None = None,
    ) -> Segmentation:
        """Set or correct an object on ``frame``; see :meth:`VideoSession.prompt`.

        A mask alone is taken as it is. One that comes with points or a box, or what is ``present`` on the frame where
        points correct it, is what the decoder starts from.
        """
        check_number(object_id)
        check_video(prompts, LIMITS, self._instead)
        model, known = self._frame(embedding, cancel)
        memory = self._memories.get(object_id, Memory())
        with devices.memory_errors(), torch.inference_mode(), stoppable(model, cancel):
            features = features_of(model, known)
            if prompts.mask is not None and prompts.is_mask:
                seen = drawn(model, features, _clipped(prompts.mask.mask, known.shape), known.shape)
            else:
                asked = _asked(model, known.shape, memory.on(frame), prompts, present)
                seen = prompted(model, features, memory, frame, asked)
            answer = _answer(seen, known.shape)
        memory.tell(frame, seen)
        self._memories[object_id] = memory
        self._arrive(frame, known.shape, {object_id})
        return answer

    def begin(self, frame: int, embedding: Embedding, masks: Mapping[int, PlacedMask]) -> None:
        """Follow objects on from ``frame``; see :meth:`VideoSession.begin`."""
        model, known = self._frame(embedding)
        with devices.memory_errors(), torch.inference_mode():
            features = features_of(model, known)
            for object_id, mask in masks.items():
                memory = self._memories.get(object_id, Memory())
                if memory.on(frame) is None:
                    seen = drawn(model, features, _clipped(mask, known.shape), known.shape)
                    memory.tell(frame, seen, begun=True)
                    self._memories[object_id] = memory
        self._arrive(frame, known.shape, set(masks))

    def step(
        self,
        frame: int,
        embedding: Embedding,
        ids: Collection[int] | None = None,
        *,
        cancel: CancelToken | None = None,
    ) -> FrameResult:
        """Return the objects on ``frame``; see :meth:`VideoSession.step`. A step looks at ``cancel`` all the while."""
        if self._last is None or not self._memories:
            raise PromptError("There is no object to follow.", hint="Click on one first.")
        model, known = self._frame(embedding, cancel)
        before, way = self._last
        backward = way if frame == before else frame < before
        following = self._following if ids is None else self._following & set(ids)
        found: dict[int, Segmentation] = {}
        with devices.memory_errors(), torch.inference_mode(), stoppable(model, cancel):
            features = features_of(model, known)
            for object_id in sorted(following):
                answer = _answer(_on(model, features, self._memories[object_id], frame, backward), known.shape)
                if answer.mask.area:
                    found[object_id] = answer
        self._last, self._following = (frame, backward), following
        return FrameResult(frame, found)

    def remove(self, object_id: int) -> None:
        """Follow the object no longer, and forget it."""
        self._memories.pop(object_id, None)
        self._following.discard(object_id)

    def close(self) -> None:
        """Forget all objects."""
        self._memories.clear()
        self._following.clear()
        self._last = self._shape = None

    def _arrive(self, frame: int, shape: tuple[int, int], ids: set[int]) -> None:
        """Go on from ``frame`` with ``ids`` and those that are remembered there; the others rest."""
        here = {object_id for object_id, memory in self._memories.items() if memory.on(frame) is not None}
        if self._last is None or self._last[0] != frame:
            self._following = here
        self._following = self._following | ids
        self._shape, self._last = shape, (frame, False)

    def _frame(self, embedding: Embedding, cancel: CancelToken | None = None) -> tuple[Model, Sam3Embedding]:
        if cancel is not None:
            cancel.raise_if_cancelled()
        model, known = self._look(embedding)
        check_shape(known.shape, self._shape)
        return model, known


def _on(model: Model, features: Features, memory: Memory, frame: int, backward: bool) -> Seen:
    """Return an object on a frame: as it was prompted there, else as it is followed to it now."""
    told = memory.told.get(frame)
    if told is not None:
        return told
    seen = followed(model, features, memory, frame, backward)
    memory.follow(frame, seen)
    return seen


def _answer(seen: Seen, shape: tuple[int, int]) -> Segmentation:
    """Return an object as its mask on a frame of ``shape`` (H, W); empty where it is not there."""
    if seen.drawn is not None:
        return Segmentation(seen.drawn, seen.score)
    if not seen.there or seen.logits is None:
        return Segmentation(PlacedMask(np.zeros((0, 0), bool)), seen.score)
    return Segmentation(placed(seen.logits[0, 0].cpu().numpy(), shape), seen.score)


def _clipped(mask: PlacedMask, shape: tuple[int, int]) -> PlacedMask:
    """Return the part of a mask that lies on a frame."""
    box = mask.box
    if box is None or (box.top >= 0 and box.left >= 0 and box.bottom <= shape[0] and box.right <= shape[1]):
        return mask
    return PlacedMask(mask.within(Box(0, 0, *shape))).trimmed()


def _asked(
    model: Model, shape: tuple[int, int], before: Seen | None, prompts: Prompts, present: PlacedMask | None
) -> Asked:
    """Return points and a box, and what they correct, as the tracker takes them."""
    points, labels = places_of(prompts.points, shape)
    if prompts.box is not None:
        points = np.concatenate([corners_round(prompts.box, shape).reshape(2, 2), points])
        labels = np.concatenate([_BOX_LABELS, labels])
    prior = _prior(model, shape, before, prompts, present)
    if prior is None and not labels.any():
        raise PromptError("There are only negative points.", hint="Add a positive one: click on the object.")
    return Asked(
        torch.from_numpy(points * np.float32(model.side))[None, None].to(model.device),
        torch.from_numpy(labels.astype(np.int32))[None, None].to(model.device),
        prior,
    )


def _prior(
    model: Model, shape: tuple[int, int], before: Seen | None, prompts: Prompts, present: PlacedMask | None
) -> torch.Tensor | None:
    """Return the logits that a prompt corrects; None where it is about the frame alone."""
    if prompts.mask is not None:
        return drawn_logits(prompts.mask.mask, shape, grid_of(model)).to(model.device)
    if present is None or prompts.box is not None or not present.lies_on(shape):
        return None
    if before is not None and before.logits is not None and mask_iou(_answer(before, shape).mask, present) >= SAME:
        return before.logits.clamp(-MOST_LOGIT, MOST_LOGIT)
    return drawn_logits(present, shape, grid_of(model)).to(model.device)
