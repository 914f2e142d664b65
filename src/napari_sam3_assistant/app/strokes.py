"""Strokes: where users have painted in labels layers, noted as napari tells it: no array is looked through."""

from __future__ import annotations

from typing import Any

from napari_sam3_assistant.layers.on_frames import Indices, of_paint, of_strokes
from napari_sam3_assistant.layers.world import World


class Strokes:
    """What was painted in each layer since it was looked at."""

    def __init__(self) -> None:
        self._strokes: dict[str, list[Indices]] = {}
        self._known: dict[str, dict[tuple[str, int], frozenset[int]]] = {}

    def painted(self, event: Any) -> None:
        """Note what ``events.paint`` tells; where it does not say which pixels, the whole layer is in doubt."""
        key, atoms = str(event.source.unique_id), list(getattr(event, "value", ()) or ())
        if not atoms:
            self.doubt(event.source)
            return
        self._strokes.setdefault(key, []).extend(atom[0] for atom in atoms)

    def doubt(self, layer: Any) -> None:
        """Note that a layer has other pixels, wherever."""
        self._known.pop(str(layer.unique_id), None)
        self._strokes.pop(str(layer.unique_id), None)

    def frames(self, layer: Any, image: Any, axis: int, world: World) -> frozenset[int]:
        """Return the positions on an axis of an image where a layer was painted, as far as that is known.

        A layer of which nothing is known is looked through once, where it is small enough.
        """
        key, along = str(layer.unique_id), (str(image.unique_id), axis)
        known = self._known.setdefault(key, {})
        if along not in known:
            known[along] = of_paint(layer, image, axis, world) or frozenset()
        since = of_strokes(self._strokes.get(key, ()), layer, image, axis, world)
        known[along] |= since
        if len(known) == 1:
            self._strokes.pop(key, None)
        return known[along]
