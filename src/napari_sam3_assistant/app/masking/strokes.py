"""What users paint in the layers of Mask Operations joins the edits there; ``Ctrl+Z`` on the canvas takes both back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari_sam3_assistant.app.masking.desk import Desk
from napari_sam3_assistant.layers import bound, brush
from napari_sam3_assistant.masks.records import pack

TITLE = "Painting"


class Strokes:
    """Watches the target, and each layer that was one as long as there is something of it to undo.

    napari keeps strokes of its own: while a layer is watched its keys lead to our history, so that one order of
    edits and strokes is gone back through, and no other.

    Parameters
    ----------
    desk : Desk
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._ends: dict[str, tuple[Callable[[], None], ...]] = {}
        desk.state.events.target.connect(self.look)
        desk.edited.forgotten.connect(self._forgotten)
        self.look()

    def look(self, _target: str | None = None) -> None:
        """Watch the target, and leave layers of which nothing can be undone or made again."""
        target = self._desk.state.target
        for identity in list(self._ends):
            if identity != target and not self._desk.edited.knows(identity):
                self._end(identity)
        layer = self._desk.target()
        if target is not None and layer is not None and target not in self._ends:
            # Where the layer has an undo of its own, that one knows of more than pixels.
            keys = {
                "Control-Z": lambda: self._desk.undo(self._desk.layer(target)),
                "Control-Shift-Z": lambda: self._desk.redo(self._desk.layer(target)),
            }
            self._ends[target] = brush.watch_paint(layer, self._painted), bound.bind_keys(layer, keys, spare=True)

    def close(self) -> None:
        """Let go of all layers."""
        self._desk.state.events.target.disconnect(self.look)
        self._desk.edited.forgotten.disconnect(self._forgotten)
        for identity in list(self._ends):
            self._end(identity)

    def _painted(self, layer: Any, value: Any) -> None:
        edited = self._desk.edited
        if edited.writing or layer.multiscale or not value:
            return
        edited.replaced(layer)
        edit = brush.painted_edit(layer.data, value)
        if edit is not None:
            edited.keep(layer, pack(edit, TITLE))
            edited.painted.emit(layer, edit)

    def _forgotten(self, identity: str) -> None:
        if identity != self._desk.state.target or self._desk.layer(identity) is None:
            self._end(identity)

    def _end(self, identity: str) -> None:
        for end in self._ends.pop(identity, ()):
            end()
