"""What a user paints in the layer of what was followed is said of its objects, on whichever frame.

Which frames were painted is told by napari with each stroke; the others are not looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

from napari_sam3_assistant.app import keys
from napari_sam3_assistant.app.tracks_layer import TracksLayer
from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.labels import to_labels
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.prompts import MaskPrompt, Prompts
from napari_sam3_assistant.core.results import Segmentation
from napari_sam3_assistant.core.windows import whole
from napari_sam3_assistant.layers.labels import painted_block
from napari_sam3_assistant.masks.drawing import draw, painted
from napari_sam3_assistant.masks.registry import Objects
from napari_sam3_assistant.tasks.tracks import Tracks
from napari_sam3_assistant.tasks.volumes import Film

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController

KIND = "followed"
"""Of the keys that are bound on the layer."""


class Painting:
    """Watches the layer.

    Parameters
    ----------
    controller : AppController
    layer : TracksLayer
    told : callable
        Called soon after something was painted.
    """

    def __init__(self, controller: AppController, layer: TracksLayer, told: Callable[[], None]) -> None:
        self._controller, self._layer, self._told = controller, layer, told
        self._watched: Any | None = None
        self._planes: set[Plane] = set()
        self._due = False

    def watch(self, tracks: Tracks | None) -> None:
        """Watch the layer of what was followed, or none; what was painted before is not looked at."""
        layer = self._layer.of(tracks) if tracks is not None else None
        self._planes.clear()
        if self._watched is not None and (layer is None or self._watched != layer):
            self._watched.events.paint.disconnect(self._painted)
            keys.unbind(self._watched, KIND)
            self._watched = None
        if layer is not None and self._watched is None:
            self._watched = layer
            layer.events.paint.connect(self._painted)
            keys.bind(self._controller, layer, KIND)

    def close(self) -> None:
        """Watch no longer."""
        self.watch(None)

    def _painted(self, event: Any) -> None:
        layer, place = self._watched, self._controller.board.place
        if layer is None or layer.multiscale:
            return
        if place is not None:
            self._planes |= _planes_in(place[1], painted_block(event))
        if not self._due:
            self._due = True
            self._controller.on_main(self._rest)

    def _rest(self) -> None:
        self._due = False
        if not self._controller.closed:
            self._told()

    def absorb(self, video: Film, before: Callable[[], None]) -> list[Plane]:
        """Give the video what was painted; return the planes.

        Parameters
        ----------
        video : Video or Volumes
        before : callable
            Called once before the first change.
        """
        place, tracks = self._controller.board.place, video.tracks
        planes, self._planes = set(self._planes), set()
        if place is not None and place[0] == tracks.image:
            planes.add(place[1])
        told: list[Plane] = []
        for plane in sorted(planes, key=lambda one: one.index):
            ours = tracks.frame_of((tracks.image, plane)) is not None
            found = self._as_painted(video, plane) if ours else None
            if found is None:
                continue
            if not told:
                before()
            self._give(video, plane, *found)
            told.append(plane)
        return told

    def _as_painted(self, video: Film, plane: Plane) -> tuple[Objects, Objects] | None:
        """Return the objects of a plane as they were followed and as they were painted; None where that is the same."""
        masks = self._layer.read(plane)
        if masks is None:
            return None
        window = whole(video.view.source.plane_shape(plane))
        known = Objects(video.tracks.at(plane))
        before = draw(known.items, window)
        after = to_labels(list(masks.values()), window, values=list(masks), overlap="first")
        now = painted(known, frozenset(item.id for item in known), before, after, window)
        return None if now is known else (known, now)

    def _give(self, video: Film, plane: Plane, before: Objects, now: Objects) -> None:
        known = {item.id: item.mask for item in before}
        video.tracks.drop(known.keys() - {item.id for item in now}, [plane])
        changed = {item.id: item.mask for item in now if item.mask is not known.get(item.id)}
        for id, mask in changed.items():
            try:
                video.give_on(plane, {id: Prompts(mask=MaskPrompt(mask))})
            except PromptError as error:  # beside the window: it stays where it was painted, and is not followed
                self._controller.status.log(str(error))
                video.tracks.put(plane, {id: Segmentation(mask, 1.0)}, [id], said=[id])


def _planes_in(plane: Plane, block: tuple[slice, ...] | None) -> set[Plane]:
    """Return the planes, cut as ``plane`` is, that a stroke has touched; it alone where the stroke does not tell."""
    cut = [axis for axis, _ in plane.index]
    if block is None:
        return {plane}
    found = product(*(range(block[axis].start, block[axis].stop) for axis in cut))
    return {replace(plane, index=tuple(zip(cut, positions, strict=True))) for positions in found}
