"""Steps that can be taken back and done again, of all objects or of one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_sam3_assistant.server.session.kept import KeptMask
    from napari_sam3_assistant.server.session.objects import Said

MOST_STEPS = 6000
"""More than a session has when each of its objects has all the points that it may have."""
MOST_BYTES = 32 * 2**20
"""Of the masks that older steps hold."""


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """What a step did to one object.

    Attributes
    ----------
    object_id : int
    before, after : Said or None
        What was said about it; None where it was not there.
    text : bool
        Whether words found it.
    """

    object_id: int
    before: Said | None
    after: Said | None
    text: bool = False


Step = list[Change]


class History:
    """Steps, the oldest first, and those that were taken back, the newest last."""

    def __init__(self) -> None:
        self._done: list[Step] = []
        self._undone: list[Step] = []
        self._held: Counter[KeptMask] = Counter()
        self._nbytes = 0

    def add(self, step: Step) -> None:
        """Add a step; what was taken back cannot be done again after it. The oldest are given up for room."""
        for undone in self._undone:
            self._hold(undone, -1)
        self._undone.clear()
        self._done.append(step)
        self._hold(step, 1)
        full = any(_masks_in(step))
        while len(self._done) > MOST_STEPS or (full and len(self._done) > 1 and self._nbytes > MOST_BYTES):
            self._hold(self._done.pop(0), -1)

    def back(self, object_id: int | None = None) -> Step:
        """Return the last step, of an object or of all, to take it back; none where there is none."""
        return _moved(self._done, self._undone, object_id)

    def forth(self, object_id: int | None = None) -> Step:
        """Return what was taken back last, to do it again; none where there is none."""
        return _moved(self._undone, self._done, object_id)

    def forget(self, object_id: int) -> None:
        """Give up the steps of an object."""
        for steps in (self._done, self._undone):
            for step in steps:
                self._hold([one for one in step if one.object_id == object_id], -1)
            left = [[one for one in step if one.object_id != object_id] for step in steps]
            steps[:] = [step for step in left if step]

    def _hold(self, step: Step, by: int) -> None:
        """Count the masks of a step in, or out: to look at all steps at each one would take seconds."""
        for mask in _masks_in(step):
            before = self._held[mask]
            self._held[mask] += by
            if not self._held[mask]:
                del self._held[mask]
            self._nbytes += mask.nbytes * ((mask in self._held) - (before > 0))


def _masks_in(step: Step) -> Iterator[KeptMask]:
    said = (said for change in step for said in (change.before, change.after) if said is not None)
    return (mask for one in said for mask in one.masks)


def _moved(source: list[Step], target: list[Step], object_id: int | None) -> Step:
    """Move the last step, or what it did to one object, from one list to the other, and return it."""
    for index in reversed(range(len(source))):
        moved = [one for one in source[index] if object_id is None or one.object_id == object_id]
        if moved:
            source[index] = [one for one in source[index] if one not in moved]
            if not source[index]:
                del source[index]
            target.append(moved)
            return moved
    return []
