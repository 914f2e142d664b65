"""One operation of Mask Operations at a time, on a worker's thread."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from napari_sam3_assistant.app.status import OnMain, seldom
from napari_sam3_assistant.core.errors import AssistantError, Cancelled
from napari_sam3_assistant.core.progress import Watch
from napari_sam3_assistant.tasks.jobs import Job, Kind
from napari_sam3_assistant.tasks.scheduler import Scheduler

logger = logging.getLogger(__name__)
T = TypeVar("T")
WORKER = "masks"
"""Masks are worked on by a thread of their own: a click need not wait for a large one."""


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """What runs, and the answer to come; ``identity`` is the unique id of the layer that it is about, or None."""

    identity: str | None
    future: Future[Any]


class MaskWork:
    """Runs an operation, and hands its answer over on the GUI thread unless it was dropped meanwhile.

    Parameters
    ----------
    scheduler : Scheduler
        The process's.
    on_main : callable
        Runs a function on the GUI thread, soon; callable from any thread.
    progressed : callable
        Is told there how far the work is.
    fail : callable
        Is told there of what went wrong.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        on_main: OnMain,
        progressed: Callable[[float | None], None],
        fail: Callable[[AssistantError], None],
    ) -> None:
        self._scheduler, self._on_main = scheduler, on_main
        self._progressed, self._fail = progressed, fail
        self._session = f"masks-{id(self)}"
        self.current: Work | None = None

    def start(self, identity: str | None, make: Callable[[Watch], T], done: Callable[[T], None]) -> None:
        """Run ``make(watch)`` on the worker, then ``done(its result)`` on the GUI thread."""
        job = Job(WORKER, lambda progress, cancel: make(Watch(progress, cancel)))

        def told(fraction: float | None, message: str) -> None:
            if self.current is work:
                self._progressed(fraction)

        future = self._scheduler.submit(
            job, session=self._session, kind=Kind.BATCH, progress=seldom(self._on_main, told)
        )
        self.current = work = Work(identity, future)
        future.add_done_callback(lambda _: self._on_main(lambda: self._done(work, done)))

    def drop(self) -> None:
        """Stop what runs, and throw its answer away at once; the worker may still be busy with a step of it."""
        self.current = None
        self._scheduler.cancel(self._session)

    def _done(self, work: Work, done: Callable[[Any], None]) -> None:
        if work is not self.current:
            return
        self.current = None
        try:
            done(work.future.result())
        except Cancelled:
            return
        except AssistantError as error:
            self._fail(error)
        except Exception as error:
            logger.exception("A mask operation failed")
            self._fail(AssistantError(f"The operation failed: {error}.", hint="The layer is unchanged."))
