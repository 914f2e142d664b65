"""The frames of a picture: which axis counts them, in which order they are visited, and reading them one ahead."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy.typing as npt

from napari_sam3_assistant.core.errors import ImageError
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.sources import Source
from napari_sam3_assistant.core.windows import Window
from napari_sam3_assistant.tasks.view import View

Pixels = npt.NDArray[Any]
Ahead = Callable[[Callable[[], Pixels]], "Future[Pixels]"]
"""Runs a function on another thread, soon."""
NAMES = ("z", "t", "time", "depth", "plane", "frame", "slice")
"""What an axis of frames is called."""


class Direction(StrEnum):
    """Which way objects are followed from the frame where they were prompted. The value is what users read."""

    BOTH = "both"
    FORWARD = "forward"
    BACKWARD = "backward"


def ways(start: int, count: int, direction: Direction) -> tuple[range, ...]:
    """Return the frames to visit from frame ``start`` of ``count``: one range a way, forward first; none is empty."""
    forward, backward = range(start + 1, count), range(start - 1, -1, -1)
    wanted = {
        Direction.BOTH: (forward, backward),
        Direction.FORWARD: (forward,),
        Direction.BACKWARD: (backward,),
    }
    return tuple(way for way in wanted[direction] if way)


def frame_axes(source: Source, plane: Plane) -> tuple[int, ...]:
    """Return the axes that may count frames: those with a slider, of two steps or more, that hold no channels."""
    return tuple(axis for axis, _ in plane.index if axis != source.channel_axis and source.shape[axis] > 1)


@dataclass(frozen=True, slots=True)
class Through:
    """What can be gone through.

    Attributes
    ----------
    name : str
        As users read and choose it, such as ``"z"``, ``"axis 0"`` or ``"z, at each t"``.
    axis : int
        The axis of the frames.
    over : int or None
        A second axis, at each position of which objects are followed along ``axis``; None for where it is.
    """

    name: str
    axis: int
    over: int | None = None


def ways_through(
    source: Source, plane: Plane, names: Sequence[str] = (), first: int | None = None
) -> tuple[Through, ...]:
    """Return all that can be gone through: each axis that may count frames, and pairs of such axes.

    Parameters
    ----------
    source : Source
    plane : Plane
        On screen.
    names : sequence of str
        Of the axes of the picture, as far as they are known.
    first : int or None
        The axis that comes first, as :func:`frame_axis` finds it.
    """
    axes = sorted(frame_axes(source, plane), key=lambda axis: axis != first)
    called = _called(axes, names)
    single = [Through(called[axis], axis) for axis in axes]
    pairs = [
        Through(f"{called[axis]}, at each {called[over]}", axis, over) for axis in axes for over in axes if over != axis
    ]
    return (*single, *pairs)


def through_named(choices: Sequence[Through], name: str) -> Through | None:
    """Return the choice of a name; the first one where there is no such, None where there are none."""
    return next((one for one in choices if one.name == name), choices[0] if choices else None)


def _called(axes: Sequence[int], names: Sequence[str]) -> dict[int, str]:
    """Return what axes are called; by their numbers where they have no name, or share it."""
    own = {axis: names[axis].strip() if axis < len(names) else "" for axis in axes}
    alone = {name for name in own.values() if list(own.values()).count(name) == 1 and name}
    return {axis: name if name in alone else f"axis {axis}" for axis, name in own.items()}


def frame_axis(source: Source, plane: Plane, names: Sequence[str] = (), moved: int | None = None) -> int | None:
    """Return the axis that counts the frames, or None where there is none.

    Of several it is the one whose slider was moved last; before any was, one that is called as an axis of depth or
    time is, where that is but one; else the one with the most steps, of equal ones the last.

    Parameters
    ----------
    source : Source
    plane : Plane
        On screen.
    names : sequence of str
        Of the axes of the picture, as far as they are known.
    moved : int or None
        The axis whose slider was moved last.
    """
    axes = frame_axes(source, plane)
    if not axes or moved in axes:
        return moved if axes else None
    named = [axis for axis in axes if axis < len(names) and names[axis].lower() in NAMES]
    if len(named) == 1:
        return named[0]
    return max(named or axes, key=lambda axis: (source.shape[axis], axis))


class Frames:
    """Pixels of one frame after the other; the next frame is read while one works on the last.

    Parameters
    ----------
    axis : int
        The axis of the frames.
    ahead : callable or None
        Runs the reading of the next frame on another thread; None reads it when its turn comes.
    """

    def __init__(self, axis: int, ahead: Ahead | None = None) -> None:
        self._axis, self._ahead = axis, ahead
        self._next: tuple[tuple[Plane, Window], Future[Pixels]] | None = None

    def read(self, view: View, following: int | None = None) -> Pixels:
        """Return the pixels of a view, and begin to read the same window of the frame that follows.

        Raises
        ------
        ImageError
            If they cannot be read. The message says which frame.
        """
        ready, self._next = self._next, None
        try:
            pixels = _ready(view, ready)
        except ImageError as error:
            raise named(error, view.plane.position(self._axis)) from error
        if self._ahead is not None and following is not None:
            after = replace(view, plane=view.plane.at(self._axis, following))
            self._next = (after.plane, after.window), self._ahead(after.read)
        return pixels


def named(error: ImageError, frame: int | None) -> ImageError:
    """Return an error that says which frame it is about."""
    return type(error)(f"Frame {frame}: {error.message}", hint=error.hint, in_shell=error.in_shell)


def _ready(view: View, ready: tuple[tuple[Plane, Window], Future[Pixels]] | None) -> Pixels:
    if ready is not None and ready[0] == (view.plane, view.window):
        try:
            return ready[1].result()
        except CancelledError:  # dropped with what else waited: read it now
            return view.read()
    return view.read()
