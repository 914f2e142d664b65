"""What the mouse does on the canvas: three checks, and the menu of a right-click."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtGui import QCursor
from qtpy.QtWidgets import QCheckBox, QMenu, QVBoxLayout, QWidget

from napari_sam3_assistant.app.masking.canvas import CanvasTools
from napari_sam3_assistant.app.masking.canvas_entries import Entry
from napari_sam3_assistant.app.views import action
from napari_sam3_assistant.widgets.bind import Bindings
from napari_sam3_assistant.widgets.controls import draw, row
from napari_sam3_assistant.widgets.masks.lasso_line import LassoLine

NO_TARGET = "Choose a target Labels layer first."
CHECKS = {
    "right_click_delete": (
        "Right-click Delete",
        "A right-click on the canvas deletes the object under the pointer at once. Off: it opens a menu.",
    ),
    "assign": (
        "Enable canvas assign tools",
        "A click on the canvas gives the object there the Assignment value; the keys 1 to 6 give it theirs.",
    ),
    "lasso": (
        "Lasso",
        "Draw a line round objects on the canvas: those with more than half inside are selected. "
        "Delete deletes them, Escape ends it.",
    ),
}


class CanvasRow(QWidget):
    """The tools of the canvas.

    Parameters
    ----------
    tools : CanvasTools
    bindings : Bindings
    """

    def __init__(self, tools: CanvasTools, bindings: Bindings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tools = tools
        self.checks = {name: QCheckBox(text) for name, (text, _) in CHECKS.items()}
        for name, made in self.checks.items():
            bindings.field(tools.state, name, made.toggled, made.setChecked)
        self.menu = QMenu(self)
        bindings.connect(tools.menu_asked, self._ask)
        self.line = LassoLine(self)
        bindings.connect(tools.line_changed, self.line.show_line)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row(self.checks["right_click_delete"], self.checks["lasso"]))
        layout.addWidget(self.checks["assign"])

    def draw(self, has_target: bool) -> None:
        """Show the state."""
        for name, made in self.checks.items():
            draw(made, action(has_target, CHECKS[name][1], NO_TARGET))

    def _ask(self, groups: Sequence[Sequence[Entry]]) -> None:
        """Open the menu at the pointer; nothing waits for the answer."""
        if not self.isVisible():
            return
        self.menu.clear()
        for entries in groups:
            if self.menu.actions():
                self.menu.addSeparator()
            for entry in entries:
                _add(self.menu, entry)
        self.menu.popup(QCursor.pos())


def _add(menu: QMenu, entry: Entry) -> None:
    if entry.verb is None:
        below = menu.addMenu(entry.title)
        for one in entry.entries:
            _add(below, one)
        return
    verb = entry.verb
    menu.addAction(entry.title).triggered.connect(lambda _checked=False: verb())
