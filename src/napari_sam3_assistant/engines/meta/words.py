"""Objects that Meta's package finds by words on every frame of a film, and follows from one to the next."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import Unsupported
from napari_sam3_assistant.core.geometry import Box, PlacedMask
from napari_sam3_assistant.core.progress import CancelToken
from napari_sam3_assistant.core.prompts import Prompts
from napari_sam3_assistant.core.results import FrameResult, Segmentation
from napari_sam3_assistant.engines import hooks
from napari_sam3_assistant.engines.meta.embedding import MetaEmbedding, detector_features
from napari_sam3_assistant.engines.meta.finding import Finder, Found
from napari_sam3_assistant.engines.meta.model import MetaModel
from napari_sam3_assistant.engines.protocol import Embedding, check_shape

Look = Callable[[Embedding], tuple[MetaModel, MetaEmbedding]]


class WordsSession:
    """Objects found by phrases and followed; see :class:`~napari_sam3_assistant.engines.protocol.VideoSession`.

    Each phrase has a film of its own in Meta's model, and all share one encoding of a frame. Numbers are given as
    objects are found, from 1. Answers come at once, without the 15 frames by which Meta's package holds them back: an
    object that turns out to be none, or another one's double, is lost where that is seen, and not on frames before.

    Parameters
    ----------
    look : callable
        Returns the model and the embedding that one is.
    phrases : collection of str

    Notes
    -----
    Answers are those of ``Sam3VideoPredictor`` of package ``sam3`` for the same frames, to the pixel, where the film
    has 16 frames or more: in a shorter one that package weighs earlier frames by how long the film is, which nobody
    knows here.
    """

    def __init__(self, look: Look, phrases: Collection[str]) -> None:
        self._look, self._phrases = look, tuple(dict.fromkeys(phrases))
        self._finders: list[Finder] = []
        self._half: dict[Finder, Found] = {}
        self._shape: tuple[int, int] | None = None
        self._last: tuple[int, bool] | None = None
        self._at: tuple[int, bool] | None = None
        self._names: dict[int, str] = {}
        self._lost: frozenset[int] = frozenset()
        self._removed: set[int] = set()

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
        """Raise Unsupported: here objects are found by words alone."""
        raise Unsupported(
            "The objects of this film are found by words; they take no prompts of their own.",
            hint="Follow the object that you correct by itself, without words.",
        )

    def begin(self, frame: int, embedding: Embedding, masks: Mapping[int, PlacedMask]) -> None:
        """Follow objects on from ``frame``, each for the phrase that finds it there; see :meth:`VideoSession.begin`.

        One that is known from other frames only is known from this one alone afterwards.
        """
        model, known = self._frame(embedding)
        with model.computing():
            finders = self._opened(model, known.shape)
            new = {id: mask for id, mask in masks.items() if not any(one.knows(id, frame) for one in finders)}
            features = detector_features(model, known)
            for finder, drawn in self._shared_out(frame, known.shape, features, new).items():
                finder.add(frame, features, drawn)
                self._names |= dict.fromkeys(drawn, finder.phrase)
        self._lost -= set(new)
        self._half.clear()
        self._shape, self._last = known.shape, (frame, False)

    def step(
        self,
        frame: int,
        embedding: Embedding,
        ids: Collection[int] | None = None,
        *,
        cancel: CancelToken | None = None,
    ) -> FrameResult:
        """Return the objects on ``frame``, followed there or found there; see :meth:`VideoSession.step`.

        Of those that it knows, objects that are not in ``ids`` are left out.
        """
        model, known = self._frame(embedding)
        before, way = self._last or (frame, False)
        backward = way if frame == before else frame < before
        if self._at != (frame, backward):
            self._at = (frame, backward)
            self._half.clear()
        with model.computing(), _stoppable(model.video, cancel):
            finders = self._opened(model, known.shape)
            features = detector_features(model, known)
            rest = {id for one in finders for id in one.ids} - set(ids) if ids is not None else set()
            for finder in finders:
                if cancel is not None:
                    cancel.raise_if_cancelled()
                if finder not in self._half:  # a phrase that was done before the step was stopped is not asked again
                    self._half[finder] = self._found(finder, frame, features, backward)
        found = {finder.phrase: self._half[finder] for finder in finders}
        self._half.clear()
        self._at, self._shape, self._last = None, known.shape, (frame, backward)
        return self._told(frame, found, rest)

    def remove(self, object_id: int) -> None:
        """Show the object no longer. It is still followed, or it would be found again under another number."""
        self._removed.add(object_id)

    def close(self) -> None:
        """Forget all objects."""
        self._finders.clear()
        self._half.clear()
        self._names.clear()
        self._removed.clear()
        self._lost = frozenset()
        self._shape = self._last = self._at = None

    def _found(self, finder: Finder, frame: int, features: Mapping[str, Any], backward: bool) -> Found:
        found = finder.step(frame, features, backward, max(self._names, default=0) + 1)
        self._names |= dict.fromkeys(finder.ids, finder.phrase)
        return found

    def _told(self, frame: int, found: Mapping[str, Found], rest: set[int]) -> FrameResult:
        """Return what the phrases have found, as one answer."""
        objects = {
            object_id: Segmentation(PlacedMask(mask).trimmed(), score)
            for one in found.values()
            for object_id, mask, score in zip(one.ids, one.masks, one.scores, strict=True)
            if object_id not in rest | self._removed
        }
        lost = frozenset(id for one in found.values() for id in one.removed)
        newly, self._lost = lost - self._lost - self._removed, self._lost | lost
        return FrameResult(frame, objects, newly, {object_id: self._names[object_id] for object_id in objects})

    def _shared_out(
        self, frame: int, shape: tuple[int, int], features: Mapping[str, Any], masks: Mapping[int, PlacedMask]
    ) -> dict[Finder, dict[int, PlacedMask]]:
        """Return masks by the finder whose phrase has found what overlaps them most: else by the first one."""
        shared: dict[Finder, dict[int, PlacedMask]] = {}
        if not masks:
            return shared
        several = len(self._finders) > 1
        found = {one: one.detect(frame, features).cpu().numpy() > 0 if several else () for one in self._finders}
        whose = {id: next((one for one in self._finders if id in one.ids), None) for id in masks}
        for object_id, mask in masks.items():
            by = {one: max((_overlap(mask, seen, shape) for seen in found[one]), default=0.0) for one in found}
            finder = whose[object_id] or max(by, key=lambda one: by[one])
            shared.setdefault(finder, {})[object_id] = mask
        return shared

    def _frame(self, embedding: Embedding) -> tuple[MetaModel, MetaEmbedding]:
        model, known = self._look(embedding)
        check_shape(known.shape, self._shape)
        return model, known

    def _opened(self, model: MetaModel, shape: tuple[int, int]) -> list[Finder]:
        if not self._finders:
            self._finders = [Finder(model.video, phrase, shape) for phrase in self._phrases]
        return self._finders


def _overlap(mask: PlacedMask, found: npt.NDArray[np.bool_], shape: tuple[int, int]) -> float:
    """Return the overlap (IoU) of a mask with one on the detector's grid, compared at the centres of its cells."""
    height, width = found.shape
    rows = ((np.arange(height) + 0.5) * shape[0] / height).astype(int)
    cols = ((np.arange(width) + 0.5) * shape[1] / width).astype(int)
    drawn = mask.within(Box(0, 0, *shape))[np.ix_(rows, cols)]
    either = np.count_nonzero(drawn | found)
    return np.count_nonzero(drawn & found) / either if either else 0.0


def _stoppable(video: Any, cancel: CancelToken | None) -> AbstractContextManager[None]:
    """Have ``cancel`` looked at in every layer that reads the frame, or earlier frames, until decisions are made."""
    layers = (*video.detector.transformer.encoder.layers, *video.tracker.transformer.encoder.layers)
    return hooks.stoppable(layers, cancel)
