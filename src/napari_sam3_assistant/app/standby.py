"""Waiting, honestly: while the engine in use loads or reads a view, the built-in one answers.

Both are asked. The built-in engine's answer is there at once; the other's takes its place when it comes,
as one step that can be taken back, unless the user has changed, accepted or corrected the object by then.

All on the GUI thread.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from napari_sam3_assistant.app import server_hints
from napari_sam3_assistant.app.drafts import Draft, Points
from napari_sam3_assistant.app.held_back import check_words, is_held_back, stands_in
from napari_sam3_assistant.app.requests import Key, Pending, Requests
from napari_sam3_assistant.app.screen import OnScreen, Place
from napari_sam3_assistant.app.server_state import REMOTE, Link
from napari_sam3_assistant.app.status import seldom, unexpected
from napari_sam3_assistant.core.errors import AssistantError, Cancelled
from napari_sam3_assistant.core.progress import Progress
from napari_sam3_assistant.core.prompts import Prompts, Query
from napari_sam3_assistant.core.results import Segmentation
from napari_sam3_assistant.core.sources import Source
from napari_sam3_assistant.core.windows import WHOLE_SIDE, Window, whole
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.tasks.jobs import Task
from napari_sam3_assistant.tasks.looked import Looked
from napari_sam3_assistant.tasks.session import PREPARE, ImageSession
from napari_sam3_assistant.tasks.view import View

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController

logger = logging.getLogger(__name__)
REST_S = 0.4
"""A slow engine begins to read a view that has been on screen for so long."""
STUCK_S = 10.0
"""An engine that has not stopped so long after Cancel does not answer any more; a long search may take that."""
LOADS = "{} is loading{}."
READS = "{} reads this view{}{}."
MEANWHILE = "; the built-in engine answers meanwhile"
GONE = (Link.OFFLINE, Link.REFUSED, Link.FAILED)
STOPPED = "{} was stopped before it had read this view; Run Preview lets it. The built-in engine answers."


class Standby:
    """Decides who answers, and brings in the answers that come later.

    Parameters
    ----------
    controller : AppController
    session : ImageSession
        Of the engine in use.
    quick : ImageSession
        Of the built-in engine.
    """

    def __init__(self, controller: AppController, session: ImageSession, quick: ImageSession) -> None:
        self._controller, self._run = controller, controller.state.run
        self.session, self.quick = session, quick
        self._last = session
        self._late = Requests()
        self._reading: tuple[Place, Future[None]] | None = None
        self._declined: set[Place] = set()
        self._resting = False
        self._loads = False

    # -- who answers ------------------------------------------------------------------------------

    def set_source(self, source: Source | None) -> None:
        """Take another picture, or another version of it."""
        for session in (self.session, self.quick):
            session.set_source(source)
            session.rule = self._controller.state.task.rule

    def choose(self, here: OnScreen, prompts: Prompts, own: View | None = None) -> ImageSession:
        """Return the session that answers about an object now; ``own`` is what was looked at for it before.

        Raises
        ------
        AssistantError
            If no window can be chosen, or the engine asked for by name may not be loaded.
        """
        self.set_source(here.source)
        self._resting = False
        waits = self._stands_in() or self.session.must_wait(
            here.plane, self.session.window_for(prompts, here.plane, own)
        )
        self._last = self.quick if waits else self.session
        return self._last

    def choose_for(self, here: OnScreen, query: Query, view: Window | None) -> ImageSession:
        """Return the session that looks for all objects now; only the engine in use reads words.

        Raises
        ------
        AssistantError
            If no window can be chosen, or the engine that is needed may not be loaded.
        """
        self.set_source(here.source)
        self._resting = False
        words = bool(query.texts)
        if words:
            check_words(self._controller.state)
        waits = self._stands_in(words=words) or (
            not words
            and self.session.must_wait(here.plane, self.session.window_for_query(query, here.plane, view), query)
        )
        self._last = self.quick if waits else self.session
        return self._last

    @property
    def held_back(self) -> bool:
        """Whether the engine in use is not in memory, nor on its way there, and a question may not load it."""
        return not self.at_work and is_held_back(self._controller.state, self.session)

    @property
    def must_load(self) -> bool:
        """Whether what was asked last has to wait until the engine in use is in memory."""
        return self._last is self.session and self.session.engine.slow and not self.session.loaded

    def _stands_in(self, *, words: bool = False) -> bool:
        """Return whether the built-in engine answers in the place of one that is held back, or raise why not."""
        return not self.at_work and stands_in(self._controller.state, self.session, words=words)

    @property
    def view(self) -> View | None:
        """What the last request looks at."""
        return self._last.view

    @property
    def encode_ms(self) -> float:
        """How long the last encoding took, in milliseconds."""
        return self._last.encode_ms

    @property
    def busy(self) -> bool:
        """Whether anything waits or runs, preparing included, but for what is done in the background."""
        return self.quick.busy or (self.session.busy and not self.at_work)

    # -- asking for later -------------------------------------------------------------------------

    def later(
        self, key: Key, here: OnScreen, prompts: Prompts, previous: Segmentation | None, own: View | None
    ) -> None:
        """Have the engine in use answer too, when it can."""
        if key[0] in self._declined or self.held_back:
            self._tell()
            return
        if self._late.prompts_of(key) == prompts:
            return
        future = self.session.request(
            prompts, here.plane, previous=previous, own=own, key=("object", *key), progress=self._reporter()
        )
        self._wait(key, future, prompts)

    def find_later(self, key: Key, here: OnScreen, query: Query, view: Window | None) -> None:
        """Have the engine in use look for all objects too, when it can."""
        if key[0] in self._declined or self.held_back:
            self._tell()
            return
        future = self.session.find(
            query,
            here.plane,
            threshold=self._controller.state.task.threshold,
            view=view,
            key=key[1],
            progress=self._reporter(),
        )
        self._wait(key, future, None)

    def prepare(self, here: OnScreen) -> None:
        """Have the view encoded before it is asked about; by a slow engine once it has rested on screen."""
        self.set_source(here.source)
        window = whole(here.source.plane_shape(here.plane))
        if not self.session.engine.slow:
            self.session.prepare(here.plane)
            return
        self._stop_reading(here.place)
        taken = max(window.shape) <= WHOLE_SIDE and self.session.rule.takes_whole(window.shape)
        if not taken or not self.session.must_wait(here.plane, window):
            self._tell()
            return
        self.quick.prepare(here.plane)
        if here.place not in self._declined and not self._resting and not self.held_back:
            self._controller.after(REST_S, lambda: self._prepare_now(here.place))
        self._tell()

    def _prepare_now(self, place: Place) -> None:
        here = None if self._controller.closed else self._controller.here()
        if here is None or here.place != place or self._reading is not None:
            return
        if place in self._declined or self._resting or self.held_back:
            return
        self.session.set_source(here.source)
        future = self.session.prepare(here.plane, progress=self._reporter())
        if future is None:
            return
        self._reading = place, future
        self._tell()
        future.add_done_callback(lambda done: self._controller.on_main(lambda: self._has_read(place, done)))

    def _has_read(self, place: Place, future: Future[None]) -> None:
        if self._reading is None or self._reading[1] is not future:
            return
        self._reading = None
        try:
            with suppress(Cancelled, CancelledError):
                future.result()
        except Exception as error:
            self._failed(place, error)
        self._tell()

    def _failed(self, place: Place, error: Exception) -> None:
        """Say why, and ask for no more there: the next click would wait for the same."""
        if not isinstance(error, AssistantError):
            logger.exception("A later answer failed", exc_info=error)
            error = unexpected(error)
        said = self._controller.model.take_note(error)
        if said is error:
            self._declined.add(place)
        self._controller.status.fail(said)

    def _stop_reading(self, place: Place) -> None:
        """Stop reading a view that is no longer on screen, unless somebody waits for it."""
        if self._reading is None or self._reading[0] == place:
            return
        if any(where == self._reading[0] for where, _ in self._late):
            return
        self._reading = None
        self.session.cancel(PREPARE)

    def _wait(self, key: Key, future: Future[Any], prompts: Prompts | None) -> None:
        self._late.add(key, Pending(future, prompts))
        self._tell()
        future.add_done_callback(lambda done: self._controller.on_main(lambda: self._done(key, done)))

    # -- answers ----------------------------------------------------------------------------------

    def _done(self, key: Key, future: Future[Any]) -> None:
        pending = self._late.take(key, future)
        if pending is None:
            return
        try:
            result = future.result()
        except (Cancelled, CancelledError):
            self._tell()
            return
        except Exception as error:
            self._failed(key[0], error)
            self._tell()
            return
        if isinstance(result, Looked):
            self._controller.finding.replace(key[0], pending, result)
        else:
            self._controller.asking.replace(key, pending, result)
        self._tell()

    def drop(self, place: Place, ids: Collection[int | str]) -> None:
        """Take no later answers about these objects."""
        self._late.drop(place, ids)
        self._tell()

    def drop_outdated(self, place: Place, draft: Draft, points: Points) -> None:
        """Take no later answers to prompts that are others by now."""
        self._late.drop_outdated(place, draft, points)
        self._tell()

    def recall(self, here: Place | None, points: Points) -> None:
        """Take no later answers to prompts that a step has taken back."""
        self._late.recall(here, points, self._controller.board.at)
        self._tell()

    # -- stopping ---------------------------------------------------------------------------------

    @property
    def at_work(self) -> bool:
        """Whether the engine in use works for later."""
        return self._reading is not None or bool(self._late) or self._loads

    def note_loading(self, *, loads: bool) -> None:
        """Take note that the engine in use is being loaded because the user has pressed so, or is not any more."""
        self._loads = loads
        self._tell()

    def cancel(self) -> None:
        """Stop all. What was being read is read again only when the user asks for it."""
        self._declined |= {where for where, _ in self._late}
        if self._reading is not None:
            self._declined.add(self._reading[0])
        self.forget()
        stopped = self.session.running
        if self.session.engine.slow and stopped:
            self._controller.after(STUCK_S, lambda: self._end_if_stuck(stopped))

    def _end_if_stuck(self, stopped: frozenset[int]) -> None:
        """End a process that still works on what it was asked to stop; it is started again."""
        if not self._controller.closed and stopped & self.session.running:
            self._controller.model.end()

    def forget(self) -> None:
        """Stop all, and take no answer any more."""
        self._late.forget()
        self._reading = None
        self.session.cancel()
        self.quick.cancel()
        self._tell()

    def rest(self) -> None:
        """Let the engine in use read nothing before the next question: its memory was given back."""
        self._declined.clear()
        self._resting = True
        self._tell()

    def allow(self, place: Place | None = None) -> bool:
        """Let the engine in use read again what it was stopped at, on one plane or on all; whether there was any.

        On all planes, one whose memory was given back reads again too.
        """
        there = bool(self._declined) if place is None else place in self._declined
        self._resting = self._resting and place is not None
        self._declined = set() if place is None else self._declined - {place}
        self._tell()
        return there

    # -- telling ----------------------------------------------------------------------------------

    def _reporter(self) -> Progress:
        return seldom(self._controller.on_main, self._progressed)

    def _progressed(self, fraction: float | None, message: str) -> None:
        if self.at_work:
            # Loading ends with a 1 too, and the reading that follows begins anew.
            self._run.background_progress = fraction if fraction != 1 else None
            self._tell()

    def tell(self) -> None:
        """Write what the engine in use does meanwhile: how one stands with its server has changed."""
        self._tell()

    def _tell(self) -> None:
        """Write what the engine in use does meanwhile."""
        self._run.background_works = self.at_work
        if not self.at_work:
            self._run.background_progress = None
            lost = self.session.engine.name == REMOTE and self._controller.state.server.link in GONE
            stopped = not lost and self._controller.board.place in self._declined  # else the row says why
            self._run.background = STOPPED.format(self._title) if stopped else ""
            return
        meanwhile = MEANWHILE if self._controller.state.task.task is not Task.TEXT else ""
        remote, server = self.session.engine.name == REMOTE, self._controller.state.server
        if remote and (not self.session.loaded or server.link is Link.OFFLINE):
            self._run.background = server_hints.waits(server, meanwhile)
            return
        if not self.session.loaded:
            self._run.background = LOADS.format(self._title, meanwhile)
            return
        self._run.background = READS.format(self._title, self._left(), meanwhile)

    @property
    def _title(self) -> str:
        return registry.title_of(self.session.engine.name)

    def _left(self) -> str:
        """Return how long it still takes, as far as that is known: ``": about 25 s on this CPU"``."""
        expected, done = self.session.expected_s, self._run.background_progress or 0.0
        if not expected:
            return ""
        left = max(expected * (1 - done), 1.0)
        here = self.session.on_cpu and self.session.engine.name != REMOTE
        return f": about {duration(left)} on this CPU" if here else f": about {duration(left)}"


def duration(seconds: float) -> str:
    """Return a time one waits for, as one says it: ``"7 s"``, ``"25 s"``, ``"2 min"``."""
    if seconds >= 90:
        return f"{seconds / 60:.0f} min"
    return f"{seconds:.0f} s" if seconds < 10 else f"{5 * round(seconds / 5)} s"
