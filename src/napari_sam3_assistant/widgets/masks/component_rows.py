"""The table of components with what picks its rows: a filter, a histogram."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_sam3_assistant.app.masking.cleanup import Cleanup
from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.masks.components import Component
from napari_sam3_assistant.masks.quantities import Known, Quantity, passing, quantities
from napari_sam3_assistant.widgets.bind import Bindings
from napari_sam3_assistant.widgets.controls import combo, fill, paragraph, row, show, toggle
from napari_sam3_assistant.widgets.masks.component_table import ComponentTable
from napari_sam3_assistant.widgets.masks.histogram import Histogram
from napari_sam3_assistant.widgets.section import into_view_later
from napari_sam3_assistant.widgets.whole import Field

TABLE_PX = 150
COUNTED = 2
"""The column that the histogram shows at first: the number of pixels."""
FILTER_TIP = (
    "Lists the rows that meet conditions, as in: pixels > 500 and label = 3. Columns: id, label, pixels, z min, z max, "
    "z, y, x, and with Measures area, perimeter, circularity, intensity. Signs: <, <=, >, >=, =, !="
)


class ComponentRows(QWidget):
    """Rows of components, as many as the filter lets through."""

    def __init__(self, verbs: Cleanup, bindings: Bindings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._verbs, own = verbs, verbs.state
        self._known: Known | None = None
        self._quantities: Sequence[Quantity] = ()
        self._drawn: tuple[object, ...] = ()
        self._passing: Sequence[Component] = ()
        self.table = ComponentTable()
        self.table.setMinimumHeight(TABLE_PX)
        self.table.setAccessibleName("Components")
        self.table.setToolTip(
            "A click shows a component, a double-click or Enter jumps to it, Delete deletes the selected ones."
        )
        self.table.located.connect(verbs.locate)
        self.table.unwanted.connect(lambda: verbs.delete(own.selected))
        self.table.picked.connect(verbs.pick)
        self.filter = Field(FILTER_TIP)
        self.filter.setPlaceholderText("Filter: pixels > 500 and label = 3")
        self.filter.setAccessibleName("Filter")
        self.filter.setClearButtonEnabled(True)
        bindings.field(own, "conditions", self.filter.textChanged, self._write)
        self.wrong = paragraph()
        self.told = paragraph()
        self.opener = toggle("Histogram", "Shows how often each number of a column occurs; drag there to select rows.")
        self.opener.toggled.connect(self._open)
        self.column = combo("The column that the histogram shows.")
        self.column.setAccessibleName("Column of the histogram")
        self.column.activated.connect(lambda _index: self.draw())
        self.histogram = Histogram()
        self.histogram.ranged.connect(self._pick_range)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.table, stretch=1)
        layout.addWidget(self.told)
        beside = row(self.filter, self.opener)
        beside.setStretch(0, 2)
        beside.setStretch(1, 1)
        layout.addLayout(beside)
        layout.addWidget(self.wrong)
        layout.addWidget(self.column)
        layout.addWidget(self.histogram)
        self._into_view = into_view_later(self.histogram)

    def draw(self) -> None:
        """Show the state."""
        own = self._verbs.state
        if own.known is not self._known:
            self._known, self._quantities = own.known, quantities(own.known)
        drawn = (own.components, own.known, own.conditions)
        if len(self._drawn) != len(drawn) or any(a is not b for a, b in zip(drawn, self._drawn, strict=True)):
            self._drawn = drawn
            self._filter()
        hint = self._verbs.listing if not own.components else "No component meets the conditions of the filter."
        self.table.show_components(self._passing, self._quantities, hint)
        self.table.select(own.selected)
        self.told.setText(self._summary())
        self._draw_histogram()

    def _open(self, opened: bool) -> None:
        self.draw()
        if opened:
            self._into_view.start()

    def _filter(self) -> None:
        """Find the rows that the filter lets through; of those it holds back none stays selected."""
        own = self._verbs.state
        try:
            self._passing, wrong = passing(own.components, self._quantities, own.conditions), ""
        except PromptError as error:
            self._passing, wrong = own.components, str(error)
        self.wrong.setText(wrong)
        show(self.wrong, bool(wrong))
        if own.selected and len(self._passing) < len(own.components):
            left = {one.id for one in self._passing}
            kept = tuple(one for one in own.selected if one.id in left)
            if len(kept) < len(own.selected):
                own.selected = kept

    def _draw_histogram(self) -> None:
        opened = self.opener.isChecked()
        show(self.column, opened)
        show(self.histogram, opened)
        if not opened:
            return
        titles = [one.title for one in self._quantities]
        current = self.column.currentText()
        if current not in titles:
            current = titles[COUNTED]
        fill(self.column, [(title, title) for title in titles], current)
        shown = self._quantities[titles.index(current)]
        values = [value for one in self._passing if (value := shown.value(one)) is not None and math.isfinite(value)]
        self.histogram.show_numbers(current, np.array(values, np.float64))

    def _pick_range(self, low: float, high: float) -> None:
        """Select the rows whose number lies in the range that was dragged out."""
        title = self.column.currentText()
        shown = next(one for one in self._quantities if one.title == title)
        chosen = (one for one in self._passing if (value := shown.value(one)) is not None and low <= value <= high)
        self._verbs.select(chosen)

    def _summary(self) -> str:
        own = self._verbs.state
        if not own.analyzed and not own.outdated:
            return ""
        parts = [f"{len(own.components):,} component(s)"]
        if own.where:
            parts[0] += f" of {own.where}"
        if len(self._passing) < len(own.components):
            parts.append(f"{len(self._passing):,} listed")
        if own.selected:
            parts.append(f"{len(own.selected):,} selected")
        if own.outdated:
            parts.append("listing anew...")
        elif own.measuring:
            parts.append("measuring...")
        return ", ".join(parts)

    def _write(self, text: str) -> None:
        """Write the conditions, unless they stand there: the cursor would go to the end."""
        if text != self.filter.text():
            self.filter.setText(text)
