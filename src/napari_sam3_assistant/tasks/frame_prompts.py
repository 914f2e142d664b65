"""What Python and the shell are asked of objects on the frames of a stack: numbers and arrays, checked, as prompts.

All coordinates are (row, col) pixels of the plane, behind the number of the frame, from 0.
"""

from __future__ import annotations

import operator
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.prompts import BoxPrompt, MaskPrompt, PointPrompt, Prompts
from napari_sam3_assistant.tasks.asked import MaskLike, checked_box, checked_masks, checked_point

FramePointLike = tuple[Any, ...] | list[Any] | npt.NDArray[Any]
"""``(frame, row, col)`` or ``(frame, row, col, sign)``."""
FrameBoxLike = tuple[Any, ...] | list[Any] | npt.NDArray[Any]
"""``(frame, top, left, bottom, right)``, half-open."""
PointsLike = Mapping[int, Iterable[FramePointLike]] | Iterable[FramePointLike]
BoxesLike = Mapping[int, Iterable[FrameBoxLike]] | Iterable[FrameBoxLike]
_FORMS = {
    "point": "A point is (frame, row, col) or (frame, row, col, sign).",
    "box": "A box is (frame, top, left, bottom, right).",
}
LARGEST = 2**32 - 1
"""The largest number of an object: labels have 32 bits."""
ByFrame = dict[int, dict[int, Prompts]]
"""By frame and object, what is said."""
Numbered = list[tuple[int | None, Any]]
"""Prompts with the numbers of their objects, as far as they are told."""


def check_positive(said: ByFrame, known: Collection[int] = ()) -> None:
    """Raise PromptError if all that is said of an object, which is none of the ``known`` ones, is where it is not."""
    shown = set(known)
    for objects in said.values():
        shown.update(id for id, one in objects.items() if one.box or one.mask or any(p.positive for p in one.points))
    for frame, objects in sorted(said.items()):
        for id in objects.keys() - shown:
            raise PromptError(
                f"Object {id} has only negative points, the first on frame {frame}.",
                hint="Give a positive one on it, or a box round it.",
            )


@dataclass(frozen=True, slots=True)
class Stack:
    """How many frames there are, and the height and width of each, in pixels."""

    count: int
    shape: tuple[int, int]


def frame_prompts(stack: Stack, points: PointsLike, boxes: BoxesLike, masks: Mapping[int, MaskLike]) -> ByFrame:
    """Return what is said of objects on frames.

    Points and boxes are given by the numbers of their objects, or as a list. In a list, each box is an object of its
    own, and all points are about one object: that of the box or the mask, if there is one alone.

    Parameters
    ----------
    stack : Stack
    points : mapping of int to sequence, or sequence
        Of ``(frame, row, col)`` or ``(frame, row, col, sign)``.
    boxes : mapping of int to sequence, or sequence
        Of ``(frame, top, left, bottom, right)``.
    masks : mapping of int to mask
        By frame; of a label image each label is the object of this number.

    Raises
    ------
    PromptError
        If one lies outside the stack or cannot be understood, or it is not clear which object the points are about.
    """
    found: ByFrame = {}
    clicked, drawn = _each(points), _each(boxes)

    def of(frame: int, id: int) -> Prompts:
        return found.get(frame, {}).get(id, Prompts())

    for key, mask in masks.items():
        frame = _frame(key, stack, "mask")
        for id, placed in checked_masks(mask, stack.shape).items():
            found.setdefault(frame, {})[id] = Prompts(mask=MaskPrompt(placed))
    named = {id for ids in found.values() for id in ids} | {id for id, _ in (*clicked, *drawn) if id is not None}
    for id, frame, box in _boxes(stack, drawn, named):
        old = of(frame, id)
        if old.box is not None:
            raise PromptError(f"Object {id} has two boxes on frame {frame}.", hint="Give one, and correct with points.")
        found.setdefault(frame, {})[id] = Prompts(old.points, box, old.mask)
    clicks = list(_points(stack, clicked))
    alone = _alone(found, clicks)
    for number, frame, point in clicks:
        id = alone if number is None else number
        old = of(frame, id)
        found.setdefault(frame, {})[id] = Prompts((*old.points, point), old.box, old.mask)
    return found


def _alone(found: ByFrame, clicks: list[tuple[int | None, int, PointPrompt]]) -> int:
    """Return which object the points without a number are about."""
    ids = {id for objects in found.values() for id in objects} | {id for id, _, _ in clicks if id is not None}
    if len(ids) > 1 and any(id is None for id, _, _ in clicks):
        raise PromptError(
            "It is not clear which of the objects the points are about.",
            hint="Say it by its number: points={2: [(frame, row, col)]}.",
            in_shell="Say it by its number: --point 2:Z,R,C.",
        )
    return next(iter(ids), 1)


def _boxes(stack: Stack, drawn: Numbered, named: set[int]) -> Iterator[tuple[int, int, BoxPrompt]]:
    """Yield object, frame and box; those without a number get the next one that is free."""
    used = set(named)
    for number, value in drawn:
        frame, rest = _split(value, stack, "box", (5,))
        if number is None:
            number = next(one for one in range(1, len(used) + 2) if one not in used)
            used.add(number)
        yield number, frame, checked_box(rest, stack.shape, "box")


def _points(stack: Stack, clicked: Numbered) -> Iterator[tuple[int | None, int, PointPrompt]]:
    for number, value in clicked:
        frame, rest = _split(value, stack, "point", (3, 4))
        yield number, frame, checked_point(rest, stack.shape)


def _each(values: Any) -> Numbered:
    if not isinstance(values, Iterable) or isinstance(values, str | bytes):
        raise PromptError(f"{values!r} is no list of prompts.", hint="Write a list of tuples, one for each prompt.")
    if not isinstance(values, Mapping):
        return [(None, value) for value in values]
    found: Numbered = []
    for id, items in values.items():
        try:
            number = operator.index(id)
        except TypeError:
            number = 0
        if not 1 <= number <= LARGEST:
            raise PromptError(f"An object cannot have the number {id!r}.", hint=f"Numbers go from 1 to {LARGEST:,}.")
        if isinstance(items, Mapping) or not isinstance(items, Iterable):
            raise PromptError(f"{items!r} is no list of prompts.", hint="Write a list of tuples, one a prompt.")
        found += [(number, value) for value in items]
    return found


def _split(value: Any, stack: Stack, what: str, lengths: tuple[int, ...]) -> tuple[int, list[Any]]:
    parts = list(value) if isinstance(value, Iterable) and not isinstance(value, str | bytes) else []
    if len(parts) not in lengths:
        raise PromptError(f"{value!r} is no {what} on a frame.", hint=_FORMS[what])
    return _frame(parts[0], stack, what), parts[1:]


def _frame(value: Any, stack: Stack, what: str) -> int:
    try:
        frame = int(value)
    except (TypeError, ValueError, OverflowError):
        frame = -1
    if frame != value:
        raise PromptError(f"{value!r} is no frame.", hint="A frame is a whole number from 0.")
    if not 0 <= frame < stack.count:
        raise PromptError(
            f"The {what} is on frame {frame}, which is not there.", hint=f"Frames go from 0 to {stack.count - 1}."
        )
    return frame
