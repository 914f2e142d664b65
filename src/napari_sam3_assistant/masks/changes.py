"""Edits made from what an operation has found: from runs and their new values, or from a copy that it changed."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.masks.edits import Edit, edit_between
from napari_sam3_assistant.masks.runs import Runs, check_labels, ranges

Labels = npt.NDArray[Any]

# Of a block: with more pixels than this, an index of each costs more than looking at all.
_FEW = 1 / 16


def snapshot(labels: Labels) -> Labels:
    """Return a copy to work on, in one piece and in this machine's byte order: others may paint meanwhile.

    Raises
    ------
    PromptError
        If the array does not hold integers or booleans.
    """
    check_labels(labels)
    return np.array(labels, dtype=labels.dtype.newbyteorder("="), order="C", copy=True, subok=False)


def edit_from(labels: Labels, before: Labels, after: Labels) -> Edit | None:
    """Return the edit that turns ``before``, a snapshot of ``labels``, into ``after``; it keeps both."""
    whole = tuple(slice(0, length) for length in labels.shape)
    return edit_between(
        labels.shape, whole, before.astype(labels.dtype, copy=False), after.astype(labels.dtype, copy=False)
    )


def edit_of_runs(labels: Labels, runs: Runs, chosen: npt.NDArray[np.bool_], values: Labels) -> Edit | None:
    """Return the edit that gives runs other values, or None where none is chosen.

    Parameters
    ----------
    labels : ndarray
    runs : Runs
        Those of ``labels``.
    chosen : ndarray of shape (n,), bool
        Which runs change; each must get another value than it has.
    values : ndarray of shape (n,)
        Their new values.

    Raises
    ------
    PromptError
        If ``labels`` has changed since the runs were found.
    """
    if not chosen.any():
        return None
    length = (runs.stop - runs.start)[chosen]
    inside, block = [], []
    for axis in range(len(runs.shape)):
        at = runs.along(axis)[chosen]
        last = at + length if axis == len(runs.shape) - 1 else at + 1
        block.append(slice(int(at.min()), int(last.max())))
        inside.append(at - block[axis].start)
    before = labels[tuple(block)].copy()
    start = np.ravel_multi_index(inside, before.shape)
    after, flat = before.copy(), before.reshape(-1)
    if int(length.sum()) < _FEW * before.size:
        pixels = ranges(start, length)
        if not np.array_equal(flat[pixels], np.repeat(runs.label[chosen], length)):
            raise painted()
        after.reshape(-1)[pixels] = np.repeat(values[chosen], length)
        return Edit(labels.shape, tuple(block), before, after)
    # What lies between the runs, run by run: no index of every pixel.
    gap = np.diff(np.append(start, before.size), prepend=0)
    gap[1:] -= length
    counts = np.stack([gap, np.append(length, 0)], axis=1).reshape(-1)
    where = np.repeat(_between(np.ones(start.size, bool)), counts)
    if np.any((flat != np.repeat(_between(runs.label[chosen]), counts)) & where):
        raise painted()
    np.copyto(after.reshape(-1), np.repeat(_between(values[chosen]), counts), where=where)
    return Edit(labels.shape, tuple(block), before, after)


def _between(values: Labels) -> Labels:
    """Return values with a zero before each, and two at the end."""
    out = np.zeros((values.size + 1, 2), values.dtype)
    out[:-1, 1] = values
    return out.reshape(-1)


def painted() -> PromptError:
    """Return the error for labels that have changed since they were looked at."""
    return PromptError("The layer was changed meanwhile; it is left as it is.", hint="Try again.")
