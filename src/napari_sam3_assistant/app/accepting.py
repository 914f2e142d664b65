"""Accepting: objects that are good enough leave the draft for the layer of accepted labels."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from napari_sam3_assistant.app.accepted_paint import AcceptedPaint
from napari_sam3_assistant.app.accepted_stacks import AcceptedStacks
from napari_sam3_assistant.app.drafts import Draft, Talk
from napari_sam3_assistant.app.journal_held import Gathered
from napari_sam3_assistant.app.journal_offers import Offers
from napari_sam3_assistant.app.journals import Journals
from napari_sam3_assistant.app.screen import Place
from napari_sam3_assistant.core.errors import AssistantError, PromptError
from napari_sam3_assistant.layers import accepted, images, restored
from napari_sam3_assistant.layers.accepted import Accepted
from napari_sam3_assistant.masks.accepting import Facts, span
from napari_sam3_assistant.masks.editing import Rewritten
from napari_sam3_assistant.masks.registry import MaskObject

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController
    from napari_sam3_assistant.tasks.scheduler import Scheduler


class Accepting:
    """Moves objects into ``SAM3 live accepted labels``, and takes them back.

    Parameters
    ----------
    controller : AppController
    scheduler : Scheduler
    """

    def __init__(self, controller: AppController, scheduler: Scheduler) -> None:
        self._controller = controller
        self.records: tuple[Accepted, ...] = accepted.all_accepted(controller.viewer)
        """What was accepted, the newest last; also with a widget that is closed by now."""
        self.paint: AcceptedPaint = AcceptedPaint(controller)
        self.paint.doubt(one.image for one in self.records)
        self.journals: Journals = Journals(controller, scheduler)
        self.offers: Offers = Offers(controller, self.journals)
        self.stacks: AcceptedStacks = AcceptedStacks(controller, scheduler)
        self._replaced: dict[tuple[str, int], tuple[Accepted, ...]] = {}
        """By image and act: what stood there before objects were accepted anew."""

    def accept(self, *, clear: bool, ids: Collection[int] | None = None) -> None:
        """Accept the objects on screen, or those of some numbers.

        Parameters
        ----------
        clear : bool
            Whether they and their points leave the preview.
        ids : collection of int or None
            None accepts all.
        """
        if self.stacks.accept(clear=clear, ids=ids):
            return
        board, status = self._controller.board, self._controller.status
        here = self._controller.here()
        if here is None:
            return
        board.absorb()
        draft = board.draft
        chosen = [item for item in draft.objects if ids is None or item.id in ids]
        fresh = [item for item in chosen if item.status != "accepted"]
        if not chosen or (not fresh and not clear):
            message = "No Live Points preview labels found to accept." if not chosen else "Accepted already."
            status.fail(PromptError(message, hint="Click on an object first."))
            return
        before = board.snapshot()
        try:
            made = self._write(fresh, draft)
        except AssistantError as error:
            status.fail(error)
            return
        board.step("Accept", before)
        board.put(here.place, draft.accepted(made))
        if clear:
            self._controller.finding.forget()
            board.empty([item.id for item in chosen])
        else:
            board.draw(here)
        self.publish()
        fresh_ones = self.records[len(self.records) - len(made) :]
        replaced = self._replaced.get((fresh_ones[0].image, fresh_ones[0].act), ()) if fresh_ones else ()
        status.idle(_told(fresh_ones, replaced, len(fresh) - len(made), clear))

    def _write(self, fresh: list[MaskObject], draft: Draft) -> dict[int, int]:
        """Write objects into the layer, the best first, in place of what was accepted of them before.

        Returns the number that each has there, by its own; without those that lie beside the picture.
        """
        here = self._controller.on_screen()
        if here is None or not fresh:
            return {}
        shape = here.source.plane_shape(here.plane)
        fresh = sorted((item for item in fresh if item.mask.lies_on(shape)), key=lambda item: item.id)
        best_first = sorted(range(len(fresh)), key=lambda place: -fresh[place].score)
        numbers = {draft.talks.get(item.id, Talk()).accepted for item in fresh}
        old = [one for one in self.records if one.id in numbers and (one.image, one.plane) == here.place]
        masks = [fresh[place].mask for place in best_first]
        facts = [Facts(one.score, one.class_name, one.origin) for one in (fresh[place] for place in best_first)]
        viewer = self._controller.viewer
        with self.paint.own():
            accepted.erase(viewer, old)
            try:
                made = accepted.accept(viewer, here.layer, here.source, here.plane, masks, best_first, facts)
            except AssistantError:
                accepted.restore(viewer, here.layer, here.source, old)
                raise
        self.records = (*(one for one in self.records if one not in old), *made)
        if made and old:
            self._replaced[made[0].image, made[0].act] = tuple(old)
        return {fresh[one.id - one.act].id: one.id for one in made}

    def undo_last(self) -> None:
        """Take what was accepted last out of the layer again: one object, or all that were accepted with it."""
        if self.stacks.undo_last():
            return
        if not self.records:
            self._controller.status.idle("No accepted Live Points object to undo.")
            return
        self._controller.board.step("Undo Last Accept")
        act = self.records[-1].image, self.records[-1].act
        left = tuple(one for one in self.records if (one.image, one.act) != act)
        count = len(self.records) - len(left)
        self._let_go([one for one in self.records if one not in left])
        back = tuple(one for one in self._replaced.pop(act, ()) if one not in left)
        self.restore((*left, *back))
        self._controller.board.publish()
        what = "object" if count == 1 else f"{count} objects"
        again = f" Back as before: {span(sorted(one.id for one in back))}." if back else ""
        self._controller.status.idle(f"Undid last accepted Live Points {what}.{again}")

    def edited(self, found: Rewritten) -> None:
        """Note what an edit made of accepted objects: each keeps its place, new ones come last."""
        gone, made = set(found.gone), {one.id: one for one in found.made}
        left = [made.pop(one.id, None) if one in gone else one for one in self.records]
        self.records = (*(one for one in left if one is not None), *made.values())
        self.publish()

    def bring_back(self, layer: Any, found: Gathered) -> tuple[Accepted, ...]:
        """Write objects that another process has kept into the accepted labels of an image, as one step.

        Returns those of which anything was written.

        Raises
        ------
        AssistantError
            If there is no memory for them, or the image cannot be segmented any more.
        """
        controller, before = self._controller, self._controller.board.snapshot()
        source = controller.channels.source_of(layer)
        with self.paint.own():
            made = restored.bring_back(controller.viewer, layer, source, found.records, found.blocks)
        if made:
            controller.board.step("Restore accepted objects", before)
            self.records = (*self.records, *made)
            self.publish()
        return made

    def close(self) -> None:
        """Write what was painted last to the journals, and let go of them and of the layers."""
        self.paint.look()
        self.offers.close()
        self.journals.close()
        self.paint.close()

    def restore(self, records: tuple[Accepted, ...]) -> None:
        """Make the layer hold these objects: others of ours leave it, what users painted stays."""
        viewer = self._controller.viewer
        with self.paint.own():
            self._restore(viewer, records)
        self.publish()

    def _restore(self, viewer: Any, records: tuple[Accepted, ...]) -> None:
        wanted, there = set(records), set(self.records)
        accepted.erase(viewer, [one for one in self.records if one not in wanted])
        back = [one for one in records if one not in there]
        lost = {one.image for one in records if images.layer_by_id(viewer, one.image) is None}
        for identity in dict.fromkeys(one.image for one in back if one.image not in lost):
            try:
                layer = images.layer_by_id(viewer, identity)
                own = [one for one in back if one.image == identity]
                accepted.restore(viewer, layer, self._controller.channels.source_of(layer), own)
            except AssistantError as error:
                lost.add(identity)
                self._controller.status.fail(error)
        self.records = tuple(one for one in records if one.image not in lost)

    def layer_removed(self, layer: Any) -> None:
        """Forget what was in a layer of accepted labels that was removed, or on an image that was."""
        viewer, gone = self._controller.viewer, set()
        self.stacks.layer_removed(layer)
        for identity in {one.image for one in self.records}:
            image = images.layer_by_id(viewer, identity)
            if image is None or accepted.accepted_layer(viewer, image) is None:
                gone.add(identity)
        if gone and accepted.is_accepted(layer):
            self._controller.board.step("Delete the accepted labels")
        self._let_go([one for one in self.records if one.image in gone])
        self.records = tuple(one for one in self.records if one.image not in gone)
        self.publish()

    def _let_go(self, gone: list[Accepted]) -> None:
        """Let objects that are still in the preview be accepted again."""
        numbers: dict[Place, set[int]] = {}
        for one in gone:
            numbers.setdefault((one.image, one.plane), set()).add(one.id)
        board = self._controller.board
        for place, own in numbers.items():
            if place in board.drafts:
                board.put(place, board.at(place).unaccepted(own))

    def publish(self) -> None:
        """Write how many objects were accepted, and how many of them on the image in use."""
        results, image = self._controller.state.results, self._controller.state.task.image
        results.accepted = len(self.records) + self.stacks.objects
        results.kept = sum(one.image == image for one in self.records)
        self.paint.watch()
        self.journals.follow()
        self._controller.editing.follow()
        self._controller.listing.publish()


def _told(made: tuple[Accepted, ...], replaced: tuple[Accepted, ...], left_out: int, clear: bool) -> str:
    pixels = sum(one.mask.area for one in made)
    cleared = " Prompt cleared." if clear else ""
    if made and left_out:
        verbs = ("is", "lies") if left_out == 1 else ("are", "lie")
        cleared = f" {left_out} {verbs[0]} accepted already, or {verbs[1]} under another one.{cleared}"
    if replaced:
        cleared = f" In place of {span(sorted(one.id for one in replaced))}, changed since.{cleared}"
    if not made:
        return "Accepted already." + cleared
    if len(made) == 1:
        return f"Accepted Live Points preview as object {made[0].id} ({pixels:,} pixel(s)).{cleared}"
    numbers = sorted(one.id for one in made)
    return f"Accepted {len(made)} objects as {span(numbers)} ({pixels:,} pixel(s)).{cleared}"
