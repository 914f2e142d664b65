"""Layers as rows of a review."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from napari_sam3_assistant.app.masking.desk import Desk
from napari_sam3_assistant.app.masking.review_state import ReviewRow
from napari_sam3_assistant.core.progress import Watch
from napari_sam3_assistant.layers import labels, marks
from napari_sam3_assistant.layers.scopes import shape_of


class ReviewedLayers:
    """All Labels layers of a viewer.

    Parameters
    ----------
    desk : Desk
    """

    of_layers = True
    quick_to_hide = True

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def load(self, done: Callable[[tuple[ReviewRow, ...]], None]) -> None:
        """Give the rows to ``done``: first without, then with the number of pixels, which the worker counts."""
        found = labels.labels_layers(self._desk.viewer)
        done(tuple(_row(one, None) for one in found))
        arrays = {
            str(one.unique_id): one.data for one in found if not one.multiscale and isinstance(one.data, np.ndarray)
        }

        def counted(pixels: Mapping[str, int]) -> None:
            now = labels.labels_layers(self._desk.viewer)
            done(tuple(_row(one, pixels.get(str(one.unique_id))) for one in now))

        if arrays:
            self._desk.run("Counting pixels...", lambda watch: _counts(arrays, watch), counted)

    def mark(self, given: Mapping[str, marks.Mark]) -> None:
        """Write what was decided about layers."""
        for identity, mark in given.items():
            layer = self._desk.layer(identity)
            if layer is not None:
                marks.mark_layer(layer, mark)

    def locate(self, row: ReviewRow) -> None:
        """Select a layer, show it, and fit the view to it."""
        layer = self._desk.layer(row.key)
        if layer is not None:
            layer.visible = True
            self._desk.viewer.layers.selection.active = layer
            corner = [(length - 1) / 2 for length in shape_of(layer)]
            labels.look_at(self._desk.viewer, layer, tuple(corner))

    def hide(self, hidden: Collection[str], shown: Collection[str]) -> None:
        """Hide some layers, and show others."""
        for identity in (*hidden, *shown):
            layer = self._desk.layer(identity)
            if layer is not None:
                layer.visible = identity not in hidden

    def delete(self, keys: Collection[str]) -> int:
        """Remove layers from the viewer; return how many."""
        found = [layer for key in keys if (layer := self._desk.layer(key)) is not None]
        for layer in found:
            self._desk.viewer.layers.remove(layer)
        return len(found)

    def bound(self, rows: Collection[ReviewRow]) -> list[Any]:
        """Return the layers on which keys review."""
        return [layer for row in rows if (layer := self._desk.layer(row.key)) is not None]

    def watch(self, slot: Callable[[Any], None]) -> Callable[[], None]:
        """Watch nothing: pixels of layers are counted when that is asked for."""
        return lambda: None

    def renamed(self, rows: Sequence[ReviewRow]) -> bool:
        """Return False: layers are listed anew with each change of their list."""
        return False

    def close(self) -> None:
        """Leave the layers as they are: which of them are seen is the user's."""


def _row(layer: Any, pixels: int | None) -> ReviewRow:
    mark, shape = marks.layer_mark(layer), shape_of(layer)
    return ReviewRow(
        str(layer.unique_id), str(layer.name), mark.class_value, mark, pixels, len(shape), shape, marks.role_of(layer)
    )


def _counts(arrays: Mapping[str, Any], watch: Watch) -> dict[str, int]:
    return {identity: int(np.count_nonzero(arrays[identity])) for identity in watch.over(list(arrays))}
