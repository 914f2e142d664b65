"""Labels that leave a layer of painted prompts together with their object, and come back with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.layers.grids import grid_of
from napari_sam3_assistant.layers.mask_prompts import paintable
from napari_sam3_assistant.layers.world import World


@dataclass(frozen=True, slots=True, eq=False)
class ErasedLabel:
    """A label that was erased from a layer: where it was, to be painted there again.

    Attributes
    ----------
    layer : str
        Unique id of the layer.
    value : int
    pixels : tuple of ndarray of int
        Its places on each axis of the layer's data.
    shape : tuple of int
        Of the layer's data.
    """

    layer: str
    value: int
    pixels: tuple[npt.NDArray[np.intp], ...]
    shape: tuple[int, ...]


def erase_label(layer: Any, value: int, image: Any, plane: Plane, world: World) -> ErasedLabel | None:
    """Erase a label on a plane of an image and return where it was; None where there is nothing to erase.

    Raises
    ------
    PromptError
        If the layer is tilted against the plane.
    """
    grid = grid_of(layer, image, plane, world) if paintable(layer) else None
    if grid is None:
        return None
    picked: list[int | slice] = [slice(None)] * layer.data.ndim
    for axis, position in grid.index:
        picked[axis] = slice(position, position + 1)
    found = list(np.nonzero(layer.data[tuple(picked)] == value))
    if not len(found[0]):
        return None
    for axis, position in grid.index:
        found[axis] += position
    erased = ErasedLabel(str(layer.unique_id), value, tuple(found), layer.data.shape)
    layer.data[erased.pixels] = 0
    layer.refresh()
    return erased


def write_label(layer: Any, erased: ErasedLabel, *, back: bool) -> None:
    """Paint a label again (``back``) where nothing is painted now, or erase it again where it still is."""
    if not paintable(layer) or layer.data.shape != erased.shape:
        return  # the user gave the layer other data
    before, after = (0, erased.value) if back else (erased.value, 0)
    now = layer.data[erased.pixels]
    layer.data[erased.pixels] = np.where(now == before, after, now)
    layer.refresh()
