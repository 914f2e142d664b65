"""A smaller copy of a large picture, made when it is first read: what an engine looks at."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from napari_sam3_assistant.tasks.view import LEAST_SIDE


class Coarser:
    """A level of a pyramid, made by averaging areas; sliced like an array.

    Parameters
    ----------
    pixels : ndarray of shape (H, W, 3), uint8
        The picture.
    shape : tuple of int
        Height and width of the level.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, pixels: npt.NDArray[np.uint8], shape: tuple[int, int]) -> None:
        self.shape = (*shape, 3)
        self._pixels: npt.NDArray[np.uint8] = pixels
        self._made: npt.NDArray[np.uint8] | None = None
        self._lock = threading.Lock()

    @property
    def nbytes(self) -> int:
        """Memory that the level takes once it is made, in bytes."""
        return int(np.prod(self.shape))

    def __getitem__(self, part: Any) -> npt.NDArray[np.uint8]:
        with self._lock:
            if self._made is None:
                height, width = self.shape[:2]
                averaged = Image.fromarray(self._pixels).resize((width, height), Image.Resampling.BOX)
                self._made = np.asarray(averaged)
            taken: npt.NDArray[np.uint8] = self._made[part]
        return taken


def coarser(pixels: npt.NDArray[np.uint8]) -> tuple[Coarser, ...]:
    """Return the smaller copy of a picture, none if it is not twice as long as an engine needs."""
    height, width = pixels.shape[:2]
    longer = max(height, width)
    if longer <= 2 * LEAST_SIDE:
        return ()
    return (Coarser(pixels, (max(height * LEAST_SIDE // longer, 1), max(width * LEAST_SIDE // longer, 1))),)
