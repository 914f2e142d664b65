"""The state of a viewer's assistant: what the user wants, and what is so.

Widgets write intentions, controllers write facts, nobody keeps a copy. Every part has
signals, one a field (``state.run.events.phase``), emitted on the GUI thread when it changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import ClassVar

from psygnal import SignalGroupDescriptor

from napari_sam3_assistant.core.results import ObjectRow
from napari_sam3_assistant.tasks.image import PlaneResult
from napari_sam3_assistant.tasks.jobs import Task


class Phase(StrEnum):
    """What goes on."""

    IDLE = "idle"
    LOADING = "loading"
    RUNNING = "running"
    CANCELLING = "cancelling"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ImageItem:
    """An image one can choose: the layer's unique id and its name."""

    identity: str
    name: str


@dataclass(eq=False)
class ModelState:
    """Which engine is wanted (``engine``), and which one answers and why."""

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    engine: str = "auto"
    folder: str | None = None
    in_use: str = "builtin"
    reason: str = ""


@dataclass(eq=False)
class TaskState:
    """What is to be done, to which image.

    ``task``, ``image`` and ``positive`` are the user's; the images there are, what the chosen one
    is like and how many points count are facts.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    task: Task = Task.LIVE_POINTS
    image: str | None = None
    positive: bool = True
    images: tuple[ImageItem, ...] = ()
    active_image: str | None = None
    summary: str = ""
    points: int | None = None
    points_active: bool = False
    left_out: str = ""


@dataclass(eq=False)
class RunState:
    """What goes on now; controllers write it."""

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    phase: Phase = Phase.IDLE
    progress: float | None = None
    message: str = "Ready"
    hint: str = ""


@dataclass(eq=False)
class ResultState:
    """What came of it; controllers write it.

    ``plugin_ms`` is the time from the click to the drawn mask without the engine's share, in milliseconds.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    current: PlaneResult | None = None
    plugin_ms: float = 0.0
    rows: tuple[ObjectRow, ...] = ()


@dataclass(eq=False)
class OutputState:
    """Where masks are saved; ``saved`` and ``saving`` are facts."""

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    folder: str = ""
    default_folder: str = ""
    format: str = "tiff"
    saved: Path | None = None
    saving: bool = False


@dataclass(eq=False)
class AppState:
    """The state of one viewer's assistant, shared by its widgets."""

    model: ModelState = field(default_factory=ModelState)
    task: TaskState = field(default_factory=TaskState)
    run: RunState = field(default_factory=RunState)
    results: ResultState = field(default_factory=ResultState)
    output: OutputState = field(default_factory=OutputState)

    @property
    def parts(self) -> tuple[object, ...]:
        """Every part that has signals."""
        return self.model, self.task, self.run, self.results, self.output
