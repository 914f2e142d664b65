"""Getting SAM3 from the hub while one goes on working: begun, how far, stopped, done.

The token is handed on to the download, and kept nowhere: not in the state, not in the settings, not in a log.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sam3_assistant.app.model_state import Download
from napari_sam3_assistant.app.status import seldom
from napari_sam3_assistant.core.errors import AssistantError, Cancelled, EngineError
from napari_sam3_assistant.core.progress import CancelToken, Progress
from napari_sam3_assistant.engines.weights import download
from napari_sam3_assistant.engines.weights.inspect import ModelFolder
from napari_sam3_assistant.tasks.jobs import Job, Kind
from napari_sam3_assistant.tasks.scheduler import Scheduler

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController

logger = logging.getLogger(__name__)
WORKER = "get-model"
"""One thread for all viewers: two never write the same folder."""
BEGINS = "Asking the hub..."
STOPPED = "Stopped. What has come is kept; Download goes on from there."


class Getting:
    """Downloads SAM3, and hands its folder on.

    Parameters
    ----------
    controller : AppController
    scheduler : Scheduler
    got : callable
        Called with the folder when all is there, on the GUI thread.
    """

    def __init__(self, controller: AppController, scheduler: Scheduler, got: Callable[[Path], None]) -> None:
        self._controller, self._scheduler, self._got = controller, scheduler, got
        self._state = controller.state.model
        self._session = f"get-{id(self)}"
        self._future: Future[ModelFolder] | None = None
        self._stopping = False

    def start(self, folder: Path, token: str) -> None:
        """Begin, or go on where an earlier download stopped.

        Parameters
        ----------
        folder : Path
            Where the model goes.
        token : str
            What the user has typed; empty takes that of ``HF_TOKEN``, or of ``hf auth login``.
        """
        if self._state.download.running:
            return
        try:
            token_or_none = download.checked(token) or download.token_from(os.environ)
        except AssistantError as error:
            self._fail(error)
            return

        def run(progress: Progress, cancel: CancelToken) -> ModelFolder:
            return download.get_model(folder, token=token_or_none, progress=progress, cancel=cancel)

        self._stopping = False
        self._state.download = Download(running=True, text=BEGINS)
        future = self._scheduler.submit(
            Job(WORKER, run),
            session=self._session,
            kind=Kind.BATCH,
            progress=seldom(self._controller.on_main, self._progressed),
        )
        self._future = future
        future.add_done_callback(lambda done: self._controller.on_main(lambda: self._done(done, folder)))

    def forget(self) -> None:
        """Say no longer what came of an earlier download: another folder is meant now."""
        if not self._state.download.running:
            self._state.download = Download()

    def cancel(self) -> None:
        """Stop; what has come is kept."""
        if self._state.download.running:
            self._stopping = True
            self._state.download = Download(running=True, text="Stopping...")
            self._scheduler.cancel(self._session)

    def close(self) -> None:
        """Stop, and take no answer any more."""
        self._future = None
        self._scheduler.cancel(self._session)

    def _progressed(self, fraction: float | None, message: str) -> None:
        if self._future is not None and not self._stopping:
            self._state.download = Download(True, fraction, message)

    def _done(self, future: Future[ModelFolder], folder: Path) -> None:
        if future is not self._future:
            return
        self._future = None
        try:
            known = future.result()
        except (Cancelled, CancelledError):
            self._state.download = Download(text=STOPPED)
        except AssistantError as error:
            self._fail(error)
        except Exception as error:  # a defect: it must not leave the panel waiting
            logger.error("A download failed: %s", type(error).__name__)
            self._fail(EngineError(f"The download failed ({type(error).__name__}).", hint="Try again."))
        else:
            self._state.download = Download(text=f"SAM3 is in {known.path}.")
            self._got(folder)

    def _fail(self, error: AssistantError) -> None:
        self._state.download = Download(problem=error.message, hint=error.hint)
