"""A run, one frame after the other: a step on the engine's thread, what came of it on the GUI thread.

Between two steps a click is answered, Cancel takes effect, and what the user has said or removed meanwhile is done.
However a run ends, what is done stays.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING

from napari_sam3_assistant.app.status import seldom, unexpected
from napari_sam3_assistant.core.errors import AssistantError, Cancelled
from napari_sam3_assistant.tasks.video import Step
from napari_sam3_assistant.tasks.volumes import AnyRun

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController
    from napari_sam3_assistant.tasks.session import ImageSession

logger = logging.getLogger(__name__)


class Runner:
    """Takes the steps of one run at a time.

    Parameters
    ----------
    controller : AppController
    session : ImageSession
    take : callable
        ``take(run, step)`` takes what came of a frame.
    renew : callable
        ``renew(run)`` returns what is to be done after something was done in between; None where that is nothing.
    end : callable
        ``end(run, cancelled, error)`` is told of the end.
    """

    def __init__(
        self,
        controller: AppController,
        session: ImageSession,
        take: Callable[[AnyRun, Step], None],
        renew: Callable[[AnyRun], AnyRun | None],
        end: Callable[[AnyRun, bool, AssistantError | None], None],
    ) -> None:
        self._controller, self._session = controller, session
        self._video = controller.state.video
        self._take, self._renew, self._end = take, renew, end
        self._stopping: AnyRun | None = None
        self._due: list[Callable[[], None]] = []
        self.run: AnyRun | None = None

    def start(self, run: AnyRun) -> None:
        """Begin with a run."""
        self.run, self._stopping = run, None
        self._due.clear()
        self._next(run)

    def cancel(self) -> None:
        """Stop after the frame that is worked on."""
        self._stopping = self.run  # between two frames there is nothing that the session could stop
        self._session.cancel()

    def halt(self) -> AnyRun | None:
        """Stop at once, and tell nobody; return what ran."""
        run, self.run = self.run, None
        self._due.clear()
        self._session.cancel()
        return run

    def between(self, do: Callable[[], None]) -> None:
        """Do something that changes what is followed: now, or once the frame that is worked on is done."""
        if self.run is None:
            do()
        else:
            self._due.append(do)

    def _next(self, run: AnyRun) -> None:
        progress = seldom(self._controller.on_main, self._progressed)
        try:
            future = self._session.follow(run, progress=progress)
        except AssistantError as error:
            self._finish(run, False, error)
            return
        future.add_done_callback(lambda done: self._controller.on_main(lambda: self._stepped(run, done)))

    def _progressed(self, fraction: float | None, message: str) -> None:
        if self.run is not None:
            self._video.progress, self._video.step = fraction, f"3D/video propagation: {message}"

    def _stepped(self, run: AnyRun, future: Future[Step]) -> None:
        if run is not self.run:
            return
        try:
            self._take(run, future.result())
        except (Cancelled, CancelledError):
            self._finish(run, True, None)
        except AssistantError as error:
            self._finish(run, False, error)
        except Exception as error:
            logger.exception("Propagation failed")
            self._finish(run, False, unexpected(error))
        else:
            if self.run is run:
                self._go_on(run)

    def _go_on(self, run: AnyRun) -> None:
        self._video.progress = run.done / max(run.total, 1)
        if run is self._stopping:
            self._finish(run, run.next_frame is not None, None)
            return
        following: AnyRun | None = run
        if self._due:
            self._do()
            following = self._renew(run)
        if self.run is None:
            return
        if following is None or following.next_frame is None:
            self._finish(run, False, None)
        else:
            self.run = following
            self._next(following)

    def _finish(self, run: AnyRun, cancelled: bool, error: AssistantError | None) -> None:
        self.run = None
        self._do()
        self._end(run, cancelled, error)

    def _do(self) -> None:
        due, self._due = self._due, []
        for do in due:
            do()
