"""Label arrays as runs: stretches of equal value along the last axis.

There are as many runs as objects have rows, so what is computed on them follows the objects,
not the plane. Runs tile the array: every pixel lies in exactly one, background too. Parts are
what hangs together: runs of one value that touch by faces along the last three axes; arrays with
more axes are looked at one volume after the other.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.progress import UNWATCHED, Watch
from napari_sam3_assistant.masks.fast import volume_pieces

Labels = npt.NDArray[Any]
Indices = npt.NDArray[np.int64]

# Axes, counted from the last, along which pixels are neighbours.
_JOINED_AXES = 3

# Pixels that are looked at between two looks at whether to stop: a few milliseconds.
_STRIP = 1 << 22


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """The runs of an array, in reading order, and how they touch.

    Attributes
    ----------
    shape : tuple of int
        Of the array.
    start, stop : ndarray of shape (n,), int64
        First index, and the one after the last, in the flattened array.
    label : ndarray of shape (n,)
        The value of each run, of the array's type.
    part : ndarray of shape (n,), int64
        Number of the part that each run belongs to, from 0 in reading order.
    """

    shape: tuple[int, ...]
    start: Indices
    stop: Indices
    label: Labels
    part: Indices

    @property
    def parts(self) -> int:
        """The number of parts."""
        return int(self.part.max()) + 1 if self.part.size else 0

    def first(self) -> Indices:
        """Return the number of the first run of each part."""
        return _firsts(self.part, self.parts)

    def areas(self) -> Indices:
        """Return the number of pixels of each part."""
        return np.bincount(self.part, weights=self.stop - self.start).astype(np.int64)

    def volumes(self) -> Indices:
        """Return the number of the plane or volume that each run lies in, from 0."""
        return self.start // max(math.prod(self.shape[-_JOINED_AXES:]), 1)

    def along(self, axis: int) -> Indices:
        """Return the index on ``axis`` at which each run starts."""
        return (self.start // math.prod(self.shape[axis + 1 :])) % self.shape[axis]

    def bounds(self, group: Indices) -> tuple[Indices, Indices]:
        """Return the first index of each group of runs on every axis, and the one after the last.

        Parameters
        ----------
        group : ndarray of shape (n,), int64
            Number of the group of each run, from 0 without gaps; runs of a negative one are left out.

        Returns
        -------
        low, high : ndarray of shape (groups, ndim), int64
        """
        order = np.argsort(group, kind="stable")
        order = order[np.searchsorted(group[order], 0) :]
        cuts = np.flatnonzero(np.diff(group[order], prepend=-1))
        low, high = [], []
        for axis in range(len(self.shape)):
            at = self.along(axis)[order]
            last = at + (self.stop - self.start)[order] if axis == len(self.shape) - 1 else at + 1
            low.append(np.minimum.reduceat(at, cuts))
            high.append(np.maximum.reduceat(last, cuts))
        return np.stack(low, axis=1), np.stack(high, axis=1)

    def clusters(self) -> Indices:
        """Return the number of the cluster of each run: as :attr:`part`, but corners join too."""
        above, below = _neighbours(self.shape, self.start, self.stop, corners=True)
        return _joined(self.start.size, above, below, self.label[above] == self.label[below])

    def on_border(self) -> npt.NDArray[np.bool_]:
        """Return whether each part reaches the border of its plane or volume."""
        reaches = np.zeros(self.start.size, bool)
        for axis in border_axes(self.shape):
            first = self.along(axis)
            last = first + (self.stop - self.start) - 1 if axis == len(self.shape) - 1 else first
            reaches |= (first == 0) | (last == self.shape[axis] - 1)
        return np.bincount(self.part, weights=reaches, minlength=self.parts) > 0

    def contacts(self) -> tuple[Indices, Indices]:
        """Return pairs of runs of different value that touch, across lines and along them."""
        left = np.flatnonzero((self.stop[:-1] % self.shape[-1]) != 0).astype(np.int64)
        above, below = _neighbours(self.shape, self.start, self.stop)
        differ = self.label[above] != self.label[below]
        one = np.concatenate([left, above[differ]])
        other = np.concatenate([left + 1, below[differ]])
        return one, other


def border_axes(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the axes whose ends are a border: those of a volume, or of a plane where there is but one."""
    joined = range(max(len(shape) - _JOINED_AXES, 0), len(shape))
    return tuple(axis for axis in joined if shape[axis] > 1 or axis >= len(shape) - 2)


def check_labels(labels: Labels) -> None:
    """Raise where an array does not hold labels.

    Raises
    ------
    PromptError
        If it holds other values than integers or booleans, or has no axis.
    """
    if labels.dtype.kind not in "biu" or not labels.ndim:
        raise PromptError(f"Labels are whole numbers, not {labels.dtype}.", hint="Choose a Labels layer.")


def starts(labels: Labels) -> Indices:
    """Return where runs start in an array that is contiguous, as indices of it when flattened."""
    flat = labels.reshape(-1)
    change = np.empty(flat.shape, bool)
    np.not_equal(flat[1:], flat[:-1], out=change[1:])
    change[:: max(labels.shape[-1], 1)] = True
    return np.flatnonzero(change).astype(np.int64, copy=False)


