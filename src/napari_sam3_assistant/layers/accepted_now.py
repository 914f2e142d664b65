"""What is left of accepted objects once a user has painted in their layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.layers.blocks import to_plane
from napari_sam3_assistant.masks.accepting import Accepted

EVENTS = ("paint", "data")
"""What a layer tells when its pixels are others."""


def masks_now(layer: Any, records: Sequence[Accepted]) -> Mapping[int, PlacedMask]:
    """Return the pixels that accepted objects of an ordinary layer have now, by number; of those that have any.

    Parameters
    ----------
    layer : napari Labels layer
        Of accepted labels, that can be painted in.
    records : sequence of Accepted
        Of this layer.
    """
    from scipy.ndimage import find_objects

    found: dict[int, PlacedMask] = {}
    by_plane: dict[Plane, list[Accepted]] = {}
    for one in records:
        by_plane.setdefault(one.plane, []).append(one)
    for plane, own in by_plane.items():
        index = dict(plane.index)
        cut = tuple(slice(index[k], index[k] + 1) if k in index else slice(None) for k in range(layer.ndim))
        labels = to_plane(np.asarray(layer.data[cut]), plane)
        boxes = find_objects(labels, max_label=max(one.id for one in own))
        for one in own:
            box = boxes[one.id - 1]
            if box is not None:
                found[one.id] = PlacedMask(labels[box] == one.id, (box[0].start, box[1].start))
    return found
