"""Which layers the prompts come from: ours, or layers that the user has made; chosen under ``Prompt Layers``.

The choice is one for both modes: the mode ``Simple`` says which layer is in use where it is not ours, and its
``Create Prompt Layer`` leads back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from napari_sam3_assistant.app.task_state import ImageItem, LayerChoice, PromptKind
from napari_sam3_assistant.layers import images, mask_prompts, names, owned
from napari_sam3_assistant.tasks.jobs import Task

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController

NOUNS = {PromptKind.POINTS: "points", PromptKind.BOX: "shapes", PromptKind.LABELS: "labels"}
CREATED = {
    PromptKind.POINTS: f"Created/selected {names.POINTS} layer.",
    PromptKind.BOX: f"Created/selected {names.BOXES} layer.",
    PromptKind.LABELS: "Created/selected SAM3 labels prompt layer.",
}
NEXT = {
    PromptKind.POINTS: "Add points, then click Run Preview.",
    PromptKind.BOX: "Draw box prompts, then click Run Preview.",
    PromptKind.LABELS: "Paint non-zero pixels, then click Run Preview.",
}
FIRST = "Add the first point to start Live Points; first run may take longer while the model loads."
EXAMPLES = "for exemplars. Draw ROI boxes around example objects, then click Run Preview."
WORDS = "Text prompt mode selected. Enter a phrase, then click Run Preview."


class PromptChoice:
    """Lists the layers that prompts can come from, and chooses among them.

    Parameters
    ----------
    controller : AppController
    """

    def __init__(self, controller: AppController) -> None:
        self._controller, self._task = controller, controller.state.task

    def choose(self, kind: PromptKind, identity: str | None) -> None:
        """Let the prompts of a kind come from the layer with this unique id; None or empty for none."""
        controller = self._controller
        layer = images.layer_by_id(controller.viewer, identity or None)
        use: dict[PromptKind, Callable[[Any], None]] = {
            PromptKind.POINTS: controller.live.use,
            PromptKind.BOX: controller.boxes.use,
            PromptKind.LABELS: controller.masks.use,
        }
        use[kind](layer)
        if kind is self._task.kind and layer is not None:
            controller.arm()
        controller.asking.describe()
        controller.note_active()
        if kind is PromptKind.POINTS and controller.live.is_live:
            controller.segment_points(gone=False)
        noun = NOUNS[kind]
        what = "painted prompts" if kind is PromptKind.LABELS else noun
        said = f"No {noun} layer is in use." if layer is None else f"The {what} of {layer.name} are in use now."
        controller.asking.tell(said)

    def create(self) -> None:
        """Make our layer of the prompts in use, or select it, whichever layer was in use before."""
        controller, kind = self._controller, self._task.kind
        if kind is PromptKind.POINTS and not controller.live.ours:
            controller.live.use(controller.live.own())
        elif kind is PromptKind.BOX and not controller.boxes.ours:
            controller.boxes.use(controller.boxes.own())
        elif kind is PromptKind.LABELS and not controller.masks.ours:
            controller.masks.use_ours()
        controller.arm()
        if kind is PromptKind.TEXT:
            controller.status.log(WORDS)
            return
        said = f"{CREATED[kind]} {FIRST if controller.live.is_live else NEXT[kind]}"
        examples = f"{CREATED[kind].rstrip('.')} {EXAMPLES}"
        controller.status.log(examples if self._task.task is Task.EXEMPLAR else said)

    def refresh(self) -> None:
        """List the layers anew, and say how many there are."""
        self.publish()
        self._controller.status.log(f"Layer selectors refreshed. Viewer layers: {len(self._controller.viewer.layers)}.")

    def publish(self) -> None:
        """Write which layers there are, which are in use, and what the one of the kind in use is called."""
        controller, task = self._controller, self._task
        viewer, live, boxes, masks = controller.viewer, controller.live, controller.boxes, controller.masks
        task.points_from = _choice(owned.point_layers(viewer), live.layer)
        task.shapes_from = _choice(owned.shape_layers(viewer), boxes.layer)
        mine, there = mask_prompts.mask_layers(viewer), owned.label_layers(viewer)
        others = [one for one in there if one not in mine]
        task.labels_from = _choice([*mine[:1], *others], _first(mine if masks.ours else masks.layers))
        layers = {
            PromptKind.POINTS: None if live.ours else live.layer,
            PromptKind.BOX: None if boxes.ours else boxes.layer,
            PromptKind.LABELS: None if masks.ours else _first(masks.layers),
        }
        layer = layers.get(task.kind)
        task.prompts_from = "" if layer is None else str(layer.name)


def _first(layers: Sequence[Any]) -> Any | None:
    return layers[0] if layers else None


def _choice(layers: Sequence[Any], current: Any | None) -> LayerChoice:
    items = tuple(ImageItem(str(one.unique_id), str(one.name)) for one in layers)
    return LayerChoice(items, None if current is None else str(current.unique_id))
