"""Exemplars in a picture of their own: which layer, which box on it, and what a run would use.

Prompts are read where they lie: a positive box on the crop image shows the example, a counter-example lies on
the target image. All on the GUI thread; pixels are read where the engine works.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_sam3_assistant.app import exemplar_view
from napari_sam3_assistant.app.screen import OnScreen
from napari_sam3_assistant.app.task_state import CropRegion, TaskState
from napari_sam3_assistant.app.using import Using, counted
from napari_sam3_assistant.core.errors import AssistantError, PromptError
from napari_sam3_assistant.core.geometry import Box
from napari_sam3_assistant.core.prompts import BoxPrompt, Query
from napari_sam3_assistant.layers import images, shapes
from napari_sam3_assistant.layers.lengths import place_of
from napari_sam3_assistant.layers.shapes import ShapePrompt
from napari_sam3_assistant.tasks.crop_given import zoom_between
from napari_sam3_assistant.tasks.crops import SAME_SIZE, CropPlace

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController

FIELDS = ("advanced", "images", "exemplar_source", "crop_image", "crop_region")


class Exemplars:
    """Watches what the user chooses, and says what a run would use.

    Parameters
    ----------
    controller : AppController
    """

    def __init__(self, controller: AppController) -> None:
        self._controller, self._task = controller, controller.state.task
        self._said = [getattr(self._task.events, name) for name in FIELDS]
        for said in self._said:
            said.connect(self._changed)

    def close(self) -> None:
        """Watch no longer."""
        for said in self._said:
            said.disconnect(self._changed)

    def in_use(self, here: OnScreen) -> Using:
        """Return the example on the crop image, and the counter-examples on the plane on screen."""
        boxes = self._controller.boxes.layer
        layer = boxes is not None or self._task.crop_region is CropRegion.WHOLE
        against, unused = self._on_target(here)
        try:
            crop, said = self._crop(here)
        except AssistantError as error:
            return Using(layer, left_out=f"{error.message} {error.hint}".strip())
        if self._task.crop_region is CropRegion.BOX:
            unused = 0  # positive boxes that lie on both pictures are about the crop
        text = said + (f", {counted(len(against), 'counter-example')}" if against else "")
        left_out = f"{counted(unused, 'example')} on the target image left out: a crop image is used." if unused else ""
        return Using(layer, 1, text, left_out, examples=against, crop=crop)

    def _on_target(self, here: OnScreen) -> tuple[tuple[BoxPrompt, ...], int]:
        """Return the counter-examples on the target, and how many examples lie there."""
        layer = self._controller.boxes.layer
        if layer is None:
            return (), 0
        found = shapes.collect_shapes(layer, here.layer, here.plane, here.world).shapes
        against = tuple(shape.box for shape in found if not shape.box.positive)
        return against, len(found) - len(against)

    def _crop(self, here: OnScreen) -> tuple[CropPlace, str]:
        """Return where the example lies, and what to say of it.

        Raises
        ------
        AssistantError
            If no crop image is chosen, it is not seen here, or it has no box where one is wanted.
        """
        chosen = self._task.crop
        layer = None if chosen is None else images.layer_by_id(self._controller.viewer, chosen.identity)
        if layer is None:
            raise PromptError(exemplar_view.missing_image(self._task))
        seen = self._controller.seen(layer)
        zoom = zoom_between(place_of(layer, seen.plane, seen.world), place_of(here.layer, here.plane, here.world))
        box, which = (None, "whole") if self._task.crop_region is CropRegion.WHOLE else self._box(seen)
        height, width = box.size if box is not None else seen.source.plane_shape(seen.plane)
        said = f"crop {layer.name}, {which}, {height:.0f} x {width:.0f} px{_sized(zoom)}"
        return CropPlace(seen.source, seen.plane, box, zoom), said

    def _box(self, crop: OnScreen) -> tuple[Box, str]:
        """Return the newest example on the crop image, and what to say of it."""
        layer = self._controller.boxes.layer
        found = () if layer is None else _examples(layer, crop, self._task.image or "")
        if not found:
            raise PromptError(
                f"There is no box on the crop image {crop.layer.name} on this plane.",
                hint="Press Create Prompt Layer and draw one on it, or choose Whole crop image.",
            )
        which = f"the newest of {len(found)} boxes" if len(found) > 1 else "its box"
        return found[-1].box.box, which

    def _changed(self, *_: Any) -> None:
        if not self._controller.closed and self._task.image is not None:
            self._controller.asking.describe()


def query_of(found: Using, task: TaskState) -> Query:
    """Return what is to be found: all that look like the examples in use.

    Raises
    ------
    PromptError
        If there is none.
    """
    if task.uses_crop and found.crop is None:
        raise PromptError(found.left_out or exemplar_view.missing(task), hint=exemplar_view.ELSE)
    return Query(exemplars=found.examples, crop=found.crop)


def _examples(layer: Any, crop: OnScreen, target: str) -> tuple[ShapePrompt, ...]:
    found = shapes.collect_shapes(layer, crop.layer, crop.plane, crop.world, also=target).shapes
    return tuple(shape for shape in found if shape.box.positive)


def _sized(zoom: tuple[float, float]) -> str:
    """Return how a crop is resampled, in words; nothing where it is not."""
    if all(abs(ratio - 1) < SAME_SIZE for ratio in zoom):
        return ""
    ratios = " x ".join(f"{ratio:.3g}" for ratio in (zoom if abs(zoom[0] / zoom[1] - 1) > SAME_SIZE else zoom[:1]))
    return f", resampled {ratios} times to the target's pixel size"
