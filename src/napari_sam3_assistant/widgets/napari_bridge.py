"""What the widgets use of napari's window: its docks."""

from __future__ import annotations

from typing import Any

PLUGIN = "napari-sam3-assistant"
MASK_OPERATIONS = "SAM3 Mask Operations"


def open_mask_operations(viewer: Any) -> None:
    """Show the dock of Mask Operations, made if it is not there; never a second one."""
    viewer.window.add_plugin_dock_widget(PLUGIN, MASK_OPERATIONS)
