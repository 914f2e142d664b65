"""What a widget draws, as values: what is shown, what can be done now, and what is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_sam3_assistant.app.task_state import LayerChoice
from napari_sam3_assistant.core.results import ObjectRow
from napari_sam3_assistant.core.sources import Mix

if TYPE_CHECKING:
    from napari_sam3_assistant.app.frame_views import FramesView, GlanceView
    from napari_sam3_assistant.app.model_row_views import ModelStepView, ModelView


@dataclass(frozen=True, slots=True)
class Action:
    """Whether something can be done now, and its tip: what it does, or what is missing."""

    enabled: bool
    tip: str


def action(enabled: bool, does: str, missing: str) -> Action:
    """Return the action with the tip that applies: what it does, or what is missing."""
    return Action(enabled, does if enabled else missing)


@dataclass(frozen=True, slots=True)
class ChannelsView:
    """What is seen of the image.

    Attributes
    ----------
    row, axis : bool
        Whether the row ``Channels`` is shown, and in it the number that tells the axis: where the user told one, or
        nothing else tells it.
    names : tuple of str
        Of the channels, for each of the three colours.
    mix : Mix or None
        The channels seen as red, green and blue; None where the one on the slider is seen as grey.
    taken, old : bool
        Whether contrast limits were taken; whether the layer has others by now.
    limits : Action
        ``Use contrast limits``.
    """

    row: bool
    axis: bool
    names: tuple[str, ...]
    mix: Mix | None
    taken: bool
    old: bool
    limits: Action


@dataclass(frozen=True, slots=True)
class ExemplarView:
    """Where the example lies.

    Attributes
    ----------
    source, image, region : Action
        ``Exemplar source``, ``Exemplar crop image`` and ``Crop region``.
    choices : tuple of (str, str)
        Name and identity of the images that may be the crop.
    chosen : str or None
        Identity of the crop image.
    """

    source: Action
    image: Action
    region: Action
    choices: tuple[tuple[str, str], ...]
    chosen: str | None


@dataclass(frozen=True, slots=True)
class WindowView:
    """Which part of a plane is looked at: whether its controls, those below the first, and sizes are shown; a line."""

    shown: bool
    more: bool
    sizes: bool
    text: str


@dataclass(frozen=True, slots=True)
class PromptView:
    """The controls of the prompts.

    Attributes
    ----------
    kinds, next_point, next_box, layer : bool
        Whether the toggles of the task ``2D``, ``Next point``, ``Next box`` and ``Create Prompt Layer`` are shown.
    words, threshold : bool
        Whether the text field and ``Detection threshold`` are shown.
    create, reset : Action
    hint : str
        What to do next.
    uses : str
        Which prompts a run would use and which not.
    """

    kinds: bool
    next_point: bool
    next_box: bool
    layer: bool
    words: bool
    threshold: bool
    create: Action
    reset: Action
    hint: str
    uses: str


@dataclass(frozen=True, slots=True)
class GuideView:
    """The rows of Step 3 that the mode ``Advanced`` shows whether they are of use or not.

    Attributes
    ----------
    kind, next_point, next_box, words, threshold : Action
        ``Prompt type``, ``Next point mode``, ``Next box``, ``Text prompt``; of Step 2 ``Detection threshold``.
    apply, clear, refresh : Action
        ``Apply mode to selected points``, ``Clear Text / Prompt State``, ``Refresh Layers``.
    points, shapes, labels : LayerChoice
        Under ``Prompt Layers``.
    """

    kind: Action
    next_point: Action
    next_box: Action
    words: Action
    threshold: Action
    apply: Action
    clear: Action
    refresh: Action
    points: LayerChoice
    shapes: LayerChoice
    labels: LayerChoice


@dataclass(frozen=True, slots=True)
class ObjectsView:
    """The controls of the objects, and the steps back and forth. ``text`` says which object is selected."""

    text: str
    previous: Action
    next: Action
    begin: Action
    delete: Action
    reading: Action
    undo: Action
    redo: Action


@dataclass(frozen=True, slots=True)
class BatchView:
    """Many at a press: ``Batch all image layers``, and the field ``Batch text prompts``."""

    images: Action
    lines: Action


@dataclass(frozen=True, slots=True)
class RunView:
    """What goes on: whether the bar moves (``busy``) and how far it is, a line, whether it tells a ``problem``.

    ``background`` says what the engine in use does while another one answers. The rest are the buttons, and
    ``activity``: the line of the mode ``Advanced``.

    ``title`` is on the button ``run``. ``go_on`` is the button that goes on with a video session, ``go_on_title`` what
    is on it, and ``video`` whether the task is one that has sessions.
    """

    busy: bool
    progress: float | None
    status: str
    background: str
    problem: bool
    run: Action
    cancel: Action
    clear_preview: Action
    clear_results: Action
    title: str
    go_on: Action
    go_on_title: str
    video: bool
    activity: str = ""


@dataclass(frozen=True, slots=True)
class VideoView:
    """The task ``3D/Video``.

    Attributes
    ----------
    on, running : bool
        Whether it is the task in use; whether objects are being followed, whatever the task is by now.
    direction : Action
        ``3D direction``.
    start, go_on : Action
        The button that runs the task, and the one that goes on with the session.
    start_title, go_on_title : str
        What is written on them.
    words : Action
        Whether words may be the prompt.
    frames : str
        Which axis holds the frames, and how many there are.
    diagnostics : Action
        ``Log SAM3.1 diagnostics``.
    diagnosing : bool
        Whether that is checked.
    """

    on: bool
    running: bool
    direction: Action
    diagnostics: Action
    diagnosing: bool
    start: Action
    start_title: str
    go_on: Action
    go_on_title: str
    words: Action
    frames: str


@dataclass(frozen=True, slots=True)
class TableView:
    """The table: whether it is open, its rows and which of them is selected, and what can be done with them.

    ``title`` is on the button that opens it, ``empty`` stands in place of rows.
    """

    title: str
    shown: bool
    rows: tuple[ObjectRow, ...]
    row: ObjectRow | None
    empty: str
    all_planes: bool
    copy: Action
    export: Action


@dataclass(frozen=True, slots=True)
class ResultsView:
    """What came of it: lines to write, and what can be done with the masks.

    ``unload`` tells whether there is a model to unload after saving; ``saved`` is the path of the last file, empty
    while there is none; ``name`` is what the next one is called. ``while_running`` tells whether that choice
    is there. ``everywhere`` is the title of the choice between the preview on screen and those of all planes; empty
    while there is only that on screen. ``edit_text`` is on the button
    that edits accepted objects in a copy; empty where there are none to edit so. ``found`` is ``text`` where the file
    has a line of its own.
    """

    text: str
    accept_clear: Action
    accept_only: Action
    undo_accept: Action
    edit: Action
    edit_text: str
    save: Action
    save_clean: Action
    save_labels: Action
    everywhere: str
    while_running: bool
    open_folder: Action
    unload: bool
    saved: str
    name: str
    found: str = ""


@dataclass(frozen=True, slots=True)
class JournalView:
    """The line that offers objects an earlier process has kept (empty where there are none), and its two buttons."""

    text: str
    restore: Action
    discard: Action


@dataclass(frozen=True, slots=True)
class Availability:
    """What a widget draws.

    Attributes
    ----------
    start : bool
        Whether the three buttons of an empty widget take the place of the controls.
    use_image : Action
    engine, summary : str
        Which engine answers and why; what the image in use is like.
    channels : ChannelsView
    model : ModelView
    model_step : ModelStepView
    window : WindowView
    prompt : PromptView
    guide : GuideView
    objects : ObjectsView
    run : RunView
    results : ResultsView
    table : TableView
    exemplar : ExemplarView
    batch : BatchView
    video : VideoView
    frames : FramesView
    glance : GlanceView
    journal, resume : JournalView
        Accepted objects, and a propagation, that an earlier process has left.
    """

    start: bool
    use_image: Action
    engine: str
    summary: str
    channels: ChannelsView
    model: ModelView
    model_step: ModelStepView
    window: WindowView
    prompt: PromptView
    guide: GuideView
    objects: ObjectsView
    run: RunView
    results: ResultsView
    table: TableView
    exemplar: ExemplarView
    batch: BatchView
    video: VideoView
    frames: FramesView
    glance: GlanceView
    journal: JournalView
    resume: JournalView
