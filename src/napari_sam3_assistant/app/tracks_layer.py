"""The layer in which tracks are seen: an array that is written frame by frame, or pieces that are drawn as a whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any

from napari_sam3_assistant.app.screen import OnScreen
from napari_sam3_assistant.core.errors import AssistantError, ImageError
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.layers import images, names, propagated
from napari_sam3_assistant.layers.blocks import picture_shape
from napari_sam3_assistant.layers.world import plane_on_screen, world_of
from napari_sam3_assistant.tasks.tracks import Tracks

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController

REST_S = 0.3
"""What takes its time to be drawn, pieces or a volume, is drawn no more often."""
SHARE = 10
"""Nor does drawing it take more than one part in so many of the time."""


class TracksLayer:
    """Writes tracks into ``SAM3 propagated preview labels``.

    Parameters
    ----------
    controller : AppController
    """

    def __init__(self, controller: AppController) -> None:
        self._controller = controller
        self._own = False
        self._drawn = self._took = 0.0
        self._missing: dict[Plane, frozenset[int]] = {}
        self._shape: tuple[int, ...] = ()

    def find(self) -> Any | None:
        """Return the layer of the image in use, or None."""
        identity = self._controller.state.task.image
        return None if identity is None else propagated.propagated_layer(self._controller.viewer, identity)

    def of(self, tracks: Tracks) -> Any | None:
        """Return the layer of the image that tracks go through, in use or not, with the pixels it was made with."""
        layer = propagated.propagated_layer(self._controller.viewer, tracks.image)
        return layer if layer is not None and propagated.writable(layer, self._shape) else None

    def begin(self, here: OnScreen, tracks: Tracks, ids: Iterable[int]) -> None:
        """Make the layer, or empty it: nothing of an older run is left.

        Raises
        ------
        AssistantError
            If it belongs on the disk, and that cannot be written.
        """
        self._own, self._missing = True, {}  # a layer that goes now goes by our own doing
        self._shape = picture_shape(here.layer, here.source)
        most = self._controller.runtime.preferences.stack_bytes
        try:
            propagated.empty_layer(self._controller.viewer, here.layer, here.source, here.plane, ids, most)
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
        """Return the masks on a plane as they are seen; None where the layer cannot be painted in as it is."""
        layer = self.find()
        if layer is None or not propagated.writable(layer, self._shape):
            return None
        return propagated.read_frame(layer, plane)

    def write(self, tracks: Tracks, plane: Plane, carried: Collection[int]) -> None:
        """Write a plane: the objects that were ``carried`` are where they are in the tracks, and nowhere else.

        Raises
        ------
        SaveError
            If the layer is on the disk, and that is full. The plane is written when others can be again.
        """
        layer = self.of(tracks)
        if layer is None:
            return
        if layer.multiscale:
            self._draw_seldom(layer, lambda: propagated.write_records(layer, tracks.records()))
            return
        flat = self._on_screen(layer)
        across = flat is None or {flat.row_axis, flat.col_axis} != {plane.row_axis, plane.col_axis}
        self._missing[plane] = self._missing.get(plane, frozenset()) | frozenset(carried)
        for one, ids in list(self._missing.items()):
            new = [item for item in tracks.at(one) if item.id in ids]
            propagated.write_frame(layer, one, new, ids, seen=not across and flat == one)
            del self._missing[one]
        if across:
            self._draw_seldom(layer, lambda: propagated.draw(layer))

    def finish(self, tracks: Tracks) -> None:
        """Draw what is not drawn yet, and tell others that pixels are others."""
        layer = self.of(tracks)
        if layer is None:
            return
        if layer.multiscale:
            propagated.write_records(layer, tracks.records())
        else:
            layer.refresh()
            layer.events.paint(value=[])  # what is written into the array is no event of napari's
        self._drawn = time.monotonic()

    def show(self, here: OnScreen, tracks: Tracks) -> None:
        """Make the layer anew, with all that is known of a stack.

        Raises
        ------
        AssistantError
            If it belongs on the disk, and that cannot be written.
        """
        self.begin(here, tracks, tracks.ids)
        layer = self.of(tracks)
        if layer is not None and not layer.multiscale:
            for plane in tracks.planes:
                propagated.write_frame(layer, plane, tracks.at(plane), (), seen=False)
        self.finish(tracks)

    def remove(self) -> None:
        """Remove the layer."""
        layer = propagated.propagated_layer(self._controller.viewer)
        if layer is not None:
            self._own = True
            try:
                propagated.remove_layer(self._controller.viewer, layer)
            finally:
                self._own = False

    def hand_over(self, name: str) -> str:
        """Make the layer the user's own, and return the name that it has then."""
        layer = self.find()
        return "" if layer is None else propagated.hand_over(layer, name)

    def copying(self, plane: Plane, ids: Collection[int] | None = None) -> Callable[[], Any] | None:
        """Return what copies the labels, or only some; it may take long, on any thread. None where there are none."""
        layer = self.find()
        if layer is None:
            return None
        data = list(layer.data) if layer.multiscale else layer.data
        return lambda: propagated.copied(data, plane, ids)

    def add_copy(self, identity: str, data: Any, name: str = names.SAVED_PROPAGATED, **metadata: Any) -> Any | None:
        """Add labels that were copied above their picture, the user's own; None where that is no longer there."""
        image = images.layer_by_id(self._controller.viewer, identity)
        if image is None:
            return None
        return propagated.add_labels(self._controller.viewer, image, data, name, metadata)

    def lost(self) -> bool:
        """Whether the layer has left the viewer, and not by our own doing."""
        return not self._own and propagated.propagated_layer(self._controller.viewer) is None

    def _on_screen(self, layer: Any) -> Plane | None:
        """Return the plane of the layer that is seen; None where it is none, or a volume."""
        world = world_of(self._controller.viewer)
        try:
            return plane_on_screen(layer, world, layer.data.shape, None) if world.flat else None
        except AssistantError:
            return None

    def _draw_seldom(self, layer: Any, work: Callable[[], None]) -> None:
        began = time.monotonic()
        if began - self._drawn > max(REST_S, SHARE * self._took):
            work()
            self._drawn = time.monotonic()
            self._took = self._drawn - began
