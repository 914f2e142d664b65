"""The dock widget ``SAM3 Mask Operations``."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QProgressBar, QTabWidget, QVBoxLayout

from napari_sam3_assistant.app.assistants import MASKS
from napari_sam3_assistant.app.mask_controller import MaskController
from napari_sam3_assistant.app.mask_state import MaskState
from napari_sam3_assistant.widgets.bind import Redraw, on_main
from napari_sam3_assistant.widgets.controls import button, paragraph, row
from napari_sam3_assistant.widgets.dock import Dock
from napari_sam3_assistant.widgets.masks.cleanup import CleanupTab


class MaskOperationsWidget(Dock):
    """Finish masks by hand.

    Parameters
    ----------
    napari_viewer : napari viewer
        As napari gives it to plugins.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self.controller = MASKS.acquire(
            napari_viewer, lambda runtime: MaskController(napari_viewer, MaskState(), runtime, on_main)
        )
        self.state = self.controller.state
        self._bindings.on_close(lambda: MASKS.release(napari_viewer))
        self.cleanup = CleanupTab(self.controller, self._bindings)
        self.tabs = QTabWidget()
        self.tabs.addTab(self.cleanup, "Mask Cleanup")
        self.status = paragraph()
        self.status.setMinimumHeight(2 * self.status.fontMetrics().lineSpacing() + 4)
        self.status.setAlignment(Qt.AlignmentFlag.AlignTop)
        # Text of two lines, bar and button keep their room: the table must not jump under the pointer.
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setMaximumHeight(8)
        self.bar.setRange(0, 0)
        policy = self.bar.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.bar.setSizePolicy(policy)
        self.cancel = button("Cancel", self.controller.cancel, "The layer stays as it is.")
        layout = QVBoxLayout(self)
        layout.addWidget(self.tabs, stretch=1)
        layout.addWidget(self.status)
        layout.addLayout(row(self.bar, self.cancel))
        for keys, slot in (
            (QKeySequence.StandardKey.Undo, self.controller.undo),
            (QKeySequence.StandardKey.Redo, self.controller.redo),
        ):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(slot)
        Redraw((self.state,), self._draw, self._bindings, self)

    def _draw(self) -> None:
        self.cleanup.draw()
        text = self.state.busy or self.state.message
        self.status.setText(f"\N{WARNING SIGN} {text}" if self.state.failed and not self.state.busy else text)
        self.bar.setVisible(bool(self.state.busy))
        self.cancel.setEnabled(bool(self.state.busy))
