"""The table of objects and the log, folded away until they are wanted."""

from __future__ import annotations

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QScrollArea, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from napari_sam3_assistant.app.controller import AppController
from napari_sam3_assistant.app.views import TableView
from napari_sam3_assistant.widgets.bind import Bindings
from napari_sam3_assistant.widgets.controls import row, show
from napari_sam3_assistant.widgets.simple.log import LogPanel
from napari_sam3_assistant.widgets.simple.table import TablePanel

SHOWN_MS = 50
"""What was opened is looked at so much later: has it been laid out?"""


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
        self.log_panel = LogPanel()
        self.log = self.log_panel.view
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(row(self.open_table, self.open_log))
        layout.addWidget(self.table)
        layout.addWidget(self.log_panel)
        for opener, part in ((self.open_table, self.table), (self.open_log, self.log_panel)):
            timer = _later(part)
            opener.clicked.connect(lambda _checked=False, timer=timer: timer.start())

    def draw(self, can: TableView) -> None:
        """Show what is open; rows and lines are made only then."""
        self.open_table.setText(can.title)
        for opener, part, shown in (
            (self.open_table, self.table, can.shown),
            (self.open_log, self.log_panel, self._activity.shown),
        ):
            opener.setArrowType(Qt.ArrowType.DownArrow if shown else Qt.ArrowType.RightArrow)
            show(part, shown)
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


def _later(part: QWidget) -> QTimer:
    """Return what brings a part into view once it is started; it goes with the part."""
    made = QTimer(part)
    made.setSingleShot(True)
    made.setInterval(SHOWN_MS)
    made.timeout.connect(lambda: _into_view(part, made))
    return made


def _into_view(part: QWidget, again: QTimer) -> None:
    """Scroll down to a part that was opened, once it has been given its height."""
    around = part.parentWidget()
    while around is not None and not isinstance(around, QScrollArea):
        around = around.parentWidget()
    if around is None or not part.isVisible():
        return
    if part.height() < part.minimumSizeHint().height():
        again.start()
    else:
        around.ensureWidgetVisible(part, 0, 0)
