"""The tab ``Object Review``: layers, or the objects of one, gone through one by one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from napari_sam3_assistant.app.masking.desk import Desk
from napari_sam3_assistant.app.masking.review_keys import ReviewKeys
from napari_sam3_assistant.app.masking.review_layers import ReviewedLayers
from napari_sam3_assistant.app.masking.review_objects import ReviewedObjects
from napari_sam3_assistant.app.masking.review_state import (
    LAYERS,
    OBJECTS,
    STATUS_WORDS,
    ReviewRow,
    ReviewState,
    marked,
    passing,
    summary,
)
from napari_sam3_assistant.core.errors import AssistantError, PromptError
from napari_sam3_assistant.layers.marks import REJECTED, UNREVIEWED, Mark

REVIEW = "Object Review"
FILTERS = ("status_filter", "class_filter", "text_filter", "include_final")
NO_ROWS = PromptError("No row is selected.", hint="Select rows of the table, or press Next unreviewed.")


class Review:
    """Verbs of the tab.

    Parameters
    ----------
    desk : Desk
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.state = ReviewState()
        self._rows: dict[str, ReviewRow] = {}
        self._source: ReviewedLayers | ReviewedObjects = ReviewedLayers(desk)
        self._keys = ReviewKeys(self)
        self._unwatch: Callable[[], None] = lambda: None
        self._due = False
        for name in FILTERS:
            getattr(self.state.events, name).connect(self._filter)
        self.state.events.auto_hide.connect(self._auto_hide)
        desk.state.events.busy.connect(self._idle)
        desk.state.events.tab.connect(self._tab_changed)
        desk.state.events.layers.connect(self._layers_changed)
        desk.edited.written.connect(self._edited)
        desk.edited.painted.connect(self._edited)

    # -- what is reviewed -------------------------------------------------------------------------

    def choose(self, kind: str, layer: str | None = None) -> None:
        """Review the layers, or the objects of the layer with a unique id."""
        self._source.close()
        known = [one.identity for one in self._desk.state.layers]
        chosen = layer or self.state.layer or self._desk.state.target
        self.state.layer = chosen if chosen in known else next(iter(known), None)
        self.state.kind = kind
        by_objects = kind == OBJECTS and self.state.layer is not None
        self._source = ReviewedObjects(self._desk, self.state.layer or "") if by_objects else ReviewedLayers(self._desk)
        self._unwatch()
        self._unwatch = self._source.watch(self._replaced)
        self._show(())
        self.refresh()

    def refresh(self) -> None:
        """List and count anew."""
        if self.state.kind == OBJECTS and self.state.layer is None:
            self._show(())
            return
        self._due = bool(self._desk.state.busy)  # then nothing is counted now
        source = self._source
        source.load(lambda rows: self._show(rows) if source is self._source else None)

    def close(self) -> None:
        """Let go of the layers; what is hidden by colour is shown again."""
        self._keys.unbind()
        self._unwatch()
        self._source.close()
        self._desk.state.events.busy.disconnect(self._idle)
        self._desk.state.events.tab.disconnect(self._tab_changed)
        self._desk.state.events.layers.disconnect(self._layers_changed)

    # -- decisions --------------------------------------------------------------------------------

    def mark(self, status: str) -> None:
        """Give the selected rows a status."""
        rows = self._chosen()
        if rows and self._mark({row.key: replace(row.mark, status=status) for row in rows}):
            self._desk.say(f"{STATUS_WORDS[status]}: {_what(rows, self._source.of_layers)}.")

    def judge(self, status: str) -> None:
        """Give the selected row a status, or where it has it already take that back; then go on to the next."""
        rows = self._chosen()
        if not rows:
            return
        again = all(row.mark.status == status for row in rows)
        self.mark(UNREVIEWED if again else status)
        if self.state.go_on and not again and not self._desk.state.failed:
            self.walk(1)

    def assign_class(self) -> None:
        """Give the selected rows the name and value of a class."""
        rows, name = self._chosen(), self.state.class_name.strip()
        if not rows:
            return
        if not name:
            self._desk.fail(PromptError("The class has no name.", hint="Type one under Class."))
            return
        value = self.state.class_value
        if self._mark({row.key: replace(row.mark, class_name=name, class_value=value) for row in rows}):
            self._desk.say(f"Class {name} ({value}): {_what(rows, self._source.of_layers)}.")

    def walk(self, by: int) -> None:
        """Select the next row that is unreviewed (1), or the one before the selected one (-1), and show it."""
        rows = list(self.state.rows)
        if not rows:
            self._desk.say("There is nothing to review here.")
            return
        at = next((k for k, row in enumerate(rows) if row.key in self.state.selected), None)
        if by < 0:
            found: ReviewRow | None = rows[(0 if at is None else at) - 1] if at != 0 else None
        else:
            begin = 0 if at is None else at + 1
            found = next((row for row in rows[begin:] + rows[:begin] if row.mark.status == UNREVIEWED), None)
        if found is None:
            self._desk.say("All rows are reviewed." if by > 0 else "This is the first row.")
            return
        self.state.selected = (found.key,)
        self.locate()

    # -- what is seen -----------------------------------------------------------------------------

    def locate(self, row: ReviewRow | None = None) -> None:
        """Show a row on the canvas, by default the first selected one."""
        rows = [row] if row is not None else self._chosen()
        if rows:
            self._source.locate(rows[0])

    def show_only_selected(self) -> None:
        """Hide all rows but the selected ones."""
        rows = self._chosen()
        if rows:
            kept = {row.key for row in rows}
            self._hide(self._rows.keys() - kept, kept)

    def hide_rejected(self) -> None:
        """Hide the rejected rows."""
        self._hide(self._rejected(), set())

    def show_all(self) -> None:
        """Show all rows."""
        self._hide(set(), set(self._rows))

    # -- removal ----------------------------------------------------------------------------------

    def delete_layers(self) -> None:
        """Remove the selected layers from the viewer."""
        rows = self._chosen()
        if rows and self._source.of_layers:
            count = self._source.delete([row.key for row in rows])
            self._desk.say(f"Deleted {count} layer(s).")
            self.refresh()

    def delete_rejected(self) -> None:
        """Make the rejected objects of the layer background, in one edit."""
        keys = self._rejected()
        if self._source.of_layers or not keys:
            self._desk.say("No object is rejected.")
            return
        self._source.delete(keys)

    # -- inside -----------------------------------------------------------------------------------

    def bound_layers(self) -> list[Any]:
        """Return the layers on which the keys work now: none while another tab is seen."""
        return self._source.bound(tuple(self._rows.values())) if self._desk.state.tab == REVIEW else []

    def _chosen(self) -> list[ReviewRow]:
        rows = [self._rows[key] for key in self.state.selected if key in self._rows]
        if not rows:
            self._desk.fail(NO_ROWS)
        return rows

    def _mark(self, given: dict[str, Mark]) -> bool:
        """Write marks; return whether that went well."""
        try:
            self._source.mark(given)
        except AssistantError as error:
            self._desk.fail(error)
            return False
        were = {key for key in given if self._rows[key].mark.status == REJECTED}
        made = {key: marked(self._rows[key], mark, of_layer=self._source.of_layers) for key, mark in given.items()}
        self._rows |= made
        self._filter()
        now = {key for key, row in made.items() if row.mark.status == REJECTED}
        if self.state.auto_hide and were != now and self._source.quick_to_hide:
            self._hide(self._rejected(), were - now)
        return True

    def _rejected(self) -> set[str]:
        return {key for key, row in self._rows.items() if row.mark.status == REJECTED}

    def _hide(self, hidden: set[str], shown: set[str]) -> None:
        try:
            self._source.hide(hidden, shown)
        except AssistantError as error:
            self._desk.fail(error)
            return
        self.state.hidden = bool(hidden)

    def _show(self, rows: tuple[ReviewRow, ...]) -> None:
        self._rows = {row.key: row for row in rows}
        self.state.selected = tuple(key for key in self.state.selected if key in self._rows)
        self.state.listing = self._listing()
        self._filter()
        self._keys.bind()

    def _filter(self, _value: object = None) -> None:
        """Write which rows pass; the same ones stay the same tuple, so that the table stays as it is."""
        shown = passing(self._rows.values(), self.state)
        self.state.rows = shown
        self.state.summary = summary(self._rows.values())

    def _listing(self) -> str:
        if not self._desk.state.layers:
            return "There is no Labels layer.\nOpen one, or accept objects."
        if self.state.kind == OBJECTS and not self._rows:
            return "There is no object in this layer.\nChoose another one, or press Refresh."
        return "No row passes the filters."

    def _auto_hide(self, on: bool) -> None:
        if on:
            self.hide_rejected()
        else:
            self._hide(set(), self._rejected())

    def _tab_changed(self, tab: str) -> None:
        self._keys.unbind()
        if tab == REVIEW:
            self.refresh()
            self._keys.bind()

    def _idle(self, busy: str) -> None:
        if self._due and not busy:
            self._due = False
            self._desk.on_main(self.refresh)

    def _layers_changed(self, _layers: object) -> None:
        known = {one.identity for one in self._desk.state.layers}
        if self.state.kind == OBJECTS and self.state.layer not in known:
            self.choose(LAYERS)
        elif self._desk.state.tab == REVIEW and (self.state.kind == LAYERS or self._source.renamed(self.state.rows)):
            self.refresh()

    def _replaced(self, _event: object) -> None:
        """Count anew once the pixels of the layer are another array; another tab counts when this one is seen again."""
        if self._desk.state.tab == REVIEW:
            self._desk.on_main(self.refresh)

    def _edited(self, layer: Any, edit: Any) -> None:
        source = self._source
        if isinstance(source, ReviewedObjects) and str(layer.unique_id) == source.identity:
            rows = source.changed(edit)
            if rows is None:
                self._desk.on_main(self.refresh)
            else:
                self._show(rows)


def _what(rows: list[ReviewRow], of_layers: bool) -> str:
    if len(rows) > 1:
        return f"{len(rows)} {'layers' if of_layers else 'objects'}"
    return rows[0].layer if of_layers else f"object {rows[0].value} of {rows[0].layer}"
