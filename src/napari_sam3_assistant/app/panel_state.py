"""How the widget is laid out, and whether it is heard: the user's alone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from psygnal import SignalGroupDescriptor


class Section(StrEnum):
    """A part that can be folded away: of the mode ``Advanced``, but for ``FRAMES``. Settings remember the value."""

    MODEL = "model"
    TASK = "task"
    TUNING = "tuning"
    PROMPTS = "prompts"
    LAYERS = "layers"
    RUN = "run"
    RESULTS = "results"
    LOG = "log"
    FRAMES = "frames"


OPEN_AT_FIRST = frozenset({Section.TASK, Section.PROMPTS, Section.RUN, Section.RESULTS})


@dataclass(eq=False)
class PanelState:
    """What of the widget is open, and heard.

    The user's: ``opened`` (the sections of the mode ``Advanced`` that are not folded away), ``sound`` (whether a chime
    tells that a long run has succeeded).
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    opened: frozenset[Section] = OPEN_AT_FIRST
    sound: bool = False
