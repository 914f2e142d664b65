"""Choosing a server: the verbs of its dialog, which tests one while one goes on working, and keeps its token.

A token is handed on to :mod:`~napari_sam3_assistant.app.tokens`, and kept nowhere else.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING

from napari_sam3_assistant.app import server_hints, tokens
from napari_sam3_assistant.app.server_link import WORKER
from napari_sam3_assistant.app.server_state import REMOTE, Trial
from napari_sam3_assistant.core.errors import AssistantError, Cancelled, Unsupported
from napari_sam3_assistant.core.progress import CancelToken, Progress
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.tasks.jobs import Job, Kind
from napari_sam3_assistant.tasks.scheduler import Scheduler

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController
    from napari_sam3_assistant.engines.remote.trial import ServerReport

logger = logging.getLogger(__name__)
MOST_RECENT = 8
KEYRING = "keyring"
"""The system's keyring may ask the user for a password, and so waits on a thread of its own."""
ASKS, STOPPED = "Asking {}...", "Stopped."


class ServerChoice:
    """Tests servers, and takes one.

    Parameters
    ----------
    controller : AppController
    scheduler : Scheduler
    use : callable
        ``use(address)`` has the engine of this server answer; called after its token was told.
    """

    def __init__(self, controller: AppController, scheduler: Scheduler, use: Callable[[str], None]) -> None:
        self._controller, self._scheduler, self._use = controller, scheduler, use
        self._state = controller.state.server
        self._session = f"server-{id(self)}"
        self._trial: Future[ServerReport] | None = None

    def ask(self, shown: bool) -> None:
        """Show or hide the dialog. Hiding it ends a test."""
        if shown and self._state.keyring is None:
            self._look_for_keyring()
        if not shown:
            self.stop()
            self._state.trial = Trial()
        self._state.asking = shown

    def test(self, text: str, token: str) -> None:
        """Ask the server at an address what it is; an empty token takes the one that is known for it."""
        if self._state.trial.running:
            return
        try:
            address, given = _parts(text, token)
        except AssistantError as error:
            self._fail(error)
            return

        def run(progress: Progress, cancel: CancelToken) -> ServerReport:
            from napari_sam3_assistant.engines.remote.trial import try_server

            return try_server(address, given or tokens.find(address), cancel=cancel)

        self._state.trial = Trial(running=True, text=ASKS.format(server_hints.place(address)))
        self._trial = future = self._scheduler.submit(Job(WORKER, run), session=self._session, kind=Kind.DECODE)
        future.add_done_callback(lambda done: self._controller.on_main(lambda: self._tested(done)))

    def stop(self) -> None:
        """Stop a test."""
        if self._trial is not None:
            self._trial = None
            self._scheduler.cancel(self._session)
            self._state.trial = Trial(text=STOPPED)

    def accept(self, text: str, token: str, *, keep: bool) -> None:
        """Use the server at an address from now on, and close the dialog; say what is wrong with the address.

        Parameters
        ----------
        text : str
        token : str
            Empty for the one that is known for the server, or none.
        keep : bool
            Whether the token is kept in the keyring.
        """
        try:
            address, given = _parts(text, token)
        except AssistantError as error:
            self._fail(error)
            return
        state = self._state
        if state.keyring:
            state.keep = keep
        if given:
            tokens.tell(address, given)
        self._keep(address)
        state.recent = (address, *(one for one in state.recent if one != address))[:MOST_RECENT]
        state.address = address
        self.ask(False)
        self._use(address)

    def forget(self) -> None:
        """End a test, or say no longer what came of it: another address or token is meant now."""
        self.stop()
        self._state.trial = Trial()

    def knows(self, text: str) -> bool:
        """Return whether the token for the server at an address, as it was typed, is known since napari has started."""
        from napari_sam3_assistant.engines.remote.addresses import server_address

        try:
            return tokens.told(str(server_address(text)))
        except AssistantError:
            return False

    def parted(self, text: str) -> tuple[str, str]:
        """Return a page's whole address without its token, and the token; ``text`` and none where it has none."""
        try:
            address, token = _parts(text, "")
        except AssistantError:
            return text, ""
        return (server_hints.place(address), token) if token else (text, "")

    def close(self) -> None:
        """Stop, and take no answer any more."""
        self._trial = None
        self._scheduler.cancel(self._session)

    def _keep(self, address: str) -> None:
        """Put the token for a server into the keyring, or out of it; never waits."""
        keep = self._state.keep

        def run(progress: Progress, cancel: CancelToken) -> None:
            token = tokens.find(address)
            if token is None:
                return
            if keep:
                tokens.keep(address, token)
            else:
                tokens.drop(address)

        self._scheduler.submit(Job(KEYRING, run), session=f"{self._session}-keep", kind=Kind.DECODE)

    def _look_for_keyring(self) -> None:
        def run(progress: Progress, cancel: CancelToken) -> str:
            return tokens.keyring_name()

        def found(done: Future[str]) -> None:
            if not done.cancelled() and done.exception() is None:
                self._state.keyring = done.result()

        future = self._scheduler.submit(Job(KEYRING, run), session=f"{self._session}-look", kind=Kind.DECODE)
        future.add_done_callback(lambda done: self._controller.on_main(lambda: found(done)))

    def _tested(self, future: Future[ServerReport]) -> None:
        if future is not self._trial:
            return
        self._trial = None
        try:
            self._state.trial = Trial(text=server_hints.report(future.result()))
        except (Cancelled, CancelledError):
            self._state.trial = Trial(text=STOPPED)
        except AssistantError as error:
            self._fail(error)
        except Exception as error:  # a defect: it must not leave the dialog waiting
            logger.error("A test of a server failed: %s", type(error).__name__)
            self._fail(AssistantError("The server could not be tested.", hint="Check the address, and try again."))

    def _fail(self, error: AssistantError) -> None:
        self._state.trial = Trial(problem=error.message, hint=error.hint)


def _parts(text: str, token: str) -> tuple[str, str]:
    """Return the address as it is kept, and the token: of a page's whole address both.

    Raises
    ------
    AssistantError
        If it is no address of a server, or what is needed to reach one is not installed.
    """
    from napari_sam3_assistant.engines.remote.addresses import server_address

    spec = next((one for one in registry.available() if one.name == REMOTE), None)
    if spec is not None and spec.missing:
        missing = " and ".join(spec.missing)
        raise Unsupported(
            f"To reach a server, {missing} has to be installed.",
            hint=f"Install it with pip install {' '.join(spec.missing)}, then restart napari.",
        )
    address = server_address(text)
    return str(address), token.strip() or address.token or ""
