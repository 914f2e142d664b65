"""What was said of one object on one frame, and what of it was heard already: values and plain containers."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field

from napari_sam3_assistant.core.geometry import Box, PlacedMask, union
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.prompts import MaskPrompt, PointPrompt, Prompts

Spot = tuple[Plane, int, PointPrompt]
"""A point on a plane, and the number that it has in its layer."""
Shape = tuple[Hashable, ...]
"""The key of a box or painted label."""
Value = tuple[str, int]
"""A painted label: the unique id of its layer, and its value."""


@dataclass(frozen=True, slots=True, eq=False)
class Saying:
    """What was said of an object on a plane.

    Attributes
    ----------
    plane : Plane
    frame : int
        Where that lies on the axis of the frames.
    number : int
        Of the object, from 1.
    prompts : Prompts
        In pixels of the plane; empty where ``mask`` says all.
    keys : tuple of hashable
        Equal to those of whatever says the same there.
    mask : PlacedMask or None
        Where the object is before the prompts correct it: a mask on screen.
    about : mapping of Spot to int
        Which object its points are about.
    shape : tuple or None
        The key of the box or painted label that it was said by.
    value : Value or None
        The painted label that it was said by.
    """

    plane: Plane
    frame: int
    number: int
    prompts: Prompts = field(default_factory=Prompts)
    keys: tuple[Hashable, ...] = ()
    mask: PlacedMask | None = None
    about: Mapping[Spot, int] = field(default_factory=dict)
    shape: Shape | None = None
    value: Value | None = None

    @property
    def given(self) -> tuple[Prompts, ...]:
        """What a video is given, one after the other: the mask, then what corrects it."""
        mask = () if self.mask is None else (Prompts(mask=MaskPrompt(self.mask)),)
        return mask if self.prompts.empty else (*mask, self.prompts)

    @property
    def box(self) -> Box:
        """What holds it, in pixels of the plane."""
        return union(prompts.extent() for prompts in self.given)


class Heard:
    """What was said already: the same is not said twice."""

    def __init__(self) -> None:
        self.keys: set[Hashable] = set()
        self.about: dict[Spot, int] = {}
        self.values: dict[Value, int] = {}
        self.drawn: dict[tuple[Plane, Shape], int] = {}
        """By plane, of which object a box or a painted label was."""
        self.begun: set[int] = set()
        """Numbers that the user has begun as new objects."""

    def hear(self, sayings: Iterable[Saying]) -> None:
        """Note what was said."""
        for one in sayings:
            self.keys.update(one.keys)
            self.about.update(one.about)
            if one.shape is not None:
                self.drawn[one.plane, one.shape] = one.number
            if one.value is not None:
                self.values.setdefault(one.value, one.number)

    def knows(self, key: Hashable) -> bool:
        """Return whether this was said."""
        return key in self.keys

    def drawn_of(self, plane: Plane, number: int) -> list[Shape]:
        """Return the keys of the boxes and labels of an object on a plane."""
        return [key for (at, key), one in self.drawn.items() if (at, one) == (plane, number)]

    def copy(self) -> Heard:
        """Return the same, independent of what comes after."""
        other = Heard()
        other.keys, other.about = set(self.keys), dict(self.about)
        other.values, other.drawn, other.begun = dict(self.values), dict(self.drawn), set(self.begun)
        return other
