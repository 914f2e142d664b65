"""Where in each plane an operation works: everywhere, or inside drawn shapes."""

from __future__ import annotations

from qtpy.QtWidgets import QWidget

from napari_sam3_assistant.app.masking.cleanup_state import CleanupState
from napari_sam3_assistant.app.masking.several import WAIT
from napari_sam3_assistant.app.views import action
from napari_sam3_assistant.widgets.controls import combo, draw, fill, form, row, show

FULL, DRAWN = "Full mask", "Drawn ROI"
TIP = (
    "Full mask works everywhere. Drawn ROI works inside the rectangles, ellipses and polygons of a Shapes layer, on "
    "every slice of the scope; whole objects count where more than half of them lies inside."
)


class RegionRow(QWidget):
    """A choice of where to work, and for drawn shapes, of their layer."""

    def __init__(self, state: CleanupState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self.work_on = combo()
        self.work_on.setAccessibleName("Work on")
        self.work_on.activated.connect(lambda index: setattr(state, "roi", self.work_on.itemText(index) == DRAWN))
        self.shapes = combo()
        self.shapes.setAccessibleName("Shapes layer")
        self.shapes.activated.connect(lambda index: setattr(state, "shapes", str(self.shapes.itemData(index))))
        rows = form(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.addRow("Work on", row(self.work_on, self.shapes))

    def draw(self, idle: bool) -> None:
        """Show the choice."""
        state = self._state
        fill(self.work_on, [(FULL, FULL), (DRAWN, DRAWN)], DRAWN if state.roi else FULL)
        draw(self.work_on, action(idle, TIP, WAIT))
        fill(self.shapes, [(one.name, one.identity) for one in state.drawings], state.shapes)
        drawn = bool(state.drawings)
        missing = WAIT if drawn else "Add a Shapes layer and draw in it."
        draw(self.shapes, action(idle and drawn, "The shapes inside which to work.", missing))
        show(self.shapes, state.roi)
