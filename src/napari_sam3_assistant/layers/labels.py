"""Labels layers that users edit: which ones can be, and writing into them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Labels

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.masks.edits import Edit


def labels_layers(viewer: Any) -> list[Any]:
    """Return the Labels layers of a viewer, the lowest first."""
    return [layer for layer in viewer.layers if isinstance(layer, Labels)]


def editable_data(layer: Any) -> npt.NDArray[Any]:
    """Return the array of a Labels layer, to be read anywhere and written on the GUI thread.

    Raises
    ------
    PromptError
        If it is multiscale, or not in memory.
    """
    if layer.multiscale:
        raise PromptError(
            f"{layer.name} is multiscale and cannot be edited.", hint="Duplicate its full resolution as a new layer."
        )
    if not isinstance(layer.data, np.ndarray):
        raise PromptError(
            f"{layer.name} is not in memory and cannot be edited.", hint="Load it: layer.data = np.asarray(layer.data)."
        )
    return layer.data


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
