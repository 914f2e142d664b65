"""Slow operations on labels that are right by looking at them: pixel by pixel, object by object."""

import itertools

import numpy as np

from tests.masks.arrays import slow_components, volumes


def components(labels):
    """Return ``(label, sorted pixel indices)`` of each component, in reading order."""
    return sorted(((label, sorted(at)) for label, at in slow_components(labels)), key=lambda one: one[1])


def without(labels, gone):
    """Return ``labels`` with the pixels of components made background."""
    out = labels.copy()
    for _, at in gone:
        out[tuple(np.transpose(at))] = 0
    return out


def mostly_in(at, region):
    """Return whether more than half of pixels lie in a region, an array of the last two axes; None holds all."""
    return region is None or 2 * sum(bool(region[pixel[-2:]]) for pixel in at) > len(at)


def ball(radius, ndim):
    return [
        step
        for step in itertools.product(range(-radius, radius + 1), repeat=min(ndim, 3))
        if sum(part * part for part in step) <= radius * radius
    ]


def around(shape, pixel, steps):
    """Yield ``pixel`` moved by each of the steps, where that lies in the array."""
    for step in steps:
        moved = tuple(int(at + by) for at, by in zip(pixel, step, strict=True))
        if all(0 <= at < length for at, length in zip(moved, shape, strict=True)):
            yield moved


def each_volume(operation):
    """Make an operation on two or three axes one on more."""

    def on_all(labels, *arguments):
        out = labels.copy()
        for index, part in volumes(labels):
            out[index] = operation(part, *arguments)
        return out

    return on_all


@each_volume
def eroded(labels, radius):
    steps = ball(radius, labels.ndim)
    out = labels.copy()
    for pixel in map(tuple, np.argwhere(labels > 0)):
        if any(labels[other] != labels[pixel] for other in around(labels.shape, pixel, steps)):
            out[pixel] = 0
    return out


@each_volume
def dilated(labels, radius):
    steps = ball(radius, labels.ndim)
    out = labels.copy()
    for pixel in map(tuple, np.argwhere(labels == 0)):
        near = [
            (sum((a - b) ** 2 for a, b in zip(pixel, other, strict=True)), labels[other])
            for other in around(labels.shape, pixel, steps)
            if labels[other] > 0
        ]
        if near:
            out[pixel] = min(near)[1]
    return out


@each_volume
def smoothed(labels, radius):
    """Open each object by itself, then close each label where the ground is nearest to it."""
    steps, shape = ball(radius, labels.ndim), labels.shape
    opened = labels.copy()
    for label, at in slow_components(labels):
        middles = [pixel for pixel in at if all(labels[other] == label for other in around(shape, pixel, steps))]
        kept = {other for pixel in middles for other in around(shape, pixel, steps)}
        for pixel in at - kept if kept else ():
            opened[pixel] = 0
    zones, out = dilated(opened, radius), opened.copy()
    for pixel in map(tuple, np.argwhere((opened == 0) & (zones > 0))):
        mine = labels[pixel] in (0, zones[pixel])
        if mine and all(zones[other] == zones[pixel] for other in around(shape, pixel, steps)):
            out[pixel] = zones[pixel]
    return out


def largest_kept(labels, region=None):
    gone, best = [], {}
    lead = labels.ndim - min(labels.ndim, 3)
    for label, at in components(labels):
        if not mostly_in(at, region):
            continue
        key = (at[0][:lead], label)
        if key not in best:
            best[key] = (label, at)
        elif len(at) > len(best[key][1]):
            gone.append(best[key])
            best[key] = (label, at)
        else:
            gone.append((label, at))
    return without(labels, gone)


def border_cleared(labels, region=None):
    ends = range(labels.ndim - min(labels.ndim, 3), labels.ndim)
    ends = [axis for axis in ends if labels.shape[axis] > 1 or axis >= labels.ndim - 2]
    gone = [
        (label, at)
        for label, at in components(labels)
        if mostly_in(at, region) and any(pixel[axis] in (0, labels.shape[axis] - 1) for pixel in at for axis in ends)
    ]
    return without(labels, gone)


def small_removed(labels, size, region=None):
    return without(
        labels, [(label, at) for label, at in components(labels) if len(at) < size and mostly_in(at, region)]
    )


def mapped(labels, new_of):
    out = labels.copy()
    for pixel in np.ndindex(labels.shape):
        out[pixel] = new_of(int(labels[pixel]))
    return out
