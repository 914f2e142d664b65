"""Classes of objects: each has a name, a value and a colour; their order is their priority."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from psygnal import SignalGroupDescriptor

from napari_sam3_assistant.layers import class_masks

Color = tuple[float, float, float]
MOST = 200
"""Classes that are remembered; of more, those of the lowest priority are forgotten."""
MOST_VALUE = 2**31 - 1
PALETTE: tuple[Color, ...] = (
    (0.90, 0.62, 0.00),
    (0.34, 0.71, 0.91),
    (0.00, 0.62, 0.45),
    (0.94, 0.89, 0.26),
    (0.80, 0.47, 0.65),
    (0.84, 0.37, 0.00),
    (0.00, 0.45, 0.70),
    (0.58, 0.40, 0.74),
)
"""Colours that people with any eyes tell apart (Okabe and Ito), and one more."""


@dataclass(frozen=True, slots=True)
class MaskClass:
    """A class: its name, its value in masks, its colour (red, green, blue, 0 to 1)."""

    name: str
    value: int
    color: Color


@dataclass(eq=False)
class ClassesState:
    """The classes that are known, that of the highest priority first: the user's."""

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    classes: tuple[MaskClass, ...] = ()


class Classes:
    """The classes of a viewer's masks, and those of earlier sessions.

    Parameters
    ----------
    viewer : napari viewer
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self.state = ClassesState()

    def find(self, name: str) -> MaskClass | None:
        """Return a class by its name, or None."""
        return next((one for one in self.state.classes if one.name == name), None)

    def color(self, name: str, value: int) -> Color:
        """Return the colour of a class; of one that is not known, the one its value has."""
        known = self.find(name)
        return known.color if known else color_of(value)

    def put(self, name: str, value: int, color: Color | None = None) -> MaskClass:
        """Note a class with its value, and its colour if that is told; one that is new has the lowest priority."""
        known = self.find(name)
        made = MaskClass(name, value, color or (known.color if known else color_of(value)))
        if known is None:
            self.state.classes = (*self.state.classes, made)
        else:
            self.state.classes = tuple(made if one is known else one for one in self.state.classes)
        return made

    def paint(self, name: str, value: int, color: Color) -> None:
        """Give a class a colour; its layers are drawn in it."""
        self.put(name, value, color)
        class_masks.recolor(self._viewer, name, color)

    def learn(self) -> None:
        """Note classes that layers tell and that are not known yet."""
        for one in map(class_masks.class_of, class_masks.known_layers(self._viewer)):
            if one.name and self.find(one.name) is None:
                self.put(one.name, one.value, one.color)

    def rank(self, names: Iterable[str]) -> None:
        """Bring classes into this order; the others keep their places."""
        known = {one.name: one for one in self.state.classes}
        order = [name for name in names if name in known]
        mine = iter(order)
        self.state.classes = tuple(known[next(mine)] if one.name in order else one for one in self.state.classes)

    def ranks(self) -> dict[str, int]:
        """Return the place of each class, 0 that of the highest priority."""
        return {one.name: place for place, one in enumerate(self.state.classes)}


def color_of(value: int) -> Color:
    """Return the colour that a value has where no class of it is known."""
    return PALETTE[(value - 1) % len(PALETTE)]


def as_text(classes: Iterable[MaskClass]) -> str:
    """Return classes as they are remembered."""
    entries = [[one.name, one.value, [round(part, 3) for part in one.color]] for one in classes]
    return json.dumps(entries[:MOST])


def from_text(text: str) -> tuple[MaskClass, ...]:
    """Return classes that were remembered.

    Raises
    ------
    ValueError
        If the text holds no such thing.
    """
    try:
        made = tuple(_class(*entry) for entry in json.loads(text))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError("it holds no classes") from error
    return tuple({one.name: one for one in made}.values())[:MOST]


def _class(name: Any, value: Any, color: Any) -> MaskClass:
    red, green, blue = map(float, color)
    if not isinstance(name, str) or not 1 <= int(value) <= MOST_VALUE:
        raise ValueError("a class has a name and a value")
    if not all(0 <= part <= 1 for part in (red, green, blue)):
        raise ValueError("a colour has three parts from 0 to 1")
    return MaskClass(name, int(value), (red, green, blue))
