"""What Python and the shell are asked, as prompts: tuples and arrays are checked against the plane.

All coordinates are (row, col) pixels of the plane; the first pixel's centre is (0, 0).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.geometry import Box, PlacedMask, clip
from napari_sam3_assistant.core.labels import to_masks
from napari_sam3_assistant.core.prompts import (
    NEGATIVE_WORDS,
    POSITIVE_WORDS,
    BoxPrompt,
    Crop,
    MaskPrompt,
    PointPrompt,
    Prompts,
    Query,
    TextPrompt,
    is_positive,
)
from napari_sam3_assistant.tasks.phrases import phrases_in

TextLike = str | Iterable[str]
"""One phrase or several, as typed: parted by line breaks, commas and semicolons; or a list of such."""
PointLike = PointPrompt | Sequence[Any] | npt.NDArray[Any]
"""``(row, col)`` or ``(row, col, sign)``; the sign is a boolean, 1, 0 or -1, or a word such as ``"-"``."""
BoxLike = Box | BoxPrompt | Sequence[Any] | npt.NDArray[Any]
"""``(top, left, bottom, right)``, half-open; of an example, ``positive`` may follow."""
MaskLike = PlacedMask | npt.NDArray[Any]
"""An array of the plane's shape, True or not 0 on the object; or a placed mask."""

_BOX_HINT = "A box is top, left, bottom, right in pixels, bottom and right beyond the last ones."
_POINT_HINT = "A point is (row, col) or (row, col, sign), the sign + or -; the plane of a stack is chosen with plane=."


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """All that is asked about a plane.

    Attributes
    ----------
    objects : tuple of (str, Prompts)
        One for each object, with its prompts in words.
    query : Query or None
        What to find all of.
    """

    objects: tuple[tuple[str, Prompts], ...]
    query: Query | None


def asked(
    shape: tuple[int, int],
    points: Iterable[PointLike] = (),
    boxes: Iterable[BoxLike] = (),
    masks: Iterable[MaskLike] = (),
    exemplars: Iterable[BoxLike] = (),
    text: TextLike = (),
    crop: Crop | None = None,
    *,
    everything: bool = False,
) -> Asked:
    """Return what is asked about a plane of ``shape`` (H, W).

    Points are about one object; each box and each mask (each label of one) is about one. Points
    beside one box, or beside one mask, are about the same object as it. Examples go with every phrase; a crop, an
    example in a picture of its own, goes with none. With ``everything``, which no prompt goes with, nothing is asked.

    Raises
    ------
    PromptError
        If there is nothing, something lies outside the plane or is not what it should be, or it is not
        clear which of several objects the points are about.
    """
    clicks = tuple(checked_point(one, shape) for one in _each(points, "points", 1))
    drawn: list[tuple[str, Prompts]] = []
    for number, one in enumerate(_each(boxes, "boxes", 1), 1):
        drawn.append((f"box {number}", Prompts(box=checked_box(one, shape, "box"))))
    for number, array in enumerate(_each(masks, "masks", 2), 1):
        found = checked_masks(array, shape)
        for label, mask in found.items():
            word = f"mask {number}" + (f", label {label}" if len(found) > 1 else "")
            drawn.append((word, Prompts(mask=MaskPrompt(mask))))
    examples = tuple(checked_box(one, shape, "example") for one in _each(exemplars, "exemplars", 1))
    phrases = phrases_given(text)
    if clicks:
        drawn = [_with_points(drawn, clicks)]
    if crop is not None and phrases:
        raise PromptError(
            "An exemplar image goes with no phrase.",
            hint="Ask for the words in a call of their own.",
        )
    if everything:
        if drawn or examples or phrases or crop is not None:
            raise PromptError(
                "Every object is looked for without a prompt.",
                hint="Leave out the points, boxes, masks, examples and words, or everything=True.",
            )
        return Asked((), None)
    if not drawn and not examples and not phrases and crop is None:
        raise PromptError("There is no prompt.", hint="Give a point, a box, a mask, an example or a phrase.")
    query = Query(phrases, examples, crop) if phrases or examples or crop is not None else None
    return Asked(tuple(drawn), query)


def phrases_given(text: Any) -> tuple[TextPrompt, ...]:
    """Return the phrases that were given; none where no text was.

    Raises
    ------
    PromptError
        If it is neither a phrase nor a list of them.
    """
    parts = [text] if isinstance(text, str | bytes) or not isinstance(text, Iterable) else list(text)
    words = [part for part in parts if isinstance(part, str)]
    if len(words) < len(parts):
        raise PromptError(f"text is a phrase or a list of them, not {text!r}.", hint='Write text="nucleus".')
    return phrases_in("\n".join(words)) if words else ()


def _with_points(drawn: list[tuple[str, Prompts]], clicks: tuple[PointPrompt, ...]) -> tuple[str, Prompts]:
    words = f"{len(clicks)} point{'s' if len(clicks) > 1 else ''}"
    if not drawn:
        return words, Prompts(points=clicks)
    if len(drawn) > 1:
        raise PromptError(
            "It is not clear which of the boxes and masks the points are about.",
            hint="Give points with one box or one mask, and the others in a call of their own.",
        )
    title, prompts = drawn[0]
    return f"{title}, {words}", Prompts(clicks, prompts.box, prompts.mask)


