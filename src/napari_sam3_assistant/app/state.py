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

from napari_sam3_assistant.app.activity import ActivityState
from napari_sam3_assistant.app.screen import Place
from napari_sam3_assistant.core.results import ObjectRow
from napari_sam3_assistant.core.sources import Mix
from napari_sam3_assistant.core.window_rule import WindowRule
from napari_sam3_assistant.core.windows import WINDOW_SIDE, Window
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.engines.weights.inspect import ModelFolder
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
    TEXT = "text"


class EditAccepted(StrEnum):
    """What ``Edit Accepted`` would do: there is nothing to edit in a copy; open it, move it to the view, end."""

    NONE = "none"
    BEGIN = "begin"
    MOVE = "move"
    END = "end"


@dataclass(frozen=True, slots=True)
class ImageItem:
    """An image one can choose: the layer's unique id and its name."""

    identity: str
    name: str


@dataclass(frozen=True, slots=True)
class Download:
    """A download of SAM3: whether it runs, how far it is (None where it is not known), and what is said of it.

    ``problem`` is why it did not go on, and ``hint`` what to do now.
    """

    running: bool = False
    fraction: float | None = None
    text: str = ""
    problem: str = ""
    hint: str = ""


@dataclass(eq=False)
class ModelState:
    """Which engine answers and why, and the model that SAM3 needs.

    The user's: ``engine`` (the one wanted), ``folder`` (of the model; empty for none), ``asking`` (whether the
    panel ``Get SAM3`` is open).

    Facts: which engine answers (``in_use``), and why (``reason``); what the folder holds (``known``; None where
    none is chosen, or it has not been looked into yet: ``looking``); packages that SAM3 lacks (``missing``), or has
    in too old a version (``outdated``); a sentence on what it runs or would run (``device``); whether it is in
    memory (``loaded``), and then on what (``runs_on``: ``"CUDA"``, ``"CPU"``); and its ``download``.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    engine: str = "auto"
    folder: str = ""
    asking: bool = False
    in_use: str = "builtin"
    reason: str = ""
    known: ModelFolder | None = None
    looking: bool = False
    missing: tuple[str, ...] = ()
    outdated: tuple[str, ...] = ()
    device: str = ""
    loaded: bool = False
    runs_on: str = ""
    download: Download = Download()

    @property
    def lacks(self) -> tuple[str, ...]:
        """Packages that have to be installed before SAM3 can be loaded."""
        return self.missing + self.outdated

    @property
    def reads(self) -> bool:
        """Whether the engine that answers reads words, as far as is known before it is loaded."""
        without = self.in_use == registry.SAM3.name and self.known is not None and "text" not in self.known.tasks
        return registry.capabilities_of(self.in_use).text and not without


@dataclass(eq=False)
class TaskState:
    """What is to be done, to which image.

    The user's: ``task``, ``prompt`` (of the task ``2D``), ``image``, ``positive`` (the next point) and
    ``positive_box`` (the next example), ``text`` (words that name objects), ``threshold`` (the score from which
    objects that are found are kept; None for what is usual), ``sheet`` (whether the list of keys is open).
    Of the image in use: ``channel_axis`` (-1: the one that the layer names, if any) and ``mix`` (channels seen as
    red, green and blue; None for the one on the slider, as grey). Of planes that are too large to be taken whole
    unasked: ``local`` (whether a window of ``local_side`` pixels a side is looked at), ``whole_plane`` (whether all
    of them is).

    Facts: the images there are and what the chosen one is like; whether its plane is so large (``large``), and what
    of it is looked at (``window``); whether the layer of the prompts in use
    is there (``prompt_layer``) and takes the next click (``armed``); how many of its prompts lie on this
    plane (``usable``), which ones a run would use (``in_use``) and which not (``left_out``); whether the next
    point begins an object wherever it is set, also on another one (``begun``). What the channels of the image in
    use are called (``channels``; none where it has no such axis), whether it has axes beside rows, columns and
    colours (``deep``), whether it is shown in colour (``color``), the
    contrast limits that were taken (``limits``, in words; None where none were) and whether the layer has others
    by now (``limits_old``).
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    task: Task = Task.LIVE_POINTS
    prompt: PromptKind = PromptKind.POINTS
    image: str | None = None
    positive: bool = True
    positive_box: bool = True
    text: str = ""
    threshold: float | None = None
    sheet: bool = False
    channel_axis: int = -1
    mix: Mix | None = None
    local: bool = False
    local_side: int = WINDOW_SIDE
    whole_plane: bool = False
    large: bool = False
    window: Window | None = None
    images: tuple[ImageItem, ...] = ()
    active_image: str | None = None
    summary: str = ""
    prompt_layer: bool = False
    armed: bool = False
    usable: int = 0
    in_use: str = ""
    left_out: str = ""
    begun: bool = False
    channels: tuple[str, ...] = ()
    deep: bool = False
    color: bool = False
    limits: str | None = None
    limits_old: bool = False

    @property
    def rule(self) -> WindowRule:
        """Which window of a large plane is looked at."""
        return WindowRule(self.local_side if self.local else None, self.whole_plane and not self.local)

    @property
    def kind(self) -> PromptKind:
        """The kind of prompt in use: of the task ``2D`` the chosen one; the other tasks have one each."""
        if self.task is Task.EXEMPLAR:
            return PromptKind.BOX
        if self.task is Task.TEXT:
            return PromptKind.TEXT
        return PromptKind.POINTS if self.task is Task.LIVE_POINTS else self.prompt


