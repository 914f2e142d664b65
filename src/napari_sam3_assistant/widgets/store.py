"""The last state of each control, remembered from one start to the next.

The file and the keys are those of earlier versions; :data:`KEPT` lists them, and a control that is to be
remembered is one row more there. What makes no sense is as if nothing were remembered, and the log says so.
What belongs to a picture (its channels, its limits) is not remembered.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from qtpy.QtCore import QSettings

from napari_sam3_assistant.app.activity import note
from napari_sam3_assistant.app.masking.classes import ClassesState, as_text, from_text
from napari_sam3_assistant.app.model_state import DeviceName, ModelType
from napari_sam3_assistant.app.state import AppState
from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.tasks.frames import Direction
from napari_sam3_assistant.tasks.jobs import Task
from napari_sam3_assistant.widgets import kept
from napari_sam3_assistant.widgets.bind import Bindings
from napari_sam3_assistant.widgets.kept import Kept

logger = logging.getLogger(__name__)
ORGANIZATION, APPLICATION = "napari-sam3-assistant", "sam3-assistant"
ENGINE = "engine"
"""Not in the table: it is remembered while it is not the one that the preferences name."""
FOLDER, FORMAT, UNLOAD = "quick_mask_output_dir", "quick_mask_output_format", "unload_after_saving"
THRESHOLD, MODE, SOUND = "confidence_threshold", "workspace_mode", "task_complete_sound_enabled_v2"
MODEL, OLD_MODEL = "model_dir", "simple_model_dir"
"""The model folder; earlier versions had another one for the mode Simple."""
MODEL_TYPE, DEVICE, LOAD_ON_RUN = "model_type", "device", "load_model_when_running"
MIGRATED = "settings_of_earlier_versions_read"
CLASSES = "mask_classes"
"""The classes of Mask Operations, that of the highest priority first."""
SHOWN_LETTERS = 60

KEPT = (
    Kept(MODE, "task", "advanced", kept.mode, kept.write_mode),
    Kept(MODEL, "model", "folder", kept.text, str, old=OLD_MODEL),
    Kept(MODEL_TYPE, "model", "model_type", kept.one_of(ModelType), str),
    Kept(DEVICE, "model", "device_wanted", kept.one_of(DeviceName), str),
    Kept(LOAD_ON_RUN, "model", "load_on_run", kept.truth, kept.write_truth),
    Kept("server_address", "server", "address", kept.text, str),
    Kept("server_addresses", "server", "recent", kept.addresses, kept.write_addresses),
    Kept("server_token_in_keyring", "server", "keep", kept.truth, kept.write_truth),
    Kept("meta_python", "meta", "python", kept.text, str),
    Kept("sam31_diagnostics", "meta", "diagnostics", kept.truth, kept.write_truth),
    Kept(THRESHOLD, "task", "threshold", kept.share, kept.write_number, at_first="0.35"),
    Kept(FOLDER, "output", "folder", kept.text, str),
    Kept(FORMAT, "output", "format", kept.file_format, str),
    Kept(UNLOAD, "output", "unload", kept.truth, kept.write_truth),
    Kept("write_while_running", "output", "while_running", kept.truth, kept.write_truth),
    Kept(SOUND, "panel", "sound", kept.truth, kept.write_truth),
    Kept("task", "task", "task", kept.one_of(Task), str),
    Kept("prompt_type", "task", "prompt", kept.one_of(PromptKind), str),
    Kept("local_inference", "task", "local", kept.truth, kept.write_truth),
    Kept("roi_size", "task", "local_side", kept.side, str),
    Kept("direction_3d", "task", "direction", kept.one_of(Direction), str),
    Kept("follow_frames", "task", "show_frames", kept.truth, kept.write_truth),
    Kept("open_sections", "panel", "opened", kept.sections, kept.write_sections),
    Kept("open_table", "results", "table", kept.truth, kept.write_truth),
    Kept("open_log", "activity", "shown", kept.truth, kept.write_truth),
)
"""Which control is remembered under which key."""


def settings() -> QSettings:
    """Return the settings of this user."""
    return QSettings(ORGANIZATION, APPLICATION)


def chosen_engine() -> str:
    """Return the engine that the user has chosen in the widget; empty while it is the default one."""
    try:
        return kept.text(_found(ENGINE) or "")
    except ValueError:
        return ""


def load(state: AppState, default_engine: str) -> AppState:
    """Return ``state`` with what was remembered; where no engine was chosen it is ``default_engine``."""
    for one in KEPT:
        _load(state, one)
    state.model.engine = chosen_engine() or default_engine
    try:
        kept.text(_found(ENGINE) or "")
    except ValueError as error:
        _say(state, ENGINE, _found(ENGINE), str(error))
    return state


def remember(state: AppState, bindings: Bindings, default_engine: Callable[[], str]) -> None:
    """Write each choice when it is made, until ``bindings`` are closed.

    An engine is remembered while it is not the default one: the preference goes on where it is.
    """
    _migrate(state)
    for one in KEPT:
        bindings.connect(getattr(getattr(state, one.part).events, one.field), partial(_write, one))

    def engine_chosen(name: str) -> None:
        if name == default_engine():
            settings().remove(ENGINE)
        else:
            settings().setValue(ENGINE, name)

    # One that was remembered and is gone has given way to another by now: that is said once, not at every start.
    if chosen_engine() not in ("", state.model.engine):
        engine_chosen(state.model.engine)
    bindings.connect(state.model.events.engine, engine_chosen)


def remember_classes(state: ClassesState, bindings: Bindings) -> None:
    """Bring back the classes of earlier sessions, those first, and write each change until ``bindings`` are closed."""
    found = _found(CLASSES)
    try:
        earlier = from_text(str(found)) if found else ()
    except ValueError as error:
        earlier = ()
        logger.warning("The setting %s was ignored: %s.", CLASSES, error)
    names = {one.name for one in earlier}
    state.classes = (*earlier, *(one for one in state.classes if one.name not in names))
    bindings.connect(state.events.classes, lambda classes: settings().setValue(CLASSES, as_text(classes)))


def _load(state: AppState, one: Kept) -> None:
    """Read one control's state, or leave it and say so."""
    first = _found(MIGRATED) is None
    found, key = _found(one.key), one.key
    if first and one.old and found in (None, ""):
        found, key = _found(one.old), one.old
    if found is None or (first and one.at_first and str(found) == one.at_first):
        return
    try:
        value = one.read(found)
    except ValueError as error:
        _say(state, key, found, str(error))
        return
    setattr(getattr(state, one.part), one.field, value)


def _migrate(state: AppState) -> None:
    """Write what an earlier version had remembered in its own way; its other keys stay as they are."""
    if _found(MIGRATED) is not None:
        return
    for one in KEPT:
        if one.old or one.at_first:
            _write(one, getattr(getattr(state, one.part), one.field))
    settings().setValue(MIGRATED, kept.write_truth(True))


def _write(one: Kept, value: object) -> None:
    settings().setValue(one.key, one.write(value))


def _say(state: AppState, key: str, found: object, why: str) -> None:
    """Note in the log what was found and is not believed."""
    shown = repr(found)
    if len(shown) > SHOWN_LETTERS:
        shown = f"{shown[:SHOWN_LETTERS]}... ({len(shown):,} letters)"
    note(state.activity, f"The setting {key} = {shown} was ignored: {why}.")


def _found(key: str) -> object:
    """Return what is remembered under ``key``, of any type, or None."""
    try:
        found: object = settings().value(key)
    except (TypeError, ValueError, EOFError, ImportError, AttributeError) as error:
        return error  # an object of Python that cannot be made again
    return found
