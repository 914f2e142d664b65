"""Sessions: one user's picture, the window in use, and requests to an engine.

A session belongs to the thread that made it (napari's GUI thread, a server's event loop).
Its methods return at once; pixels are read and models run on the engine's worker thread.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

from napari_sam3_assistant.core.errors import ImageError
from napari_sam3_assistant.core.geometry import union
from napari_sam3_assistant.core.intensity import Limits
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.progress import CancelToken, Progress, no_progress
from napari_sam3_assistant.core.prompts import BoxPrompt, Prompts, Query
from napari_sam3_assistant.core.results import Segmentation
from napari_sam3_assistant.core.sources import Source, estimate_limits
from napari_sam3_assistant.core.windows import WHOLE_SIDE, Window, choose_window, whole
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.engines.protocol import ImageEngine
from napari_sam3_assistant.tasks.find import FindResult, find_plane
from napari_sam3_assistant.tasks.image import PlaneResult, View, embed, segment_plane
from napari_sam3_assistant.tasks.jobs import Job, Kind
from napari_sam3_assistant.tasks.scheduler import Scheduler

_numbers = itertools.count(1)
Answer = TypeVar("Answer", PlaneResult, FindResult)


@dataclass(frozen=True, slots=True, eq=False)
class EngineHandle:
    """An engine by name, made on its worker thread when it is first needed."""

    name: str
    get: Callable[[], ImageEngine]


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
        self._window: tuple[Plane, Window] | None = None
        self._limits: dict[tuple[str, int, int | None], Limits] = {}
        self._seen: tuple[object, ...] | None = None
        self.encode_ms = 0.0
        """How long the last encoding took, reading included, in milliseconds."""

    @property
    def source(self) -> Source | None:
        """The picture in use."""
        return self._source

    @property
    def window(self) -> Window | None:
        """The window of the last request."""
        return self._window[1] if self._window else None

    def set_source(self, source: Source | None) -> None:
        """Take another picture, or the same one at another version; what belongs to another is forgotten."""
        old, self._source = self._source, source
        if old is None or source is None or old.identity != source.identity or old.shape != source.shape:
            self._window = None
            self._limits.clear()

    def request(
        self,
        prompts: Prompts,
        plane: Plane,
        *,
        previous: Segmentation | None = None,
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
        key : hashable or None
            With a key the newest request wins (see :meth:`Scheduler.submit`).
        progress : callable
            Told on the worker's thread.

        Raises
        ------
        PromptError
            If no prompt lies on the plane.
        """
        source = self._need_source()
        current = self._window[1] if self._window and self._window[0] == plane else None
        window = choose_window(source.plane_shape(plane), prompts, current)
        self._window = plane, window
        view = View(source, plane, window)

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
        view: Window | None = None,
        key: Hashable | None = None,
        progress: Progress = no_progress,
    ) -> Future[FindResult]:
        """Ask for all objects that ``query`` is about.

        Parameters
        ----------
        query : Query
            Examples in pixels of ``plane``.
        plane : Plane
            Of the session's picture. One larger than the window rule takes whole is looked at where the
            examples are, and where it is in view.
        view : Window or None
            What of the plane is in view.
        key, progress
            As for :meth:`request`.

        Raises
        ------
        PromptError
            If no example lies on the plane.
        """
        source = self._need_source()
        seen = View(source, plane, self._window_for(query, source.plane_shape(plane), view))
        self._window = plane, seen.window

        def answer(engine: ImageEngine, progress: Progress, cancel: CancelToken) -> FindResult:
            return find_plane(
                engine,
                self._embeddings,
                seen,
                query,
                limits_of=self._limits_of,
                progress=progress,
                cancel=cancel,
            )

        return self._submit(seen, answer, key, progress)

    def _submit(
        self,
        view: View,
        answer: Callable[[ImageEngine, Progress, CancelToken], Answer],
        key: Hashable | None,
        progress: Progress,
    ) -> Future[Answer]:
        """Queue a question about a view for the engine in use, and note how long its encoding took."""
        engine = self.engine

        def run(progress: Progress, cancel: CancelToken) -> Answer:
            result = answer(engine.get(), progress, cancel)
            self.encode_ms = result.encode_ms or self.encode_ms
            return result

        return self._scheduler.submit(
            Job(engine.name, run), session=self.name, kind=self._kind(view), key=key, progress=progress
        )

    def _window_for(self, query: Query, shape: tuple[int, int], view: Window | None) -> Window:
        """Return the window for a query: of a large plane what is in view, if that is small enough to encode."""
        boxes = [one.box for one in query.exemplars]
        if view is not None and max(view.shape) <= WHOLE_SIDE:
            boxes.append(view.box)
        if not boxes:
            return whole(shape) if max(shape) <= WHOLE_SIDE or view is None else view
        return choose_window(shape, Prompts(box=BoxPrompt(union(boxes))))

    def prepare(self, plane: Plane, *, progress: Progress = no_progress) -> Future[None] | None:
        """Encode the plane before it is asked about, where the window rule takes it whole; else do nothing."""
        source = self._need_source()
        if max(source.plane_shape(plane)) > WHOLE_SIDE:
            return None
        view, engine = View(source, plane, whole(source.plane_shape(plane))), self.engine
        if self._kind(view) is Kind.DECODE:
            return None

        def run(progress: Progress, cancel: CancelToken) -> None:
            made = engine.get()
            made.load(progress=progress, cancel=cancel)
            limits = self._limits_of(source, plane)
            _, spent = embed(made, self._embeddings, view, limits, progress=progress, cancel=cancel)
            self.encode_ms = spent or self.encode_ms

        return self._scheduler.submit(
            Job(engine.name, run), session=self.name, kind=Kind.ENCODE, key="prepare", progress=progress
        )

    def cancel(self) -> None:
        """Drop what waits and stop what runs."""
        self._seen = None  # what was stopped may not have been encoded
        self._scheduler.cancel(self.name)

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
        seen = self.engine.name, view.source.identity, view.source.version, view.plane, view.window
        known = seen == self._seen
        self._seen = seen
        return Kind.DECODE if known else Kind.ENCODE

    def _limits_of(self, source: Source, plane: Plane) -> Limits:
        """Return the limits of a picture, estimated once. Called on the worker's thread."""
        key = source.identity, source.version, source.channel_of(plane)
        if source.limits is not None:
            return source.limits
        if key not in self._limits:
            self._limits[key] = estimate_limits(source, plane)
        return self._limits[key]
