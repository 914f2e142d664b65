"""The sub-page ``Values`` of ``Mask Cleanup``: which values a layer has, and others in their place."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from napari_sam3_assistant.app.masking.cleanup_state import VALUES, CleanupState, ValuesState
from napari_sam3_assistant.app.masking.desk import Desk
from napari_sam3_assistant.app.masking.reaching import Reaching
from napari_sam3_assistant.app.masking.state import ScopeState
from napari_sam3_assistant.app.masking.tidying import Operation, Tidying, by_pixel
from napari_sam3_assistant.core.errors import AssistantError, PromptError
from napari_sam3_assistant.core.progress import Watch
from napari_sam3_assistant.layers import labels
from napari_sam3_assistant.layers.pixels import readable_data
from napari_sam3_assistant.masks import values
from napari_sam3_assistant.masks.regions import region_of
from napari_sam3_assistant.masks.scopes import Reach, Scope

EXAMPLE = "Write them as in: 1,2,3,4"
NO_VALUES = PromptError("Enter the values to replace.", hint=EXAMPLE)
NO_ROWS = PromptError("Select value rows first.", hint="Click a row of the table; Ctrl and Shift select several.")
MOST_SAID = 6
SEPARATORS = re.compile(r"[,;\s]+")


class Values:
    """Counts the values while they are looked at, and changes them.

    Parameters
    ----------
    desk : Desk
    reach : Reaching
    tidying : Tidying
    cleanup : CleanupState
        Tells whether this sub-page is looked at.
    scope : ScopeState
    """

    def __init__(self, desk: Desk, reach: Reaching, tidying: Tidying, cleanup: CleanupState, scope: ScopeState) -> None:
        self._desk, self._reach, self._tidying = desk, reach, tidying
        self._cleanup, self._scope = cleanup, scope
        self.state = ValuesState()
        self._work = desk.aside(self._failed)
        self._waits = False
        self._unwatch: Callable[[], None] = lambda: None
        self._listen(True)

    def count(self, *_: Any) -> None:
        """Count the values anew, soon, if anybody looks at them; else when somebody does."""
        self.state.counted = False
        if not self._waits and self._cleanup.page == VALUES:
            self._waits = True
            self._desk.on_main(self._count)

    def relabel(self) -> None:
        """Give the values of the text the new value."""
        try:
            chosen = numbers(self.state.replaced)
        except PromptError as error:
            self._desk.fail(error)
            return
        self.relabel_values(chosen, self.state.new, "Apply Relabel")

    def assign_selected(self) -> None:
        """Give the values of the selected rows the new value."""
        self._with_rows(lambda chosen: self.relabel_values(chosen, self.state.new, "Assign Selected To"))

    def delete_selected(self) -> None:
        """Make the values of the selected rows background."""
        self._with_rows(self.delete_values)

    def keep_selected(self) -> None:
        """Make all values but those of the selected rows background."""
        self._with_rows(self.keep_values)

    def relabel_values(self, chosen: Sequence[int], new: int, title: str = "Relabel Values") -> None:
        """Give these values a new one."""
        operation: Operation = by_pixel(lambda block, watch: values.relabel(block, chosen, new, watch))
        self._tidying.edit(title, operation, lambda name: f"Relabeled {said(chosen)} to {new} in {name}.", value=new)

    def delete_values(self, chosen: Sequence[int]) -> None:
        """Make these values background."""
        self._tidying.edit(
            "Delete Selected Values",
            by_pixel(lambda block, watch: values.delete_values(block, chosen, watch)),
            lambda name: f"Deleted {said(chosen)} from {name}.",
        )

    def keep_values(self, chosen: Sequence[int]) -> None:
        """Make all values but these background."""
        self._tidying.edit(
            "Keep Selected Only",
            by_pixel(lambda block, watch: values.keep_values(block, chosen, watch)),
            lambda name: f"Kept {said(chosen)} only in {name}.",
        )

    def show_row(self, value: int) -> None:
        """Bring the table to the front, and select the row of a value alone."""
        self._cleanup.page, self.state.selected = VALUES, (value,)

    def convert(self) -> None:
        """Give all objects the new value."""
        new = self.state.new
        self._tidying.edit(
            "Convert Non-zero To Class",
            by_pixel(lambda block, watch: values.convert_nonzero(block, new, watch)),
            lambda name: f"Converted all non-zero pixels to {new} in {name}.",
            value=new,
        )

    def close(self) -> None:
        """Let go of the layer, the sliders and what runs."""
        self._work.drop()
        self._unwatch()
        self._listen(False)

    def _with_rows(self, verb: Callable[[tuple[int, ...]], None]) -> None:
        if self.state.selected:
            verb(self.state.selected)
        else:
            self._desk.fail(NO_ROWS)

    def _listen(self, on: bool) -> None:
        desk, scope, cleanup = self._desk, self._scope.events, self._cleanup.events
        signals = (scope.reach, scope.first, scope.last, cleanup.roi, cleanup.shapes, cleanup.page, desk.edited.written)
        for signal in signals:
            if on:
                signal.connect(self.count)
            else:
                signal.disconnect(self.count)
        point, target = desk.viewer.dims.events.point, desk.state.events.target
        if on:
            point.connect(self._moved)
            target.connect(self._other_target)
            self._other_target()
        else:
            point.disconnect(self._moved)
            target.disconnect(self._other_target)

    def _moved(self, event: Any) -> None:
        if self._scope.reach is not Reach.WHOLE and self._cleanup.slices:
            self.count()

    def _other_target(self, identity: str | None = None) -> None:
        self._unwatch()
        self._work.drop()
        layer = self._desk.target()
        self._unwatch = (lambda: None) if layer is None else labels.watch(layer, self.count)
        state = self.state
        state.counts, state.selected, state.counting, state.trouble = (), (), False, ""
        self.count()

    def _count(self) -> None:
        """Count the values on the worker; buttons stay as they are meanwhile."""
        self._waits = False
        layer, state = self._desk.target(), self.state
        if layer is None or self._cleanup.page != VALUES:
            return
        self._work.drop()
        try:
            data, scope = readable_data(layer), self._reach.scope(layer)
        except AssistantError as error:
            self._failed(error)
            return

        def done(found: tuple[tuple[int, int], ...]) -> None:
            state.counts = tuple((value, count) for value, count in found if value)
            here = {value for value, _ in state.counts}
            state.selected = tuple(value for value in state.selected if value in here)
            state.counted, state.counting, state.trouble = True, False, ""

        state.counting = True
        self._work.start(str(layer.unique_id), lambda watch: counted(data, scope, watch), done)

    def _failed(self, error: AssistantError) -> None:
        self.state.counts, self.state.counting, self.state.trouble = (), False, str(error)


def counted(data: Any, scope: Scope, watch: Watch) -> tuple[tuple[int, int], ...]:
    """Return each value of a part of an array, and how many pixels have it."""
    block = scope.block(data)
    if scope.region is not None:
        block = np.ascontiguousarray(block[..., region_of(scope.region, scope.slices)])
    return values.value_counts(block, watch) if block.size else ()


def numbers(text: str) -> tuple[int, ...]:
    """Return the values of a text, separated by commas, semicolons or blanks.

    Raises
    ------
    PromptError
        If there is none, or something else than whole numbers.
    """
    found = []
    for word in filter(None, SEPARATORS.split(text)):
        try:
            found.append(int(word))
        except ValueError:
            raise PromptError(f"Label values must be integers. Invalid value: '{word}'.", hint=EXAMPLE) from None
    if not found:
        raise NO_VALUES
    return tuple(dict.fromkeys(found))


def said(chosen: Sequence[int]) -> str:
    """Return values in words."""
    shown = ", ".join(map(str, chosen[:MOST_SAID]))
    more = f" and {len(chosen) - MOST_SAID} more" if len(chosen) > MOST_SAID else ""
    return f"value {shown}" if len(chosen) == 1 else f"values {shown}{more}"
