"""What an earlier process has followed through a picture is offered when that is opened again."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sam3_assistant.app import video_settings
from napari_sam3_assistant.app.hints import count_of
from napari_sam3_assistant.app.journal_state import day_of
from napari_sam3_assistant.app.status import unexpected
from napari_sam3_assistant.app.video_records import put_away
from napari_sam3_assistant.app.video_state import VideoState
from napari_sam3_assistant.app.views import JournalView, action
from napari_sam3_assistant.core.errors import AssistantError, PromptError
from napari_sam3_assistant.core.fingerprints import Fingerprint, unread
from napari_sam3_assistant.core.sources import Source
from napari_sam3_assistant.export import journal_folder
from napari_sam3_assistant.export.journal_folder import Claim
from napari_sam3_assistant.export.run_record import SUFFIX, read
from napari_sam3_assistant.layers import images
from napari_sam3_assistant.layers.channels import file_of
from napari_sam3_assistant.tasks.jobs import Task
from napari_sam3_assistant.tasks.recording import resumed
from napari_sam3_assistant.tasks.video import Video

if TYPE_CHECKING:
    from typing import Any

    from napari_sam3_assistant.app.controller import AppController

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Left:
    """What a process has left: its record, how many objects on how many frames of all, and when it was written last."""

    path: Path
    objects: int
    frames: int
    count: int
    when: float

    @property
    def text(self) -> str:
        """The same in words."""
        verb = "was" if self.objects == 1 else "were"
        return (
            f"{count_of(self.objects)} {verb} followed through this picture, on {self.frames} of {self.count} frames, "
            f"{day_of(self.when)}."
        )


def left_in(folders: Sequence[Path], pictures: Sequence[Fingerprint], but: Path | None = None) -> Left | None:
    """Return what was left of a picture that no process writes, the newest; None where nothing was. On any thread."""
    found = []
    for folder in dict.fromkeys(folders):
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            if path != but:
                with suppress(OSError, AssistantError):  # another version's, or a broken one, is not offered
                    found += _left(path, pictures)
    return max(found, key=lambda one: one.when, default=None)


def _left(path: Path, pictures: Sequence[Fingerprint]) -> list[Left]:
    about, changes = read(path)
    if not any(about.picture.same_as(picture) for picture in pictures):
        return []
    claim = Claim.take(path)
    if claim is None:
        return []
    claim.let_go()
    planes: dict[object, set[int]] = {}
    with suppress(AssistantError):  # what stands before a broken line counts
        for change in changes:
            for one in change.planes:
                own = planes.setdefault(one.index, set())
                own -= set(one.gone)
                own |= {item.id for item in one.seen}
    there = [own for own in planes.values() if own]
    if not there:
        return []
    count = about.picture.shape[about.axis]
    return [Left(path, len(set().union(*there)), len(there), count, path.stat().st_mtime)]


def resume_view(video: VideoState) -> JournalView:
    """Return what is drawn of an offer."""
    waits = "Wait until it is done, or press Cancel." if video.running else "It is being read."
    free = bool(video.resumable) and not video.resuming and not video.running
    back = "Bring back layer, prompts and session: Propagate then goes on with the frames that are left."
    away = f"Offer it no more. The file stays for {journal_folder.KEEP_DAYS} days."
    return JournalView(video.resumable, action(free, back, waits), action(free, away, waits))


class VideoOffers:
    """Looks for records of each picture that is chosen, once.

    Parameters
    ----------
    controller : AppController
    """

    def __init__(self, controller: AppController) -> None:
        self._controller, self._state = controller, controller.state.video
        self._journals = controller.accepting.journals
        self._offers: dict[str, Left | None] = {}
        controller.state.task.events.image.connect(self._turned)

    def close(self) -> None:
        """Stop looking."""
        self._controller.state.task.events.image.disconnect(self._turned)
        self._state.resumable, self._state.resuming = "", False

    # -- verbs ------------------------------------------------------------------------------------

    def resume(self) -> None:
        """Bring back what is offered, as one step."""
        controller, image = self._controller, self._controller.state.task.image
        offer = self._offers.get(image or "")
        here = controller.here_or_say()
        if image is None or offer is None or here is None or self._state.resuming:
            return
        if controller.propagation.running:
            controller.status.fail(PromptError("Objects are being followed.", hint="Wait, or press Cancel first."))
            return
        plain, source = controller.channels.plain_source_of(here.layer), here.source
        self._state.resuming = True
        future = self._journals.read(lambda: _made(offer.path, plain, source))
        future.add_done_callback(lambda done: controller.on_main(partial(self._resumed, done, image, offer)))

    def discard(self) -> None:
        """Offer it no more; its file is removed later."""
        image = self._controller.state.task.image
        offer = self._offers.get(image or "")
        if image is None or offer is None or self._state.resuming:
            return
        self._set(image, None)
        self._journals.read(lambda: put_away(offer.path))
        days = journal_folder.KEEP_DAYS
        self._controller.status.idle(f"Discarded what was followed; the file stays for {days} days.")

    # -- looking ----------------------------------------------------------------------------------

    def _turned(self, image: str | None) -> None:
        """Offer what there is of the picture now in use."""
        self._show(image)
        layer = images.layer_by_id(self._controller.viewer, image)
        if image is None or layer is None or image in self._offers:
            return
        self._offers[image] = None
        folders = self._folders()
        source, path = self._controller.channels.plain_source_of(layer), file_of(layer) or ""
        likely = self._journals.read(lambda: any(True for folder in folders for _ in folder.glob(f"*{SUFFIX}")))
        alone = unread(source, path)
        likely.add_done_callback(lambda done: self._controller.on_main(partial(self._likely, done, image, alone)))

    def _folders(self) -> list[Path]:
        output = self._controller.state.output
        chosen = [one for one in (output.folder.strip(), output.default_folder) if one]
        return [self._controller.records.folder, *(Path(one).expanduser() for one in chosen)]

    def _likely(self, done: Future[bool], image: str, alone: Fingerprint) -> None:
        """Read pixels of the picture where that may be of use."""
        layer = images.layer_by_id(self._controller.viewer, image)
        if self._controller.closed or layer is None or done.cancelled() or done.exception() or not done.result():
            return
        with suppress(AssistantError):  # it was given pixels that cannot be segmented
            future = self._journals.fingerprint(image, layer)
            future.add_done_callback(lambda done: self._controller.on_main(partial(self._known, done, image, alone)))

    def _known(self, done: Future[Fingerprint], image: str, alone: Fingerprint) -> None:
        if self._controller.closed or done.cancelled():
            return
        known, folders, but = [done.result(), alone], self._folders(), self._controller.records.path
        future = self._journals.read(lambda: left_in(folders, known, but))
        future.add_done_callback(lambda done: self._controller.on_main(partial(self._found, done, image)))

    def _found(self, done: Future[Left | None], image: str) -> None:
        if not self._controller.closed and not done.cancelled() and done.exception() is None:
            self._set(image, done.result())

    def _set(self, image: str, offer: Left | None) -> None:
        self._offers[image] = offer
        self._show(self._controller.state.task.image)

    def _show(self, image: str | None) -> None:
        offer = self._offers.get(image) if image is not None else None
        self._state.resumable = "" if offer is None else offer.text

    # -- bringing back ----------------------------------------------------------------------------

    def _resumed(self, done: Future[Video], image: str, offer: Left) -> None:
        controller = self._controller
        self._state.resuming = False
        if controller.closed or done.cancelled():
            return
        layer = images.layer_by_id(controller.viewer, image)
        error: Any = done.exception()
        if error is None and layer is not None and not controller.propagation.running:
            try:
                self._bring_back(done.result(), offer)
                self._set(image, None)
            except (AssistantError, MemoryError) as failed:
                error = failed
        if error is not None:
            controller.status.fail(error if isinstance(error, AssistantError) else unexpected(error))

    def _bring_back(self, video: Video, offer: Left) -> None:
        controller, settings = self._controller, video_settings.read(offer.path)
        controller.records.go_on_with(offer.path, video)
        controller.video_output.go_on_with(offer.path, video)
        controller.choose_task(Task.VIDEO)
        settings.put(controller.state.task)
        controller.live.bring_back(settings.points)
        controller.propagation.resume(video)
        left = "" if offer.frames == offer.count else " Propagate goes on with what is left."
        controller.status.idle(f"Brought back: {count_of(offer.objects)} on {offer.frames} frames.{left}")


def _made(path: Path, plain: Source, source: Source) -> Video:
    """Return the video of a record, which looks at a picture as it is seen now: its channels may be mixed."""
    video = resumed(path, plain)
    video.view = replace(video.view, source=source)
    return video
