"""One assistant a viewer, shared by its widgets and ended with the last of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from napari_sam3_assistant.app import runtime
from napari_sam3_assistant.app.controller import AppController, OnMain
from napari_sam3_assistant.app.state import AppState


@dataclass(eq=False)
class Assistant:
    """The state of a viewer and the controllers that change it."""

    state: AppState
    controller: AppController
    users: int = 0


_assistants: dict[Any, Assistant] = {}


def acquire(viewer: Any, on_main: OnMain, state: AppState | None = None) -> Assistant:
    """Return the assistant of a viewer, made for the first widget that asks.

    Parameters
    ----------
    viewer : napari viewer
    on_main : callable
        Runs a function on the GUI thread, soon; callable from any thread.
    state : AppState or None
        To begin with, where the assistant is made.
    """
    found = _assistants.get(viewer)
    if found is None:
        state = state or AppState()
        found = Assistant(state, AppController(viewer, state, runtime.acquire(), on_main))
        _assistants[viewer] = found
    found.users += 1
    return found


def release(viewer: Any) -> None:
    """Let go of a viewer's assistant; the last widget ends it."""
    found = _assistants.get(viewer)
    if found is None:
        return
    found.users -= 1
    if found.users == 0:
        del _assistants[viewer]
        found.controller.close()
        runtime.release()
