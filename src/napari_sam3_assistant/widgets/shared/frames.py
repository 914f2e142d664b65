"""Which frames are gone through, along which axis, and whether the slider follows."""

from __future__ import annotations

from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QSizePolicy, QWidget

from napari_sam3_assistant.app.controller import AppController
from napari_sam3_assistant.app.frame_views import FramesView
from napari_sam3_assistant.widgets.bind import Bindings
from napari_sam3_assistant.widgets.controls import button, combo, draw, fill, form, label, row
from napari_sam3_assistant.widgets.whole import Number

ALONG, FRAMES, FOLLOW = "Frames along", "Frames", "Follow frames"


class FrameRows(QWidget):
    """``Frames along``, ``Frames`` from one to another, and ``Follow frames``."""

    def __init__(self, controller: AppController, bindings: Bindings) -> None:
        super().__init__()
        self._task = task = controller.state.task
        self.axis = combo()
        self.axis.setAccessibleName(ALONG)
        self.axis.activated.connect(lambda index: setattr(task, "through", str(self.axis.itemData(index))))
        self.first, self.last = _number("First frame"), _number("Last frame")
        self._drawing, self._final = False, 0
        self.first.valueChanged.connect(lambda _frame: self._chosen())
        self.last.valueChanged.connect(lambda _frame: self._chosen())
        self.all = button("All", self._all)
        self.all.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.follow = QCheckBox(FOLLOW)
        bindings.field(task, "show_frames", self.follow.toggled, self.follow.setChecked)
        layout = form(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addRow(ALONG, self.axis)
        layout.addRow(self._span())
        layout.addRow(self.follow)
        self._form = layout

    def draw(self, can: FramesView) -> None:
        """Show what is chosen, and what can be."""
        self._form.setRowVisible(self.axis, len(can.axes) > 1)
        fill(self.axis, [(name, name) for name in can.axes], can.through)
        draw(self.axis, can.along)
        self._drawing, self._final = True, can.final
        for spin, value, low, high in (
            (self.first, can.first, 0, can.last),
            (self.last, can.last, can.first, can.final),
        ):
            spin.setRange(low, high)
            spin.setValue(value)
            draw(spin, can.span)
        self._drawing = False
        draw(self.all, can.every)
        draw(self.follow, can.follow)

    def _span(self) -> QHBoxLayout:
        """Return the row of the range; it is too wide for the column of the fields."""
        made = row(label(FRAMES, self.first), self.first, QLabel("to"), self.last, self.all)
        for spin in (self.first, self.last):
            made.setStretchFactor(spin, 1)
        return made

    def _chosen(self) -> None:
        """Take what the user has set; what is shown of a picture with fewer frames is no choice."""
        if not self._drawing:
            first, last = self.first.value(), self.last.value()
            self._task.first_frame, self._task.last_frame = first, None if last == self._final else last

    def _all(self) -> None:
        self._task.first_frame, self._task.last_frame = 0, None


def _number(name: str) -> Number:
    made = Number()
    made.setAccessibleName(name)
    made.setKeyboardTracking(False)  # of 120, neither 1 nor 12 is meant
    made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return made
