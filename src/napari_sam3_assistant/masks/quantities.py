"""Numbers that a component has: what a table has columns of, what a filter asks for, what a histogram counts."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.masks.components import Component
from napari_sam3_assistant.masks.measures import PLANE, Measure, Sizes

Value = Callable[[Component], float | None]

NAMES = "TZYX"
NOTHING = Measure()
EXAMPLE = "Write conditions as in: pixels > 500 and label = 3."
COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
}
TERM = re.compile(r"\s*([a-z][a-z ]*?)\s*(<=|>=|==|!=|<|>|=)\s*([-+.\w]+)\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Quantity:
    """One number of each component.

    Attributes
    ----------
    title, tip : str
        What the user reads.
    words : tuple of str
        What a filter may call it, in small letters and without blanks.
    value : callable
        Returns the number, None where a component has none.
    decimals : int
    """

    title: str
    words: tuple[str, ...]
    value: Value
    decimals: int = 0
    tip: str = ""

    def text(self, component: Component) -> str:
        """Return the number as it is read."""
        value = self.value(component)
        return "-" if value is None else f"{value:.{self.decimals}f}"


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What is known of components beside themselves.

    Attributes
    ----------
    shape : tuple of int
        Of the block that they were looked for in.
    sizes : Sizes
        Of its pixels.
    measures : mapping of int to Measure, or None
        By the ids of the components; None where they are not wanted.
    intensity : bool
        Whether an image was measured too.
    """

    shape: tuple[int, ...]
    sizes: Sizes
    measures: Mapping[int, Measure] | None = None
    intensity: bool = False

    def measure(self, component: Component) -> Measure:
        """Return what was measured of a component as it is."""
        found = (self.measures or {}).get(component.id, NOTHING)
        return found if found.of is component else NOTHING


def quantities(known: Known) -> tuple[Quantity, ...]:
    """Return what is known of components, in the order of the table's columns."""
    axes = len(known.shape)
    count = Quantity("Pixels/Voxels", ("pixels", "voxels", "size"), lambda one: one.area, tip="How many it has.")
    return (
        Quantity("Component ID", ("id", "componentid"), lambda one: one.id),
        Quantity("Label", ("label", "value"), lambda one: one.label),
        count,
        *(_ends(axis, name) for axis in range(axes - 3, axes - 2) if axis >= 0 for name in ("Min", "Max")),
        *(_centre(axis, axes) for axis in range(axes)),
        *(_measured(known) if known.measures is not None else ()),
    )


def passing(components: Sequence[Component], found: Sequence[Quantity], conditions: str) -> Sequence[Component]:
    """Return the components that meet all of some conditions; an empty text holds none.

    Parameters
    ----------
    components : sequence of Component
    found : sequence of Quantity
    conditions : str
        Of the form ``pixels > 500 and label = 3``, joined by ``and`` or commas. What a component has no number of
        meets no condition.

    Raises
    ------
    PromptError
        If the text is no such condition, or names what is not there.
    """
    terms = (
        [_term(part, found) for part in re.split(r",|&|\band\b", conditions, flags=re.IGNORECASE)]
        if conditions.strip()
        else []
    )
    for value, holds, limit in terms:
        components = [one for one in components if (number := value(one)) is not None and holds(number, limit)]
    return components


def _term(text: str, found: Sequence[Quantity]) -> tuple[Value, Callable[[float, float], bool], float]:
    match = TERM.fullmatch(text)
    if match is None:
        raise PromptError(f'"{text.strip()}" is no condition.', hint=EXAMPLE)
    name, sign, number = match.groups()
    word = name.replace(" ", "").lower()
    quantity = next((one for one in found if word in one.words), None)
    if quantity is None:
        known = ", ".join(one.words[0] for one in found)
        raise PromptError(f'There is no column "{name}".', hint=f"There are {known}.")
    try:
        limit = float(number)
    except ValueError:
        raise PromptError(f'"{number}" is no number.', hint=EXAMPLE) from None
    return quantity.value, COMPARE[sign], limit


def _name(axis: int, axes: int) -> str:
    return NAMES[axis - axes] if axes <= len(NAMES) else str(axis)


def _ends(axis: int, end: str) -> Quantity:
    first = end == "Min"

    def value(one: Component) -> int:
        low, high = one.box[axis]
        return low if first else high - 1

    tip = f"{'First' if first else 'Last'} slice that it has pixels in, counted from 0."
    return Quantity(f"Z {end}", (f"z{end.lower()}",), value, tip=tip)


def _centre(axis: int, axes: int) -> Quantity:
    name = _name(axis, axes)
    words = (name.lower(), f"centroid{name.lower()}")
    return Quantity(f"Centroid {name}", words, lambda one: one.centroid[axis], 1, "Mean index of its pixels.")


def _measured(known: Known) -> tuple[Quantity, ...]:
    unit = known.sizes.unit
    content, power = known.sizes.content(known.shape)
    step = known.sizes.step(known.shape)
    long = step if step is not None and unit else 1.0
    length = unit if unit and step is not None else "px"
    what = "Volume" if power > len(PLANE) else "Area"

    def around(one: Component) -> float | None:
        found = known.measure(one).perimeter
        return None if found is None else found * long

    made = [
        Quantity(
            f"{what} ({_unit(unit, content, power)})",
            (what.lower(), "area"),
            lambda one: one.area * content,
            _decimals(content),
            "In units of the layer.",
        ),
        Quantity(f"Perimeter ({length})", ("perimeter",), around, 1, "Of what lies in one slice."),
        Quantity(
            "Circularity",
            ("circularity", "roundness"),
            lambda one: known.measure(one).circularity,
            3,
            "4 pi area / perimeter²: 1 for a disc.",
        ),
    ]
    if known.intensity:
        tip = "Of the source image layer, on its pixels."
        made.append(
            Quantity(
                "Mean intensity",
                ("intensity", "meanintensity", "mean"),
                lambda one: known.measure(one).intensity,
                2,
                tip,
            )
        )
    return tuple(made)


def _unit(unit: str, content: float, power: int) -> str:
    if not unit and content != 1:
        return "world"
    return f"{unit or 'px'}{'³' if power > len(PLANE) else '²'}"


def _decimals(step: float) -> int:
    """Return how many decimals tell two sizes apart that differ by one pixel."""
    return 0 if step >= 1 and step == int(step) else min(max(1 - math.floor(math.log10(step)), 1), 6)
