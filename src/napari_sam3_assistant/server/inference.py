"""The engine of a server, its thread, its embeddings and its pictures, for the event loop.

All methods are called on the event loop and never block it. One thread computes; two decode and encode pictures.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, Literal, ParamSpec, TypeVar

from napari_sam3_assistant.core.progress import CancelToken, Progress, no_progress
from napari_sam3_assistant.core.prompts import Prompts
from napari_sam3_assistant.core.results import Segmentation
from napari_sam3_assistant.core.sources import estimate_limits
from napari_sam3_assistant.core.windows import whole
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.engines.protocol import Capabilities, ImageEngine
from napari_sam3_assistant.server import intake
from napari_sam3_assistant.server.pictures import Picture
from napari_sam3_assistant.server.settings import ServerSettings
from napari_sam3_assistant.tasks.image import PlaneResult, embed, limits_on, segment_plane
from napari_sam3_assistant.tasks.jobs import Job, Kind
from napari_sam3_assistant.tasks.scheduler import Scheduler
from napari_sam3_assistant.tasks.view import View, fitted
from napari_sam3_assistant.wire.refusals import Refusal

T = TypeVar("T")
P = ParamSpec("P")
ModelState = Literal["loading", "ready", "failed", "stuck", "closed"]
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Answered(Generic[T]):
    """What the engine's thread has answered.

    Attributes
    ----------
    value : object
    queue_ms : float
        How long the question waited for the thread.
    """

    value: T
    queue_ms: float


class Inference:
    """Asks one engine, for all sessions of a server.

    Parameters
    ----------
    engine : ImageEngine
        Not loaded yet; closed by :meth:`stop`.
    settings : ServerSettings
    """

    def __init__(self, engine: ImageEngine, settings: ServerSettings) -> None:
        self.engine = engine
        self.state: ModelState = "loading"
        self._settings = settings
        self._scheduler = Scheduler()
        self._embeddings = EmbeddingCache(settings.cache_bytes)
        self._codecs = ThreadPoolExecutor(2, "codec")
        self._pictures: dict[tuple[str, str], Picture] = {}

    @property
    def capabilities(self) -> Capabilities:
        """What the engine takes."""
        return self.engine.capabilities

    async def start(self) -> None:
        """Begin to load the engine; :attr:`state` says when it is there."""
        self._loading = asyncio.create_task(self._load())

    async def stop(self) -> None:
        """Stop what runs, close the engine, and wait for the threads."""
        self.state = "closed"
        await asyncio.to_thread(self._scheduler.close_engine, self.engine.name, self.engine.close)
        await asyncio.to_thread(self._scheduler.close)
        self._codecs.shutdown()

    async def codec(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run something short on a thread of the codec pool: what decodes, encodes or parses much."""
        return await asyncio.get_running_loop().run_in_executor(self._codecs, lambda: work(*args, **kwargs))

    async def take_in(self, data: str | bytes, tenant: str = "") -> Picture:
        """Return the picture of a data URL, bare base64, or a file's bytes, not encoded yet.

        Raises
        ------
        Refusal
            If it is none.
        """

        def work() -> Picture:
            return intake.decoded(
                intake.bytes_of(data) if isinstance(data, str) else data, self._settings.limits, tenant
            )

        picture = await self.codec(work)
        self._pictures[tenant, picture.image_id] = picture
        return picture

    def picture(self, image_id: str, tenant: str = "") -> Picture | None:
        """Return a picture that was taken in before, if it is still kept."""
        return self._pictures.get((tenant, image_id))

    async def encode(
        self, picture: Picture, session: str, *, progress: Progress = no_progress
    ) -> Answered[tuple[bool, float]]:
        """Encode a picture; return whether that had been done before, and how many milliseconds it took.

        Raises
        ------
        Refusal
            If the engine is not there.
        AssistantError
            If it fails.
        """
        view = _view(picture)

        def run(progress: Progress, cancel: CancelToken) -> tuple[bool, float]:
            limits = limits_on(view, estimate_limits)
            _, spent = embed(self.engine, self._embeddings, view, limits, progress=progress, cancel=cancel)
            return spent == 0, spent

        return await self._ask(run, session, Kind.ENCODE, progress)

    async def segment(
        self, picture: Picture, prompts: Prompts, session: str, *, previous: Segmentation | None = None
    ) -> Answered[PlaneResult]:
        """Return the object that ``prompts`` are about, in pixels of the picture; errors as :meth:`encode`."""
        view = _view(picture)

        def run(progress: Progress, cancel: CancelToken) -> PlaneResult:
            return segment_plane(
                self.engine, self._embeddings, view, prompts, previous, progress=progress, cancel=cancel
            )

        return await self._ask(run, session, Kind.DECODE)

    def cancel(self, session: str) -> None:
        """Drop what a session has waiting, and stop what runs for it."""
        self._scheduler.cancel(session)

    async def _ask(
        self,
        run: Callable[[Progress, CancelToken], T],
        session: str,
        kind: Kind,
        progress: Progress = no_progress,
    ) -> Answered[T]:
        self._check()
        asked = time.perf_counter()

        def job(progress: Progress, cancel: CancelToken) -> Answered[T]:
            waited = (time.perf_counter() - asked) * 1000
            return Answered(run(progress, cancel), waited)

        future = self._scheduler.submit(Job(self.engine.name, job), session=session, kind=kind, progress=progress)
        return await asyncio.wrap_future(future)

    def _check(self) -> None:
        if self.state == "loading":
            raise Refusal("model_loading")
        if self.state == "failed":
            raise Refusal("model_unavailable")

    async def _load(self) -> None:
        def run(progress: Progress, cancel: CancelToken) -> None:
            self.engine.load(progress=progress, cancel=cancel)

        future = self._scheduler.submit(Job(self.engine.name, run), session="", kind=Kind.ENCODE)
        try:
            await asyncio.wrap_future(future)
        except Exception:
            _log.exception("The engine %s could not be loaded.", self.engine.name)
            self.state = "failed"
        else:
            self.state = "ready"


def _view(picture: Picture) -> View:
    return fitted(picture.source, picture.plane, whole(picture.shape))
