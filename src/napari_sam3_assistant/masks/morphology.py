"""Outlines of labels made smooth, wider or narrower, of all labels at once.

What lies outside the image is no edge of an object: nothing is taken off there, and nothing comes in from the
other side. Objects grow over background only, never over another label or a negative value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.progress import UNWATCHED, Watch
from napari_sam3_assistant.masks import balls
from napari_sam3_assistant.masks.changes import edit_from, snapshot
from napari_sam3_assistant.masks.edits import Edit
from napari_sam3_assistant.masks.runs import Indices, find_runs, ranges
from napari_sam3_assistant.masks.tiles import tiles

Labels = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]


def dilate(labels: Labels, radius: int, watch: Watch = UNWATCHED) -> Edit | None:
    """Return the edit that lets labels grow by ``radius`` pixels, over background only.

    A pixel between two goes to the nearer; at the same distance, to the lower value.

    Raises
    ------
    PromptError
        If the array does not hold integers or booleans, or the radius is negative.
    Cancelled
        If the work shall stop.
    """
    before = _begun(labels, radius)
    after = before.copy()
    _by_tiles(before, radius, lambda block: _grown(block, radius), after, watch)
    return edit_from(labels, before, after)


def erode(labels: Labels, radius: int, watch: Watch = UNWATCHED) -> Edit | None:
    """Return the edit that takes off of each label what lies within ``radius`` pixels of another value.

    Objects that are nowhere wide enough go. Errors as :func:`dilate`.
    """
    before = _begun(labels, radius)
    after = before.copy()
    _by_tiles(before, radius, lambda block: _shrunk(block, radius), after, watch)
    return edit_from(labels, before, after)


def smooth(labels: Labels, radius: int, watch: Watch = UNWATCHED) -> Edit | None:
    """Return the edit that makes the outline of each label smooth: opened, then closed, with a disc or ball.

    Opening takes off what is too thin for the ball to fit in, such as spurs and bridges. An object in which it fits
    nowhere stays as it was: none vanishes. Closing then fills bays and gaps of background: a pixel is filled where
    every pixel of its ball is within ``radius`` of the label, and nearer to it than to any other. So neighbours keep
    their pixels and the ground between them. Errors as :func:`dilate`.

    Parameters
    ----------
    labels : ndarray of integer or bool
        With two or three axes, or more, see :mod:`~napari_sam3_assistant.masks.runs`.
    radius : int
        Of the disc or ball, in pixels; 0 changes nothing.
    watch : Watch
    """
    before = _begun(labels, radius)
    opened = before.copy()
    _by_tiles(before, 2 * radius, lambda block: _opened(block, radius), opened, watch.share(0, 0.4))
    watch.at(0.4)
    after = np.multiply(before, opened != before)  # what is lost; then the same memory again
    lost = _bring_back(after, opened, watch.share(0.4, 0.5))
    after[...] = opened
    _by_tiles(opened, 2 * radius, lambda block: _closed(block, radius), after, watch.share(0.5, 1))
    # What one label has lost to the opening is not for another.
    foreign = lost[after.reshape(-1)[lost] != before.reshape(-1)[lost]]
    after.reshape(-1)[foreign] = 0
    return edit_from(labels, before, after)


def _begun(labels: Labels, radius: int) -> Labels:
    if radius < 0:
        raise PromptError("A radius cannot be negative.", hint="Choose 1 or more.")
    return snapshot(labels)


def _by_tiles(
    source: Labels, halo: int, made: Callable[[Labels], tuple[Mask, Labels]], target: Labels, watch: Watch
) -> None:
    """Write into ``target`` what ``made`` returns for each block of ``source``: where it changes, and to what."""
    if not halo:
        return
    for tile in watch.over(tiles(source.shape, halo)):
        block = np.ascontiguousarray(source[tile.outer])
        if block.max() > 0 and block.min() != block.max():
            where, values = made(block)
            np.copyto(target[tile.inner], values[tile.inside], where=where[tile.inside])


def _grown(block: Labels, radius: int) -> tuple[Mask, Labels]:
    found = balls.nearest(block, radius)
    return (block == 0) & (found > 0), found


def _shrunk(block: Labels, radius: int) -> tuple[Mask, Labels]:
    return (block > 0) & ~balls.fits(block, radius), np.zeros_like(block)


def _opened(block: Labels, radius: int) -> tuple[Mask, Labels]:
    # A ball that fits in one label holds no pixel of another: all labels can be opened as one mask.
    kept = balls.near(balls.fits(block, radius) & (block > 0), radius)
    return (block > 0) & ~kept, np.zeros_like(block)


def _closed(block: Labels, radius: int) -> tuple[Mask, Labels]:
    free, found = _grown(block, radius)
    zones = np.where(free, found, block)
    return free & balls.fits(zones, radius), zones


def _bring_back(lost: Labels, opened: Labels, watch: Watch) -> Indices:
    """Write the objects that have vanished into ``opened`` again, in place.

    Parameters
    ----------
    lost, opened : ndarray
        What was taken off the labels, and what is left of them.
    watch : Watch

    Returns
    -------
    ndarray of shape (n,), int64
        The pixels that stay lost, as indices of the flattened array.
    """
    runs = find_runs(lost, watch)
    chosen = runs.label > 0
    length = (runs.stop - runs.start)[chosen]
    pixels, part = ranges(runs.start[chosen], length), np.repeat(runs.part[chosen], length)
    kept = np.zeros(runs.parts, bool)
    flat, stride = opened.reshape(-1), 1
    value = lost.reshape(-1)[pixels]
    for axis in reversed(range(max(lost.ndim - 3, 0), lost.ndim)):
        at = (pixels // stride) % lost.shape[axis]
        for step, inner in ((-stride, at > 0), (stride, at < lost.shape[axis] - 1)):
            kept[part[inner][flat[pixels[inner] + step] == value[inner]]] = True
        stride *= lost.shape[axis]
    gone = ~kept[part]
    flat[pixels[gone]] = value[gone]
    return pixels[~gone]
