"""Pictures of any number of axes, and the plane that is cut out of them.

Axes may have names. Which one holds channels is told, by the file or by the user; only 8-bit data
with a last axis of 3 or 4 are taken for colour unasked.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import ImageError
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.sources import Source

At = int | Sequence[int] | Mapping[Any, int]
"""Where a stack is cut: one number for each further axis, in order, or by name or number of the axis."""

UNNAMED = "The image"
"""What a picture without a name of its own is called in messages."""

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture and what its file tells of it.

    Attributes
    ----------
    name : str
        As users know it: the name of the file.
    levels : tuple of array
        Its pixels at falling resolution, the picture itself first. NumPy, dask or zarr arrays.
    axes : tuple of str
        Names of the axes, such as ``("t", "c", "y", "x")``; empty where the file does not tell.
    rgb : bool
        Whether ``channel_axis`` holds red, green and blue (and alpha).
    channel_axis : int or None
        The axis of channels.
    scale : tuple of float or None
        Height and width of a pixel, in ``units``.
    units : tuple of str or None
        Names of the units of length along rows and columns.
    steps : mapping of int to (float, str)
        By further axis, how far neighbours lie apart, and the unit of that, such as ``{0: (2.5, "micrometer")}``; axes
        of which the file does not tell it are left out.
    """

    name: str
    levels: tuple[Any, ...]
    axes: tuple[str, ...] = ()
    rgb: bool = False
    channel_axis: int | None = None
    scale: tuple[float, float] | None = None
    units: tuple[str, str] | None = None
    steps: Mapping[int, tuple[float, str]] = field(default_factory=dict)

    @property
    def data(self) -> Any:
        """The pixels at full resolution; an array that may be lazy."""
        return self.levels[0]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape at full resolution, colour axis included."""
        return tuple(int(length) for length in self.data.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of the pixels."""
        kind: np.dtype[Any] = np.dtype(self.data.dtype)
        return kind

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """Return all pixels at full resolution; of a lazy picture they are read now."""
        pixels = np.asarray(self.data, dtype=dtype)
        return pixels.copy() if copy else pixels

    def source(self) -> Source:
        """Return the pixels as tasks take them.

        Raises
        ------
        ImageError
            If there are none, or they are no intensities.
        """
        identity = f"picture-{next(_numbers)}"
        return Source(identity, self.levels, rgb=self.rgb, channel_axis=self.channel_axis, name=self.name)

    def lengths(self) -> tuple[tuple[float, ...], tuple[str, ...]]:
        """Return how far neighbours lie apart along each axis, and the unit of that: 1 pixel where it is not told."""
        row, col = self.rows_and_columns
        known = dict(self.steps)
        if self.scale is not None and self.units is not None:
            known |= {row: (self.scale[0], self.units[0]), col: (self.scale[1], self.units[1])}
        pairs = [known.get(axis, (1.0, "pixel")) for axis in range(len(self.shape))]
        return tuple(length for length, _ in pairs), tuple(unit for _, unit in pairs)

    def plane(self, at: At | None = None) -> Plane:
        """Return the plane of rows and columns, cut out of a stack at ``at``.

        Rows and columns are the axes named y and x, else the last two that hold no channels.

        Parameters
        ----------
        at : int, sequence of int, mapping or None
            One position for each further axis, in order (those of length 1 may be left out), or by name
            or number of the axis. None will do where every further axis has length 1.

        Raises
        ------
        ImageError
            If a position is missing, outside, or of no axis.
        """
        row, col = self.rows_and_columns
        further = self.further
        return Plane(row, col, tuple(zip(further, self._positions(further, at), strict=True)))

    @property
    def further(self) -> list[int]:
        """The axes beyond rows, columns and colour."""
        color = self.channel_axis if self.rgb else None
        return [axis for axis in range(len(self.shape)) if axis not in (*self.rows_and_columns, color)]

    @property
    def rows_and_columns(self) -> tuple[int, int]:
        """The axes along rows and columns: those named y and x, else the last two that hold no channels."""
        if "y" in self.axes and "x" in self.axes:
            return self.axes.index("y"), self.axes.index("x")
        free = [axis for axis in range(len(self.shape)) if axis != self.channel_axis]
        if len(free) < 2:
            raise ImageError(
                f"{self.name} has shape {self.shape} and no plane.", hint="Choose an image with rows and columns."
            )
        return free[-2], free[-1]

    def _positions(self, further: list[int], at: At | None) -> list[int]:
        long = [axis for axis in further if self.shape[axis] > 1]
        told = self._told(further, long, at)
        if any(axis not in told for axis in long):
            python, shell = _say_which(long)
            if not self.rgb and self.shape[-1] in (3, 4):
                python += " If its last axis holds colour: rgb=True."
                shell += " If its last axis holds colour: --rgb."
            raise ImageError(
                f"{self.name} has more than one plane: {self._describe(long)}.", hint=python, in_shell=shell
            )
        for axis, position in told.items():
            if not 0 <= position < self.shape[axis]:
                raise ImageError(
                    f"{self.name} has no plane {position} on {self.title(axis)}.",
                    hint=f"Choose one of 0 to {self.shape[axis] - 1}.",
                )
        return [told.get(axis, 0) for axis in further]

    def _told(self, further: list[int], long: list[int], at: At | None) -> dict[int, int]:
        """Return the positions that ``at`` tells, by axis."""
        if at is None:
            return {}
        if isinstance(at, Mapping):
            return {self._axis(key, further): int(position) for key, position in at.items()}
        positions = [int(at)] if isinstance(at, (int, np.integer)) else [int(position) for position in at]
        for axes in (further, long):
            if len(positions) == len(axes):
                return dict(zip(axes, positions, strict=True))
        if not further:
            raise ImageError(f"{self.name} is one plane.", hint="Leave plane= out.", in_shell="Leave --plane out.")
        python, shell = _say_which(long)
        wanted = f"{len(long)} position{'' if len(long) == 1 else 's'}"
        raise ImageError(
            f"A plane of {self.name} takes {wanted}, not {len(positions)}; there are {self._describe(long)}.",
            hint=python,
            in_shell=shell,
        )

    def _axis(self, key: object, further: list[int]) -> int:
        name = str(key).lower()
        if name in self.axes and self.axes.index(name) in further:
            return self.axes.index(name)
        if name.isdecimal() and int(name) in further:  # the shell has words only
            return int(name)
        message = f"{self.name} has no axis {key} to cut."
        if not further:
            why = "It is one plane: leave "
            raise ImageError(message, hint=f"{why}plane= out.", in_shell=f"{why}--plane out.")
        there = ", ".join(self.title(axis) for axis in further)
        first = self.axes[further[0]] if self.axes else further[0]
        raise ImageError(
            f"{message} Those it has: {there}.",
            hint=f"Name one of these with a position from 0: plane={{{first!r}: 0}}.",
            in_shell=f"Name one of these with a position from 0: --plane {first}=0.",
        )

    def _describe(self, axes: list[int]) -> str:
        """Return how many positions each of ``axes`` has, in words."""
        first, *rest = axes
        words = [f"{self.shape[first]} positions along {self.title(first)}"]
        return " times ".join([*words, *(f"{self.shape[axis]} along {self.title(axis)}" for axis in rest)])

    def title(self, axis: int) -> str:
        """Return how an axis is called in messages."""
        return f"axis {axis} ({self.axes[axis]})" if self.axes else f"axis {axis}"


