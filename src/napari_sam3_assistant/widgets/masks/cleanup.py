"""The tab ``Mask Cleanup``."""

from __future__ import annotations

from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_sam3_assistant.app.masking.cleanup_state import COMPONENTS, VALUES
from napari_sam3_assistant.app.masking.controller import MaskController
from napari_sam3_assistant.app.masking.state import CLEANUP
from napari_sam3_assistant.app.views import action
from napari_sam3_assistant.widgets.bind import Bindings
from napari_sam3_assistant.widgets.controls import Toggles, button, combo, draw, fill, form, row, show
from napari_sam3_assistant.widgets.masks.canvas_row import CanvasRow
from napari_sam3_assistant.widgets.masks.components_page import ComponentsPage
from napari_sam3_assistant.widgets.masks.region_row import RegionRow
from napari_sam3_assistant.widgets.masks.remembered import remember
from napari_sam3_assistant.widgets.masks.scope_rows import ScopeRows
from napari_sam3_assistant.widgets.masks.values_page import ValuesPage


class CleanupTab(QWidget):
    """A Labels layer: its pieces and its values, and what tidies them."""

    title = CLEANUP

    def __init__(self, controller: MaskController, bindings: Bindings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state, self._verbs = controller.state, controller.cleanup
        verbs = controller.cleanup
        remember(verbs, bindings)
        self.target = combo("The layer that is analyzed and changed.")
        self.target.setAccessibleName("Target labels layer")
        self.target.activated.connect(lambda index: controller.choose(str(self.target.itemData(index))))
        self.refresh = button("Refresh", controller.refresh, "List the layers, and count the values, anew.")
        self.scope = ScopeRows(verbs.scope, "Operation scope", bindings)
        self.region = RegionRow(verbs.state)
        self.strip = Toggles(
            [
                (COMPONENTS, COMPONENTS, "The connected pieces of each label: list, measure, delete, tidy."),
                (VALUES, VALUES, "The values of the layer: replace, delete, keep."),
            ],
            lambda page: setattr(verbs.state, "page", page),
        )
        self.components = ComponentsPage(verbs, controller.state, bindings)
        self.values = ValuesPage(verbs.values, controller.state, bindings)
        self.tools = CanvasRow(controller.canvas, bindings)
        self.undo = button("Undo Last Edit", controller.undo)
        self.redo = button("Redo", controller.redo)
        self._lay_out()

    def draw(self) -> None:
        """Show the state."""
        state, own, idle = self._state, self._verbs.state, not self._state.busy
        if not idle:
            self._leave_controls()
        fill(self.target, [(item.name, item.identity) for item in state.layers], state.target)
        self.scope.draw(own.slices, idle)
        self.region.draw(idle)
        self.tools.draw(state.target is not None)
        self.strip.show_value(own.page)
        show(self.components, own.page == COMPONENTS)
        show(self.values, own.page == VALUES)
        if own.page == COMPONENTS:
            self.components.draw(idle)
        else:
            self.values.draw(idle)
        draw(
            self.undo,
            action(idle and state.undo is not None, f"Take back: {state.undo}", _nothing(state.undo, "take back")),
        )
        draw(
            self.redo,
            action(idle and state.redo is not None, f"Do again: {state.redo}", _nothing(state.redo, "do again")),
        )

    def _leave_controls(self) -> None:
        """Take the focus off a button before it is disabled: Qt would pass it on, to a spin box or out of the dock."""
        focus = self.focusWidget()
        if isinstance(focus, QPushButton) and focus.hasFocus():
            table = self.components.table if self._verbs.state.page == COMPONENTS else self.values.table
            table.setFocus()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.setSpacing(4)
        first = row(self.target, self.refresh)
        first.setStretch(0, 3)
        first.setStretch(1, 1)
        fields = QWidget()
        rows = form(fields)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.addRow("Target labels layer", first)
        for part in (fields, self.scope, self.region, self.tools, self.strip):
            layout.addWidget(part)
        layout.addLayout(row(self.undo, self.redo))  # where a long page does not scroll them away
        layout.addWidget(self.components, stretch=1)
        layout.addWidget(self.values, stretch=1)


def _nothing(title: str | None, what: str) -> str:
    return f"Nothing to {what} in this layer." if title is None else "Wait until the operation is done, or cancel it."
