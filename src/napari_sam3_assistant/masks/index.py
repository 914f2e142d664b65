"""An index of components: what was found in a part of an array, and where each lies.

``masks/updates.py`` keeps it in step with the array.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.progress import UNWATCHED, Watch
from napari_sam3_assistant.masks.components import Component, analyze, component_mask
from napari_sam3_assistant.masks.regions import region_of
from napari_sam3_assistant.masks.scopes import Scope

Labels = npt.NDArray[Any]
Indices = npt.NDArray[np.int64]
Block = tuple[slice, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """Components, and where each lies.

    Attributes
    ----------
    components : tuple of Component
    low, high : ndarray of shape (n, ndim), int64
        Their boxes: first index, and the one after the last.
    """

    components: tuple[Component, ...]
    low: Indices
    high: Indices

    def near(self, block: Block) -> list[int]:
        """Return the positions of the components whose boxes meet a block."""
        if not self.components:
            return []
        start, stop = np.array([(part.start, part.stop) for part in block]).T
        return np.flatnonzero(((self.low < stop) & (self.high > start)).all(axis=1)).tolist()

    def at(self, labels: Labels, place: Sequence[int]) -> Component | None:
        """Return the component that a pixel of ``labels`` belongs to, or None.

        Parameters
        ----------
        labels : ndarray of integer or bool
            As they are now, and as the index knows them.
        place : sequence of int
            Index of the pixel, one an axis.
        """
        if not all(0 <= at < length for at, length in zip(place, labels.shape, strict=True)):
            return None
        value = int(labels[tuple(place)])
        found = [self.components[k] for k in self.near(tuple(slice(at, at + 1) for at in place))]
        found = [one for one in found if one.label == value]
        if len(found) < 2:
            return found[0] if found else None
        for one in sorted(found, key=lambda one: math.prod(high - low for low, high in one.box)):
            if component_mask(labels, one)[tuple(at - low for at, (low, _) in zip(place, one.box, strict=True))]:
                return one
        return None


def index_of(components: Iterable[Component]) -> Index:
    """Return the index of components, all of one array."""
    kept = tuple(components)
    boxes = np.array([one.box for one in kept], np.int64)
    return Index(kept, boxes[..., 0], boxes[..., 1]) if kept else Index((), boxes, boxes)


def listed(labels: Any, scope: Scope, watch: Watch = UNWATCHED) -> Index:
    """Return the index of the components in a part of an array, in coordinates of the whole.

    Parameters
    ----------
    labels : array of integer or bool
        In memory, or read where it is sliced.
    scope : Scope
        With a region, components of which more than half of the pixels lie in it are listed, whole.
    watch : Watch

    Raises
    ------
    PromptError
        If the array does not hold integers or booleans.
    """
    watch.at(None, "Analyzing")
    block = scope.block(labels)
    found: Sequence[Component] = analyze(block)
    watch.at(None, "Analyzing")
    origin = [part.start for part in scope.slices]
    if scope.region is not None:
        region = scope.region.shifted(-origin[-2], -origin[-1])
        found = [one for one in watch.over(found) if _mostly_in(region, block, one)]
    return index_of(shifted(found, origin))


def _mostly_in(region: PlacedMask, labels: Labels, one: Component) -> bool:
    """Return whether more than half of a component's pixels lie in a region of the planes."""
    inside = region_of(region, one.slices)
    return bool(inside.any()) and 2 * int((component_mask(labels, one) & inside).sum()) > one.area


def shifted(components: Sequence[Component], by: Sequence[int]) -> tuple[Component, ...]:
    """Return components moved by whole pixels, one number an axis."""
    if not any(by):
        return tuple(components)
    return tuple(
        replace(
            one,
            centroid=tuple(at + step for at, step in zip(one.centroid, by, strict=True)),
            box=tuple((low + step, high + step) for (low, high), step in zip(one.box, by, strict=True)),
            start=tuple(at + step for at, step in zip(one.start, by, strict=True)),
        )
        for one in components
    )


def carried(old: Iterable[Component], index: Index) -> Index:
    """Return an index whose components have the ids that they had before, where they are known again.

    A component is known by its value and its first pixel, else by its value alone, the largest first; new ones get
    higher ids. One that is as it was is the same object.
    """
    before = tuple(old)
    places = {(one.label, one.start): one for one in before}
    kept = {(one.label, one.start) for one in index.components} & places.keys()
    rest = defaultdict(list)
    for one in reversed(before):
        if (one.label, one.start) not in kept:
            rest[one.label].append(one.id)
    number = itertools.count(max((one.id for one in before), default=0) + 1)
    ids = {}
    for one in sorted(index.components, key=lambda one: -one.area):  # of a component in pieces, the largest is it
        if (one.label, one.start) in kept:
            ids[one] = places[one.label, one.start].id
        else:
            ids[one] = rest[one.label].pop() if rest[one.label] else next(number)
    named = []
    for one in index.components:
        same = one if ids[one] == one.id else replace(one, id=ids[one])
        known = places.get((one.label, one.start))
        # What is as it was is the same object, so that what was measured of it still holds.
        named.append(known if known is not None and known == same else same)
    return Index(tuple(named), index.low, index.high)
