"""Tracks: the objects of a stack, plane by plane, as they were prompted and followed. Values and plain containers."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.geometry import Box, PlacedMask, intersection
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.results import Segmentation
from napari_sam3_assistant.masks.pieces import Record
from napari_sam3_assistant.masks.registry import MaskObject, Origin

SAME = 0.5
"""A mask that shares so much of the smaller of the two with another one is about the same object."""
PROPAGATED = "propagated"
"""What the table says that such an object was prompted by."""
FOLLOWED = Origin(prompt=PROPAGATED)
"""Of objects of which no more is known."""


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """One object on one plane; of its mask, eight pixels take a byte.

    Attributes
    ----------
    id : int
        From 1.
    bits : ndarray of shape (n,), uint8
        The mask's pixels, row by row.
    shape, offset : tuple of int
        Height and width of the mask, and the pixel of the plane where it begins.
    area : int
        In pixels.
    score : float
        0 to 1.
    said : bool
        Whether the user has prompted, painted or confirmed it on this very plane.
    origin : Origin
    """

    id: int
    bits: npt.NDArray[np.uint8]
    shape: tuple[int, int]
    offset: tuple[int, int]
    area: int
    score: float
    said: bool = False
    origin: Origin = FOLLOWED

    @property
    def mask(self) -> PlacedMask:
        """Its pixels."""
        flat = np.unpackbits(self.bits, count=self.shape[0] * self.shape[1])
        return PlacedMask(flat.reshape(self.shape).astype(bool), self.offset)

    @property
    def box(self) -> Box:
        """What holds them."""
        (height, width), (row, col) = self.shape, self.offset
        return Box(row, col, row + height, col + width)

    def as_object(self) -> MaskObject:
        """Return the same as an object of the plane."""
        return MaskObject(self.id, self.mask, self.score, origin=self.origin)


def sighting(id: int, found: Segmentation, *, said: bool = False, origin: Origin = FOLLOWED) -> Sighting | None:
    """Return what was found of an object on a plane, packed; None where that is no pixel."""
    mask = found.mask.trimmed()
    if not mask.area:
        return None
    shape = (int(mask.mask.shape[0]), int(mask.mask.shape[1]))
    return Sighting(id, np.packbits(mask.mask), shape, mask.offset, mask.area, found.score, said, origin)


class Tracks:
    """The objects on the planes of one stack.

    Parameters
    ----------
    image : str
        Identity of the picture.
    plane : Plane
        Of any frame.
    axis : int
        The axis of the frames.
    over : int or None
        A second axis, at each position of which there are such frames; None where there is none.

    Attributes
    ----------
    problems : dict of Plane to str
        Planes that could not be read, and why.
    """

    def __init__(self, image: str, plane: Plane, axis: int, over: int | None = None) -> None:
        self.image, self.plane, self.axis, self.over = image, plane, axis, over
        self.problems: dict[Plane, str] = {}
        self._planes: dict[Plane, dict[int, Sighting]] = {}
        # Kept in order, and counted, as planes change: they are asked for after each of thousands of frames.
        self._order: list[Plane] = []
        self._frames: list[int] = []
        self._on_frame: Counter[int] = Counter()
        self._sightings: Counter[int] = Counter()

    @property
    def planes(self) -> list[Plane]:
        """The planes with objects, in their order."""
        return list(self._order)

    @property
    def frames(self) -> list[int]:
        """Where those lie on the axis of the frames, in their order."""
        return list(self._frames)

    @property
    def ids(self) -> frozenset[int]:
        """The numbers of all objects."""
        return frozenset(self._sightings)

    def on(self, frame: int) -> tuple[MaskObject, ...]:
        """Return the objects on a frame."""
        return self.at(self.plane_at(frame))

    def at(self, plane: Plane) -> tuple[MaskObject, ...]:
        """Return the objects on a plane, by their numbers."""
        return tuple(item.as_object() for item in self.seen(plane).values())

    def seen(self, plane: Plane) -> Mapping[int, Sighting]:
        """Return what is known of each object on a plane, by their numbers; nothing is unpacked."""
        return self._planes.get(plane, {})

    def plane_at(self, frame: int, beside: Plane | None = None) -> Plane:
        """Return the plane of a frame; of several along a second axis, that where the plane ``beside`` it lies."""
        there = beside.position(self.over) if beside is not None and self.over is not None else None
        plane = self.plane if there is None or self.over is None else self.plane.at(self.over, there)
        return plane.at(self.axis, frame)

    def frame_of(self, place: tuple[str, Plane] | None) -> int | None:
        """Return which frame a plane of a picture is; None where it is none of this stack."""
        if place is None or place[0] != self.image:
            return None
        position = place[1].position(self.axis)
        if position is None:
            return None
        here = self.plane_at(position)
        if self.over is not None and (there := place[1].position(self.over)) is not None:
            here = here.at(self.over, there)
        return position if place[1] == here else None

    def places(self) -> list[tuple[str, Plane]]:
        """Return the planes with objects, in their order."""
        return [(self.image, plane) for plane in self.planes]

    def put(
        self,
        plane: Plane,
        found: Mapping[int, Segmentation],
        asked: Collection[int],
        origin: Origin = FOLLOWED,
        *,
        said: Collection[int] = (),
        names: Mapping[int, str] | None = None,
    ) -> None:
        """Take what was found on a plane in place of what is there of the objects that were ``asked`` for.

        ``said`` are the numbers of those that the user has prompted on this very plane; ``names`` the words by which
        objects were found.
        """
        kept = {id: item for id, item in self.seen(plane).items() if id not in asked and id not in found}
        for id, one in found.items():
            by = replace(origin, prompt=names[id]) if names and id in names else origin
            item = sighting(id, one, said=id in said, origin=by)
            if item is not None:
                kept[id] = item
        self._set(plane, kept)

    def restore(self, plane: Plane, items: Iterable[Sighting]) -> None:
        """Take what was known of a plane in place of all that is there."""
        self._set(plane, {item.id: item for item in items})

    def drop(self, ids: Collection[int], planes: Iterable[Plane]) -> list[Plane]:
        """Take objects away from planes; return the planes where there were any."""
        changed = [plane for plane in planes if any(id in ids for id in self.seen(plane))]
        for plane in changed:
            self._set(plane, {id: item for id, item in self.seen(plane).items() if id not in ids})
        return changed

    def copy(self) -> Tracks:
        """Return the same, independent of what comes after."""
        other = Tracks(self.image, self.plane, self.axis, self.over)
        other.problems, other._planes = dict(self.problems), dict(self._planes)
        other._order, other._frames = list(self._order), list(self._frames)
        other._on_frame, other._sightings = self._on_frame.copy(), self._sightings.copy()
        return other

    def records(self) -> list[Record]:
        """Return all objects as pieces of the stack; of those that overlap on a plane the best lies on top."""
        return [
            Record(item.id, item.mask, plane)
            for plane in self.planes
            for item in sorted(self.seen(plane).values(), key=lambda item: item.score)
        ]

    def _set(self, plane: Plane, items: Mapping[int, Sighting]) -> None:
        old = self._planes.get(plane, {})
        _count(self._sightings, old, items)
        if items:
            self._planes[plane] = dict(sorted(items.items()))  # at once: others read it meanwhile
        else:
            self._planes.pop(plane, None)
        if bool(old) != bool(items):
            self._place(plane, there=bool(items))

    def _place(self, plane: Plane, *, there: bool) -> None:
        frame = plane.position(self.axis) or 0
        if there:
            insort(self._order, plane, key=_cuts)
            if not self._on_frame[frame]:
                insort(self._frames, frame)
            self._on_frame[frame] += 1
        else:
            del self._order[bisect_left(self._order, _cuts(plane), key=_cuts)]
            self._on_frame[frame] -= 1
            if not self._on_frame[frame]:
                del self._frames[bisect_left(self._frames, frame)]


def _cuts(plane: Plane) -> tuple[tuple[int, int], ...]:
    return plane.index


def _count(counter: Counter[int], old: Iterable[int], new: Iterable[int]) -> None:
    counter.update(list(new))
    for id in old:
        counter[id] -= 1
        if not counter[id]:
            del counter[id]


def joined(there: Mapping[int, PlacedMask], drawn: Iterable[MaskObject], ids: Collection[int]) -> dict[int, PlacedMask]:
    """Return the objects of a frame after the user has corrected some of them and added others.

    Parameters
    ----------
    there : mapping of int to PlacedMask
        As they were followed, by number.
    drawn : iterable of MaskObject
        What the user has made on the frame. One that covers an object, or is covered by it, is that object.
    ids : collection of int
        Numbers in use on any frame: an object that is new gets its own if it is free, else the next one.
    """
    found, left, taken = dict(there), dict(there), set(ids)
    for item in drawn:
        share = {id: _shared(item.mask, mask) for id, mask in left.items()}
        same = max(share, key=lambda id: (share[id], id == item.id), default=None)
        if same is None or share[same] < SAME:
            same = item.id if item.id not in taken else max(taken, default=0) + 1
        left.pop(same, None)
        taken.add(same)
        found[same] = item.mask
    return found


def _shared(a: PlacedMask, b: PlacedMask) -> float:
    """Return which share of the smaller of two masks lies in the other."""
    box = intersection(a.box, b.box) if a.box is not None and b.box is not None else None
    if box is None:
        return 0.0
    return float((a.within(box) & b.within(box)).sum()) / min(a.area, b.area)
