"""The objects of a session: what was said about each, and the steps that led there."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

from napari_sam3_assistant.core.prompts import MaskPrompt, PointPrompt, Prompts
from napari_sam3_assistant.server.session.bounds import box_prompt
from napari_sam3_assistant.server.session.history import Change, History
from napari_sam3_assistant.server.session.kept import FoundMask, KeptMask
from napari_sam3_assistant.wire.refusals import Refusal
from napari_sam3_assistant.wire.values import Corners, Point, Rectangle

MOST_MASK_BYTES = 64 * 2**20
"""Of the masks that objects of a session hold, packed. A mask of a real object takes some thousand."""


@dataclass(frozen=True, slots=True)
class Said:
    """All that was said about one object. A step makes another one, and leaves this as it is.

    Attributes
    ----------
    points : tuple of Point
    box : Rectangle or None
        Round the object.
    mask : KeptMask or None
        A rough mask that the client drew.
    found : FoundMask or None
        What words have found.
    """

    points: tuple[Point, ...] = ()
    box: Rectangle | None = None
    mask: KeptMask | None = None
    found: FoundMask | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing was said."""
        return self == Said()

    @property
    def as_found(self) -> FoundMask | None:
        """What words have found, if nothing else was said: it is the answer."""
        return None if self.points or self.box is not None or self.mask is not None else self.found

    @property
    def masks(self) -> tuple[KeptMask, ...]:
        """The masks that it holds."""
        found = None if self.found is None else self.found.mask
        return tuple(mask for mask in (self.mask, found) if mask is not None)

    def hint(self, takes_masks: bool) -> KeptMask | None:
        """Return the mask that an engine starts from, if it takes masks: the drawn one before the found one."""
        hints = [mask for mask in self.masks if mask.area]
        return hints[0] if takes_masks and hints else None

    def foreground(self, takes_masks: bool) -> bool:
        """Return whether anything says where the object is."""
        on = any(point.label for point in self.points)
        return on or self.box is not None or self.hint(takes_masks) is not None

    def prompts(self, takes_masks: bool) -> Prompts:
        """Return what an engine is asked, in (row, col) pixels. Slow with a mask, see :meth:`KeptMask.placed`."""
        hint = self.hint(takes_masks)
        return Prompts(
            tuple(PointPrompt(point.y, point.x, bool(point.label)) for point in self.points),
            None if self.box is None else box_prompt(self.box),
            None if hint is None else MaskPrompt(hint.placed()),
        )


def check_memory(objects: Iterable[Said]) -> None:
    """Raise Refusal where the masks of objects are too much to keep."""
    if sum(mask.nbytes for said in objects for mask in said.masks) > MOST_MASK_BYTES:
        raise Refusal("bad_mask", "The masks of this session are too large. Delete an object first.")


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """How an object was last answered.

    Attributes
    ----------
    said : Said
        What the answer was about; once more is said, it no longer holds.
    score : float
    bbox : tuple of int
    area : int
    mask : KeptMask or None
        Kept where the client wants every object with each result.
    """

    said: Said
    score: float
    bbox: Corners
    area: int
    mask: KeptMask | None = None


