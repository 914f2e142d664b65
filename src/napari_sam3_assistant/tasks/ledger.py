"""Which frames are done, and which are still to be done, after all that was said of objects in a film.

What a user says of an object on a frame holds there. From that frame it is followed on, forward and backward, up to
the next frame on which something was said of it. Between two of those, the one said last counts; of two said
together, the earlier frame. So a correction concerns the frames between its neighbours, and no others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
    start : int
        The frame beside the first one: the object's mask is known there.
    frames : range
        In the order in which they are visited.
    serial : int
        Of what was said where the object comes from.
    """

    object_id: int
    start: int
    frames: range
    serial: int


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

        Parameters
        ----------
        frames : range
            Those that are wanted, in rising order.
        direction : Direction
        """
        forward: list[Leg] = []
        backward: list[Leg] = []
        for object_id, done in self._done.items():
            ahead, behind = self._wanted(object_id, frames, direction)
            forward += _legs(object_id, ahead, done)
            backward += [_mirrored(leg, self.count) for leg in _legs(object_id, behind[::-1], done[::-1])]
        return forward + backward

    def _wanted(self, object_id: int, frames: range, direction: Direction) -> tuple[Serials, Serials]:
        """Return by frame the serial that it should come from, going forward and going backward; 0 for none."""
        ahead, behind = np.zeros(self.count, np.int32), np.zeros(self.count, np.int32)
        said = self._said[object_id]
        at = sorted(said)
        go = direction is not Direction.BACKWARD, direction is not Direction.FORWARD
        first, last = at[0], at[-1]
        if go[1]:
            behind[:first] = said[first]
        if go[0]:
            ahead[last + 1 :] = said[last]
        for before, after in pairwise(at):
            if go[0] and (said[before] >= said[after] or not go[1]):
                ahead[before + 1 : after] = said[before]
            elif go[1]:
                behind[before + 1 : after] = said[after]
        inside = np.zeros(self.count, bool)
        inside[frames.start : frames.stop] = True
        # To get onto a frame of the range, those between it and where the object comes from are gone through too.
        for way, order in ((ahead, slice(None, None, -1)), (behind, slice(None))):
            needed = _needed(way[order], inside[order])[order]
            way[~needed] = 0
        return ahead, behind


def _needed(wanted: Serials, inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return which entries have one of the same serial that is inside before them, or are inside: a run is cut."""
    needed, on, serial = np.zeros(len(wanted), bool), False, 0
    for k, (one, within) in enumerate(zip(wanted.tolist(), inside.tolist(), strict=True)):
        on = bool(one) and (within or (on and one == serial))
        needed[k], serial = on, one
    return needed


def _legs(object_id: int, wanted: Serials, done: Serials) -> list[Leg]:
    """Return the runs of frames of one serial from the first that is not done, going forward."""
    stale = np.flatnonzero((wanted != 0) & (wanted != done)).tolist()
    legs: list[Leg] = []
    for frame in stale:
        if legs and frame < legs[-1].frames.stop:
            continue
        serial, stop = int(wanted[frame]), frame + 1
        while stop < len(wanted) and wanted[stop] == serial:
            stop += 1
        legs.append(Leg(object_id, frame - 1, range(frame, stop), serial))
    return legs


def _mirrored(leg: Leg, count: int) -> Leg:
    last = count - 1
    frames = range(last - leg.frames.start, last - leg.frames.stop, -1)
    return Leg(leg.object_id, last - leg.start, frames, leg.serial)