def _say_which(long: list[int]) -> tuple[str, str]:
    """Return how to say which plane: in Python, and in a shell."""
    zeros = ",".join("0" for _ in long)
    python = zeros if len(long) == 1 else f"({zeros.replace(',', ', ')})"
    return f"Say which, from 0: plane={python}.", f"Say which, from 0: --plane {zeros}."


def picture_of(data: Any, *, rgb: bool | None = None, channel_axis: int | None = None, name: str = UNNAMED) -> Picture:
    """Return an array as a picture.

    Parameters
    ----------
    data : array of shape (H, W), (H, W, 3) or (H, W, 4), or with further axes
        NumPy, dask, zarr, or what NumPy can make an array of.
    rgb : bool or None
        Whether the channel axis (the last, if none is told) holds colour. None takes 8-bit data with a
        last axis of 3 or 4 for colour, as picture files have it.
    channel_axis : int or None
        The axis of channels; negative ones count from the end.
    name : str
        For messages.

    Raises
    ------
    ImageError
        If it is no array, or has no such axis.
    """
    if not (hasattr(data, "shape") and hasattr(data, "dtype") and hasattr(data, "__getitem__")):
        given = "None" if data is None else f"A {type(data).__name__}"
        try:
            data = np.asarray(data)
        except Exception as error:  # an array-like may raise anything
            raise ImageError(f"{name} is no array: {error}.", hint="Pass an array or the path of a file.") from error
        if data.dtype == object and not data.ndim:
            raise ImageError(
                f"{given} is no image.",
                hint="An image is an array of numbers, the path of a file, or what read_image returns.",
            )
    return told(Picture(name, (data,)), rgb=rgb, channel_axis=channel_axis, guess=True)


def told(picture: Picture, *, rgb: bool | None, channel_axis: int | None, guess: bool = False) -> Picture:
    """Return the picture with what the user says of its channels; None leaves it as it is.

    Raises
    ------
    ImageError
        If it has no such axis.
    """
    ndim = len(picture.shape)
    if channel_axis is not None and not -ndim <= channel_axis < ndim:
        raise ImageError(
            f"{picture.name} has shape {picture.shape} and no axis {channel_axis}.",
            hint=f"Choose a channel axis of 0 to {max(ndim - 1, 0)}.",
        )
    channels = picture.channel_axis if channel_axis is None else channel_axis % ndim
    color = picture.rgb if rgb is None else rgb
    if guess and rgb is None and channels is None:
        color = ndim >= 3 and picture.shape[-1] in (3, 4) and picture.dtype == np.uint8
    if color and channels is None:
        channels = ndim - 1
        fits = [axis for axis, length in enumerate(picture.shape) if length in (3, 4)]
        if channels not in fits:
            raise ImageError(
                f"The last axis of {picture.name}, of shape {picture.shape}, does not hold red, green and blue.",
                hint=f"Say which does: channel_axis={fits[0]}, rgb=True." if fits else "Leave rgb=True out.",
                in_shell=f"Say which does: --channels {fits[0]} --rgb." if fits else "Leave --rgb out.",
            )
    return replace(picture, rgb=color, channel_axis=channels)
