"""The scheduler: one worker thread per engine, futures out, and the newest click wins.

A worker takes the waiting job of the lowest kind (decode, encode, batch); among equals the
session served longest ago, and of one session the oldest job. A job that has waited for
:data:`AGE_S`, or what the scheduler was told, counts as one kind lower, so that nothing waits
for ever. A worker is alive as long as its job reports progress or looks at its token. What a job does with
its future is the only thing that leaves the worker: an exception reaches that future and
nothing else, whatever its class.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

from napari_sam3_assistant.core.errors import Cancelled, EngineError
from napari_sam3_assistant.core.progress import CancelToken, Progress, no_progress
from napari_sam3_assistant.tasks.jobs import Job, Kind

T = TypeVar("T")
AGE_S = 2.0
KEEP_S = 120.0
"""How long shutting down waits for jobs that keep a user's work, in seconds."""


@dataclass(slots=True, eq=False)
class _Waiting:
    job: Job[Any]
    session: str
    kind: Kind
    key: Hashable | None
    progress: Progress
    number: int
    since: float
    cancel: _Token
    future: Future[Any] = field(default_factory=Future)

    def tell(self, fraction: float | None, message: str = "") -> None:
        self.cancel.beat()
        self.progress(fraction, message)


class _Token(CancelToken):
    """A token that knows when its job has given the last sign of life."""

    __slots__ = ("_clock", "last")

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__()
        self._clock = clock
        self.beat()

    def beat(self) -> None:
        self.last = self._clock()

    @property
    def cancelled(self) -> bool:
        self.beat()
        return super().cancelled

    def raise_if_cancelled(self) -> None:
        self.beat()
        super().raise_if_cancelled()


