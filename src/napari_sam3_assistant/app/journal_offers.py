"""What an earlier process has kept of a picture is offered when that is opened; it is given back, or put away."""

from __future__ import annotations

from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sam3_assistant.app.journal_held import Gathered, Held, gather
from napari_sam3_assistant.app.journal_state import Offer, counted
from napari_sam3_assistant.app.journals import Journals, in_memory
from napari_sam3_assistant.app.status import unexpected
from napari_sam3_assistant.core.errors import AssistantError, SaveError
from napari_sam3_assistant.core.fingerprints import Fingerprint, unread
from napari_sam3_assistant.export import journal_folder
from napari_sam3_assistant.export.journal_folder import Claim, Found
from napari_sam3_assistant.layers import accepted, images, restored
from napari_sam3_assistant.layers.channels import file_of
from napari_sam3_assistant.masks.accepting import Accepted, span

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController


class Offers:
    """Looks for journals of each picture that is chosen, once.

    Parameters
    ----------
    controller : AppController
    journals : Journals
    """

    def __init__(self, controller: AppController, journals: Journals) -> None:
        self._controller, self._journals = controller, journals
        self._state = controller.state.journal
        self._offers: dict[str, Offer | None] = {}
        controller.state.task.events.image.connect(self._turned)

    def close(self) -> None:
        """Stop looking."""
        self._controller.state.task.events.image.disconnect(self._turned)
        self._state.offer, self._state.reading = None, False

    # -- verbs ------------------------------------------------------------------------------------

    def restore(self) -> None:
        """Put what is offered into the accepted labels, as one step; nothing waits for it."""
        image, offer = self._controller.state.task.image, self._state.offer
        here = self._controller.here_or_say()
        if image is None or offer is None or here is None or self._state.reading:
            return
        labels, viewer = accepted.accepted_layer(self._controller.viewer, here.layer), self._controller.viewer
        large = max(here.source.plane_shape(here.plane)) > accepted.MOST_SIDE
        dense = not large if labels is None else not labels.multiscale
        free, source = restored.free_number(viewer, here.layer, here.plane), here.source
        self._state.reading = True
        future = self._journals.read(lambda: gather(offer.paths, image, source, free=free, dense=dense))
        future.add_done_callback(lambda done: self._controller.on_main(partial(self._gathered, done, image)))

    def discard(self) -> None:
        """Offer it no more; its files are removed later."""
        image, offer = self._controller.state.task.image, self._state.offer
        if image is None or offer is None or self._state.reading:
            return
        self._set(image, None)
        future = self._journals.write(lambda held: _put_away(offer.paths), image)
        future.add_done_callback(lambda done: self._controller.on_main(partial(self._discarded, done, offer)))

    # -- looking ----------------------------------------------------------------------------------

    def _turned(self, image: str | None) -> None:
        """Offer what there is of the picture now in use."""
        self._state.offer = self._offers.get(image) if image is not None else None
        layer = images.layer_by_id(self._controller.viewer, image)
        if image is None or layer is None or image in self._offers:
            return
        self._offers[image] = None
        source, path = self._controller.channels.plain_source_of(layer), file_of(layer) or ""
        alone = unread(source, path)
        if in_memory(source):
            self._ask(image, alone)
            return
        likely = self._journals.read(lambda: journal_folder.any_like(self._journals.folder, alone))
        likely.add_done_callback(lambda done: self._controller.on_main(partial(self._likely, done, image, alone)))

    def _likely(self, done: Future[bool], image: str, alone: Fingerprint) -> None:
        """Read the pixels of a lazy picture where that may be of use."""
        if not self._controller.closed and not done.cancelled() and done.result():
            self._ask(image, alone)

    def _ask(self, image: str, alone: Fingerprint) -> None:
        """Look for journals, once it is known which picture it is; ``alone`` is what it is known by without pixels."""
        layer = images.layer_by_id(self._controller.viewer, image)
        try:
            future = None if layer is None else self._journals.fingerprint(image, layer)
        except AssistantError:  # it was given pixels that cannot be segmented
            return
        if future is not None:
            future.add_done_callback(lambda done: self._controller.on_main(partial(self._known, done, image, alone)))

    def _known(self, done: Future[Fingerprint], image: str, alone: Fingerprint) -> None:
        if self._controller.closed or done.cancelled():
            return
        own, folder = self._journals.path_of(image), self._journals.folder
        but, known = [] if own is None else [own], [done.result(), alone]
        future = self._journals.read(lambda: journal_folder.find(folder, known, but))
        future.add_done_callback(lambda done: self._controller.on_main(partial(self._found, done, image)))

    def _found(self, done: Future[list[Found]], image: str) -> None:
        if self._controller.closed or done.cancelled():
            return
        if not (found := done.result()):
            return
        count = sum(len(one.content.objects) for one in found)
        self._set(image, Offer(count, found[-1].content.when, tuple(one.path for one in found)))

    def _set(self, image: str, offer: Offer | None) -> None:
        self._offers[image] = offer
        if self._controller.state.task.image == image:
            self._state.offer = offer

    # -- giving back ------------------------------------------------------------------------------

    def _gathered(self, done: Future[Gathered], image: str) -> None:
        """Write into the layer what was read."""
        self._state.reading = False
        error = None if done.cancelled() else done.exception()
        if error is not None and not self._controller.closed:
            self._controller.status.fail(error if isinstance(error, AssistantError) else unexpected(error))
        if error is not None or done.cancelled():
            return
        found, layer = done.result(), images.layer_by_id(self._controller.viewer, image)
        if self._controller.closed or layer is None or not self._still_free(found, layer):
            _let_go(found.claims)
            return
        try:
            made = self._controller.accepting.bring_back(layer, found)
        except AssistantError as failed:
            _let_go(found.claims)
            self._controller.status.fail(failed)
            return
        self._set(image, None)
        self._journals.write(lambda held: _given_back(held, made, found.claims), image)
        self._controller.status.idle(_told(made, len(found.records) - len(made)))

    def _still_free(self, found: Gathered, layer: Any) -> bool:
        """Return whether nothing was accepted meanwhile; else say so, for the numbers are others by now."""
        plane = found.records[0].plane if found.records else None
        if plane is None or restored.free_number(self._controller.viewer, layer, plane) <= found.free:
            return True
        self._controller.status.idle("Something was accepted meanwhile: press Restore again.")
        return False

    def _discarded(self, done: Future[None], offer: Offer) -> None:
        error = None if done.cancelled() else done.exception()
        if self._controller.closed:
            return
        if error is None:
            days = journal_folder.KEEP_DAYS
            self._controller.status.idle(f"Discarded {counted(offer.count)}; the file stays for {days} days.")
        else:
            hint = f"Remove the file yourself: {offer.paths[0]}."
            self._controller.status.fail(SaveError(f"The journal could not be put away: {error}.", hint=hint))


def _put_away(paths: tuple[Path, ...]) -> None:
    for path in paths:
        claim = Claim.take(path) if path.exists() else None
        if claim is not None:
            try:
                journal_folder.put_away(path)
            finally:
                claim.let_go()


def _given_back(held: Held | None, made: tuple[Accepted, ...], claims: dict[Path, Claim]) -> None:
    """Put away the journals that were read, once what they hold is in the journal of this process."""
    try:
        if not made or (held is not None and held.holds(one.id for one in made)):
            for path in claims:
                journal_folder.put_away(path)
    finally:
        _let_go(claims)


def _let_go(claims: dict[Path, Claim]) -> None:
    for claim in claims.values():
        claim.let_go()


def _told(made: tuple[Accepted, ...], left_out: int) -> str:
    if not made:
        return "Nothing was restored: others were accepted in its place, or it does not fit the picture."
    left = f" {left_out} left out: other objects lie there." if left_out else ""
    return f"Restored {counted(len(made))} as {span(sorted(one.id for one in made))}.{left}"
