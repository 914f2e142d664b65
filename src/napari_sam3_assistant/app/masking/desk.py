"""What all tabs of Mask Operations work with: the layers, the worker, the history, the line of status."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy.typing as npt

from napari_sam3_assistant.app.masking import at_once
from napari_sam3_assistant.app.masking.edited import Edited
from napari_sam3_assistant.app.masking.state import MaskState
from napari_sam3_assistant.app.masking.work import MaskWork
from napari_sam3_assistant.app.runtime import Runtime
from napari_sam3_assistant.app.status import OnMain
from napari_sam3_assistant.core.errors import AssistantError, PromptError
from napari_sam3_assistant.core.progress import Watch
from napari_sam3_assistant.layers import images, labels
from napari_sam3_assistant.layers.pixels import widen, writable_data
from napari_sam3_assistant.masks.edits import Edit
from napari_sam3_assistant.masks.records import Record, pack

T = TypeVar("T")
Array = npt.NDArray[Any]
NO_LAYER = PromptError("Select a target Labels layer.", hint="Open or make a Labels layer first.")


class Desk:
    """One operation at a time: read on the worker, written here in one block, or not at all.

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
        self.viewer, self.state, self.on_main = viewer, state, on_main
        self.work = MaskWork(runtime.scheduler, on_main, self._progressed, self.fail)
        self._scheduler = runtime.scheduler
        self.edited = Edited(state)

    def aside(self, fail: Callable[[AssistantError], None]) -> MaskWork:
        """Return a place for work that nobody waits for: buttons stay as they are meanwhile."""
        return MaskWork(self._scheduler, self.on_main, lambda fraction: None, fail)

    def layer(self, identity: str | None) -> Any | None:
        """Return the layer with this unique id, or None where it is gone."""
        return images.layer_by_id(self.viewer, identity)

    def target(self) -> Any | None:
        """Return the target Labels layer, or None."""
        return self.layer(self.state.target)

    def say(self, message: str) -> None:
        """Tell the user, in the line of status."""
        self._tell(message, False)

    def fail(self, error: AssistantError) -> None:
        """Tell the user what went wrong, and what to do now."""
        self._tell(str(error), True)

    def run(
        self, busy: str, make: Callable[[Watch], T], done: Callable[[T], None], identity: str | None = None
    ) -> None:
        """Run ``make(watch)`` on the worker, then ``done(its result)`` here; errors of both become the message.

        Nothing begins while something runs: buttons are disabled then, but keys come here all the same.

        Parameters
        ----------
        busy : str
            What the user reads meanwhile.
        make, done : callable
        identity : str or None
            Unique id of the layer that it is about: if that goes, the work is dropped.
        """
        if self.work.current is None:
            self.state.busy, self.state.progress = busy, None
            self.work.start(identity, make, lambda result: self._done(done, result))

    def read(
        self,
        layer: Any | None,
        busy: str,
        make: Callable[[Array, Watch], T],
        done: Callable[[Any, T], None],
        missing: AssistantError = NO_LAYER,
        pixels: Callable[[Any], Any] = labels.data_in_memory,
    ) -> None:
        """Run ``make(pixels, watch)`` on a layer's array on the worker, then ``done(layer, result)`` here.

        ``pixels`` returns the array, or raises what the user is told.
        """
        self._on_pixels(layer, busy, pixels, make, lambda layer, data, made: done(layer, made), missing)

    def edit(
        self,
        layer: Any | None,
        title: str,
        make: Callable[[Array, Watch], Edit | None],
        said: Callable[[str], str],
        pixels: Callable[[Any], Any] = labels.editable_data,
        dtype: npt.DTypeLike | None = None,
    ) -> None:
        """Change a layer by the edit that ``make(pixels, watch)`` returns, so that it can be undone.

        Parameters
        ----------
        layer : napari Labels layer or None
            None says what is missing.
        title : str
            What the user reads on Undo.
        make : callable
            On the worker; None where nothing changes.
        said : callable
            Returns what to tell of it once it is done, given the layer's name. How many pixels changed is added.
        pixels : callable
            Returns the layer's array, or raises what the user is told.
        dtype : data type or None
            A wider type that the layer's pixels need for the edit; it gets it with the edit, and that is told.
        """

        def packed(data: Array, watch: Watch) -> tuple[Array, labels.Stroke, Record] | None:
            wide = data if dtype is None else data.astype(dtype)
            made = make(wide, watch)
            return None if made is None else (wide, labels.stroke_of(made), pack(made, title))

        def done(layer: Any, data: Array, made: tuple[Array, labels.Stroke, Record] | None) -> None:
            if made is None:
                self.say(f"{title} made no changes in {layer.name}.")
                return
            wide, stroke, record = made
            if wide is not data:
                widen(layer, data, wide)
            kept = self.edited.write(layer, wide, stroke, record)
            end = "." if kept else ", too many to be undone."
            wider = f" Its values are {wide.dtype} now." if wide is not data else ""
            self.say(f"{said(str(layer.name))} {record.changed:,} pixel(s) changed{end}{wider}")

        self._on_pixels(layer, f"{title}...", pixels, packed, done)

    def undo(self, layer: Any | None) -> None:
        """Take the last edit of a layer back."""
        self._step(layer, -1)

    def redo(self, layer: Any | None) -> None:
        """Make again what was undone last in a layer."""
        self._step(layer, 1)

    def cancel(self) -> None:
        """Stop the operation that runs; the layer stays as it is."""
        if self.work.current is not None:
            self.drop("Cancelled; the layer is unchanged.")

    def drop(self, message: str) -> None:
        """Stop the operation that runs, and say why."""
        self.work.drop()
        self.say(message)

    def close(self) -> None:
        """Stop work; layers stay as they are."""
        self.work.drop()
        self.state.busy = ""

    def layer_removed(self, layer: Any) -> None:
        """Forget a layer that has left the viewer."""
        self.edited.forget(layer)
        if self.work.current is not None and self.work.current.identity == str(layer.unique_id):
            self.drop(f"{layer.name} was removed; the operation was stopped.")

    def _step(self, layer: Any | None, by: int) -> None:
        if layer is None:
            self.fail(NO_LAYER)
            return
        record = self.edited.next(layer, by)
        if record is None:
            self.say(f"No Mask Cleanup {'undo' if by < 0 else 'redo'} history for {layer.name}.")
            return
        step = record
        word = "Undid last" if by < 0 else "Made again the last undone"
        said = f"{word} Mask Cleanup edit on {layer.name}. It was: {step.title}."
        if at_once.is_small(step):
            at_once.step(self, layer, step, by, said)
            return

        def done(layer: Any, data: Array, stroke: labels.Stroke) -> None:
            if self.edited.next(layer, by) is not step:
                raise PromptError(f"{layer.name} was changed meanwhile; it is left as it is.", hint="Press again.")
            self.edited.step(layer, data, stroke, by)
            self.say(said)

        def turned(data: Array, watch: Watch) -> labels.Stroke:
            return labels.stroke_of(step.undone(data) if by < 0 else step.redone(data))

        self._on_pixels(layer, "Undoing..." if by < 0 else "Doing it again...", writable_data, turned, done)

    def _on_pixels(
        self,
        layer: Any | None,
        busy: str,
        pixels: Callable[[Any], Array],
        make: Callable[[Array, Watch], T],
        done: Callable[[Any, Array, T], None],
        missing: AssistantError = NO_LAYER,
    ) -> None:
        try:
            if layer is None:
                raise missing
            data = pixels(layer)
        except AssistantError as error:
            self.fail(error)
            return
        identity = str(layer.unique_id)
        self.run(busy, lambda watch: make(data, watch), lambda made: done(self.layer(identity), data, made), identity)

    def _done(self, done: Callable[[T], None], result: T) -> None:
        self.state.busy = ""
        done(result)

    def _progressed(self, fraction: float | None) -> None:
        self.state.progress = fraction

    def _tell(self, message: str, failed: bool) -> None:
        self.state.message, self.state.failed = message, failed
        if self.work.current is None:
            self.state.busy = ""
