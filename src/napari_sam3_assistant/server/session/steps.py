"""Steps in words: which message says that something was added or taken back."""

from __future__ import annotations

from napari_sam3_assistant.server.session.history import Change
from napari_sam3_assistant.server.session.objects import Said
from napari_sam3_assistant.wire.replies import (
    BoxAdded,
    BoxRemoved,
    MaskAdded,
    MaskRemoved,
    ObjectCreated,
    ObjectDeleted,
    PointAdded,
    PointRemoved,
    TextRemoved,
)
from napari_sam3_assistant.wire.values import Message


def told(change: Change, selected: int, *, forward: bool = True, id: str | None = None) -> Message:
    """Return the message that says what a change did to an object, or what taking it back did.

    Parameters
    ----------
    change : Change
    selected : int
        The object that is selected now.
    forward : bool
        False where the change was taken back.
    id : str or None
        Of the message that is answered.
    """
    before, after = (change.before, change.after) if forward else (change.after, change.before)
    number = change.object_id
    if after is None:
        return ObjectDeleted(object_id=number, selected=selected, id=id)
    if before is None:
        return ObjectCreated(object_id=number, id=id)
    if before.points != after.points:
        return _point(before, after, number, id)
    if before.box != after.box:
        return box_told(after, number, id)
    if after.mask is None:
        return MaskRemoved(object_id=number, id=id)
    return MaskAdded(object_id=number, area=after.mask.area, id=id)


def text_taken_back(changes: list[Change], id: str | None) -> TextRemoved:
    """Return the message that says that objects which words had found are gone."""
    return TextRemoved(object_ids=tuple(change.object_id for change in changes), id=id)


def box_told(said: Said, object_id: int, id: str | None) -> Message:
    """Return the message that says which box is round an object now."""
    if said.box is None:
        return BoxRemoved(object_id=object_id, id=id)
    box = said.box
    return BoxAdded(x1=box.x1, y1=box.y1, x2=box.x2, y2=box.y2, label=box.label, object_id=object_id, id=id)


def _point(before: Said, after: Said, object_id: int, id: str | None) -> Message:
    added = len(after.points) > len(before.points)
    more, fewer = (after.points, before.points) if added else (before.points, after.points)
    pairs = zip(more, fewer, strict=False)
    index = next((place for place, (one, other) in enumerate(pairs) if one != other), len(fewer))
    point, kind = more[index], PointAdded if added else PointRemoved
    return kind(
        x=point.x,
        y=point.y,
        label=point.label,
        total_points=len(after.points),
        object_id=object_id,
        point_index=index,
        id=id,
    )
