"""Where prompts lie on a picture, as models take it: ``(x, y)``, in fractions of its width and height; and its size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import ImageError, PromptError, Unsupported
from napari_sam3_assistant.core.geometry import Box, clip
from napari_sam3_assistant.core.prompts import BoxPrompt, PointPrompt


def places_of(
    points: Sequence[PointPrompt], shape: tuple[int, int]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Return places ``(x, y)`` as fractions of the picture, shape (n, 2), and 1 or 0 for each."""
    height, width = shape
    for point in points:
        row, col = point.pixel
        if not (0 <= row < height and 0 <= col < width):
            raise PromptError(
                f"The point at row {row}, column {col} lies outside the image ({height} x {width} px).",
                hint="Delete it and click on the picture itself.",
            )
    places = np.array([(point.col / width, point.row / height) for point in points], np.float32)
    return places.reshape(-1, 2), np.array([point.positive for point in points], np.int64)


def corners_round(prompt: BoxPrompt, shape: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Return the corners of a box round an object; see :func:`corners_of`."""
    if not prompt.positive:
        raise Unsupported("A negative box does not show an object.", hint="Use negative points instead.")
    return corners_of(prompt.box, shape)


def corners_of(box: Box, shape: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Return ``(x0, y0, x1, y1)`` of a box as fractions of a picture of ``shape`` (H, W); cut to the picture.

    Raises
    ------
    PromptError
        If it lies outside.
    """
    inside = clip(box, shape)
    if inside is None:
        raise PromptError("The box lies outside the image.", hint="Draw it on the picture itself.")
    top, left, bottom, right = inside.corners
    return np.array([left / shape[1], top / shape[0], right / shape[1], bottom / shape[0]], np.float32)


def check_shape(shape: tuple[int, int], before: tuple[int, int] | None) -> None:
    """Check that a frame is as large as those before it.

    Raises
    ------
    ImageError
        If it is not.
    """
    if before is not None and shape != before:
        here, there = (" x ".join(map(str, one)) for one in (shape, before))
        raise ImageError(
            f"This frame has {here} px, those before it {there}.", hint="Follow objects through frames of one size."
        )
