"""Mask Operations of one viewer: what its tabs do, and what they share."""

from __future__ import annotations

from typing import Any

from napari_sam3_assistant.app.masking.accepting import Accepting
from napari_sam3_assistant.app.masking.canvas import CanvasTools
from napari_sam3_assistant.app.masking.classes import Classes
from napari_sam3_assistant.app.masking.cleanup import Cleanup
from napari_sam3_assistant.app.masking.desk import Desk
from napari_sam3_assistant.app.masking.exporting import Exporting
from napari_sam3_assistant.app.masking.final import Final
from napari_sam3_assistant.app.masking.isolation import Isolation
from napari_sam3_assistant.app.masking.layers import MaskLayers
from napari_sam3_assistant.app.masking.merging import Merging
from napari_sam3_assistant.app.masking.review import REVIEW, Review
from napari_sam3_assistant.app.masking.review_state import OBJECTS
from napari_sam3_assistant.app.masking.state import MaskState
from napari_sam3_assistant.app.runtime import Runtime
from napari_sam3_assistant.app.status import OnMain


class MaskController:
    """What Mask Operations do; one part for each tab, over one :class:`Desk`.

    Parameters
    ----------
    viewer : napari viewer
        As napari gives it to plugins.
    state : MaskState
        Written here, drawn by the widget.
    runtime : Runtime
        The process's workers.
    on_main : callable
        Runs a function on the GUI thread, soon; callable from any thread.
    """

    def __init__(self, viewer: Any, state: MaskState, runtime: Runtime, on_main: OnMain) -> None:
        self.viewer, self.state = viewer, state
        self.desk = Desk(viewer, state, runtime, on_main)
        self.cleanup = Cleanup(self.desk)
        self.review = Review(self.desk)
        self.classes = Classes(viewer)
        self.accepting = Accepting(self.desk, self.classes)
        self.merging = Merging(self.desk, self.classes)
        self.isolation = Isolation(self.desk)
        self.final = Final(self.desk, self.classes)
        self.exporting = Exporting(self.desk, self.final)
        self.canvas = CanvasTools(self.desk, self.cleanup, self.review)
        self._layers = MaskLayers(self)
        for event in (state.events.tab, self.review.state.events.layer, self.review.state.events.kind):
            event.connect(self._follow_review)

    def choose(self, identity: str | None) -> None:
        """Work on the Labels layer with this unique id."""
        if identity != self.state.target:
            self.state.target = identity
            self.cleanup.forget()
            layer = self.desk.target()
            if layer is not None:
                self.pixels_changed(layer)
        self.desk.edited.tell()

    def refresh(self) -> None:
        """List the layers anew, and count the values of the target."""
        self._layers.list_layers()
        self.cleanup.refresh()

    def undo(self) -> None:
        """Take the last edit of the target back."""
        self.desk.undo(self.desk.target())

    def redo(self) -> None:
        """Make again what was undone last in the target."""
        self.desk.redo(self.desk.target())

    def cancel(self) -> None:
        """Stop the operation that runs; the layer stays as it is."""
        self.desk.cancel()

    def _follow_review(self, _value: object) -> None:
        """Work on the layer whose objects are reviewed: strokes in it are followed, and can be undone with edits."""
        review = self.review.state
        if self.state.tab == REVIEW and review.kind == OBJECTS and review.layer is not None:
            self.choose(review.layer)

    def close(self) -> None:
        """Stop work and let go of the viewer; layers stay as they are."""
        self._layers.close()
        self.isolation.close()
        self.cleanup.close()
        self.canvas.close()
        self.review.close()
        self.desk.close()

    def layer_removed(self, layer: Any) -> None:
        """Forget a layer that has left the viewer."""
        self.desk.layer_removed(layer)

    def pixels_changed(self, layer: Any) -> None:
        """Let go of the edits of a layer whose pixels are another array."""
        if self.desk.edited.replaced(layer):
            self.desk.say(f"The pixels of {layer.name} were replaced; its earlier edits can no longer be undone.")
