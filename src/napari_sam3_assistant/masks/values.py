"""The values of labels: how many pixels have each, and other values in their place.

Labels are integers or booleans; values above 0 are objects, 0 is background. Negative values are left
alone unless they are named. The array that is passed in is never changed. What is computed is computed
once for each run of equal pixels or, where the type has few values, once for each of these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.progress import UNWATCHED, Watch
from napari_sam3_assistant.masks.changes import edit_from
from napari_sam3_assistant.masks.dtypes import check_holds, holds, wide_enough
from napari_sam3_assistant.masks.edits import Edit
from napari_sam3_assistant.masks.runs import check_labels, starts

Labels = npt.NDArray[Any]

__all__ = [
    "convert_nonzero",
    "delete_values",
    "holds",
    "keep_values",
    "relabel",
    "renumber",
    "value_counts",
    "wide_enough",
]

# Pixels that are looked at at once: they and their copies stay in the processor's cache.
_STRIP = 1 << 19

# With more pixels than this, a table of all values is made for types of up to two bytes.
_LARGE = 1 << 18


def value_counts(labels: Labels, watch: Watch = UNWATCHED) -> tuple[tuple[int, int], ...]:
    """Return ``(value, number of its pixels)`` of every value that occurs, sorted; background and negative ones too.

    Raises
    ------
    PromptError
        If the array does not hold integers or booleans.
    Cancelled
        If the work shall stop.
    """
    check_labels(labels)
    found: list[Labels] = [np.zeros(0, labels.dtype)]
    counts = [np.zeros(0, np.int64)]
    lines = _lines(labels)
    for strip in watch.over(_strips(lines)):
        block = _block(lines, strip)
        start = starts(block)
        values, place = np.unique(block.reshape(-1)[start], return_inverse=True)
        found.append(values)
        counts.append(np.bincount(place, weights=np.diff(start, append=block.size)).astype(np.int64))
    values, place = np.unique(np.concatenate(found), return_inverse=True)
    total = np.zeros(values.size, np.int64)
    np.add.at(total, place, np.concatenate(counts))
    return tuple(zip((int(value) for value in values.tolist()), total.tolist(), strict=True))


def relabel(labels: Labels, values: Iterable[int], new: int, watch: Watch = UNWATCHED) -> Edit | None:
    """Return the edit that gives all pixels of ``values`` the value ``new``; 0 and negative values can be named too.

    Raises
    ------
    PromptError
        If the array does not hold integers or booleans, or cannot hold ``new``: see :func:`wide_enough`.
    Cancelled
        If the work shall stop.
    """
    check_holds(labels.dtype, new)
    chosen = _sorted(values, labels.dtype)
    return _changed(labels, lambda found: np.where(_among(found, chosen), found.dtype.type(new), found), watch)


def delete_values(labels: Labels, values: Iterable[int], watch: Watch = UNWATCHED) -> Edit | None:
    """Return the edit that makes all pixels of ``values`` background; errors as :func:`relabel`."""
    return relabel(labels, values, 0, watch)


def keep_values(labels: Labels, values: Iterable[int], watch: Watch = UNWATCHED) -> Edit | None:
    """Return the edit that makes all objects of other values background; errors as :func:`relabel`."""
    chosen = _sorted(values, labels.dtype)
    return _changed(
        labels, lambda found: np.where((found > 0) & ~_among(found, chosen), found.dtype.type(0), found), watch
    )


def convert_nonzero(labels: Labels, new: int, watch: Watch = UNWATCHED) -> Edit | None:
    """Return the edit that gives all objects the value ``new``; errors as :func:`relabel`."""
    check_holds(labels.dtype, new)
    return _changed(labels, lambda found: np.where(found > 0, found.dtype.type(new), found), watch)


def renumber(labels: Labels, watch: Watch = UNWATCHED) -> Edit | None:
    """Return the edit that numbers the objects' values from 1 on without gaps, in their order.

    Errors as :func:`relabel`.
    """
    present = [value for value, _ in value_counts(labels, watch.share(0, 0.4)) if value > 0]
    old = np.array(present, labels.dtype.newbyteorder("="))
    if not old.size or present[-1] == len(present):
        return None

    def numbered(found: Labels) -> Labels:
        place = np.searchsorted(old, found)
        known = np.minimum(place, old.size - 1)  # whoever paints meanwhile may bring a new value
        return np.where(old[known] == found, (known + 1).astype(found.dtype), found)

    return _changed(labels, numbered, watch.share(0.4, 1))


def _changed(labels: Labels, new_of: Callable[[Labels], Labels], watch: Watch) -> Edit | None:
    """Return the edit that gives pixels the values which ``new_of`` returns for an array of their values."""
    check_labels(labels)
    dtype = labels.dtype.newbyteorder("=")
    lines = _lines(labels)
    before, after = np.empty(lines.shape, dtype), np.empty(lines.shape, dtype)
    table = new_of(_every(dtype)) if dtype.itemsize <= 2 and lines.size > _LARGE else None
    touched = table is not None
    for strip in watch.over(_strips(lines)):
        block = before[strip]
        block[...] = lines[strip]
        if table is not None:
            np.take(table, block.view(f"u{dtype.itemsize}"), out=after[strip], mode="clip")
            continue
        start = starts(block)
        old = block.reshape(-1)[start]
        new = new_of(old)
        if np.array_equal(new, old):
            after[strip] = block
            continue
        touched = True
        after[strip] = np.repeat(new, np.diff(start, append=block.size)).reshape(block.shape)
    if not touched:
        return None
    return edit_from(labels, before.reshape(labels.shape), after.reshape(labels.shape))


def _every(dtype: np.dtype[Any]) -> Labels:
    """Return all values of a type of one or two bytes, each where its bits are the index."""
    counted = np.dtype(f"u{dtype.itemsize}")
    return np.arange(2 if dtype.kind == "b" else np.iinfo(counted).max + 1, dtype=counted).view(dtype)


def _lines(labels: Labels) -> Labels:
    """Return the array as rows of its last axis; a view where that can be."""
    return labels.reshape(-1, max(labels.shape[-1], 1))


def _strips(lines: Labels) -> list[slice]:
    step = max(_STRIP // lines.shape[1], 1)
    return [slice(top, top + step) for top in range(0, len(lines), step)]


def _block(lines: Labels, strip: slice) -> Labels:
    return np.ascontiguousarray(lines[strip], lines.dtype.newbyteorder("="))


def _sorted(values: Iterable[int], dtype: np.dtype[Any]) -> Labels:
    """Return those of ``values`` that occur in labels of ``dtype`` at all, sorted."""
    return np.array(sorted({int(value) for value in values if holds(dtype, int(value))}), dtype.newbyteorder("="))


def _among(found: Labels, chosen: Labels) -> npt.NDArray[np.bool_]:
    """Return which of ``found`` are among ``chosen``, which are sorted."""
    if not chosen.size:
        return np.zeros(found.shape, bool)
    place = np.minimum(np.searchsorted(chosen, found), chosen.size - 1)
    return np.asarray(chosen[place] == found, bool)
