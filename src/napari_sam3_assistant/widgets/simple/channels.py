"""What is seen of an image with channels, and between which limits of intensity."""

from __future__ import annotations

from collections.abc import Iterable

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QComboBox, QLabel, QSizePolicy, QWidget

from napari_sam3_assistant.app.availability import ChannelsView
from napari_sam3_assistant.app.controller import AppController
from napari_sam3_assistant.core.sources import Mix
from napari_sam3_assistant.widgets.controls import combo, draw, fill, row, show

GREY, RGB = "grey", "rgb"
MODES = (("This one, grey", GREY), ("Three, as RGB", RGB))
COLOURS = ("Red", "Green", "Blue")
NONE = "none"


class ChannelsRow(QWidget):
    """The row ``Channels``: the one on the slider as grey, or three of them as red, green and blue."""

    def __init__(self, controller: AppController) -> None:
        super().__init__()
        self._show = controller.channels.show
        self.mode = combo("What the engine sees: the channel on the slider, or three channels in colour.")
        for text, value in MODES:
            self.mode.addItem(text, value)
        self.colours = [combo(f"{colour}: the channel seen in this colour.") for colour in COLOURS]
        self.mode.activated.connect(self._mode_chosen)
        for box in self.colours:
            box.setMinimumContentsLength(2)
            box.activated.connect(self._mix_chosen)
        label = QLabel("Channels")
        label.setBuddy(self.mode)
        layout = row(label, self.mode, *self.colours)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setStretch(1, 1)
        self.setLayout(layout)

    def draw(self, can: ChannelsView) -> None:
        """Show the channels there are and which are seen."""
        fill(self.mode, MODES, GREY if can.mix is None else RGB)
        choices = [*((name, str(channel)) for channel, name in enumerate(can.names)), ("-", NONE)]
        for place, box in enumerate(self.colours):
            chosen = None if can.mix is None else can.mix[place]
            fill(box, choices, NONE if chosen is None else str(chosen))
            box.setToolTip(f"{COLOURS[place]}: {box.currentText()}")
            show(box, can.mix is not None)
        show(self, can.row)

    def _mode_chosen(self, index: int) -> None:
        count = self.colours[0].count() - 1
        self._show(None if self.mode.itemData(index) == GREY else first_mix(count))

    def _mix_chosen(self, _index: int) -> None:
        self._show(_mix(self.colours))


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
