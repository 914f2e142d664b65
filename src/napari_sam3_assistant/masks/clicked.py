"""Edits of all pixels of one value, in a block of labels; each returns an edit, or None where nothing changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.masks.edits import Edit, edit_of
from napari_sam3_assistant.masks.pointed import check_holds

Labels = npt.NDArray[Any]


def replaced_value(block: Labels, value: int, by: int) -> Edit | None:
    """Return the edit that gives all pixels of a value another one, 0 to delete them.

    Raises
    ------
    PromptError
        If the array cannot hold it.
    """
    check_holds(block, by)
    return _edit(block, np.where(block == value, np.array(by, block.dtype), block))


def kept_value(block: Labels, value: int) -> Edit | None:
    """Return the edit that makes all objects background but those of one value; negative values stay."""
    return _edit(block, np.where((block == value) | (block < 0), block, np.array(0, block.dtype)))


def _edit(block: Labels, after: Labels) -> Edit | None:
    return edit_of(block, tuple(slice(0, length) for length in block.shape), after)
