"""The last state of each control, remembered from one start to the next.

What cannot be read, or is none of the choices any more, is as if nothing were remembered.
"""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QSettings

from napari_sam3_assistant.app.model_availability import chosen_type
from napari_sam3_assistant.app.model_state import DEVICES
from napari_sam3_assistant.app.state import AppState
from napari_sam3_assistant.export.images import FORMATS
from napari_sam3_assistant.widgets.bind import Bindings

ORGANIZATION, APPLICATION = "napari-sam3-assistant", "sam3-assistant"
FOLDER, FORMAT, ENGINE = "quick_mask_output_dir", "quick_mask_output_format", "engine"
UNLOAD = "unload_after_saving"
THRESHOLD = "confidence_threshold"
MODE, SIMPLE, ADVANCED = "workspace_mode", "simple", "advanced"
MODEL, OLD_MODEL = "model_dir", "simple_model_dir"
"""The model folder; earlier versions had one for each mode."""
MODEL_TYPE, DEVICE, LOAD_ON_RUN = "model_type", "device", "load_model_when_running"


def settings() -> QSettings:
    """Return the settings of this user."""
    return QSettings(ORGANIZATION, APPLICATION)


def chosen_engine() -> str:
    """Return the engine that the user has chosen in the widget; empty while it is the default one."""
    return _text(ENGINE)


def load(state: AppState, default_engine: str) -> AppState:
    """Return ``state`` with what was remembered; where no engine was chosen it is ``default_engine``."""
    state.output.folder = _text(FOLDER)
    kept = _text(FORMAT)
    state.output.format = kept if kept in FORMATS else state.output.format
    state.output.unload = _text(UNLOAD) == "yes"
    state.model.engine = chosen_engine() or default_engine
    state.model.folder = _text(MODEL) or _text(OLD_MODEL)
    state.model.model_type = chosen_type(_text(MODEL_TYPE))
    state.model.device_wanted = _text(DEVICE) if _text(DEVICE) in DEVICES else state.model.device_wanted
    state.model.load_on_run = _text(LOAD_ON_RUN) != "no"
    state.task.threshold = _share(THRESHOLD)
    state.task.advanced = _text(MODE) == ADVANCED
    return state


def remember(state: AppState, bindings: Bindings, default_engine: Callable[[], str]) -> None:
    """Write each choice when it is made, until ``bindings`` are closed.

    An engine is remembered while it is not the default one: the preference goes on where it is.
    """

    def engine_chosen(name: str) -> None:
        if name == default_engine():
            settings().remove(ENGINE)
        else:
            settings().setValue(ENGINE, name)

    # One that was remembered and is gone has given way to another by now: that is said once, not at every start.
    if chosen_engine() not in ("", state.model.engine):
        engine_chosen(state.model.engine)
    bindings.connect(state.model.events.engine, engine_chosen)
    bindings.connect(state.model.events.folder, _writer(MODEL))
    bindings.connect(state.model.events.model_type, lambda kind: settings().setValue(MODEL_TYPE, kind.value))
    bindings.connect(state.model.events.device_wanted, _writer(DEVICE))
    bindings.connect(
        state.model.events.load_on_run, lambda wanted: settings().setValue(LOAD_ON_RUN, "yes" if wanted else "no")
    )
    bindings.connect(state.task.events.threshold, lambda value: settings().setValue(THRESHOLD, str(value or "")))
    bindings.connect(
        state.task.events.advanced, lambda wanted: settings().setValue(MODE, ADVANCED if wanted else SIMPLE)
    )
    bindings.connect(state.output.events.folder, _writer(FOLDER))
    bindings.connect(state.output.events.format, _writer(FORMAT))
    bindings.connect(state.output.events.unload, lambda wanted: settings().setValue(UNLOAD, "yes" if wanted else "no"))


def _text(key: str) -> str:
    """Return what is remembered under ``key``; Qt reads a list or bytes where a file was changed by hand."""
    found = settings().value(key, "")
    return found if isinstance(found, str) else ""


def _share(key: str) -> float | None:
    """Return the number above 0, and up to 1, that is remembered under ``key``, or None."""
    try:
        found = float(_text(key))
    except ValueError:
        return None
    return found if 0 < found <= 1 else None


def _writer(key: str) -> Callable[[str], None]:
    return lambda value: settings().setValue(key, value)
