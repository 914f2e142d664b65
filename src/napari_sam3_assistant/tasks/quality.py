"""Quality: what the course of each object through a stack looks like, and which of its frames deserve a second look.

What makes a frame doubtful is in :mod:`napari_sam3_assistant.tasks.faults`.

Measuring a mask takes tens of microseconds and is done once; what has not changed since is not looked at again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.geometry import Box
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.tasks.faults import COURSE, Course, Floats, Truths, faults, words
from napari_sam3_assistant.tasks.tracks import Sighting, Tracks

Sightings = Mapping[int, Sighting]


@dataclass(frozen=True, slots=True, eq=False)
class Strip:
    """One object along the frames where it was followed; all arrays are of shape (n,), in order of the frames.

    Attributes
    ----------
    object_id : int
    frames : ndarray of int64
    area : ndarray of float64
        In pixels.
    score : ndarray of float32
        0 to 1.
    said : ndarray of bool
        Whether the user has prompted, painted or confirmed it there.
    why : ndarray of uint8
        Why it is doubtful there: a sum of ``SCORE``, ``AREA``, ``MOVED``, ``PIECES`` and ``EDGE``; 0 where it is not.
    rows, cols : ndarray of float32
        The centre of its mask, in pixels of the plane.
    """

    object_id: int
    frames: npt.NDArray[np.int64]
    area: Floats
    score: npt.NDArray[np.float32]
    said: Truths
    why: npt.NDArray[np.uint8]
    rows: npt.NDArray[np.float32]
    cols: npt.NDArray[np.float32]

    @property
    def doubtful(self) -> Truths:
        """On which of the frames it is doubtful."""
        return self.why > 0

    def at(self, frame: int) -> int | None:
        """Return the place of a frame in the arrays; None where the object is not on it."""
        place = int(np.searchsorted(self.frames, frame))
        return place if place < len(self.frames) and self.frames[place] == frame else None


class Quality:
    """Looks at tracks again and again: only what is other than at the last look is measured."""

    def __init__(self) -> None:
        self._about: object = None
        self._seen: dict[int, Sightings] = {}
        self._courses: dict[int, Course] = {}
        self._strips: dict[int, Strip] = {}

    def look(self, tracks: Tracks, box: Box | None = None, *, at: Plane | None = None, most: int | None = None) -> bool:
        """Take what is new; return whether there is more of it.

        Parameters
        ----------
        tracks : Tracks
            Also a copy of those of the last look.
        box : Box or None
            What is looked at of each plane, in pixels; None where its edges cannot be told.
        at : Plane or None
            Tells where the other axes are, where the frames stand at each position of a second one.
        most : int or None
            How many masks are measured at the most: the rest waits for another look. None for all.
        """
        here = _position(tracks, at)
        about = tracks.image, tracks.plane.at(tracks.axis, 0), tracks.axis, tracks.over, here, box
        if about != self._about:
            self._about = about
            self._seen, self._courses, self._strips = {}, {}, {}
        there = _planes(tracks, here)
        for frame in [frame for frame in self._seen if frame not in there]:
            self._forget(frame, self._seen.pop(frame))
        left = float("inf") if most is None else most
        for frame, seen in there.items():
            before = self._seen.get(frame, {})
            if before is seen:
                continue
            if left <= 0:
                return True
            left -= self._take(frame, before, seen, box)
            self._seen[frame] = seen
        return False

    def strips(self) -> tuple[Strip, ...]:
        """Return the objects as they were at the last look, by their numbers."""
        for object_id, course in self._courses.items():
            if object_id not in self._strips:
                self._strips[object_id] = _strip(object_id, course)
        return tuple(strip for _, strip in sorted(self._strips.items()) if len(strip.frames))

    def _take(self, frame: int, before: Sightings, seen: Sightings, box: Box | None) -> int:
        """Note what is new on a frame; return how many masks were measured."""
        self._forget(frame, {id: item for id, item in before.items() if id not in seen})
        new = [item for id, item in seen.items() if before.get(id) is not item]
        for item in new:
            self._strips.pop(item.id, None)
            course = self._courses.get(item.id)
            if course is None or frame >= len(course):
                course = self._courses[item.id] = _longer(course, frame)
            course[frame] = _measured(item, box)
        return len(new)

    def _forget(self, frame: int, items: Sightings) -> None:
        for object_id in items:
            self._courses[object_id][frame] = np.zeros((), COURSE)
            self._strips.pop(object_id, None)


def strips(tracks: Tracks, box: Box | None = None) -> tuple[Strip, ...]:
    """Return the courses of all objects, by their numbers; see :class:`Quality` for what is looked at often."""
    quality = Quality()
    quality.look(tracks, box)
    return quality.strips()


def doubts(tracks: Tracks, box: Box | None = None) -> dict[int, dict[int, str]]:
    """Return by object and frame why it is doubtful there, in a few words."""
    found: dict[int, dict[int, str]] = {}
    for strip in strips(tracks, box):
        where = np.flatnonzero(strip.why)
        if len(where):
            found[strip.object_id] = {int(strip.frames[k]): words(int(strip.why[k])) for k in where}
    return found


def doubts_by_plane(tracks: Tracks, box: Box | None = None) -> dict[tuple[Plane, int], str]:
    """Return by plane and object why it is doubtful there, at all positions of a second axis."""
    quality, found = Quality(), {}
    there = {} if tracks.over is None else {plane.position(tracks.over): plane for plane in tracks.planes}
    for at in there.values() or (None,):
        quality.look(tracks, box, at=at)
        for strip in quality.strips():
            for k in np.flatnonzero(strip.why):
                plane = (tracks.plane if at is None else at).at(tracks.axis, int(strip.frames[k]))
                found[plane, strip.object_id] = words(int(strip.why[k]))
    return found


def _position(tracks: Tracks, at: Plane | None) -> int | None:
    """Return where on the second axis the frames are looked at; None where there is none."""
    if tracks.over is None:
        return None
    there = at.position(tracks.over) if at is not None else None
    return tracks.plane.position(tracks.over) if there is None else there


def _planes(tracks: Tracks, here: int | None) -> dict[int, Sightings]:
    """Return what is known of each frame, at a position of the second axis if there is one."""
    planes = [plane for plane in tracks.planes if tracks.over is None or plane.position(tracks.over) == here]
    return {plane.position(tracks.axis) or 0: tracks.seen(plane) for plane in planes}


def _longer(course: Course | None, frame: int) -> Course:
    """Return a course with room for a frame, and as much again."""
    made = np.zeros(max(2 * (frame + 1), 64), COURSE)
    if course is not None:
        made[: len(course)] = course
    return made


def _measured(item: Sighting, box: Box | None) -> tuple[object, ...]:
    """Return what a course tells of a mask."""
    flat = np.unpackbits(item.bits, count=item.shape[0] * item.shape[1])
    mask = flat.reshape(item.shape)
    (height, width), (top, left) = item.shape, item.offset
    row = top + float(mask.sum(axis=1) @ np.arange(height)) / item.area
    col = left + float(mask.sum(axis=0) @ np.arange(width)) / item.area
    edge = 0
    if box is not None:
        sides = (top <= box.top, left <= box.left, top + height >= box.bottom, left + width >= box.right)
        edge = sum(1 << side for side, touched in enumerate(sides) if touched)
    return True, item.said, item.area, item.score, row, col, _loose(mask), edge


def _loose(mask: npt.NDArray[np.uint8]) -> float:
    """Return which share of a mask lies apart from its largest piece."""
    from scipy.ndimage import label

    pieces, count = label(mask, np.ones((3, 3), bool))
    if count < 2:
        return 0.0
    sizes = np.bincount(pieces.ravel())[1:]
    return 1 - float(sizes.max() / sizes.sum())


def _strip(object_id: int, course: Course) -> Strip:
    frames = np.flatnonzero(course["there"])
    own = course[frames]
    why = np.zeros(len(frames), np.uint8)
    if len(frames):
        why = faults(frames, own)
        why[own["said"]] = 0
    return Strip(object_id, frames, own["area"], own["score"], own["said"], why, own["row"], own["col"])
