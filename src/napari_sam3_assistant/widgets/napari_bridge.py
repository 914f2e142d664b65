"""What the widgets use of napari: the docks of its window, and its preferences."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QDockWidget

from napari_sam3_assistant.app.preferences import Preferences
from napari_sam3_assistant.engines.store import default_folder
from napari_sam3_assistant.engines.storing import StoreOptions
from napari_sam3_assistant.widgets.bind import Bindings
from napari_sam3_assistant.widgets.mask_operations_widget import MaskOperationsWidget

PLUGIN = "napari-sam3-assistant"
MASK_OPERATIONS = "SAM3 Mask Operations (SAM3 Assistant)"
"""The name under which napari's menu opens it: the menu and the button then mean the same dock."""
GIB, MIB = 2**30, 2**20

_log = logging.getLogger(__name__)


def open_mask_operations(viewer: Any) -> None:
    """Bring the dock of Mask Operations to the front, made beside the others if it is not there; never a second one."""
    docked = viewer.window.dock_widgets.values()
    widget = next((one for one in docked if isinstance(one, MaskOperationsWidget)), None)
    if widget is None:
        widget = MaskOperationsWidget(viewer)
        viewer.window.add_dock_widget(widget, name=MASK_OPERATIONS, tabify=True)
    dock = widget.parent()
    if isinstance(dock, QDockWidget):
        dock.show()
        dock.raise_()


def preferences() -> Preferences:
    """Return what the user has set in napari's preferences, as the manifest's ``configurations`` name it."""
    found = _settings()
    if found is None:
        return Preferences()
    memory = found.memory
    embeddings, stacks = round(memory.encoded_images_gib * GIB) or None, round(memory.stacks_in_memory_mb * MIB)
    return Preferences(found.engine.default_engine, embeddings, stacks, _on_disk(found.disk))


def follow_preferences(changed: Callable[[], object], bindings: Bindings) -> None:
    """Call ``changed`` whenever the user changes one of our preferences, until ``bindings`` are closed."""
    found = _settings()
    if found is not None:
        bindings.connect(found.events.changed, lambda event: changed())


def _on_disk(found: Any) -> StoreOptions | None:
    """Return where embeddings are kept, as the section of the preferences about it says."""
    if not found.keep_embeddings:
        return None
    folder = found.embeddings_folder.strip()
    return StoreOptions(Path(folder).expanduser() if folder else default_folder(), round(found.embeddings_gib * GIB))


def _settings() -> Any:
    """Return napari's settings of this plugin; None where there are none."""
    try:
        from napari.settings import get_plugin_settings
    except ImportError:  # napari before 0.9
        return None
    try:
        return get_plugin_settings(PLUGIN)
    except KeyError:  # napari has not found our manifest
        return None
    except Exception:  # napari reads those of every plugin; another one's must not keep ours from opening
        _log.warning(
            "napari could not read the preferences of plugins; ours are left as they are at first.", exc_info=True
        )
        return None