def find_runs(labels: Labels, watch: Watch = UNWATCHED) -> Runs:
    """Return the runs of an array of integers or booleans.

    Raises
    ------
    PromptError
        If it holds other values, or has no axis.
    Cancelled
        If the work shall stop.
    """
    check_labels(labels)
    lines = np.ascontiguousarray(labels).reshape(-1, max(labels.shape[-1], 1))
    step = max(_STRIP // lines.shape[1], 1)
    strips = range(0, len(lines), step)
    found = [starts(lines[top : top + step]) + top * lines.shape[1] for top in watch.share(0, 0.3).over(strips)]
    start = np.concatenate(found) if found else np.zeros(0, np.int64)
    stop = np.append(start[1:], lines.size) if start.size else start
    label = lines.reshape(-1)[start]
    watch.at(0.3)
    part = _parts_of_volumes(lines, labels.shape, start)
    if part is None:
        above, below = _neighbours(labels.shape, start, stop)
        watch.at(0.6)
        part = _joined(start.size, above, below, label[above] == label[below])
    watch.at(1)
    return Runs(labels.shape, start, stop, label, part)


def _parts_of_volumes(lines: Labels, shape: tuple[int, ...], start: Indices) -> Indices | None:
    """Return the part of each run of volumes, numbered in reading order; None where runs have to be joined for it.

    Of planes there are few runs beside pixels, and joining them is no slower.
    """
    if not lines.size or len(shape) < _JOINED_AXES or 1 in shape[-_JOINED_AXES:]:
        return None
    pieces = volume_pieces(lines.reshape(-1, *shape[-_JOINED_AXES:]))
    if pieces is None:
        return None
    number, part = np.unique(pieces.reshape(-1)[start], return_inverse=True)
    return _in_order(part, number.size)


def _neighbours(
    shape: tuple[int, ...], start: Indices, stop: Indices, *, corners: bool = False
) -> tuple[Indices, Indices]:
    """Return pairs of runs on different lines that share a face, or with ``corners`` an edge or corner."""
    above, below = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    axes = range(max(len(shape) - _JOINED_AXES, 0), len(shape) - 1)
    line = start - start % max(shape[-1], 1)
    for offset in itertools.product((-1, 0, 1), repeat=len(axes)):
        # Each pair once: the other line comes later in reading order.
        if offset <= (0,) * len(axes) or (not corners and sum(map(abs, offset)) > 1):
            continue
        inner, step = np.ones(start.size, bool), 0
        for axis, by in zip(axes, offset, strict=True):
            stride = math.prod(shape[axis + 1 :])
            at = (start // stride) % shape[axis] + by
            inner &= (at >= 0) & (at < shape[axis])
            step += by * stride
        first, last = start[inner], stop[inner] - 1
        if corners:
            first, last = (
                np.maximum(first - 1, line[inner]),
                np.minimum(last + 1, line[inner] + shape[-1] - 1),
            )
        # Runs tile the array: those between the two that hold the ends of the shifted run all touch it.
        low = np.searchsorted(start, first + step, "right") - 1
        count = np.searchsorted(start, last + step, "right") - low
        above.append(np.repeat(np.flatnonzero(inner), count))
        below.append(ranges(low, count))
    return np.concatenate(above), np.concatenate(below)


def _joined(count: int, above: Indices, below: Indices, same: npt.NDArray[np.bool_]) -> Indices:
    """Return the part of each run, numbered in reading order."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not count:
        return np.zeros(0, np.int64)
    ends = above[same].astype(np.int32), below[same].astype(np.int32)
    links = coo_array((np.ones(ends[0].size), ends), shape=(count, count))
    parts, part = connected_components(links, directed=False)
    return _in_order(part, parts)


def _in_order(part: npt.NDArray[np.integer[Any]], parts: int) -> Indices:
    """Return the numbers of parts so that they rise in reading order: most often they do, and it is not promised."""
    first = _firsts(part, parts)
    if np.any(first[1:] < first[:-1]):
        rank = np.empty(parts, np.int64)
        rank[np.argsort(first)] = np.arange(parts)
        part = rank[part]
    return np.asarray(part, np.int64)


def _firsts(group: npt.NDArray[np.integer[Any]], count: int) -> Indices:
    """Return where each of ``count`` groups occurs first."""
    first = np.empty(count, np.int64)
    first[group[::-1]] = np.arange(group.size - 1, -1, -1)  # of several, the last assignment stays
    return first


def ranges(start: npt.NDArray[np.integer[Any]], length: npt.NDArray[np.integer[Any]]) -> Indices:
    """Return ``start[0], start[0] + 1, ...`` for ``length[0]`` numbers, then those of the next."""
    before = np.cumsum(length) - length
    out: Indices = np.arange(int(length.sum()), dtype=np.int64) + np.repeat(start - before, length)
    return out
