"""Discs and balls on blocks of labels: of all labels at once, one shift of the block after the other.

A ball of radius r holds the pixels at a distance of at most r, measured between their centres; on two axes it is a
disc. It is taken over the last three axes at most. What lies outside the block counts for nothing.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]
Pair = tuple[tuple[slice, ...], tuple[slice, ...]]


def fits(block: Labels, radius: int) -> Mask:
    """Return the pixels whose ball has their value everywhere, as far as it lies in the block."""
    reach, inside = _counter(block.shape, radius), np.ones(block.shape, bool)
    for step in range(1, radius + 1):
        one, other = _apart(block.shape, {-1: step})
        same = block[one] == block[other]
        inside[one] &= same
        inside[other] &= same
        reach += inside  # how far the value goes on along the line, to the nearer side
    for (one, other), width in _lines(block.shape, radius):
        same = block[one] == block[other]
        inside[one] &= same & (reach[other] >= width) if width else same
        inside[other] &= same & (reach[one] >= width) if width else same
    return inside


def near(mask: Mask, radius: int) -> Mask:
    """Return the pixels whose ball meets the mask."""
    away, reached = _counter(mask.shape, radius), mask
    for step in range(1, radius + 1):
        away += ~reached
        one, other = _apart(mask.shape, {-1: step})
        reached = reached.copy()
        reached[one] |= mask[other]
        reached[other] |= mask[one]
    away += ~reached
    for (one, other), width in _lines(mask.shape, radius):
        meets = away <= width
        reached[one] |= meets[other]
        reached[other] |= meets[one]
    return reached


def nearest(block: Labels, radius: int) -> Labels:
    """Return the label that is nearest to each pixel, 0 where none is within the radius.

    Of labels at the same distance it is the lowest; only values above 0 count.
    """
    none = np.iinfo(counted := _unsigned(block.dtype)).max
    # Less one, and unsigned: no label is the greatest number then, and the lowest of several the minimum.
    objects = block if block.dtype.kind in "ub" else np.maximum(block, 0)
    found: Labels = objects.view(counted) - counted.type(1)
    beside = [found.copy()]
    for step in range(1, radius + 1):
        beside.append(np.full(block.shape, none, counted))
        _lower(beside[step], found, _apart(block.shape, {-1: step}))
    for pairs in _by_distance(block.shape, radius):
        open_yet = found == none
        if not open_yet.any():
            break
        best = np.full(block.shape, none, counted)
        for pair, width in pairs:
            if pair is None:
                np.minimum(best, beside[width], out=best)
            else:
                _lower(best, beside[width], pair)
        np.copyto(found, best, where=open_yet)
    found += counted.type(1)
    return np.asarray(found.view(block.dtype))


def _unsigned(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(f"u{dtype.itemsize}")


def _lower(best: Labels, other: Labels, pair: Pair) -> None:
    """Lower each element to that of ``other`` on both sides of it, in place."""
    one, two = pair
    np.minimum(best[one], other[two], out=best[one])
    np.minimum(best[two], other[one], out=best[two])


def _counter(shape: tuple[int, ...], radius: int) -> npt.NDArray[np.unsignedinteger[Any]]:
    return np.zeros(shape, np.uint8 if radius < 255 else np.uint32)


def _apart(shape: tuple[int, ...], steps: dict[int, int]) -> Pair:
    """Return two blocks of an array that lie some steps apart: where each pixel is, and where its partner is."""
    one, other = [slice(None)] * len(shape), [slice(None)] * len(shape)
    for axis, step in steps.items():
        length = max(shape[axis] - abs(step), 0)
        one[axis] = slice(max(-step, 0), max(-step, 0) + length)
        other[axis] = slice(max(step, 0), max(step, 0) + length)
    return tuple(one), tuple(other)


def _offsets(ndim: int, radius: int) -> Iterator[tuple[dict[int, int], int]]:
    """Yield the steps to the lines of a ball on one side of its middle, and the square of their distance."""
    axes = tuple(range(-min(ndim, 3), -1))
    for steps in itertools.product(range(-radius, radius + 1), repeat=len(axes)):
        squared = sum(step * step for step in steps)
        if steps > (0,) * len(axes) and squared <= radius * radius:
            yield dict(zip(axes, steps, strict=True)), squared


def _lines(shape: tuple[int, ...], radius: int) -> Iterator[tuple[Pair, int]]:
    """Yield the lines of a ball, but for the middle one: each with its opposite, and half its width."""
    for steps, squared in _offsets(len(shape), radius):
        yield _apart(shape, steps), math.isqrt(radius * radius - squared)


def _by_distance(shape: tuple[int, ...], radius: int) -> list[list[tuple[Pair | None, int]]]:
    """Return the pixels of a ball, the nearest first: line and place on it, None for the middle line."""
    found: dict[int, list[tuple[Pair | None, int]]] = {}
    for width in range(1, radius + 1):
        found.setdefault(width * width, []).append((None, width))
    for (pair, half), (_, squared) in zip(_lines(shape, radius), _offsets(len(shape), radius), strict=True):
        for width in range(half + 1):
            found.setdefault(squared + width * width, []).append((pair, width))
    return [found[distance] for distance in sorted(found)]
