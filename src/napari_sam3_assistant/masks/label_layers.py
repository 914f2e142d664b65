"""Labels that lie on one grid of pixels: where each lies, the grid that holds them all, and reading them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import ImageError, PromptError, TooLargeError
from napari_sam3_assistant.core.progress import UNWATCHED, Watch

Labels = npt.NDArray[Any]

MOST_PIXELS = 2**30
MOST_RUNS = 2**23
MOST_GRID = 2**62
READ_BYTES = 2**26
"""So much of an array that is not in memory is read at once."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelLayer:
    """Labels, and where they lie.

    Attributes
    ----------
    identity, name : str
        Of the layer.
    pixels : array of integer or bool
        In memory, or read where it is sliced.
    offset : tuple of int
        Index of its first pixel, on the pixels that all layers share.
    """

    identity: str
    name: str
    pixels: Any
    offset: tuple[int, ...]


def grid_of(layers: Sequence[LabelLayer]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the first index, and the shape, of the block that holds all layers.

    Raises
    ------
    PromptError
        If there is no layer, or one has another number of axes.
    TooLargeError
        If they lie too far apart.
    """
    if not layers:
        raise PromptError("Select at least one Labels layer.", hint="Choose it in the list, or make one visible.")
    axes = len(layers[0].offset)
    for layer in layers:
        if len(layer.offset) != axes:
            raise PromptError(
                f"{layer.name} has {len(layer.offset)} axes, {layers[0].name} has {axes}.",
                hint="Choose layers with the same number of axes.",
            )
    low = np.min([layer.offset for layer in layers], axis=0)
    high = np.max([np.add(layer.offset, layer.pixels.shape) for layer in layers], axis=0)
    shape = tuple(int(length) for length in high - low)
    if math.prod(shape) > MOST_GRID:
        raise TooLargeError("The layers lie too far apart.", hint="Choose layers that lie closer together.")
    return tuple(int(index) for index in low), shape


def read(layer: LabelLayer, watch: Watch = UNWATCHED) -> Labels:
    """Return the pixels of a layer in memory, read part by part where they are not there.

    Raises
    ------
    TooLargeError
        If there are too many, or they change so often that they are a picture, not a mask.
    ImageError
        If they cannot be read.
    """
    pixels = layer.pixels
    if math.prod(pixels.shape) > MOST_PIXELS:
        raise TooLargeError(
            f"{layer.name} is too large to be harvested as a whole ({' x '.join(map(str, pixels.shape))} pixels).",
            hint="Add the part that matters as a layer of its own.",
        )
    found = pixels if isinstance(pixels, np.ndarray) else _fetched(layer, watch)
    _check_plain(layer.name, found)
    return found


def _fetched(layer: LabelLayer, watch: Watch) -> Labels:
    pixels = layer.pixels
    out = np.empty(pixels.shape, pixels.dtype)
    step = max(1, READ_BYTES * pixels.shape[0] // max(out.nbytes, 1))
    for at in range(0, pixels.shape[0], step):
        watch.at(None)
        try:
            out[at : at + step] = np.asarray(pixels[at : at + step])
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise ImageError(f"{layer.name} could not be read: {error}.", hint="See whether its file is there.") from (
                error
            )
    return out


def _check_plain(name: str, pixels: Labels) -> None:
    """Raise where values change so often that they are a picture, not a mask."""
    flat = pixels.reshape(-1) if pixels.flags.c_contiguous else np.ascontiguousarray(pixels).reshape(-1)
    changes, step = math.prod(pixels.shape[:-1]), 2**24
    for at in range(0, flat.size - 1, step):
        part = flat[at : at + step + 1]
        changes += int(np.count_nonzero(part[1:] != part[:-1]))
    if changes > MOST_RUNS:
        raise TooLargeError(
            f"{name} changes its value {changes:,} times: it looks like a picture, not like a mask.",
            hint="Choose layers that hold labels, or a smaller part of it.",
        )
