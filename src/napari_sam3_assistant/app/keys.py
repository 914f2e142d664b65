"""The keys of the canvas, once: bound to our prompt layers, to the dock, and listed on a sheet.

Keys in a manifest do nothing in napari 0.9; a layer's own keys work while it is selected.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_sam3_assistant.tasks.jobs import Task

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController


EVERYWHERE = frozenset({"points", "boxes", "masks"})
POINTS, BOXES, COPY = frozenset({"points"}), frozenset({"boxes"}), frozenset({"accepted"})
FOLLOWED = frozenset({"followed"})
HOLD = "H"
"""The key that is held for a preview under the pointer."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key and what it does.

    Attributes
    ----------
    keys : str
        As napari writes them: ``"Shift-T"``.
    title : str
        What the sheet says of it.
    verb : callable
        ``verb(controller)``.
    on : frozenset of str
        On which of our layers it is bound: ``points``, ``boxes``, ``masks``, ``accepted`` (the copy in which
        accepted objects are edited), ``followed`` (what was followed through a stack). ``T`` is napari's on shapes, and
        ``Ctrl+Z`` takes back strokes where one paints.
    """

    keys: str
    title: str
    verb: Callable[[AppController], None]
    on: frozenset[str] = EVERYWHERE

    @property
    def shortcut(self) -> str:
        """The keys as Qt writes them: ``"Shift+T"``."""
        return self.keys.replace("-", "+").replace("Control", "Ctrl")


def _next(controller: AppController) -> None:
    """Change what the next box is, or go to the next doubtful frame."""
    if controller.state.task.task is Task.VIDEO:
        controller.glance.walk(1)
    else:
        controller.boxes.toggle_next()


def _flip(controller: AppController) -> None:
    """Change what a box is, or go to the doubtful frame before."""
    if controller.state.task.task is Task.VIDEO:
        controller.glance.walk(-1)
    else:
        controller.boxes.flip()


KEYS = (
    Key("T", "Next point: positive or negative", lambda c: c.live.toggle_next(), POINTS),
    Key("Shift-T", "Flip the selected or latest point", lambda c: c.live.flip(), POINTS),
    Key("J", "Next box: example or counter-example; in 3D/Video the next doubtful frame", _next, EVERYWHERE | FOLLOWED),
    Key(
        "Shift-J",
        "Flip the selected or latest box; in 3D/Video the doubtful frame before",
        _flip,
        EVERYWHERE | FOLLOWED,
    ),
    Key("N", "New object: the next click begins one", lambda c: c.board.begin_object()),
    Key("W", "Next object", lambda c: c.board.walk(1)),
    Key("Shift-W", "Previous object", lambda c: c.board.walk(-1)),
    Key("Q", "Delete the selected object", lambda c: c.board.delete_object()),
    Key("G", "Next reading of the same prompts", lambda c: c.board.next_reading()),
    Key("U", "Run Preview", lambda c: c.run(), EVERYWHERE | FOLLOWED),
    Key("K", "Accept + Clear", lambda c: c.accepting.accept(clear=True)),
    Key("Shift-K", "Accept Only", lambda c: c.accepting.accept(clear=False)),
    Key("M", "While accepted objects are edited: paint a new one", lambda c: c.editing.begin_object(), COPY),
    Key("Control-Z", "Undo", lambda c: c.board.undo(), POINTS | BOXES | COPY | FOLLOWED),
    Key("Control-Shift-Z", "Redo", lambda c: c.board.redo(), POINTS | BOXES | COPY | FOLLOWED),
)
"""Every key that is pressed and let go. ``H`` is held, and is bound by itself."""

MOUSE = (
    ("Click", "A point of the next polarity; on another object: select it"),
    ("Alt+click, Shift+click", "A point of the other polarity"),
    ("Right-click", "A menu: accept, delete, clear, undo; on an object: of it alone"),
    ("Hold H", "Preview under the pointer"),
    ("?", "This list"),
)
"""What the sheet says besides."""


def bind(controller: AppController, layer: Any, kind: str) -> None:
    """Bind the keys on one of our layers; they work while it is selected.

    Parameters
    ----------
    controller : AppController
    layer : napari layer
    kind : {"points", "boxes", "masks", "accepted", "followed"}
    """
    for key in KEYS:
        if kind in key.on:
            layer.bind_key(key.keys, lambda _layer, key=key: key.verb(controller), overwrite=True)
    if kind != "points":
        return

    def hold(_layer: Any) -> Generator[None, None, None]:  # napari knows a key that is held by a generator function
        yield from controller.hover.held()

    layer.bind_key(HOLD, hold, overwrite=True)


def unbind(layer: Any, kind: str) -> None:
    """Give the keys back to napari."""
    for key in KEYS:
        if kind in key.on:
            layer.bind_key(key.keys, None, overwrite=True)
    if kind == "points":
        layer.bind_key(HOLD, None, overwrite=True)
