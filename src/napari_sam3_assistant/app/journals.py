"""Journals: what was accepted outlives the process.

Each picture with accepted objects has a journal of its own. Whenever what was accepted is other than it was, the
thread of the journals is told what the journal is to hold, and finds by itself what has changed. The status line
says that an object was accepted once the system has it, or :data:`WAIT_S` later where the disk is slow.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam3_assistant.app.journal_held import Held, Masks, Wanted, known_by
from napari_sam3_assistant.core.errors import AssistantError, SaveError
from napari_sam3_assistant.core.fingerprints import Fingerprint, unread
from napari_sam3_assistant.core.sources import Source
from napari_sam3_assistant.export import journal_folder
from napari_sam3_assistant.export.journal_writer import Journal
from napari_sam3_assistant.layers import accepted, images
from napari_sam3_assistant.layers.blocks import note, write_note
from napari_sam3_assistant.layers.channels import file_of
from napari_sam3_assistant.masks.accepting import Accepted
from napari_sam3_assistant.tasks.jobs import Job, Kind

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController
    from napari_sam3_assistant.tasks.scheduler import Scheduler

WRITER, READER, DISK = "journals", "journals read", "journals disk"
"""Three threads: a picture that is slow to read, or a disk that is slow to settle, holds up no object."""
WAIT_S = 0.01
SYNC_AFTER_S = 1.0
SAVED, PATH = "saved", "journal"
"""Noted of a layer of accepted labels: what of it is in a file of the user's, and where its journal is."""
NOTHING: Masks = {}


@dataclass(slots=True, eq=False)
class Own:
    """The journal of an image.

    Attributes
    ----------
    held : Held
        Touched by the thread of the journals alone.
    pictures : tuple of Fingerprint
        Of the image, one for each time that its pixels were replaced.
    told : tuple
        What it was last told to hold: the records, their masks, what is saved, and the pictures.
    writing : Future or None
        Of that.
    """

    held: Held
    pictures: tuple[Fingerprint, ...]
    told: tuple[Any, ...] = ((),)
    writing: Future[None] | None = None

    def knows(self, image: str) -> bool:
        """Whether it was told of any object of an image."""
        return any(one.image == image for one in self.told[0])


