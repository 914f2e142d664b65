"""What goes on, and the buttons that start, stop and clear it."""

from __future__ import annotations

from qtpy.QtWidgets import QGroupBox, QProgressBar

from napari_sam3_assistant.app.controller import AppController
from napari_sam3_assistant.app.views import RunView
from napari_sam3_assistant.widgets.controls import button, column, draw, paragraph, row, show
from napari_sam3_assistant.widgets.napari_bridge import open_mask_operations


class RunGroup(QGroupBox):
    """What goes on, and the buttons that start, stop and clear it.

    Parameters
    ----------
    controller : AppController
    title : str
    always : bool
        Whether ``Propagate`` is shown for every task.
    """

    def __init__(self, controller: AppController, title: str = "Run", *, always: bool = False) -> None:
        super().__init__(title)
        self._always = always
        self.status = paragraph(lines=2)
        self.background = paragraph()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setMaximumHeight(4)
        policy = self.bar.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.bar.setSizePolicy(policy)
        self.run = button("Run Preview", controller.run)
        self.go_on = button("Propagate", controller.propagation.go_on)
        self.cancel = button("Cancel", controller.cancel)
        self.clear_preview = button("Clear Preview", controller.clearing.preview)
        self.clear_results = button("Clear Results", controller.clearing.results)
        self.mask_ops = button(
            "Mask Ops", lambda: open_mask_operations(controller.viewer), "Clean masks in SAM3 Mask Operations."
        )
        layout = column(self)
        layout.addWidget(self.status)
        layout.addWidget(self.background)
        layout.addWidget(self.bar)
        layout.addLayout(row(self.run, self.go_on, self.cancel))
        layout.addLayout(row(self.clear_preview, self.clear_results, self.mask_ops))

    def draw(self, can: RunView) -> None:
        """Show what goes on."""
        self.background.setText(can.background)
        show(self.background, bool(can.background))
        self.status.keep(1 if can.background else 2)
        self.status.setText(f"\N{WARNING SIGN} {can.status}" if can.problem else can.status)
        self.bar.setVisible(can.busy)
        self.bar.setRange(0, 0 if can.progress is None else 1000)
        self.bar.setValue(int((can.progress or 0) * 1000))
        draw(self.cancel, can.cancel)
        draw(self.run, can.run)
        self.run.setText(can.title)
        draw(self.go_on, can.go_on)
        self.go_on.setText(can.go_on_title)
        show(self.go_on, can.video or self._always)
        draw(self.clear_preview, can.clear_preview)
        draw(self.clear_results, can.clear_results)
