"""Layers of ours that lie on a picture move along when a user moves, scales or turns it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_sam3_assistant.layers import accepted, frames, mask_prompts, prompts, roi, shapes

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController

EVENTS = ("scale", "translate", "rotate", "shear", "affine", "units")


class Following:
    """Watches where the image in use lies.

    Prompts lie on its pixels: without this, they would lie on others as soon as the image is moved, and
    every object would be asked about anew.
    """

    def __init__(self, controller: AppController) -> None:
        self._controller = controller
        self._image: Any | None = None
        self._frame: tuple[Any, ...] = ()

    def watch(self, image: Any | None) -> None:
        """Follow this image from now on, or none."""
        if self._image is not None and image is not None and self._image == image:
            return
        if self._image is not None:
            for name in EVENTS:
                getattr(self._image.events, name).disconnect(self._moved)
        self._image = image
        if image is not None:
            self._frame = frames.frame_of(image)
            for name in EVENTS:
                getattr(image.events, name).connect(self._moved)

    def _moved(self, event: Any = None) -> None:
        image, before = self._image, self._frame
        if image is None:
            return
        self._frame = frames.frame_of(image)
        if self._frame == before:
            return
        for layer in self._ours(image):
            if layer is not None and layer.ndim == image.ndim and frames.frame_of(layer) == before:
                frames.take_frame(layer, image)
        self._controller.editing.moved()
        self._controller.board.draw()
        self._controller.describe()

    def _ours(self, image: Any) -> list[Any]:
        controller = self._controller
        kept = accepted.accepted_layer(controller.viewer, image)
        drawn = [part.layer for part in (controller.live, controller.boxes) if part.ours]
        drawn += [prompts.point_layer(controller.viewer), shapes.box_layer(controller.viewer)]
        ours = [*drawn, kept, roi.roi_layer(controller.viewer)]
        painted = mask_prompts.mask_layers(controller.viewer)
        return [*ours, *(one for one in painted if mask_prompts.picture_of(one) in (None, str(image.unique_id)))]
