"""Sessions: one user's picture, the window in use, and requests to an engine.

A session belongs to the thread that made it (napari's GUI thread, a server's event loop).
Its methods return at once; pixels are read and models run on the engine's worker thread.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from napari_sam3_assistant.core.errors import ImageError
from napari_sam3_assistant.core.intensity import Limits, fixed_limits
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.progress import CancelToken, Progress, no_progress
from napari_sam3_assistant.core.prompts import Prompts, Query
from napari_sam3_assistant.core.results import Segmentation
from napari_sam3_assistant.core.sources import Source, estimate_limits
from napari_sam3_assistant.core.window_rule import BY_SIZE
from napari_sam3_assistant.core.windows import WHOLE_SIDE, Window, whole
from napari_sam3_assistant.engines.embeddings import EmbeddingCache, EmbeddingKey
from napari_sam3_assistant.engines.protocol import ImageEngine
from napari_sam3_assistant.tasks.find import FindResult, find_plane
from napari_sam3_assistant.tasks.frames import Pixels
from napari_sam3_assistant.tasks.image import PlaneResult, embed, segment_plane
from napari_sam3_assistant.tasks.jobs import Job, Kind
from napari_sam3_assistant.tasks.looked import Looked, choose
from napari_sam3_assistant.tasks.reading import TextResult
from napari_sam3_assistant.tasks.scheduler import Scheduler
from napari_sam3_assistant.tasks.text import find_words
from napari_sam3_assistant.tasks.video import Step
from napari_sam3_assistant.tasks.view import View, view_of
from napari_sam3_assistant.tasks.volumes import AnyRun

PREPARE = "prepare"
"""The key of encodings that nobody has asked about yet."""
READER = "frames"
"""The next frame of a stack is read on a thread of its own."""
LONG_S = 1.0
"""A wait from which another engine answers meanwhile, in seconds."""

_numbers = itertools.count(1)
Work = TypeVar("Work")
Answer = TypeVar("Answer", PlaneResult, Looked)


def _nothing_loaded() -> ImageEngine | None:
    return None


@dataclass(frozen=True, slots=True, eq=False)
class EngineHandle:
    """An engine by name, made on its worker thread when it is first needed.

    Attributes
    ----------
    name : str
        As in the registry.
    get : callable
        Returns the engine; called on its worker's thread.
    slow : bool
        Whether it takes long to load.
    loaded : callable
        Returns the engine if it is loaded, else None; called on any thread.
    """

    name: str
    get: Callable[[], ImageEngine]
    slow: bool = False
    loaded: Callable[[], ImageEngine | None] = _nothing_loaded


class ImageSession:
    """What one user looks at and asks.

    Parameters
    ----------
    scheduler : Scheduler
    embeddings : EmbeddingCache
    engine : EngineHandle
        Who answers; may be changed at any time.
    """

    def __init__(self, scheduler: Scheduler, embeddings: EmbeddingCache, engine: EngineHandle) -> None:
        self.name = f"session-{next(_numbers)}"
        self.engine = engine
        self._scheduler = scheduler
        self._embeddings = embeddings
        self._source: Source | None = None
        self._view: View | None = None
        self._limits: dict[tuple[object, ...], Limits] = {}
        self._seen: tuple[object, ...] | None = None
        self.rule = BY_SIZE
        """Which window of a large plane is looked at."""
        self.encode_ms = 0.0
        """How long the last encoding took, reading included, in milliseconds."""

    @property
    def source(self) -> Source | None:
        """The picture in use."""
        return self._source

    @property
    def view(self) -> View | None:
        """What the last request looks at."""
        return self._view

    @property
    def expected_s(self) -> float | None:
        """About how long the engine in use takes to encode, in seconds; None if it is not loaded, or soon done."""
        made = self.engine.loaded()
        return made.capabilities.encode_s if made is not None else None

    @property
    def loaded(self) -> bool:
        """Whether the engine in use is loaded, as far as its handle tells."""
        return self.engine.loaded() is not None

    @property
    def on_cpu(self) -> bool:
        """Whether the engine in use is loaded, and computes on the CPU."""
        made = self.engine.loaded()
        return made is not None and made.capabilities.devices[:1] == ("cpu",)

    def window_for(self, prompts: Prompts, plane: Plane, own: View | None = None) -> Window:
        """Return the window that :meth:`request` would look at."""
        shape = self._need_source().plane_shape(plane)
        return self.rule.for_prompts(shape, prompts, self._kept(plane, (own, self._view)))

    def _kept(self, plane: Plane, views: Iterable[View | None]) -> list[Window]:
        """Return the windows of those views of ``plane`` that were chosen as one would choose now."""
        return [one.window for one in views if one and (one.plane, one.rule) == (plane, self.rule)]

    def window_for_query(self, query: Query, plane: Plane, view: Window | None) -> Window:
        """Return the window that :meth:`find` would look at: of a large plane what is in view, if that is small."""
        return self.rule.for_query(self._need_source().plane_shape(plane), query, view)

    def has(self, plane: Plane, window: Window, query: Query | None = None) -> bool:
        """Whether the engine in use has encoded this window, as far as is known without reading pixels.

        Where ``query`` has a crop that the engine has to be shown beside the window, whether it has read it with any.
        """
        made = self.engine.loaded()
        beside = query is not None and query.crop is not None and made is not None and not made.capabilities.crops
        source, name = self._need_source(), self.engine.name
        about = *_seen(source, plane), window
        limits = source.limits or fixed_limits(source.dtype) or self._limits.get(_seen(source, plane, frame=False))
        usual = limits is None or limits.low == limits.high  # then those of the window are taken, see limits_on

        def fits(key: EmbeddingKey) -> bool:
            told = key.identity, key.version, key.channels, key.plane, key.window
            alike = (key.engine, bool(key.beside)) == (name, beside) and told == about
            return alike and (usual or key.limits == limits)

        return self._embeddings.holds(fits)

    def must_wait(self, plane: Plane, window: Window, query: Query | None = None) -> bool:
        """Whether a question about this window waits so long that somebody else should answer meanwhile."""
        if not self.engine.slow:
            return False
        if not self.loaded:  # a server that is away may have encoded it: nobody can ask it now
            return True
        return (self.expected_s or 0) >= LONG_S and not self.has(plane, window, query)

    def set_source(self, source: Source | None) -> None:
        """Take another picture, or the same one at another version; what belongs to another is forgotten."""
        old, self._source = self._source, source
        if old is None or source is None or old.identity != source.identity or old.shape != source.shape:
            self._view = None
            self._limits.clear()

    def request(
        self,
        prompts: Prompts,
        plane: Plane,
        *,
        previous: Segmentation | None = None,
        own: View | None = None,
        key: Hashable | None = None,
        progress: Progress = no_progress,
    ) -> Future[PlaneResult]:
        """Ask for the object that ``prompts`` are about.

        Parameters
        ----------
        prompts : Prompts
            In pixels of ``plane``.
        plane : Plane
            Of the session's picture.
        previous : Segmentation or None
            The last answer about the object.
        own : View or None
            What was looked at for the object before: it is looked at again where it still serves.
        key : hashable or None
            With a key the newest request wins (see :meth:`Scheduler.submit`).
        progress : callable
            Told on the worker's thread.

        Raises
        ------
        PromptError
            If no prompt lies on the plane, or the points lie too far apart for one object.
        ImageError
            If the window is too much to read at once.
        """
        self._view = view = view_of(self._need_source(), plane, self.window_for(prompts, plane, own), self.rule)

        def answer(engine: ImageEngine, progress: Progress, cancel: CancelToken) -> PlaneResult:
            return segment_plane(
                engine,
                self._embeddings,
                view,
                prompts,
                previous,
                limits_of=self._limits_of,
                progress=progress,
                cancel=cancel,
            )

        return self._submit(view, answer, key, progress)

    def find(
        self,
        query: Query,
        plane: Plane,
        *,
        threshold: float | None = None,
        view: Window | None = None,
        key: Hashable | None = None,
        progress: Progress = no_progress,
    ) -> Future[Looked]:
        """Ask for all objects that ``query`` is about.

        Parameters
        ----------
        query : Query
            Words; examples in pixels of ``plane``; an example in a picture of its own.
        plane : Plane
            Of the session's picture. One larger than the window rule takes whole is looked at where the
            examples are, and where it is in view.
        threshold : float or None
            The score from which objects are chosen; None for what is usual.
        view : Window or None
            What of the plane is in view.
        key, progress
            As for :meth:`request`.

        Raises
        ------
        PromptError
            If no example lies on the plane.
        ImageError
            If the window is too much to read at once.
        """
        window = self.window_for_query(query, plane, view)
        self._view = seen = view_of(self._need_source(), plane, window, self.rule)

        def answer(engine: ImageEngine, progress: Progress, cancel: CancelToken) -> Looked:
            told: dict[str, Any] = {"limits_of": self._limits_of, "progress": progress, "cancel": cancel}
            result: FindResult | TextResult
            if query.texts:
                result = find_words(engine, self._embeddings, seen, query.texts, query.exemplars, **told)
            else:
                result = find_plane(engine, self._embeddings, seen, query, **told)
            return Looked(result, choose(result, threshold))

        return self._submit(seen, answer, key, progress, alone=query.crop is None)

    def work(self, run: Callable[[], Work], key: Hashable | None = None) -> Future[Work]:
        """Run something short on the worker of the engine in use; with a key the newest one wins."""

        def job(progress: Progress, cancel: CancelToken) -> Work:
            return run()

        return self._scheduler.submit(Job(self.engine.name, job), session=self.name, kind=Kind.DECODE, key=key)

    def follow(self, run: AnyRun, *, progress: Progress = no_progress) -> Future[Step]:
        """Have the engine in use go one frame further; what waits that is shorter comes first."""
        engine = self.engine

        def step(progress: Progress, cancel: CancelToken) -> Step:
            return run.step(engine.get(), self._embeddings, limits_of=self._limits_of, progress=progress, cancel=cancel)

        return self._scheduler.submit(Job(engine.name, step), session=self.name, kind=Kind.BATCH, progress=progress)

    def read_ahead(self, read: Callable[[], Pixels]) -> Future[Pixels]:
        """Read pixels on a thread of its own, while the engine works."""

        def job(progress: Progress, cancel: CancelToken) -> Pixels:
            return read()

        return self._scheduler.submit(Job(READER, job), session=self.name, kind=Kind.BATCH)

    def _submit(
        self,
        view: View,
        answer: Callable[[ImageEngine, Progress, CancelToken], Answer],
        key: Hashable | None,
        progress: Progress,
        *,
        alone: bool = True,
    ) -> Future[Answer]:
        """Queue a question about a view, or with something beside it, and note how long the encoding took."""
        engine = self.engine

        def run(progress: Progress, cancel: CancelToken) -> Answer:
            result = answer(engine.get(), progress, cancel)
            self.encode_ms = result.encode_ms or self.encode_ms
            return result

        return self._scheduler.submit(
            Job(engine.name, run),
            session=self.name,
            kind=self._kind(view) if alone else Kind.ENCODE,
            key=key,
            progress=progress,
        )

    def prepare(self, plane: Plane, *, progress: Progress = no_progress) -> Future[None] | None:
        """Encode the plane before it is asked about, where the window rule takes it whole; else do nothing."""
        source = self._need_source()
        shape = source.plane_shape(plane)
        if max(shape) > WHOLE_SIDE or not self.rule.takes_whole(shape):
            return None
        view, engine = view_of(source, plane, whole(shape), self.rule), self.engine
        if self._kind(view) is Kind.DECODE:
            return None

        def run(progress: Progress, cancel: CancelToken) -> None:
            made = engine.get()
            made.load(progress=progress, cancel=cancel)
            limits = self._limits_of(source, plane)
            _, spent = embed(made, self._embeddings, view, limits, progress=progress, cancel=cancel)
            self.encode_ms = spent or self.encode_ms

        return self._scheduler.submit(
            Job(engine.name, run), session=self.name, kind=Kind.ENCODE, key=PREPARE, progress=progress
        )

    def cancel(self, key: Hashable | None = None) -> None:
        """Drop what waits and stop what runs, all of it or what has this key."""
        self._seen = None  # what was stopped may not have been encoded
        self._scheduler.cancel(self.name, key)

    @property
    def running(self) -> frozenset[int]:
        """What runs now, as numbers that are given once; empty where nothing does."""
        return self._scheduler.running(self.name)

    @property
    def busy(self) -> bool:
        """Whether anything waits or runs."""
        return self._scheduler.busy(self.name)

    def _need_source(self) -> Source:
        if self._source is None:
            raise ImageError("No image is chosen.", hint="Open an image, then choose it under Setup.")
        return self._source

    def _kind(self, view: View) -> Kind:
        """Return how long a request will take, as far as the session knows without reading pixels."""
        seen = self.engine.name, *_seen(view.source, view.plane), view.window, view.source.limits
        known = seen == self._seen
        self._seen = seen
        return Kind.DECODE if known else Kind.ENCODE

    def _limits_of(self, source: Source, plane: Plane) -> Limits:
        """Return the limits of a picture, estimated once. Called on the worker's thread."""
        key = _seen(source, plane, frame=False)
        if source.limits is not None:
            return source.limits
        if key not in self._limits:
            self._limits[key] = estimate_limits(source, plane)
        return self._limits[key]


def _seen(source: Source, plane: Plane, *, frame: bool = True) -> tuple[object, ...]:
    """Return what the pixels of a plane depend on; without ``frame``, what their limits do: the channels alone."""
    about = source.identity, source.version, source.channels_of(plane)
    return (*about, source.seen_plane(plane)) if frame else (*about, source.channel_axis)
