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
from napari_sam3_assistant.masks.registry import Objects
from napari_sam3_assistant.tasks.image import PlaneResult
from napari_sam3_assistant.tasks.jobs import Task


class Phase(StrEnum):
    """What goes on."""

    IDLE = "idle"
    LOADING = "loading"
    RUNNING = "running"
    CANCELLING = "cancelling"
    FAILED = "failed"


class PromptKind(StrEnum):
    """What shows the object in the task ``2D``. The value is what settings remember."""

    POINTS = "points"
    BOX = "box"
    LABELS = "labels"


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

    The user's: ``task``, ``prompt`` (of the task ``2D``), ``image``, ``positive`` (the next point) and
    ``positive_box`` (the next example), ``sheet`` (whether the list of keys is open).

    Facts: the images there are and what the chosen one is like; whether the layer of the prompts in use
    is there (``prompt_layer``) and takes the next click (``armed``); how many of its prompts lie on this
    plane (``usable``), which ones a run would use (``in_use``) and which not (``left_out``); whether the next
    point begins an object wherever it is set, also on another one (``begun``).
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    task: Task = Task.LIVE_POINTS
    prompt: PromptKind = PromptKind.POINTS
    image: str | None = None
    positive: bool = True
    positive_box: bool = True
    sheet: bool = False
    images: tuple[ImageItem, ...] = ()
    active_image: str | None = None
    summary: str = ""
    prompt_layer: bool = False
    armed: bool = False
    usable: int = 0
    in_use: str = ""
    left_out: str = ""
    begun: bool = False

    @property
    def kind(self) -> PromptKind:
        """The kind of prompt in use: of the task ``2D`` the chosen one; the other tasks have one each."""
        if self.task is Task.EXEMPLAR:
            return PromptKind.BOX
        return PromptKind.POINTS if self.task is Task.LIVE_POINTS else self.prompt


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

    Attributes
    ----------
    objects : Objects
        Those of the plane on screen.
    selected : int or None
        The object that the next point is about; None where it begins another.
    reading : tuple of int
        Which reading of the selected object's prompts is shown, and how many there are: ``(0, 1)`` at first.
    current : PlaneResult or None
        The newest answer.
    decode_ms : float
        What the engine took for the newest answer, in milliseconds.
    plugin_ms : float
        From the click, or the run, to the drawn masks without the engine's share, in milliseconds.
    rows : tuple of ObjectRow
        The table.
    accepted : int
        Objects accepted so far.
    kept : int
        Those of the image in use.
    undo, redo : str
        What ``Undo`` would take back and ``Redo`` do again; empty where there is nothing.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    objects: Objects = field(default_factory=Objects)
    selected: int | None = None
    reading: tuple[int, int] = (0, 1)
    current: PlaneResult | None = None
    decode_ms: float = 0.0
    plugin_ms: float = 0.0
    rows: tuple[ObjectRow, ...] = ()
    accepted: int = 0
    kept: int = 0
    undo: str = ""
    redo: str = ""


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
