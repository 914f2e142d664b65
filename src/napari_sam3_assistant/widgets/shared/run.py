"""What goes on, and the buttons that start, stop and clear it."""

from __future__ import annotations

from qtpy.QtWidgets import QProgressBar

from napari_sam3_assistant.app.controller import AppController
from napari_sam3_assistant.app.views import RunView
from napari_sam3_assistant.widgets.controls import button, column, draw, paragraph, row, show
from napari_sam3_assistant.widgets.letters import Group
from napari_sam3_assistant.widgets.napari_bridge import open_mask_operations

ACTIVITY = "Shows Live Points and SAM3 worker activity so long model runs are visible."
MOST_LETTERS = 72
"""Of the line that says what goes on in the mode ``Advanced``; a problem is said whole."""


class RunGroup(Group):
    """What goes on, and the buttons that start, stop and clear it.

    Parameters
    ----------
    controller : AppController
    title : str
    advanced : bool
        Whether it is of the mode ``Advanced``: there ``Clear Results`` stands below the table,
        and ``Propagate`` is shown for every task.
    """

    def __init__(self, controller: AppController, title: str = "Run", *, advanced: bool = False) -> None:
        super().__init__(title)
        self._advanced = advanced
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
        self.clear_results = None if advanced else button("Clear Results", controller.clearing.results)
        self.mask_ops = button(
            "Mask Ops", lambda: open_mask_operations(controller.viewer), "Clean masks in SAM3 Mask Operations."
        )
        layout = column(self)
        layout.addWidget(self.status)
        layout.addWidget(self.background)
        layout.addWidget(self.bar)
        layout.addLayout(row(self.run, self.cancel))
        layout.addWidget(self.go_on)
        layout.addLayout(row(*filter(None, (self.clear_preview, self.clear_results, self.mask_ops))))

    def draw(self, can: RunView) -> None:
        """Show what goes on."""
        self.background.setText(can.background)
        show(self.background, bool(can.background))
        self.status.keep(1 if can.background else 2)
        said = can.activity if self._advanced else can.status
        if self._advanced:
            cut = len(said) > MOST_LETTERS and not can.problem
            self.status.setToolTip(f"{said}\n{ACTIVITY}" if cut else ACTIVITY)
            said = f"{said[: MOST_LETTERS - 3]}..." if cut else said
        self.status.setText(f"\N{WARNING SIGN} {said}" if can.problem else said)
        self.bar.setVisible(can.busy)
        self.bar.setRange(0, 0 if can.progress is None else 1000)
        self.bar.setValue(int((can.progress or 0) * 1000))
        draw(self.cancel, can.cancel)
        draw(self.run, can.run)
        self.run.setText(can.title)
        draw(self.go_on, can.go_on)
        self.go_on.setText(can.go_on_title)
        show(self.go_on, can.video or self._advanced)
        draw(self.clear_preview, can.clear_preview)
        if self.clear_results is not None:
            draw(self.clear_results, can.clear_results)
