"""Where in an array of labels an operation may work: a block of it, and a region of each of its planes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.masks.edits import Edit, edit_between
from napari_sam3_assistant.masks.regions import region_of

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
    """Return the edit of ``labels`` that an operation on the scope's block makes, pixel by pixel.

    It sees all of the block; of what it changes, only pixels in the scope's region do. For operations on whole
    objects there is :func:`among`.

    Parameters
    ----------
    labels : array of integer or bool
        In memory, or read where it is sliced.
    scope : Scope
    operation : callable
        Is given the block.
    """
    edit = operation(scope.block(labels))
    if edit is not None and scope.region is not None:
        place = _shifted(edit.slices, scope.slices)
        inside = region_of(scope.region, place)
        edit = edit_between(edit.shape, edit.slices, edit.before, np.where(inside, edit.after, edit.before))
    return _placed(edit, labels, scope)


def among(labels: Any, scope: Scope, operation: Callable[[Labels, PlacedMask | None], Edit | None]) -> Edit | None:
    """Return the edit of ``labels`` that an operation on whole objects of the scope's block makes.

    Parameters
    ----------
    labels : array of integer or bool
        In memory, or read where it is sliced.
    scope : Scope
    operation : callable
        Is given the block, and the region in pixels of the block: its ``among``.
    """
    region = scope.region
    if region is not None:
        region = region.shifted(-scope.slices[-2].start, -scope.slices[-1].start)
    return _placed(operation(scope.block(labels), region), labels, scope)


def _placed(edit: Edit | None, labels: Any, scope: Scope) -> Edit | None:
    if edit is None:
        return None
    return replace(edit, shape=tuple(labels.shape), slices=_shifted(edit.slices, scope.slices))


def _shifted(slices: tuple[slice, ...], around: tuple[slice, ...]) -> tuple[slice, ...]:
    """Return slices of a block as slices of the array that it lies in."""
    return tuple(
        slice(part.start + outer.start, part.stop + outer.start) for part, outer in zip(slices, around, strict=True)
    )
