"""Tracks: the objects of a stack, frame by frame, as they were followed. Values and plain containers; no napari."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from napari_sam3_assistant.app.screen import Place
from napari_sam3_assistant.core.geometry import PlacedMask, intersection
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.results import Segmentation
from napari_sam3_assistant.masks.pieces import Record
from napari_sam3_assistant.masks.registry import MaskObject, Origin

SAME = 0.5
"""A mask that shares so much of the smaller of the two with another one is about the same object."""
PROPAGATED = "propagated"
"""What the table says that such an object was prompted by."""


class Tracks:
    """The objects on the frames of one stack, by frame.

    Parameters
    ----------
    image : str
        Identity of the picture.
    plane : Plane
        Of any frame.
    axis : int
        The axis of the frames.
    """

    def __init__(self, image: str, plane: Plane, axis: int) -> None:
        self.image, self.plane, self.axis = image, plane, axis
        self._frames: dict[int, tuple[MaskObject, ...]] = {}

    @property
    def frames(self) -> list[int]:
        """The frames with objects, in their order."""
        return sorted(self._frames)

    @property
    def ids(self) -> frozenset[int]:
        """The numbers of all objects."""
        return frozenset(item.id for items in self._frames.values() for item in items)

    def on(self, frame: int) -> tuple[MaskObject, ...]:
        """Return the objects on a frame."""
        return self._frames.get(frame, ())

    def plane_at(self, frame: int) -> Plane:
        """Return the plane of a frame."""
        return self.plane.at(self.axis, frame)

    def frame_of(self, place: Place | None) -> int | None:
        """Return which frame a plane is; None where it is none of this stack."""
        if place is None or place[0] != self.image:
            return None
        position = place[1].position(self.axis)
        return position if position is not None and place[1] == self.plane_at(position) else None

    def places(self) -> list[Place]:
        """Return the planes with objects, in their order."""
        return [(self.image, self.plane_at(frame)) for frame in self.frames]

    def put(self, frame: int, found: Mapping[int, Segmentation], carried: Collection[int], origin: Origin) -> None:
        """Take what was found on a frame in place of what is there of the objects that were ``carried``."""
        kept = [item for item in self.on(frame) if item.id not in carried and item.id not in found]
        new = [MaskObject(id, one.mask.trimmed(), one.score, origin=origin) for id, one in found.items()]
        self._set(frame, sorted((*kept, *new), key=lambda item: item.id))

    def drop(self, ids: Collection[int], frames: Iterable[int]) -> list[int]:
        """Take objects away from frames; return the frames where there were any."""
        changed = [frame for frame in frames if any(item.id in ids for item in self.on(frame))]
        for frame in changed:
            self._set(frame, [item for item in self.on(frame) if item.id not in ids])
        return changed

    def records(self) -> list[Record]:
        """Return all objects as pieces of the stack; of those that overlap on a frame the best lies on top."""
        return [
            Record(item.id, item.mask, self.plane_at(frame))
            for frame in self.frames
            for item in sorted(self.on(frame), key=lambda item: item.score)
        ]

    def _set(self, frame: int, items: Iterable[MaskObject]) -> None:
        self._frames.pop(frame, None)
        if kept := tuple(items):
            self._frames[frame] = kept


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
