"""The tab ``Mask Cleanup``."""

from __future__ import annotations

from qtpy.QtWidgets import QFormLayout, QLabel, QPushButton, QSpinBox, QVBoxLayout, QWidget

from napari_sam3_assistant.app.masking.controller import MaskController
from napari_sam3_assistant.app.masking.state import CLEANUP
from napari_sam3_assistant.widgets.bind import Bindings
from napari_sam3_assistant.widgets.controls import button, combo, fill, row
from napari_sam3_assistant.widgets.masks.component_table import ComponentTable

MOST = 2**31 - 1


class CleanupTab(QWidget):
    """Analyze a Labels layer, and remove from it what does not belong there."""

    title = CLEANUP

    def __init__(self, controller: MaskController, bindings: Bindings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state, self._verbs = controller.state, controller.cleanup
        verbs, state = controller.cleanup, controller.cleanup.state
        self.target = combo("The layer that is analyzed and changed.")
        self.target.activated.connect(lambda index: controller.choose(str(self.target.itemData(index))))
        self.refresh = button("Refresh", controller.refresh, "List the Labels layers anew.")
        self.analyze = button("Analyze Layer", verbs.analyze, "List the connected components of each label.")
        self.table = ComponentTable()
        self.table.setToolTip("Double-click or Enter shows a component, Delete deletes the selected ones.")
        self.table.located.connect(verbs.locate)
        self.table.unwanted.connect(lambda: verbs.delete(self.table.selected()))
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._draw_delete())
        self.delete = button(
            "Delete Selected Components", lambda: verbs.delete(self.table.selected()), "Make them background."
        )
        self.minimum = _spin(1, "Components of fewer pixels are removed.")
        bindings.field(state, "minimum_size", self.minimum.valueChanged, self.minimum.setValue)
        self.remove = button(
            "Remove Small Objects", verbs.remove_small, "Make components smaller than this background."
        )
        self.hole = _spin(0, "Holes of up to so many pixels are filled; 0 fills all.")
        bindings.field(state, "hole_size", self.hole.valueChanged, self.hole.setValue)
        self.fill = button("Fill Holes", verbs.fill_holes, "Per label; never over another label.")
        self.undo = button("Undo Last Edit", controller.undo)
        self.redo = button("Redo", controller.redo)
        self._lay_out()

    def draw(self) -> None:
        """Show the state."""
        state, idle = self._state, not self._state.busy
        if not idle:
            self._leave_controls()
        fill(self.target, [(item.name, item.identity) for item in state.layers], state.target)
        usable = idle and state.target is not None
        for control in (self.analyze, self.remove, self.fill):
            control.setEnabled(usable)
        shown = self._verbs.state
        self.table.show_components(shown.components, shown.axes, self._verbs.listing)
        self.undo.setEnabled(idle and state.undo is not None)
        self.undo.setToolTip(f"Take back: {state.undo}" if state.undo else "Nothing to take back in this layer.")
        self.redo.setEnabled(idle and state.redo is not None)
        self.redo.setToolTip(f"Do again: {state.redo}" if state.redo else "Nothing to do again in this layer.")
        self._draw_delete()

    def _draw_delete(self) -> None:
        chosen = self.table.selectionModel().hasSelection()
        self.delete.setEnabled(chosen and not self._state.busy)

    def _leave_controls(self) -> None:
        """Take the focus off a button before it is disabled: Qt would pass it on, to a spin box or out of the dock."""
        focus = self.focusWidget()
        if isinstance(focus, QPushButton) and focus.hasFocus():
            self.table.setFocus()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.addWidget(QLabel("Target labels layer"))
        first = row(self.target, self.refresh)
        first.setStretch(0, 3)
        first.setStretch(1, 1)
        layout.addLayout(first)
        layout.addWidget(self.analyze)
        layout.addWidget(self.table, stretch=1)
        layout.addWidget(self.delete)
        form = QFormLayout()
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapAllRows)
        form.addRow("Minimum size", row(self.minimum, self.remove))
        form.addRow("Hole size", row(self.hole, self.fill))
        layout.addLayout(form)
        layout.addLayout(row(self.undo, self.redo))


def _spin(lowest: int, tip: str) -> QSpinBox:
    made = QSpinBox()
    made.setRange(lowest, MOST)
    made.setToolTip(tip)
    made.setMinimumWidth(70)
    return made
