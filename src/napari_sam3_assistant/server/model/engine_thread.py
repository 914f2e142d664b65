"""The thread of an engine, as the event loop sees it: load, ask, drop, and see whether it still lives."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from napari_sam3_assistant.core.errors import Cancelled, EngineError
from napari_sam3_assistant.core.progress import CancelToken, Progress, no_progress
from napari_sam3_assistant.engines.protocol import ImageEngine
from napari_sam3_assistant.engines.stored import bare
from napari_sam3_assistant.server.model.failures import refusal_for
from napari_sam3_assistant.server.model.questions import warmed_up
from napari_sam3_assistant.server.observing import Observer
from napari_sam3_assistant.server.settings import ServerSettings
from napari_sam3_assistant.tasks.jobs import Job, Kind
from napari_sam3_assistant.tasks.scheduler import Scheduler
from napari_sam3_assistant.wire.refusals import Refusal
from napari_sam3_assistant.wire.replies import ModelState

T = TypeVar("T")
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


class EngineThread:
    """Asks one engine, on its own thread; errors as :class:`~napari_sam3_assistant.server.model.inference.Inference`.

    Parameters
    ----------
    engine : ImageEngine
        Not loaded yet; closed by :meth:`stop`.
    settings : ServerSettings
    observer : Observer
        Told how long questions wait, and with what they fail.
    """

    def __init__(self, engine: ImageEngine, settings: ServerSettings, observer: Observer) -> None:
        self.state: ModelState = "loading"
        self._engine, self._settings, self._observer = engine, settings, observer
        self._scheduler = Scheduler(age_s=settings.age_s)
        self._background: list[asyncio.Task[None]] = []

    @property
    def silent_s(self) -> float:
        """For how many seconds what runs has given no sign of life; 0 if nothing runs."""
        return self._scheduler.silent_s(self._engine.name)

    @property
    def _patience_s(self) -> float:
        """After how many seconds of silence the engine counts as stuck: where it is slow, as many as it encodes for.

        SAM3's search for words, which cannot look at its token meanwhile, takes about a fifth of that.
        """
        return max(self._settings.heartbeat_s, self._engine.capabilities.encode_s or 0.0)

    @property
    def backlog(self) -> int:
        """How many questions wait."""
        return self._scheduler.backlog()

    def start(self) -> None:
        """Begin to load the engine, and to watch it."""
        self._stuck: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._background = [asyncio.create_task(self._load()), asyncio.create_task(self._watch())]

    async def stop(self) -> None:
        """Stop what runs, close the engine, and wait for the thread; for one that is stuck, only so long."""
        self.state = "closed"
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        patience = self._settings.heartbeat_s
        await asyncio.to_thread(self._scheduler.close_engine, self._engine.name, self._engine.close, patience)
        await asyncio.to_thread(self._scheduler.close, patience)

    def cancel(self, session: str) -> None:
        """Drop what a session has waiting, and stop what runs for it."""
        self._scheduler.cancel(session)

    def waiting(self, session: str) -> int:
        """Return how many questions are answered before the next one of a session; 0 if none of its own waits."""
        return self._scheduler.ahead(session)

    async def ask(
        self,
        run: Callable[[Progress, CancelToken], T],
        session: str,
        kind: Kind,
        *,
        progress: Progress = no_progress,
        key: Hashable | None = None,
    ) -> Answered[T]:
        """Return what ``run`` returns on the engine's thread.

        Parameters
        ----------
        run : callable
        session : str
            Who asks: sessions take turns.
        kind : Kind
            How long it takes.
        progress : callable
            Told on the event loop.
        key : hashable or None
            With a key, the question takes the place of the one of this session and key that still waits.
        """
        self._check()
        asked = time.perf_counter()

        def job(progress: Progress, cancel: CancelToken) -> Answered[T]:
            waited = (time.perf_counter() - asked) * 1000
            return Answered(run(progress, cancel), waited)

        future = self._scheduler.submit(
            Job(self._engine.name, job), session=session, kind=kind, key=key, progress=_on_loop(progress)
        )
        try:
            answer = await self._unless_stuck(asyncio.wrap_future(future))
        except Exception as error:
            told = refusal_for(error)
            if isinstance(told, Refusal):
                self._observer.failed(told.code)
            raise told from error
        self._observer.waited(answer.queue_ms / 1000)
        return answer

    def later(self, run: Callable[[], None]) -> None:
        """Have something done on the engine's thread, though nobody waits for it; with the engine it ends by itself."""

        def job(progress: Progress, cancel: CancelToken) -> None:
            try:
                run()
            except Exception:
                _log.exception("The engine %s could not give back what it kept.", self._engine.name)

        with contextlib.suppress(EngineError):
            self._scheduler.submit(Job(self._engine.name, job), session="", kind=Kind.DECODE)

    async def _unless_stuck(self, answer: asyncio.Future[T]) -> T:
        """Return an answer, unless the engine gets stuck before it is there."""
        try:
            await asyncio.wait((answer, self._stuck), return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                raise Refusal("engine_stuck")
            if answer.cancelled():
                raise Cancelled
            return answer.result()
        finally:
            answer.cancel()  # what still waits is not asked; what runs is done, and nobody is told

    def _check(self) -> None:
        match self.state:
            case "loading":
                raise Refusal("model_loading")
            case "failed":
                raise Refusal("model_unavailable")
            case "closed":
                raise Refusal("model_unavailable", "The server is ending.")
            case "stuck":
                raise Refusal("engine_stuck")

    async def _load(self) -> None:
        def run(progress: Progress, cancel: CancelToken) -> None:
            self._engine.load(progress=progress, cancel=cancel)
            if self._settings.warm_up:
                warmed_up(bare(self._engine), progress=progress, cancel=cancel)

        try:
            future = self._scheduler.submit(Job(self._engine.name, run), session="", kind=Kind.ENCODE)
            await asyncio.wrap_future(future)
        except Cancelled:
            return
        except Exception:
            _log.exception("The engine %s could not be loaded.", self._engine.name)
            self.state = "failed"
        else:
            self.state = "ready"

    async def _watch(self) -> None:
        """See that the engine gives signs of life; else tell all who wait for it, and nobody asks it until it does."""
        while True:
            await asyncio.sleep(min(self._patience_s / 4, 1.0))
            silent = self.silent_s > self._patience_s
            if silent and self.state == "ready":
                _log.error("The engine %s has given no sign of life for %.0f s.", self._engine.name, self.silent_s)
                self.state = "stuck"
                self._stuck.set_result(None)
            elif not silent and self.state == "stuck":
                _log.warning("The engine %s answers again.", self._engine.name)
                self.state = "ready"
                self._stuck = asyncio.get_running_loop().create_future()


def _on_loop(progress: Progress) -> Progress:
    """Return a progress that may be told on any thread, and tells ``progress`` on the event loop."""
    if progress is no_progress:
        return no_progress
    loop = asyncio.get_running_loop()

    def tell(fraction: float | None, message: str = "") -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(progress, fraction, message)

    return tell
