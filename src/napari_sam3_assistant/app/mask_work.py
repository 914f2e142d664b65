"""One operation at a time on the pixels of a Labels layer, on a worker's thread."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy.typing as npt

from napari_sam3_assistant.app.status import OnMain
from napari_sam3_assistant.core.errors import AssistantError
from napari_sam3_assistant.tasks.jobs import Job, Kind
from napari_sam3_assistant.tasks.scheduler import Scheduler

logger = logging.getLogger(__name__)
T = TypeVar("T")
Array = npt.NDArray[Any]
WORKER = "masks"
"""Masks are cleaned on a thread of their own: a click need not wait for a large one."""


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """What runs: for which layer, on which array, and the answer to come.

    ``changes`` is how often the layer's pixels had changed when it began.
    """

    identity: str
    data: Array
    changes: int
    future: Future[Any]


class MaskWork:
    """Runs an operation, and hands its answer over on the GUI thread unless it was dropped meanwhile.

    Parameters
    ----------
    scheduler : Scheduler
        The process's.
    on_main : callable
        Runs a function on the GUI thread, soon; callable from any thread.
    fail : callable
        Is told, there, of what went wrong.
    """

    def __init__(self, scheduler: Scheduler, on_main: OnMain, fail: Callable[[AssistantError], None]) -> None:
        self._scheduler, self._on_main, self._fail = scheduler, on_main, fail
        self._session = f"masks-{id(self)}"
        self.current: Work | None = None

    def start(
        self, identity: str, data: Array, changes: int, make: Callable[[Array], T], done: Callable[[Work, T], None]
    ) -> None:
        """Run ``make(data)`` on the worker, then ``done(work, its result)`` on the GUI thread."""
        job = Job(WORKER, lambda progress, cancel: make(data))
        future = self._scheduler.submit(job, session=self._session, kind=Kind.BATCH)
        self.current = work = Work(identity, data, changes, future)
        future.add_done_callback(lambda _: self._on_main(lambda: self._done(work, done)))

    def drop(self) -> None:
        """Throw away the answer of what runs, at once; the worker may still be busy with it."""
        self.current = None
        self._scheduler.cancel(self._session)

    def _done(self, work: Work, done: Callable[[Work, Any], None]) -> None:
        if work is not self.current:
            return
        self.current = None
        try:
            done(work, work.future.result())
        except AssistantError as error:
            self._fail(error)
        except Exception as error:
            logger.exception("A mask operation failed")
            self._fail(AssistantError(f"The operation failed: {error}.", hint="The layer is unchanged."))
