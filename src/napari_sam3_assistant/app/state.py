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
from napari_sam3_assistant.app.journal_state import JournalState
from napari_sam3_assistant.app.meta_state import MetaState
from napari_sam3_assistant.app.model_state import WITH_WEIGHTS, ModelState
from napari_sam3_assistant.app.panel_state import PanelState
from napari_sam3_assistant.app.screen import Place
from napari_sam3_assistant.app.server_state import ServerState
from napari_sam3_assistant.app.task_state import TaskState
from napari_sam3_assistant.app.video_state import VideoState
from napari_sam3_assistant.core.results import ObjectRow
from napari_sam3_assistant.masks.registry import Objects
from napari_sam3_assistant.tasks.image import PlaneResult


class Phase(StrEnum):
    """What goes on."""

    IDLE = "idle"
    LOADING = "loading"
    RUNNING = "running"
    CANCELLING = "cancelling"
    FAILED = "failed"


class EditAccepted(StrEnum):
    """What ``Edit Accepted`` would do: there is nothing to edit in a copy; open it, move it to the view, end."""

    NONE = "none"
    BEGIN = "begin"
    MOVE = "move"
    END = "end"


@dataclass(eq=False)
class RunState:
    """What goes on now, and what goes on meanwhile in the background; controllers write it.

    ``batch`` is which step of a batch is done, in words (empty while none runs); ``batch_progress`` how far it is.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    phase: Phase = Phase.IDLE
    progress: float | None = None
    message: str = "Ready"
    hint: str = ""
    background: str = ""
    background_works: bool = False
    background_progress: float | None = None
    batch: str = ""
    batch_progress: float | None = None

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
    batched : bool
        Whether there are results of a batch.
    more_files, more_here : int
        How many files a save writes beside one for each of ``previews``, and beside that of the plane on screen:
        of a batch with words, each phrase has its own.
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
    batched: bool = False
    more_files: int = 0
    more_here: int = 0


@dataclass(eq=False)
class OutputState:
    """Where masks are saved, and as what.

    The user's: ``folder`` (empty for ``default_folder``), ``format``, ``filename`` (of the next file; empty for
    ``next_name``), ``everywhere`` (whether the previews of all planes are saved, not only that on screen), ``unload``
    (whether ``Save & Clean`` gives SAM3's memory back too), ``while_running`` (whether what is followed is written
    to an OME-Zarr as it comes).

    Facts: ``default_folder``, ``next_name`` (what the next file will be called), ``saved`` (the last file of what is on
    screen, as long as its masks are those in it), ``saving`` and ``step`` (what is written, in words; of one file once
    it takes its time); of ``several`` files also ``progress`` (0 to 1).
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    folder: str = ""
    default_folder: str = ""
    format: str = "tiff"
    filename: str = ""
    next_name: str = ""
    everywhere: bool = False
    unload: bool = False
    while_running: bool = False
    saved: Path | None = None
    saving: bool = False
    step: str = ""
    progress: float | None = None
    several: bool = False


@dataclass(eq=False)
class AppState:
    """The state of one viewer's assistant, shared by its widgets."""

    model: ModelState = field(default_factory=ModelState)
    server: ServerState = field(default_factory=ServerState)
    meta: MetaState = field(default_factory=MetaState)
    task: TaskState = field(default_factory=TaskState)
    run: RunState = field(default_factory=RunState)
    results: ResultState = field(default_factory=ResultState)
    output: OutputState = field(default_factory=OutputState)
    activity: ActivityState = field(default_factory=ActivityState)
    panel: PanelState = field(default_factory=PanelState)
    video: VideoState = field(default_factory=VideoState)
    journal: JournalState = field(default_factory=JournalState)

    @property
    def loads_when_running(self) -> bool:
        """Whether a question loads SAM3; only the mode ``Advanced`` shows the choice, so only there it counts."""
        return self.model.load_on_run or not self.task.advanced

    @property
    def held_back(self) -> bool:
        """Whether SAM3 would answer, but is not in memory, and a question does not load it."""
        model = self.model
        return model.in_use in WITH_WEIGHTS and not model.loaded and not self.loads_when_running

    @property
    def diagnoses(self) -> bool:
        """Whether SAM3.1 says what it does; only the mode ``Advanced`` shows the choice, so only there it counts."""
        return self.meta.diagnostics and self.task.advanced and self.model.multiplex

    @property
    def parts(self) -> tuple[object, ...]:
        """Every part that has signals."""
        own = self.activity, self.panel, self.video, self.journal
        return self.model, self.server, self.meta, self.task, self.run, self.results, self.output, *own
