"""Saving the masks on screen, to files off the GUI thread and to layers, and cleaning up after it.

A file comes first, then its layer, then the preview goes: where a step fails, those after it
are not done, and what is on screen stays.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_sam3_assistant.app import writing
from napari_sam3_assistant.app.screen import OnScreen
from napari_sam3_assistant.app.writing import Target, Write, Written
from napari_sam3_assistant.core.errors import AssistantError, SaveError
from napari_sam3_assistant.layers import accepted, images, names, previews, saved
from napari_sam3_assistant.masks.registry import MaskObject
from napari_sam3_assistant.tasks.jobs import Job, Kind

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController
    from napari_sam3_assistant.tasks.scheduler import Scheduler

logger = logging.getLogger(__name__)
WORKER = "files"
"""Files are written on a thread of their own: a slow disk does not hold up a click."""
CLEAN = "Save & Clean"


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """What a file is written of: the plane and its objects, as they were when the button was pressed."""

    here: OnScreen
    objects: tuple[MaskObject, ...]
    clean: bool
    remark: str


class Saving:
    """Writes the masks on screen to files and layers, and says where."""

    def __init__(self, controller: AppController, scheduler: Scheduler) -> None:
        self._controller = controller
        self._scheduler = scheduler
        self._output = controller.state.output
        self._naming: Future[str] | None = None
        output, task = self._output.events, controller.state.task.events
        for signal in (output.folder, output.default_folder, output.format, output.filename, output.saved):
            signal.connect(self._rename)
        for signal in (task.image, task.summary):
            signal.connect(self._rename)

    def default_folder(self) -> Path:
        """Return where masks go unless the user chooses: beside the picture, else ``SAM3 masks`` at home."""
        state = self._controller.state
        layer = images.layer_by_id(self._controller.viewer, state.task.image)
        path = getattr(getattr(layer, "source", None), "path", None)
        if path and (folder := Path(path).parent).is_dir() and os.access(folder, os.W_OK):
            return folder
        return Path.home() / "SAM3 masks"

    # -- verbs ------------------------------------------------------------------------------------

    def save(self) -> None:
        """Write the objects on screen, edits included, or without them the accepted ones; say where."""
        here, objects = self._objects()
        if here is not None and objects:
            self._submit(Taken(here, objects, False, self._left_out()), self._of_objects(here, objects))
            return
        found = None if here is None else self._of_accepted(here)
        if here is None or found is None:
            self._fail("There is no mask to save.")
        else:
            target, write = found
            self._submit(Taken(here, (), False, f". {target.remark}" if target.remark else ""), write)

    def save_and_clean(self) -> None:
        """Write the objects on screen to a file, keep them as a layer named as it, and remove the preview."""
        here, objects = self._objects()
        if here is None or not objects:
            self._fail("No preview Labels layer found to save.")
            return
        self._submit(Taken(here, objects, True, ""), self._of_objects(here, objects))

    def save_labels(self) -> None:
        """Copy the objects on screen into a new layer ``SAM3 saved labels``; the preview stays."""
        here, objects = self._objects()
        if here is None or not objects:
            self._fail("No preview Labels layer found to save.")
            return
        layer = self._add_layer(Taken(here, objects, False, ""), names.SAVED)
        if layer is not None:
            self._controller.status.idle(f"Saved preview labels to layer '{layer}'.")

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

    def _objects(self) -> tuple[OnScreen | None, tuple[MaskObject, ...]]:
        board, here = self._controller.board, self._controller.here()
        board.absorb()
        return here, tuple(board.draft.objects)

    def _of_objects(self, here: OnScreen, objects: tuple[MaskObject, ...]) -> Write:
        items = [(item.id, item.mask, item.score) for item in objects]
        return writing.of_plane(self._target(here, flat=True), items, here.plane)

    def _of_accepted(self, here: OnScreen) -> tuple[Target, Write] | None:
        layer = accepted.accepted_layer(self._controller.viewer, here.layer)
        if layer is not None and layer.multiscale:
            own = [one for one in self._controller.accepting.records if (one.image, one.plane) == here.place]
            items = [(one.id, one.mask, 1.0) for one in own]
            target = self._target(here, flat=True)
            return (target, writing.of_plane(target, items, here.plane)) if items else None
        if layer is not None and np.any(layer.data):
            target = self._target(here, flat=False)
            return target, writing.of_layer(target, layer.data)
        return None

    def _target(self, here: OnScreen, *, flat: bool) -> Target:
        """Return where a file of the plane (``flat``), or of all axes of the layer, goes, and as what."""
        chosen, layer = self._output.folder.strip(), here.layer
        folder = Path(chosen).expanduser().absolute() if chosen else self.default_folder()
        last = layer.ndim - 1
        axes = [min(here.plane.row_axis, last), min(here.plane.col_axis, last)] if flat else range(layer.ndim)
        return Target(
            folder,
            self._output.format,
            str(layer.name),
            self._output.filename,
            here.source.plane_shape(here.plane) if flat else tuple(here.source.shape[: layer.ndim]),
            tuple(float(layer.scale[axis]) for axis in axes),
            tuple(str(layer.units[axis]) for axis in axes),
        )

    def _left_out(self) -> str:
        missing = self._controller.state.results.kept
        verb = "object is" if missing == 1 else "objects are"
        return f". {missing} accepted {verb} not in it." if missing else ""

    def _submit(self, taken: Taken, write: Write) -> None:
        self._output.saving, self._output.saved = True, None
        future = self._scheduler.submit(Job(WORKER, write), session=f"save-{id(self)}", kind=Kind.BATCH)
        future.add_done_callback(lambda done: self._controller.on_main(lambda: self._saved(done, taken)))

    # -- what the next file is called -----------------------------------------------------------------

    def _rename(self, *_: object) -> None:
        """Look which name is free, off the GUI thread: a folder may be long, or far away."""
        here = None if self._controller.closed else self._controller.here()
        if here is None:
            self._output.next_name = ""
            return
        target = self._target(here, flat=True)
        key = f"name-{id(self)}"
        job = Job(WORKER, lambda progress, cancel: target.free().name)
        self._naming = future = self._scheduler.submit(job, session=key, kind=Kind.DECODE, key=key)
        future.add_done_callback(lambda done: self._controller.on_main(lambda: self._renamed(done)))

    def _renamed(self, future: Future[str]) -> None:
        if future is self._naming and not future.cancelled() and not self._controller.closed:
            self._output.next_name = future.result()

    # -- what comes after -------------------------------------------------------------------------

    def _saved(self, future: Future[Written], taken: Taken) -> None:
        self._output.saving = False
        try:
            written = future.result()
        except AssistantError as error:
            self._controller.status.fail(error)
            return
        except (Exception, CancelledError) as error:
            logger.exception("Saving failed")
            self._fail(f"Could not save preview mask: {error}.", "Choose another folder.")
            return
        self._output.filename = ""
        self._output.saved = written.path
        if taken.clean and not self._controller.closed:
            self._clean(taken, written)
        else:
            self._controller.status.idle(f"Saved the mask to {written.path}{taken.remark}")

    def _clean(self, taken: Taken, written: Written) -> None:
        """Keep what is in the file as a layer, then take it out of the preview, unless it was changed meanwhile."""
        controller, board = self._controller, self._controller.board
        if images.layer_by_id(controller.viewer, taken.here.source.identity) is None:
            controller.status.idle(f"Saved the mask to {written.path}. Its image was removed meanwhile.")
            return
        if board.place != taken.here.place:
            layer = self._add_layer(taken, written.stem)
            if layer is not None:
                controller.status.idle(f"{_told(layer, written)} The preview of the other slice was kept.")
            return
        before, objects, shown = board.snapshot(), board.draft.objects, previews.count_previews(controller.viewer)
        same = [item.id for item in taken.objects if item.id in objects and objects[item.id] is item]
        layer = self._add_layer(taken, written.stem, in_place=len(same) == len(objects))
        if layer is None:
            return
        board.step(CLEAN, before)
        controller.finding.forget()
        told = f"{_told(layer, written)} {self._emptied(same, shown)}"
        controller.status.idle(told)
        if self._output.unload and controller.state.model.loaded:
            controller.model.unload(f"{told} Model unloaded.")

    def _emptied(self, ids: list[int], shown: int) -> str:
        """Take objects out of the preview, and its ``shown`` layers away if none is left; return what was done."""
        board = self._controller.board
        board.empty(ids)
        if len(board.draft.objects):
            return "What was changed meanwhile is still in the preview."
        board.drawing = True
        previews.clear_previews(self._controller.viewer)
        board.drawing = False
        return f"Completed clean; removed {shown} preview layer(s)."

    def _add_layer(self, taken: Taken, name: str, *, in_place: bool = False) -> str | None:
        """Return the name of the layer that was made; None, and it is said, where there is no memory for it.

        ``in_place``: the preview may become that layer.
        """
        here, viewer = taken.here, self._controller.viewer
        add = saved.turn_preview if in_place else saved.add_saved
        try:
            return str(add(viewer, here.layer, here.source, here.plane, taken.objects, name).name)
        except MemoryError:
            self._fail(f"There is no memory for the layer '{name}'.", "Close other layers. The preview stays as it is.")
            return None

    def _fail(self, message: str, hint: str = "Click on an object first.") -> None:
        self._controller.status.fail(SaveError(message, hint=hint))


def _told(layer: str, written: Written) -> str:
    return f"Saved preview mask to layer '{layer}' and file: {written.path}."
