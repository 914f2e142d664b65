"""Live Points: the points layer as a conversation. Each change of it is a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_sam3_assistant.layers import images, prompts
from napari_sam3_assistant.tasks.jobs import Task

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController

CHANGES = frozenset({"added", "removed", "changed"})
"""What ``events.data`` says after a change. ``adding`` and the like come before it; ``set_data`` is no change."""


class LivePoints:
    """Watches the layer ``SAM3 points`` and keeps its next polarity and the state's the same.

    Parameters
    ----------
    controller : AppController
        Asked to segment.
    """

    def __init__(self, controller: AppController) -> None:
        self._controller = controller
        self._task = controller.state.task
        self.layer: Any | None = None
        self._task.events.positive.connect(self._polarity_chosen)
        found = prompts.point_layer(controller.viewer)
        if found is not None:
            self._watch(found)

    @property
    def is_live(self) -> bool:
        """Whether each change of the points runs."""
        return self._task.task is Task.LIVE_POINTS

    def arm(self) -> None:
        """Make the points layer if need be, select it and set it to add."""
        viewer = self._controller.viewer
        image = images.layer_by_id(viewer, self._task.image)
        layer = self.layer or prompts.point_layer(viewer)  # the one in use may have been given another name
        if layer is not None and not len(layer.data) and image is not None and layer.ndim != image.ndim:
            viewer.layers.remove(layer)  # made for a picture with other axes; there is nothing in it
            layer = None
        if layer is None:
            layer = prompts.add_point_layer(viewer, image=image)
        self._watch(layer)
        viewer.layers.selection.active = layer
        layer.mode = "add"
        prompts.set_next_polarity(layer, self._task.positive)
        self.note_active()

    def follow_image(self) -> None:
        """Answer the points on a picture that was just chosen."""
        if self.layer is None or not self.is_live:
            return
        if len(self.layer.data):
            self._controller.segment_points()

    def toggle_next(self) -> None:
        """Change whether the next point is positive. Nothing runs."""
        self._task.positive = not self._task.positive

    def flip(self) -> None:
        """Turn the selected points, or the latest one, and run again."""
        if self.layer is not None and prompts.flip_points(self.layer) and self.is_live:
            self._controller.segment_points()

    def clear(self) -> None:
        """Remove every point, and begin with a positive one; make the layer again if it is gone."""
        if self.layer is not None and len(self.layer.data):
            with self.layer.events.data.blocker(self._on_data):
                prompts.clear_points(self.layer)
        self._count()
        self._task.positive = True
        if self.is_live:
            self.arm()

    def note_active(self) -> None:
        """Write whether the next click in the canvas makes a point."""
        active = self._controller.viewer.layers.selection.active
        self._task.points_active = self.layer is not None and active is not None and active == self.layer

    def layer_removed(self, layer: Any) -> None:
        """Forget the points layer if it is the one that was removed."""
        if self.layer is not None and str(layer.unique_id) == str(self.layer.unique_id):
            self._unwatch()
            self._count()
            self.note_active()

    def close(self) -> None:
        """Stop watching."""
        self._unwatch()
        self._task.events.positive.disconnect(self._polarity_chosen)

    def _watch(self, layer: Any) -> None:
        if self.layer is not None and self.layer == layer:
            return
        self._unwatch()
        self.layer = layer
        layer.events.data.connect(self._on_data)
        layer.events.feature_defaults.connect(self._on_defaults)
        layer.bind_key("T", lambda _layer: self.toggle_next(), overwrite=True)
        layer.bind_key("Shift-T", lambda _layer: self.flip(), overwrite=True)
        self._count()

    def _unwatch(self) -> None:
        if self.layer is None:
            return
        self.layer.events.data.disconnect(self._on_data)
        self.layer.events.feature_defaults.disconnect(self._on_defaults)
        for key in ("T", "Shift-T"):
            self.layer.bind_key(key, None, overwrite=True)
        self.layer = None

    def _on_data(self, event: Any) -> None:
        if str(getattr(event, "action", "changed")) not in CHANGES:
            return
        self._count()
        if self.is_live:
            self._controller.segment_points()

    def _on_defaults(self, event: Any = None) -> None:
        if self.layer is not None:
            self._task.positive = prompts.next_polarity(self.layer)

    def _polarity_chosen(self, positive: bool) -> None:
        if self.layer is not None and prompts.next_polarity(self.layer) != positive:
            prompts.set_next_polarity(self.layer, positive)

    def _count(self) -> None:
        self._task.points = None if self.layer is None else len(self.layer.data)
