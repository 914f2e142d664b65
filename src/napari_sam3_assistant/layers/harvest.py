"""Layers that masks are harvested from, the pixels that they share, and the layers of isolated objects.

Labels layers are harvested, and Image layers of whole numbers or booleans that are not RGB: a
mask opened as a picture is one. Of a multiscale layer it is the full resolution.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image, Labels

from napari_sam3_assistant.core.affine import Affine, probe
from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.layers.blocks import colormap
from napari_sam3_assistant.layers.grids import SAME_PX, full_resolution
from napari_sam3_assistant.layers.names import ROLE
from napari_sam3_assistant.layers.world import World, between, geometry_at, world_of
from napari_sam3_assistant.masks.label_layers import LabelLayer

OURS = "isolated_"
"""How the roles of layers begin that were made here."""
GEOMETRY = ("scale", "translate", "rotate", "shear", "affine")


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """The pixels that harvested layers share, as values: it stays when the layers go.

    Attributes
    ----------
    geometry : mapping
        Of a layer whose first pixel is the first of the grid, as napari's layers take it.
    to_world : Affine
        From indices of the grid to world coordinates.
    """

    geometry: Mapping[str, Any]
    to_world: Affine

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.to_world.offset)

    @property
    def units(self) -> tuple[Any, ...]:
        """Unit of each axis."""
        return tuple(self.geometry["units"])

    def data_to_world(self, place: Sequence[float]) -> npt.NDArray[np.float64]:
        """Return the world coordinates of a place of the grid, in pixels: a frame is looked at like a layer."""
        return self.to_world(place)


def harvestable(viewer: Any) -> list[Any]:
    """Return the layers of a viewer that masks can be harvested from, the lowest first."""
    return [layer for layer in viewer.layers if isinstance(layer, Labels) or _is_mask(layer)]


def visible_labels(viewer: Any) -> list[Any]:
    """Return the visible Labels layers, the lowest first, without those of isolated objects."""
    return [
        layer
        for layer in viewer.layers
        if isinstance(layer, Labels) and layer.visible and not str(layer.metadata.get(ROLE, "")).startswith(OURS)
    ]


def placed(viewer: Any, layers: Sequence[Any]) -> tuple[LabelLayer, ...]:
    """Return layers as labels on the pixels of the first one; their offsets are taken to the nearest pixel.

    Raises
    ------
    PromptError
        If a layer has other axes, pixels of another size, is rotated against the first, or holds no whole numbers.
    """
    world = world_of(viewer)
    return tuple(_placed(layer, layers[0], world) for layer in layers)


def frame_of(layer: Any, corner: Sequence[int]) -> Frame:
    """Return the frame of a grid on the pixels of ``layer`` whose first pixel is the one with index ``corner``."""
    whole = probe(layer.data_to_world, layer.ndim)
    return Frame(geometry_at(layer, corner), Affine(whole.linear, whole(corner)))


def add_isolated(
    viewer: Any, labels: npt.NDArray[Any], frame: Frame, name: str, role: str, facts: Mapping[str, Any]
) -> Any:
    """Add a Labels layer of isolated objects and return it; a second one of a name is numbered.

    Parameters
    ----------
    viewer : napari viewer
    labels : ndarray of uint16 or uint32
        On the grid.
    frame : Frame
        Of the grid.
    name, role : str
        The layer's name, and its ``sam3_role``.
    facts : mapping
        What else stands in its metadata.
    """
    taken, free, number = {str(layer.name) for layer in viewer.layers}, name, 2
    while free in taken:
        free, number = f"{name} {number}", number + 1
    metadata = {ROLE: role, "created_from": "Mask Operations", **facts}
    return viewer.add_layer(Labels(labels, name=free, metadata=metadata, colormap=colormap(), **frame.geometry))


class Seen:
    """Notes which of some layers have been painted, moved, replaced or removed since.

    Parameters
    ----------
    layers : sequence of napari layers
    told : callable
        Called when one more has changed.
    """

    def __init__(self, layers: Sequence[Any], told: Callable[[], None]) -> None:
        self.changed: dict[str, str] = {}
        """What has become of layers, by their name."""
        self._told = told
        self._names = {str(layer.unique_id): str(layer.name) for layer in layers}
        self._ends: list[Callable[[], None]] = []
        for layer in layers:
            brush = ("paint",) if isinstance(layer, Labels) else ()
            for event in ("data", *brush, *GEOMETRY):
                self._watch(getattr(layer.events, event))

    def note(self, layer: Any, what: str) -> None:
        """Note what has become of a layer, if it is one of these."""
        name = self._names.get(str(layer.unique_id))
        if name is not None and self.changed.get(name) != what:
            self.changed[name] = what
            self._told()

    def close(self) -> None:
        """Watch no longer."""
        while self._ends:
            self._ends.pop()()

    def _watch(self, event: Any) -> None:
        event.connect(self._changed)
        self._ends.append(lambda: event.disconnect(self._changed))

    def _changed(self, event: Any) -> None:
        self.note(event.source, "changed")


def _is_mask(layer: Any) -> bool:
    return isinstance(layer, Image) and not layer.rgb and np.dtype(layer.dtype).kind in "biu"


def _placed(layer: Any, first: Any, world: World) -> LabelLayer:
    if not isinstance(layer, Labels) and not _is_mask(layer):
        what = "an RGB image" if getattr(layer, "rgb", False) else f"of {layer.dtype}"
        raise PromptError(
            f"{layer.name} is {what}: it holds no labels.",
            hint="Choose Labels layers, or Image layers of whole numbers that are not RGB.",
        )
    if layer.ndim != first.ndim:
        raise PromptError(
            f"{layer.name} has {layer.ndim} axes, {first.name} has {first.ndim}.",
            hint="Choose layers with the same number of axes.",
        )
    pixels = full_resolution(layer)
    onto = between(layer, first, world)[1]
    if np.abs(onto.linear - np.eye(layer.ndim)).max() * max(pixels.shape) > SAME_PX:
        raise PromptError(
            f"{layer.name} has pixels of another size than {first.name}, or is rotated against it.",
            hint="Choose layers with equal pixels, or leave this one out.",
        )
    offset = tuple(int(step) for step in np.floor(onto.offset + 0.5))
    return LabelLayer(str(layer.unique_id), str(layer.name), pixels, offset)
