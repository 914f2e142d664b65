"""How Meta's tensors become those of transformers: which from which, and what is done on the way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.engines.weights import names
from napari_sam3_assistant.engines.weights.files import Entry


@dataclass(frozen=True, slots=True)
class Piece:
    """One tensor that is written.

    Attributes
    ----------
    name : str
        Its new name.
    sources : tuple of str
        Meta's names of what it is made of: one, or several that are put below each other.
    entry : Entry
        What it will be.
    part : int or None
        Which third of the source it is, where Meta keeps three in one.
    """

    name: str
    sources: tuple[str, ...]
    entry: Entry
    part: int | None = None

    def made(self, arrays: Iterable[npt.NDArray[Any]]) -> npt.NDArray[Any]:
        """Return it, made of what its sources hold; a view where that is possible."""
        several = list(arrays)
        one = several[0] if len(several) == 1 else np.concatenate(several)
        if self.part is not None:
            third = one.shape[0] // len(names.PARTS)
            one = one[self.part * third : (self.part + 1) * third]
        if self.name == names.CLASS_TOKEN:
            one = one[:, 1:]
        return one.T if self.name == names.TRANSPOSED else one


def plan(entries: Mapping[str, Entry]) -> list[Piece]:
    """Return what is written for Meta's tensors ``entries``, in their order.

    Raises
    ------
    KeyError
        If a name is none of SAM3's.
    ValueError
        If a tensor has not got the shape that it must have.
    """
    pieces: list[Piece] = []
    points: dict[str, str] = {}
    for source, entry in entries.items():
        new = names.renamed(source)
        if new is None:
            continue
        if names.POINT.fullmatch(new):
            points[new] = source
        elif names.SPLIT in new:
            pieces.extend(_thirds(new, source, entry))
        else:
            pieces.append(Piece(new, (source,), _reshaped(new, entry)))
        if new == names.GRID:
            pieces.append(Piece(names.GRID_AGAIN, (source,), entry))
    if points:
        pieces.append(_together([points[name] for name in sorted(points)], entries))
    return pieces


def _thirds(new: str, source: str, entry: Entry) -> list[Piece]:
    count = len(names.PARTS)
    if not entry.shape or entry.shape[0] % count:
        raise ValueError(source)
    third = replace(entry, shape=(entry.shape[0] // count, *entry.shape[1:]))
    return [Piece(new.replace(names.SPLIT, letter), (source,), third, part) for part, letter in enumerate(names.PARTS)]


def _reshaped(new: str, entry: Entry) -> Entry:
    if new == names.CLASS_TOKEN:
        if len(entry.shape) != 3 or entry.shape[1] < 2:
            raise ValueError(new)
        return replace(entry, shape=(entry.shape[0], entry.shape[1] - 1, entry.shape[2]))
    return replace(entry, shape=entry.shape[::-1]) if new == names.TRANSPOSED else entry


def _together(sources: list[str], entries: Mapping[str, Entry]) -> Piece:
    first = entries[sources[0]]
    if any(entries[one] != first for one in sources) or not first.shape:
        raise ValueError(names.POINTS)
    rows = first.shape[0] * len(sources)
    return Piece(names.POINTS, tuple(sources), replace(first, shape=(rows, *first.shape[1:])))
