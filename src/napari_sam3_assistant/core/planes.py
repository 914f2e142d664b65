"""Planes: two axes of an array, and where it is cut on every other one.

Axes are those of the array. The channel axis is told - by the layer, by axis labels or by
the user - and never guessed from a length of 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from napari_sam3_assistant.core.errors import ImageError


@dataclass(frozen=True, slots=True)
class Plane:
    """A 2-D cut through an array.

    Attributes
    ----------
    row_axis, col_axis : int
        The axes of the array along rows and columns of the plane; ``row_axis`` may be the larger one.
    index : tuple of (axis, position)
        Where the array is cut on its other axes, in order of the axes. An RGB axis is not in it.
    """

    row_axis: int
    col_axis: int
    index: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        axes = [self.row_axis, self.col_axis, *(axis for axis, _ in self.index)]
        if len(set(axes)) != len(axes) or min(axes) < 0:
            raise ImageError(f"A plane needs different axes, not {axes}.", hint="Choose another channel axis.")

    def position(self, axis: int) -> int | None:
        """Return where the plane cuts ``axis``, or None if it does not."""
        return dict(self.index).get(axis)

    def shape_in(self, shape: Sequence[int]) -> tuple[int, int]:
        """Return height and width of the plane in an array of ``shape``, in pixels."""
        return shape[self.row_axis], shape[self.col_axis]

    def at(self, axis: int, position: int) -> Plane:
        """Return the plane moved to ``position`` on ``axis``.

        Raises
        ------
        ImageError
            If the plane does not cut that axis.
        """
        if self.position(axis) is None:
            raise ImageError(f"Axis {axis} lies in the plane.", hint="Choose an axis with a slider.")
        return Plane(self.row_axis, self.col_axis, tuple((a, position if a == axis else p) for a, p in self.index))


def plane_of(
    shape: Sequence[int], displayed: Sequence[int], position: Sequence[float], color_axis: int | None = None
) -> Plane:
    """Return the plane on screen.

    Parameters
    ----------
    shape : sequence of int
        Shape of the array.
    displayed : sequence of int
        Its axes on screen, rows before columns; the last two count (a 3-D view has three).
    position : sequence of float
        Coordinate on each axis of the array, in pixels; rounded to the nearest and kept inside.
    color_axis : int or None
        The axis of RGB(A), which is neither displayed nor cut.

    Raises
    ------
    ImageError
        If the array has fewer than two axes for a plane, or the colour axis is one of those on screen.
    """
    free = [axis for axis in range(len(shape)) if axis != color_axis]
    if len(free) < 2:
        raise ImageError(
            f"An image of shape {tuple(shape)} has no plane.", hint="Choose an image with rows and columns."
        )
    row, col = list(displayed)[-2:]
    if color_axis in (row, col):
        raise ImageError(
            f"Axis {color_axis} of shape {tuple(shape)} is on screen and cannot be the channel axis.",
            hint=f"Choose one of {[axis for axis in free if axis not in (row, col)] or [-1]}.",
        )
    index = []
    for axis in free:
        if axis in (row, col):
            continue
        here = min(max(round(float(position[axis])), 0), shape[axis] - 1)
        index.append((axis, here))
    return Plane(row, col, tuple(index))