def _each(values: Any, name: str, ndim: int) -> list[Any]:
    """Return the items of a list of prompts; one prompt that is not in a list says so."""
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise PromptError(f"{name} is a list, not {values!r}.", hint=f"Write {name}=[...].")
    if isinstance(values, np.ndarray) and values.ndim <= ndim and values.size:
        raise PromptError(f"{name} is a list of them, not one array.", hint=f"Write {name}=[...].")
    items = list(values)
    if items and any(isinstance(item, int | float | np.number) for item in items):
        raise PromptError(f"{name} is a list of them, not one.", hint=f"Write {name}=[({', '.join(map(str, items))})].")
    return items


def checked_point(value: PointLike, shape: tuple[int, int]) -> PointPrompt:
    """Return a point that was given on a plane of ``shape`` (H, W).

    Raises
    ------
    PromptError
        If it is none, or lies outside the plane.
    """
    if isinstance(value, PointPrompt):
        point = value
    else:
        parts = _parts(value, (2, 3), "point", _POINT_HINT)
        at = _numbers(parts[:2], "point")
        point = PointPrompt(at[0], at[1], len(parts) == 2 or _polarity(parts[2], "point", _POINT_HINT))
    row, col = point.pixel
    if not (0 <= row < shape[0] and 0 <= col < shape[1]):
        raise PromptError(
            f"The point {point.row:g}, {point.col:g} lies outside the image, which is {_size(shape)}.",
            hint=f"Rows run from 0 to {shape[0] - 1}, columns from 0 to {shape[1] - 1}; the row comes first.",
        )
    return point


def checked_box(value: BoxLike, shape: tuple[int, int], what: str) -> BoxPrompt:
    """Return a box that was given, for messages called ``what``, on a plane of ``shape`` (H, W).

    Raises
    ------
    PromptError
        If it is none, holds no pixel, or lies outside the plane.
    """
    if isinstance(value, BoxPrompt):
        prompt = value
    elif isinstance(value, Box):
        prompt = BoxPrompt(value)
    else:
        parts = _parts(value, (4, 5) if what == "example" else (4,), what, _BOX_HINT)
        top, left, bottom, right = _numbers(parts[:4], what)
        if bottom <= top or right <= left:
            raise PromptError(f"The {what} {top:g}, {left:g}, {bottom:g}, {right:g} holds no pixel.", hint=_BOX_HINT)
        prompt = BoxPrompt(
            Box(top, left, bottom, right),
            len(parts) == 4 or _polarity(parts[4], what, f"{_BOX_HINT} A fifth part is its sign, + or -."),
        )
    if clip(prompt.box, shape) is None:
        corners = ", ".join(f"{edge:g}" for edge in prompt.box.corners)
        raise PromptError(f"The {what} {corners} lies outside the image, which is {_size(shape)}.", hint=_BOX_HINT)
    return prompt


def checked_masks(value: MaskLike, shape: tuple[int, int]) -> dict[int, PlacedMask]:
    """Return the mask of each label of a mask that was given on a plane of ``shape`` (H, W).

    Raises
    ------
    PromptError
        If it is none, is empty, or does not fit the plane.
    """
    if isinstance(value, PlacedMask):
        found = {1: value.trimmed()} if value.area else {}
        box = value.box
        if box is not None and clip(box, shape) != box:
            raise PromptError("The mask reaches out of the image.", hint=f"The image is {_size(shape)}.")
    else:
        array = np.asarray(value)
        if array.shape != shape:
            raise PromptError(
                f"The mask has shape {array.shape}, the image {shape}.",
                hint="Give a mask with a pixel for each of the image.",
            )
        if array.dtype.kind not in "biu":
            raise PromptError(f"The mask holds {array.dtype}, not labels.", hint="Give whole numbers, or mask > 0.5.")
        found = to_masks(array)
    if not found:
        raise PromptError("The mask is empty.", hint="Mark a few pixels of the object first.")
    return found


def _parts(value: Any, lengths: tuple[int, ...], what: str, hint: str) -> list[Any]:
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise PromptError(f"{value!r} is no {what}.", hint=hint)
    parts = list(value)
    if len(parts) not in lengths:
        raise PromptError(f"{value!r} is no {what}: it has {len(parts)} parts.", hint=hint)
    return parts


def _numbers(parts: list[Any], what: str) -> list[float]:
    try:
        numbers = [float(part) for part in parts]
    except (TypeError, ValueError) as error:
        raise PromptError(f"The {what} {parts} has a part that is not a number.", hint="Give pixels.") from error
    if not all(map(math.isfinite, numbers)):
        raise PromptError(f"The {what} {parts} has a part that is not finite.", hint="Give pixels.")
    return numbers


def _polarity(word: Any, what: str, hint: str) -> bool:
    """Return whether a third (of a box, fifth) part says that it is positive.

    Raises
    ------
    PromptError
        If it says nothing that is known. A number other than 1, 0 and -1 is a coordinate gone astray.
    """
    sign: Any = bool(word) if isinstance(word, np.bool_) else word
    if isinstance(sign, str):
        known = sign.strip().lower() in POSITIVE_WORDS | NEGATIVE_WORDS
    else:
        known = isinstance(sign, Real) and sign in (-1, 0, 1)
    if not known:
        raise PromptError(f"The sign of a {what} is + or -, not {word}.", hint=hint)
    return is_positive(sign)


def _size(shape: tuple[int, int]) -> str:
    return f"{shape[0]} rows by {shape[1]} columns"
