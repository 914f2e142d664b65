"""Labels layers that users edit: which ones can be, and writing into them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Labels

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.layers.pixels import writable_data
from napari_sam3_assistant.layers.world import camera_of, to_world, world_of
from napari_sam3_assistant.masks.edits import Edit

MOST_LIKE_A_BRUSH = 500_000


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


def painted_block(event: Any) -> tuple[slice, ...] | None:
    """Return the block of a layer's data that a stroke has changed, or None where the event does not tell.

    Parameters
    ----------
    event : napari event
        Of ``layer.events.paint``. It is sent before the pixels are set where no mouse is used.
    """
    ends = [_ends(atom) for atom in event.value or ()]
    if not ends or any(one is None for one in ends):
        return None
    known = np.array([one for one in ends if one is not None])
    low, high = known[:, 0].min(axis=0), known[:, 1].max(axis=0)
    return tuple(slice(first, stop) for first, stop in zip(low.tolist(), high.tolist(), strict=True))


def _ends(atom: Any) -> tuple[list[int], list[int]] | None:
    """Return the first index and the one after the last of one step of a stroke, on each axis."""
    key = getattr(atom, "slice_key", None)
    if key is not None:  # a step of a whole box, with a mask
        parts = [part if isinstance(part, slice) else slice(part, part + 1) for part in key]
        return [part.start for part in parts], [part.stop for part in parts]
    places = [np.asarray(at) for at in atom[0]]
    if not all(at.size for at in places):
        return None
    return [int(at.min()) for at in places], [int(at.max()) + 1 for at in places]


def watch(layer: Any, slot: Callable[[Any], None]) -> Callable[[], None]:
    """Call ``slot`` when the pixels of a layer are painted or replaced; return what ends that."""
    for event in (layer.events.paint, layer.events.data):
        event.connect(slot)

    def end() -> None:
        for event in (layer.events.paint, layer.events.data):
            event.disconnect(slot)

    return end


@dataclass(frozen=True, slots=True, eq=False)
class Stroke:
    """An edit ready to be written.

    Attributes
    ----------
    edit : Edit
        What changes.
    pixels : tuple of ndarray, or None
        Where, one array of indices for each axis; None where these are too many.
    """

    edit: Edit
    pixels: tuple[npt.NDArray[np.intp], ...] | None


def stroke_of(edit: Edit) -> Stroke:
    """Return an edit ready to be written; takes long for a large one, and any thread may do it."""
    if edit.changed > MOST_LIKE_A_BRUSH:
        return Stroke(edit, None)
    changed = np.nonzero(edit.before != edit.after)
    return Stroke(edit, tuple(at + block.start for at, block in zip(changed, edit.slices, strict=True)))


def write_stroke(layer: Any, data: npt.NDArray[Any], stroke: Stroke) -> None:
    """Write an edit that was made of ``data`` into its layer, and draw it.

    Raises
    ------
    PromptError
        If the layer was painted or replaced meanwhile where it would be written; then nothing is.

    Notes
    -----
    Pixels are set as a brush sets them, if they are not too many: napari draws these alone, while
    drawing a large layer anew stops the window, and napari's own Ctrl+Z knows of them.
    """
    edit, pixels = stroke.edit, stroke.pixels
    within = tuple(at - block.start for at, block in zip(pixels or (), edit.slices, strict=False))
    by_block = pixels is None or not isinstance(data, np.ndarray)
    now, before = (data[edit.slices], edit.before) if by_block else (data[pixels], edit.before[within])
    if writable_data(layer) is not data or not np.array_equal(now, before):
        raise PromptError(f"{layer.name} was changed meanwhile; it is left as it is.", hint="Press again.")
    if not by_block and layer.visible and layer.loaded:
        try:
            layer.data_setitem(pixels, edit.after[within])
        except Exception:
            data[pixels] = before  # napari sets them, then draws them: what could not be drawn is in no history
            raise
        return
    if by_block:
        edit.write(data)
    else:  # what is not drawn cannot be drawn in part
        data[pixels] = edit.after[within]
    layer.refresh()
    if isinstance(data, np.ndarray):  # the table of accepted objects follows it, too
        layer.events.paint(value=() if by_block else [(pixels, before, edit.after[within])])


def show(viewer: Any, layer: Any, place: tuple[float, ...], label: int) -> None:
    """Bring the slice of a place of a layer, in its data coordinates, on screen, and select a label there."""
    _to_slice(viewer, to_world(layer, world_of(viewer))(place))
    if label != layer.selected_label:
        layer.selected_label = label


def look_at(viewer: Any, layer: Any, place: tuple[float, ...]) -> None:
    """Bring a place of a layer, in its data coordinates, into the middle of the view."""
    world = to_world(layer, world_of(viewer))(place)
    offset = viewer.dims.ndim - len(world)
    _to_slice(viewer, world)
    camera = camera_of(viewer)
    center = list(camera.center)
    for slot, axis in zip(range(-len(viewer.dims.displayed), 0), viewer.dims.displayed, strict=True):
        if axis >= offset:
            center[slot] = world[axis - offset]
    camera.center = tuple(center)


def _to_slice(viewer: Any, world: Any) -> None:
    """Move the sliders to a place, in world units, one an axis of a layer."""
    offset = viewer.dims.ndim - len(world)
    for axis, value in enumerate(world):
        if axis + offset not in viewer.dims.displayed:
            viewer.dims.set_point(axis + offset, float(value))
