"""Plans: the frames that a run through a video has still to look at, in their order.

First those on which something was said that is not answered yet; then all legs forward, in one sweep; then all legs
backward. Nothing is listed frame by frame: what a step costs depends on the number of objects, not of frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from napari_sam3_assistant.core.prompts import Prompts
from napari_sam3_assistant.tasks.ledger import Leg

WORDS = 0
"""The number, in ledgers and plans, of all that is found by words."""


@dataclass(frozen=True, slots=True, eq=False)
class Visit:
    """A frame to be looked at.

    Attributes
    ----------
    frame : int
    legs : tuple of Leg
        Along which objects are followed onto it.
    said : mapping of int to Prompts
        What was said of objects there, and is to be answered.
    words : bool
        Whether what is found by words begins there.
    """

    frame: int
    legs: tuple[Leg, ...] = ()
    said: Mapping[int, Prompts] = field(default_factory=dict)
    words: bool = False

    @property
    def ids(self) -> frozenset[int]:
        """The objects that are followed onto the frame; without what is found by words."""
        return frozenset(leg.object_id for leg in self.legs) - {WORDS}

    @property
    def looks(self) -> bool:
        """Whether words are looked for on the frame."""
        return self.words or any(leg.object_id == WORDS for leg in self.legs)


class Plan:
    """The visits that are left.

    Parameters
    ----------
    first : iterable of Visit
        In their order.
    legs : iterable of Leg
        After those.
    """

    def __init__(self, first: Iterable[Visit] = (), legs: Iterable[Leg] = ()) -> None:
        self._first = list(first)
        self._legs: dict[int, list[Leg]] = {1: [], -1: []}
        for leg in legs:
            self._legs[leg.frames.step].append(leg)

    @property
    def visit(self) -> Visit | None:
        """The next one; None at the end."""
        if self._first:
            return self._first[0]
        for legs in self._legs.values():
            if legs:
                frame = _next_of(legs)
                return Visit(frame, tuple(leg for leg in legs if leg.frames.start == frame))
        return None

    @property
    def following(self) -> int | None:
        """The frame of the visit after the next one; None where there is none."""
        ahead = [visit.frame for visit in self._first[:2]]
        for step, legs in self._legs.items():
            if legs and len(ahead) < 2:
                frame = _next_of(legs)
                later = [leg.frames[1] for leg in legs if leg.frames.start == frame and len(leg.frames) > 1]
                later += [leg.frames.start for leg in legs if leg.frames.start != frame]
                ahead += [frame, *([min(later) if step > 0 else max(later)] if later else [])]
        return ahead[1] if len(ahead) > 1 else None

    @property
    def left(self) -> int:
        """Number of visits."""
        return len(self._first) + sum(_frames_in(legs) for legs in self._legs.values())

    @property
    def ids(self) -> frozenset[int]:
        """The objects that it is about."""
        legs = {leg.object_id for legs in self._legs.values() for leg in legs}
        return frozenset(legs.union(*(visit.said for visit in self._first))) - {WORDS}

    def go(self, visit: Visit) -> tuple[Leg, ...]:
        """Put a visit behind; return its legs, as they are now, as far as they still want its frame."""
        self._first = [one for one in self._first if one is not visit]
        gone = []
        for leg in visit.legs:
            legs = self._legs[leg.frames.step]
            at = next((k for k, one in enumerate(legs) if _same(one, leg) and one.frames.start == visit.frame), None)
            if at is not None:
                gone.append(legs[at])
                rest = legs[at].frames[1:]
                legs[at : at + 1] = [Leg(leg.object_id, leg.origin, rest, leg.serial)] if rest else []
        return tuple(gone)

    def drop(self, leg: Leg) -> None:
        """Leave out what is left of a leg."""
        legs = self._legs[leg.frames.step]
        legs[:] = [one for one in legs if not (_same(one, leg) and one.frames.stop == leg.frames.stop)]

    def drop_from(self, frame: int) -> None:
        """Leave out all legs of objects that come from a frame."""
        for legs in self._legs.values():
            legs[:] = [leg for leg in legs if leg.origin != frame]


def _same(a: Leg, b: Leg) -> bool:
    return (a.object_id, a.origin, a.serial) == (b.object_id, b.origin, b.serial)


def _next_of(legs: list[Leg]) -> int:
    starts = [leg.frames.start for leg in legs]
    return min(starts) if legs[0].frames.step > 0 else max(starts)


def _frames_in(legs: list[Leg]) -> int:
    """Return on how many frames legs of one way lie."""
    count, end = 0, -1
    for low, high in sorted(sorted((leg.frames[0], leg.frames[-1])) for leg in legs):
        count += max(high - max(low - 1, end), 0)
        end = max(end, high)
    return count
