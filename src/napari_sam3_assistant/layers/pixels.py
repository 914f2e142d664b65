"""The pixels of Labels layers: where they are kept, how large they are in the world, and images of the same pixels."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.affine import probe
from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.layers.world import between, world_of
from napari_sam3_assistant.masks.measures import Sizes

MOST_LAZY_PIXELS = 2**28
"""So many pixels of an array that is not in memory are read at once."""
PIXEL = "pixel"
SAME_PX = 0.05
"""How far apart two layers may be at their corners and still have the same pixels."""


def readable_data(layer: Any) -> Any:
    """Return the array of a Labels layer, to be read by slices anywhere: one in memory, or one of zarr.

    Raises
    ------
    PromptError
        If it is multiscale, or of another kind.
    """
    if layer.multiscale:
        raise PromptError(
            f"{layer.name} is multiscale and cannot be cleaned.", hint="Add its full resolution as a layer of its own."
        )
    if not isinstance(layer.data, np.ndarray) and not is_zarr(layer.data):
        raise PromptError(
            f"{layer.name} is not in memory and cannot be cleaned.",
            hint="Load it, if it fits: layer.data = np.asarray(layer.data) in napari's console.",
        )
    return layer.data


def writable_data(layer: Any) -> Any:
    """Return the array of a Labels layer, to be read anywhere and written on the GUI thread.

    Raises
    ------
    PromptError
        If it is multiscale, neither in memory nor of zarr, or may not be written to.
    """
    data = readable_data(layer)
    if data.read_only if is_zarr(data) else not data.flags.writeable:
        raise PromptError(f"{layer.name} is read-only and cannot be changed.", hint="Duplicate it and use the copy.")
    return data


def check_size(layer: Any, pixels: int) -> None:
    """Raise where more of a layer would be read at once than fits.

    Raises
    ------
    PromptError
        If its pixels are not in memory, and these are very many.
    """
    lazy = not isinstance(layer.data, np.ndarray) or isinstance(layer.data, np.memmap)
    if lazy and pixels > MOST_LAZY_PIXELS:
        raise PromptError(
            f"{layer.name} is read from a file, and {pixels:,} pixels are too many at once.",
            hint="Choose Current slice or Z range.",
        )


def is_zarr(data: Any) -> bool:
    """Return whether an array is one of zarr; where zarr was never loaded there is none."""
    zarr = sys.modules.get("zarr")
    return zarr is not None and isinstance(data, zarr.Array)


def widen(layer: Any, before: npt.NDArray[Any], data: npt.NDArray[Any]) -> None:
    """Give a Labels layer a copy of its pixels in a wider type; nothing else of it changes.

    Raises
    ------
    PromptError
        If the layer's pixels are not those the copy was made of any more; then nothing is changed.
    """
    if layer.data is not before or not np.array_equal(before, data):
        raise PromptError(f"{layer.name} was changed meanwhile; it is left as it is.", hint="Press again.")
    layer.data = data


def sizes_of(layer: Any) -> Sizes:
    """Return how large the pixels of a layer are in the world, along the axes of its data.

    All lengths are in the unit of its last axis; where its units do not go together they have none.
    """
    linear = probe(layer.data_to_world, layer.ndim).linear
    steps = np.linalg.norm(linear, axis=0)
    units = tuple(layer.units)
    last = units[-1]
    try:
        factors = [1.0 if unit == last else float((1 * unit).to(last).magnitude) for unit in units]
    except (ValueError, TypeError, AttributeError):
        return Sizes(tuple(float(step) for step in steps))
    shown = "" if str(last) == PIXEL else f"{last:~}"
    return Sizes(tuple(float(step * factor) for step, factor in zip(steps, factors, strict=True)), shown)


def same_pixels(viewer: Any, image: Any, layer: Any) -> Any:
    """Return the array of an image that has the same pixels as a Labels layer; colours are its last axis.

    Raises
    ------
    PromptError
        If it has other pixels, or lies elsewhere.
    """
    data = image.data[0] if image.multiscale else image.data
    shape = tuple(data.shape[:-1] if image.rgb else data.shape)
    if shape != tuple(layer.data.shape):
        raise PromptError(
            f"{image.name} has {_times(shape)} pixels and {layer.name} {_times(layer.data.shape)}.",
            hint="Choose an image of the same pixels.",
        )
    corners = np.array([[0.0] * layer.ndim, [length - 1.0 for length in layer.data.shape]])
    if np.abs(between(layer, image, world_of(viewer))[1](corners) - corners).max() > SAME_PX:
        raise PromptError(
            f"{image.name} and {layer.name} lie in different places, or are scaled differently.",
            hint="Choose an image of the same pixels.",
        )
    return data


def _times(shape: Any) -> str:
    return " x ".join(map(str, shape))
