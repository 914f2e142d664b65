"""The log of a viewer's assistant: what was said in the status line, when, and what lay behind an error.

Bounded. A log line here is for the user who wants to know what happened, or to send it to us.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from psygnal import SignalGroupDescriptor

from napari_sam3_assistant.core.errors import AssistantError

MOST_LINES = 1000
"""The oldest lines are forgotten first."""
NOTHING_NEW = ("Ready",)


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One entry of the log.

    Attributes
    ----------
    at : datetime
        Local time.
    text : str
        What was said.
    problem : bool
        Whether it tells a problem.
    detail : str
        What lay behind an error, line by line; empty where nothing did.
    """

    at: datetime
    text: str
    problem: bool = False
    detail: str = ""

    def __str__(self) -> str:
        text = f"{self.at:%H:%M:%S}  {'Problem: ' if self.problem else ''}{self.text}"
        return "\n    ".join([text, *self.detail.splitlines()])


@dataclass(eq=False)
class ActivityState:
    """The log: ``lines``, the oldest first, which controllers write; ``shown`` (whether it is open) is the user's."""

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    lines: tuple[Line, ...] = ()
    shown: bool = False


def note(activity: ActivityState, text: str) -> None:
    """Add a line, unless it says nothing, or once more what the last one says."""
    last = activity.lines[-1] if activity.lines else None
    if not text or text in NOTHING_NEW or (last is not None and not last.problem and last.text == text):
        return
    _add(activity, Line(datetime.now(), text))


def note_error(activity: ActivityState, error: AssistantError) -> None:
    """Add what failed and what to do now, with all that is known of the error that caused it."""
    cause = error.__cause__
    detail = "" if cause is None else "".join(traceback.format_exception(cause)).rstrip()
    _add(activity, Line(datetime.now(), str(error), True, detail))


def _add(activity: ActivityState, line: Line) -> None:
    activity.lines = (*activity.lines[-(MOST_LINES - 1) :], line)
