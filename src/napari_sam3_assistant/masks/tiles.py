"""Arrays cut into tiles, each with a halo of what lies round it; small enough for the processor's cache."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

_SIDES = {1: (1 << 18,), 2: (256, 1024), 3: (16, 96, 192)}


@dataclass(frozen=True, slots=True)
class Tile:
    """A block of an array, and the larger one round it that its pixels depend on.

    Attributes
    ----------
    inner, outer : tuple of slice
        In the array; the inner ones of all tiles cover it once, the outer ones end at its border.
    """

    inner: tuple[slice, ...]
    outer: tuple[slice, ...]

    @property
    def inside(self) -> tuple[slice, ...]:
        """Where the inner block lies in the outer one."""
        return tuple(
            slice(part.start - around.start, part.stop - around.start)
            for part, around in zip(self.inner, self.outer, strict=True)
        )


def tiles(shape: tuple[int, ...], halo: int) -> tuple[Tile, ...]:
    """Return the tiles of an array, with a halo of so many pixels on the last three axes.

    On axes before those a tile has one index and no halo: volumes do not depend on each other.
    """
    joined = min(len(shape), 3)
    wide = sum(length > 1 for length in shape[-joined:])
    sides = [1] * (len(shape) - joined) + [1] * joined
    # The sides of planes for what is flat, however many axes it has.
    for axis, side in zip(reversed(range(len(shape))), reversed(_SIDES[max(min(wide, joined), 1)]), strict=False):
        sides[axis] = max(side, halo)
    halos = [0] * (len(shape) - joined) + [halo] * joined
    cuts = [
        [
            (slice(at, min(at + side, length)), slice(max(at - margin, 0), min(at + side + margin, length)))
            for at in range(0, length, side)
        ]
        for length, side, margin in zip(shape, sides, halos, strict=True)
    ]
    return tuple(
        Tile(tuple(inner for inner, _ in parts), tuple(outer for _, outer in parts))
        for parts in itertools.product(*cuts)
    )
