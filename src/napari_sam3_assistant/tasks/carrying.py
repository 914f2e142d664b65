"""Carrying: objects followed through frames by an engine that takes masks, but follows nothing by itself.

The mask of an object on one frame is the prompt on the next.
"""

from __future__ import annotations

from napari_sam3_assistant.core.geometry import PlacedMask, mask_iou
from napari_sam3_assistant.core.prompts import MaskPrompt, Prompts
from napari_sam3_assistant.core.results import FrameResult, Segmentation
from napari_sam3_assistant.engines.protocol import Embedding, ImageEngine, VideoEngine, VideoSession

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
        self._masks: dict[int, PlacedMask] = {}

    def prompt(self, frame: int, embedding: Embedding, object_id: int, prompts: Prompts) -> Segmentation:
        """Set or correct an object on ``frame``; a mask alone is taken as it is. See :meth:`VideoSession.prompt`."""
        if prompts.mask is not None and not prompts.points and prompts.box is None:
            answer = Segmentation(prompts.mask.mask, 1.0)
        else:
            answer = self._engine.segment(embedding, prompts)
        self._masks[object_id] = answer.mask
        return answer

    def step(self, frame: int, embedding: Embedding) -> FrameResult:
        """Return the objects on ``frame``. One that is lost has no entry, and is followed no longer."""
        found = {}
        for object_id, mask in self._masks.items():
            answer = self._engine.segment(embedding, Prompts(mask=MaskPrompt(mask)))
            if answer.score >= LEAST_SCORE and mask_iou(answer.mask, mask) >= LEAST_IOU:
                found[object_id] = Segmentation(answer.mask, answer.score)
        self._masks = {object_id: one.mask for object_id, one in found.items()}
        return FrameResult(frame, found)

    def remove(self, object_id: int) -> None:
        """Follow the object no longer."""
        self._masks.pop(object_id, None)

    def close(self) -> None:
        """Forget all objects."""
        self._masks.clear()


def session_of(engine: ImageEngine) -> VideoSession:
    """Return what follows objects: the engine's own session where it has one, else one that carries masks."""
    if engine.capabilities.video and isinstance(engine, VideoEngine):
        return engine.start()
    return CarryingSession(engine)
