"""What the widgets use of napari's window: its docks."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QDockWidget

from napari_sam3_assistant.widgets.mask_operations_widget import MaskOperationsWidget

PLUGIN = "napari-sam3-assistant"
MASK_OPERATIONS = "SAM3 Mask Operations (SAM3 Assistant)"
"""The name under which napari's menu opens it: the menu and the button then mean the same dock."""


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
