"""How one stands with the server in use: its latency, that it is gone, that it is back and what goes on then.

All on the GUI thread; a server that is gone is asked whether it is back on a worker's thread.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING

from napari_sam3_assistant.app import server_hints, tokens
from napari_sam3_assistant.app.activity import note
from napari_sam3_assistant.app.drafts import Draft
from napari_sam3_assistant.app.runtime import Runtime
from napari_sam3_assistant.app.server_state import REMOTE, Link
from napari_sam3_assistant.core.errors import AssistantError, Cancelled, EngineError, ServerUnreachable, TokenRefused
from napari_sam3_assistant.core.progress import CancelToken, Progress
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.tasks.jobs import Job, Kind, Task

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController
    from napari_sam3_assistant.tasks.session import ImageSession

logger = logging.getLogger(__name__)
WORKER = "server"
"""Servers are tested, and looked for, on a thread of their own: the one that answers may wait for its own."""
LOOK_S = 2.0
"""The latency is read, and a server that is gone is looked for, so often."""
TRY_S = 3.0
"""So long one waits for a server that may be back, in seconds."""
BACK = "The server is back."


class ServerLink:
    """Follows how one stands with the server.

    Parameters
    ----------
    controller : AppController
    session : ImageSession
        Whose engine it is.
    runtime : Runtime
    """

    def __init__(self, controller: AppController, session: ImageSession, runtime: Runtime) -> None:
        self._controller, self._session, self._runtime = controller, session, runtime
        self._model, self._state = controller.state.model, controller.state.server
        self._name = f"{session.name}-server"
        self._probe: Future[None] | None = None
        self._owed: Callable[[], None] | None = None
        self._away, self._met, self._looks = False, False, False

    @property
    def in_use(self) -> bool:
        """Whether the engine of a server answers."""
        return self._session.engine.name == REMOTE and not self._controller.closed

    def begin(self) -> None:
        """Take another server, or none: nothing is known of it."""
        self._away, self._met, self._owed = False, False, None
        self._stop_looking()
        self._model.can = None
        self._put(Link.IDLE)

    def connect(self) -> None:
        """Have the engine in use connect now, before it is asked; what fails is said."""
        engine = self._session.engine

        def run(progress: Progress, cancel: CancelToken) -> None:
            engine.get().load(progress=progress, cancel=cancel)

        self._put(Link.CONNECTING)
        future = self._runtime.scheduler.submit(Job(engine.name, run), session=self._name, kind=Kind.ENCODE, key=REMOTE)
        future.add_done_callback(lambda done: self._controller.on_main(lambda: self._connected(done)))

    def close(self) -> None:
        """Look no longer."""
        self._stop_looking()
        self._runtime.scheduler.cancel(self._name)

    # -- what is told -----------------------------------------------------------------------------

    def note(self) -> None:
        """Write how one stands with the server now."""
        if not self.in_use:
            return
        can, link = self._runtime.loaded(REMOTE), self._runtime.link(REMOTE)
        latency_s, state = None if link is None else link[1], self._engines_state()
        if can is not None and can != self._model.can:
            self._model.can = can
            self._state.title = self._title()
        if state == Link.CONNECTED and can is not None:
            self._state.latency_ms = None if latency_s is None else max(round(latency_s * 1000), 1)
            self._met = True
            self._put(Link.CONNECTED)
            if self._away:
                self._back()
        elif state == Link.OFFLINE and self._met and self._state.link in (Link.CONNECTED, Link.CONNECTING):
            self._met = False
            self._put(Link.IDLE)  # or it has hung up since nothing was asked for long
            self._try()
        elif state == Link.CONNECTING and self._state.link not in (Link.OFFLINE, Link.REFUSED):
            self._put(Link.CONNECTING)
        self._look_later()

    def take_note(self, error: AssistantError, again: Callable[[], None] | None = None) -> None:
        """Note that a server is gone, or refuses; once it is back ``again`` is called, or prompts are asked again."""
        if not self.in_use:
            return
        if isinstance(error, ServerUnreachable):
            self._owed = again or self._ask_again
            self._gone()
            self._look_later()
        elif isinstance(error, TokenRefused):
            self._put(Link.REFUSED)
        elif isinstance(error, EngineError) and self._engines_state() == Link.OFFLINE:
            self._put(Link.FAILED)  # it will not do: another version, a certificate that does not fit

    def _engines_state(self) -> str:
        link = self._runtime.link(REMOTE)
        return Link.IDLE if link is None else link[0]

    def _put(self, link: Link) -> None:
        if link is not self._state.link:
            note(self._controller.state.activity, f"Server {self._state.address}: {link.value}.")
        self._state.link = link
        if self._model.in_use == REMOTE:
            self._model.reason = server_hints.line(self._state)
        self._controller.standby.tell()

    def _gone(self) -> None:
        self._away = True
        self._put(Link.OFFLINE)

    def _title(self) -> str:
        """Return what the engine on the server is called."""
        made = self._session.engine.loaded()
        return registry.title_of(made.weights.partition(":")[0]) if made is not None else ""

    # -- looking ----------------------------------------------------------------------------------

    def _look_later(self) -> None:
        if not self._looks and self.in_use and self._state.link in (Link.CONNECTED, Link.CONNECTING, Link.OFFLINE):
            self._looks = True
            self._controller.after(LOOK_S, self._look)

    def _look(self) -> None:
        self._looks = False
        if self.in_use and self._state.link is Link.OFFLINE:
            self._try()
        self.note()

    def _try(self) -> None:
        """Ask whether the server is there; never waits."""
        if self._probe is not None:
            return
        address = self._state.address

        def run(progress: Progress, cancel: CancelToken) -> None:
            from napari_sam3_assistant.engines.remote.trial import try_server

            try_server(address, tokens.find(address), timeout_s=TRY_S, cancel=cancel)

        self._probe = future = self._runtime.scheduler.submit(Job(WORKER, run), session=self._name, kind=Kind.BATCH)
        future.add_done_callback(lambda done: self._controller.on_main(lambda: self._tried(done)))

    def _tried(self, future: Future[None]) -> None:
        if future is not self._probe:
            return
        self._probe = None
        if not self.in_use or self._state.link not in (Link.IDLE, Link.OFFLINE):
            return
        try:
            future.result()
        except (AssistantError, CancelledError) as error:
            logger.debug("The server is not there: %s", type(error).__name__)
            self._gone()
            self._look_later()
        except Exception:
            logger.exception("A server could not be looked for")
        else:
            if self._away:
                self._back()

    def _stop_looking(self) -> None:
        probe, self._probe = self._probe, None
        if probe is not None:
            self._runtime.scheduler.cancel(self._name)

    # -- going on ---------------------------------------------------------------------------------

    def _connected(self, future: Future[None]) -> None:
        if not self.in_use:
            return
        try:
            future.result()
        except (Cancelled, CancelledError):
            self._put(Link.IDLE)
        except AssistantError as error:
            self._controller.status.fail(self._controller.model.take_note(error))
        except Exception:
            logger.exception("A server could not be reached")
            self._gone()
        else:
            self.note()

    def _back(self) -> None:
        """Go on with what waits for the server."""
        owed, self._owed, self._away = self._owed, None, False
        if self._state.link is Link.OFFLINE:
            self._put(Link.CONNECTING)
        self._controller.status.idle(BACK)
        if owed is not None:
            owed()
        self._controller.prepare()

    def _ask_again(self) -> None:
        """Ask about the prompts on screen, which the built-in engine has answered meanwhile, or nobody has."""
        controller, task = self._controller, self._controller.state.task
        if controller.live.is_live:
            if controller.standby.allow(controller.board.place):
                controller.board.change(Draft.all_unasked)
            controller.standby.allow()
            controller.asking.follow(BACK)
        elif task.usable and not task.in_steps and task.task is not Task.VIDEO:
            controller.run()
