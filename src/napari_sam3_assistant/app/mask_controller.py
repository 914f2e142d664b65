"""The verbs of Mask Operations. Operations run on a worker; a layer changes in one block, or not at all."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

import numpy as np

from napari_sam3_assistant.app.mask_state import MaskState
from napari_sam3_assistant.app.runtime import Runtime
from napari_sam3_assistant.app.state import ImageItem
from napari_sam3_assistant.core.errors import AssistantError, PromptError
from napari_sam3_assistant.layers import images, labels
from napari_sam3_assistant.masks import cleanup
from napari_sam3_assistant.masks.components import Component, analyze
from napari_sam3_assistant.masks.edits import Edit
from napari_sam3_assistant.masks.history import History
from napari_sam3_assistant.tasks.jobs import Job, Kind

logger = logging.getLogger(__name__)
T = TypeVar("T")
OnMain = Callable[[Callable[[], None]], None]
WORKER = "masks"
"""Masks are cleaned on a thread of their own: a click need not wait for a large one."""


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
        self._on_main, self._scheduler = on_main, runtime.scheduler
        self._history = History()
        self._session = f"masks-{id(self)}"
        self._newest: Future[Any] | None = None
        self._closed = False
        self._listen(True)
        self._list_layers()
        found = labels.labels_layers(viewer)
        if found:
            self.choose(str(found[-1].unique_id))

    def choose(self, identity: str | None) -> None:
        """Work on the Labels layer with this unique id."""
        if identity != self.state.target:
            self.state.target = identity
            self._forget_components()
        self._tell_history()

    def analyze(self) -> None:
        """List the connected components of the layer."""

        def done(layer: Any, found: tuple[Component, ...]) -> None:
            self.state.components, self.state.analyzed, self.state.axes = found, True, layer.ndim
            self._say(f"Analyzed {len(found)} connected component(s) in {layer.name}.")

        self._run("Analyzing...", analyze, done)

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
            lambda name: f"Filled holes {f'up to {size} pixels ' if size else ''}in {name}.",
        )

    def delete(self, components: Iterable[Component]) -> None:
        """Make these components background."""
        chosen = tuple(components)
        if not chosen:
            self._fail(PromptError("No component is selected.", hint="Select rows of the table to delete."))
            return
        self._edit(
            "Delete Selected Components",
            lambda data: cleanup.delete_components(data, chosen),
            lambda name: f"Deleted {len(chosen)} selected component(s) from {name}.",
        )

    def locate(self, component: Component) -> None:
        """Bring a component into the middle of the view."""
        layer = self._layer()
        if layer is not None:
            labels.look_at(self.viewer, layer, component.centroid)
            self._say(f"Located component {component.id} label {component.label}.")

    def undo(self) -> None:
        """Take the last edit of the layer back."""
        self._step(self._history.undo, "Undid", "There is nothing to undo in this layer.")

    def redo(self) -> None:
        """Make again what was undone last."""
        self._step(self._history.redo, "Did again", "There is nothing to redo in this layer.")

    def cancel(self) -> None:
        """Drop the operation that runs: its answer is thrown away, the layer stays as it is."""
        if self.state.busy:
            self._newest = None
            self._scheduler.cancel(self._session)
            self.state.busy = ""
            self._say("Cancelled; the layer is unchanged.")

    def close(self) -> None:
        """Stop work and let go of the viewer; layers stay as they are."""
        if not self._closed:
            self._closed = True
            self._newest = None
            self._scheduler.cancel(self._session)
            self._listen(False)

    # -- how an operation runs --------------------------------------------------------------------

    def _edit(self, title: str, make: Callable[[Any], Edit | None], said: Callable[[str], str]) -> None:
        def done(layer: Any, edit: Edit | None) -> None:
            if edit is None:
                self._say(f"{title} made no changes in {layer.name}.")
                return
            data = labels.editable_data(layer)
            if data.shape != edit.shape or not np.array_equal(data[edit.slices], edit.before):
                raise PromptError(f"{layer.name} was changed meanwhile; it is left as it is.", hint="Press again.")
            kept = self._history.record(str(layer.unique_id), edit, title)
            labels.write_edit(layer, edit)
            self._forget_components()
            self._tell_history()
            self._say(said(str(layer.name)) + ("" if kept else " This is too large to be undone."))

        self._run(f"{title}...", make, done)

    def _run(self, busy: str, make: Callable[[Any], T], done: Callable[[Any, T], None]) -> None:
        """Run ``make`` on the layer's array on the worker, then ``done`` here; errors become the message."""
        layer = self._layer()
        if layer is None:
            self._fail(PromptError("Select a target Labels layer.", hint="Open or make one first."))
            return
        try:
            data = labels.editable_data(layer)
        except AssistantError as error:
            self._fail(error)
            return
        identity = str(layer.unique_id)
        job = Job(WORKER, lambda progress, cancel: make(data))
        self._newest = future = self._scheduler.submit(job, session=self._session, kind=Kind.BATCH, key="operation")
        self.state.busy = busy
        future.add_done_callback(lambda f: self._on_main(lambda: self._done(f, identity, done)))

    def _done(self, future: Future[T], identity: str, done: Callable[[Any, T], None]) -> None:
        if self._closed or future is not self._newest:
            return
        self.state.busy = ""
        layer = images.layer_by_id(self.viewer, identity)
        if layer is None:
            self._say("The layer was removed; nothing was changed.")
            return
        try:
            done(layer, future.result())
        except CancelledError:
            self._say("Cancelled; the layer is unchanged.")
        except AssistantError as error:
            self._fail(error)
        except Exception as error:
            logger.exception("A mask operation failed")
            self._fail(AssistantError(f"The operation failed: {error}.", hint="The layer is unchanged."))

    def _step(self, take: Callable[[str, Any], Edit | None], word: str, nothing: str) -> None:
        layer = self._layer()
        if layer is None:
            self._fail(PromptError("Select a target Labels layer.", hint="Open or make one first."))
            return
        key = str(layer.unique_id)
        title = self._history.undo_title(key) if word == "Undid" else self._history.redo_title(key)
        try:
            edit = take(key, labels.editable_data(layer))
            if edit is None:
                self._say(nothing)
                return
            labels.write_edit(layer, edit)
        except AssistantError as error:
            self._fail(error)
            return
        self._forget_components()
        self._tell_history()
        self._say(f"{word} {title} on {layer.name}.")

    # -- what the viewer tells ----------------------------------------------------------------------

    def _layer(self) -> Any | None:
        return images.layer_by_id(self.viewer, self.state.target)

    def _listen(self, on: bool) -> None:
        events = self.viewer.layers.events
        for event, slot in (
            (events.inserted, self._list_layers),
            (events.removed, self._removed),
            (events.reordered, self._list_layers),
            (events.renamed, self._list_layers),
        ):
            if on:
                event.connect(slot)
            else:
                event.disconnect(slot)

    def _list_layers(self, event: Any = None) -> None:
        found = labels.labels_layers(self.viewer)
        self.state.layers = tuple(ImageItem(str(one.unique_id), str(one.name)) for one in found)
        if self.state.target is None and found:
            self.choose(str(found[-1].unique_id))

    def _removed(self, event: Any) -> None:
        identity = str(event.value.unique_id)
        self._history.forget(identity)
        if identity == self.state.target:
            self.choose(None)
        self._list_layers()

    def _forget_components(self) -> None:
        self.state.components, self.state.analyzed = (), False

    def _tell_history(self) -> None:
        key = self.state.target or ""
        self.state.undo, self.state.redo = self._history.undo_title(key), self._history.redo_title(key)

    def _say(self, message: str) -> None:
        self.state.message, self.state.failed = message, False

    def _fail(self, error: AssistantError) -> None:
        self.state.message, self.state.failed = str(error), True
