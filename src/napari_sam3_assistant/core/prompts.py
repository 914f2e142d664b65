"""What a user says about an object: points, a box, a mask; and about all objects: words, examples.

All coordinates are (row, col) pixels of one plane, or of one window of it; the value does
not know which, the code that cuts (:mod:`~napari_sam3_assistant.core.windows`) does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.geometry import Box, PlacedMask, clip, union

POSITIVE_WORDS = frozenset({"positive", "pos", "foreground", "fg", "1", "+1", "true", "include", "+"})
NEGATIVE_WORDS = frozenset({"negative", "neg", "background", "bg", "0", "-1", "false", "exclude", "-"})


def is_positive(word: object) -> bool:
    """Return the polarity that ``word`` stands for; what is not known as negative is positive.

    Parameters
    ----------
    word : object
        A word such as ``"negative"`` or ``"bg"``, a boolean, or a number: 0 and below are negative.
    """
    if isinstance(word, Real):
        return not float(word) <= 0  # NaN, where a table says nothing, is positive
    return str(word).strip().lower() not in NEGATIVE_WORDS


@dataclass(frozen=True, slots=True)
class PointPrompt:
    """A click: this pixel belongs to the object, or (``positive=False``) it does not."""

    row: float
    col: float
    positive: bool = True

    def __post_init__(self) -> None:
        if not (math.isfinite(self.row) and math.isfinite(self.col)):
            raise PromptError("A point has a coordinate that is not a number.", hint="Delete it and click again.")

    @property
    def pixel(self) -> tuple[int, int]:
        """``(row, col)`` of the pixel that holds the point."""
        return math.floor(self.row + 0.5), math.floor(self.col + 0.5)


@dataclass(frozen=True, slots=True)
class BoxPrompt:
    """A box round one object, or round an example of what to find (or, negative, not to find)."""

    box: Box
    positive: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class MaskPrompt:
    """A rough mask of the object, to be drawn to its outline.

    Raises
    ------
    PromptError
        If no pixel is True.
    """

    mask: PlacedMask

    def __post_init__(self) -> None:
        if not self.mask.area:
            raise PromptError("The mask is empty.", hint="Paint a few pixels of the object first.")


@dataclass(frozen=True, slots=True)
class TextPrompt:
    """A short noun phrase."""

    text: str

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise PromptError("The phrase is empty.", hint="Type a short noun, such as: nucleus.")


@dataclass(frozen=True, slots=True)
class Prompts:
    """All that was said about **one** object.

    Attributes
    ----------
    points : tuple of PointPrompt
        In the order in which they were made: the last one is the newest.
    box : BoxPrompt or None
        A box round the object.
    mask : MaskPrompt or None
        A rough mask of it.
    """

    points: tuple[PointPrompt, ...] = ()
    box: BoxPrompt | None = None
    mask: MaskPrompt | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing was said."""
        return not self.points and self.box is None and self.mask is None

    @property
    def is_mask(self) -> bool:
        """Whether a mask is all that was said: in a film it is the object itself, and needs no answer."""
        return self.mask is not None and not self.points and self.box is None

    @property
    def positive(self) -> tuple[PointPrompt, ...]:
        """The points on the object."""
        return tuple(point for point in self.points if point.positive)

    @property
    def negative(self) -> tuple[PointPrompt, ...]:
        """The points beside it."""
        return tuple(point for point in self.points if not point.positive)

    def extent(self) -> Box:
        """Return the box that holds every prompt, in pixels.

        Raises
        ------
        PromptError
            If nothing was said.
        """
        boxes = [Box(r, c, r + 1, c + 1) for r, c in (point.pixel for point in self.points)]
        if self.box is not None:
            boxes.append(self.box.box)
        if self.mask is not None and (drawn := self.mask.mask.trimmed().box) is not None:
            boxes.append(drawn)
        return union(boxes)

    def newest(self) -> tuple[float, float]:
        """Return the place ``(row, col)`` of the newest prompt: the last point, else the box, else the mask.

        Raises
        ------
        PromptError
            If nothing was said.
        """
        if self.points:
            return self.points[-1].row, self.points[-1].col
        if self.box is not None:
            return self.box.box.center
        return self.extent().center


@dataclass(frozen=True, slots=True, eq=False)
class Crop:
    """An example in a picture of its own. Where that picture is not read yet, only tasks know it."""


@dataclass(frozen=True, slots=True, eq=False)
class CropExemplar(Crop):
    """An example in a picture of its own, as engines see it.

    Attributes
    ----------
    picture : ndarray of shape (h, w, 3), uint8
        RGB. A pixel of it is as large as one of the image that is searched.
    box : Box
        Round the example, in pixels of ``picture``.

    Raises
    ------
    PromptError
        If the picture has no pixel, or the box holds none of it.
    """

    picture: npt.NDArray[np.uint8]
    box: Box

    def __post_init__(self) -> None:
        height, width = self.picture.shape[:2]
        if not self.picture.size or clip(self.box, (height, width)) is None:
            raise PromptError("The crop has no pixel in its box.", hint="Draw the box on the crop image itself.")


@dataclass(frozen=True, slots=True)
class Query:
    """What to find all of: words, boxes round examples, an example in a picture of its own, or several of these.

    Raises
    ------
    PromptError
        If there is neither a phrase nor a positive box nor a crop.
    """

    texts: tuple[TextPrompt, ...] = ()
    exemplars: tuple[BoxPrompt, ...] = ()
    crop: Crop | None = None

    def __post_init__(self) -> None:
        if not self.texts and self.crop is None and not any(box.positive for box in self.exemplars):
            raise PromptError("There is nothing to look for.", hint="Draw a box round one example, or type a phrase.")
