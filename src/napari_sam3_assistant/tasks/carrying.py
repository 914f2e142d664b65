"""Carrying: objects followed through frames by an engine that takes masks, but follows nothing by itself.

The mask of an object on one frame is the prompt on the next.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from napari_sam3_assistant.core.errors import PromptError, Unsupported
from napari_sam3_assistant.core.geometry import PlacedMask, mask_iou
from napari_sam3_assistant.core.progress import CancelToken
from napari_sam3_assistant.core.prompts import MaskPrompt, Prompts, Query
from napari_sam3_assistant.core.results import FrameResult, Segmentation
from napari_sam3_assistant.engines.protocol import (
    Capabilities,
    Embedding,
    ImageEngine,
    VideoLimits,
    VideoSession,
    check_number,
    corrected,
    video_of,
)

LEAST_SCORE = 0.3
"""An answer that scores less is no object: the one that was followed is gone."""
LEAST_IOU = 0.1
"""An answer that covers so little of where the object was is another object."""


class CarryingSession:
    """Objects followed by one engine, whose answer to a mask is the mask of the next frame's question.

    Parameters
    ----------
    engine : ImageEngine
        One that takes masks.
    """

    def __init__(self, engine: ImageEngine) -> None:
        self._engine = engine
        self._frame: int | None = None
        self._masks: dict[int, PlacedMask] = {}

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
        """Set or correct an object on ``frame``; a mask alone is taken as it is. See :meth:`VideoSession.prompt`."""
        if cancel is not None:
            cancel.raise_if_cancelled()
        check_number(object_id)
        if prompts.mask is not None and prompts.is_mask:
            if not prompts.mask.mask.lies_on(embedding.shape):
                raise PromptError("The mask lies outside the image.", hint="Paint on the picture itself.")
            answer = Segmentation(prompts.mask.mask, 1.0)
        else:
            answer = self._engine.segment(embedding, corrected(prompts, present))
        self.begin(frame, embedding, {object_id: answer.mask})
        return answer

    def begin(self, frame: int, embedding: Embedding, masks: Mapping[int, PlacedMask]) -> None:
        """Follow objects on from ``frame``; see :meth:`VideoSession.begin`."""
        if frame != self._frame:
            self._frame, self._masks = frame, {}
        self._masks.update(masks)

    def step(
        self,
        frame: int,
        embedding: Embedding,
        ids: Collection[int] | None = None,
        *,
        cancel: CancelToken | None = None,
    ) -> FrameResult:
        """Return the objects on ``frame``; see :meth:`VideoSession.step`. One that is not seen is lost."""
        if self._frame is None:
            raise PromptError("There is no object to follow.", hint="Click on one first.")
        masks = {id: mask for id, mask in self._masks.items() if ids is None or id in ids}
        found = {}
        for object_id, mask in masks.items():
            if cancel is not None:
                cancel.raise_if_cancelled()
            answer = self._engine.segment(embedding, Prompts(mask=MaskPrompt(mask)))
            if answer.score >= LEAST_SCORE and mask_iou(answer.mask, mask) >= LEAST_IOU:
                found[object_id] = Segmentation(answer.mask, answer.score)
        self._frame, self._masks = frame, {object_id: one.mask for object_id, one in found.items()}
        return FrameResult(frame, found, frozenset(masks) - frozenset(found))

    def remove(self, object_id: int) -> None:
        """Follow the object no longer."""
        self._masks.pop(object_id, None)

    def close(self) -> None:
        """Forget all objects."""
        self._masks.clear()
        self._frame = None


def limits_of_video(capabilities: Capabilities) -> VideoLimits:
    """Return what is taken for objects that are followed: as the engine says, or what carrying masks needs."""
    if capabilities.video is not None:
        return capabilities.video
    return VideoLimits(capabilities.points, capabilities.boxes, capabilities.masks, max_points=capabilities.max_points)


def session_of(engine: ImageEngine, query: Query | None = None) -> VideoSession:
    """Return what follows objects: the engine's own session where it has one, else one that carries masks.

    Raises
    ------
    Unsupported
        For a query, if the engine finds nothing by words in a film.
    """
    if engine.capabilities.video is not None:
        return video_of(engine).start(query)
    if query is not None:
        raise Unsupported("This engine finds nothing by words in a film.", hint=engine.capabilities.instead)
    return CarryingSession(engine)
