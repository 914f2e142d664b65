"""The objects a user has made: placed masks with a number, a class and a story.

They are values: each verb returns another collection. Layers and tables are views of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.geometry import Box, PlacedMask, union
from napari_sam3_assistant.core.labels import to_labels
from napari_sam3_assistant.core.windows import Window

Status = Literal["unreviewed", "accepted", "needs_edit", "rejected"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an object comes from.

    Attributes
    ----------
    layer : str
        Name of the picture.
    prompt : str
        What was asked: a phrase, "points", "box" ...
    frame : int or None
        Index along the frame axis, if there is one.
    engine : str
        Name of the engine that made the mask; empty where a user did.
    """

    layer: str = ""
    prompt: str = ""
    frame: int | None = None
    engine: str = ""


PAINTED = Origin(prompt="painted")
"""Of objects that a user painted."""


@dataclass(frozen=True, slots=True, eq=False)
class MaskObject:
    """One object.

    Attributes
    ----------
    id : int
        From 1; its label wherever it is drawn or saved.
    mask : PlacedMask
        Its pixels, cut to them.
    score : float
        How good the engine thinks the mask is, 0 to 1.
    class_name : str
        What it is; may be empty.
    status : {"unreviewed", "accepted", "needs_edit", "rejected"}
        What the user thinks of it.
    origin : Origin
        Where it comes from.
    """

    id: int
    mask: PlacedMask
    score: float = 1.0
    class_name: str = ""
    status: Status = "unreviewed"
    origin: Origin = Origin()

    def __post_init__(self) -> None:
        if self.id < 1:
            raise PromptError(
                f"An object cannot have the number {self.id}.", hint="Numbers start at 1; 0 is background."
            )
        if not self.mask.area:
            raise PromptError("The mask is empty.", hint="Click on the object, or lower the threshold.")


@dataclass(frozen=True, slots=True, eq=False)
class Objects:
    """Objects in the order in which they were made. Their numbers are never given twice.

    Attributes
    ----------
    items : tuple of MaskObject
        Oldest first.
    next_id : int
        The number of the next one.
    """

    items: tuple[MaskObject, ...] = ()
    next_id: int = 1

    def __iter__(self) -> Iterator[MaskObject]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __contains__(self, id: object) -> bool:
        return any(item.id == id for item in self.items)

    def __getitem__(self, id: int) -> MaskObject:
        """Return the object of a number.

        Raises
        ------
        PromptError
            If there is none.
        """
        for item in self.items:
            if item.id == id:
                return item
        raise _none_of(id)

    @property
    def newest(self) -> MaskObject | None:
        """The object made last, or None."""
        return self.items[-1] if self.items else None

    @property
    def box(self) -> Box | None:
        """What holds all objects, in pixels of the plane, or None if there are none."""
        boxes = [box for item in self.items if (box := item.mask.box) is not None]
        return union(boxes) if boxes else None

    def add(
        self,
        mask: PlacedMask,
        *,
        score: float = 1.0,
        class_name: str = "",
        status: Status = "unreviewed",
        origin: Origin = Origin(),
    ) -> Objects:
        """Return the objects and one more, which is their :attr:`newest`.

        Raises
        ------
        PromptError
            If the mask is empty.
        """
        item = MaskObject(self.next_id, mask.trimmed(), score, class_name, status, origin)
        return Objects((*self.items, item), self.next_id + 1)

    def reserve(self) -> tuple[Objects, int]:
        """Return the objects, and a number that they will give to no other."""
        return replace(self, next_id=self.next_id + 1), self.next_id

    def put(
        self,
        id: int,
        mask: PlacedMask,
        *,
        score: float = 1.0,
        class_name: str = "",
        status: Status = "unreviewed",
        origin: Origin = Origin(),
    ) -> Objects:
        """Return the objects with one of a number chosen by the caller: in place of the one that has it, or added.

        Raises
        ------
        PromptError
            If the mask is empty, or the number is not 1 or more.
        """
        new = MaskObject(id, mask.trimmed(), score, class_name, status, origin)
        if id in self:
            items = tuple(new if item.id == id else item for item in self.items)
        else:
            items = (*self.items, new)
        return Objects(items, max(self.next_id, id + 1))

    def replace(
        self,
        id: int,
        *,
        mask: PlacedMask | None = None,
        score: float | None = None,
        class_name: str | None = None,
        status: Status | None = None,
        origin: Origin | None = None,
    ) -> Objects:
        """Return the objects, one of them with other values; None leaves a value as it is.

        Raises
        ------
        PromptError
            If there is no such object, or the mask is empty.
        """
        old = self[id]
        new = replace(
            old,
            mask=old.mask if mask is None else mask.trimmed(),
            score=old.score if score is None else score,
            class_name=old.class_name if class_name is None else class_name,
            status=old.status if status is None else status,
            origin=old.origin if origin is None else origin,
        )
        return replace(self, items=tuple(new if item is old else item for item in self.items))

    def remove(self, ids: Iterable[int]) -> Objects:
        """Return the objects without those of some numbers, which are not given again.

        Raises
        ------
        PromptError
            If there is no object of one of them.
        """
        gone = set(ids)
        for id in gone - {item.id for item in self.items}:
            raise _none_of(id)
        return replace(self, items=tuple(item for item in self.items if item.id not in gone))

    def clear(self) -> Objects:
        """Return no objects; numbers go on where they were."""
        return replace(self, items=())

    def at(self, row: float, col: float) -> MaskObject | None:
        """Return the newest object that holds the pixel nearest to ``(row, col)``, or None."""
        return next((item for item in reversed(self.items) if item.mask.value_at(row, col)), None)

    def labels(self, window: Window) -> npt.NDArray[np.uint32]:
        """Return the label image of a window, of shape ``window.shape``; newer objects lie on older ones."""
        values = [item.id for item in self.items]
        return to_labels([item.mask for item in self.items], window, values=values, overlap="last")


def _none_of(id: int) -> PromptError:
    return PromptError(f"There is no object {id}.", hint="It may have been removed; refresh the table.")
