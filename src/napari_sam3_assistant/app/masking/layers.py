"""The Labels layers that Mask Operations can work on, as they come, go and change."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari_sam3_assistant.app.task_state import ImageItem
from napari_sam3_assistant.layers import images, labels

if TYPE_CHECKING:
    from napari_sam3_assistant.app.masking.controller import MaskController


class MaskLayers:
    """Keeps the list of layers and the target right, and tells the controller of changed pixels."""

    def __init__(self, controller: MaskController) -> None:
        self._controller = controller
        self._viewer, self._state = controller.viewer, controller.state
        self._unwatch: Callable[[], None] = lambda: None
        self._state.events.target.connect(self._watch)
        self._listen(True)
        self.list_layers()

    def list_layers(self, event: Any = None) -> None:
        """Write which layers there are; where none is chosen, choose the selected one, else the topmost."""
        found = labels.labels_layers(self._viewer)
        self._state.layers = tuple(ImageItem(str(one.unique_id), str(one.name)) for one in found)
        if self._state.target is None and found:
            active = self._viewer.layers.selection.active
            known = [str(one.unique_id) for one in found]
            selected = None if active is None else str(active.unique_id)
            self._controller.choose(selected if selected in known else known[-1])

    def close(self) -> None:
        """Let go of the viewer and of its layers."""
        self._listen(False)
        self._state.events.target.disconnect(self._watch)
        self._unwatch()

    def _listen(self, on: bool) -> None:
        events = self._viewer.layers.events
        for event, slot in (
            (events.inserted, self.list_layers),
            (events.removed, self._removed),
            (events.reordered, self.list_layers),
            (events.renamed, self.list_layers),
        ):
            if on:
                event.connect(slot)
            else:
                event.disconnect(slot)

    def _watch(self, identity: str | None) -> None:
        self._unwatch()
        layer = images.layer_by_id(self._viewer, identity)
        self._unwatch = (lambda: None) if layer is None else labels.watch(layer, self._changed)

    def _changed(self, event: Any) -> None:
        self._controller.pixels_changed(event.source)

    def _removed(self, event: Any) -> None:
        self._controller.layer_removed(event.value)
        if str(event.value.unique_id) == self._state.target:
            self._controller.choose(None)
        self.list_layers()
