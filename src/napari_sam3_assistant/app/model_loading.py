"""SAM3 loaded because the user has pressed so: begun, how far, stopped, done; and what to do next."""

from __future__ import annotations

import logging
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING

from napari_sam3_assistant.app.state import Phase
from napari_sam3_assistant.app.status import LOADING, seldom, unexpected
from napari_sam3_assistant.core.errors import AssistantError, Cancelled
from napari_sam3_assistant.core.progress import CancelToken, Progress
from napari_sam3_assistant.tasks.jobs import Job, Kind
from napari_sam3_assistant.tasks.scheduler import Scheduler

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController
    from napari_sam3_assistant.tasks.session import ImageSession

logger = logging.getLogger(__name__)
IMAGE, VIDEO = "image", "video"
LOADED = {
    IMAGE: "SAM3 image model loaded{}. Next: choose a task, create a prompt layer if needed, then run preview.",
    VIDEO: "SAM3 video predictor loaded{}. Next: select a frame/slice, add prompts, then run preview or propagate.",
}
CANNOT = {IMAGE: "Cannot load image model: {}", VIDEO: "Cannot load video model: {}"}
STOPPED = "Loading was stopped. SAM3 is not in memory."


class Loading:
    """Loads the engine in use, and reads no picture with it.

    Parameters
    ----------
    controller : AppController
    session : ImageSession
        Whose engine it is.
    scheduler : Scheduler
    """

    def __init__(self, controller: AppController, session: ImageSession, scheduler: Scheduler) -> None:
        self._controller, self._session, self._scheduler = controller, session, scheduler
        self._name = f"{session.name}-load"
        self._future: Future[None] | None = None

    @property
    def runs(self) -> bool:
        """Whether it is on its way."""
        return self._future is not None

    def start(self, what: str) -> None:
        """Load it for :data:`IMAGE` or :data:`VIDEO`: one model in memory serves both."""
        if self.runs:
            return
        engine = self._controller.model.follower() or self._session.engine

        def run(progress: Progress, cancel: CancelToken) -> None:
            engine.get().load(progress=progress, cancel=cancel)

        self._controller.status.begin(LOADING, Phase.LOADING)
        self._future = future = self._scheduler.submit(
            Job(engine.name, run),
            session=self._name,
            kind=Kind.ENCODE,
            progress=seldom(self._controller.on_main, self._progressed),
        )
        self._controller.standby.note_loading(loads=True)
        future.add_done_callback(lambda done: self._controller.on_main(lambda: self._done(done, what)))

    def cancel(self) -> None:
        """Stop."""
        if self.runs:
            self._scheduler.cancel(self._name)

    def close(self) -> None:
        """Stop, and tell nothing any more."""
        self._future = None
        self._scheduler.cancel(self._name)

    def _progressed(self, fraction: float | None, message: str) -> None:
        run = self._controller.state.run
        if not self.runs:
            return
        run.background_progress = fraction
        if run.phase is Phase.LOADING:
            run.progress, run.message = fraction, message or run.message

    def _done(self, future: Future[None], what: str) -> None:
        if future is not self._future:
            return
        self._future = None
        controller = self._controller
        controller.standby.note_loading(loads=False)
        try:
            future.result()
        except (Cancelled, CancelledError):
            controller.status.idle(STOPPED)
        except AssistantError as error:
            controller.status.fail(controller.model.take_note(_explained(error, what)))
        except Exception as error:
            logger.exception("SAM3 could not be loaded")
            controller.status.fail(_explained(unexpected(error), what))
        else:
            on = controller.state.model.runs_on
            controller.model.ready(LOADED[what].format(f" on {on}" if on else ""))


def _explained(error: AssistantError, what: str) -> AssistantError:
    """Return an error of the same kind that says what could not be loaded."""
    said = type(error)(CANNOT[what].format(error.message), hint=error.hint)
    said.__cause__ = error.__cause__
    return said