class Journals:
    """Keeps what is accepted in files.

    Parameters
    ----------
    controller : AppController
    scheduler : Scheduler
    """

    def __init__(self, controller: AppController, scheduler: Scheduler) -> None:
        self._controller, self._scheduler = controller, scheduler
        self.folder = journal_folder.journal_folder()
        self._session = f"journals-{id(self)}"
        self._own: dict[str, Own] = {}
        self._looks: dict[str, tuple[int, Future[Fingerprint]]] = {}
        self._failed = self._sync_due = self._gone_due = False

    def follow(self) -> None:
        """Have the journals hold what is accepted now; wait a moment for it."""
        records = self._controller.accepting.records
        told = [self._follow(image, records) for image in {*self._own, *(one.image for one in records)}]
        writing = [one for one in told if one is not None]
        if wait(writing, WAIT_S).not_done and not self._controller.closed:
            self._controller.after(SYNC_AFTER_S, self._say_slow)

    @property
    def kept(self) -> bool:
        """Whether the system has all that was accepted."""
        records = self._controller.accepting.records
        owns = [self._own.get(image) for image in {one.image for one in records}]
        return all(own is not None and own.told[0] is records and _done(own.writing) for own in owns)

    def path_of(self, image: str) -> Path | None:
        """Return the journal of an image that this process has, or had with a widget that is closed by now."""
        if image in self._own:
            return self._own[image].held.path
        labels = self._labels(image)
        noted = None if labels is None else note(labels).get(PATH)
        return Path(noted) if noted else None

    def fingerprint(self, image: str, layer: Any) -> Future[Fingerprint]:
        """Have the fingerprint of an image made, where there is none of its pixels yet."""
        source, path = self._controller.channels.plain_source_of(layer), file_of(layer) or ""
        version, future = self._looks.get(image, (-1, None))
        if future is None or version != source.version:
            future = self.read(lambda: known_by(source, path))
            self._looks[image] = source.version, future
            future.add_done_callback(lambda done: self._controller.on_main(self._looked))
        return future

    def saved(self, image: str, masks: Masks) -> None:
        """Note that objects with these pixels are in a file of the user's: the journal does without them."""
        layer = self._labels(image)
        if layer is not None and masks:
            write_note(layer, {**note(layer), SAVED: {**note(layer).get(SAVED, {}), **masks}})
            self.follow()

    def close(self) -> None:
        """Write what is left to write and let go of the journals; they stay."""
        self.follow()
        for image in list(self._own):
            self._let_go(image)

    # -- threads ----------------------------------------------------------------------------------

    def write(self, work: Callable[[Held | None], None], image: str) -> Future[None]:
        """Have work done on the thread that writes, after all that it was told before, with the journal of an image."""
        own = self._own.get(image)
        job = Job(WRITER, lambda progress, cancel: work(own.held if own is not None else None), keeps=True)
        return self._scheduler.submit(job, session=self._session, kind=Kind.DECODE)

    def read(self, work: Callable[[], Any]) -> Future[Any]:
        """Have work done on the thread that reads."""
        job = Job(READER, lambda progress, cancel: work())
        return self._scheduler.submit(job, session=self._session, kind=Kind.DECODE)

    def _written(self, done: Future[None]) -> None:
        """Say once that what is accepted is not kept; have it brought to the disk where it is."""
        error = None if done.cancelled() else done.exception()
        if error is not None:
            self._fail(error)
            return
        self._failed = False
        if not self._sync_due and not self._controller.closed:
            self._sync_due = True
            self._controller.after(SYNC_AFTER_S, self._sync)

    def _sync(self) -> None:
        self._sync_due = False
        if not self._controller.closed:
            journals = [own.held.journal for own in self._own.values()]
            job = Job(DISK, lambda progress, cancel: _sync_all(journals))
            self._scheduler.submit(job, session=self._session, kind=Kind.BATCH)

    def _say_slow(self) -> None:
        if not all(own.writing is None or own.writing.done() for own in self._own.values()):
            self._fail(None)

    def _fail(self, error: BaseException | None) -> None:
        if self._failed or self._controller.closed:
            return
        self._failed = True
        why = error.message if isinstance(error, AssistantError) else f"{error or 'its disk is slow'}."
        failed = SaveError(
            f"What is accepted is not kept in {self.folder} now: {why}",
            hint="Go on, and press Save in good time; once that can be written again, all is kept.",
        )
        failed.__cause__ = error
        self._controller.status.fail(failed)

    # -- one image --------------------------------------------------------------------------------

    def _follow(self, image: str, records: tuple[Accepted, ...]) -> Future[None] | None:
        """Have the journal of an image hold what is accepted, unless it was told that already."""
        layer, labels = images.layer_by_id(self._controller.viewer, image), self._labels(image)
        if layer is None:
            self._let_go(image)
            return None
        own = self._own.get(image)
        if labels is None and own is not None and own.knows(image) and not self._gone_due:
            # All layers may be on their way out of the viewer. Objects are deleted where the image stays.
            self._gone_due = True
            self._controller.on_main(self._follow_gone)
            return None
        own = self._own_of(image, layer, labels)
        if own is None:
            return None
        masks = self._controller.accepting.paint.masks_of(image)
        told = records, masks, NOTHING if labels is None else note(labels).get(SAVED, NOTHING), own.pictures
        if len(own.told) == len(told) and all(a is b for a, b in zip(told, own.told, strict=True)):
            return None
        own.told, wanted = told, Wanted(records, image, masks, told[2], own.pictures)
        own.writing = self.write(lambda held: None if held is None else held.hold(wanted), image)
        own.writing.add_done_callback(lambda done: self._controller.on_main(partial(self._written, done)))
        return own.writing

    def _follow_gone(self) -> None:
        if not self._controller.closed:
            self.follow()
        self._gone_due = False

    def _looked(self) -> None:
        if not self._controller.closed:
            self.follow()

    def _own_of(self, image: str, layer: Any, labels: Any) -> Own | None:
        """Return the journal of an image; None for the moment that it takes to know which picture that is."""
        own = self._own.get(image)
        try:
            future = self.fingerprint(image, layer)
        except AssistantError:  # it was given pixels that cannot be segmented
            return own
        if future.done() and not future.cancelled():
            picture = future.result()
        elif in_memory(source := self._controller.channels.plain_source_of(layer)):
            return own
        else:  # until its pixels are read, which may take long
            picture = unread(source, file_of(layer) or "")
        if own is None:
            path = self.path_of(image) or journal_folder.new_path(self.folder, picture)
            own = self._own[image] = Own(Held(path), (picture,))
        elif picture not in own.pictures:
            own.pictures = (*own.pictures, picture)
        if labels is not None and note(labels).get(PATH) != str(own.held.path):
            write_note(labels, {**note(labels), PATH: str(own.held.path)})
        return own

    def _labels(self, image: str) -> Any | None:
        layer = images.layer_by_id(self._controller.viewer, image)
        return None if layer is None else accepted.accepted_layer(self._controller.viewer, layer)

    def _let_go(self, image: str) -> None:
        if image in self._own:
            self.write(lambda held: None if held is None else held.journal.close(), image)
        self._own.pop(image, None)
        self._looks.pop(image, None)


def in_memory(source: Source) -> bool:
    """Return whether the pixels of a picture cost nothing to read."""
    return isinstance(source.levels[0], np.ndarray)


def _sync_all(journals: list[Journal]) -> None:
    for one in journals:
        one.sync()


def _done(writing: Future[None] | None) -> bool:
    """Return whether something was written, and is there."""
    return writing is not None and writing.done() and not writing.cancelled() and writing.exception() is None
