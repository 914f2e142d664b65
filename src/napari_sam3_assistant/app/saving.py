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
from napari_sam3_assistant.core.progress import CancelToken, Progress
from napari_sam3_assistant.core.windows import whole
from napari_sam3_assistant.export.images import FORMATS, save_labels
from napari_sam3_assistant.export.names import mask_name
from napari_sam3_assistant.layers import images
from napari_sam3_assistant.tasks.image import PlaneResult
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
        """Write the mask on screen under a name that is free, and say where."""
        found = self._controller.state.results.current
        layer = images.layer_by_id(self._controller.viewer, found.view.source.identity) if found else None
        if found is None or not found.segmentation.mask.area:
            self._controller.status.fail(SaveError("There is no mask to save.", hint="Click on an object first."))
            return
        folder = Path(self._output.folder).expanduser() if self._output.folder else self.default_folder()
        job = Job(WORKER, self._writer(found, folder, layer))
        self._output.saving, self._output.saved = True, None
        future = self._scheduler.submit(job, session=f"save-{id(self)}", kind=Kind.BATCH)
        future.add_done_callback(lambda done: self._controller.on_main(lambda: self._saved(done)))

    def _writer(self, found: PlaneResult, folder: Path, layer: Any) -> Callable[[Progress, CancelToken], Path]:
        """Return the function that writes; what belongs to napari is read now, on the GUI thread."""
        view, mask = found.view, found.segmentation.mask
        axes = view.plane.row_axis, view.plane.col_axis
        scale = None if layer is None else [float(layer.scale[axis]) for axis in axes]
        units = None if layer is None else [str(layer.units[axis]) for axis in axes]
        suffix, name = FORMATS[self._output.format].suffix, view.source.name

        def write(progress: Progress, cancel: CancelToken) -> Path:
            shape = view.source.plane_shape(view.plane)
            part = max(shape) > WHOLE_SIDE
            box = mask.box if part and mask.box is not None else whole(shape).box
            labels = mask.within(box).astype(np.uint16)
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise SaveError(
                    f"Cannot create output folder {folder}: {error.strerror}.", hint="Choose another folder."
                ) from error
            return save_labels(
                labels,
                mask_name(name, folder, suffix, window=part),
                scale=scale,
                units=units,
                offset=(int(box.top), int(box.left)),
                plane_shape=shape,
            )

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
