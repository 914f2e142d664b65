"""The layer of boxes, watched: what it holds is told to the user, live."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from typing import TYPE_CHECKING, Any

from napari_sam3_assistant.app import keys
from napari_sam3_assistant.app.screen import OnScreen
from napari_sam3_assistant.layers import images, owned, shape_records, shapes
from napari_sam3_assistant.layers.owned import in_viewer
from napari_sam3_assistant.layers.shape_records import ShapesRecord

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController

CHANGES = frozenset({"added", "removed", "changed"})
"""What ``events.data`` says after a change. ``adding`` and the like come before it; ``set_data`` is no change."""
STEPS = {"added": "Add box", "removed": "Delete box", "changed": "Move box"}


class Boxes:
    """Watches the shapes layer in use: at first ``SAM3 boxes``."""

    def __init__(self, controller: AppController) -> None:
        self._controller, self._task = controller, controller.state.task
        self.layer: Any | None = None
        self.record: ShapesRecord | None = None
        """What the layer held when it was looked at last."""
        self._removed: Any | None = None
        self._task.events.positive_box.connect(self._polarity_chosen)

    def attach(self) -> None:
        """Watch our layer if it is there."""
        found = shapes.box_layer(self._controller.viewer)
        if found is not None:
            self._watch(found)

    @property
    def ours(self) -> bool:
        """Whether the layer in use is ours: shapes in one of the user's own are never taken away by us."""
        return self.layer is not None and owned.is_ours(self.layer)

    def arm(self) -> None:
        """Select the layer in use, or make ours, show it and let it draw rectangles."""
        viewer = self._controller.viewer
        image = images.layer_by_id(viewer, self._task.image)
        layer = self.layer or shapes.box_layer(viewer)
        if layer is not None and image is not None and owned.misfits(layer, image):
            viewer.layers.remove(layer)
            layer = None
        if layer is None:
            layer = shapes.add_box_layer(viewer, image=image)
        self._watch(layer)
        viewer.layers.selection.active = layer
        layer.visible = True
        layer.mode = "add_rectangle"
        if self.ours:
            shapes.set_next_box_polarity(layer, self._task.positive_box)
            self.follow(image)

    def own(self) -> Any:
        """Return our layer, made if it is not there."""
        viewer = self._controller.viewer
        if self.layer is not None and self.ours:
            return self.layer
        return shapes.add_box_layer(viewer, image=images.layer_by_id(viewer, self._task.image))

    def use(self, layer: Any | None) -> None:
        """Let the shapes of another layer be the prompts, or none."""
        if layer is not None and self.layer is not None and layer == self.layer:
            return
        self._controller.board.step("Choose the shapes layer")
        if layer is None:
            self._unwatch()
            self.record = ShapesRecord.none()
        else:
            self._watch(layer)

    def follow(self, image: Any | None) -> None:
        """Make the next box be about an image layer."""
        if self.layer is not None and image is not None:
            owned.set_next_picture(self.layer, image)

    def toggle_next(self) -> None:
        """Change whether the next box shows an example or a counter-example."""
        self._task.positive_box = not self._task.positive_box

    def flip(self) -> None:
        """Turn the selected boxes, or the latest one, from example to counter-example or back."""
        if self.layer is None or not len(self.layer.data):
            return
        self._controller.board.step("Flip box")
        shapes.flip_boxes(self.layer)
        self._note()

    def clear(self) -> None:
        """Remove the boxes of the picture in use, and of pictures that were closed; the layer stays.

        A layer of the user's keeps its shapes.
        """
        if self.layer is None or not self.ours:
            return
        viewer = self._controller.viewer
        there = {str(layer.unique_id) for layer in viewer.layers}
        gone = owned.disposable(self.layer, images.layer_by_id(viewer, self._task.image), there)
        if gone:
            with self.layer.events.data.blocker(self._on_data):
                shapes.remove_shapes(self.layer, gone)
            self._note()

    def remove_of(self, keys: Collection[Hashable], there: OnScreen | None = None) -> None:
        """Remove the shapes of these keys that lie on the plane on screen, or on one that is told; not a user's own."""
        here = there or self._controller.here()
        if self.layer is None or here is None or not keys or not self.ours:
            return
        found = shapes.collect_shapes(self.layer, here.layer, here.plane, here.world)
        gone = [shape.index for shape in found.shapes if shape.key in keys]
        if gone:
            with self.layer.events.data.blocker(self._on_data):
                shapes.remove_shapes(self.layer, gone)
            self._note()

    def restore(self, record: ShapesRecord | None) -> None:
        """Bring back what was in use: the layer, and what it held."""
        if record is self.record:
            return
        if record is None and self.layer is not None and self.ours:
            with self.layer.events.data.blocker(self._on_data):
                shapes.remove_shapes(self.layer, range(len(self.layer.data)))
            self._note()
            return
        layer = None if record is None else in_viewer(self._controller.viewer, record, self.own, self._removed)
        if record is None or layer is None:
            self._unwatch()
            self.record = record
            return
        self._watch(layer)
        with layer.events.data.blocker(self._on_data):
            shape_records.write_shapes(layer, record)
        self._note()

    def layer_removed(self, layer: Any) -> None:
        """Forget the layer if it is the one that was removed; a step back brings it back."""
        if self.layer is not None and str(layer.unique_id) == str(self.layer.unique_id):
            if self.record is not None and len(self.record):
                self._controller.board.step("Delete the boxes")
            if not self.ours:
                self._removed = layer
                self._controller.status.idle(f"The layer {layer.name} was removed: no shapes layer is in use.")
            self._unwatch()
            self.record = None

    def close(self) -> None:
        """Stop watching."""
        self._unwatch()
        self._task.events.positive_box.disconnect(self._polarity_chosen)

    def _watch(self, layer: Any) -> None:
        if self.layer is not None and self.layer == layer:
            return
        self._unwatch()
        self.layer = layer
        layer.events.data.connect(self._on_data)
        keys.bind(self._controller, layer, "boxes")
        self._note()

    def _unwatch(self) -> None:
        if self.layer is not None:
            self.layer.events.data.disconnect(self._on_data)
            keys.unbind(self.layer, "boxes")
            self.layer = None

    def _on_data(self, event: Any) -> None:
        action = str(getattr(event, "action", "changed"))
        if action not in CHANGES:
            return
        self._controller.board.step(STEPS[action])
        self._note()

    def _note(self) -> None:
        self.record = shape_records.read_shapes(self.layer)
        self._controller.asking.describe()

    def _polarity_chosen(self, positive: bool) -> None:
        if self.layer is not None and shapes.next_box_polarity(self.layer) != positive:
            shapes.set_next_box_polarity(self.layer, positive)
