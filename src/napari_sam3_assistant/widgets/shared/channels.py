"""What is seen of an image with channels, and between which limits of intensity."""

from __future__ import annotations

from collections.abc import Iterable

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_sam3_assistant.app.controller import AppController
from napari_sam3_assistant.app.task_state import TaskState
from napari_sam3_assistant.app.views import ChannelsView
from napari_sam3_assistant.core.sources import Mix
from napari_sam3_assistant.layers.channels import AUTOMATIC
from napari_sam3_assistant.widgets.bind import Bindings
from napari_sam3_assistant.widgets.controls import combo, draw, fill, row, show
from napari_sam3_assistant.widgets.whole import Number

GREY, RGB = "grey", "rgb"
MODES = (("This one, grey", GREY), ("RGB", RGB))
COLOURS = ("Red", "Green", "Blue")
NONE = "none"
LETTERS = 10
"""Least width of each list: four of them stand side by side in a narrow dock."""
MODE_LETTERS = 13
SPIN_LETTERS = 11
LAST_AXIS = 8
AXIS_TIP = (
    "Which data axis is color/channel. Use -1 for what the image says itself: RGB, or an axis named c. "
    "Examples: C,H,W -> 0; Z,C,H,W or T,C,H,W -> 1."
)


class ChannelsRow(QWidget):
    """The row ``Channels``: the one on the slider as grey, or three of them as red, green and blue.

    Parameters
    ----------
    controller : AppController
    bindings : Bindings
    axis : bool
        Whether the number of the axis stands in it, where that is wanted; it is not made otherwise.
    """

    def __init__(self, controller: AppController, bindings: Bindings, *, axis: bool = True) -> None:
        super().__init__()
        self._show = controller.channels.show
        self.axis = axis_box(controller.state.task, bindings) if axis else None
        self.mode = combo("What the engine sees: the channel on the slider, or three channels in colour.")
        for text, value in MODES:
            self.mode.addItem(text, value)
        self.colours = [combo(f"{colour}: the channel seen in this colour.") for colour in COLOURS]
        self.mode.activated.connect(self._mode_chosen)
        for box in (self.mode, *self.colours):
            box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            letters = MODE_LETTERS if box is self.mode else LETTERS
            box.setMinimumWidth(letters * box.fontMetrics().averageCharWidth())
        for box in self.colours:
            box.activated.connect(self._mix_chosen)
        self.label = QLabel()
        self.label.setBuddy(self.mode)
        parts = (self.label, self.mode) if self.axis is None else (self.label, self.axis, self.mode)
        self._first, self._second = row(*parts), QHBoxLayout()
        self._first.setStretch(len(parts) - 1, 3)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(self._first)
        layout.addLayout(self._second)
        self._put(self._first)

    def draw(self, can: ChannelsView) -> None:
        """Show the channels there are and which are seen."""
        fill(self.mode, MODES, GREY if can.mix is None else RGB)
        choices = [*((name, str(channel)) for channel, name in enumerate(can.names)), ("-", NONE)]
        for place, box in enumerate(self.colours):
            chosen = None if can.mix is None else can.mix[place]
            fill(box, choices, NONE if chosen is None else str(chosen))
            box.setToolTip(f"{COLOURS[place]}: {box.currentText()}")
            view = box.view()
            if view is not None:  # the open list is as wide as its names
                view.setMinimumWidth(view.sizeHintForColumn(0))
            show(box, can.mix is not None)
        show(self.mode, bool(can.names))
        if self.axis is None:
            self.label.setText("Channels")
            show(self, bool(can.names))
            return
        self.label.setText("Channels" if can.names else "Channel axis")
        self.label.setBuddy(self.mode if can.names else self.axis)
        self._put(self._second if can.axis and can.names else self._first)
        show(self.axis, can.axis)
        show(self, can.row)

    def _put(self, line: QHBoxLayout) -> None:
        """Put the three colours on the first line, or where the axis takes their room on one of their own."""
        if line.indexOf(self.colours[0]) < 0:
            for box in self.colours:
                line.addWidget(box, 2)

    def _mode_chosen(self, index: int) -> None:
        count = self.colours[0].count() - 1
        self._show(None if self.mode.itemData(index) == GREY else first_mix(count))

    def _mix_chosen(self, _index: int) -> None:
        self._show(_mix(self.colours))


def axis_box(task: TaskState, bindings: Bindings) -> Number:
    """Return a control of the channel axis."""
    box = Number()
    box.setRange(AUTOMATIC, LAST_AXIS)
    box.setToolTip(AXIS_TIP)
    box.setFixedWidth(SPIN_LETTERS * box.fontMetrics().averageCharWidth())
    bindings.field(task, "channel_axis", box.valueChanged, box.setValue)
    return box


def first_mix(count: int) -> Mix:
    """Return the first channels as colours, as many as there are."""
    red, green, blue = (channel if channel < count else None for channel in range(3))
    return red, green, blue


def _mix(boxes: Iterable[QComboBox]) -> Mix:
    chosen = [str(box.currentData()) for box in boxes]
    red, green, blue = (None if value == NONE else int(value) for value in chosen)
    return red, green, blue


class LimitsBox(QCheckBox):
    """``Use contrast limits``: half checked while the layer has others than those that were taken."""

    def __init__(self, controller: AppController) -> None:
        super().__init__("Use contrast limits")
        self.setToolTip("Show the engine what the layer's contrast limits show.")
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._controller = controller
        self.clicked.connect(self._pressed)

    def draw(self, can: ChannelsView) -> None:
        """Show whether limits were taken, and whether they are still those of the layer."""
        draw(self, can.limits)
        taken = Qt.CheckState.PartiallyChecked if can.old else Qt.CheckState.Checked
        self.setCheckState(taken if can.taken else Qt.CheckState.Unchecked)

    def _pressed(self, _checked: bool) -> None:
        self._controller.channels.press_limits()
