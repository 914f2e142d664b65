"""What is let go of when a layer has left the viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.layers import images, names

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController


class Parting:
    """Tells every part that a layer is gone.

    Parameters
    ----------
    controller : AppController
    embeddings : EmbeddingCache
        Those of an image go with it.
    """

    def __init__(self, controller: AppController, embeddings: EmbeddingCache) -> None:
        self._controller, self.embeddings = controller, embeddings

    def removed(self, layer: Any) -> None:
        """Let go of a layer."""
        controller, identity = self._controller, str(layer.unique_id)
        controller.channels.forget(layer)
        self.embeddings.drop(lambda key: key.identity == identity)
        self._tell_parts(layer)
        if layer.name == names.PREVIEW_LABELS and not controller.board.drawing:
            if len(controller.board.draft.objects):
                controller.board.step("Delete the preview")
            controller.board.layer_gone()
        controller.note_active()
        controller.board.forget(identity)
        if identity == controller.state.task.image:
            self._image_removed(layer)
            return
        controller.board.publish()
        controller.asking.describe()

    def _tell_parts(self, layer: Any) -> None:
        one = self._controller
        prompts = (one.live, one.boxes, one.masks)
        for part in (*prompts, one.editing, one.accepting, one.roi, one.propagation, one.batch_views):
            part.layer_removed(layer)

    def _image_removed(self, layer: Any) -> None:
        """Turn to another image."""
        controller = self._controller
        controller.asking.forget()
        controller.status.idle(f"The image {layer.name} was removed.")
        remaining = images.active_image(controller.viewer)
        controller.choose_image(str(remaining.unique_id) if remaining is not None else None)
