"""The last state of each control, remembered from one start to the next."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QSettings

from napari_sam3_assistant.app.state import AppState
from napari_sam3_assistant.export.images import FORMATS
from napari_sam3_assistant.widgets.bind import Bindings

ORGANIZATION, APPLICATION = "napari-sam3-assistant", "sam3-assistant"
FOLDER, FORMAT, ENGINE = "quick_mask_output_dir", "quick_mask_output_format", "engine"


def settings() -> QSettings:
    """Return the settings of this user."""
    return QSettings(ORGANIZATION, APPLICATION)


def load(state: AppState) -> AppState:
    """Return ``state`` with what was remembered; what no longer fits is ignored."""
    found = settings()
    state.output.folder = str(found.value(FOLDER, "") or "")
    kept = str(found.value(FORMAT, state.output.format))
    state.output.format = kept if kept in FORMATS else state.output.format
    state.model.engine = str(found.value(ENGINE, state.model.engine))
    return state


def remember(state: AppState, bindings: Bindings) -> None:
    """Write each choice when it is made, until ``bindings`` are closed."""
    for events, key in (
        (state.output.events.folder, FOLDER),
        (state.output.events.format, FORMAT),
        (state.model.events.engine, ENGINE),
    ):
        bindings.connect(events, _writer(key))


def _writer(key: str) -> Callable[[str], None]:
    return lambda value: settings().setValue(key, value)
