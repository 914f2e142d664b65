"""The dock widget ``SAM3 Mask Operations``."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QProgressBar, QSizePolicy, QVBoxLayout

from napari_sam3_assistant.app.assistants import MASKS
from napari_sam3_assistant.app.masking.controller import MaskController
from napari_sam3_assistant.app.masking.state import MaskState
from napari_sam3_assistant.app.views import action
from napari_sam3_assistant.widgets import store
from napari_sam3_assistant.widgets.bind import Redraw, on_main
from napari_sam3_assistant.widgets.controls import button, draw, paragraph, row
from napari_sam3_assistant.widgets.dock import Dock
from napari_sam3_assistant.widgets.masks.accepted import AcceptedTab
from napari_sam3_assistant.widgets.masks.cleanup import CleanupTab
from napari_sam3_assistant.widgets.masks.final import FinalTab
from napari_sam3_assistant.widgets.masks.isolation import IsolationTab
from napari_sam3_assistant.widgets.masks.merging import MergeTab
from napari_sam3_assistant.widgets.masks.pages import Pages
from napari_sam3_assistant.widgets.masks.review import ReviewTab


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
        masks = self.controller
        store.remember_classes(masks.classes.state, self._bindings)
        self.review = ReviewTab(masks.review, self.state, self._bindings)
        self.accepted = AcceptedTab(masks.accepting, self.state, self._bindings)
        self.cleanup = CleanupTab(masks, self._bindings)
        self.isolation = IsolationTab(masks.isolation, self.state, self._bindings)
        self.merging = MergeTab(masks.merging, self.state, self._bindings)
        self.final = FinalTab(masks.exporting, self.state, self._bindings)
        self.pages = Pages(
            {
                ReviewTab.title: (self.review, "Go through objects one by one: accept, reject, mark what needs work."),
                AcceptedTab.title: (self.accepted, "Keep a preview as an object of a class."),
                CleanupTab.title: (self.cleanup, "List the pieces of a layer, tidy them, change their values."),
                IsolationTab.title: (self.isolation, "Sort out objects that several masks found twice, or in parts."),
                MergeTab.title: (self.merging, "Join layers into the mask of one class."),
                FinalTab.title: (self.final, "Join the masks of classes, and write a file."),
            },
            lambda title: setattr(self.state, "tab", title),
        )
        self._lay_out()
        for keys, slot in (
            (QKeySequence.StandardKey.Undo, self.controller.undo),
            (QKeySequence.StandardKey.Redo, self.controller.redo),
        ):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(slot)
        parts = (masks.cleanup, masks.review, masks.accepting, masks.merging, masks.isolation, masks.final)
        states = [
            self.state,
            masks.canvas.state,
            masks.cleanup.scope,
            masks.cleanup.values.state,
            *(part.state for part in parts),
        ]
        Redraw(tuple(states), self._draw, self._bindings, self)

    def _lay_out(self) -> None:
        """Put the pages above the line of status, and ``Cancel`` beside that."""
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
        self.cancel = button("Cancel", self.controller.cancel)
        self.cancel.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)
        layout = QVBoxLayout(self)
        layout.addWidget(self.pages, stretch=1)
        told = QVBoxLayout()
        told.addWidget(self.status)
        told.addWidget(self.bar)
        foot = row(self.cancel)
        foot.insertLayout(0, told, 1)
        layout.addLayout(foot)

    def _draw(self) -> None:
        self.pages.show_page(self.state.tab).draw()
        text = self.state.busy or self.state.message
        self.status.setText(f"\N{WARNING SIGN} {text}" if self.state.failed and not self.state.busy else text)
        fraction = self.state.progress
        self.bar.setRange(0, 0 if fraction is None else 100)
        self.bar.setValue(0 if fraction is None else round(100 * fraction))
        self.bar.setVisible(bool(self.state.busy))
        draw(self.cancel, action(bool(self.state.busy), "Stop what runs; the layer stays as it is.", "Nothing runs."))
