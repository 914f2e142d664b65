"""What is done to the objects of the target that one points at on the canvas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.app.masking import at_once
from napari_sam3_assistant.app.masking.canvas_state import CanvasState
from napari_sam3_assistant.app.masking.cleanup import Cleanup
from napari_sam3_assistant.app.masking.desk import NO_LAYER, Desk
from napari_sam3_assistant.app.masking.tidying import wider
from napari_sam3_assistant.core.errors import AssistantError, PromptError
from napari_sam3_assistant.layers import pointing
from napari_sam3_assistant.layers.pixels import readable_data, writable_data
from napari_sam3_assistant.layers.world import world_of
from napari_sam3_assistant.masks.pointed import Pointed, filled, object_at, objects_inside
from napari_sam3_assistant.masks.scopes import Scope

Array = npt.NDArray[Any]
Index = tuple[int, ...]

MOST_AT_ONCE = 2**21
"""An object in a box of more pixels is looked for by the worker."""
IN_3D = PromptError("Objects cannot be pointed at in 3-D.", hint="Turn to the view of slices first.")
NOTHING = PromptError("No object is selected.", hint="Click on one, or draw round some with Lasso.")


class CanvasVerbs:
    """Select, assign, delete: what lies under a pixel, or inside a line.

    Parameters
    ----------
    desk : Desk
    state : CanvasState
    cleanup : Cleanup
        Whose scope and table it is.
    """

    def __init__(self, desk: Desk, state: CanvasState, cleanup: Cleanup) -> None:
        self._desk, self._state, self._cleanup = desk, state, cleanup

    def index_at(self, position: Sequence[float]) -> Index | None:
        """Return the pixel of the target at a place of the world, None beside it or where it cannot be looked at."""
        layer = self._desk.target()
        if layer is None or self.blind() is not None:
            return None
        return pointing.index_at(self._desk.viewer, layer, position)

    def blind(self) -> AssistantError | None:
        """Return why no object of the target can be pointed at now, or None."""
        layer = self._desk.target()
        if layer is None:
            return NO_LAYER
        try:
            readable_data(layer)
        except AssistantError as error:
            return error
        return None if world_of(self._desk.viewer).flat else IN_3D

    def value_at(self, index: Index) -> int:
        """Return the value of a pixel of the target."""
        layer = self._desk.target()
        return 0 if layer is None else int(layer.data[index])

    def select(self, index: Index | None) -> None:
        """Select the object under a pixel; none where there is background."""
        layer, scope = self._desk.target(), self._reach()
        if layer is None or scope is None:
            return
        found = None if index is None else object_at(layer.data, index, scope.slices, MOST_AT_ONCE)
        self.show(() if found is None else (found,))

    def show(self, objects: tuple[Pointed, ...]) -> None:
        """Select objects, and of those that the table lists, their rows."""
        self._state.selected = objects
        chosen = {(one.component.label, one.component.start) for one in objects}
        rows = [one for one in self._cleanup.state.components if (one.label, one.start) in chosen]
        self._cleanup.select(rows)

    def delete(self, index: Index) -> None:
        """Delete the object under a pixel."""
        value = self.value_at(index)
        if value <= 0:
            self._desk.say("Right-clicked background; no label removed.")
            return
        self._fill(index, 0, "Right-click Delete", f"Removed label value {value} from '{{}}'")

    def assign(self, index: Index | None, value: int) -> None:
        """Give the object under a pixel a value."""
        now = 0 if index is None else self.value_at(index)
        if index is None or now <= 0:
            self._desk.say("There is no object under the pointer; nothing was assigned.")
        elif now == value:
            self._desk.say(f"This object has the value {value} already.")
        else:
            self._fill(index, value, f"Assign {value}", f"Assigned value {value} to an object of '{{}}'")

    def fill_selected(self, value: int) -> None:
        """Give the selected objects a value, 0 to delete them."""
        layer, chosen = self._desk.target(), self._state.selected
        if layer is None or not chosen:
            self._desk.fail(NOTHING)
            return
        title = f"Assign {value}" if value else "Delete Selected Components"
        did = (
            f"Assigned value {value} to {len(chosen)} object(s) of"
            if value
            else f"Deleted {len(chosen)} object(s) from"
        )
        self._desk.edit(
            layer,
            title,
            lambda data, watch: filled(data, chosen, value),
            lambda name: f"{did} '{name}'.",
            pixels=writable_data,
        )

    def select_inside(self, line: Sequence[npt.NDArray[np.float64]]) -> None:
        """Select the objects of which more than half lies inside a line, in world units."""
        layer, scope = self._desk.target(), self._reach()
        if layer is None or scope is None:
            return
        found = None if len(line) < 3 else pointing.inside_line(self._desk.viewer, layer, np.array(line), scope)
        if found is None:
            self._desk.say("Nothing was drawn round; draw a line round objects.")
            return
        block, inside = found

        def done(layer: Any, objects: tuple[Pointed, ...]) -> None:
            self.show(objects)
            self._desk.say(f"{len(objects)} object(s) of '{layer.name}' lie inside.")

        self._desk.read(
            layer,
            "Looking inside...",
            lambda data, watch: objects_inside(data, block, inside),
            done,
            pixels=readable_data,
        )

    def _fill(self, index: Index, value: int, title: str, did: str) -> None:
        """Give the object under a pixel a value: at once, or where it is very large, by the worker."""
        layer, scope = self._desk.target(), self._reach()
        if layer is None or scope is None:
            return
        try:
            data, dtype = writable_data(layer), wider(layer, value)
            found = None if dtype else object_at(data, index, scope.slices, MOST_AT_ONCE)
            edit = None if found is None else filled(data, [found], value)
        except AssistantError as error:
            self._desk.fail(error)
            return
        if found is not None:
            at_once.edit(
                self._desk, layer, edit, title, f"{did.format(layer.name)} ({found.component.area:,} pixel(s))."
            )
            return

        def whole(data: Array) -> Any:
            one = object_at(data, index, scope.slices)
            return None if one is None else filled(data, [one], value)

        self._desk.edit(
            layer,
            title,
            lambda data, watch: whole(data),
            lambda name: f"{did.format(name)}.",
            pixels=writable_data,
            dtype=dtype,
        )

    def _reach(self) -> Scope | None:
        """Return the scope that is set, None where the layer is not seen; the user is told."""
        layer = self._desk.target()
        if layer is None:
            return None
        try:
            return self._cleanup.reach.scope(layer)
        except AssistantError as error:
            self._desk.fail(error)
            return None
