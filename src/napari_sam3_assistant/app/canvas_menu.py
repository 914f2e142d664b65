"""The menu of a right-click in the canvas: which entries, and what each does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_sam3_assistant.app.availability import availability
from napari_sam3_assistant.app.state import AppState

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the menu.

    Attributes
    ----------
    title : str
        What it is called, and how one finds it: the same whatever it is about.
    about : str
        What it would be done to, such as ``object 3``; may be empty.
    enabled : bool
        Whether it can be chosen.
    verb : callable
        ``verb(controller)``.
    keys : str
        The key that does the same, as Qt writes it; empty where none does just that.
    """

    title: str
    about: str
    enabled: bool
    verb: Callable[[AppController], object]
    keys: str = ""

    @property
    def text(self) -> str:
        """What stands in the menu."""
        return f"{self.title} ({self.about})" if self.about else self.title


def canvas_menu(state: AppState, id: int | None) -> tuple[tuple[Entry, ...], ...]:
    """Return the entries in groups, for a right-click on object ``id``, or beside all objects (None).

    On an object, what is accepted or deleted is that object alone; beside them it is all objects,
    and the selected one.
    """
    can, objects = availability(state), state.results.objects
    ids = (id,) if id is not None and id in objects else None
    about = f"object {id}" if ids else f"all {len(objects)} objects" if len(objects) > 1 else ""
    new = objects[ids[0]].status != "accepted" if ids else can.results.accept_only.enabled
    gone = ids[0] if ids else state.results.selected
    accept = (
        Entry(
            "Accept + Clear",
            about,
            can.results.accept_clear.enabled,
            lambda c: c.accepting.accept(clear=True, ids=ids),
            "" if ids else "K",
        ),
        Entry("Accept Only", about, new, lambda c: c.accepting.accept(clear=False, ids=ids), "" if ids else "Shift+K"),
    )
    change = (
        Entry("New Object", "", can.objects.begin.enabled, lambda c: c.board.begin_object(), "N"),
        Entry(
            "Delete Object",
            "" if gone is None else f"object {gone}",
            gone is not None,
            lambda c: c.board.delete_object(gone),
            "" if ids else "Q",
        ),
    )
    clear = (
        Entry("Clear Prompt", "", can.prompt.reset.enabled, lambda c: c.clearing.prompts_here()),
        Entry("Undo Last Accept", "", can.results.undo_accept.enabled, lambda c: c.accepting.undo_last()),
    )
    edit = Entry(can.results.edit_text, "", can.results.edit.enabled, lambda c: c.editing.press())
    return accept, change, (clear if not can.results.edit_text else (*clear, edit))
