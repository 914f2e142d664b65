"""COCO's run-length codes: a mask read column by column, lengths of runs in turn, the first one background."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import ImageError
from napari_sam3_assistant.core.geometry import PlacedMask

Counts = npt.NDArray[np.int64]
_BITS, _MORE, _SIGN, _FIRST = 5, 0x20, 0x10, 48
_MOST_LETTERS = 12
"""Of one number: more than any number of 64 bits has would be nonsense."""


def counts_of(mask: PlacedMask, shape: tuple[int, int]) -> Counts:
    """Return the lengths of the runs of a mask, which lies inside a plane of ``shape`` (H, W)."""
    height, width = shape
    (top, left), (rows, cols) = mask.offset, mask.mask.shape
    steps = np.zeros((cols, rows + 1), np.int8)
    steps[:, :rows] = mask.mask.T
    steps[:, 1:] -= steps[:, :-1].copy()
    col, row = np.nonzero(steps)
    place = (col + left) * height + row + top
    # Where a run ends at the foot of a column and the next begins at the head of the next, they are one.
    same = np.flatnonzero(place[1:] == place[:-1])
    place = np.delete(place, np.concatenate([same, same + 1]))
    end = [height * width] if not place.size or place[-1] < height * width else []
    return np.diff(np.concatenate([[0], place, end])).astype(np.int64)


def text_of(counts: Counts) -> str:
    """Return runs as the text that package ``pycocotools`` calls compressed counts.

    Notes
    -----
    From the fourth on, the difference to the number two before; five bits a letter, the lowest first, with a sixth
    for "more follow", from letter "0". As ``rleToString`` of COCO's ``maskApi.c`` does.
    """
    rest = counts.copy()
    rest[3:] -= counts[1:-2]
    letters: list[npt.NDArray[np.uint8]] = []
    there: list[npt.NDArray[np.bool_]] = []
    open_ = np.ones(rest.size, bool)
    while open_.any():
        bits = rest & (2**_BITS - 1)
        rest = rest >> _BITS
        more = np.where(bits & _SIGN, rest != -1, rest != 0)
        letters.append((bits + np.where(more, _MORE, 0) + _FIRST).astype(np.uint8))
        there.append(open_)
        open_ = open_ & more
    if not letters:
        return ""
    return np.stack(letters, axis=1)[np.stack(there, axis=1)].tobytes().decode("ascii")


def counts_in(text: str) -> Counts:
    """Return the runs that :func:`text_of` has written.

    Raises
    ------
    ImageError
        If it is no such text.
    """
    letters = np.frombuffer(text.encode("utf-8"), np.uint8).astype(np.int64) - _FIRST
    last = np.flatnonzero((letters & _MORE) == 0)
    if not last.size or letters.min() < 0 or letters.max() >= 2 * _MORE or last[-1] != letters.size - 1:
        raise ImageError("The run-length code is broken.", hint="Write the file again where it was made.")
    first = np.concatenate([[0], last[:-1] + 1])
    lengths = last - first + 1
    if lengths.max() > _MOST_LETTERS:
        raise ImageError("The run-length code is broken.", hint="Write the file again where it was made.")
    place = np.arange(letters.size) - np.repeat(first, lengths)
    numbers = np.add.reduceat((letters & (2**_BITS - 1)) << (_BITS * place), first)
    negative = (letters[last] & _SIGN) != 0
    numbers[negative] -= np.int64(1) << (_BITS * lengths[negative])
    # The first stands alone; of the others every second one is told by its difference to the one before it.
    for begin in (1, 2):
        numbers[begin::2] = np.cumsum(numbers[begin::2])
    return numbers


def mask_of(counts: Sequence[Any] | Counts, shape: tuple[int, int]) -> PlacedMask | None:
    """Return the mask that runs tell of a plane of ``shape`` (H, W), cut to its columns; None where it is empty.

    Raises
    ------
    ImageError
        If they are no whole numbers from 0, or do not fill the plane.
    """
    runs = np.asarray(counts)
    if runs.ndim != 1 or runs.dtype.kind not in "iu" or not runs.size:
        raise ImageError("The run-length code holds what is no whole number.", hint="Check `counts`.")
    height, width = shape
    if int(runs.min()) < 0 or int(runs.max()) > height * width or sum(runs.tolist()) != height * width:
        raise ImageError(
            f"The run-length code does not fill {height} x {width} pixels.", hint="Check `size` and `counts`."
        )
    edges = np.cumsum(runs)[: runs.size // 2 * 2].reshape(-1, 2)
    edges = edges[edges[:, 0] < edges[:, 1]]
    if not edges.size:
        return None
    left, right = int(edges[0, 0]) // height, -(-int(edges[-1, 1]) // height)
    turns = np.zeros((right - left) * height + 1, np.uint8)
    np.bitwise_xor.at(turns, edges.reshape(-1) - left * height, 1)
    mask = np.bitwise_xor.accumulate(turns)[:-1].reshape(right - left, height).T.astype(bool)
    rows = np.flatnonzero(mask.any(axis=1))
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    return PlacedMask(mask[top:bottom], (top, left))
