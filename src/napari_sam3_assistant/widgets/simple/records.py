"""The table of objects and the log, folded away until they are wanted."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSizePolicy, QToolButton, QVBoxLayout, QWidget

from napari_sam3_assistant.app.availability import TableView
from napari_sam3_assistant.app.controller import AppController
from napari_sam3_assistant.widgets.bind import Bindings
from napari_sam3_assistant.widgets.controls import row, show
from napari_sam3_assistant.widgets.simple.log import LogView
from napari_sam3_assistant.widgets.simple.table import TablePanel


class Records(QWidget):
    """Two buttons that open and fold a part each."""

    def __init__(self, controller: AppController, bindings: Bindings) -> None:
        super().__init__()
        self._activity = controller.state.activity
        self.open_table = _fold("Table", "The objects as rows: click one to see it; copy or export them.")
        self.open_log = _fold("Log. Activity", "What was said, when, and what lay behind an error.")
        bindings.field(controller.state.results, "table", self.open_table.toggled, self.open_table.setChecked)
        bindings.field(self._activity, "shown", self.open_log.toggled, self.open_log.setChecked)
        self.table = TablePanel(controller, bindings)
        self.log = LogView()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(row(self.open_table, self.open_log))
        layout.addWidget(self.table)
        layout.addWidget(self.log)

    def draw(self, can: TableView) -> None:
        """Show what is open; what is folded is not even made."""
        self.open_table.setText(can.title)
        for opener, part, shown in (
            (self.open_table, self.table, can.shown),
            (self.open_log, self.log, self._activity.shown),
        ):
            opener.setArrowType(Qt.ArrowType.DownArrow if shown else Qt.ArrowType.RightArrow)
            show(part, shown)
        if can.shown:
            self.table.draw(can)
        if self._activity.shown:
            self.log.draw(self._activity)


def _fold(text: str, tip: str) -> QToolButton:
    made = QToolButton()
    made.setText(text)
    made.setToolTip(tip)
    made.setCheckable(True)
    made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
    made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return made
