"""The stack that a user of Python or the shell means: which axis counts the frames, and where the others are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from napari_sam3_assistant.core.errors import ImageError
from napari_sam3_assistant.core.geometry import Box, union
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.prompts import BoxPrompt, Prompts
from napari_sam3_assistant.core.sources import Source
from napari_sam3_assistant.core.windows import Window, choose_window, whole
from napari_sam3_assistant.export.stacks import At, Picture
from napari_sam3_assistant.tasks.frame_prompts import ByFrame, Stack
from napari_sam3_assistant.tasks.frames import frame_axis
from napari_sam3_assistant.tasks.questions import WindowLike, window_given

AxisLike = int | str
"""The number of an axis, or its name."""


@dataclass(frozen=True, slots=True, eq=False)
class StackGiven:
    """A picture with frames.

    Attributes
    ----------
    picture : Picture
    source : Source
        Its pixels.
    plane : Plane
        Of the first frame.
    axis : int
        That of the frames.
    """

    picture: Picture
    source: Source
    plane: Plane
    axis: int

    @property
    def stack(self) -> Stack:
        """How many frames there are, and how large they are."""
        return Stack(self.source.shape[self.axis], self.source.plane_shape(self.plane))

    def window(self, said: ByFrame, window: WindowLike | None) -> Window:
        """Return what is looked at of each frame: what is told, else the plane, or of a large one what is prompted.

        Raises
        ------
        PromptError
            If the window is none, or holds no pixel.
        """
        shape = self.stack.shape
        given = None if window is None else window_given(window, shape)
        if isinstance(given, Window):
            return given
        boxes: list[Box] = [one.extent() for objects in said.values() for one in objects.values()]
        if not boxes:
            return whole(shape)
        return choose_window(shape, Prompts(box=BoxPrompt(union(boxes))), side=given)


def stack_given(picture: Picture, source: Source, axis: AxisLike | None, at: At | None) -> StackGiven:
    """Return the stack that is meant.

    Parameters
    ----------
    picture : Picture
    source : Source
        Its pixels.
    axis : int, str or None
        That of the frames; None takes the one called z or t, or the longest of several.
    at : int, sequence of int, mapping or None
        Where the other axes are: one position for each, in order (those of length 1 may be left out), or by name or
        number.

    Raises
    ------
    ImageError
        If there are no frames, no such axis, or it is not told where another axis is.
    """
    sliders = picture.further
    first = picture.plane(dict.fromkeys(sliders, 0))
    number = frame_axis(source, first, picture.axes) if axis is None else _axis(picture, sliders, axis)
    if number is None:
        raise ImageError(
            f"{picture.name} has no frames to go through; its shape is {picture.shape}.",
            hint="Choose a stack or a film.",
        )
    others = [one for one in sliders if one != number]
    return StackGiven(picture, source, picture.plane({number: 0, **_positions(picture, others, at)}), number)


def _axis(picture: Picture, sliders: list[int], axis: AxisLike) -> int:
    name = str(axis).lower()
    found = picture.axes.index(name) if name in picture.axes else int(name) if name.isdecimal() else None
    if found not in sliders:
        there = ", ".join(map(picture.title, sliders)) or "none"
        raise ImageError(
            f"{picture.name} has no axis {axis} to go through.", hint=f"Name one of those it has: {there}."
        )
    if picture.shape[found] < 2:
        raise ImageError(f"{picture.name} has one frame on {picture.title(found)}.", hint="Choose a stack or a film.")
    return found


def _positions(picture: Picture, others: list[int], at: At | None) -> dict[int | str, int]:
    """Return where the other axes are, by number or name."""
    long = [axis for axis in others if picture.shape[axis] > 1]
    told: dict[int | str, int] = {}
    if isinstance(at, Mapping):
        told = {key: int(position) for key, position in at.items()}
    elif at is not None:
        positions = [int(one) for one in at] if isinstance(at, Sequence) else [int(at)]
        axes = next((axes for axes in (others, long) if len(axes) == len(positions)), None)
        if axes is None:
            raise _which(picture, long)
        told = dict(zip(axes, positions, strict=True))
    names = {str(key).lower() for key in told}
    if any(names.isdisjoint((str(axis), *picture.axes[axis : axis + 1])) for axis in long):
        raise _which(picture, long)
    return told


def _which(picture: Picture, long: list[int]) -> ImageError:
    """Return what is said where it is not clear where the axes beside that of the frames are."""
    if not long:
        message = f"{picture.name} has no axis beside that of the frames."
        return ImageError(message, hint="Leave plane= out.", in_shell="Leave --plane out.")
    names = [picture.axes[axis] if picture.axes else str(axis) for axis in long]
    there = ", ".join(f"{picture.shape[axis]} positions on {picture.title(axis)}" for axis in long)
    python = ", ".join(f"{name if not picture.axes else repr(name)}: 0" for name in names)
    return ImageError(
        f"{picture.name} has more than one stack: {there}.",
        hint=f"Say which, plane={{{python}}}, or which axis counts the frames, axis=.",
        in_shell=f"Say which, --plane {','.join(f'{one}=0' for one in names)}, or which axis counts frames, --axis.",
    )
