"""The mouse on the points layer: a modifier turns the next point, a right-click asks for a menu."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam3_assistant.layers import prompts, world

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController

OTHER_POLARITY = frozenset({"Alt", "Shift"})
"""Held with a click: a point of the other polarity. Some window managers take one of them for themselves."""
RIGHT = 2
STILL_PX = 5
"""A right-click that has moved further than this was meant to zoom."""


class Pointer:
    """Follows presses on the points layer; napari sets the point when the button is let go."""

    def __init__(self, controller: AppController) -> None:
        self._controller = controller
        self.right = False
        """Whether the press that goes on is one of the right button: it sets no point."""

    def watch(self, layer: Any) -> None:
        """Follow presses on a layer."""
        layer.mouse_drag_callbacks.append(self._pressed)

    def unwatch(self, layer: Any) -> None:
        """Follow them no longer."""
        if self._pressed in layer.mouse_drag_callbacks:
            layer.mouse_drag_callbacks.remove(self._pressed)

    def _pressed(self, layer: Any, event: Any) -> Generator[None, None, None]:
        if event.button == RIGHT:
            yield from self._asks_for_menu(event)
        elif str(layer.mode) == "add" and OTHER_POLARITY & {str(key.name) for key in event.modifiers}:
            positive = prompts.next_polarity(layer)
            prompts.set_next_polarity(layer, not positive)
            yield
            while event.type == "mouse_move":
                yield
            self._controller.on_main(lambda: prompts.set_next_polarity(layer, positive))

    def _asks_for_menu(self, event: Any) -> Generator[None, None, None]:
        self.right, began = True, np.asarray(event.pos)
        yield
        while event.type == "mouse_move":
            yield
        still = float(np.linalg.norm(np.asarray(event.pos) - began)) <= STILL_PX
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
