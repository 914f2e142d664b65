"""Saving masks, to files off the GUI thread and to layers, and cleaning up after it.

A file comes first, then its layer, then the preview goes: where a step fails, those after it
are not done, and what is on screen stays. Of several files each goes its own way.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sam3_assistant.app import outcomes
from napari_sam3_assistant.app.cleaning import Cleaned, Cleaning, add_layer
from napari_sam3_assistant.app.outcomes import Outcomes
from napari_sam3_assistant.app.screen import OnScreen, Place
from napari_sam3_assistant.app.taking import Refused, Taken, Taking
from napari_sam3_assistant.app.writing import Outcome, Target, write_all
from napari_sam3_assistant.core.errors import AssistantError, Cancelled, SaveError
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.tasks.jobs import Job, Kind, Task

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController
    from napari_sam3_assistant.tasks.scheduler import Scheduler

logger = logging.getLogger(__name__)
WORKER = "files"
"""Files are written on a thread of their own: a slow disk does not hold up a click."""
NO_PREVIEW = "No preview Labels layer found to save."
SAID_AFTER_S = 0.3
"""Of one file it is said so much later that it is being written: most are there by then."""


class Saving:
    """Writes masks to files and layers, of the plane on screen or of all with a preview, and says where."""

    def __init__(self, controller: AppController, scheduler: Scheduler) -> None:
        self._controller = controller
        self._scheduler = scheduler
        self._output = controller.state.output
        self._taking = Taking(controller)
        self._session = f"save-{id(self)}"
        self._naming: Future[str] | None = None
        self._files: dict[Place, Path] = {}
        output, task = self._output.events, controller.state.task.events
        for signal in (output.folder, output.default_folder, output.format, output.filename, output.saved):
            signal.connect(self._rename)
        results = controller.state.results.events
        video = controller.state.video.events
        for signal in (task.image, task.summary, output.everywhere, results.previews, results.kept, video.done):
            signal.connect(self._rename)

    def default_folder(self) -> Path:
        """Return where masks go unless the user chooses: beside the picture, else ``SAM3 masks`` at home."""
        return self._taking.default_folder()

    def target(self, here: OnScreen) -> Target:
        """Return where a file of all axes of a picture goes.

        Raises
        ------
        SaveError
            If there can be no such folder as the user has typed.
        """
        return self._taking.target(here, flat=False)

    # -- verbs ------------------------------------------------------------------------------------

    def save(self) -> None:
        """Write the objects in the preview, edits included, or without them the accepted ones; say where."""
        if self._save_stack():
            return
        try:
            taken, refused = self._taking.previews()
            found = None if taken or refused else self._taking.accepted()
        except AssistantError as error:
            self._controller.status.fail(error)
            return
        if taken or refused:
            self._submit(taken, refused, clean=False, remark=self._left_out(len(taken)))
        elif found is not None:
            self._submit([found[0]], [], clean=False, remark=found[1])
        else:
            self._fail("There is no mask to save.")

    def save_and_clean(self) -> None:
        """Write the objects in the preview to files, keep each as a layer named as it, and remove the preview."""
        if self._save_stack(self._controller.propagation.keep):
            return
        found = self._previews()
        if found is not None:
            self._submit(*found, clean=True)

    def save_labels(self) -> None:
        """Copy the objects in the preview into new layers ``SAM3 saved labels``; the preview stays.

        Of a stack that was followed through, all of it into ``SAM3 saved propagated labels``.
        """
        if self._copy_stack():
            return
        found = self._previews()
        if found is None:
            return
        taken, refused = found
        made = [(one, add_layer(self._controller, one, names.SAVED)) for one in taken]
        no_memory = [one.name for one, layer in made if layer is None]
        self._tell(outcomes.copied([layer for _, layer in made if layer is not None], no_memory, refused))

    def cancel(self) -> None:
        """Write no further files; those that are written stay, and the previews of the others."""
        self._scheduler.cancel(self._session)

    def open_folder(self, opened: Callable[[Path], bool]) -> None:
        """Show the folder of the last file; ``opened`` tells whether the desktop could."""
        path = self._output.saved
        if path is None:
            self._fail("No saved preview mask path is available.", "Save a mask first.")
        elif not path.parent.is_dir():
            self._fail(f"Saved mask folder was not found: {path.parent}.", "It was moved or removed; save again.")
        elif not opened(path.parent):
            self._fail(f"Could not open saved mask folder: {path.parent}.", "Open it in your file manager.")

    def close(self) -> None:
        """Let go of what the next file would be called."""
        if self._naming is not None:
            self._naming.cancel()

    # -- what is written --------------------------------------------------------------------------

    def _previews(self) -> tuple[list[Taken], list[Refused]] | None:
        """Return what is in the preview, or None, and it is said, where that is nothing."""
        try:
            taken, refused = self._taking.previews()
        except AssistantError as error:
            self._controller.status.fail(error)
            return None
        if not taken and not refused:
            self._fail(NO_PREVIEW)
            return None
        return taken, refused

    def _save_stack(self, keep: Callable[[str], str] | None = None) -> bool:
        """Write what was followed through a stack, where that is the task; return whether it is."""
        try:
            found = self._taking.stack()
        except AssistantError as error:
            self._controller.status.fail(error)
            return True
        if found is not None:
            self._submit([found[0]], [], clean=False, remark=found[1], keep=keep, long=True)
        return found is not None

    def _copy_stack(self) -> bool:
        """Copy what was followed through a stack into a layer, where that is the task; return whether it is."""
        here, layer = self._controller.here(), self._controller.propagation.layer
        if self._controller.state.task.task is not Task.VIDEO or here is None:
            return False
        copying = layer.copying(here.plane)
        if copying is None:
            return False
        job = Job(WORKER, lambda progress, cancel: copying())
        future = self._scheduler.submit(job, session=self._session, kind=Kind.BATCH)
        done = self._controller.on_main
        future.add_done_callback(lambda made: done(lambda: self._copied(made, here.place[0])))
        return True

    def _copied(self, future: Future[Any], image: str) -> None:
        """Add the copy of a stack as a layer, and say so."""
        if future.cancelled() or self._controller.closed:
            return
        error = future.exception()
        if isinstance(error, AssistantError):
            self._controller.status.fail(error)
            return
        made = None if error is not None else self._controller.propagation.layer.add_copy(image, future.result())
        self._tell(
            outcomes.copied([str(made.name)] if made is not None else [], [] if made else [names.PROPAGATED], [])
        )

    def _left_out(self, files: int) -> str:
        results = self._controller.state.results
        missing = results.accepted if files > 1 else results.kept
        verb = "object is" if missing == 1 else "objects are"
        return f"{missing} accepted {verb} not in {'them' if files > 1 else 'it'}." if missing else ""

    def _submit(
        self,
        taken: list[Taken],
        refused: list[Refused],
        *,
        clean: bool,
        remark: str = "",
        keep: Callable[[str], str] | None = None,
        long: bool = False,
    ) -> None:
        output = self._output
        output.saving, output.saved = True, None
        several = len(taken) > 1 or long
        output.progress, output.step = None, f"Saving {len(taken)} masks..." if len(taken) > 1 else ""
        output.several = several
        on_main = self._controller.on_main
        job = Job(WORKER, write_all([one.write for one in taken]), keeps=True)
        future = self._scheduler.submit(job, session=self._session, kind=Kind.BATCH, progress=self._progress)
        future.add_done_callback(
            lambda done: on_main(lambda: self._saved(done, taken, refused, clean, remark, keep, long))
        )
        if len(taken) == 1:
            self._controller.after(SAID_AFTER_S, lambda: self._say_saving(future))

    def _say_saving(self, future: Future[list[Outcome]]) -> None:
        if self._output.saving and not future.done() and not self._controller.closed:
            self._output.step = "Saving..."

    def _progress(self, fraction: float | None, message: str = "") -> None:
        self._controller.on_main(lambda: self._progressed(fraction, message))

    def _progressed(self, fraction: float | None, message: str) -> None:
        if self._output.saving and self._output.several:
            self._output.progress, self._output.step = fraction, message

    # -- what the next file is called -----------------------------------------------------------------

    def look(self) -> None:
        """Turn to the plane that is on screen now."""
        place = self._controller.board.place
        self._output.saved = None if place is None else self._files.get(place)
        self._rename()

    def outdated(self, place: Place) -> None:
        """Note that the masks of a plane are no longer those in its file."""
        self._files.pop(place, None)
        if place == self._controller.board.place:
            self._output.saved = None

    def _rename(self, *_: object) -> None:
        """Look which name is free, off the GUI thread: a folder may be long, or far away."""
        try:
            target = None if self._controller.closed else self._taking.next_target()
        except AssistantError:  # saving says it
            target = None
        if target is None:
            self._output.next_name = ""
            return
        key = f"name-{id(self)}"
        job = Job(WORKER, lambda progress, cancel: target.free().name)
        self._naming = future = self._scheduler.submit(job, session=key, kind=Kind.DECODE, key=key)
        future.add_done_callback(lambda done: self._controller.on_main(lambda: self._renamed(done)))

    def _renamed(self, future: Future[str]) -> None:
        if future is self._naming and not future.cancelled() and not self._controller.closed:
            self._output.next_name = future.result()

    # -- what comes after -------------------------------------------------------------------------

    def _saved(
        self,
        future: Future[list[Outcome]],
        taken: Sequence[Taken],
        refused: list[Refused],
        clean: bool,
        remark: str,
        keep: Callable[[str], str] | None = None,
        long: bool = False,
    ) -> None:
        try:
            results = future.result()
        except (CancelledError, Cancelled):
            results = []
        except AssistantError as error:
            results = [error] * len(taken)
        found = outcomes.sorted_out(taken, results, refused, clean, remark)
        if found.written:
            self._output.filename = ""
            self._files.update({one.here.place: written.path for one, written in found.written})
            if long:
                self._controller.records.saved()
            for one, _ in found.written:
                self._controller.accepting.journals.saved(one.here.place[0], one.accepted)
            self.look()
        if found.written and clean and not self._controller.closed:
            Cleaning(self._controller, found.written, lambda cleaned: self._end(found, cleaned)).go_on()
        elif found.written and keep is not None and not self._controller.closed:
            self._end(found, Cleaned(added=[keep(found.written[-1][1].stem)], removed=1))
        else:
            self._end(found, Cleaned())

    def _end(self, found: Outcomes, cleaned: Cleaned) -> None:
        """Say what was done; give the model's memory back where that is wanted and all went well."""
        self._output.saving, self._output.step, self._output.progress, self._output.several = False, "", None, False
        told = outcomes.told(found, cleaned)
        self._tell(told)
        model = self._controller.model
        if cleaned.added and isinstance(told, str) and self._output.unload and self._controller.state.model.loaded:
            model.unload(f"{told} Model unloaded.")

    def _tell(self, told: str | AssistantError) -> None:
        if isinstance(told, AssistantError):
            self._controller.status.fail(told)
        else:
            self._controller.status.idle(told)

    def _fail(self, message: str, hint: str = "Click on an object first.") -> None:
        self._controller.status.fail(SaveError(message, hint=hint))
