"""How far an operation reaches: which slices of a layer."""

from __future__ import annotations

from functools import partial

from qtpy.QtWidgets import QLabel, QWidget

from napari_sam3_assistant.app.masking.several import WAIT
from napari_sam3_assistant.app.masking.state import ScopeState
from napari_sam3_assistant.app.views import action
from napari_sam3_assistant.masks.scopes import Reach
from napari_sam3_assistant.widgets.bind import Bindings
from napari_sam3_assistant.widgets.controls import combo, draw, fill, form, row, show
from napari_sam3_assistant.widgets.whole import Number

TIPS = {
    Reach.SLICE: "The slice on screen; in a time series, that of this moment.",
    Reach.RANGE: "The slices from the first number to the second, both included; in a time series, of this moment.",
    Reach.WHOLE: "All slices, and all moments.",
}
PLANE = "This layer has one slice. With a stack, choose here which slices are meant."


class ScopeRows(QWidget):
    """A choice of slices, and below it, for a range, its first and last one.

    Parameters
    ----------
    scope : ScopeState
        Written here; nothing else of it is kept.
    title : str
        The name of the choice: ``Operation scope`` for one.
    bindings : Bindings
    """

    def __init__(self, scope: ScopeState, title: str, bindings: Bindings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._scope = scope
        self.reach = combo()
        self.reach.setAccessibleName(title)
        fill(self.reach, [(one.value, one.name) for one in Reach], scope.reach.name)
        self.reach.activated.connect(lambda index: setattr(scope, "reach", Reach[str(self.reach.itemData(index))]))
        self.first, self.last = Number(), Number()
        self._layout = form(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.addRow(title, self.reach)
        self._range = QWidget()
        between = row(self.first, QLabel("to"), self.last)
        between.setContentsMargins(0, 0, 0, 0)
        between.setStretch(0, 1)
        between.setStretch(2, 1)
        self._range.setLayout(between)
        self._layout.addRow(Reach.RANGE.value, self._range)
        for spin, field, what in ((self.first, "first", "First"), (self.last, "last", "Last")):
            spin.setAccessibleName(f"{what} slice")
            bindings.field(scope, field, spin.valueChanged, partial(_show, spin))

    def draw(self, slices: int, idle: bool = True) -> None:
        """Show the choice.

        Parameters
        ----------
        slices : int
            How many the layer has along the axis of a range, 0 where it has none; see ``layers.scopes.slices_of``.
        idle : bool
            Whether no operation runs.
        """
        reach = self._scope.reach if slices else Reach.WHOLE
        fill(self.reach, [(one.value, one.name) for one in Reach], reach.name)
        draw(self.reach, action(idle and slices > 0, TIPS[reach], WAIT if slices else PLANE))
        ranged = reach is Reach.RANGE
        for spin, what in ((self.first, "First"), (self.last, "Last")):
            # A range of another layer stays what it is, and is cut to what this one has.
            spin.setMaximum(max(slices - 1, self._scope.first, self._scope.last))
            draw(spin, action(idle, f"{what} slice of the range, counted from 0.", WAIT))
        show(self._range, ranged)
        show(self._layout.labelForField(self._range), ranged)


def _show(spin: Number, value: int) -> None:
    """Show a slice, which a layer that is shown later may have."""
    spin.setMaximum(max(spin.maximum(), value))
    spin.setValue(value)
