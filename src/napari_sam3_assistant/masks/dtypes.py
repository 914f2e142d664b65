"""Which values a type of labels can hold, and the next type that can hold more."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import PromptError

_TYPES = tuple(np.dtype(kind + str(size)) for size in (1, 2, 4, 8) for kind in "ui")


def holds(dtype: npt.DTypeLike, value: int) -> bool:
    """Return whether labels of ``dtype``, integers or booleans, can have this value."""
    low, high = limits(np.dtype(dtype))
    return low <= value <= high


def wide_enough(dtype: npt.DTypeLike, value: int) -> np.dtype[Any]:
    """Return the smallest type that holds all that ``dtype`` holds, and ``value`` too.

    It is ``dtype`` itself where that suffices, and else one of the same sign where there is one.

    Raises
    ------
    PromptError
        If there is none: no type holds negative values and those of 2**63 and more.
    """
    asked = np.dtype(dtype)
    low, high = limits(asked)
    if low <= value <= high:
        return asked
    fit = [one for one in _TYPES if limits(one)[0] <= min(low, value) and limits(one)[1] >= max(high, value)]
    fit.sort(key=lambda one: ((one.kind == "i") != (asked.kind == "i"), one.itemsize))
    if not fit:
        raise PromptError(
            f"No type of labels holds {value} and all that {asked} holds.",
            hint="Choose a value from 1 to 9,223,372,036,854,775,807.",
        )
    return fit[0]


def check_holds(dtype: npt.DTypeLike, value: int) -> None:
    """Raise where labels of ``dtype`` cannot have this value: it would become another one.

    Raises
    ------
    PromptError
        If so, or if the type is none of labels.
    """
    low, high = limits(np.dtype(dtype))
    if not low <= value <= high:
        raise PromptError(
            f"Labels of {np.dtype(dtype)} cannot hold {value}, only {low} to {high}.",
            hint="Choose another value, or give the layer a wider type first.",
        )


def limits(dtype: np.dtype[Any]) -> tuple[int, int]:
    """Return the least and the greatest value of a type.

    Raises
    ------
    PromptError
        If it is neither integer nor bool.
    """
    if dtype.kind == "b":
        return 0, 1
    if dtype.kind not in "iu":
        raise PromptError(f"Labels are whole numbers, not {dtype}.", hint="Choose a Labels layer.")
    found = np.iinfo(dtype)
    return int(found.min), int(found.max)
