"""Choosing the Python that has Meta's package: the verbs of its dialog, which looks into one while one goes on working.

A Python is started to be looked into, so that is done on a thread of its own; whether there is one where it was
chosen is seen at once.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING

from napari_sam3_assistant.app import meta_hints, model_hints
from napari_sam3_assistant.app.activity import note
from napari_sam3_assistant.app.meta_state import META, MULTIPLEX, Looked
from napari_sam3_assistant.app.runtime import Runtime
from napari_sam3_assistant.core.errors import AssistantError, Cancelled
from napari_sam3_assistant.core.progress import CancelToken, Progress
from napari_sam3_assistant.engines import diagnosing, registry
from napari_sam3_assistant.engines.interpreters import fatal_in, find_interpreter, meta_python
from napari_sam3_assistant.engines.meta import installed
from napari_sam3_assistant.engines.meta.installed import Installed
from napari_sam3_assistant.engines.registry import Choice
from napari_sam3_assistant.tasks.jobs import Job, Kind

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController
    from napari_sam3_assistant.tasks.session import EngineHandle

logger = logging.getLogger(__name__)
WORKER = "pythons"
"""A Python that hangs lets no model folder wait."""


class MetaChoice:
    """Looks into Pythons, and takes one.

    Parameters
    ----------
    controller : AppController
    runtime : Runtime
    use : callable
        Has the engine that is wanted answer: which Python there is, or what is in it, is known now.
    """

    def __init__(self, controller: AppController, runtime: Runtime, use: Callable[[], None]) -> None:
        self._controller, self._runtime, self._use = controller, runtime, use
        self._scheduler = runtime.scheduler
        self._state, self._model = controller.state.meta, controller.state.model
        self._check_name, self._look_name = f"meta-check-{id(self)}", f"meta-look-{id(self)}"
        self._end_listening = diagnosing.listen(self._heard)
        self._check: Future[Installed] | None = None
        self._looking: tuple[str, Future[Installed]] | None = None
        self._seen = ""
        """The Python that ``found`` is about, or that could not be looked into; the state's, as it was then."""

    @property
    def there(self) -> bool:
        """Whether there is a Python with the package, as far as is known without starting it."""
        self.refresh()
        return self._state.there

    def best(self) -> Choice:
        """Return Meta's package where it can answer, else the built-in engine; what to do is in the state of the model.

        SAM3.1 answers about no single picture: the built-in engine does, beside it.
        """
        model = self._model
        why_not, model.todo = meta_hints.why_not(model, self._state)
        self._look()
        title = meta_hints.SAM31 if model.multiplex else registry.title_of(META)
        if why_not:
            return Choice(registry.BUILTIN.name, registry.BUILTIN.title, meta_hints.MEANWHILE.format(title, why_not))
        if model.multiplex:
            return Choice(registry.BUILTIN.name, registry.BUILTIN.title, meta_hints.BESIDE)
        return registry.choose(META, model.known, interpreter=self._state.interpreter or sys.executable)

    def follower(self) -> EngineHandle | None:
        """Return SAM3.1, where it is meant and can run; else None."""
        model, state = self._model, self._state
        if not model.multiplex or not model_hints.wanted(model) or model.known is None:
            return None
        if meta_hints.why_not(model, state)[0]:
            return None
        return self._runtime.handle(
            MULTIPLEX,
            model.known.path,
            model.computes_on,
            interpreter=state.interpreter,
            diagnostics=self._controller.state.diagnoses,
        )

    def refresh(self) -> None:
        """Note which Python is used, and whether it is there; it may have changed. Takes no time."""
        state = self._state
        try:
            interpreter, problem, hint = meta_python(state.python), "", ""
        except AssistantError as error:
            interpreter, problem, hint = "", error.message, error.hint
        if interpreter != state.interpreter:
            state.found = None
        self._seen = ""
        state.missing = () if interpreter or problem else registry.META.missing
        state.interpreter, state.problem, state.hint = interpreter, problem, hint

    def _look(self) -> None:
        """Look into the Python that is used, unless that was done: what SAM3.1 needs is not seen from outside."""
        state = self._state
        which = state.interpreter or "here"
        if not state.there or self._seen == which or (self._looking is not None and self._looking[0] == which):
            return
        future = self._submit(state.interpreter, self._look_name)
        self._looking = which, future
        future.add_done_callback(lambda done: self._controller.on_main(lambda: self._took_note(which, done)))

    def ask(self, shown: bool) -> None:
        """Show or hide the dialog. Hiding it ends a check."""
        if not shown:
            self.forget()
        self._state.asking = shown

    def check(self, text: str) -> None:
        """Look into the Python that was typed; into this one where nothing was."""
        if self._state.looked.running:
            return
        try:
            interpreter = find_interpreter(text) if text.strip() else meta_python()
        except AssistantError as error:
            self._fail(error)
            return
        self._state.looked = Looked(running=True, lines=(meta_hints.ASKS.format(interpreter or "this Python"),))
        self._check = future = self._submit(interpreter, self._check_name)
        future.add_done_callback(lambda done: self._controller.on_main(lambda: self._checked(done)))

    def forget(self) -> None:
        """End a check, or say no longer what came of it: another Python is meant now."""
        if self._check is not None:
            self._check = None
            self._scheduler.cancel(self._check_name)
        self._state.looked = Looked()

    def accept(self, text: str) -> bool:
        """Use the Python that was typed from now on (this one, where nothing was), and close the dialog.

        Returns
        -------
        bool
            Whether there is one; where not, the dialog says so and stays.
        """
        try:
            python = find_interpreter(text) if text.strip() else ""
        except AssistantError as error:
            self._fail(error)
            return False
        self._state.python = python
        self.ask(False)
        self.refresh()
        if not self._model.multiplex or not model_hints.wanted(self._model):
            self._model.engine = META
        self._use()
        return True

    def close(self) -> None:
        """Stop, and take no answer any more."""
        self._end_listening()
        self._check = self._looking = None
        for name in (self._check_name, self._look_name):
            self._scheduler.cancel(name)

    def _heard(self, line: str) -> None:
        """Put what an engine tells of itself into the log; on whatever thread that is."""
        self._controller.on_main(lambda: self._note(line))

    def _note(self, line: str) -> None:
        if not self._controller.closed and self._controller.state.diagnoses:
            note(self._controller.state.activity, line)

    def _submit(self, interpreter: str, session: str) -> Future[Installed]:
        def run(progress: Progress, cancel: CancelToken) -> Installed:
            return installed.look_in(interpreter) if interpreter else installed.look()

        return self._scheduler.submit(Job(WORKER, run), session=session, kind=Kind.DECODE, key=session)

    def _took_note(self, which: str, future: Future[Installed]) -> None:
        if self._looking is None or self._looking[1] is not future or self._controller.closed:
            return
        self._looking, self._seen = None, which
        if which != (self._state.interpreter or "here"):
            return
        try:
            self._state.found = future.result()
        except (Cancelled, CancelledError):
            self._seen = ""
            return
        except AssistantError as error:
            self._state.problem, self._state.hint = error.message, error.hint
        self._use()

    def _checked(self, future: Future[Installed]) -> None:
        if future is not self._check:
            return
        self._check = None
        try:
            found = future.result()
            self._state.looked = Looked(lines=meta_hints.report(found), unusable=fatal_in(found) is not None)
        except (Cancelled, CancelledError):
            self._state.looked = Looked()
        except AssistantError as error:
            self._fail(error)
        except Exception:  # a defect: it must not leave the dialog waiting
            logger.exception("A Python could not be looked into")
            self._fail(AssistantError("This Python could not be looked into.", hint="Choose another one."))

    def _fail(self, error: AssistantError) -> None:
        self._state.looked = Looked(problem=error.message, hint=error.hint)
