"""The menu of a right-click on the canvas: which entries, and what each does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_sam3_assistant.app.masking.canvas import CanvasTools

NUMBERS = range(1, 7)


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the menu: a verb, or more entries."""

    title: str
    verb: Callable[[], object] | None = None
    entries: tuple[Entry, ...] = ()


def entries_at(tools: CanvasTools, index: tuple[int, ...]) -> tuple[tuple[Entry, ...], ...]:
    """Return the entries in groups, for a right-click on a pixel; none on background."""
    verbs, value, new = tools.verbs, tools.verbs.value_at(index), tools.cleanup.state.assignment
    if value <= 0:
        return ()
    table = tools.cleanup.values
    values = (
        Entry(f"Relabel clicked value {value} to {new}", lambda: table.relabel_values((value,), new)),
        Entry(f"Delete clicked value {value}", lambda: table.delete_values((value,))),
        Entry(f"Keep value {value} only", lambda: table.keep_values((value,))),
        Entry("Select value row only", lambda: table.show_row(value)),
    )
    numbers = tuple(Entry(str(one), partial(verbs.assign, index, one)) for one in NUMBERS)
    components = (
        Entry(f"Assign indexed component to {new}", lambda: verbs.assign(index, new)),
        Entry("Assign clicked object to", entries=numbers),
        Entry("Delete indexed component", lambda: verbs.delete(index)),
        Entry("Select table row only", lambda: verbs.select(index)),
    )
    return values, components
