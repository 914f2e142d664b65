"""The layers of a batch follow the drafts: each result of each picture has its own, whatever becomes of it.

The drafts are the truth. Layers that are missing come, one at a time with room for the window in between, others
are drawn anew, and those of which nothing is left go; so undo, acceptance and saving need not know of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_sam3_assistant.app.batch_drafts import parts
from napari_sam3_assistant.app.drafts import Draft
from napari_sam3_assistant.app.screen import Place, in_order
from napari_sam3_assistant.core.errors import AssistantError
from napari_sam3_assistant.core.sources import Source
from napari_sam3_assistant.layers import batch_previews, images, names
from napari_sam3_assistant.layers.batch_previews import BOXES, LABELS, MASKS, Result, Shown
from napari_sam3_assistant.layers.blocks import note, take_away, write_note
from napari_sam3_assistant.masks.registry import MaskObject

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController

AFTER_S = 0.3
"""The layers follow once the drafts have rested so long."""
MOST_RESULTS = 50
"""So many results have layers of their own: napari takes a tenth of a second for each."""
ASIDE = "aside"
"""Noted of a layer that is hidden while its picture's own preview is on screen."""
PAINT = "Paint"


class BatchViews:
    """Shows the results of a batch as layers.

    Parameters
    ----------
    controller : AppController
    """

    def __init__(self, controller: AppController) -> None:
        self._controller, self._viewer = controller, controller.viewer
        self._due = self.drawing = False
        """``drawing``: whether layers that come and go now are their doing."""
        self._parts: dict[Place, tuple[Draft, dict[str, tuple[MaskObject, ...]]]] = {}
        self._painted: set[str] = set()
        self._closed: set[tuple[Result, str]] = set()

    # -- following --------------------------------------------------------------------------------

    def follow(self) -> None:
        """Have the layers follow the drafts, soon."""
        board = self._controller.board
        wanted = any(draft.batch is not None for draft in board.drafts.values())
        if not self._due and (wanted or self._parts):
            self._due = True
            self._controller.after(AFTER_S, lambda: self._go_on())

    def _go_on(self) -> None:
        """Do what is to be done next, and later what is left."""
        self._due = False
        if self._controller.closed:
            return
        change = next(self._changes(), None)
        if change is None:
            return
        self._due = True
        self._controller.after(0.0, lambda: self._go_on())

    def _changes(self) -> Iterator[str]:
        """Do what the layers differ in from the drafts, one thing each time this is asked for the next."""
        self.absorb()
        wanted, there = self._wanted(), batch_previews.shown(self._viewer)
        for one in there:
            if one.result not in wanted:
                self._take(one)
                yield "taken away"
        titles = self._titles(wanted)
        known = {(one.result, one.kind): one for one in there}
        for result, items in wanted.items():
            layer = images.layer_by_id(self._viewer, result[0])
            source = None if layer is None else self._source(layer, result)
            if source is not None:
                yield from self._show(layer, source, result, items, titles[result], known)

    def _show(
        self,
        image: Any,
        source: Source,
        result: Result,
        items: tuple[MaskObject, ...],
        title: tuple[str, str],
        known: Mapping[tuple[Result, str], Shown],
    ) -> Iterator[str]:
        own = {kind: known.get((result, kind)) for kind in (LABELS, BOXES, MASKS)}
        name = {kind: names.in_batch(kind, *title) for kind in own}
        for kind, one in own.items():
            if one is not None:
                batch_previews.rename(one.layer, name[kind])
        here = result[:2] == self._controller.board.place
        labels, boxes = own[LABELS], own[BOXES]
        if labels is None or labels.items is not items:
            with_layer = None if labels is None else labels.layer
            self._draw_labels(image, source, result, items, name[LABELS], with_layer, here)
            yield "labels"
        elif labels is not None:
            self._set_aside(labels.layer, here)
        if (result, BOXES) not in self._closed and (boxes is None or boxes.items is not items):
            self.drawing = True
            try:
                batch_previews.show_others(self._viewer, image, source, result, items, (name[BOXES], name[MASKS]))
            finally:
                self.drawing = False
            yield "boxes"

    def _draw_labels(
        self,
        image: Any,
        source: Source,
        result: Result,
        items: tuple[MaskObject, ...],
        name: str,
        layer: Any | None,
        here: bool,
    ) -> None:
        self.drawing = True
        aside = None if layer is None else note(layer).get(ASIDE)
        try:
            made = batch_previews.show_labels(self._viewer, image, source, result, items, name, layer, visible=not here)
        finally:
            self.drawing = False
        if layer is None or aside is None:
            aside = True if here and layer is None else None
        if aside is not None:
            write_note(made, {**note(made), ASIDE: aside})
        if layer is None or made != layer:
            for event in (made.events.paint, made.events.data, made.events.set_data):
                event.connect(self._touched)

    def _set_aside(self, layer: Any, here: bool) -> None:
        """Hide a layer while its picture's own preview shows the same; let it come back afterwards."""
        noted = note(layer)
        if here and ASIDE not in noted:
            write_note(layer, {**noted, ASIDE: layer.visible})
            layer.visible = False
        elif not here and ASIDE in noted:
            write_note(layer, {key: value for key, value in noted.items() if key != ASIDE})
            layer.visible = layer.visible or noted[ASIDE]

    # -- what there is to show --------------------------------------------------------------------

    def _wanted(self) -> dict[Result, tuple[MaskObject, ...]]:
        """Return the results that have layers, picture by picture; the same objects as the same tuple."""
        drafts = self._controller.board.drafts
        there = {str(layer.unique_id) for layer in self._viewer.layers}
        found: dict[Result, tuple[MaskObject, ...]] = {}
        kept: dict[Place, tuple[Draft, dict[str, tuple[MaskObject, ...]]]] = {}
        for place in in_order(place for place, draft in drafts.items() if draft.batch is not None):
            if place[0] in there:
                kept[place] = self._parts_of(place, drafts[place])
                found.update({(*place, words): items for words, items in kept[place][1].items()})
        self._parts = kept
        return dict(list(found.items())[:MOST_RESULTS])

    def _parts_of(self, place: Place, draft: Draft) -> tuple[Draft, dict[str, tuple[MaskObject, ...]]]:
        known = self._parts.get(place)
        if known is not None and known[0].objects is draft.objects:
            return known
        before = {} if known is None else known[1]
        now = dict(parts(draft))
        return draft, {words: _same(before.get(words, ()), items) for words, items in now.items()}

    def _titles(self, wanted: Mapping[Result, Any]) -> dict[Result, tuple[str, str]]:
        """Return the name of the picture, and the words, of each result; no two would give a layer the same name."""
        found: dict[Result, tuple[str, str]] = {}
        taken: set[str] = set()
        for result in wanted:
            layer = images.layer_by_id(self._viewer, result[0])
            picture, words, number = "" if layer is None else str(layer.name), result[2], 1
            name = picture
            while (title := names.in_batch(LABELS, name, words)) in taken:
                number += 1
                name = f"{picture}_{number}"
            taken.add(title)
            found[result] = name, words
        return found

    def _source(self, layer: Any, result: Result) -> Source | None:
        """Return the source of a picture, or None where it has no longer the plane of the result."""
        try:
            source = self._controller.channels.plain_source_of(layer)
        except AssistantError:  # choosing the picture says what is wrong with it
            return None
        plane = result[1]
        axes = {plane.row_axis, plane.col_axis, *(axis for axis, _ in plane.index)}
        fits = max(axes) < len(source.shape) and all(at < source.shape[axis] for axis, at in plane.index)
        return source if fits else None

    # -- what users do ----------------------------------------------------------------------------

    def _touched(self, event: Any) -> None:
        if not self.drawing:
            self._painted.add(str(event.source.unique_id))

    def absorb(self) -> None:
        """Take what was painted, or cleaned, in the layers for the objects' masks, as a step of its own."""
        touched, self._painted = self._painted, set()
        if not touched:
            return
        board = self._controller.board
        for one in batch_previews.shown(self._viewer):
            if (
                str(one.layer.unique_id) not in touched
                or one.kind != LABELS
                or not batch_previews.is_painted(one.layer)
            ):
                continue
            place = one.result[0], one.result[1]
            board.step(PAINT)
            board.put(place, board.at(place).with_painted(batch_previews.absorb(one.layer, board.at(place).objects)))
            self._controller.on_main(board.draw)

    def layer_removed(self, layer: Any) -> None:
        """Let go of what a layer shows that the user has deleted."""
        one = None if self.drawing else batch_previews.shown_in(layer)
        if one is None:
            return
        board, place = self._controller.board, (one.result[0], one.result[1])
        if one.kind != LABELS:
            self._closed.add((one.result, one.kind))
            return
        gone = [item.id for item in one.items if board.at(place).has(item.id)]
        if gone and images.layer_by_id(self._viewer, place[0]) is not None:
            board.step("Delete the preview")
            board.put(place, board.at(place).without(gone))
            board.draw()

    def begin(self) -> None:
        """Show all layers of the results that come now, those too that the user has closed of earlier ones."""
        self._closed.clear()

    def count(self) -> int:
        """Return how many layers there are."""
        return len(batch_previews.shown(self._viewer))

    def clear(self) -> int:
        """Take away the results of batches of all pictures, and their layers; return how many layers there were."""
        board = self._controller.board
        for place, draft in dict(board.drafts).items():
            if draft.batch is not None and place != board.place:
                board.put(place, replace(draft.dismissed({}), batch=None))
        there = batch_previews.shown(self._viewer)
        for one in there:
            self._take(one)
        return len(there)

    def _take(self, one: Shown) -> None:
        self.drawing = True
        try:
            take_away(self._viewer, one.layer)
        finally:
            self.drawing = False


def _same(before: tuple[MaskObject, ...], now: tuple[MaskObject, ...]) -> tuple[MaskObject, ...]:
    """Return the tuple that was there before, where it holds the same objects."""
    alike = len(before) == len(now) and all(a is b for a, b in zip(before, now, strict=True))
    return before if alike else now
