"""Objects that Meta's tracker follows through frames: given by points, boxes or masks on any of them, corrected on any.

Meta's own video predictor reads a whole film at the start. The tracker below it does not: it takes the features of one
frame at a time, which are those of the one encoding that serves every prompt. So no frame is kept, a film may have any
number of them, each step can be stopped, and nothing stays behind in the package's list of sessions.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from napari_sam3_assistant.core.errors import EngineError, PromptError
from napari_sam3_assistant.core.geometry import Box, PlacedMask, mask_iou
from napari_sam3_assistant.core.progress import CancelToken
from napari_sam3_assistant.core.prompts import Prompts
from napari_sam3_assistant.core.results import FrameResult, Segmentation
from napari_sam3_assistant.engines.meta import tracking
from napari_sam3_assistant.engines.meta.embedding import MetaEmbedding, tracker_features
from napari_sam3_assistant.engines.meta.model import MetaModel
from napari_sam3_assistant.engines.meta.remembered import Remembered
from napari_sam3_assistant.engines.places import corners_round, places_of
from napari_sam3_assistant.engines.protocol import Embedding, VideoLimits, check_number, check_shape, check_video
from napari_sam3_assistant.engines.sam3.masks import placed
from napari_sam3_assistant.engines.sam3.prompting import drawn_logits

LIMITS = VideoLimits(max_points=tracking.MOST_POINTS)
"""What the tracker takes. It is more than Meta's video predictor passes on to it, which takes points only.

That one's boxes go to the detector, as an example of what to find, one a request. Here a box is two corners for the
tracker itself: each object may have one, together with points, and a mask is taken too.
"""
SAME = 0.9
"""A mask that overlaps so much (IoU) with what the tracker remembers is that: its logits say more than the mask."""

_MOST_WITH_BOX = tracking.MOST_POINTS - 2  # a box is two points

Look = Callable[[Embedding], tuple[MetaModel, MetaEmbedding]]


class ObjectsSession:
    """Objects followed by Meta's tracker; see :class:`~napari_sam3_assistant.engines.protocol.VideoSession`.

    A prompted frame conditions all later answers, and stays as it was answered: so does a correction on a frame that
    the object was followed to. An object that is not seen on a frame may be seen again on a later one; none is lost.
    Masks of several objects may overlap: Meta's video predictor gives what they share to the object of the higher
    score, which is left to whoever puts them on one picture.

    Parameters
    ----------
    look : callable
        Returns the model and the embedding that one is.
    instead : str
        What to do where a prompt is not taken.
    """

    def __init__(self, look: Look, instead: str) -> None:
        self._look, self._instead = look, instead
        self._objects: dict[int, Remembered] = {}
        self._following: set[int] = set()
        self._shape: tuple[int, int] | None = None
        self._weights = ""
        self._last: tuple[int, bool] | None = None

    @property
    def nbytes(self) -> int:
        """Memory that is taken by what is remembered, in bytes."""
        return sum(one.nbytes for one in self._objects.values())

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
        points correct it, is what the decoder starts from. Points that are added to those before start from the last
        answer on the frame, as in Meta's package; a box, or points of which some were taken away, start anew, and so do
        the same points: they get the same answer.
        """
        check_number(object_id)
        check_video(prompts, LIMITS, self._instead)
        model, known = self._frame(embedding, cancel)
        with model.computing(), tracking.stoppable(model.tracker, cancel):
            changed = self._remembered(model, object_id)
            changed.prune(model.tracker, frame)
            if prompts.mask is not None and prompts.is_mask:
                kept = _draw(model, changed, frame, known, prompts.mask.mask)
            else:
                asked = _asked(prompts, known.shape)
                _start(model, changed, frame, known.shape, prompts, present)
                kept = tracking.prompted(model.tracker, changed, frame, tracker_features(model, known), asked)
                changed.drawn.pop(frame, None)
            changed.begun.discard(frame)
            changed.said[frame] = prompts
            answer = _answer(model, kept, known.shape, changed.drawn.get(frame))
        self._objects[object_id] = changed
        self._arrive(frame, known, {object_id})
        return answer

    def begin(self, frame: int, embedding: Embedding, masks: Mapping[int, PlacedMask]) -> None:
        """Follow objects on from ``frame``; see :meth:`VideoSession.begin`."""
        model, known = self._frame(embedding)
        made: dict[int, Remembered] = {}
        with model.computing():
            for object_id, mask in masks.items():
                changed = self._remembered(model, object_id)
                if changed.on(frame) is None:
                    changed.prune(model.tracker, frame)
                    _draw(model, changed, frame, known, mask)
                    changed.begun.add(frame)
                    made[object_id] = changed
        self._objects |= made
        self._arrive(frame, known, set(masks))

    def step(
        self,
        frame: int,
        embedding: Embedding,
        ids: Collection[int] | None = None,
        *,
        cancel: CancelToken | None = None,
    ) -> FrameResult:
        """Return the objects on ``frame``; see :meth:`VideoSession.step`. A step looks at ``cancel`` all the while."""
        if self._last is None or not self._objects:
            raise PromptError("There is no object to follow.", hint="Click on one first.")
        model, known = self._frame(embedding, cancel)
        before, way = self._last
        backward = way if frame == before else frame < before
        following = self._following if ids is None else self._following & set(ids)
        found: dict[int, Segmentation] = {}
        made: dict[int, Remembered] = {}
        with model.computing(), tracking.stoppable(model.tracker, cancel):
            for object_id in sorted(following):
                made[object_id] = changed = self._remembered(model, object_id)
                changed.prune(model.tracker, frame)
                kept = tracking.followed(model.tracker, changed, frame, tracker_features(model, known), backward)
                answer = _answer(model, kept, known.shape, changed.drawn.get(frame))
                if answer.mask.area:
                    found[object_id] = answer
        self._objects |= made
        self._last, self._following = (frame, backward), following
        return FrameResult(frame, found)

    def remove(self, object_id: int) -> None:
        """Follow the object no longer, and forget it."""
        self._objects.pop(object_id, None)
        self._following.discard(object_id)

    def close(self) -> None:
        """Forget all objects."""
        self._objects.clear()
        self._following.clear()
        self._last = self._shape = None
        self._weights = ""

    def _remembered(self, model: MetaModel, object_id: int) -> Remembered:
        """Return what is remembered of an object, apart: a call that fails leaves the session as it was."""
        known = self._objects.get(object_id)
        return Remembered.nothing(model.tracker) if known is None else known.copy()

    def _arrive(self, frame: int, known: MetaEmbedding, ids: set[int]) -> None:
        """Go on from ``frame`` with ``ids`` and those that are remembered there; the others rest."""
        here = {object_id for object_id, one in self._objects.items() if one.on(frame) is not None}
        if self._last is None or self._last[0] != frame:
            self._following = here
        self._following = self._following | ids
        self._shape, self._weights, self._last = known.shape, known.weights, (frame, False)

    def _frame(self, embedding: Embedding, cancel: CancelToken | None = None) -> tuple[MetaModel, MetaEmbedding]:
        if cancel is not None:
            cancel.raise_if_cancelled()
        model, known = self._look(embedding)
        if self._weights not in ("", known.weights):  # the engine was loaded anew in between, from another file
            raise EngineError(
                "The SAM3 video session expired or was cancelled.",
                hint="Run a new 3D/video preview before propagating again.",
            )
        check_shape(known.shape, self._shape)
        return model, known


