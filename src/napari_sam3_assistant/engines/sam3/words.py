"""Objects that SAM3 finds by words on every frame of a film, and follows from one to the next."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import torch

from napari_sam3_assistant.core.errors import Unsupported
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.progress import CancelToken
from napari_sam3_assistant.core.prompts import Prompts
from napari_sam3_assistant.core.results import FrameResult, Segmentation
from napari_sam3_assistant.engines import devices
from napari_sam3_assistant.engines.protocol import Embedding, check_shape
from napari_sam3_assistant.engines.sam3 import text
from napari_sam3_assistant.engines.sam3.embedding import Sam3Embedding
from napari_sam3_assistant.engines.sam3.finding import Finder
from napari_sam3_assistant.engines.sam3.masks import placed
from napari_sam3_assistant.engines.sam3.prompting import shares_of
from napari_sam3_assistant.engines.sam3.tracking import drawn, features_of, stoppable

Look = Callable[[Embedding], tuple[text.Reader, Sam3Embedding]]


class WordsSession:
    """Objects found by phrases and followed; see :class:`~napari_sam3_assistant.engines.protocol.VideoSession`.

    Numbers are given as objects are found, from 1. Answers come at once, without the 15 frames by which transformers
    holds them back: an object that turns out to be none, or another one's double, is lost where that is seen.

    Parameters
    ----------
    look : callable
        Returns the model's reader and the embedding that one is.
    phrases : collection of str
    """

    def __init__(self, look: Look, phrases: Collection[str]) -> None:
        self._look, self._phrases = look, tuple(dict.fromkeys(phrases))
        self._finder: Finder | None = None
        self._shape: tuple[int, int] | None = None
        self._last: tuple[int, bool] | None = None
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
        """Follow objects on from ``frame``, each for the phrase that finds it there; see :meth:`VideoSession.begin`."""
        reader, known = self._frame(embedding)
        with devices.memory_errors(), torch.inference_mode():
            finder = self._opened(reader)
            new = {id: mask for id, mask in masks.items() if not finder.knows(id, frame)}
            if new:
                found, features = finder.found(known), features_of(reader.model, known)
            for object_id, mask in new.items():
                shares = shares_of(mask, known.shape, finder.grid)
                phrase = finder.phrase_for(shares[0] >= shares.max().clamp(max=0.5), found)
                finder.add(object_id, frame, drawn(reader.model, features, mask, known.shape), phrase)
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
        if cancel is not None:
            cancel.raise_if_cancelled()
        reader, known = self._frame(embedding)
        before, way = self._last or (frame, False)
        backward = way if frame == before else frame < before
        with devices.memory_errors(), torch.inference_mode(), stoppable(reader.model, cancel):
            finder = self._opened(reader)
            rest = set(finder.ids) - set(ids) if ids is not None else set()
            found = finder.step(frame, known, features_of(reader.model, known), backward, cancel)
        self._shape, self._last = known.shape, (frame, backward)
        objects = {
            one.object_id: Segmentation(placed(one.logits.cpu().numpy(), known.shape), one.score)
            for one in found.objects
            if one.object_id not in rest | self._removed
        }
        objects = {object_id: one for object_id, one in objects.items() if one.mask.area}
        names = {object_id: finder.phrase_of(object_id) for object_id in objects}
        return FrameResult(frame, objects, frozenset(found.removed - self._removed), names)

    def remove(self, object_id: int) -> None:
        """Show the object no longer. It is still followed, or it would be found again under another number."""
        self._removed.add(object_id)

    def close(self) -> None:
        """Forget all objects."""
        self._finder = self._last = self._shape = None
        self._removed.clear()

    def _frame(self, embedding: Embedding) -> tuple[text.Reader, Sam3Embedding]:
        reader, known = self._look(embedding)
        check_shape(known.shape, self._shape)
        return reader, known

    def _opened(self, reader: text.Reader) -> Finder:
        if self._finder is None:
            self._finder = Finder(reader, self._phrases)
        return self._finder
