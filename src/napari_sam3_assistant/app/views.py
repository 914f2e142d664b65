"""What a widget draws, as values: what is shown, what can be done now, and what is written."""

from __future__ import annotations

from dataclasses import dataclass

from napari_sam3_assistant.core.results import ObjectRow
from napari_sam3_assistant.core.sources import Mix


@dataclass(frozen=True, slots=True)
class Action:
    """Whether something can be done now, and its tip: what it does, or what is missing."""

    enabled: bool
    tip: str


@dataclass(frozen=True, slots=True)
class ModelView:
    """The model of SAM3.

    Attributes
    ----------
    status, status_tip : str
        Whether it is there; where, and what it serves.
    reason, reason_tip : str
        Which engine answers and why; on what device.
    advice : str
        What is wrong and what to do now, in place of the reason; empty where nothing is wrong.
    offer : bool
        Whether ``Get SAM3`` is shown, or else ``Unload``.
    folder, get, unload : Action
    """

    status: str
    status_tip: str
    reason: str
    reason_tip: str
    advice: str
    offer: bool
    folder: Action
    get: Action
    unload: Action


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
class WindowView:
    """Which part of a large plane is looked at: whether its controls, and the sizes, are shown; and a line."""

    shown: bool
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
class RunView:
    """What goes on: whether the bar moves (``busy``) and how far it is, a line, whether it tells a ``problem``.

    ``background`` says what the engine in use does while another one answers. The rest are the buttons, and
    ``activity``: the line of the mode ``Advanced``.
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
    activity: str = ""


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
    while there is none; ``name`` is what the next one is called. ``everywhere`` is the title of the choice between the
    preview on screen and those of all planes; empty while there is only that on screen. ``edit_text`` is on the button
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
    open_folder: Action
    unload: bool
    saved: str
    name: str
    found: str = ""


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
    window : WindowView
    prompt : PromptView
    objects : ObjectsView
    run : RunView
    results : ResultsView
    table : TableView
    """

    start: bool
    use_image: Action
    engine: str
    summary: str
    channels: ChannelsView
    model: ModelView
    window: WindowView
    prompt: PromptView
    objects: ObjectsView
    run: RunView
    results: ResultsView
    table: TableView
