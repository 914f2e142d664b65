"""What is done to single objects that were followed: taken away, found right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from napari_sam3_assistant.app.propagating.kept import Kept
from napari_sam3_assistant.app.tracks_layer import TracksLayer
from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.tasks.volumes import Film

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController


class Changing:
    """Changes objects, each time as one step.

    Parameters
    ----------
    controller : AppController
    kept : Kept
    layer : TracksLayer
    told : callable
        ``told(video)`` is called after a change; with None where no mask has changed.
    """

    def __init__(
        self, controller: AppController, kept: Kept, layer: TracksLayer, told: Callable[[Film | None], None]
    ) -> None:
        self._controller, self._kept, self._layer, self._told = controller, kept, layer, told

    def remove(self, object_id: int) -> None:
        """Take an object away from every frame, and with it what was said of it there."""
        video = self._kept.video
        if video is None or object_id not in video.tracks.ids | video.ledger.said.keys():
            gone = PromptError(f"There is no object {object_id} in the propagation.", hint="Choose another one.")
            self._controller.status.fail(gone)
            return
        self._controller.board.step(f"Remove object {object_id}")
        self._remove_prompts(video, object_id)
        planes = video.remove(object_id)
        self._kept.heard.begun.discard(object_id)
        self._kept.changed()
        for plane in planes:
            self._layer.write(video.tracks, plane, [object_id])
        self._told(video)
        self._controller.status.idle(f"Removed object {object_id} from {len(planes)} frames.")

    def _remove_prompts(self, video: Film, object_id: int) -> None:
        here = self._controller.here()
        if here is None:
            return
        for plane in [plane for plane, ids in video.prompted.items() if object_id in ids]:
            there, keys = replace(here, plane=plane), self._kept.heard.drawn_of(plane, object_id)
            self._controller.boxes.remove_of(keys, there)
            self._controller.masks.remove_of(keys, there)
            self._controller.board.empty([object_id], there)

    def confirm(self, frame: int, object_id: int) -> None:
        """Note that the user has looked at an object on a frame, and finds it right: there is no doubt any more."""
        tracks, here = self._kept.own, self._controller.board.place
        plane = tracks.plane_at(frame, None if here is None else here[1]) if tracks is not None else None
        known = tracks.seen(plane) if tracks is not None and plane is not None else {}
        if tracks is None or plane is None or object_id not in known:
            gone = PromptError(f"Object {object_id} is not on frame {frame}.", hint="Choose another frame.")
            self._controller.status.fail(gone)
            return
        self._controller.board.step(f"Confirm object {object_id}")
        tracks.restore(plane, [replace(one, said=True) if id == object_id else one for id, one in known.items()])
        self._kept.changed()
        self._told(None)
