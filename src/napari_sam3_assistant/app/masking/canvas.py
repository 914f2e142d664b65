"""What the mouse and the keys do on the canvas, on the target of Mask Operations.

A tool works while the target is selected in the layer list and neither painted nor drawn in. Nothing of it is left
on a layer when the tool is off, another layer is the target, or the dock closes.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from psygnal import Signal

from napari_sam3_assistant.app.masking.canvas_entries import NUMBERS, entries_at
from napari_sam3_assistant.app.masking.canvas_state import CanvasState
from napari_sam3_assistant.app.masking.canvas_verbs import CanvasVerbs
from napari_sam3_assistant.app.masking.cleanup import Cleanup
from napari_sam3_assistant.app.masking.desk import Desk
from napari_sam3_assistant.app.masking.review import Review
from napari_sam3_assistant.app.masking.strokes import Strokes
from napari_sam3_assistant.layers import bound

LEFT, RIGHT = 1, 2
STILL_PX = 5
"""A press that has moved further than this was meant to move or zoom the view."""
PICK = "pick"
QUIET = frozenset({PICK, "pan_zoom"})
"""Modes of a Labels layer in which nothing is painted."""


@dataclass(slots=True, eq=False)
class _Line:
    """The line that is drawn: in world units, and in pixels of the canvas."""

    places: list[npt.NDArray[np.float64]] = field(default_factory=list)
    seen: list[tuple[float, float]] = field(default_factory=list)

    def go(self, event: Any) -> None:
        """Draw on to where the pointer is."""
        self.places.append(np.asarray(event.position, dtype=float))
        self.seen.append((float(event.pos[0]), float(event.pos[1])))


class CanvasTools:
    """Tools of the canvas.

    Parameters
    ----------
    desk : Desk
    cleanup : Cleanup
        Whose scope holds here too.
    review : Review
    """

    menu_asked = Signal(object)
    """Emitted with the entries of a menu, in groups."""
    line_changed = Signal(object)
    """Emitted with the places of the line that is drawn, ``(x, y)`` in pixels of the canvas; none when it is gone."""

    def __init__(self, desk: Desk, cleanup: Cleanup, review: Review) -> None:
        self._desk, self.cleanup = desk, cleanup
        self.state = CanvasState()
        self.verbs = CanvasVerbs(desk, self.state, cleanup)
        self.strokes = Strokes(desk)
        self._ends: list[Callable[[], None]] = []
        self._line: _Line | None = None
        self._was: tuple[str, str] | None = None
        """The target when tools were armed, and its mode before."""
        for event in (self.state.events.right_click_delete, self.state.events.assign, self.state.events.lasso):
            event.connect(self._look)
        self.state.events.right_click_delete.connect(self._tell)
        desk.state.events.target.connect(self._target_changed)
        desk.edited.written.connect(self._written)
        self._target_changed()

    def close(self) -> None:
        """Let go of all layers."""
        self._unbind()
        self._restore_mode()
        self.strokes.close()
        self._desk.state.events.target.disconnect(self._target_changed)

    def assign_under_pointer(self, value: int) -> None:
        """Give the object under the pointer a value."""
        if not self._told_blind():
            self.verbs.assign(self.verbs.index_at(self._desk.viewer.cursor.position), value)

    def escape(self) -> None:
        """Take away the line that is drawn; where there is none, end the lasso."""
        if self._line is None:
            self.state.lasso = False
        self._drop_line()

    def _target_changed(self, _target: str | None = None) -> None:
        self.state.selected = ()
        self._restore_mode()
        self._look()

    def _look(self, _on: bool = False) -> None:
        """Bind what the tools that are on need, and nothing else."""
        self._unbind()
        layer = self._desk.target()
        if layer is None:
            return
        self._ends.append(bound.bind_mouse(layer, self._pressed))
        keys: dict[str, Callable[[], object]] = {}
        if self.state.assign:
            keys |= {str(one): partial(self.assign_under_pointer, one) for one in NUMBERS}
        if self.state.lasso:
            keys |= {"Escape": self.escape, "Delete": lambda: self.verbs.fill_selected(0)}
        if keys:
            self._ends.append(bound.bind_keys(layer, keys))
        if not self.state.armed:
            self._restore_mode()
        elif self._was is None:
            self._arm(layer)

    def _arm(self, layer: Any) -> None:
        """Select the target, in a mode in which a click neither paints nor moves the view."""
        self._was = str(layer.unique_id), str(layer.mode)
        self._desk.viewer.layers.selection.active = layer
        layer.mode = PICK

    def _tell(self, armed: bool) -> None:
        layer = self._desk.target()
        if armed and layer is not None:
            self._desk.say(f"Right-click delete armed for '{layer.name}'.")

    def _restore_mode(self) -> None:
        if self._was is None:
            return
        (identity, mode), self._was = self._was, None
        layer = self._desk.layer(identity)
        if layer is not None and str(layer.mode) == PICK:
            layer.mode = mode

    def _unbind(self) -> None:
        self._drop_line()
        while self._ends:
            self._ends.pop()()

    def _pressed(self, layer: Any, event: Any) -> Generator[None, None, None]:
        if str(layer.mode) not in QUIET or event.button not in (LEFT, RIGHT):
            return
        began, place, button = np.asarray(event.pos), tuple(event.position), int(event.button)
        drawing = self.state.lasso and button == LEFT
        if drawing:
            self._line = _Line()
            self._line.go(event)
        line, still = self._line, True
        yield
        while event.type == "mouse_move":
            still = still and float(np.linalg.norm(np.asarray(event.pos) - began)) <= STILL_PX
            if drawing and line is not None and line is self._line:
                line.go(event)
                self.line_changed.emit(tuple(line.seen))
            yield
        still = still and float(np.linalg.norm(np.asarray(event.pos) - began)) <= STILL_PX
        # After the press: what it does may bind other callbacks, and napari is still going through those there are.
        if drawing and line is not None and not still:
            line.go(event)
            self._desk.on_main(lambda: self._drawn(line))
        elif still:
            self._desk.on_main(lambda: self._clicked(place, button))

    def _drawn(self, line: _Line | None) -> None:
        if line is not None and line is self._line:
            self._drop_line()
            if not self._told_blind():
                self.verbs.select_inside(line.places)

    def _told_blind(self) -> bool:
        """Say why no object can be pointed at, if so; return whether that is so."""
        error = self.verbs.blind()
        if error is not None:
            self._desk.fail(error)
        return error is not None

    def _drop_line(self) -> None:
        if self._line is not None:
            self._line = None
            self.line_changed.emit(())

    def _clicked(self, place: tuple[float, ...], button: int) -> None:
        self._drop_line()
        state, index = self.state, self.verbs.index_at(place)
        armed = state.right_click_delete if button == RIGHT else state.assign
        if armed and self._told_blind():
            return
        if button == RIGHT and state.right_click_delete:
            self._desk.say("Right-clicked background; no label removed.") if index is None else self.verbs.delete(index)
        elif button == RIGHT:
            entries = () if index is None else entries_at(self, index)
            if entries:
                self.menu_asked.emit(entries)
        elif state.assign:
            self.verbs.assign(index, self.cleanup.state.assignment)
        else:
            self.verbs.select(index)

    def _written(self, layer: Any, edit: Any) -> None:
        if str(layer.unique_id) == self._desk.state.target:
            self.state.selected = ()
