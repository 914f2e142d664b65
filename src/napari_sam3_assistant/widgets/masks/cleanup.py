"""The tab ``Mask Cleanup``."""

from __future__ import annotations

from qtpy.QtWidgets import QFormLayout, QGroupBox, QLabel, QSpinBox, QVBoxLayout, QWidget

from napari_sam3_assistant.app.mask_controller import MaskController
from napari_sam3_assistant.widgets.bind import Bindings
from napari_sam3_assistant.widgets.controls import button, combo, fill, row
from napari_sam3_assistant.widgets.masks.component_table import ComponentTable

MOST = 2**31 - 1


class CleanupTab(QWidget):
    """Analyze a Labels layer, and remove from it what does not belong there."""

    def __init__(self, controller: MaskController, bindings: Bindings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state = controller.state
        self.target = combo("The layer that is analyzed and changed.")
        self.target.activated.connect(lambda index: controller.choose(str(self.target.itemData(index))))
        self.analyze = button("Analyze Layer", controller.analyze, "List the connected components of each label.")
        self.table = ComponentTable()
        self.table.setToolTip("Double-click a row to see its component.")
        self.table.located.connect(controller.locate)
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._draw_delete())
        self.delete = button(
            "Delete Selected Components", lambda: controller.delete(self.table.selected()), "Make them background."
        )
        self.minimum = _spin(1, "Components of fewer pixels are removed.")
        bindings.field(state, "minimum_size", self.minimum.valueChanged, self.minimum.setValue)
        self.remove = button("Remove Small Objects", controller.remove_small)
        self.hole = _spin(0, "Holes of up to so many pixels are filled; 0 fills all.")
        bindings.field(state, "hole_size", self.hole.valueChanged, self.hole.setValue)
        self.fill = button("Fill Holes", controller.fill_holes, "Per label; never over another label.")
        self.undo = button("Undo Last Edit", controller.undo)
        self.redo = button("Redo", controller.redo)
        self._lay_out()

    def draw(self) -> None:
        """Show the state."""
        state, idle = self._state, not self._state.busy
        fill(self.target, [(item.name, item.identity) for item in state.layers], state.target)
        usable = idle and state.target is not None
        for control in (self.analyze, self.remove, self.fill):
            control.setEnabled(usable)
        self.table.show_components(state.components, state.axes)
        self.undo.setEnabled(idle and state.undo is not None)
        self.undo.setToolTip(f"Take back: {state.undo}" if state.undo else "Nothing to take back in this layer.")
        self.redo.setEnabled(idle and state.redo is not None)
        self.redo.setToolTip(f"Do again: {state.redo}" if state.redo else "Nothing to do again in this layer.")
        self._draw_delete()

    def _draw_delete(self) -> None:
        chosen = self.table.selectionModel().hasSelection()
        self.delete.setEnabled(chosen and not self._state.busy)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        label = QLabel("Target labels layer")
        label.setBuddy(self.target)
        layout.addLayout(row(label, self.target))
        layout.addWidget(self.analyze)
        layout.addWidget(self.table, stretch=1)
        layout.addWidget(self.delete)
        clean = QGroupBox("Clean")
        form = QFormLayout(clean)
        form.addRow("Minimum size", row(self.minimum, self.remove))
        form.addRow("Hole size", row(self.hole, self.fill))
        layout.addWidget(clean)
        layout.addLayout(row(self.undo, self.redo))


def _spin(lowest: int, tip: str) -> QSpinBox:
    made = QSpinBox()
    made.setRange(lowest, MOST)
    made.setToolTip(tip)
    made.setMinimumWidth(70)
    return made
