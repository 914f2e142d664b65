"""Crops: an example in a picture of its own, read and brought to the pixels of the image that is searched.

A whole crop is read whole; of a box on a crop image, so much of what is around as tells the example from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import PromptError, TooLargeError
from napari_sam3_assistant.core.geometry import Box, clip
from napari_sam3_assistant.core.intensity import to_rgb
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.prompts import Crop, CropExemplar
from napari_sam3_assistant.core.sources import Source
from napari_sam3_assistant.core.window_rule import MOST_SIDE
from napari_sam3_assistant.core.windows import Window, whole
from napari_sam3_assistant.tasks.image import LimitsOf, limits_on
from napari_sam3_assistant.tasks.view import View

LEAST_SIDE = 4
"""An example is so many pixels high and wide, or more."""
AROUND = 4
"""Round a box on a crop image so many times its longer side is read, ..."""
LEAST_AROUND, MOST_AROUND = 128, 512
"""... but so many pixels at least and, where the box itself is smaller, at most."""
SAME_SIZE = 0.01
"""Pixels whose sizes differ by a smaller share are taken to be as large."""
IN_SHELL = "Give another --exemplar-image, or an --exemplar-box T,L,B,R on it."
CHOOSE = "Choose another crop image, or Box from Shapes layer as its Crop region."


@dataclass(frozen=True, slots=True, eq=False)
class CropPlace(Crop):
    """Where an example lies in a picture of its own.

    Attributes
    ----------
    source : Source
        The picture.
    plane : Plane
        Of it.
    box : Box or None
        Round the example, in pixels of the plane; None for all of it.
    zoom : tuple of float
        Pixels of the image that is searched that a pixel of the crop is high and wide.
    """

    source: Source
    plane: Plane
    box: Box | None = None
    zoom: tuple[float, float] = (1.0, 1.0)


def read_crop(place: CropPlace, view: View, limits_of: LimitsOf) -> CropExemplar:
    """Return an example as engines see it, beside a view of the image that is searched.

    Its intensities are brought to 8 bits by the limits of its own picture.

    Raises
    ------
    PromptError
        If the box lies outside the crop, the example is too small, or larger than what is searched, or the crop
        shows nothing.
    ImageError
        If the crop cannot be read.
    TooLargeError
        If it is too much to read at once.
    """
    shape = place.source.plane_shape(place.plane)
    box = clip(place.box or whole(shape).box, shape)
    if box is None:
        raise PromptError(
            f"The box lies outside the crop image {place.source.name}.", hint="Draw it on the crop image itself."
        )
    factors = view.source.factors(view.plane, view.level)
    zoom = place.zoom[0] / factors[0], place.zoom[1] / factors[1]
    room = view.read_window.shape
    _check_size(place.source.name, (box.size[0] * zoom[0], box.size[1] * zoom[1]), room)
    window = whole(shape) if place.box is None else _around(box, zoom, shape, max(room))
    level = _level(place, zoom)
    pixels = _pixels(place, window, level, limits_of)
    if pixels.min() == pixels.max():
        raise PromptError(f"The crop image {place.source.name} shows one value only.", hint=CHOOSE, in_shell=IN_SHELL)
    step = np.array(place.source.factors(place.plane, level))
    wanted = np.maximum(np.round(pixels.shape[:2] * step * np.array(zoom)), 1).astype(int)
    picture = resampled(pixels, (int(wanted[0]), int(wanted[1])))
    offset = np.array(place.source.window_at(place.plane, window, level).offset) * step
    ratio = np.array(picture.shape[:2]) / pixels.shape[:2] / step
    low, high = ((np.array(corner) - offset) * ratio for corner in (box.corners[:2], box.corners[2:]))
    return CropExemplar(picture, Box(*map(float, (*low, *high))))


def _check_size(name: str, size: tuple[float, float], room: tuple[int, int]) -> None:
    """Check that an example, in pixels of what is searched, is neither too small nor too large to be in it."""
    said = f"{size[0]:.0f} x {size[1]:.0f} px"
    if min(size) < LEAST_SIDE - 0.5:
        raise PromptError(
            f"The example in {name} is {said} of the target image: too small to compare anything with.",
            hint=f"Choose one of {LEAST_SIDE} x {LEAST_SIDE} px or more, and check the scale of both layers.",
        )
    if max(size) > max(room):
        raise PromptError(
            f"The example in {name} is {said}, larger than what is searched of the target image, "
            f"{room[0]} x {room[1]} px.",
            hint=CHOOSE,
            in_shell=IN_SHELL,
        )


def _around(box: Box, zoom: tuple[float, float], shape: tuple[int, int], room: int) -> Window:
    """Return the part of a crop image that holds a box and what is around it."""
    longest = max(box.size[0] * zoom[0], box.size[1] * zoom[1])
    side = max(min(max(AROUND * longest, LEAST_AROUND), MOST_AROUND, room), longest)
    edges = []
    for low, high, factor, length in zip(box.corners[:2], box.corners[2:], zoom, shape, strict=True):
        long = min(max(round(side / factor), int(np.ceil(high) - np.floor(low))), length)
        first = min(max(int((low + high - long) // 2), 0), length - long)
        edges.append((min(first, int(np.floor(low))), max(first + long, int(np.ceil(high)))))
    (top, bottom), (left, right) = edges
    return Window(top, left, bottom, right)


def _level(place: CropPlace, zoom: tuple[float, float]) -> int:
    """Return the coarsest level of a crop image whose pixels are no larger than those of what is searched."""
    level = 0
    for candidate in range(1, len(place.source.levels)):
        rows, cols = place.source.factors(place.plane, candidate)
        if rows * zoom[0] <= 1 and cols * zoom[1] <= 1:
            level = candidate
    return level


def _pixels(place: CropPlace, window: Window, level: int, limits_of: LimitsOf) -> npt.NDArray[np.uint8]:
    view = View(place.source, place.plane, window, level)
    height, width = view.read_window.shape
    if height * width > MOST_SIDE**2:
        raise TooLargeError(
            f"{height:,} x {width:,} px of {place.source.name} are too many to read at once.",
            hint=CHOOSE,
            in_shell=IN_SHELL,
        )
    return to_rgb(view.read(), limits_on(view, limits_of))


def resampled(picture: npt.NDArray[np.uint8], shape: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Return an RGB picture in another size, smoothed before where it becomes smaller."""
    if all(abs(new / old - 1) < SAME_SIZE for new, old in zip(shape, picture.shape, strict=False)):
        return picture
    from scipy import ndimage

    ratios = [new / old for new, old in zip(shape, picture.shape, strict=False)]
    blur = [max((1 / ratio - 1) / 2, 0.0) for ratio in ratios]
    smooth = ndimage.gaussian_filter(picture.astype(np.float32), (*blur, 0), mode="nearest")
    rows, cols = ((np.arange(new) + 0.5) / ratio - 0.5 for new, ratio in zip(shape, ratios, strict=True))
    places = np.meshgrid(rows, cols, indexing="ij")
    planes: list[npt.NDArray[Any]] = [
        ndimage.map_coordinates(smooth[..., channel], places, order=1, mode="nearest") for channel in range(3)
    ]
    return np.stack(planes, axis=-1).round().clip(0, 255).astype(np.uint8)
