"""How one level of a label stack is cut: into blocks that are one plane thick, whichever axes its planes lie along."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.export import omezarr

Labels = npt.NDArray[np.integer[Any]]
Block = tuple[int, int]
"""Row and column of a block among those of its plane."""


@dataclass(frozen=True, slots=True)
class LevelBlocks:
    """The blocks of a level.

    Attributes
    ----------
    full : tuple of int
        Shape of the stack at full resolution.
    rows, cols : int
        The axes along rows and columns of its planes.
    factor : int
        How much coarser the level is along those two.
    """

    full: tuple[int, ...]
    rows: int
    cols: int
    factor: int = 1

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the level."""
        return tuple(-(-length // step) for length, step in zip(self.full, self.steps, strict=True))

    @property
    def steps(self) -> tuple[int, ...]:
        """How many pixels of full resolution one of the level takes along each axis."""
        return tuple(self.factor if axis in (self.rows, self.cols) else 1 for axis in range(len(self.full)))

    @property
    def block(self) -> tuple[int, ...]:
        """Shape of a block."""
        sides = enumerate(self.shape)
        return tuple(min(omezarr.BLOCK_SIDE, length) if axis in (self.rows, self.cols) else 1 for axis, length in sides)

    def where(self, index: Sequence[int], block: Block) -> tuple[int | slice, ...]:
        """Return where a block lies in the level, on the plane at ``index`` on all other axes."""
        sides, rest = self.block, iter(index)
        first = {self.rows: block[0] * sides[self.rows], self.cols: block[1] * sides[self.cols]}
        return tuple(
            slice(first[axis], first[axis] + sides[axis]) if axis in first else next(rest)
            for axis in range(len(self.full))
        )

    def of_chunk(self, chunk: Sequence[int]) -> tuple[tuple[int, ...], Block]:
        """Return the index of the plane, and the block, of a chunk of the array."""
        index = tuple(one for axis, one in enumerate(chunk) if axis not in (self.rows, self.cols))
        return index, (chunk[self.rows], chunk[self.cols])

    def cut(self, labels: Labels, at: tuple[int, int]) -> dict[Block, Labels]:
        """Return the blocks of a plane that hold a label, whole, in the order of the array's axes.

        Parameters
        ----------
        labels : ndarray of shape (h, w)
            A part of the plane at full resolution; the rest is background.
        at : tuple of int
            Row and column of the plane where it begins.
        """
        skip = -at[0] % self.factor, -at[1] % self.factor
        part = labels[skip[0] :: self.factor, skip[1] :: self.factor]
        first = (at[0] + skip[0]) // self.factor, (at[1] + skip[1]) // self.factor
        length = self.shape[self.rows], self.shape[self.cols]
        side = self.block[self.rows], self.block[self.cols]
        spans = [
            range(max(first[k], 0) // side[k], -(-min(first[k] + part.shape[k], length[k]) // side[k])) for k in (0, 1)
        ]
        found: dict[Block, Labels] = {}
        for row, col in product(*spans):
            block = row, col
            start = [block[k] * side[k] for k in (0, 1)]
            size = [min(side[k], length[k] - start[k]) for k in (0, 1)]
            low = [max(first[k], start[k]) for k in (0, 1)]
            high = [min(first[k] + part.shape[k], start[k] + size[k]) for k in (0, 1)]
            here = part[low[0] - first[0] : high[0] - first[0], low[1] - first[1] : high[1] - first[1]]
            if here.any():
                whole = np.zeros(size, part.dtype)
                whole[low[0] - start[0] : high[0] - start[0], low[1] - start[1] : high[1] - start[1]] = here
                found[block] = whole if self.rows < self.cols else whole.T
        return found
