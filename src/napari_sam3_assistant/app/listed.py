"""What the table knows of an object: of one that is being made, and of one that was accepted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from napari_sam3_assistant.app.drafts import Draft
from napari_sam3_assistant.app.screen import Place
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.results import ObjectRow
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.export import tables
from napari_sam3_assistant.masks.accepting import Accepted
from napari_sam3_assistant.masks.registry import MaskObject
from napari_sam3_assistant.tasks.tracks import Sighting

Key = tuple[bool, int]
"""Whether an object was accepted, and its number: those that were accepted have numbers of their own."""


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """An object and its row.

    Attributes
    ----------
    made : MaskObject, Accepted or Sighting
        The last is one that was followed onto its plane; it is not unpacked before its pixels are wanted.
    painted : PlacedMask or None
        Its pixels now, where a user may have painted in what was accepted; None where ``made`` has them.
    row : ObjectRow
    """

    made: MaskObject | Accepted | Sighting
    painted: PlacedMask | None
    row: ObjectRow

    @property
    def key(self) -> Key:
        """What tells it from the others of its plane."""
        return self.row.accepted, self.row.object_id

    @property
    def mask(self) -> PlacedMask:
        """Its pixels now."""
        return self.made.mask if self.painted is None else self.painted

    @property
    def pixels(self) -> object:
        """What is another object whenever its pixels are others."""
        return self.made if isinstance(self.made, Sighting) else self.mask

    def entry(self, grid: tables.Grid, picture: str, why: str = "") -> tables.Entry:
        """Return all that a file tells of it; ``why`` it is doubtful."""
        made = self.made
        mask = self.mask
        if isinstance(made, Sighting):
            engine = registry.title_of(made.origin.engine) if made.origin.engine else ""
            return tables.Entry(self.row, mask, grid, picture, "", engine, "", made.said, why)
        of = made.facts if isinstance(made, Accepted) else made
        status = tables.ACCEPTED if isinstance(made, Accepted) else made.status
        engine = registry.title_of(of.origin.engine) if of.origin.engine else ""
        return tables.Entry(self.row, mask, grid, picture, of.class_name, engine, status)


Lines = Mapping[Key, Line]
"""The objects of a plane and their rows."""


def line_of(place: Place, made: MaskObject | Accepted | Sighting, mask: PlacedMask | None, name: str | None) -> Line:
    """Return the line of an object; ``name`` is the picture's, None where it is no longer there."""
    of = made.facts if isinstance(made, Accepted) else made
    layer = of.origin.layer if name is None else name
    area = made.area if isinstance(made, Sighting) else (mask or made.mask).area
    row = ObjectRow(layer, of.origin.prompt, *place, made.id, of.score, area, isinstance(made, Accepted))
    return Line(made, mask, row)


def one_of_each(draft: Draft, lines: Lines) -> list[Line]:
    """Return the lines of a plane, no object twice: one that was accepted and is still in the preview is one.

    It is listed as accepted until it is changed, from then on as it is in the preview.
    """
    twice: set[Key] = set()
    for item in draft.objects:
        number = draft.talks[item.id].accepted if item.id in draft.talks else None
        if number is not None and (True, number) in lines:
            twice.add((False, item.id) if item.status == "accepted" else (True, number))
    return [line for key, line in lines.items() if key not in twice]


def number_in(draft: Draft, accepted: int) -> int | None:
    """Return the number that an accepted object has in the preview, or None where it has left it."""
    return next((id for id, talk in draft.talks.items() if talk.accepted == accepted and draft.has(id)), None)