def _draw(
    model: MetaModel, remembered: Remembered, frame: int, known: MetaEmbedding, mask: PlacedMask
) -> Mapping[str, Any]:
    """Have an object be a mask, as far as it lies on the frame; return what the tracker keeps of it."""
    features = tracker_features(model, known)
    kept = tracking.drawn(model.tracker, remembered, frame, features, mask, known.shape)
    remembered.drawn[frame] = PlacedMask(mask.within(Box(0, 0, *known.shape))).trimmed()
    return kept


def _asked(prompts: Prompts, shape: tuple[int, int]) -> tracking.Asked:
    """Return points and a box as the tracker takes them."""
    places, labels = places_of(prompts.points, shape)
    corners = None if prompts.box is None else corners_round(prompts.box, shape)
    if corners is not None and len(labels) > _MOST_WITH_BOX:
        raise PromptError(
            f"With a box this engine takes up to {_MOST_WITH_BOX} points for one object, not {len(labels)}.",
            hint="Delete some points, or the box.",
        )
    return tracking.Asked(places, labels.astype(np.int32), corners)


def _start(
    model: MetaModel,
    remembered: Remembered,
    frame: int,
    shape: tuple[int, int],
    prompts: Prompts,
    present: PlacedMask | None,
) -> None:
    """Have points and a box start from what they are about: a mask, the last answer there, or the frame alone."""
    before, said, grid = remembered.on(frame), remembered.said.get(frame), tracking.grid_of(model.tracker)
    added_to = said is None or (said.box is None and set(said.points) < set(prompts.points))
    prior = None
    if prompts.mask is not None:
        prior = drawn_logits(prompts.mask.mask, shape, grid)
    elif prompts.box is None and present is not None and present.lies_on(shape):
        if before is not None and mask_iou(_mask(model, before, shape, remembered.drawn.get(frame)), present) >= SAME:
            prior = before["pred_masks"]
        else:
            prior = drawn_logits(present, shape, grid)
    fresh = prior is not None or prompts.box is not None or not added_to
    if fresh:
        remembered.answer_anew(frame, prior)
    if not (prompts.positive or prompts.box or prior is not None or (before is not None and not fresh)):
        raise PromptError("There are only negative points.", hint="Add a positive one: click on the object.")


def _answer(
    model: MetaModel, kept: Mapping[str, Any], shape: tuple[int, int], drawn: PlacedMask | None
) -> Segmentation:
    """Return what the tracker keeps of an object on a frame of ``shape`` (H, W); ``drawn`` is the mask it was given."""
    score = 1.0 if drawn is not None else tracking.score_of(kept)
    return Segmentation(_mask(model, kept, shape, drawn), score)


def _mask(model: MetaModel, kept: Mapping[str, Any], shape: tuple[int, int], drawn: PlacedMask | None) -> PlacedMask:
    """Return an object's mask; empty where it is not there."""
    if drawn is not None:
        return drawn
    return placed(tracking.logits_of(kept, model.video.fill_hole_area), shape)