@dataclass(eq=False)
class RunState:
    """What goes on now, and what goes on meanwhile in the background; controllers write it."""

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    phase: Phase = Phase.IDLE
    progress: float | None = None
    message: str = "Ready"
    hint: str = ""
    background: str = ""
    background_works: bool = False
    background_progress: float | None = None

    @property
    def background_stopped(self) -> bool:
        """Whether what went on in the background was stopped, and waits to be let go on."""
        return bool(self.background) and not self.background_works


@dataclass(eq=False)
class ResultState:
    """What came of it; controllers write it, but for what is the user's.

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
    table, all_planes : bool
        The user's: whether the table is open, and lists the objects of every plane of every image.
    rows : tuple of ObjectRow
        The table: the objects of the plane on screen, or of all planes.
    row : ObjectRow or None
        The selected object's.
    previews : tuple of Place
        The planes with objects that are not accepted and cleared yet, of all images.
    accepted : int
        Objects accepted so far.
    kept : int
        Those of the image in use.
    edit : EditAccepted
        What ``Edit Accepted`` would do.
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
    table: bool = False
    all_planes: bool = False
    rows: tuple[ObjectRow, ...] = ()
    row: ObjectRow | None = None
    previews: tuple[Place, ...] = ()
    accepted: int = 0
    kept: int = 0
    edit: EditAccepted = EditAccepted.NONE
    undo: str = ""
    redo: str = ""


@dataclass(eq=False)
class OutputState:
    """Where masks are saved, and as what.

    The user's: ``folder`` (empty for ``default_folder``), ``format``, ``filename`` (of the next file; empty for
    ``next_name``), ``everywhere`` (whether the previews of all planes are saved, not only that on screen), ``unload``
    (whether ``Save & Clean`` gives SAM3's memory back too).

    Facts: ``default_folder``, ``next_name`` (what the next file will be called), ``saved`` (the last file), ``saving``;
    of several files ``step`` (which one is written, in words) and ``progress`` (0 to 1).
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    folder: str = ""
    default_folder: str = ""
    format: str = "tiff"
    filename: str = ""
    next_name: str = ""
    everywhere: bool = False
    unload: bool = False
    saved: Path | None = None
    saving: bool = False
    step: str = ""
    progress: float | None = None


@dataclass(eq=False)
class AppState:
    """The state of one viewer's assistant, shared by its widgets."""

    model: ModelState = field(default_factory=ModelState)
    task: TaskState = field(default_factory=TaskState)
    run: RunState = field(default_factory=RunState)
    results: ResultState = field(default_factory=ResultState)
    output: OutputState = field(default_factory=OutputState)
    activity: ActivityState = field(default_factory=ActivityState)

    @property
    def parts(self) -> tuple[object, ...]:
        """Every part that has signals."""
        return self.model, self.task, self.run, self.results, self.output, self.activity
