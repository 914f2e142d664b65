"""The layer in which tracks are seen: an array that is written frame by frame, or pieces that are drawn as a whole."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any

from napari_sam3_assistant.app.screen import OnScreen
from napari_sam3_assistant.core.errors import ImageError
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.layers import images, propagated
from napari_sam3_assistant.layers.blocks import picture_shape
from napari_sam3_assistant.tasks.tracks import Tracks

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController

REST_S = 0.3
"""A layer of pieces is drawn no more often."""


class TracksLayer:
    """Writes tracks into ``SAM3 propagated preview labels``.

    Parameters
    ----------
    controller : AppController
    """

    def __init__(self, controller: AppController) -> None:
        self._controller = controller
        self._own = False
        self._drawn = 0.0

    def find(self) -> Any | None:
        """Return the layer of the image in use, or None."""
        identity = self._controller.state.task.image
        return None if identity is None else propagated.propagated_layer(self._controller.viewer, identity)

    def begin(self, here: OnScreen, tracks: Tracks, ids: Iterable[int]) -> None:
        """Make the layer, or empty it: nothing of an older run is left."""
        self._own = True  # a layer that goes now goes by our own doing
        try:
            propagated.empty_layer(self._controller.viewer, here.layer, here.source, ids)
        finally:
            self._own = False

    def check(self, here: OnScreen) -> None:
        """Check that the layer still has pixels of the picture's shape.

        Raises
        ------
        ImageError
            If a user has given it others.
        """
        layer = self.find()
        if layer is None or not propagated.writable(layer, picture_shape(here.layer, here.source)):
            raise ImageError("The preview has other pixels now.", hint="Start 3D again: it makes a new one.")

    def read(self, plane: Plane) -> dict[int, PlacedMask] | None:
        """Return the masks on a plane as they are seen; None where the layer cannot be painted in."""
        layer = self.find()
        return None if layer is None else propagated.read_frame(layer, plane)

    def write(self, tracks: Tracks, plane: Plane, carried: Collection[int]) -> None:
        """Write a plane: the objects that were ``carried`` are where they are in the tracks, and nowhere else."""
        layer = propagated.propagated_layer(self._controller.viewer, tracks.image)
        if layer is None:
            return
        if layer.multiscale:
            if time.monotonic() - self._drawn > REST_S:
                self.finish(tracks)
            return
        place = self._controller.board.place
        new = [item for item in tracks.at(plane) if item.id in carried]
        propagated.write_frame(layer, plane, new, carried, seen=place == (tracks.image, plane))

    def finish(self, tracks: Tracks) -> None:
        """Draw what is not drawn yet, and tell others that pixels are others."""
        layer = propagated.propagated_layer(self._controller.viewer, tracks.image)
        if layer is None:
            return
        self._drawn = time.monotonic()
        if layer.multiscale:
            propagated.write_records(layer, tracks.records())
        else:
            layer.refresh()
            layer.events.paint(value=[])  # what is written into the array is no event of napari's

    def remove(self) -> None:
        """Remove the layer."""
        layer = propagated.propagated_layer(self._controller.viewer)
        if layer is not None:
            self._own = True
            try:
                self._controller.viewer.layers.remove(layer)
            finally:
                self._own = False

    def hand_over(self, name: str) -> str:
        """Make the layer the user's own, and return the name that it has then."""
        layer = self.find()
        return "" if layer is None else propagated.hand_over(layer, name)

    def copy(self) -> Any | None:
        """Add a copy of the layer, the user's own, and return it; None where there is nothing to copy."""
        layer = self.find()
        image = images.layer_by_id(self._controller.viewer, self._controller.state.task.image)
        return None if layer is None or image is None else propagated.add_copy(self._controller.viewer, image, layer)

    def lost(self) -> bool:
        """Whether the layer has left the viewer, and not by our own doing."""
        return not self._own and propagated.propagated_layer(self._controller.viewer) is None
