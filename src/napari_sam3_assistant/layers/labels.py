"""Labels layers that users edit: which ones can be, and writing into them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Labels

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.masks.edits import Edit


def labels_layers(viewer: Any) -> list[Any]:
    """Return the Labels layers of a viewer, the lowest first."""
    return [layer for layer in viewer.layers if isinstance(layer, Labels)]


def data_in_memory(layer: Any) -> npt.NDArray[Any]:
    """Return the array of a Labels layer, to be read anywhere.

    Raises
    ------
    PromptError
        If it is multiscale, or not in memory.
    """
    if layer.multiscale:
        raise PromptError(
            f"{layer.name} is multiscale and cannot be cleaned.", hint="Add its full resolution as a layer of its own."
        )
    if not isinstance(layer.data, np.ndarray):
        raise PromptError(
            f"{layer.name} is not in memory and cannot be cleaned.",
            hint="Load it, if it fits: layer.data = np.asarray(layer.data) in napari's console.",
        )
    return layer.data


def editable_data(layer: Any) -> npt.NDArray[Any]:
    """Return the array of a Labels layer, to be read anywhere and written on the GUI thread.

    Raises
    ------
    PromptError
        If it is multiscale, not in memory, or may not be written to.
    """
    data = data_in_memory(layer)
    if not data.flags.writeable:
        raise PromptError(f"{layer.name} is read-only and cannot be changed.", hint="Duplicate it and use the copy.")
    return data


def watch(layer: Any, slot: Callable[[Any], None]) -> Callable[[], None]:
    """Call ``slot`` when the pixels of a layer are painted or replaced; return what ends that."""
    for event in (layer.events.paint, layer.events.data):
        event.connect(slot)

    def end() -> None:
        for event in (layer.events.paint, layer.events.data):
            event.disconnect(slot)

    return end


def write_edit(layer: Any, edit: Edit) -> None:
    """Write the changed block of a layer and draw it."""
    edit.write(editable_data(layer))
    layer.refresh()


def look_at(viewer: Any, layer: Any, place: tuple[float, ...]) -> None:
    """Bring a place of a layer, in its data coordinates, into the middle of the view."""
    world = layer.data_to_world(place)
    offset = viewer.dims.ndim - len(world)
    for axis, value in enumerate(world):
        if axis + offset not in viewer.dims.displayed:
            viewer.dims.set_point(axis + offset, value)
    center = list(viewer.camera.center)
    for slot, axis in zip(range(-len(viewer.dims.displayed), 0), viewer.dims.displayed, strict=True):
        if axis >= offset:
            center[slot] = world[axis - offset]
    viewer.camera.center = tuple(center)