class Board:
    """The objects of one picture. One is always there, and one is selected.

    Parameters
    ----------
    most : int
        Most objects.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._turns = itertools.count(1)
        self.clear()

    def clear(self) -> None:
        """Forget all objects and steps; begin with object 1."""
        self.objects: dict[int, Said] = {}
        self.seen: dict[int, Seen] = {}
        self.selected = 1
        self._generation = next(self._turns)
        self._turn: dict[int, int] = {}
        self._history = History()
        self._numbers = itertools.count(1)
        self.create()

    def of(self, object_id: int | None) -> int:
        """Return the number of an object: the selected one where none is named.

        Raises
        ------
        Refusal
            If there is none of this number.
        """
        number = self.selected if object_id is None else object_id
        if number not in self.objects:
            raise Refusal("no_object", f"No such object: {number}")
        return number

    def mark(self, object_id: int | None) -> tuple[int, ...]:
        """Return a mark that differs once something that was said about an object, or about all, was taken back."""
        if object_id is None:
            return (self._generation,)
        return self._generation, self._turn.get(object_id, 0)

    def create(self) -> int:
        """Begin an object, select it, and return its number.

        Raises
        ------
        Refusal
            If there are too many.
        """
        self.check_room()
        self.selected = number = next(self._numbers)
        self.objects[number] = Said()
        self._cut(number)
        return number

    def check_room(self) -> None:
        """Raise Refusal where no other object can be begun."""
        if not self.room:
            raise Refusal("limit_objects", f"Max objects ({self._most}) reached")

    @property
    def room(self) -> int:
        """How many more objects there may be."""
        return self._most - len(self.objects)

    def say(self, object_id: int, said: Said, *, back: bool = False) -> None:
        """Make a step: this is what is said about an object now; ``back`` takes something back."""
        self._history.add([Change(object_id, self.objects[object_id], said)])
        self.objects[object_id] = said
        if back:
            self._cut(object_id)

    def find(self, found: list[FoundMask]) -> tuple[int, ...]:
        """Make a step: objects that words have found, the first one selected; return their numbers."""
        numbers = tuple(itertools.islice(self._numbers, len(found)))
        changes = [Change(number, None, Said(found=one), text=True) for number, one in zip(numbers, found, strict=True)]
        if changes:
            self._history.add(changes)
            self._apply(changes, forward=True)
            self.selected = numbers[0]
        return numbers

    def delete(self, object_id: int) -> None:
        """Make a step: an object is given up. If it was selected the newest other one is, or a new one."""
        change = Change(object_id, self.objects[object_id], None)
        self._history.add([change])
        self._apply([change], forward=True)

    def forget(self, object_id: int) -> None:
        """Forget what was said about an object, and its steps."""
        self.objects[object_id] = Said()
        self._history.forget(object_id)
        self._cut(object_id)

    def undo(self, object_id: int | None = None) -> list[Change]:
        """Take back the last step, of an object or of all; return what changed, as it was done.

        Raises
        ------
        Refusal
            If there is none.
        """
        changes = self._history.back(object_id)
        if not changes:
            raise Refusal("nothing_to_undo")
        self._apply(changes, forward=False)
        return changes

    def redo(self, object_id: int | None = None) -> list[Change]:
        """Do again what was taken back last; as :meth:`undo`."""
        changes = self._history.forth(object_id)
        if not changes:
            raise Refusal("nothing_to_redo")
        self._apply(changes, forward=True)
        return changes

    def restore(self, objects: dict[int, Said], selected: int) -> None:
        """Set all objects at once; each prompt of theirs is a step, in the order mask, box, points."""
        self.clear()
        if not objects:
            return
        self.objects.clear()
        self._turn.clear()
        self._numbers = itertools.count(max(objects) + 1)
        for number, said in objects.items():
            self.objects[number] = begun = Said(found=said.found)
            self._cut(number)
            steps = [Said(mask=said.mask, found=said.found), Said(mask=said.mask, box=said.box, found=said.found)]
            steps += [
                Said(said.points[: count + 1], said.box, said.mask, said.found) for count in range(len(said.points))
            ]
            for step in steps:
                if step != begun:
                    self.say(number, step)
                begun = step
        self.selected = selected

    def _apply(self, changes: list[Change], *, forward: bool) -> None:
        for change in changes:
            said = change.after if forward else change.before
            if said is None:
                self.objects.pop(change.object_id)
                self.seen.pop(change.object_id, None)
                self._turn.pop(change.object_id)
            else:
                if change.object_id not in self.objects:
                    self.selected = change.object_id
                self.objects[change.object_id] = said
                self._cut(change.object_id)
        if self.selected not in self.objects:
            self.selected = max(self.objects) if self.objects else self.create()

    def _cut(self, object_id: int) -> None:
        self._turn[object_id] = next(self._turns)
