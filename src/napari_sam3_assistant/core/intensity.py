"""Limits of intensity, and 8-bit RGB from any picture.

Limits are fixed for a picture, so that a window shows the same grey as the whole plane and
a frame the same as its neighbour.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import EngineError, ImageError

PERCENTILES = (0.1, 99.9)
FRAMES = 16
TILES = 64
TILE_SIDE = 256
FAR = 1e38
"""Limits beyond this are too far apart for single precision."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What is shown as black and as white.

    Attributes
    ----------
    low, high : tuple of float
        One value for all channels, or one for each. ``high`` may equal ``low``: the picture is constant.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.low) != len(self.high) or not self.low:
            raise ImageError("Limits need as many lower as upper values.", hint="Reset the contrast limits.")
        if not all(np.isfinite(self.low + self.high)) or any(b < a for a, b in zip(self.low, self.high, strict=True)):
            raise ImageError(f"Limits {self.low} to {self.high} are not in order.", hint="Reset the contrast limits.")


def fixed_limits(dtype: np.dtype[Any]) -> Limits | None:
    """Return the limits of data that are taken as they are (bool and uint8), else None."""
    if dtype == np.bool_:
        return Limits((0.0,), (1.0,))
    if dtype == np.uint8:
        return Limits((0.0,), (255.0,))
    return None


def limits_of(samples: Sequence[npt.NDArray[Any]], *, color: bool = False) -> Limits:
    """Return the 0.1 and 99.9 percentiles of the finite values of ``samples``.

    Parameters
    ----------
    samples : sequence of ndarray
        Tiles or planes; with ``color`` the last axis holds channels, each with limits of its own
        (alpha, the fourth, is left out).
    color : bool
        Whether the samples have a channel axis.

    Returns
    -------
    Limits
        ``(0, 0)`` for data without a finite value.
    """
    channels = min(samples[0].shape[-1], 3) if color else 1
    low, high = [], []
    for channel in range(channels):
        values = np.concatenate([np.ravel(s[..., channel] if color else s) for s in samples])
        if values.dtype.kind == "f":
            values = values[np.isfinite(values)].astype(np.float64)
        a, b = _percentiles(values) if values.size else (0.0, 0.0)
        if a == b and values.size:  # a few bright pixels on a constant ground are not the ground
            a, b = float(values.min()), float(values.max())
        low.append(float(a))
        high.append(float(b))
    return Limits(tuple(low), tuple(high))


def _percentiles(values: npt.NDArray[Any]) -> tuple[float, float]:
    with np.errstate(over="ignore", invalid="ignore"):
        low, high = np.percentile(values, PERCENTILES)
        if not np.isfinite(low + high):  # numbers so far apart that their difference is none
            low, high = np.percentile(values / 4, PERCENTILES) * 4
    return float(low), float(high)


def sample_tiles(shape: tuple[int, int]) -> list[tuple[int, int, int, int]]:
    """Return the rectangles ``(top, left, bottom, right)`` from which limits are estimated, in pixels.

    The whole plane where it is no larger than all tiles together; else :data:`TILES` tiles at
    places that are the same on every call.
    """
    height, width = shape
    if height * width <= TILES * TILE_SIDE**2:
        return [(0, 0, height, width)]
    h, w = min(TILE_SIDE, height), min(TILE_SIDE, width)
    random = np.random.default_rng(0)
    rows, cols = random.integers(0, height - h + 1, TILES), random.integers(0, width - w + 1, TILES)
    return [(int(r), int(c), int(r) + h, int(c) + w) for r, c in zip(rows, cols, strict=True)]


