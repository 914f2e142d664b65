"""The engine of a server, its thread, its embeddings and its pictures, for the event loop.

All methods are called on the event loop and never block it. One thread computes; a pool decodes pictures,
and another one encodes masks. A picture is encoded once, whoever asks; what was forgotten of it is made again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import ParamSpec, TypeVar

from napari_sam3_assistant.core.errors import AssistantError
from napari_sam3_assistant.core.progress import CancelToken, Progress, no_progress
from napari_sam3_assistant.core.prompts import Prompts, Query
from napari_sam3_assistant.core.results import Candidates, Segmentation
from napari_sam3_assistant.core.sources import estimate_limits
from napari_sam3_assistant.engines.embeddings import EmbeddingCache, memory_bytes
from napari_sam3_assistant.engines.proposing import Places
from napari_sam3_assistant.engines.protocol import Capabilities, ImageEngine
from napari_sam3_assistant.server.model import intake
from napari_sam3_assistant.server.model.engine_thread import Answered, EngineThread
from napari_sam3_assistant.server.model.failures import NO_WORDS, refusal_for, too_slow
from napari_sam3_assistant.server.model.pictures import Picture, PictureStore
from napari_sam3_assistant.server.model.questions import encoded, proposed, view_of_picture
from napari_sam3_assistant.server.model.videos import EngineVideo
from napari_sam3_assistant.server.observing import Kept, Observer, Unobserved
from napari_sam3_assistant.server.settings import ServerSettings
from napari_sam3_assistant.tasks.everything import Everything, EverythingOptions
from napari_sam3_assistant.tasks.find import FindResult, find_plane
from napari_sam3_assistant.tasks.image import PlaneResult, segment_plane
from napari_sam3_assistant.tasks.jobs import Kind
from napari_sam3_assistant.tasks.text import TextResult, find_words
from napari_sam3_assistant.wire.refusals import Refusal
from napari_sam3_assistant.wire.replies import ModelState

T = TypeVar("T")
P = ParamSpec("P")


class Inference:
    """Asks one engine, for all sessions of a server.

    Every question raises ``Refusal`` if the engine is not there, does not answer (``engine_stuck``), or fails,
    and ``Cancelled`` if :meth:`cancel` was called, or a newer question of the same key has taken its place.

    Parameters
    ----------
    engine : ImageEngine
        Not loaded yet; closed by :meth:`stop`.
    settings : ServerSettings
    observer : Observer or None
        Told how long things take.
    """

    def __init__(self, engine: ImageEngine, settings: ServerSettings, observer: Observer | None = None) -> None:
        self.engine = engine
        self._observer: Observer = observer or Unobserved()
        self._settings = settings
        self._thread = EngineThread(engine, settings, self._observer)
        self._embeddings = EmbeddingCache(settings.cache_bytes)
        self._pictures = PictureStore(settings.picture_bytes, max(settings.picture_bytes, memory_bytes() // 2))
        self._codecs = ThreadPoolExecutor(2, "codec")
        # Pools of their own, for a mask that is ready must not wait for a picture of seconds.
        self._intake = ThreadPoolExecutor(2, "intake")
        self._long: set[tuple[str, CancelToken]] = set()

    @property
    def state(self) -> ModelState:
        """Whether the engine is there, and whether it answers."""
        return self._thread.state

    @property
    def capabilities(self) -> Capabilities:
        """What the engine takes."""
        return self.engine.capabilities

    @property
    def silent_s(self) -> float:
        """For how many seconds what runs has given no sign of life; 0 if nothing runs."""
        return self._thread.silent_s

    @property
    def backlog(self) -> int:
        """How many questions wait, of all sessions."""
        return self._thread.backlog

    @property
    def kept(self) -> Kept:
        """What is kept, and what that has saved."""
        counts, embeddings, pictures = self._embeddings.counts, self._embeddings, self._pictures
        return Kept(
            embeddings=len(embeddings),
            embedding_bytes=embeddings.nbytes,
            hits=counts.hits,
            misses=counts.misses,
            evictions=counts.evictions,
            pictures=len(pictures),
            picture_bytes=pictures.nbytes,
        )

    async def start(self) -> None:
        """Begin to load the engine; :attr:`state` says when it is there."""
        self._thread.start()

    async def stop(self) -> None:
        """Stop what runs, close the engine, and wait for the threads; for one that is stuck, only so long."""
        await self._thread.stop()
        for pool in (self._codecs, self._intake):
            await asyncio.to_thread(pool.shutdown, cancel_futures=True)

    async def codec(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run something short on a thread of the codec pool: what encodes or parses much.

        Raises
        ------
        Refusal
            In place of an error for a user; anything else comes as it is.
        """
        try:
            return await asyncio.get_running_loop().run_in_executor(self._codecs, lambda: work(*args, **kwargs))
        except AssistantError as error:
            raise refusal_for(error) from error

    async def take_in(self, data: str | bytes, tenant: str = "") -> Picture:
        """Return the picture of a data URL, bare base64, or a file's bytes, not encoded yet.

        It is kept as long as somebody holds it, and then as long as memory allows.

        Raises
        ------
        Refusal
            If it is none, is too large, or there is no memory for it.
        """
        limits = self._settings.limits

        def work() -> Picture:
            file = intake.bytes_of(data, limits.image_bytes) if isinstance(data, str) else data
            return self._pictures.add(intake.decoded(file, limits, tenant), tenant)

        return await asyncio.get_running_loop().run_in_executor(self._intake, work)

    def picture(self, image_id: str, tenant: str = "") -> Picture | None:
        """Return a picture that was taken in before, if it is still kept."""
        return self._pictures.get(image_id, tenant)

    async def encode(
        self, picture: Picture, session: str, *, progress: Progress = no_progress
    ) -> Answered[tuple[bool, float]]:
        """Encode a picture; return whether that had been done before, and how many milliseconds it took."""
        view = view_of_picture(picture)

        def run(progress: Progress, cancel: CancelToken) -> float:
            return encoded(self.engine, self._embeddings, view, progress=progress, cancel=cancel)

        answer = await self._thread.ask(run, session, self._kind(picture), progress=progress)
        self._observe(answer.value)
        return Answered((answer.value == 0, answer.value), answer.queue_ms)

    async def segment(
        self,
        picture: Picture,
        prompts: Prompts,
        session: str,
        *,
        previous: Segmentation | None = None,
        key: Hashable | None = None,
    ) -> Answered[PlaneResult]:
        """Return the object that ``prompts`` are about, in pixels of the picture.

        With a ``key``, the question takes the place of the one of this session and key that still waits.
        """
        view = view_of_picture(picture)

        def run(progress: Progress, cancel: CancelToken) -> PlaneResult:
            return segment_plane(
                self.engine, self._embeddings, view, prompts, previous, progress=progress, cancel=cancel
            )

        answer = await self._thread.ask(run, session, self._kind(picture), key=key)
        self._observe(answer.value.encode_ms, answer.value.decode_ms)
        return answer

    async def find(
        self, picture: Picture, query: Query, session: str, *, threshold: float | None = None
    ) -> Answered[FindResult | TextResult]:
        """Return all that words name, or that is like examples, good and bad, in pixels of the picture."""
        if query.texts and not self.capabilities.text:
            raise Refusal("unsupported", NO_WORDS)
        view = view_of_picture(picture)

        def run(progress: Progress, cancel: CancelToken) -> FindResult | TextResult:
            if query.texts:
                return find_words(
                    self.engine,
                    self._embeddings,
                    view,
                    query.texts,
                    query.exemplars,
                    threshold=threshold,
                    progress=progress,
                    cancel=cancel,
                )
            found = find_plane(self.engine, self._embeddings, view, query, progress=progress, cancel=cancel)
            return found if threshold is None else replace(found, threshold=threshold)

        answer = await self._thread.ask(run, session, self._kind(picture))
        self._observe(answer.value.encode_ms, answer.value.decode_ms)
        return answer

    async def everything(
        self, picture: Picture, options: EverythingOptions, session: str, *, progress: Progress = no_progress
    ) -> Answered[tuple[Segmentation, ...]]:
        """Return every object of a picture, the best first; others' questions slip in between its steps.

        Raises
        ------
        Refusal
            Also if it takes longer than the limit ``everything_s``.
        """
        work, waited, stop = Everything(view_of_picture(picture), options), 0.0, CancelToken()
        most_s = self._settings.limits.everything_s

        def step(progress: Progress, cancel: CancelToken) -> None:
            work.step(self.engine, self._embeddings, limits_of=estimate_limits, progress=progress, cancel=cancel)

        self._long.add((session, stop))
        try:
            async with asyncio.timeout(most_s):
                while not work.finished:
                    stop.raise_if_cancelled()
                    waited += (await self._thread.ask(step, session, Kind.BATCH)).queue_ms
                    progress(work.fraction)
        except TimeoutError as error:
            raise Refusal("too_slow", too_slow(most_s, self.capabilities)) from error
        finally:
            self._long.discard((session, stop))
        self._observe(work.encode_ms, work.decode_ms)
        return Answered(await self.codec(work.found), waited)

    async def propose(self, picture: Picture, places: Places, session: str) -> Answered[Candidates]:
        """Return what may be an object, good and bad, in pixels of :func:`view_of_picture`, in steps as above."""
        view, waited, stop = view_of_picture(picture), 0.0, CancelToken()
        steps = proposed(self.engine, self._embeddings, view, places)
        self._long.add((session, stop))
        try:
            while True:
                stop.raise_if_cancelled()
                answer = await self._thread.ask(steps, session, Kind.BATCH)
                waited += answer.queue_ms
                if answer.value is not None:
                    return Answered(answer.value, waited)
        finally:
            self._long.discard((session, stop))

    def video(self, name: str) -> EngineVideo:
        """Return a session of the engine that follows objects, not opened yet; ``name`` is who asks."""
        return EngineVideo(self.engine, self._thread, self._embeddings, self._observer, name)

    def cancel(self, session: str) -> None:
        """Drop what a session has waiting, and stop what runs for it."""
        self._thread.cancel(session)
        for name, stop in self._long:
            if name == session:
                stop.cancel()  # between two steps nothing waits or runs

    def waiting(self, session: str) -> int:
        """Return how many questions are answered before the next one of a session; 0 if none of its own waits."""
        return self._thread.waiting(session)

    def _kind(self, picture: Picture) -> Kind:
        """Return how long a question about a picture takes: encoding is the long part."""
        identity = picture.source.identity
        return Kind.DECODE if self._embeddings.holds(lambda key: key.identity == identity) else Kind.ENCODE

    def _observe(self, encode_ms: float, decode_ms: float | None = None) -> None:
        if encode_ms:
            self._observer.encoded(encode_ms / 1000)
        if decode_ms is not None:
            self._observer.decoded(decode_ms / 1000)
