"""The layers of painted prompts, watched: what they hold is told to the user, live.

Strokes are undone by napari, in the layer itself; what leaves a layer because its object does,
or because all prompts are reset, comes back with the steps of the board.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam3_assistant.app import keys
from napari_sam3_assistant.app.screen import OnScreen
from napari_sam3_assistant.core.errors import AssistantError
from napari_sam3_assistant.layers import erased, mask_prompts
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
        The data of each layer, by its unique id; not a copy.
    erased : tuple of ErasedLabel
        What was erased, the newest last.
    """

    arrays: Mapping[str, Any] = field(default_factory=dict)
    erased: tuple[ErasedLabel, ...] = ()


class MaskPrompts:
    """Watches the layers ``SAM3 mask prompt``."""

    def __init__(self, controller: AppController) -> None:
        self._controller, self._task = controller, controller.state.task
        self._layers: dict[str, Any] = {}
        self._erased: tuple[ErasedLabel, ...] = ()
        self.painted = False
        """Whether anything was painted in one of them, as far as that was noticed."""

    def attach(self) -> None:
        """Watch the layers that are there."""
        for layer in mask_prompts.mask_layers(self._controller.viewer):
            self._watch(layer)
            self.painted |= mask_prompts.is_painted(layer)

    def arm(self) -> None:
        """Make the layer if need be, select it and let it paint."""
        here = self._controller.on_screen()
        if here is None:
            return
        viewer = self._controller.viewer
        layer = mask_prompts.add_mask_layer(viewer, here.layer, here.source, here.plane, here.world, here.view)
        self._watch(layer)
        viewer.layers.selection.active = layer
        layer.mode = "paint"

    @property
    def record(self) -> PaintedRecord:
        """What a step brings back."""
        return PaintedRecord({identity: layer.data for identity, layer in self._layers.items()}, self._erased)

    def restore(self, record: PaintedRecord) -> None:
        """Bring back what was taken out of the layers, or take it out again."""
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

    def remove_of(self, keys: Collection[tuple[Hashable, ...]], there: OnScreen | None = None) -> None:
        """Erase the labels of these keys, whatever was painted there since.

        Those that lie on the plane on screen, or on one that is told.
        """
        here, wanted = there or self._controller.here(), {key[:LABEL] for key in keys}
        if here is None or not wanted or not self._layers:
            return
        try:
            shape = here.source.plane_shape(here.plane)
            found = mask_prompts.collect_masks(self._controller.viewer, here.layer, here.plane, here.world, shape)
            for one in found.prompts:
                layer = self._layers.get(str(one.key[0]))
                if one.key[:LABEL] in wanted and layer is not None:
                    gone = erased.erase_label(layer, one.value, here.layer, here.plane, here.world)
                    self._erased += () if gone is None else (gone,)
        except AssistantError as error:
            self._controller.status.fail(error)

    def layer_removed(self, layer: Any) -> None:
        """Forget a layer that was removed."""
        found = self._layers.pop(str(layer.unique_id), None)
        if found is not None:
            self._unwatch(found)
            self.painted &= bool(self._layers)

    def clear(self) -> None:
        """Empty every layer; they stay."""
        for layer in self._layers.values():
            layer.data = np.zeros(layer.data.shape, layer.data.dtype)  # a stack's is not touched until it is painted in
        self.painted = False

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

    def _painted(self, event: Any = None) -> None:
        self.painted = True
        self._changed()

    def _changed(self, event: Any = None) -> None:
        self._controller.asking.describe()
