"""On which frames of a picture prompts lie: found without looking at the frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.layers.grids import MOST_PIXELS, full_resolution
from napari_sam3_assistant.layers.world import World, between

MOST_SEARCHED = 16 * MOST_PIXELS
"""So many pixels of a painted layer are searched for frames; of a larger one only what is painted since is known."""
Indices = tuple[npt.NDArray[np.intp] | slice, ...]
"""As napari tells what was painted: arrays of indices or, of a block, slices."""


def of_points(layer: Any, image: Any, axis: int, world: World) -> frozenset[int]:
    """Return the positions on an axis of an image at which points of a layer lie."""
    data = np.asarray(layer.data, dtype=float).reshape(-1, layer.ndim)
    return _positions(data, layer, image, axis, world)


def of_shapes(layer: Any, image: Any, axis: int, world: World) -> frozenset[int]:
    """Return the positions on an axis of an image at which shapes of a layer begin."""
    firsts = [np.asarray(one, dtype=float)[0] for one in layer.data]
    return _positions(np.array(firsts).reshape(-1, layer.ndim), layer, image, axis, world)


def of_strokes(strokes: Iterable[Indices], layer: Any, image: Any, axis: int, world: World) -> frozenset[int]:
    """Return the positions on an axis of an image that were painted; strokes are indices into the layer's data."""
    found: set[int] = set()
    along = _along(layer, image, axis, world)
    shape = full_resolution(layer).shape
    for stroke in strokes:
        indices = [
            np.arange(length)[one] if isinstance(one, slice) else np.asarray(one)
            for one, length in zip(stroke, shape, strict=True)
        ]
        if along is None or not all(map(len, indices)):
            continue
        at = np.unique(indices[along])
        places = np.repeat([[float(one[0]) for one in indices]], len(at), axis=0)
        places[:, along] = at
        found |= _positions(places, layer, image, axis, world)
    return frozenset(found)


def of_paint(layer: Any, image: Any, axis: int, world: World) -> frozenset[int] | None:
    """Return the positions on an axis of an image where a labels layer is painted; None where it is too large."""
    data = full_resolution(layer)
    if not isinstance(data, np.ndarray) or isinstance(data, np.memmap) or data.size > MOST_SEARCHED:
        return None
    along = _along(layer, image, axis, world)
    if along is None:
        return frozenset()
    painted = [at for at in range(data.shape[along]) if data.take(at, axis=along).any()]
    places = np.zeros((len(painted), layer.ndim))
    places[:, along] = painted
    return _positions(places, layer, image, axis, world)


def _along(layer: Any, image: Any, axis: int, world: World) -> int | None:
    """Return the axis of a layer that runs along an axis of an image; None where it has none."""
    slope = np.abs(between(layer, image, world)[1].linear[axis])
    return int(slope.argmax()) if len(slope) and slope.max() > 0 else None


def _positions(places: Any, layer: Any, image: Any, axis: int, world: World) -> frozenset[int]:
    """Return where places of a layer lie on an axis of an image, those beside it left out."""
    if not len(places):
        return frozenset()
    at = between(layer, image, world)[1](places)[:, axis]
    shape: Sequence[int] = image.data[0].shape if image.multiscale else image.data.shape
    whole = np.floor(at[np.isfinite(at)] + 0.5)
    return frozenset(int(one) for one in whole if 0 <= one < shape[axis])