class Scheduler:
    """Runs jobs on one thread per engine.

    Parameters
    ----------
    clock : callable
        Seconds, for ageing and for signs of life.
    age_s : float
        A job that has waited so long counts as one kind lower, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, age_s: float = AGE_S) -> None:
        self._clock, self._age_s = clock, age_s
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._workers: dict[str, _Worker] = {}
        self._closed = False

    def submit(
        self,
        job: Job[T],
        *,
        session: str,
        kind: Kind,
        key: Hashable | None = None,
        progress: Progress = no_progress,
    ) -> Future[T]:
        """Queue a job; never waits.

        Parameters
        ----------
        job : Job
            What to run, and on which engine's thread.
        session : str
            Who asks: sessions take turns.
        kind : Kind
            How long it takes.
        key : hashable or None
            With a key, the job takes the place of the one of this session and key that still
            waits, whose future is cancelled. Without one every job is done, in order.
        progress : callable
            Told by the job how far it is, on the worker's thread.

        Returns
        -------
        Future
            Of the job's result. Cancelling it drops a waiting job; see :meth:`cancel` for a running one.

        Raises
        ------
        EngineError
            If the scheduler is closed.
        """
        with self._lock:
            if self._closed:
                raise EngineError("The engines have been shut down.", hint="Open the widget again.")
            worker = self._workers.get(job.engine)
            if worker is None:
                worker = self._workers[job.engine] = _Worker(job.engine, self._clock, self._age_s)
            waiting = _Waiting(
                job, session, kind, key, progress, next(self._numbers), self._clock(), _Token(self._clock)
            )
            replaced = worker.put(waiting)
        if replaced is not None:  # outside the lock: a cancelled future calls back
            replaced.future.cancel()
        return waiting.future

    def cancel(self, session: str, key: Hashable | None = None) -> None:
        """Drop what ``session`` has waiting and ask what runs to stop, all of it or that of ``key``."""
        for worker in self._all_workers():
            worker.cancel(lambda one: one.session == session and (key is None or one.key == key))

    def close_engine(self, name: str, finish: Callable[[], None] | None = None, timeout: float | None = None) -> None:
        """End the worker of engine ``name``, if it has one: cancel its jobs, run ``finish`` there, join."""
        with self._lock:
            worker = self._workers.pop(name, None)
        if worker is not None:
            worker.close(finish, timeout)
        elif finish is not None:
            finish()

    def close(self, timeout: float | None = None) -> None:
        """End every worker. What waits is cancelled, what runs is asked to stop; a second call does nothing.

        Jobs that keep a user's work are done first, and waited for: two minutes at most.
        """
        with self._lock:
            self._closed = True
            workers = list(self._workers.values())
            self._workers.clear()
        for worker in workers:
            worker.close(None, timeout)

    def busy(self, session: str) -> bool:
        """Return whether anything of ``session`` waits or runs."""
        return any(worker.busy(session) for worker in self._all_workers())

    def running(self, session: str) -> frozenset[int]:
        """Return the numbers of the jobs of ``session`` that run now; no job has the number of another one."""
        return frozenset(number for worker in self._all_workers() for number in worker.running(session))

    def ahead(self, session: str) -> int:
        """Return how many jobs go before the next one of ``session``; 0 if none of its own waits.

        Sessions take turns, so that of each other session one counts at most, and one is what runs.
        """
        return max((worker.ahead(session) for worker in self._all_workers()), default=0)

    def backlog(self) -> int:
        """Return how many jobs wait."""
        return sum(worker.backlog() for worker in self._all_workers())

    def silent_s(self, engine: str) -> float:
        """Return for how many seconds the job that runs on ``engine`` has given no sign of life; 0 if none runs.

        A job that begins, tells its progress or looks at its token gives one.
        """
        with self._lock:
            worker = self._workers.get(engine)
        return 0.0 if worker is None else worker.silent_s()

    def _all_workers(self) -> list[_Worker]:
        with self._lock:
            return list(self._workers.values())


class _Worker:
    """The thread of one engine and the jobs that wait for it."""

    def __init__(self, engine: str, clock: Callable[[], float], age_s: float) -> None:
        self._clock, self._age_s = clock, age_s
        self._ready = threading.Condition()
        self._queue: list[_Waiting] = []
        self._running: _Waiting | None = None
        self._served: dict[str, int] = {}
        self._turn = itertools.count(1)
        self._finish: Callable[[], None] | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._work, name=f"sam3-assistant-{engine}", daemon=True)
        self._thread.start()

    def put(self, waiting: _Waiting) -> _Waiting | None:
        """Queue a job; return the one whose place it takes."""
        with self._ready:
            replaced = None
            if waiting.key is not None:
                same = [one for one in self._queue if (one.session, one.key) == (waiting.session, waiting.key)]
                if same:
                    replaced = same[0]
                    self._queue.remove(replaced)
                    waiting.since = replaced.since
            self._queue.append(waiting)
            self._ready.notify()
        return replaced

    def cancel(self, which: Callable[[_Waiting], bool]) -> None:
        with self._ready:
            dropped = [one for one in self._queue if which(one)]
            self._queue = [one for one in self._queue if not which(one)]
            if self._running is not None and which(self._running):
                self._running.cancel.cancel()
        for one in dropped:
            one.future.cancel()

    def busy(self, session: str) -> bool:
        with self._ready:
            waits = any(one.session == session and not one.future.cancelled() for one in self._queue)
            return waits or (self._running is not None and self._running.session == session)

    def running(self, session: str) -> list[int]:
        with self._ready:
            one = self._running
            return [one.number] if one is not None and one.session == session else []

    def ahead(self, session: str) -> int:
        with self._ready:
            now = self._clock()
            waiting = [one for one in self._queue if not one.future.cancelled()]
            mine = min((self._order(one, now) for one in waiting if one.session == session), default=None)
            if mine is None:
                return 0
            others = {one.session for one in waiting if self._order(one, now) < mine}
            return len(others) + (self._running is not None)

    def backlog(self) -> int:
        with self._ready:
            return sum(not one.future.cancelled() for one in self._queue)

    def silent_s(self) -> float:
        with self._ready:
            one = self._running
            return 0.0 if one is None else max(self._clock() - one.cancel.last, 0.0)

    def close(self, finish: Callable[[], None] | None, timeout: float | None) -> None:
        with self._ready:
            self._closed = True
            self._finish = finish
            keeps = any(one.job.keeps for one in (*self._queue, self._running) if one is not None)
        self.cancel(lambda one: not one.job.keeps)
        with self._ready:
            self._ready.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join(KEEP_S if keeps else timeout)

    def _work(self) -> None:
        while (one := self._next()) is not None:
            if one.future.set_running_or_notify_cancel():
                _run(one)
            with self._ready:
                self._running = None
            del one  # a worker that waits must not keep the last picture alive
        if self._finish is not None:
            self._finish()

    def _next(self) -> _Waiting | None:
        with self._ready:
            while not self._queue:
                if self._closed:
                    return None
                self._ready.wait()
            now = self._clock()
            one = min(self._queue, key=lambda waiting: self._order(waiting, now))
            self._queue.remove(one)
            one.cancel.beat()  # its token is as old as its waiting, and now it begins
            self._running = one
            self._served[one.session] = next(self._turn)
            self._forget_idle_sessions()
            return one

    def _order(self, waiting: _Waiting, now: float) -> tuple[int, int, int]:
        """Return what sorts the jobs that wait at ``now``: the least is next."""
        rank = max(int(waiting.kind) - int((now - waiting.since) // self._age_s), 0)
        return rank, self._served.get(waiting.session, 0), waiting.number

    def _forget_idle_sessions(self) -> None:
        if len(self._served) > 1000:
            alive = {one.session for one in self._queue}
            self._served = {name: turn for name, turn in self._served.items() if name in alive}


def _run(one: _Waiting) -> None:
    """Run a job and hand its result, or whatever it raised, to its future."""
    try:
        one.cancel.raise_if_cancelled()
        result = one.job.run(one.tell, one.cancel)
    except Cancelled as stopped:
        one.future.set_exception(stopped)
    except BaseException as error:
        # SystemExit or KeyboardInterrupt raised by a model's code must not end the worker either.
        one.future.set_exception(error if isinstance(error, Exception) else _ended(error))
    else:
        one.future.set_result(result)


def _ended(error: BaseException) -> EngineError:
    failure = EngineError(f"The engine tried to end the program ({type(error).__name__}).", hint="Try again.")
    failure.__cause__ = error
    return failure
