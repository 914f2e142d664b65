"""Saving the mask on screen, off the GUI thread."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam3_assistant.app.screen import OnScreen
from napari_sam3_assistant.core.errors import AssistantError, SaveError
from napari_sam3_assistant.core.geometry import PlacedMask, union
from napari_sam3_assistant.core.labels import to_labels
from napari_sam3_assistant.core.progress import CancelToken, Progress
from napari_sam3_assistant.core.windows import Window, whole
from napari_sam3_assistant.export.images import FORMATS, save_labels
from napari_sam3_assistant.export.names import mask_name
from napari_sam3_assistant.layers import accepted, images
from napari_sam3_assistant.tasks.jobs import Job, Kind

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController
    from napari_sam3_assistant.tasks.scheduler import Scheduler

Write = Callable[[Progress, CancelToken], Path]
logger = logging.getLogger(__name__)
WORKER = "files"
"""Files are written on a thread of their own: a slow disk does not hold up a click."""
WHOLE_SIDE = 4096
"""Masks of planes up to this side are saved as an image of the plane's size; of larger ones, the object's."""

MOST_PIXELS = 2**30
"""A file of labels holds no more pixels than this."""


class Saving:
    """Writes the mask on screen to a file and says where."""

    def __init__(self, controller: AppController, scheduler: Scheduler) -> None:
        self._controller = controller
        self._scheduler = scheduler
        self._output = controller.state.output
        self._beside = ""

    def default_folder(self) -> Path:
        """Return where masks go unless the user chooses: beside the picture, else ``SAM3 masks`` at home."""
        state = self._controller.state
        layer = images.layer_by_id(self._controller.viewer, state.task.image)
        path = getattr(getattr(layer, "source", None), "path", None)
        if path and (folder := Path(path).parent).is_dir() and os.access(folder, os.W_OK):
            return folder
        return Path.home() / "SAM3 masks"

    def save(self) -> None:
        """Write the objects on screen, edits included, or without them the accepted ones; say where."""
        board, here = self._controller.board, self._controller.here()
        board.absorb()
        objects = board.draft.objects
        layer = None if here is None else accepted.accepted_layer(self._controller.viewer, here.layer)
        if here is not None and len(objects):
            write = self._of_plane(here, [(item.id, item.mask, item.score) for item in objects])
        elif here is not None and layer is not None and layer.multiscale:
            own = [one for one in self._controller.accepting.records if (one.image, one.plane) == here.place]
            write = self._of_plane(here, [(one.id, one.mask, 1.0) for one in own])
        elif here is not None and layer is not None and np.any(layer.data):
            write = self._of_layer(here, layer.data)
        else:
            self._controller.status.fail(SaveError("There is no mask to save.", hint="Click on an object first."))
            return
        results = self._controller.state.results
        missing = results.kept if len(objects) else 0
        verb = "object is" if missing == 1 else "objects are"
        self._beside = f". {missing} accepted {verb} not in it." if missing else ""
        self._output.saving, self._output.saved = True, None
        future = self._scheduler.submit(Job(WORKER, write), session=f"save-{id(self)}", kind=Kind.BATCH)
        future.add_done_callback(lambda done: self._controller.on_main(lambda: self._saved(done)))

    def _of_plane(self, here: OnScreen, items: list[tuple[int, PlacedMask, float]]) -> Write:
        """Return the function that writes objects of a plane; what belongs to napari is read now, on the GUI thread."""
        plane, shape = here.plane, here.source.plane_shape(here.plane)
        last = here.layer.ndim - 1
        axes = [min(plane.row_axis, last), min(plane.col_axis, last)]
        part = max(shape) > WHOLE_SIDE
        folder, suffix, scale, units = self._target(here, axes)
        name = str(here.layer.name)

        def write(progress: Progress, cancel: CancelToken) -> Path:
            window = _window_of([mask for _, mask, _ in items]) if part else whole(shape)
            # As they are drawn: the better score is seen, of equal ones the newer.
            values, masks, _ = zip(*sorted(items, key=lambda item: (item[2], item[0])), strict=True)
            labels = to_labels(masks, window, values=values, overlap="last")
            with _made_folder(folder):
                return save_labels(
                    labels.astype(np.uint16) if max(values) < 2**16 else labels,
                    mask_name(name, folder, suffix, window=part),
                    scale=scale,
                    units=units,
                    offset=window.offset,
                    plane_shape=shape,
                    plane=plane.index or None,
                )

        return write

    def _of_layer(self, here: OnScreen, data: Any) -> Write:
        """Return the function that writes a layer of accepted labels, with all its axes."""
        folder, suffix, scale, units = self._target(here, list(range(here.layer.ndim)))
        name = str(here.layer.name)

        def write(progress: Progress, cancel: CancelToken) -> Path:
            with _made_folder(folder):
                return save_labels(np.array(data), mask_name(name, folder, suffix), scale=scale, units=units)

        return write

    def _target(self, here: OnScreen, axes: list[int]) -> tuple[Path, str, list[float], list[str]]:
        """Return folder, suffix, and pixel size and unit along some axes."""
        chosen = self._output.folder.strip()
        folder = Path(chosen).expanduser().absolute() if chosen else self.default_folder()
        layer = here.layer
        scale, units = [float(layer.scale[axis]) for axis in axes], [str(layer.units[axis]) for axis in axes]
        return folder, FORMATS[self._output.format].suffix, scale, units

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
        self._controller.status.idle(f"Saved the mask to {path}{self._beside}")


def _window_of(masks: Sequence[PlacedMask]) -> Window:
    """Return the window that holds all masks.

    Raises
    ------
    SaveError
        If it is too large for a file.
    """
    box = union(box for mask in masks if (box := mask.box) is not None)
    if box.area > MOST_PIXELS:
        height, width = box.size
        raise SaveError(
            f"The objects lie too far apart for one file ({height:,.0f} x {width:,.0f} pixels).",
            hint="Delete those far away, save, and undo.",
        )
    return Window(int(box.top), int(box.left), int(box.bottom), int(box.right))


@contextmanager
def _made_folder(folder: Path) -> Iterator[None]:
    """Make a folder and those above it; if what follows fails, those that were not there go again.

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
    try:
        yield
    except BaseException:
        for empty in missing:
            empty.rmdir()
        raise
