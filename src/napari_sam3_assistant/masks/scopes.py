"""Where in an array of labels an operation may work: a block of it, and a region of each of its planes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.masks.edits import Edit

Labels = npt.NDArray[Any]


class Reach(Enum):
    """How far an operation reaches along the axes that have a slider; the value is what the user reads."""

    SLICE = "Current slice"
    RANGE = "Z range"
    WHOLE = "Whole volume"


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """A block of an array, and what of its planes counts.

    Attributes
    ----------
    slices : tuple of slice
        One for each axis, with start and stop; what lies outside is neither looked at nor changed.
    region : PlacedMask or None
        On the last two axes, in pixels of the whole plane; None: all of it.
    """

    slices: tuple[slice, ...]
    region: PlacedMask | None = None

    def block(self, labels: Any) -> Labels:
        """Return the pixels of the block: a view where ``labels`` is an array in memory."""
        return np.asarray(labels[self.slices])


def whole(shape: tuple[int, ...]) -> Scope:
    """Return the scope that leaves nothing out."""
    return Scope(tuple(slice(0, length) for length in shape))


def within(labels: Any, scope: Scope, operation: Callable[[Labels], Edit | None]) -> Edit | None:
    """Return the edit of ``labels`` that an operation on the scope's block makes.

    Parameters
    ----------
    labels : array of integer or bool
        In memory, or read where it is sliced.
    scope : Scope
    operation : callable
        Is given the block.
    """
    edit = operation(scope.block(labels))
    if edit is None:
        return None
    slices = tuple(
        slice(part.start + outer.start, part.stop + outer.start)
        for part, outer in zip(edit.slices, scope.slices, strict=True)
    )
    return replace(edit, shape=tuple(labels.shape), slices=slices)
