"""Which axis of an image layer holds channels, and what of them is seen.

The user may tell. Else the layer does: it is RGB, one of its axes is named like channels - in the
layer, on the viewer's slider, or in the file that it was opened from. A length of 3 tells nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from napari_sam3_assistant.core.errors import ImageError
from napari_sam3_assistant.core.intensity import Limits
from napari_sam3_assistant.core.sources import Mix, Source
from napari_sam3_assistant.export.axes import NOTHING, FileAxes, axes_in
from napari_sam3_assistant.layers.world import World, displayed_axes

NAMES = frozenset({"c", "ch", "chan", "channel", "channels", "color", "colors", "colour", "colours"})
"""What an axis of channels is called, in lower case."""
IN_FILES = NAMES | {"s"}
"""The same in files; TIFF calls the samples of a pixel ``S``."""
UNNAMED = frozenset({"q", "i"})
"""What tifffile calls an axis of which a file says nothing."""
AUTOMATIC = -1


@dataclass(frozen=True, slots=True)
class Told:
    """What the user says of an image.

    Attributes
    ----------
    axis : int
        The channel axis; -1 leaves it to the layer.
    mix : Mix or None
        Channels that are seen as red, green and blue; None sees the one on the slider as grey.
    limits : Limits or None
        What is taken for black and white; None has it estimated.
    """

    axis: int = AUTOMATIC
    mix: Mix | None = None
    limits: Limits | None = None


def typed_names(viewer: Any) -> tuple[str, ...]:
    """Return the names of the viewer's axes that a user gave its sliders; empty strings for those that layers gave."""
    given = {(axis, name) for layer in viewer.layers for axis, name in enumerate(reversed(layer.axis_labels))}
    shown = viewer.dims.axis_labels
    last = len(shown) - 1
    return tuple("" if (last - axis, name) in given else str(name) for axis, name in enumerate(shown))


def file_axes(layer: Any) -> FileAxes:
    """Return what the file that an image layer was opened from says of its axes."""
    path = file_of(layer)
    if path is None or layer.rgb or layer.ndim < 3:
        return NOTHING
    data = layer.data[0] if layer.multiscale else layer.data
    return axes_in(path, tuple(data.shape))


def file_of(layer: Any) -> str | None:
    """Return the local file or folder that a layer was opened from, or None."""
    path = layer.source.path
    return str(path) if path is not None and Path(path).exists() else None


def named_axis(layer: Any, typed: Sequence[str], file: FileAxes) -> int | None:
    """Return the axis of a layer that is named like channels: in the layer, on the slider, or in its file."""
    ndim = layer.ndim
    for names, known in ((layer.axis_labels, NAMES), (_on_sliders(ndim, typed), NAMES), (file.names, IN_FILES)):
        found = [axis for axis, name in enumerate(names) if str(name).strip().lower() in known]
        if len(names) == ndim >= 3 and len(found) == 1:
            return found[0]
    return None


def axis_names(layer: Any, typed: Sequence[str], file: FileAxes) -> tuple[str, ...]:
    """Return the name of each axis of a layer: of the layer, of the slider, or of its file; empty where none tells."""
    ndim = layer.ndim
    in_file = ["" if name in UNNAMED else name for name in file.names]
    told = [names for names in (layer.axis_labels, _on_sliders(ndim, typed), in_file) if len(names) == ndim]
    given = ([str(name).strip() for name in names] for names in zip(*told, strict=True))
    return tuple(next((name for name in names if name[:1].isalpha()), "") for names in given)


def _on_sliders(ndim: int, typed: Sequence[str]) -> tuple[str, ...]:
    return ("",) * (ndim - len(typed)) + tuple(typed)[-ndim:]


def fitted(source: Source, layer: Any, world: World, told: Told) -> Source:
    """Return a source whose channel axis goes with what is on screen.

    One that the layer names and that lies on screen counts as any other axis while it does.

    Raises
    ------
    ImageError
        If the axis that the user told is on screen.
    """
    shown = displayed_axes(layer, world)
    if source.rgb or source.channel_axis not in shown:
        return source
    if told.axis == AUTOMATIC:
        return replace(source, channel_axis=None, mix=None)
    raise ImageError(
        f"{source.name} of shape {source.shape} has axis {told.axis} on screen: it cannot be the channel axis.",
        hint=f"{what_fits([axis for axis in range(layer.ndim) if axis not in shown])} Or roll the axes (below the "
        "layer list) until rows and columns are on screen.",
    )


def check_told(name: str, shape: Sequence[int], rgb: bool, axis: int) -> None:
    """Raise what is wrong with a channel axis that a user tells, whatever is on screen.

    Parameters
    ----------
    name : str
        Of the image.
    shape : sequence of int
        Of its data, colour axis included.
    rgb : bool
        Whether it is shown in colour.
    axis : int

    Raises
    ------
    ImageError
        If the picture has no such axis, or it is another than that of its colours.
    """
    if axis == AUTOMATIC or (rgb and axis == len(shape) - 1):
        return
    if rgb:
        raise ImageError(
            f"{name} of shape {tuple(shape)} is shown in colour: its channel axis is {len(shape) - 1}, not {axis}.",
            hint=f"Set Channel axis to -1 or {len(shape) - 1}.",
        )
    if not 0 <= axis < len(shape):
        raise ImageError(f"{name} has shape {tuple(shape)} and no axis {axis}.", hint=what_fits(range(len(shape) - 2)))
    if len(shape) < 3:
        raise ImageError(f"{name} has shape {tuple(shape)}: rows and columns alone.", hint=what_fits(()))


def what_fits(axes: Sequence[int]) -> str:
    """Return which numbers of a channel axis would do, in a sentence."""
    choices = [f"{axis}" for axis in axes]
    return f"Set Channel axis to {', '.join(choices)}, or to -1 for none." if choices else "Set Channel axis to -1."
