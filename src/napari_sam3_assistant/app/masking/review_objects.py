"""The objects of a layer as rows of a review: one for each label value."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from napari_sam3_assistant.app.masking.desk import Desk
from napari_sam3_assistant.app.masking.review_state import ReviewRow
from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.layers import accepted, marks
from napari_sam3_assistant.layers.thirds import show_third
from napari_sam3_assistant.masks.counted import Counted, count_values, deleted, recounted

ROLE = "object"
MOST_RECOLORED = 2**20
"""A layer of more pixels is drawn anew too slowly for objects to be hidden with each key."""
MOST_COLORS = 2**12
"""One of more objects takes too long to be given as many colours."""
MOST_RECOUNTED = 2**20
"""A larger edit is not followed pixel by pixel: the layer is counted anew."""
GONE = PromptError("The layer that was reviewed is gone.", hint="Choose another one under Review.")


class ReviewedObjects:
    """The label values of one layer.

    Parameters
    ----------
    desk : Desk
    identity : str
        The unique id of the layer.
    """

    of_layers = False

    def __init__(self, desk: Desk, identity: str) -> None:
        self._desk, self.identity = desk, identity
        self._known: tuple[Counted, ...] = ()
        self._hidden: marks.Hidden | None = None

    @property
    def layer(self) -> Any | None:
        """The layer, or None where it is gone."""
        return self._desk.layer(self.identity)

    @property
    def quick_to_hide(self) -> bool:
        """Whether objects can be hidden, and that takes less than a frame or two."""
        layer = self.layer
        if layer is None or layer.multiscale or layer.data.size > MOST_RECOLORED:
            return False
        return len(self._known) <= MOST_COLORS and marks.can_hide(one.value for one in self._known)

    def load(self, done: Callable[[tuple[ReviewRow, ...]], None]) -> None:
        """Count the objects on the worker, and give the rows to ``done``."""
        layer = self.layer

        def counted(layer: Any, found: tuple[Counted, ...]) -> None:
            self._known = found
            done(self._rows(layer))
            self._desk.say(f"{len(found):,} object(s) of {layer.name} to review.")

        if layer is not None and layer.multiscale and accepted.is_accepted(layer):
            counted(layer, _kept(layer))
            return
        self._desk.read(
            layer, "Counting objects...", lambda data, watch: count_values(data, watch=watch), counted, GONE
        )

    def changed(self, edit: Any) -> tuple[ReviewRow, ...] | None:
        """Return the rows after an edit of the layer; None where all must be counted anew."""
        layer = self.layer
        if layer is None or edit.after.size > MOST_RECOUNTED:
            return None
        self._known = recounted(self._known, edit)
        return self._rows(layer)

    def mark(self, given: Mapping[str, marks.Mark]) -> None:
        """Write what was decided about objects."""
        layer = self.layer
        if layer is not None:
            named = {int(key): mark for key, mark in given.items()}
            marks.mark_objects(layer, named, (one.value for one in self._known))

    def locate(self, row: ReviewRow) -> None:
        """Select the layer and the object, and bring it into the middle of the view."""
        layer = self.layer
        if layer is not None:
            if not layer.visible:  # napari draws the layer anew even where nothing changes
                layer.visible = True
            self._desk.viewer.layers.selection.active = layer
            layer.selected_label = row.value
            show_third(self._desk.viewer, layer, row.box)

    def hide(self, hidden: Collection[str], shown: Collection[str]) -> None:
        """Hide these objects, and show all others.

        Raises
        ------
        PromptError
            If their values are too high for that.
        """
        layer = self.layer
        if layer is None or not hidden:
            self.close()
            return
        self._hidden = self._hidden or marks.Hidden(layer)
        self._hidden.hide({int(key) for key in hidden}, [one.value for one in self._known])

    def delete(self, keys: Collection[str]) -> int:
        """Make objects background, so that it can be undone; return how many will be."""
        values = {int(key) for key in keys}
        chosen = tuple(one for one in self._known if one.value in values)
        self._desk.edit(
            self.layer,
            "Delete Rejected",
            lambda data, watch: deleted(data, chosen, watch=watch),
            lambda name: f"Deleted {len(chosen)} rejected object(s) from {name}.",
        )
        return len(chosen)

    def bound(self, rows: Collection[ReviewRow]) -> list[Any]:
        """Return the layer, on which keys review."""
        return [] if self.layer is None else [self.layer]

    def watch(self, slot: Callable[[Any], None]) -> Callable[[], None]:
        """Call ``slot`` when the layer gets other pixels; return what ends that."""
        layer = self.layer
        if layer is None:
            return lambda: None
        layer.events.data.connect(slot)
        return lambda: layer.events.data.disconnect(slot)

    def renamed(self, rows: Sequence[ReviewRow]) -> bool:
        """Return whether the layer has another name than in its rows."""
        return self.layer is not None and any(row.layer != str(self.layer.name) for row in rows[:1])

    def close(self) -> None:
        """Show all objects again."""
        if self._hidden is not None and self.layer is not None:
            self._hidden.show_all()
        self._hidden = None

    def _rows(self, layer: Any) -> tuple[ReviewRow, ...]:
        decided, name = marks.object_marks(layer), str(layer.name)
        return tuple(
            ReviewRow(
                str(one.value),
                name,
                one.value,
                decided.get(one.value, marks.Mark()),
                one.area,
                len(one.box),
                tuple(stop - start for start, stop in one.box),
                ROLE,
                one.box,
            )
            for one in self._known
        )


def _kept(layer: Any) -> tuple[Counted, ...]:
    """Return the objects that were accepted on a large plane: its layer knows them, and has no array to count."""
    return tuple(Counted(*one) for one in accepted.boxes_of(layer))
