"""Objects that the engine follows for a client, as the event loop sees them; what is looked at are pictures.

All methods are called on the event loop, the engine's session on the engine's thread only. Frames are given one at a
time, and none is kept here.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from napari_sam3_assistant.core.errors import AssistantError, EmbeddingLost, OutOfMemory
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.progress import CancelToken, Progress
from napari_sam3_assistant.core.prompts import MaskPrompt, Prompts, Query
from napari_sam3_assistant.core.results import FrameResult, Segmentation
from napari_sam3_assistant.core.sources import estimate_limits
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.engines.protocol import Embedding, ImageEngine, VideoSession, video_of
from napari_sam3_assistant.server.model.engine_thread import Answered, EngineThread
from napari_sam3_assistant.server.model.pictures import Picture
from napari_sam3_assistant.server.model.questions import view_of_picture
from napari_sam3_assistant.server.observing import Observer
from napari_sam3_assistant.tasks.image import embed, engine_errors, limits_on, second_try
from napari_sam3_assistant.tasks.jobs import Kind
from napari_sam3_assistant.tasks.view import View
from napari_sam3_assistant.wire.refusals import Refusal

T = TypeVar("T")
Ask = Callable[[VideoSession, View, Embedding, CancelToken], T]
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Looked(Generic[T]):
    """What was found on a frame.

    Attributes
    ----------
    value : object
        In pixels of the picture.
    encode_ms : float
        0 where the picture had been encoded before.
    decode_ms : float
    """

    value: T
    encode_ms: float
    decode_ms: float


class EngineVideo:
    """One session of an engine that follows objects.

    What is asked raises as :class:`~napari_sam3_assistant.server.model.inference.Inference` does, and ``video_lost``
    once the engine has lost what it remembered.

    Parameters
    ----------
    engine : ImageEngine
    thread : EngineThread
        Of the engine.
    embeddings : EmbeddingCache
    observer : Observer
    name : str
        Who asks, beside the session that the video belongs to: a click of that one may go first.
    """

    def __init__(
        self, engine: ImageEngine, thread: EngineThread, embeddings: EmbeddingCache, observer: Observer, name: str
    ) -> None:
        self._engine, self._thread, self._embeddings = engine, thread, embeddings
        self._observer, self._name = observer, name
        self._session: VideoSession | None = None

    async def open(self, query: Query | None) -> None:
        """Start without objects; with a query, it finds them by itself on every frame."""

        def run(progress: Progress, cancel: CancelToken) -> None:
            with engine_errors(self._engine):
                self._engine.load(progress=progress, cancel=cancel)
                self._session = video_of(self._engine).start(query)

        await self._thread.ask(run, self._name, Kind.DECODE)

    async def prompt(
        self, index: int, picture: Picture, object_id: int, prompts: Prompts, present: PlacedMask | None
    ) -> Answered[Looked[Segmentation]]:
        """Set or correct an object on a frame; return it."""

        def ask(session: VideoSession, view: View, embedding: Embedding, cancel: CancelToken) -> Segmentation:
            there = None if present is None else _seen(view, present)
            answer = session.prompt(index, embedding, object_id, view.seen(prompts), there, cancel=cancel)
            return _placed(view, (answer,))[0]

        return await self._look(picture, ask, self._kind(picture))

    async def begin(self, index: int, picture: Picture, masks: Mapping[int, PlacedMask]) -> Answered[Looked[None]]:
        """Follow objects on from a frame, where they are what ``masks`` say."""

        def ask(session: VideoSession, view: View, embedding: Embedding, cancel: CancelToken) -> None:
            session.begin(index, embedding, {id: _seen(view, mask) for id, mask in masks.items()})

        return await self._look(picture, ask, self._kind(picture))

    async def step(self, index: int, picture: Picture, ids: Collection[int] | None) -> Answered[Looked[FrameResult]]:
        """Return the objects on a frame, followed from the one before. Others' questions go first."""

        def ask(session: VideoSession, view: View, embedding: Embedding, cancel: CancelToken) -> FrameResult:
            found = session.step(index, embedding, ids, cancel=cancel)
            objects = dict(zip(found.objects, _placed(view, found.objects.values()), strict=True))
            return replace(found, objects=objects)

        answer = await self._look(picture, ask, Kind.BATCH)
        self._observer.followed()
        return answer

    async def remove(self, object_id: int) -> None:
        """Follow an object no longer; :meth:`stop` does not keep that from being done."""

        def run(progress: Progress, cancel: CancelToken) -> None:
            session = self._there()
            with engine_errors(self._engine):
                session.remove(object_id)

        await self._thread.ask(run, f"{self._name}/remove", Kind.DECODE)

    def stop(self) -> None:
        """Drop what is asked, and stop what runs; the objects stay."""
        self._thread.cancel(self._name)

    def close(self) -> None:
        """Stop, and give back what the engine keeps; nobody waits for that."""
        self.stop()
        self._thread.later(self._give_up)

    async def _look(self, picture: Picture, ask: Ask[T], kind: Kind) -> Answered[Looked[T]]:
        view = view_of_picture(picture)

        def run(progress: Progress, cancel: CancelToken) -> Looked[T]:
            session, kept = self._there(), self._kept(picture, kind)
            with self._trusted(), engine_errors(self._engine):
                embedding, encode_ms = _embedded(self._engine, kept, view, progress=progress, cancel=cancel)
                start = time.perf_counter()
                found = ask(session, view, embedding, cancel)
                return Looked(found, encode_ms, (time.perf_counter() - start) * 1000)

        answer = await self._thread.ask(run, self._name, kind)
        if answer.value.encode_ms:
            self._observer.encoded(answer.value.encode_ms / 1000)
        self._observer.decoded(answer.value.decode_ms / 1000)
        return answer

    @contextmanager
    def _trusted(self) -> Iterator[None]:
        """Give up what the session remembers where it cannot be relied on any more."""
        try:
            yield
        except EmbeddingLost as error:
            self._give_up()
            self._embeddings.drop(self._engine.name)
            raise Refusal("video_lost") from error
        except OutOfMemory:
            self._give_up()
            self._embeddings.clear()
            raise

    def _kept(self, picture: Picture, kind: Kind) -> EmbeddingCache:
        """Return where an embedding is kept: one may come back to a prompted frame, and passes all others."""
        return EmbeddingCache(0) if kind is Kind.BATCH and not self._holds(picture) else self._embeddings

    def _kind(self, picture: Picture) -> Kind:
        return Kind.DECODE if self._holds(picture) else Kind.ENCODE

    def _holds(self, picture: Picture) -> bool:
        identity = picture.source.identity
        return self._embeddings.holds(lambda key: key.identity == identity)

    def _there(self) -> VideoSession:
        if self._session is None:
            raise Refusal("video_lost")
        return self._session

    def _give_up(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            with suppress(AssistantError):  # it ended with its engine
                session.close()


@second_try
def _embedded(
    engine: ImageEngine, embeddings: EmbeddingCache, view: View, *, progress: Progress, cancel: CancelToken
) -> tuple[Embedding, float]:
    limits = limits_on(view, estimate_limits)
    return embed(engine, embeddings, view, limits, progress=progress, cancel=cancel)


def _placed(view: View, found: Iterable[Segmentation]) -> tuple[Segmentation, ...]:
    """Return what was found in pixels of the picture, without other readings and what only engines read."""
    return view.placed(Segmentation(one.mask, one.score) for one in found)


def _seen(view: View, mask: PlacedMask) -> PlacedMask:
    """Return a mask of the picture in pixels of what is looked at."""
    seen = view.seen(Prompts(mask=MaskPrompt(mask))).mask
    return mask if seen is None else seen.mask
