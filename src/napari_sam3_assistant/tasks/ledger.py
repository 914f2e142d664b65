"""Which frames are done, and which are still to be done, after all that was said of objects in a film.

What a user says of an object on a frame holds there. From that frame it is followed on, forward and backward, up to
the next frame on which something was said of it. Between two of those, the one said last counts; of two said
together, the earlier frame. So a correction concerns the frames between its neighbours, and no others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.tasks.frames import Direction

Serials = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Leg:
    """A run of frames onto which one object is followed.

    Attributes
    ----------
    object_id : int
    origin : int
        The frame on which that was said from which the object comes.
    frames : range
        In the order in which they are visited. Those between the origin and the first one are done.
    serial : int
        Of what was said on the origin.
    """

    object_id: int
    origin: int
    frames: range
    serial: int

    @property
    def start(self) -> int:
        """The frame before the first one: the object's mask is known there."""
        return self.frames.start - self.frames.step


class Ledger:
    """What was said of objects on frames, and what came of it.

    Parameters
    ----------
    count : int
        Number of frames.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._serial = 0
        self._said: dict[int, dict[int, int]] = {}
        self._done: dict[int, Serials] = {}

    @property
    def said(self) -> Mapping[int, Mapping[int, int]]:
        """By object and frame, the serial of what was said there."""
        return self._said

    def say(self, said: Iterable[tuple[int, int]]) -> None:
        """Note that something was said, all at once, of objects on frames: pairs of (object, frame)."""
        self._serial += 1
        for object_id, frame in said:
            self._said.setdefault(object_id, {})[frame] = self._serial
            self._done.setdefault(object_id, np.zeros(self.count, np.int32))[frame] = self._serial

    def did(self, leg: Leg, frame: int) -> None:
        """Note that a frame of a leg is done, whatever was found on it."""
        done = self._done.get(leg.object_id)
        if done is not None:
            done[frame] = leg.serial

    def end(self, leg: Leg, frame: int) -> list[int]:
        """Note that the object is gone on a frame of a leg; return the frames beyond that are done by that."""
        said, done, step = self._said.get(leg.object_id), self._done.get(leg.object_id), leg.frames.step
        if said is None or done is None:
            return []
        beyond = [one for one in said if (one - frame) * step > 0]
        stop = min(beyond, key=lambda one: abs(one - frame)) if beyond else (self.count if step > 0 else -1)
        way = range(frame + step, stop, step)
        gone = next(iter(_stale(way, done, leg.serial, said.get(stop, 0))), range(0))
        if gone.start != way.start:  # the next frames are done already: what was lost is this one alone
            return []
        done[_indices(gone)] = leg.serial
        return list(gone)

    def remove(self, object_id: int) -> None:
        """Forget all about an object."""
        self._said.pop(object_id, None)
        self._done.pop(object_id, None)

    def copy(self) -> Ledger:
        """Return the same, independent of what comes after."""
        other = Ledger(self.count)
        other._serial = self._serial
        other._said = {object_id: dict(said) for object_id, said in self._said.items()}
        other._done = {object_id: done.copy() for object_id, done in self._done.items()}
        return other

    def legs(self, frames: range, direction: Direction) -> list[Leg]:
        """Return what is still to be done: forward legs, then backward ones.

        To get onto a frame that is wanted, those between it and where the object comes from are gone through too.

        Parameters
        ----------
        frames : range
            Those that are wanted, in rising order.
        direction : Direction
        """
        legs = [
            Leg(object_id, origin, left, said[origin])
            for object_id, said in self._said.items()
            for origin, way, rival in _ways(said, self.count, direction)
            for left in _stale(_cut(way, frames), self._done[object_id], said[origin], rival)
        ]
        return sorted(legs, key=lambda leg: leg.frames.step < 0)

    # -- for records ------------------------------------------------------------------------------

    @property
    def serial(self) -> int:
        """Of what was said last."""
        return self._serial

    @property
    def done(self) -> Mapping[int, Serials]:
        """By object, the serial of what each frame comes from; 0 where it is not done."""
        return self._done

    def restore(self, serial: int, said: Mapping[int, Mapping[int, int]], done: Mapping[int, Serials]) -> None:
        """Take what was known, see :attr:`serial`, :attr:`said` and :attr:`done`, in place of all that is there."""
        self._serial = serial
        self._said = {object_id: dict(frames) for object_id, frames in said.items()}
        self._done = {object_id: serials.copy() for object_id, serials in done.items()}


def _ways(said: Mapping[int, int], count: int, direction: Direction) -> Iterator[tuple[int, range, int]]:
    """Yield where an object comes from, onto which frames, and the serial of what was said at their far end, or 0."""
    at = sorted(said)
    ahead, behind = direction is not Direction.BACKWARD, direction is not Direction.FORWARD
    if behind:
        yield at[0], range(at[0] - 1, -1, -1), 0
    for before, after in pairwise(at):
        if ahead and (said[before] >= said[after] or not behind):
            yield before, range(before + 1, after), said[after]
        elif behind:
            yield after, range(after - 1, before, -1), said[before]
    if ahead:
        yield at[-1], range(at[-1] + 1, count), 0


def _cut(way: range, wanted: range) -> range:
    """Return a way up to the last frame of it that is wanted; an empty range where none is."""
    if not way or not wanted:
        return range(0)
    low, high = sorted((way[0], way[-1]))
    if low >= wanted.stop or high < wanted.start:
        return range(0)
    if way.step > 0:
        return range(way.start, min(way.stop, wanted.stop))
    return range(way.start, max(low, wanted.start) - 1, -1)


def _stale(way: range, done: Serials, serial: int, rival: int) -> Iterator[range]:
    """Yield the runs of a way that are to be done; what comes from a rival that was said later stays."""
    if not way:
        return
    there = done[_indices(way)]
    stale = (there != serial) & ~((there == rival) & (rival > serial))
    edges = np.flatnonzero(np.diff(stale, prepend=False, append=False)).tolist()
    for first, stop in zip(edges[::2], edges[1::2], strict=True):
        yield way[first:stop]


def _indices(way: range) -> npt.NDArray[np.intp]:
    return np.arange(way.start, way.stop, way.step)
