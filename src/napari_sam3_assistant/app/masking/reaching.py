"""Where Mask Cleanup works: which slices, inside which shapes; and the other layers it can use."""

from __future__ import annotations

import math
from typing import Any

from napari_sam3_assistant.app.masking.cleanup_state import CleanupState
from napari_sam3_assistant.app.masking.desk import Desk
from napari_sam3_assistant.app.masking.state import ScopeState
from napari_sam3_assistant.app.task_state import ImageItem
from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.layers import pixels, scopes
from napari_sam3_assistant.layers.images import image_layers
from napari_sam3_assistant.masks.scopes import Scope

NO_SHAPES = PromptError(
    "Choose the Shapes layer that says where to work.", hint="Draw in one, or choose Full mask under Work on."
)
VOLUME_AXES = 3
NO_IMAGE = PromptError("The source image layer is gone.", hint="Choose another one under Source image layer.")


class Reaching:
    """Keeps right what can be chosen, and reads what was.

    Parameters
    ----------
    desk : Desk
    scope : ScopeState
        The slices, the user's.
    state : CleanupState
        Written here: ``slices``, ``images``, ``drawings``, and what was chosen among these.
    """

    def __init__(self, desk: Desk, scope: ScopeState, state: CleanupState) -> None:
        self._desk, self._scope, self._state = desk, scope, state
        self._listen(True)
        desk.state.events.target.connect(self.look)
        self.look()

    def scope(self, layer: Any) -> Scope:
        """Return what of a layer an operation reaches now.

        Raises
        ------
        PromptError
            If that is nothing, or too much, or no shapes say where.
        """
        chosen, viewer = self._scope, self._desk.viewer
        region = None
        if self._state.roi:
            shapes = self._desk.layer(self._state.shapes)
            if shapes is None:
                raise NO_SHAPES
            region = scopes.region_of(viewer, shapes, layer)
        found = scopes.scope_of(viewer, layer, chosen.reach, chosen.first, chosen.last, region)
        pixels.check_size(layer, math.prod(part.stop - part.start for part in found.slices))
        return found

    def image(self, layer: Any) -> Any | None:
        """Return the array of the chosen image, which has the pixels of a layer; None where none is chosen.

        Raises
        ------
        PromptError
            If it has other pixels.
        """
        if self._state.image is None:
            return None
        image = self._desk.layer(self._state.image)
        if image is None:
            raise NO_IMAGE
        return pixels.same_pixels(self._desk.viewer, image, layer)

    def look(self, event: Any = None) -> None:
        """Write what can be chosen now."""
        state, viewer = self._state, self._desk.viewer
        state.slices = scopes.slices_of(viewer, self._desk.target())
        state.images, state.drawings = _items(image_layers(viewer)), _items(scopes.shapes_layers(viewer))
        if state.image not in [None, *(one.identity for one in state.images)]:
            state.image = None
        known = [one.identity for one in state.drawings]
        if state.shapes not in known:
            state.shapes = known[-1] if known else None

    def close(self) -> None:
        """Let go of the viewer."""
        self._listen(False)
        self._desk.state.events.target.disconnect(self.look)

    def _listen(self, on: bool) -> None:
        events, dims = self._desk.viewer.layers.events, self._desk.viewer.dims.events
        for event in (events.inserted, events.removed, events.reordered, events.renamed, dims.order, dims.ndim):
            if on:
                event.connect(self.look)
            else:
                event.disconnect(self.look)


def where(scope: Scope, shape: tuple[int, ...]) -> str:
    """Return which slices of an array a scope holds, in words; empty where it holds all."""
    told = []
    for axis, (part, length) in enumerate(zip(scope.slices, shape, strict=True)):
        if part.stop - part.start < length:
            last = part.stop - 1
            span = f"slice {last}" if last == part.start else f"slices {part.start} to {last}"
            told.append(f"{span} of axis {axis}" if len(shape) > VOLUME_AXES else span)
    if scope.region is not None:
        told.append("inside the shapes")
    return ", ".join(told)


def _items(layers: list[Any]) -> tuple[ImageItem, ...]:
    return tuple(ImageItem(str(one.unique_id), str(one.name)) for one in layers)
