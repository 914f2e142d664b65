"""Edits of label arrays: the block that changed, as it was and as it shall be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import PromptError

Labels = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Edit:
    """One change of an array, no larger than what changes.

    Attributes
    ----------
    shape : tuple of int
        Of the whole array.
    slices : tuple of slice
        Where the block lies, one for each axis.
    before, after : ndarray
        The block, of the array's type. They differ on every side of the block.
    """

    shape: tuple[int, ...]
    slices: tuple[slice, ...]
    before: Labels
    after: Labels

    @property
    def changed(self) -> int:
        """The number of pixels that change."""
        return int(np.count_nonzero(self.before != self.after))

    def inverse(self) -> Edit:
        """Return the edit that takes this one back."""
        return replace(self, before=self.after, after=self.before)

    def write(self, labels: Labels) -> None:
        """Write the block into ``labels``, in place.

        Raises
        ------
        PromptError
            If ``labels`` is not of the shape and type that the edit was made for.
        """
        check_fit(labels, self.shape, self.after.dtype)
        labels[self.slices] = self.after


def edit_of(labels: Labels, slices: tuple[slice, ...], after: Labels) -> Edit | None:
    """Return the edit that makes ``labels[slices]`` equal to ``after``, or None where it is already."""
    before = labels[slices].copy()  # once: whoever paints meanwhile shall not be in one half of the edit only
    return edit_between(labels.shape, slices, before, after.copy())


def edit_between(shape: tuple[int, ...], slices: tuple[slice, ...], before: Labels, after: Labels) -> Edit | None:
    """Return the edit of an array of ``shape`` that turns one block into the other, or None if they are equal.

    Parameters
    ----------
    shape : tuple of int
    slices : tuple of slice
        Where the block lies, one for each axis.
    before, after : ndarray
        The block, of the array's type. The edit keeps these arrays themselves where it needs most of them.
    """
    differ = before != after
    cut = []
    for axis in range(differ.ndim):
        at = np.flatnonzero(differ.any(axis=tuple(other for other in range(differ.ndim) if other != axis)))
        if not at.size:
            return None
        cut.append(slice(int(at[0]), int(at[-1]) + 1))
    place = tuple(
        slice(whole.start + part.start, whole.start + part.stop) for whole, part in zip(slices, cut, strict=True)
    )
    before_part, after_part = before[tuple(cut)], after[tuple(cut)]
    if 2 * before_part.size > before.size:  # a copy would cost more than what the rest holds
        return Edit(shape, place, before_part, after_part)
    return Edit(shape, place, before_part.copy(), after_part.copy())


def check_fit(labels: Labels, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Raise where a block made for another array would be written.

    Raises
    ------
    PromptError
        If ``labels`` differs in shape or type.
    """
    if labels.shape != shape or labels.dtype != dtype:
        raise PromptError(
            f"The layer is now {labels.shape} of {labels.dtype}; it was {shape} of {dtype} when it was edited.",
            hint="Its earlier edits cannot be taken back any more.",
        )
