"""The verbs of Mask Operations. They work on a worker; a layer changes in one block, or not at all."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from napari_sam3_assistant.app.mask_layers import MaskLayers
from napari_sam3_assistant.app.mask_state import MaskState
from napari_sam3_assistant.app.mask_work import Array, MaskWork, Work
from napari_sam3_assistant.app.runtime import Runtime
from napari_sam3_assistant.app.status import OnMain
from napari_sam3_assistant.core.errors import AssistantError, PromptError
from napari_sam3_assistant.layers import images, labels
from napari_sam3_assistant.masks import cleanup
from napari_sam3_assistant.masks.components import Component, analyze
from napari_sam3_assistant.masks.edits import Edit
from napari_sam3_assistant.masks.history import History, Record, pack

T = TypeVar("T")
NO_LAYER = "Select a target Labels layer."


class MaskController:
    """What the Mask Operations of one viewer do.

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
        self._work = MaskWork(runtime.scheduler, on_main, self._fail)
        self._history = History()
        self._arrays: dict[str, weakref.ref[Array]] = {}  # what the edits of each layer were made in
        self._changes = 0
        self._layers = MaskLayers(self)

    def choose(self, identity: str | None) -> None:
        """Work on the Labels layer with this unique id."""
        state = self.state
        if identity != state.target:
            state.target, state.components, state.analyzed, state.outdated = identity, (), False, False
            layer = self._layer()
            if layer is not None:
                self.pixels_changed(layer)
        self._tell_history()

    def refresh(self) -> None:
        """List the Labels layers anew."""
        self._layers.list_layers()

    def analyze(self) -> None:
        """List the connected components of the layer."""

        def done(layer: Any, work: Work, found: tuple[Component, ...]) -> None:
            state = self.state
            if work.identity != state.target or work.changes != self._changes:
                raise PromptError(f"{layer.name} was changed meanwhile.", hint="Press Analyze Layer again.")
            state.components, state.axes, state.analyzed, state.outdated = found, layer.ndim, True, False
            self._say(f"Analyzed {len(found)} connected component(s) in {layer.name}.")

        self._run("Analyzing...", labels.data_in_memory, analyze, done, f"{NO_LAYER[:-1]} for component analysis.")

    def remove_small(self) -> None:
        """Remove components smaller than ``minimum_size``."""
        size = self.state.minimum_size
        self._edit(
            "Remove Small Objects",
            lambda data: cleanup.remove_small(data, size),
            lambda name: f"Removed components smaller than {size} pixels from {name}.",
        )

    def fill_holes(self) -> None:
        """Fill holes of up to ``hole_size``; 0 fills all."""
        size = self.state.hole_size
        self._edit(
            "Fill Holes",
            lambda data: cleanup.fill_holes(data, size),
            lambda name: f"Filled holes {f'up to {size} pixels' if size else 'of any size'} in {name}.",
        )

    def delete(self, components: Iterable[Component]) -> None:
        """Make these components background."""
        chosen = tuple(components)
        if not chosen:
            self._fail(PromptError("Select component rows to delete.", hint="Press Analyze Layer to list them."))
            return
        self._edit(
            "Delete Selected Components",
            lambda data: cleanup.delete_components(data, chosen),
            lambda name: f"Deleted {len(chosen)} selected component(s) from {name}.",
        )

    def locate(self, component: Component) -> None:
        """Bring a component into the middle of the view."""
        layer = self._layer()
        if layer is None or component not in self.state.components:
            self._fail(PromptError("Analyze a target Labels layer before locating a component."))
            return
        labels.look_at(self.viewer, layer, component.centroid)
        place = ", ".join(f"{value:.1f}" for value in component.centroid)
        self._say(f"Located component {component.id} label {component.label} at centroid {place}.")

    def undo(self) -> None:
        """Take the last edit of the layer back."""
        self._step(self._history.to_undo(self.state.target or ""), -1)

    def redo(self) -> None:
        """Make again what was undone last."""
        self._step(self._history.to_redo(self.state.target or ""), 1)

    def cancel(self) -> None:
        """Drop the operation that runs: its answer is thrown away, the layer stays as it is."""
        if self._work.current is not None:
            self._drop("Cancelled; the layer is unchanged.")

    def close(self) -> None:
        """Stop work and let go of the viewer; layers stay as they are."""
        self._layers.close()
        self._work.drop()

    def layer_removed(self, layer: Any) -> None:
        """Forget a layer that has left the viewer."""
        identity = str(layer.unique_id)
        self._history.forget(identity)
        self._arrays.pop(identity, None)
        if self._work.current is not None and self._work.current.identity == identity:
            self._drop(f"{layer.name} was removed; the operation was stopped.")

    def pixels_changed(self, layer: Any) -> None:
        """Let go of what was known of the target's pixels; if they are another array, of its edits too."""
        self._changes += 1
        identity = str(layer.unique_id)
        edited = self._arrays.get(identity)
        if edited is not None and edited() is not layer.data:
            self._history.forget(identity)
            del self._arrays[identity]
            self._say(f"The pixels of {layer.name} were replaced; its earlier edits can no longer be undone.")
        self._outdate()

    # -- how an operation runs --------------------------------------------------------------------

    def _edit(self, title: str, make: Callable[[Array], Edit | None], said: Callable[[str], str]) -> None:
        def packed(data: Array) -> tuple[labels.Stroke, Record] | None:
            edit = make(data)
            return None if edit is None else (labels.stroke_of(edit), pack(edit, title))

        def done(layer: Any, work: Work, made: tuple[labels.Stroke, Record] | None) -> None:
            if made is None:
                self._say(f"{title} made no changes in {layer.name}.")
                return
            stroke, record = made
            labels.write_stroke(layer, work.data, stroke)
            kept = self._history.keep(work.identity, record)
            self._edited(layer)
            end = "." if kept else ", too many to be undone."
            self._say(f"{said(str(layer.name))} {record.changed:,} pixel(s) changed{end}")

        self._run(f"{title}...", labels.editable_data, packed, done)

    def _step(self, record: Record | None, by: int) -> None:
        layer = self._layer()
        if layer is None:
            self._fail(PromptError(NO_LAYER))
            return
        if record is None:
            self._say(f"No Mask Cleanup {'undo' if by < 0 else 'redo'} history for {layer.name}.")
            return
        title, turned = record.title, record.undone if by < 0 else record.redone

        def done(layer: Any, work: Work, stroke: labels.Stroke) -> None:
            labels.write_stroke(layer, work.data, stroke)
            self._history.step(work.identity, by)
            self._edited(layer)
            word = "Undid last" if by < 0 else "Made again the last undone"
            self._say(f"{word} Mask Cleanup edit on {layer.name}. It was: {title}.")

        busy = "Undoing..." if by < 0 else "Doing it again..."
        self._run(busy, labels.editable_data, lambda data: labels.stroke_of(turned(data)), done)

    def _run(
        self,
        busy: str,
        read: Callable[[Any], Array],
        make: Callable[[Array], T],
        done: Callable[[Any, Work, T], None],
        missing: str = NO_LAYER,
    ) -> None:
        """Run ``make`` on the layer's array on the worker, then ``done`` here; errors become the message."""
        if self._work.current is not None:
            return  # the buttons say so; keys come here all the same
        layer = self._layer()
        try:
            if layer is None:
                raise PromptError(missing, hint="Open or make a Labels layer first.")
            data = read(layer)
        except AssistantError as error:
            self._fail(error)
            return

        self.state.busy = busy
        self._work.start(
            str(layer.unique_id),
            data,
            self._changes,
            make,
            lambda work, result: done(images.layer_by_id(self.viewer, work.identity), work, result),
        )

    def _drop(self, message: str) -> None:
        self._work.drop()
        self._say(message)

    # -- telling ----------------------------------------------------------------------------------

    def _layer(self) -> Any | None:
        return images.layer_by_id(self.viewer, self.state.target)

    def _edited(self, layer: Any) -> None:
        identity = str(layer.unique_id)
        self._arrays[identity] = weakref.ref(layer.data)
        if identity == self.state.target:
            self._outdate()

    def _outdate(self) -> None:
        state = self.state
        state.outdated = state.outdated or state.analyzed
        state.components, state.analyzed = (), False
        self._tell_history()

    def _tell_history(self) -> None:
        key = self.state.target or ""
        self.state.undo, self.state.redo = self._history.undo_title(key), self._history.redo_title(key)

    def _say(self, message: str) -> None:
        self._tell(message, False)

    def _fail(self, error: AssistantError) -> None:
        self._tell(str(error), True)

    def _tell(self, message: str, failed: bool) -> None:
        self.state.message, self.state.failed = message, failed
        if self._work.current is None:
            self.state.busy = ""
