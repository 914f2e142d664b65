"""Saving the mask on screen, off the GUI thread."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam3_assistant.core.errors import AssistantError, SaveError
from napari_sam3_assistant.core.geometry import PlacedMask, intersection, slices
from napari_sam3_assistant.core.progress import CancelToken, Progress
from napari_sam3_assistant.core.windows import Window, whole
from napari_sam3_assistant.export.images import FORMATS, save_labels
from napari_sam3_assistant.export.names import mask_name
from napari_sam3_assistant.layers import images, previews
from napari_sam3_assistant.tasks.image import View
from napari_sam3_assistant.tasks.jobs import Job, Kind

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController
    from napari_sam3_assistant.tasks.scheduler import Scheduler

logger = logging.getLogger(__name__)
WORKER = "files"
"""Files are written on a thread of their own: a slow disk does not hold up a click."""
WHOLE_SIDE = 4096
"""Masks of planes up to this side are saved as an image of the plane's size; of larger ones, the object's."""


class Saving:
    """Writes the mask on screen to a file and says where."""

    def __init__(self, controller: AppController, scheduler: Scheduler) -> None:
        self._controller = controller
        self._scheduler = scheduler
        self._output = controller.state.output

    def default_folder(self) -> Path:
        """Return where masks go unless the user chooses: beside the picture, else ``SAM3 masks`` at home."""
        state = self._controller.state
        layer = images.layer_by_id(self._controller.viewer, state.task.image)
        path = getattr(getattr(layer, "source", None), "path", None)
        if path and (folder := Path(path).parent).is_dir() and os.access(folder, os.W_OK):
            return folder
        return Path.home() / "SAM3 masks"

    def save(self) -> None:
        """Write the labels on screen, edits included, under a name that is free, and say where."""
        found, seen = self._controller.state.results.current, previews.read_preview(self._controller.viewer)
        if found is None or seen is None or not seen[0].any():
            self._controller.status.fail(SaveError("There is no mask to save.", hint="Click on an object first."))
            return
        layer = images.layer_by_id(self._controller.viewer, found.view.source.identity)
        chosen = self._output.folder.strip()
        folder = Path(chosen).expanduser().absolute() if chosen else self.default_folder()
        job = Job(WORKER, self._writer(found.view, *seen, folder, layer))
        self._output.saving, self._output.saved = True, None
        future = self._scheduler.submit(job, session=f"save-{id(self)}", kind=Kind.BATCH)
        future.add_done_callback(lambda done: self._controller.on_main(lambda: self._saved(done)))

    def _writer(
        self, view: View, labels: np.ndarray, window: Window, folder: Path, layer: Any
    ) -> Callable[[Progress, CancelToken], Path]:
        """Return the function that writes; what belongs to napari is read now, on the GUI thread."""
        axes = view.plane.row_axis, view.plane.col_axis
        scale = None if layer is None else [float(layer.scale[axis]) for axis in axes]
        units = None if layer is None else [str(layer.units[axis]) for axis in axes]
        suffix = FORMATS[self._output.format].suffix
        name = view.source.name if layer is None else str(layer.name)
        shape = view.source.plane_shape(view.plane)
        part = max(shape) > WHOLE_SIDE

        def write(progress: Progress, cancel: CancelToken) -> Path:
            drawn = PlacedMask(labels > 0, window.offset).trimmed()
            box = drawn.box if part and drawn.box is not None else whole(shape).box
            saved = np.zeros((int(box.size[0]), int(box.size[1])), labels.dtype)
            shared = intersection(box, window.box)
            if shared is not None:
                saved[slices(shared, (int(box.top), int(box.left)))] = labels[slices(shared, window.offset)]
            made = _make_folder(folder)
            try:
                return save_labels(
                    saved,
                    mask_name(name, folder, suffix, window=part),
                    scale=scale,
                    units=units,
                    offset=(int(box.top), int(box.left)),
                    plane_shape=shape,
                    plane=view.plane.index or None,
                )
            except BaseException:
                for empty in made:
                    empty.rmdir()
                raise

        return write

    def _saved(self, future: Future[Path]) -> None:
        self._output.saving = False
        try:
            path = future.result()
        except AssistantError as error:
            self._controller.status.fail(error)
            return
        except (Exception, CancelledError) as error:
            logger.exception("Saving failed")
            self._controller.status.fail(SaveError(f"Could not save the mask: {error}.", hint="Choose another folder."))
            return
        self._output.saved = path
        self._controller.status.idle(f"Saved the mask to {path}")


def _make_folder(folder: Path) -> list[Path]:
    """Make a folder and those above it; return the ones that were not there, the innermost first.

    Raises
    ------
    SaveError
        If it cannot be made.
    """
    missing = [
        one for one in (folder, *folder.parents) if not os.path.exists(one)
    ]  # unlike Path's, false of a name that is too long
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise SaveError(f"{folder} is a file, not a folder.", hint="Choose another folder.") from error
    except OSError as error:
        for one in missing:
            if os.path.isdir(one):
                one.rmdir()
        raise SaveError(
            f"Cannot create output folder {folder}: {error.strerror}.", hint="Choose another folder."
        ) from error
    return missing
