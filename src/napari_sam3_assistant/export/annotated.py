"""Labels with what they mean: objects or classes, their names and colours. All formats are written from these."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.polygons import Outline, trace
from napari_sam3_assistant.core.progress import UNWATCHED, Watch
from napari_sam3_assistant.export.places import Place

Array = npt.NDArray[Any]
Color = tuple[int, int, int]
MOST_SIDE, MOST_PIXELS = 4096, 2**29
"""Pixels a side of a plane, and in all of its slices, up to which a file of pixels has the picture's size."""
_GOLDEN = 0.618033988749895


class Meaning(StrEnum):
    """What a label stands for; the value is what the user reads."""

    OBJECTS = "Objects"
    CLASSES = "Classes"


@dataclass(frozen=True, slots=True)
class LabelClass:
    """A class of objects: its name, its number (1 or more), and its colour as three numbers from 0 to 255."""

    name: str
    value: int
    color: Color | None = None


OBJECT = LabelClass("object", 1)
"""The class of objects of which nothing is known."""


@dataclass(frozen=True, slots=True, eq=False)
class Annotated:
    """A label image and what is known of it.

    Attributes
    ----------
    labels : ndarray of integer or bool
        Two axes or more; 0 and below is background.
    place : Place
        Where its pixels lie.
    picture : str
        Name of the file that it is about, or of the layer.
    meaning : Meaning
        Whether each label is one object, or a class with an object for each connected piece.
    classes : mapping of int to LabelClass
        By label, as far as known.
    colors : mapping of int to tuple of int
        By label, as the user sees them.
    default : LabelClass
        Of objects of which no class is known.
    """

    labels: Array
    place: Place = field(default_factory=Place)
    picture: str = "image"
    meaning: Meaning = Meaning.OBJECTS
    classes: Mapping[int, LabelClass] = field(default_factory=dict)
    colors: Mapping[int, Color] = field(default_factory=dict)
    default: LabelClass = OBJECT

    @property
    def offset(self) -> tuple[int, int]:
        """Row and column of the first pixel on the plane of the picture."""
        told = self.place.offset if self.place.plane_shape is not None else None
        return (0, 0) if told is None else (told[-2], told[-1])

    @property
    def plane_shape(self) -> tuple[int, int]:
        """Height and width of the plane of the picture, in pixels."""
        (top, left), told = self.offset, self.place.plane_shape
        height, width = self.labels.shape[-2:]
        least = top + height, left + width
        return least if told is None else (max(told[-2], least[0]), max(told[-1], least[1]))

    def class_of(self, label: int) -> LabelClass:
        """Return the class of a label."""
        known = self.classes.get(label)
        if known is not None:
            return known
        return self.default if self.meaning is Meaning.OBJECTS else LabelClass(f"class_{label}", label)

    def color_of(self, label: int) -> Color:
        """Return the colour of a label: that of its class, as the user sees it, or one of many."""
        known = self.classes.get(label)
        if known is not None and known.color is not None:
            return known.color
        return self.colors.get(label) or nth_color(label)

    def whole(self) -> Annotated:
        """Return the masks on all of their picture, where they cover a part of one that is no larger than a layer.

        Raises
        ------
        MemoryError
        """
        at, shape = self.place.offset, self.place.plane_shape
        if at is None or shape is None or max(shape[-2:]) > MOST_SIDE or math.prod(shape) > MOST_PIXELS:
            return self
        labels = np.zeros(shape, self.labels.dtype)
        labels[tuple(slice(a, a + length) for a, length in zip(at, self.labels.shape, strict=True))] = self.labels
        return replace(self, labels=labels, place=replace(self.place, offset=None, plane_shape=None))

    def planes(self) -> Iterator[tuple[tuple[int, ...], Array]]:
        """Yield each plane and its index on the axes before rows and columns."""
        for index in np.ndindex(self.labels.shape[:-2]):
            yield index, self.labels[index]

    def outlines(self, plane: Array, watch: Watch = UNWATCHED) -> Iterator[Outline]:
        """Yield the outline of each object on a plane, in pixels of the plane of the picture, by label."""
        top, left = self.offset
        for one in trace(plane, watch=watch):
            pieces = tuple(piece.shifted(top, left) for piece in one.pieces) if top or left else one.pieces
            if self.meaning is Meaning.OBJECTS:
                yield Outline(one.label, pieces)
            else:
                yield from (Outline(one.label, (piece,)) for piece in pieces)


def numbered(classes: Mapping[LabelClass, object]) -> dict[LabelClass, int]:
    """Return a number for each class: its own where that is 1 or more and nobody else's, else the next free one."""
    found: dict[LabelClass, int] = {}
    taken: set[int] = set()
    for one in sorted(classes, key=lambda one: (one.value, one.name)):
        number = one.value if one.value >= 1 and one.value not in taken else max(taken, default=0) + 1
        taken.add(number)
        found[one] = number
    return found


def nth_color(number: int) -> Color:
    """Return a strong colour for a number; neighbours differ."""
    hue = (number * _GOLDEN) % 1.0
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.65 + 0.3 * (number % 2), 1.0 - 0.25 * (number // 2 % 2))
    return round(red * 255), round(green * 255), round(blue * 255)
