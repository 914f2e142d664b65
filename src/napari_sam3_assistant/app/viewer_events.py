"""What the viewer tells: layers that come, go and are selected, sliders that move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_sam3_assistant.app.task_state import ImageItem
from napari_sam3_assistant.core.errors import AssistantError
from napari_sam3_assistant.layers import images, propagated

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController


class ViewerEvents:
    """Listens to a viewer and tells the controller, until it is closed."""

    def __init__(self, controller: AppController) -> None:
        self._controller = controller
        self._viewer, self._task = controller.viewer, controller.state.task
        self._open = True
        self._listen(True)
        self.list_images()

    def close(self) -> None:
        """Stop listening."""
        self._open = False
        self._listen(False)

    def list_images(self, event: Any = None) -> None:
        """Write which images there are and which one is selected."""
        active = images.active_image(self._viewer)
        self._task.images = tuple(
            ImageItem(str(one.unique_id), str(one.name)) for one in images.image_layers(self._viewer)
        )
        self._task.active_image = None if active is None else str(active.unique_id)
        self._controller.choice.publish()

    def _listen(self, on: bool) -> None:
        layers, dims = self._viewer.layers, self._viewer.dims
        for event, slot in (
            (layers.events.inserted, self._inserted),
            (layers.events.removed, self._removed),
            (layers.events.reordered, self.list_images),
            (layers.events.renamed, self._renamed),
            (layers.selection.events.active, self._selected),
            (dims.events.point, self._moved),
            (dims.events.order, self._moved),
            (dims.events.ndisplay, self._moved),
            (dims.events.axis_labels, self._renamed),
        ):
            if on:
                event.connect(slot)
            else:
                event.disconnect(slot)

    def _inserted(self, event: Any) -> None:
        try:
            propagated.part(event.value)
        except AssistantError as error:
            self._controller.status.fail(error)
        self.list_images()
        if self._task.image is None and images.is_image(event.value):
            self._controller.choose_image(str(event.value.unique_id))
            # napari selects the new layer only after it has told everyone; the points layer comes after that.
            self._controller.on_main(self._arm)

    def _arm(self) -> None:
        if self._open:
            self._controller.arm()

    def _removed(self, event: Any) -> None:
        self._controller.parting.removed(event.value)
        self.list_images()

    def _renamed(self, event: Any) -> None:
        self.list_images()
        self._controller.describe()
        self._controller.listing.publish()

    def _selected(self, event: Any = None) -> None:
        if self._controller.batch_views.drawing:
            return  # napari selects each layer that comes, and is made to go back
        active = self._viewer.layers.selection.active
        self._controller.note_active()
        self.list_images()
        task, crop = self._task, self._task.crop if self._task.uses_crop else None
        kept = {task.image, None if crop is None else crop.identity}  # to look at the crop does not make it the target
        if images.is_image(active) and str(active.unique_id) not in kept:
            self._controller.choose_image(str(active.unique_id))

    def _moved(self, event: Any = None) -> None:
        self._controller.view_moved()
