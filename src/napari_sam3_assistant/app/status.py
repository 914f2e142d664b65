"""What goes on, told to the state: begun, how far, done, failed."""

from __future__ import annotations

import time
from collections.abc import Callable

from napari_sam3_assistant.app.activity import ActivityState, note, note_error
from napari_sam3_assistant.app.state import Phase, RunState
from napari_sam3_assistant.core.errors import AssistantError
from napari_sam3_assistant.core.progress import Progress

PROGRESS_INTERVAL_S = 0.05
"""Progress is drawn this often at most: a worker may report much faster."""
LOADING = "Loading model..."
OnMain = Callable[[Callable[[], None]], None]


def seldom(on_main: OnMain, progressed: Callable[[float | None, str], None]) -> Progress:
    """Return what a worker may tell as often as it likes; ``progressed`` is called on the GUI thread, not as often."""
    last = 0.0

    def report(fraction: float | None, message: str = "") -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= PROGRESS_INTERVAL_S:
            last = now
            on_main(lambda: progressed(fraction, message))

    return report


def unexpected(error: BaseException, hint: str = "Try again.") -> AssistantError:
    """Return an error that nobody has foreseen as one that is said in the status line, its traceback in the log."""
    failed = AssistantError(f"Something went wrong: {type(error).__name__}: {error}.", hint=hint)
    failed.__cause__ = error
    return failed


class Status:
    """Writes a :class:`RunState`, and notes what it says in the log.

    Parameters
    ----------
    run : RunState
    activity : ActivityState
    on_main : callable
        Runs a function on the GUI thread, soon; callable from any thread.
    """

    def __init__(self, run: RunState, activity: ActivityState, on_main: OnMain) -> None:
        self._run = run
        self._activity = activity
        self._on_main = on_main
        self.error: AssistantError | None = None
        """What failed last, if nothing came after it."""

    @property
    def running(self) -> bool:
        """Whether something runs that was not cancelled."""
        return self._run.phase in (Phase.RUNNING, Phase.LOADING)

    def begin(self, message: str, phase: Phase = Phase.RUNNING) -> None:
        """Say that something runs, or is loaded."""
        self._set(phase, message)
        note(self._activity, message)

    def cancelling(self) -> None:
        """Say that what runs is asked to stop."""
        self._set(Phase.CANCELLING, "Cancelling...")
        note(self._activity, "Cancelling...")

    def idle(self, message: str) -> None:
        """Say that nothing goes on, and what came last."""
        self._set(Phase.IDLE, message)
        note(self._activity, message)

    def fail(self, error: AssistantError) -> None:
        """Say what failed and what to do now, and note the details; nothing else changes."""
        self._set(Phase.FAILED, error.message, error.hint)
        self.error = error
        note_error(self._activity, error)

    def log(self, text: str) -> None:
        """Note something in the log; what goes on, goes on."""
        note(self._activity, text)

    def reporter(self) -> Progress:
        """Return what a worker tells how far it is."""
        return seldom(self._on_main, self._progressed)

    def _progressed(self, fraction: float | None, message: str) -> None:
        if self.running:
            self._run.progress = fraction
            self._run.message = message or self._run.message

    def _set(self, phase: Phase, message: str, hint: str = "") -> None:
        run, self.error = self._run, None
        run.message, run.hint, run.progress, run.phase = message, hint, None, phase
