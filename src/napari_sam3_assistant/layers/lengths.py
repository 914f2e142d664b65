"""How large the pixels of a layer are, in lengths."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.export.places import Place
from napari_sam3_assistant.layers.world import World, to_world


def place_of(layer: Any, plane: Plane, world: World) -> Place:
    """Return the size of a pixel of an image layer on a plane, with the units of the layer.

    A turned or mirrored layer has pixels as large as one that is not.
    """
    last = layer.ndim - 1
    axes = min(plane.row_axis, last), min(plane.col_axis, last)
    linear = to_world(layer, world).linear
    ratios = np.array([np.linalg.norm(linear[:, axis]) for axis in axes])
    units = layer.units if world.units is None or len(world.units) < layer.ndim else world.units[-layer.ndim :]
    return Place(scale=tuple(map(float, ratios)), units=tuple(str(units[axis]) for axis in axes))
