"""The table of objects and the log, folded away until they are wanted."""

from __future__ import annotations

from qtpy.QtCore import QSize
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_sam3_assistant.app.controller import AppController
from napari_sam3_assistant.app.views import TableView
from napari_sam3_assistant.widgets.bind import Bindings
from napari_sam3_assistant.widgets.controls import row
from napari_sam3_assistant.widgets.section import fold, into_view_later, show_fold, wide_enough
from napari_sam3_assistant.widgets.shared.log import LogPanel
from napari_sam3_assistant.widgets.shared.table import TablePanel


class Records(QWidget):
    """Two buttons that open and fold a part each."""

    def __init__(self, controller: AppController, bindings: Bindings) -> None:
        super().__init__()
        self._results, self._activity = controller.state.results, controller.state.activity
        self.open_table = fold("Table", "The objects as rows: click one to see it; copy or export them.")
        self.open_log = fold("Log. Activity", "What was said, when, and what lay behind an error.")
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
            timer = into_view_later(part)
            opener.clicked.connect(lambda _checked=False, timer=timer: timer.start())

    def minimumSizeHint(self) -> QSize:
        """Return a size that is no narrower while they are folded."""
        return wide_enough(super().minimumSizeHint(), self.table, self.log_panel)

    def draw(self, can: TableView) -> None:
        """Show what is open; rows and lines are made only then."""
        self.open_table.setText(can.title)
        for opener, part, shown in (
            (self.open_table, self.table, self._results.table),
            (self.open_log, self.log_panel, self._activity.shown),
        ):
            show_fold(opener, part, opened=shown)
        self.table.draw(can)
        if self._activity.shown:
            self.log.draw(self._activity)
