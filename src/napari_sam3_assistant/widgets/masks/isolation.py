"""The tab ``Mask Isolation``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QCheckBox, QMenu, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_sam3_assistant.app.masking.isolation import HARVESTING, Isolation
from napari_sam3_assistant.app.masking.state import MaskState
from napari_sam3_assistant.app.views import action
from napari_sam3_assistant.masks.isolation import Status
from napari_sam3_assistant.widgets.bind import Bindings
from napari_sam3_assistant.widgets.controls import button, draw, label, labelled, paragraph, row, show
from napari_sam3_assistant.widgets.masks.candidate_table import CandidateTable
from napari_sam3_assistant.widgets.masks.isolation_parts import LayerList, RulesForm
from napari_sam3_assistant.widgets.section import fold, show_fold
from napari_sam3_assistant.widgets.whole import Field

MARKS = (
    ("Keep", Status.KEEP, "An object of its own."),
    ("Reject", Status.REJECT, "Left out of the new layers."),
    ("Mark Duplicate", Status.DUPLICATE, "A copy of another one: left out."),
    ("Mark Parent", Status.PARENT, "An object with others in it."),
    ("Mark Child", Status.CHILD, "An object that lies in another."),
    ("Mark Fragment", Status.FRAGMENT, "A part of another one: left out."),
)
LAYERS = "Labels layers, and Image layers of whole numbers that are not RGB. Ctrl or Shift chooses several."
HARVEST_FIRST = "Press Harvest Masks first."
SELECT_FIRST = "Select rows of the table first."
WAIT = "Wait until what runs is done, or press Cancel."
LOWEST_TABLE_LINES = 7


class IsolationTab(QWidget):
    """Sort out what several masks found twice, whole or in parts."""

    title = "Mask Isolation"

    def __init__(self, verbs: Isolation, state: MaskState, bindings: Bindings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._verbs, self._shared, self._state = verbs, state, verbs.state
        mine = verbs.state
        self.all_visible = QCheckBox("Use all visible Labels layers")
        self.all_visible.setToolTip("All but layers of isolated objects. Untick to choose from a list.")
        bindings.field(mine, "all_visible", self.all_visible.toggled, self.all_visible.setChecked)
        self.refresh = button("Refresh Layers", verbs.refresh, "List the layers anew.")
        self.layers = LayerList(LAYERS)
        self.layers.picked.connect(lambda chosen: setattr(mine, "chosen", chosen))
        self.harvest = button("Harvest Masks", verbs.harvest)
        self.progress = QProgressBar()
        self.progress.setFormat("Harvest progress %p%")
        self.progress.setToolTip("How far the harvest is.")
        self.summary = paragraph(lines=2)
        self.rules = RulesForm(mine, bindings)
        self.opener = fold("Numbers and rules", "What makes a duplicate, a child, a fragment; who gets shared pixels.")
        self.opener.clicked.connect(lambda opened: setattr(mine, "rules_open", opened))
        self.classify = button("Classify Candidates", verbs.classify)
        self._build_table()
        self.right_click = QCheckBox("Enable table right-click actions")
        self.right_click.setToolTip("A right-click on the table offers what these buttons do.")
        bindings.field(mine, "right_click", self.right_click.toggled, self.right_click.setChecked)
        self.name = Field("The name of the layer of isolated objects; a second one is numbered.")
        bindings.field(mine, "output_name", self.name.textChanged, self._write_name)
        self.create = {
            "Create Isolated Objects Layer": verbs.create_objects,
            "Create Parent Layer": verbs.create_parents,
            "Create Child Layer": verbs.create_children,
        }
        self.creators = {title: button(title, verb) for title, verb in self.create.items()}
        self._lay_out()
        for control, name in (
            (self.layers, "Labels layers"),
            (self.progress, "Harvest progress"),
            (self.summary, "Summary"),
            (self.name, "Output layer name"),
        ):
            control.setAccessibleName(name)

    def draw(self) -> None:
        """Show the state."""
        state, idle = self._state, not self._shared.busy
        show(self._list, not state.all_visible)
        self.layers.show_layers(state.items, state.chosen)
        show_fold(self.opener, self.rules, opened=state.rules_open)
        self.rules.draw()
        self.summary.setText(f"Summary: {state.summary}")
        self._draw_progress()
        hint = "No candidate is listed.\nPress Harvest Masks."
        self.table.show_candidates(state.rows, state.turn, hint)
        draw(
            self.harvest, action(idle, "List the connected pieces of all labels of these layers." + self._loss(), WAIT)
        )
        able = idle and self._verbs.harvested
        missing = WAIT if not idle else HARVEST_FIRST
        draw(self.classify, action(able, "Say of each candidate what it is; marks made by hand stay.", missing))
        for title, tip in CREATE_TIPS.items():
            draw(self.creators[title], action(able, tip, missing))
        self._draw_marks()

    def _loss(self) -> str:
        marked = any(row.verdict.by_hand for row in self._state.rows)
        return " Marks made by hand are forgotten." if marked else ""

    def _draw_progress(self) -> None:
        harvesting = self._shared.busy == HARVESTING
        fraction = self._shared.progress if harvesting else float(self._verbs.harvested)
        self.progress.setRange(0, 0 if fraction is None else 100)
        self.progress.setValue(0 if fraction is None else round(100 * fraction))

    def _draw_marks(self) -> None:
        idle, chosen = not self._shared.busy, self.table.selectionModel().hasSelection()
        missing = WAIT if not idle else SELECT_FIRST if self._state.rows else HARVEST_FIRST
        for title, tip in MARK_TIPS.items():
            draw(self.marks[title], action(idle and chosen, tip, missing))

    def _build_table(self) -> None:
        self.table = CandidateTable()
        self.table.setToolTip("Double-click or Enter shows a candidate; Ctrl or Shift selects several.")
        self.table.setMinimumHeight(LOWEST_TABLE_LINES * (self.table.fontMetrics().height() + 8))
        self.table.located.connect(self._verbs.locate)
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._draw_marks())
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.table.customContextMenuRequested.connect(self._ask)
        self.menu = QMenu(self)
        verbs: dict[str, Callable[[], None]] = {title: partial(self._mark, status) for title, status, _ in MARKS}
        verbs["Locate Candidate"] = lambda: self._verbs.locate(self._one())
        verbs["Isolate Selected"] = lambda: self._verbs.isolate(self.table.selected())
        self.marks: dict[str, QPushButton] = {title: button(title, verb) for title, verb in verbs.items()}

    def _mark(self, status: Status) -> None:
        self._verbs.mark(self.table.selected(), status)

    def _one(self) -> int | None:
        """Return the candidate to be located: the one selected last, if it is selected still."""
        selected, current = self.table.selected(), self.table.current()
        return current if current in selected else next(iter(selected), None)

    def _ask(self, place: QPoint) -> None:
        """Open the menu at a place of the table, if that is wanted; nothing waits for the answer."""
        if not self._state.right_click:
            return
        self.menu.clear()
        for title, made in self.marks.items():
            entry = self.menu.addAction(title)
            entry.setEnabled(made.isEnabled())
            entry.triggered.connect(lambda _checked=False, made=made: made.click())
        self.menu.popup(self.table.viewport().mapToGlobal(place))

    def _write_name(self, name: str) -> None:
        if name != self.name.text():  # or the cursor would jump to the end at each letter
            self.name.setText(name)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.setSpacing(4)
        layout.addLayout(row(self.all_visible, self.refresh))
        self._list = QWidget()
        listed = QVBoxLayout(self._list)
        listed.setContentsMargins(0, 0, 0, 0)
        listed.setSpacing(1)
        listed.addWidget(label("Labels layers", self.layers))
        listed.addWidget(self.layers)
        layout.addWidget(self._list)
        layout.addLayout(row(self.harvest, self.progress))
        layout.addWidget(self.summary)
        layout.addWidget(self.opener)
        layout.addWidget(self.rules)
        layout.addWidget(self.classify)
        layout.addWidget(self.table, stretch=1)
        marks = list(self.marks.values())
        for part in (marks[:3], marks[3:6], marks[6:]):
            layout.addLayout(row(*part))
        layout.addWidget(self.right_click)
        layout.addWidget(labelled("Output layer name", self.name))
        first, *others = self.creators.values()
        layout.addWidget(first)
        layout.addLayout(row(*others))


MARK_TIPS = {
    **{title: tip for title, _, tip in MARKS},
    "Locate Candidate": "Bring the candidate that was selected last into the middle of the view.",
    "Isolate Selected": "Make a layer of the selected candidates alone, whatever their status.",
}
CREATE_TIPS = {
    "Create Isolated Objects Layer": "Make a Labels layer of all that is keep, parent or nested_child.",
    "Create Parent Layer": "Make the layer isolated_parent_candidates, of parents in full.",
    "Create Child Layer": "Make the layer isolated_child_candidates, of nested children.",
}
