"""The layers of painted prompts, watched: what they hold is told to the user, live.

Strokes are undone by napari, in the layer itself; what leaves a layer because its object does,
or because all prompts are reset, comes back with the steps of the board.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam3_assistant.app import keys
from napari_sam3_assistant.app.screen import OnScreen
from napari_sam3_assistant.app.strokes import Strokes
from napari_sam3_assistant.core.errors import AssistantError
from napari_sam3_assistant.layers import erased, images, mask_prompts
from napari_sam3_assistant.layers.erased import ErasedLabel

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController


LABEL = 3
"""So much of a key of :class:`MaskAsked` says which label it is: layer, number, plane. The rest are its pixels."""


@dataclass(frozen=True, slots=True, eq=False)
class PaintedRecord:
    """What a step brings back of painted prompts.

    Attributes
    ----------
    arrays : mapping of str to array
        The data of each layer of ours, by its unique id; not a copy.
    erased : tuple of ErasedLabel
        What was erased, the newest last.
    chosen : str or None
        The user's own layer that is in use; empty for none, None for ours.
    """

    arrays: Mapping[str, Any] = field(default_factory=dict)
    erased: tuple[ErasedLabel, ...] = ()
    chosen: str | None = None


class MaskPrompts:
    """Watches the painted layers in use: those called ``SAM3 mask prompt``, or one of the user's own."""

    def __init__(self, controller: AppController) -> None:
        self._controller, self._task = controller, controller.state.task
        self._layers: dict[str, Any] = {}
        self._erased: tuple[ErasedLabel, ...] = ()
        self._chosen: str | None = None
        self._removed: Any | None = None
        self.strokes = Strokes()
        self.painted = False
        """Whether anything was painted in one of them, as far as that was noticed."""

    def attach(self) -> None:
        """Watch our layers that are there."""
        for layer in mask_prompts.mask_layers(self._controller.viewer):
            self._watch(layer)
            self.painted |= mask_prompts.is_painted(layer)

    @property
    def layers(self) -> tuple[Any, ...]:
        """The layers in use, in the order of the layer list; of ours also one that a user has given such a name."""
        viewer = self._controller.viewer
        if self.ours:
            return tuple(mask_prompts.mask_layers(viewer))
        return tuple(one for one in viewer.layers if str(one.unique_id) in self._layers)

    @property
    def ours(self) -> bool:
        """Whether the layers in use are ours: what is painted in one of the user's own is never erased by us."""
        return self._chosen is None

    def arm(self) -> None:
        """Select the layer in use, or make ours where one looks, show it and let it paint."""
        here = self._controller.on_screen()
        if here is None:
            return
        viewer = self._controller.viewer
        if self._chosen == "":
            self._choose(None, mask_prompts.mask_layers(viewer))
        if self.ours:
            layer = mask_prompts.add_mask_layer(viewer, here.layer, here.source, here.plane, here.world, here.view)
            self._watch(layer)
        else:
            (layer,) = self.layers
        viewer.layers.selection.active = layer
        layer.visible = True
        if mask_prompts.paintable(layer):
            layer.mode = "paint"

    def use_ours(self) -> None:
        """Let what is painted in our layers be the prompts."""
        self._controller.board.step("Choose the labels layer")
        self._choose(None, mask_prompts.mask_layers(self._controller.viewer))

    def use(self, layer: Any | None) -> None:
        """Let what is painted in another layer be the prompts, or nothing; a layer of ours stands for all of ours."""
        mine = mask_prompts.mask_layers(self._controller.viewer)
        chosen = "" if layer is None else None if layer in mine else str(layer.unique_id)
        if chosen == self._chosen and (chosen is not None or self._layers):
            return
        self._controller.board.step("Choose the labels layer")
        self._choose(chosen, mine if chosen is None else [] if layer is None else [layer])

    def _choose(self, chosen: str | None, layers: Iterable[Any]) -> None:
        self.close()
        self._chosen, self.painted = chosen, False
        for layer in layers:
            self._watch(layer)
            self.painted |= mask_prompts.is_painted(layer)
        self._changed()

    @property
    def record(self) -> PaintedRecord:
        """What a step brings back."""
        arrays = {identity: layer.data for identity, layer in self._layers.items()} if self.ours else {}
        return PaintedRecord(arrays, self._erased, self._chosen)

    def restore(self, record: PaintedRecord) -> None:
        """Bring back what was in use, and what was taken out of our layers; or take it out again."""
        if record.chosen != self._chosen:
            self._bring_back(record.chosen)
        for identity, data in record.arrays.items():
            layer = self._layers.get(identity)
            if layer is not None and layer.data is not data:
                layer.data = data
                self.painted = True
        for one in record.erased:
            if one not in self._erased and one.layer in self._layers:
                erased.write_label(self._layers[one.layer], one, back=False)
        for one in self._erased:
            if one not in record.erased and one.layer in self._layers:
                erased.write_label(self._layers[one.layer], one, back=True)
                self.painted = True
        self._erased = record.erased

    def _bring_back(self, chosen: str | None) -> None:
        """Turn back to a layer, also to one of the user's that has left the viewer since."""
        viewer = self._controller.viewer
        if self._removed is not None and str(self._removed.unique_id) == chosen and self._removed not in viewer.layers:
            viewer.layers.append(self._removed)
        found = images.layer_by_id(viewer, chosen or None)
        if chosen is None:
            self._choose(None, mask_prompts.mask_layers(viewer))
        else:
            self._choose(chosen if found is not None else "", [] if found is None else [found])

    def remove_of(self, keys: Collection[tuple[Hashable, ...]], there: OnScreen | None = None) -> None:
        """Erase the labels of these keys, whatever was painted there since; not in a layer of the user's own.

        Those that lie on the plane on screen, or on one that is told.
        """
        here, wanted = there or self._controller.here(), {key[:LABEL] for key in keys}
        if here is None or not wanted or not self._layers or not self.ours:
            return
        try:
            shape = here.source.plane_shape(here.plane)
            found = mask_prompts.collect_masks(self.layers, here.layer, here.plane, here.world, shape)
            for one in found.prompts:
                layer = self._layers.get(str(one.key[0]))
                if one.key[:LABEL] in wanted and layer is not None:
                    gone = erased.erase_label(layer, one.value, here.layer, here.plane, here.world)
                    self._erased += () if gone is None else (gone,)
        except AssistantError as error:
            self._controller.status.fail(error)

    def layer_removed(self, layer: Any) -> None:
        """Forget a layer that was removed."""
        found = self._layers.get(str(layer.unique_id))
        if found is None:
            return
        if not self.ours:
            self._controller.board.step("Delete the labels layer")
            self._removed, self._chosen = layer, ""
            self._controller.status.idle(f"The layer {layer.name} was removed: no labels layer is in use.")
        self._unwatch(self._layers.pop(str(layer.unique_id)))
        self.strokes.doubt(layer)
        self.painted &= bool(self._layers)

    def clear(self) -> None:
        """Empty our layers for the picture in use, and for pictures that were closed; they stay."""
        if not self.ours:
            return
        viewer = self._controller.viewer
        there = {str(layer.unique_id) for layer in viewer.layers}
        for layer in self._layers.values():
            picture = mask_prompts.picture_of(layer)
            if picture == self._task.image or picture not in there:
                # A stack's is not touched until it is painted in.
                layer.data = np.zeros(layer.data.shape, layer.data.dtype)
        self.painted = any(mask_prompts.is_painted(layer) for layer in self._layers.values())

    def holds(self, layer: Any) -> bool:
        """Return whether a layer is one of these."""
        return str(layer.unique_id) in self._layers

    def close(self) -> None:
        """Stop watching."""
        for layer in self._layers.values():
            self._unwatch(layer)
        self._layers.clear()

    def _watch(self, layer: Any) -> None:
        if str(layer.unique_id) in self._layers:
            return
        self._layers[str(layer.unique_id)] = layer
        layer.events.paint.connect(self._painted)
        layer.events.data.connect(self._changed)
        keys.bind(self._controller, layer, "masks")

    def _unwatch(self, layer: Any) -> None:
        layer.events.paint.disconnect(self._painted)
        layer.events.data.disconnect(self._changed)
        keys.unbind(layer, "masks")

    def _painted(self, event: Any) -> None:
        self.painted = True
        self.strokes.painted(event)
        self._controller.asking.describe()

    def _changed(self, event: Any = None) -> None:
        if event is not None:
            self.strokes.doubt(event.source)
        self._controller.asking.describe()
