"""The board: the drafts of a viewer, what of them is on screen, and the steps back and forth.

All on the GUI thread. A draft belongs to one plane of one image; the board shows that of the
plane on screen and keeps the others.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_sam3_assistant.app import keeping
from napari_sam3_assistant.app.batch_drafts import parts
from napari_sam3_assistant.app.drafts import Draft, Talk
from napari_sam3_assistant.app.painted_prompts import PaintedRecord
from napari_sam3_assistant.app.propagating.record import Followed
from napari_sam3_assistant.app.screen import OnScreen, Place, in_order
from napari_sam3_assistant.app.timeline import Timeline
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.layers import preview_boxes, preview_masks, previews
from napari_sam3_assistant.layers.accepted import Accepted
from napari_sam3_assistant.layers.point_records import PointsRecord
from napari_sam3_assistant.layers.shape_records import ShapesRecord
from napari_sam3_assistant.masks.registry import Objects
from napari_sam3_assistant.tasks.view import View

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController


EXTRAS_AFTER_S = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """All that a step back brings back."""

    points: PointsRecord | None
    boxes: ShapesRecord | None
    painted: PaintedRecord
    drafts: Mapping[Place, Draft]
    accepted: tuple[Accepted, ...]
    followed: Followed | None = None
    words: tuple[str, str] | None = None
    """What was typed in the field and in the lines of phrases; None where the step leaves it as it is."""


class Board:
    """What the user has made and not yet accepted, drawn; and undo.

    Parameters
    ----------
    controller : AppController
    """

    def __init__(self, controller: AppController) -> None:
        self._controller = controller
        self._results = controller.state.results
        self._drafts: dict[Place, Draft] = keeping.take(controller.viewer)
        self._timeline: Timeline[Snapshot] = Timeline()
        self._hovered = self._extras_due = False
        self.drawing = False
        """Whether layers that come and go now are the board's own doing."""
        self.least = 0
        """Numbers up to this one belong to objects of a points layer of the user's: new objects have larger ones."""
        self.place: Place | None = None
        """What is on screen, as far as the board has been told."""

    # -- drafts -----------------------------------------------------------------------------------

    @property
    def draft(self) -> Draft:
        """The draft of the plane on screen."""
        return self.at(self.place)

    def at(self, place: Place | None) -> Draft:
        """Return the draft of a place; an empty one where nothing was made."""
        draft = self._drafts.get(place, Draft()) if place is not None else Draft()
        return draft.beyond(self.least)

    @property
    def drafts(self) -> Mapping[Place, Draft]:
        """The drafts of all planes of all images."""
        return self._drafts

    @property
    def previews(self) -> tuple[Place, ...]:
        """The planes with objects: those of one image after each other, in the order of their slices."""
        return tuple(place for place in in_order(self._drafts) if len(self._drafts[place].objects))

    def put(self, place: Place, draft: Draft) -> None:
        """Keep a draft. :meth:`draw` shows it."""
        self._drafts[place] = draft

    def change(self, verb: Callable[[Draft], Draft]) -> None:
        """Change the draft on screen, and show it."""
        if self.place is not None:
            self.put(self.place, verb(self.draft))
            self.draw()

    def close(self) -> None:
        """Keep the drafts for the next widget of the viewer."""
        self.absorb()
        keeping.keep(self._controller.viewer, self._drafts)

    def forget(self, identity: str) -> None:
        """Forget the drafts of an image that has left the viewer."""
        self._drafts = {place: draft for place, draft in self._drafts.items() if place[0] != identity}

    def reset(self, kind: str) -> None:
        """Take away what began with this kind of prompt, on every slice of the image in use, and show what is left.

        Points in a layer of the user's stay, and are asked about again once they change.
        """
        image = self._controller.state.task.image
        for place, draft in self._drafts.items():
            self._drafts[place] = draft.reset(kind) if place[0] == image else draft
        if kind == "points":
            self._set_aside()
        self.draw()

    def _set_aside(self) -> None:
        """Let points that a user drew in a layer of his own stay without masks."""
        if self.place is not None and not self._controller.live.ours:
            self.put(self.place, self.draft.set_aside(self._controller.asking.points_here()))

    def release(self, above: int) -> None:
        """Let masks go whose points are no longer in use, on every plane; see :meth:`Draft.released`."""
        self._controller.asking.forget()
        self._drafts = {place: draft.released(above) for place, draft in self._drafts.items()}
        self.least = above
        self.draw()

    def empty(self, ids: Collection[int], there: OnScreen | None = None) -> None:
        """Take away objects and their prompts: those on screen, or of the plane that is told."""
        place = self.place if there is None else there.place
        if place is None or not ids:
            return
        controller, talks = self._controller, self.at(place).talks
        controller.asking.drop(place, ids)
        controller.live.remove_of(ids, there)
        controller.boxes.remove_of({talks[id].key for id in ids if id in talks and talks[id].kind == "box"}, there)
        controller.masks.remove_of({talks[id].key for id in ids if id in talks and talks[id].kind == "labels"}, there)
        left = self.at(place).without(ids)
        self.put(place, left if left.talks or len(left.objects) else Draft())
        if there is None:
            self._set_aside()
        self.draw()
        self._controller.asking.describe()

    def keep_masks(self) -> None:
        """Leave every mask as it is: the points that made them have left the viewer."""
        self._drafts = {place: draft.kept() for place, draft in self._drafts.items()}

    # -- showing ----------------------------------------------------------------------------------

    def draw(self, here: OnScreen | None = None) -> None:
        """Show the draft of the plane on screen, and write what the widgets draw."""
        here = here or self._controller.here()
        if here is not None and here.place == self.place:
            self._hovered = False
            self._show(here, self.draft.objects)
            self._controller.roi.show(here, self._view())
            self._redraw_extras_soon()
        self.publish()

    def _redraw_extras_soon(self) -> None:
        """Let the boxes and the overlapping masks follow, where they are there, once the hand rests."""
        viewer = self._controller.viewer
        there = preview_boxes.boxes_layer(viewer) is not None or preview_masks.masks_layer(viewer) is not None
        if there and not self._extras_due:
            self._extras_due = True
            self._controller.after(EXTRAS_AFTER_S, self._redraw_extras)

    def _redraw_extras(self) -> None:
        self._extras_due = False
        here = None if self._controller.closed else self._controller.here()
        if here is None or here.place != self.place:
            return
        if self._controller.asking.waits:
            self._redraw_extras_soon()
        else:
            self.draw_extras(here)

    def _show(self, here: OnScreen, objects: Objects) -> None:
        self.drawing = True
        view = self._view()
        window = view.window if view is not None else None
        try:
            previews.show_objects(self._controller.viewer, here.layer, here.source, here.plane, objects, window)
        finally:
            self.drawing = False

    def _view(self) -> View | None:
        """Return what is worked on: what was looked at for the selected object, else for the newest request."""
        draft = self.draft
        talk = draft.talks.get(draft.selected) if draft.selected is not None else None
        own = talk.view if talk is not None else None
        return own or self._controller.standby.view

    def hover(self, here: OnScreen, id: int, mask: PlacedMask, score: float) -> None:
        """Show what a click would make; :meth:`draw` takes it back."""
        self.absorb()
        objects = self.draft.objects
        objects = objects.put(id, mask, score=score) if mask.area else objects
        self._hovered = True
        self._show(here, objects)

    def draw_extras(self, here: OnScreen) -> None:
        """Show the boxes of the objects, and those that overlap as masks of their own."""
        viewer, objects = self._controller.viewer, self.draft.objects
        preview_boxes.show_boxes(viewer, here.layer, here.source, here.plane, objects)
        preview_masks.show_masks(viewer, here.layer, here.source, here.plane, objects)

    def absorb(self) -> None:
        """Take what a user has painted or cleaned, in the preview or among accepted objects, for the objects' masks."""
        self._controller.editing.write()
        self._controller.batch_views.absorb()
        if self.place is None or self._hovered:
            return
        draft = self.draft
        identity, plane = self.place
        painted = previews.absorb(self._controller.viewer, draft.objects, plane, image=identity)
        if painted is not draft.objects:
            self.put(self.place, draft.with_painted(painted))
            previews.note_absorbed(self._controller.viewer, draft.objects, painted)

    def publish(self) -> None:
        """Write what the widgets draw of the draft on screen."""
        draft, results = self.draft, self._results
        talk = draft.talks.get(draft.selected, Talk()) if draft.selected is not None else Talk()
        results.objects, results.selected = draft.objects, draft.selected
        results.reading = talk.reading, talk.readings
        results.current = talk.answer
        results.previews = self.previews
        everywhere = sum(len(parts(self._drafts[place])) for place in results.previews)
        results.batched = any(self._drafts[place].batch is not None for place in results.previews)
        results.more_files = everywhere - len(results.previews)
        results.more_here = max(len(parts(draft)) - 1, 0)
        self._controller.listing.publish()
        self._controller.batch_views.follow()
        results.undo, results.redo = self._timeline.undo_title, self._timeline.redo_title
        self._controller.state.task.begun = draft.begun
        self._controller.live.follow(draft)

    def layer_gone(self) -> None:
        """Let go of the masks on screen: their layer was taken away."""
        if self.place is not None:
            self.put(self.place, self.draft.dismissed(self._controller.asking.points_here()))
            self.publish()

    # -- verbs ------------------------------------------------------------------------------------

    def begin_object(self) -> None:
        """Make the next point begin another object."""
        if self.place is None or (self.draft.selected is None and self.draft.begun):
            return
        if self.draft.ids:
            self.step("New object")
        propagation = self._controller.propagation  # of points that nobody was asked about too
        highest = max(self._controller.live.objects_here() | propagation.numbers, default=0)
        self.change(lambda draft: draft.beyond(highest).select(None, begun=True))
        propagation.begin_number(self.draft.next_point)
        self._controller.status.idle("Next click: a new object.")

    def select(self, id: int | None) -> None:
        """Make the next point be about this object."""
        self.change(lambda draft: draft.select(id))

    def walk(self, step: int) -> None:
        """Select the next (1) or the previous (-1) object."""
        self.change(lambda draft: draft.walk(step))
        selected = self.draft.selected
        self._controller.status.idle(f"Object {selected} selected." if selected else "There is no object yet.")

    def delete_object(self, id: int | None = None) -> None:
        """Take away an object, by default the selected one, and its points."""
        self.absorb()
        id = self.draft.selected if id is None else id
        if self._controller.propagation.follows(id):
            self._controller.propagation.remove(id)
            return
        if self.place is None or id is None or (id not in self.draft.talks and not self.draft.has(id)):
            self._controller.status.idle("Select an object first: click on it, or press W.")
            return
        self.step("Delete object")
        self.empty([id])
        self._controller.status.idle(f"Deleted object {id}.")

    def next_reading(self) -> None:
        """Show the next reading of the selected object's prompts."""
        self.absorb()
        id = self.draft.selected
        talk = self.draft.talks.get(id) if id is not None else None
        if id is None or talk is None or talk.readings < 2:
            self._controller.status.idle("There is only one reading of these prompts.")
            return
        self.step("Next reading")
        reading = (talk.reading + 1) % talk.readings
        self.change(lambda draft: draft.with_reading(id, reading))
        self._controller.status.idle(f"Reading {reading + 1} of {talk.readings}.")

    # -- steps ------------------------------------------------------------------------------------

    def step(self, title: str, before: Snapshot | None = None, *, words: bool = False) -> None:
        """Remember what is so now (or was so ``before``), the ``words`` typed too: an action is about to change it."""
        self._timeline.push(title, before or self.snapshot(words=words))
        self._results.undo, self._results.redo = self._timeline.undo_title, self._timeline.redo_title

    def step_once(self, title: str) -> None:
        """Remember what is so now, unless the newest step is of the same kind: several answers are one step."""
        if self._timeline.undo_title != title:
            self.step(title)

    def snapshot(self, *, words: bool = False) -> Snapshot:
        """Return all that a step back brings back, with the prompts as they were noted last."""
        self.absorb()
        controller = self._controller
        return Snapshot(
            controller.live.record,
            controller.boxes.record,
            controller.masks.record,
            dict(self._drafts),
            controller.accepting.records,
            controller.propagation.record,
            (controller.state.task.text, controller.state.task.phrase_lines) if words else None,
        )

    def undo(self) -> None:
        """Take the newest step back."""
        if self._waits():
            return
        self.absorb()  # what was just painted is the newest step
        title, newest = self._timeline.undo_title, self._timeline.undo_to
        now = self.snapshot(words=newest is not None and newest.words is not None)
        self._go(self._timeline.undo(now), f"Undid: {title}.", "There is nothing to undo.")

    def _waits(self) -> bool:
        """Return whether a step has to wait: what is being saved is taken away at the end, as one step."""
        if self._controller.state.output.saving:
            self._controller.status.idle("Masks are being saved: undo once that is done, or press Cancel.")
        return self._controller.state.output.saving

    def redo(self) -> None:
        """Do the step again that was taken back last."""
        if self._waits():
            return
        self.absorb()
        title, newest = self._timeline.redo_title, self._timeline.redo_to
        now = self.snapshot(words=newest is not None and newest.words is not None)
        self._go(self._timeline.redo(now), f"Did again: {title}.", "There is nothing to do again.")

    def _go(self, target: Snapshot | None, done: str, none: str) -> None:
        if target is None:
            self._controller.status.idle(none)
            return
        if self.place is not None:
            self._controller.saving.outdated(self.place)
        self._drafts = dict(target.drafts)
        self._controller.live.restore(target.points)
        self._controller.boxes.restore(target.boxes)
        self._controller.masks.restore(target.painted)
        self._controller.accepting.restore(target.accepted)
        self._controller.propagation.restore(target.followed)
        if target.words is not None:
            task = self._controller.state.task
            task.text, task.phrase_lines = target.words
        self._controller.asking.recall()
        self.draw()
        self._controller.asking.follow(done)