def to_rgb(array: npt.NDArray[Any], limits: Limits) -> npt.NDArray[np.uint8]:
    """Return 8-bit RGB of a picture.

    Parameters
    ----------
    array : ndarray of shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)
        Any real data type. NaN becomes black, plus infinity white, minus infinity black.
    limits : Limits
        Values at and below ``low`` become 0, those at and above ``high`` 255.

    Returns
    -------
    ndarray of shape (H, W, 3), uint8, C-contiguous

    Raises
    ------
    ImageError
        If the shape is none of these or the numbers are complex.
    """
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise ImageError(
            f"Expected a grey, RGB or RGBA picture, not shape {array.shape}.", hint="Choose one plane of it."
        )
    if np.issubdtype(array.dtype, np.complexfloating):
        raise ImageError("The picture holds complex numbers.", hint="Take their magnitude first: np.abs(data).")
    planes = [array] if array.ndim == 2 else [array[..., channel] for channel in range(3)]
    out = np.empty((*array.shape[:2], 3), np.uint8)
    for channel, plane in enumerate(planes):
        k = min(channel, len(limits.low) - 1)
        out[..., channel] = _to_uint8(plane, limits.low[k], limits.high[k])
    if len(planes) == 1:
        out[..., 1] = out[..., 0]
        out[..., 2] = out[..., 0]
    return out


def _to_uint8(plane: npt.NDArray[Any], low: float, high: float) -> npt.NDArray[np.uint8]:
    if plane.dtype == np.uint8 and (low, high) == (0.0, 255.0):
        return plane
    if plane.dtype == np.bool_:
        return plane.astype(np.uint8) * np.uint8(255)
    if high <= low:
        return np.zeros(plane.shape, np.uint8)
    if plane.dtype.kind in "iu" and plane.dtype.itemsize <= 2:
        return _through_table(plane, low, high)
    narrow = plane.dtype.itemsize <= 4 and plane.dtype.kind == "f" and max(abs(low), abs(high)) < FAR
    values = np.nan_to_num(plane.astype(np.float32 if narrow else np.float64), nan=low, posinf=high, neginf=low)
    if not math.isfinite(high - low):
        values, low, high = values / 2, low / 2, high / 2
    shown: npt.NDArray[np.uint8] = (np.clip((values - low) / (high - low), 0, 1) * 255 + 0.5).astype(np.uint8)
    return shown


def _through_table(plane: npt.NDArray[Any], low: float, high: float) -> npt.NDArray[np.uint8]:
    info = np.iinfo(plane.dtype)
    values = np.arange(info.min, info.max + 1, dtype=np.float64)
    table = (np.clip((values - low) / (high - low), 0, 1) * 255 + 0.5).astype(np.uint8)
    index = plane if info.min == 0 else plane.astype(np.int32) - info.min
    shown: npt.NDArray[np.uint8] = table[index]
    return shown


def estimate(
    read: Callable[[int, tuple[int, int, int, int]], npt.NDArray[Any]],
    frames: int,
    shape: tuple[int, int],
    *,
    color: bool,
) -> Limits:
    """Return limits from at most :data:`FRAMES` frames of a picture.

    Parameters
    ----------
    read : callable
        ``read(frame, (top, left, bottom, right))`` returns pixels.
    frames : int
        How many frames there are; those looked at are spread over them, first and last included.
    shape : tuple of int
        Height and width of a frame, in pixels.
    color : bool
        Whether pixels come with a channel axis.

    Raises
    ------
    ImageError
        If none of it can be read. Where some can, they serve for all.
    """
    looked_at = sorted({int(k) for k in np.linspace(0, frames - 1, min(frames, FRAMES)).round()})
    places = sample_tiles(shape)
    # However many frames there are, about as many values are looked at.
    if len(places) == 1:
        step = max(1, math.isqrt(math.ceil(shape[0] * shape[1] * len(looked_at) / (TILES * TILE_SIDE**2))))
        chosen = [(frame, places[0]) for frame in looked_at]
    else:
        step, chosen = 1, [(looked_at[k % len(looked_at)], place) for k, place in enumerate(places)]
    samples, problem = list[npt.NDArray[Any]](), None
    for frame, place in chosen:
        try:
            samples.append(read(frame, place)[::step, ::step])
        except ImageError as error:
            problem = error
    if not samples and problem is not None:
        raise problem
    return limits_of(samples, color=color)


def check_image(image: npt.NDArray[np.uint8]) -> None:
    """Check that an array is a picture that an engine can encode.

    Raises
    ------
    EngineError
        If it is not RGB of 8 bits, or has no pixel.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        what = f"{image.dtype} of shape {image.shape}"
        raise EngineError(f"Expected 8-bit RGB, not {what}.", hint="Convert it with to_rgb first.")
    if not image.size:
        raise EngineError("The image is empty.", hint="Choose an image that has pixels.")
