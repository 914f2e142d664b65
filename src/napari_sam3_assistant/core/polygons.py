"""Outlines of labels along the edges of pixels, and back: what is drawn and filled again is the same pixels.

Coordinates are (row, col) of the corners of pixels: the first pixel of a plane has its corners at 0, 0 and 1, 1.
An outline goes round its pixels so that they lie on its right as rows go down; then the area that Gauss's formula
gives for x = col and y = row is positive, and that of a hole negative.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.filling import fill
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.progress import UNWATCHED, Watch

Corners = npt.NDArray[np.int64]
Ints = npt.NDArray[np.int64]
STRIP_PIXELS = 2**21
"""How many pixels are looked at at a time."""
WALKED_BETWEEN = 10_000

# The pixels round a corner: upper left, upper right, lower left, lower right. Of each: whether an outline that turns
# round this pixel alone goes right and down there, and whether it comes along a row and leaves along a column.
_RIGHT, _DOWN, _COMES_ALONG_ROW = (False, False, True, True), (True, False, True, False), (False, True, True, False)


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Pixels that hang together by their sides, as an outline and its holes.

    Attributes
    ----------
    outer : ndarray of shape (n, 2), int64
        Corners (row, col) of the outline, the last joined to the first.
    holes : tuple of ndarray of shape (n, 2), int64
    """

    outer: Corners
    holes: tuple[Corners, ...] = ()

    @property
    def rings(self) -> tuple[Corners, ...]:
        """The outline and its holes."""
        return self.outer, *self.holes

    def shifted(self, rows: int, cols: int) -> Piece:
        """Return the piece moved by whole pixels."""
        by = (rows, cols)
        return Piece(self.outer + by, tuple(hole + by for hole in self.holes))


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """All pieces of a label.

    Attributes
    ----------
    label : int
    pieces : tuple of Piece
        One at least.
    """

    label: int
    pieces: tuple[Piece, ...]

    @property
    def area(self) -> int:
        """Number of pixels."""
        return sum(_area(ring) for piece in self.pieces for ring in piece.rings) // 2

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Top, left, bottom and right, half-open."""
        low = np.min([piece.outer.min(axis=0) for piece in self.pieces], axis=0)
        high = np.max([piece.outer.max(axis=0) for piece in self.pieces], axis=0)
        return int(low[0]), int(low[1]), int(high[0]), int(high[1])

    @property
    def rings(self) -> tuple[Corners, ...]:
        """Outlines and holes of all pieces."""
        return tuple(ring for piece in self.pieces for ring in piece.rings)

    def mask(self) -> PlacedMask:
        """Return the pixels, cut to their box."""
        top, left, bottom, right = self.box
        return PlacedMask(fill(self.rings, (top, left, bottom, right)), (top, left))


def trace(labels: npt.NDArray[Any], *, watch: Watch = UNWATCHED) -> tuple[Outline, ...]:
    """Return the outline of each label above 0, by label.

    Parameters
    ----------
    labels : ndarray of shape (H, W), integer or bool
    watch : Watch

    Notes
    -----
    No ring touches itself, a hole touches its outline in single corners at most, and pieces that touch by a
    corner stay apart: these are valid polygons of the OGC's Simple Features.
    """
    found = _corners(labels, watch)
    if not found.row.size:
        return ()
    order, starts = _walk(_follow(found), found, watch)
    rings = np.stack([found.row[order], found.col[order]], axis=1)
    value = found.value[order][starts]
    areas = _areas(rings, starts)
    by_value = np.argsort(value, kind="stable")
    cuts = np.flatnonzero(np.diff(value[by_value])) + 1
    split = np.split(rings, starts[1:])
    outlines = []
    for group in np.split(by_value, cuts):
        label = value[group[0]]
        outer = [split[k] for k in group.tolist() if areas[k] > 0]
        holes = [split[k] for k in group.tolist() if areas[k] < 0]
        outlines.append(Outline(int(label), _pieces(labels, label, outer, holes)))
    return tuple(outlines)


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """Corners of outlines, one entry each: place, label, and how the outline turns there."""

    row: Ints
    col: Ints
    value: npt.NDArray[Any]
    right: npt.NDArray[np.bool_]
    down: npt.NDArray[np.bool_]
    comes_along_row: npt.NDArray[np.bool_]
    twin: npt.NDArray[np.bool_]
    width: int


def _corners(labels: npt.NDArray[Any], watch: Watch) -> _Found:
    """Return where outlines turn; one that meets itself by a corner turns twice there, a ``twin``."""
    plain = labels.view(np.uint8) if labels.dtype == bool else labels
    height, width = plain.shape
    step = max(STRIP_PIXELS // max(width, 1), 1)
    parts: list[tuple[npt.NDArray[Any], ...]] = []
    for start in watch.over(range(0, height + 1, step)):
        stop = min(start + step, height + 1)
        strip = np.zeros((stop - start + 1, width + 2), plain.dtype)
        low, high = max(start - 1, 0), min(stop, height)
        strip[low - start + 1 : high - start + 1, 1:-1] = plain[low:high]
        across, along = strip[:, 1:] != strip[:, :-1], strip[1:] != strip[:-1]
        row, col = np.nonzero((across[:-1] | across[1:]) & (along[:, :-1] | along[:, 1:]))
        around = strip[row, col], strip[row, col + 1], strip[row + 1, col], strip[row + 1, col + 1]
        parts += [(row[k] + start, col[k], *rest) for k, *rest in _turns(around)]
    row, col, value, right, down, comes, twin = (np.concatenate(column) for column in zip(*parts, strict=True))
    return _Found(row, col, value, right, down, comes, twin, width + 1)


def _turns(around: Sequence[npt.NDArray[Any]]) -> Iterable[tuple[npt.NDArray[Any], ...]]:
    """Yield which corners turn round each of the four pixels, and how; ``around`` are their labels."""
    for at, value in enumerate(around):
        beside, above, across = around[at ^ 1] == value, around[at ^ 2] == value, around[at ^ 3] == value
        object_there = value > 0
        alone, round_three = object_there & ~beside & ~above, object_there & beside & above & ~across
        for chosen, comes in ((alone, _COMES_ALONG_ROW[at]), (round_three, not _COMES_ALONG_ROW[at])):
            index = np.flatnonzero(chosen)
            same = [np.full(index.size, truth) for truth in (_RIGHT[at], _DOWN[at], comes)]
            yield index, value[index], *same, (alone & across)[index]


def _follow(found: _Found) -> Ints:
    """Return the corner that comes after each one, as the outline goes."""
    follow = np.zeros(found.row.size, np.int64)
    _, rank = np.unique(found.value, return_inverse=True)
    for leaves, forward, line, along in (
        (~found.comes_along_row, found.right, found.row, found.col),
        (found.comes_along_row, found.down, found.col, found.row),
    ):
        # On a line, ends of one direction and one label alternate: the first to leave meets the first to come.
        key, flat = rank * 2 + forward, line * (int(along.max()) + 1) + along
        order = np.lexsort((flat, key))
        leaving = leaves[order]
        follow[order[leaving]] = order[~leaving]
    return follow


def _walk(follow: Ints, found: _Found, watch: Watch) -> tuple[Ints, Ints]:
    """Return the corners ring by ring, and where each ring begins; no ring meets itself."""
    after, twin = follow.tolist(), found.twin.tobytes()
    place = (found.row * found.width + found.col).tolist() if any(twin) else []
    seen = bytearray(len(after))
    order: list[int] = []
    starts: list[int] = []
    for begin in range(len(after)):
        if begin % WALKED_BETWEEN == 0:
            watch.at(None)
        if seen[begin]:
            continue
        ring, pinched, at = [], False, begin
        while not seen[at]:
            seen[at] = 1
            ring.append(at)
            pinched = pinched or twin[at] == 1
            at = after[at]
        for simple in _parted(ring, place, twin) if pinched else (ring,):
            starts.append(len(order))
            order += simple
    return np.array(order, np.int64), np.array(starts, np.int64)


def _parted(ring: list[int], place: list[int], twin: bytes) -> Iterable[list[int]]:
    """Yield the rings that one falls into where it comes to a corner a second time."""
    kept: list[int] = []
    known: dict[int, int] = {}
    for corner in ring:
        if twin[corner]:
            before = known.get(place[corner])
            if before is not None:
                yield kept[before:]
                for gone in kept[before:]:
                    known.pop(place[gone], None)
                del kept[before:]
            known[place[corner]] = len(kept)
        kept.append(corner)
    yield kept


def _pieces(
    labels: npt.NDArray[Any], label: Any, outer: Sequence[Corners], holes: Sequence[Corners]
) -> tuple[Piece, ...]:
    """Return which holes lie in which outline."""
    if not holes:
        return tuple(Piece(ring) for ring in outer)
    if len(outer) == 1:
        return (Piece(outer[0], tuple(holes)),)
    from scipy import ndimage as ndi

    corners = np.concatenate(outer)
    (top, left), (bottom, right) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    parts, _ = ndi.label(labels[top:bottom, left:right] == label)
    return tuple(one.pieces[0].shifted(top, left) for one in trace(parts))


def _areas(rings: Corners, starts: Ints) -> Ints:
    """Return twice the area of each ring."""
    ends = np.append(starts[1:], len(rings))
    after = np.arange(1, len(rings) + 1)
    after[ends - 1] = starts
    cross = rings[:, 1] * rings[after, 0] - rings[after, 1] * rings[:, 0]
    return np.add.reduceat(cross, starts)


def _area(ring: Corners) -> int:
    """Return twice the area of a ring."""
    return int(_areas(ring, np.zeros(1, np.int64))[0])
