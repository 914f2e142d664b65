"""The mouse on the points layer: a modifier turns the next point, a right-click asks for a menu."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.layers import prompts, world

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController

OTHER_POLARITY = frozenset({"Alt", "Shift"})
"""Held with a click: a point of the other polarity. Some window managers take one of them for themselves."""
RIGHT = 2
STILL_PX = 5
"""A click that has moved further than this was meant to move or zoom the view."""
LOOK_S = 0.5
"""So often the table of features is looked at while the pointer moves."""
HIDDEN = "The layer {} is hidden: a click sets no point."
SHOW = "Press its eye in the layer list, or Create Prompt Layer."


class Pointer:
    """Follows presses on the points layer; napari sets the point when the button is let go."""

    def __init__(self, controller: AppController) -> None:
        self._controller = controller
        self.right = False
        """Whether the press that goes on is one of the right button: it sets no point."""
        self.clicking = False
        """Whether one of the left button goes on."""
        self._looked = 0.0

    def watch(self, layer: Any) -> None:
        """Follow presses on a layer, and those that it does not hear of because it is hidden."""
        for callbacks, callback in self._follows(layer):
            callbacks.append(callback)

    def unwatch(self, layer: Any) -> None:
        """Follow them no longer."""
        for callbacks, callback in self._follows(layer):
            if callback in callbacks:
                callbacks.remove(callback)

    def _follows(self, layer: Any) -> tuple[tuple[list[Any], Any], ...]:
        viewer = self._controller.viewer
        return (
            (layer.mouse_drag_callbacks, self._pressed),
            (viewer.mouse_drag_callbacks, self._pressed_anywhere),
            (viewer.mouse_move_callbacks, self._moved),
        )

    def _moved(self, viewer: Any, event: Any) -> None:
        """Look at the table now and then: napari's table of features writes into it, and tells nobody."""
        now = time.monotonic()
        if now - self._looked > LOOK_S:
            self._looked = now
            self._controller.live.look_at_table()

    def takes_back(self) -> bool:
        """Take a new point back that is no prompt, and return whether it is none.

        So it is with a point of a right-click, one set in 3D, and one on another object than its own: that is selected.
        """
        live, here = self._controller.live, self._controller.here()
        layer, record = live.layer, live.record
        if layer is None or here is None or record is None or len(layer.data) != len(record.data) + 1:
            return False
        if self.right:
            live.take_back()
            return True
        if self.clicking and not here.world.flat:
            live.take_back()
            self._controller.on_main(self._say_solid)
            return True
        found = prompts.newest_point(layer, here.layer, here.plane, here.world)
        if found is None or found[0] != prompts.next_object(layer):
            return False
        board = self._controller.board
        board.absorb()
        id, point = found
        seen = board.draft.stands_on(id, point.row, point.col)
        if seen is None:
            return False
        live.take_back()
        board.select(seen.id)
        self._controller.status.idle(f"Object {seen.id} selected: the next point corrects it.")
        return True

    def _pressed(self, layer: Any, event: Any) -> Generator[None, None, None]:
        if event.button == RIGHT:
            yield from self._asks_for_menu(event)
        elif str(layer.mode) == "add":
            self.clicking = True
            other = bool(OTHER_POLARITY & {str(key.name) for key in event.modifiers})
            positive = prompts.next_polarity(layer)
            if other:
                prompts.set_next_polarity(layer, not positive)
            yield
            while event.type == "mouse_move":
                yield
            self._controller.on_main(lambda: self._clicked(layer, positive if other else None))

    def _clicked(self, layer: Any, positive: bool | None) -> None:
        self.clicking = False
        if positive is not None:
            prompts.set_next_polarity(layer, positive)

    def _pressed_anywhere(self, viewer: Any, event: Any) -> Generator[None, None, None]:
        """Say why a click sets no point where the layer is hidden: napari then moves the view, and says nothing."""
        layer, active = self._controller.live.layer, viewer.layers.selection.active
        if layer is None or active is None or active != layer or layer.visible or event.button == RIGHT:
            return
        began = np.asarray(event.pos)
        yield
        while event.type == "mouse_move":
            yield
        if _still(began, event):
            self._controller.on_main(lambda: self._say(HIDDEN.format(layer.name), SHOW))

    def _say_solid(self) -> None:
        self._say("The view is 3D: a click sets no point.", "Go back to 2D (the second button below the layer list).")

    def _say(self, message: str, hint: str) -> None:
        if not self._controller.closed:
            self._controller.status.fail(PromptError(message, hint=hint))

    def _asks_for_menu(self, event: Any) -> Generator[None, None, None]:
        self.right, began = True, np.asarray(event.pos)
        yield
        while event.type == "mouse_move":
            yield
        still = _still(began, event)
        position = tuple(event.position)
        self._controller.on_main(lambda: self._let_go(position, still))

    def _let_go(self, position: tuple[float, ...], still: bool) -> None:
        self.right = False
        if still:
            self._controller.menu_asked.emit(self._object_at(position))

    def _object_at(self, position: tuple[float, ...]) -> int | None:
        here = self._controller.here()
        pixel = None if here is None else world.pixel_at(here.layer, here.plane, here.world, position)
        if pixel is None:
            return None
        self._controller.board.absorb()
        seen = self._controller.board.draft.under(*pixel)
        return None if seen is None else seen.id


def _still(began: npt.NDArray[np.float64], event: Any) -> bool:
    """Return whether the pointer has stayed where it was pressed."""
    return float(np.linalg.norm(np.asarray(event.pos) - began)) <= STILL_PX
