"""Sources: where pixels come from. A source reads one window of one plane, never more.

The arrays may be NumPy, dask, zarr or anything that slices like them; they are sliced
first and made NumPy arrays last. Reading may take long: it is done on a worker thread.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import AssistantError, ImageError
from napari_sam3_assistant.core.intensity import TILE_SIDE, Limits, estimate, fixed_limits
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.windows import Window, whole

Mix = tuple[int | None, int | None, int | None]
"""The channels that are shown as red, green and blue; None leaves a colour black."""
OUT_OF_REACH = "Check that its file or server can still be reached, then try again."
DAMAGED = "Its data seem damaged here: copy or write the file anew and click again, or click somewhere else."


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A picture, of any number of axes and resolutions.

    Attributes
    ----------
    identity : str
        The same for the same picture, another for every other one, as long as the program runs.
    levels : tuple of array
        The picture at falling resolution; the first is the picture itself. One entry if it has no pyramid.
    version : int
        Rises when the pixels were replaced.
    rgb : bool
        Whether ``channel_axis`` holds red, green, blue (and alpha), read together.
    channel_axis : int or None
        The axis of channels, if there is one. Without ``rgb`` and ``mix`` the plane's index on it says which is read.
    mix : Mix or None
        Channels that are read together as red, green and blue, wherever the plane cuts ``channel_axis``.
    limits : Limits or None
        Fixed limits of intensity; None lets them be estimated.
    name : str
        For messages.
    path : str or None
        The file or folder that lazy pixels come from: without it there are none, whatever its reader makes of that.

    Raises
    ------
    ImageError
        If the picture is empty, has a data type that is no intensity, or the channels do not fit.
    """

    identity: str
    levels: tuple[Any, ...]
    version: int = 0
    rgb: bool = False
    channel_axis: int | None = None
    mix: Mix | None = None
    limits: Limits | None = None
    name: str = "The image"
    path: str | None = None

    def __post_init__(self) -> None:
        if not self.levels:
            raise ImageError(f"{self.name} has no pixels.", hint="Choose another image.")
        _check(self.name, self.shape, self.dtype, self.channel_axis, self.rgb)
        if self.mix is not None:
            _check_mix(self.name, self.shape, self.channel_axis, self.mix)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the picture at full resolution, colour axis included."""
        return tuple(int(length) for length in self.levels[0].shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of the pixels."""
        dtype: np.dtype[Any] = np.dtype(self.levels[0].dtype)
        return dtype

    @property
    def color_axis(self) -> int | None:
        """The axis that is read whole: the channel axis of an RGB picture."""
        return self.channel_axis if self.rgb else None

    @property
    def color(self) -> bool:
        """Whether what is read has red, green and blue on its last axis."""
        return self.rgb or self.mix is not None

    def channels_of(self, plane: Plane) -> tuple[int | None, ...]:
        """Return which channels are read of ``plane``; none where there is no such axis, or it is read whole."""
        if self.rgb or self.channel_axis is None:
            return ()
        return self.mix if self.mix is not None else (plane.position(self.channel_axis),)

    def seen_plane(self, plane: Plane) -> Plane:
        """Return ``plane`` without what its pixels do not depend on: the place on the channel axis of a mix."""
        if self.mix is None:
            return plane
        return Plane(plane.row_axis, plane.col_axis, tuple(cut for cut in plane.index if cut[0] != self.channel_axis))

    def plane_shape(self, plane: Plane) -> tuple[int, int]:
        """Return height and width of ``plane`` at full resolution, in pixels."""
        return plane.shape_in(self.shape)

    def factors(self, plane: Plane, level: int) -> tuple[float, float]:
        """Return how many pixels of full resolution a pixel of ``level`` is high and wide."""
        (full_h, full_w), (h, w) = plane.shape_in(self.shape), plane.shape_in(self.levels[level].shape)
        return full_h / max(h, 1), full_w / max(w, 1)

    def read(self, plane: Plane, window: Window, level: int = 0) -> npt.NDArray[Any]:
        """Return the pixels of a window.

        Parameters
        ----------
        plane : Plane
            In axes of the picture.
        window : Window
            In pixels of the plane at the resolution of ``level``.
        level : int
            0 is full resolution.

        Returns
        -------
        ndarray of shape (h, w) or (h, w, 3 or 4)
            In the picture's data type.

        Raises
        ------
        ImageError
            If the pixels cannot be read.
        """
        if self.path is not None and not isinstance(self.levels[level], np.ndarray) and not Path(self.path).exists():
            raise ImageError(
                f"{self.name} could not be read: {self.path} is gone.",
                hint="Put the file back or reconnect its drive, then try again.",
            )
        if self.mix is None or self.channel_axis is None:
            return self._read(plane, window, level)
        parts = {k: self._read(plane.at(self.channel_axis, k), window, level) for k in set(self.mix) if k is not None}
        black = np.zeros_like(next(iter(parts.values())))
        return np.stack([black if k is None else parts[k] for k in self.mix], axis=-1)

    def _read(self, plane: Plane, window: Window, level: int) -> npt.NDArray[Any]:
        data = self.levels[level]
        picked: list[int | slice] = [slice(None)] * len(data.shape)
        picked[plane.row_axis], picked[plane.col_axis] = window.slices
        for axis, position in plane.index:
            ratio = data.shape[axis] / self.shape[axis]
            picked[axis] = min(int(position * ratio), data.shape[axis] - 1)
        try:
            pixels = _computed(data[tuple(picked)])
        except AssistantError:
            raise
        except Exception as error:
            raise ImageError(
                f"{self.name} could not be read: {type(error).__name__}: {error}".rstrip(": .") + ".",
                hint=OUT_OF_REACH if isinstance(error, OSError) else DAMAGED,
            ) from error
        kept = [axis for axis in range(len(data.shape)) if isinstance(picked[axis], slice)]
        order = [kept.index(plane.row_axis), kept.index(plane.col_axis)]
        if self.color_axis is not None:
            order.append(kept.index(self.color_axis))
        return pixels.transpose(order)

    def checksum(self, plane: Plane, window: Window) -> int:
        """Return a sum over 4,096 fixed pixels of a window, 0 for a lazy picture.

        A program that writes into the array of a layer fires no event; another sum says that it did.
        A lazy picture (dask, zarr) is not read for this: it would cost as much as the window.
        """
        data = self.levels[0]
        if not isinstance(data, np.ndarray):
            return 0
        pixels = self.read(plane, window)
        step = max(1, math.isqrt(math.ceil(window.shape[0] * window.shape[1] / 4096)))
        return zlib.adler32(np.ascontiguousarray(pixels[step // 2 :: step, step // 2 :: step]).tobytes())

    def window_at(self, plane: Plane, window: Window, level: int) -> Window:
        """Return the pixels of ``level`` that hold a window of ``plane``, which is in pixels of full resolution."""
        if not level:
            return window
        (rows, cols), (height, width) = self.factors(plane, level), plane.shape_in(self.levels[level].shape)
        top, left = min(int(window.top / rows), height - 1), min(int(window.left / cols), width - 1)
        bottom, right = math.ceil(window.bottom / rows), math.ceil(window.right / cols)
        return Window(top, left, min(max(bottom, top + 1), height), min(max(right, left + 1), width))

    def level_for(self, plane: Plane, window: Window, side: int) -> int:
        """Return the coarsest level at which a window is still ``side`` pixels or more on its longer side."""
        level = 0
        for candidate in range(1, len(self.levels)):
            if max(self.window_at(plane, window, candidate).shape) >= side:
                level = candidate
        return level


def _computed(part: Any) -> npt.NDArray[Any]:
    """Return the pixels of a part of an array.

    Of dask's arrays without the callbacks that are set for the whole process: the cache that napari sets is not made
    for two threads, and a part that napari draws at the same moment would fail there or here.
    """
    return np.asarray(part.compute(callbacks=()) if hasattr(part, "__dask_graph__") else part)


def estimate_limits(source: Source, plane: Plane) -> Limits:
    """Return the limits of intensity of a picture: those it has, else an estimate from its coarsest level.

    A level of less than :data:`TILE_SIDE` pixels is too coarse: the last ones of a pyramid may be one pixel.

    The estimate is the same for every plane of the picture, but for its channel: other frames are
    looked at too. Bool and 8-bit pictures are taken as they are.
    """
    fixed = source.limits or fixed_limits(source.dtype)
    if fixed is not None:
        return fixed
    level = source.level_for(plane, whole(source.plane_shape(plane)), TILE_SIDE)
    sliders = [axis for axis, _ in plane.index if axis != source.channel_axis]
    lengths = tuple(source.shape[axis] for axis in sliders)

    def read(frame: int, place: tuple[int, int, int, int]) -> npt.NDArray[Any]:
        at = plane
        for axis, position in zip(sliders, np.unravel_index(frame, lengths), strict=True) if sliders else ():
            at = at.at(axis, int(position))
        return source.read(at, Window(*place), level)

    shape = plane.shape_in(source.levels[level].shape)
    return estimate(read, math.prod(lengths), shape, color=source.color)


def _check(name: str, shape: Sequence[int], dtype: np.dtype[Any], channel_axis: int | None, rgb: bool) -> None:
    if 0 in shape:
        raise ImageError(f"{name} is empty (shape {tuple(shape)}).", hint="Choose an image that has pixels.")
    if np.issubdtype(dtype, np.complexfloating):
        raise ImageError(f"{name} holds complex numbers.", hint="Take their magnitude first: np.abs(data).")
    if not (np.issubdtype(dtype, np.number) or dtype == np.bool_):
        raise ImageError(f"{name} holds {dtype}, not intensities.", hint="Choose an image of numbers.")
    spatial = len(shape) - (1 if rgb else 0)
    if spatial < 2:
        raise ImageError(
            f"{name} has shape {tuple(shape)} and no plane.", hint="Choose an image with rows and columns."
        )
    if channel_axis is not None and not 0 <= channel_axis < len(shape):
        raise ImageError(
            f"{name} has shape {tuple(shape)} and no axis {channel_axis}.",
            hint=f"Set Channel axis to -1, or to one of 0 to {len(shape) - 1}.",
        )
    if rgb and (channel_axis is None or shape[channel_axis] not in (3, 4)):
        fits = [axis for axis, length in enumerate(shape) if length in (3, 4)]
        raise ImageError(
            f"{name} of shape {tuple(shape)} has no RGB on axis {channel_axis}.",
            hint=f"An axis of length 3 or 4 fits: {fits}." if fits else "Set Channel axis to -1.",
        )


def _check_mix(name: str, shape: Sequence[int], channel_axis: int | None, mix: Mix) -> None:
    chosen = [channel for channel in mix if channel is not None]
    length = 0 if channel_axis is None else shape[channel_axis]
    if not chosen or not all(0 <= channel < length for channel in chosen):
        raise ImageError(
            f"{name} of shape {tuple(shape)} cannot show channels {mix} as red, green and blue.",
            hint=f"Choose at least one, of 0 to {length - 1}." if length else "Say first which axis holds channels.",
        )


def array_source(
    data: Any, *, identity: str, rgb: bool | None = None, channel_axis: int | None = None, name: str = "The image"
) -> Source:
    """Return the source of an array, as the shell and Python use it.

    Parameters
    ----------
    data : array of shape (H, W), (H, W, 3) or (H, W, 4), or with leading axes
    identity : str
        See :class:`Source`.
    rgb : bool or None
        Whether the last axis is colour. None takes 8-bit data with a last axis of 3 or 4 for colour,
        as picture files have it; everything else is told.
    channel_axis : int or None
        The axis of channels of a picture that is not RGB.
    name : str
        For messages.
    """
    shape = tuple(data.shape)
    if rgb is None:
        rgb = channel_axis is None and len(shape) >= 3 and shape[-1] in (3, 4) and np.dtype(data.dtype) == np.uint8
    if rgb:
        channel_axis = len(shape) - 1
    return Source(identity, (data,), rgb=rgb, channel_axis=channel_axis, name=name)
