"""The components of the target as Mask Cleanup lists them, kept in step with what is painted and edited."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from napari_sam3_assistant.app.masking.cleanup_state import NOTHING_KNOWN, CleanupState
from napari_sam3_assistant.app.masking.desk import NO_LAYER, Desk
from napari_sam3_assistant.app.masking.measuring import Measuring
from napari_sam3_assistant.app.masking.reaching import Reaching, where
from napari_sam3_assistant.core.errors import AssistantError, PromptError
from napari_sam3_assistant.core.progress import Watch
from napari_sam3_assistant.layers import labels
from napari_sam3_assistant.layers.pixels import readable_data, sizes_of
from napari_sam3_assistant.masks.components import Component
from napari_sam3_assistant.masks.edits import Edit
from napari_sam3_assistant.masks.index import Block, Index, carried, listed
from napari_sam3_assistant.masks.scopes import Scope
from napari_sam3_assistant.masks.updates import updated

NO_TARGET = PromptError("Select a target Labels layer for component analysis.", hint=NO_LAYER.hint)


class Listing:
    """Lists components when that is asked for, and from then on keeps the list right by itself.

    Small changes are looked at here, in a few milliseconds; after large ones the layer is analyzed anew on the
    worker, and nobody has to wait for that.

    Parameters
    ----------
    desk : Desk
    reach : Reaching
    state : CleanupState
        Written here: ``components`` and what is known of them, and of ``selected`` what is gone.
    """

    def __init__(self, desk: Desk, reach: Reaching, state: CleanupState) -> None:
        self._desk, self._reach, self._state = desk, reach, state
        self._work = desk.aside(self._failed)
        self._measuring = Measuring(desk, reach, state)
        self._index: Index | None = None
        self.scope: Scope | None = None
        """Where the components were looked for."""
        self._changes = 0
        self._boxes: list[Block] | None = []  # what changed since the index was right; None: anything may have
        self._expected: tuple[Edit | None, Sequence[Block]] = (None, ())
        self._unwatch: Callable[[], None] = lambda: None
        desk.edited.written.connect(self._written)
        desk.state.events.target.connect(self._watch)
        self._watch()

    def analyze(self) -> None:
        """List the components of the target, in what is chosen of it."""
        desk, layer, changes = self._desk, self._desk.target(), self._changes
        try:
            if layer is None:
                raise NO_TARGET
            scope = self._reach.scope(layer)
        except AssistantError as error:
            desk.fail(error)
            return

        def find(data: Any, watch: Watch) -> Index:
            from scipy import ndimage  # noqa: F401  changes are looked at with it, and it takes long to load

            return listed(data, scope, watch)

        def done(layer: Any, index: Index) -> None:
            if changes != self._changes:
                raise PromptError(f"{layer.name} was changed meanwhile.", hint="Press Analyze Layer again.")
            self._work.drop()
            self.scope = scope
            self._state.known = NOTHING_KNOWN
            self._show(layer, index)
            desk.say(f"Analyzed {len(index.components)} connected component(s) in {layer.name}.")

        desk.read(layer, "Analyzing...", find, done, pixels=readable_data)

    def at(self, place: Sequence[int]) -> Component | None:
        """Return the listed component that a pixel of the target belongs to, or None; ``place`` one index an axis."""
        layer = self._desk.target()
        if layer is None or self._index is None or self._state.outdated:
            return None
        return self._index.at(layer.data, place)

    def expect(self, edit: Edit | None, boxes: Iterable[Block]) -> Edit | None:
        """Note where an edit that will be written changes pixels, more closely than it tells; return it.

        Callable from any thread.
        """
        self._expected = edit, tuple(boxes)
        return edit

    def forget(self) -> None:
        """Begin with another target."""
        self._work.drop()
        self._index, self.scope = None, None
        self._changes += 1
        state = self._state
        state.selected, state.components, state.analyzed, state.outdated = (), (), False, False
        state.known, state.where = NOTHING_KNOWN, ""

    def close(self) -> None:
        """Let go of the layer and of what runs."""
        self._work.drop()
        self._measuring.close()
        self._unwatch()
        self._desk.edited.written.disconnect(self._written)
        self._desk.state.events.target.disconnect(self._watch)

    def _watch(self, identity: str | None = None) -> None:
        self._unwatch()
        layer = self._desk.target()
        self._unwatch = (lambda: None) if layer is None else labels.watch(layer, self._painted)

    def _painted(self, event: Any) -> None:
        self._changed(None if event.type == "data" else labels.painted_block(event))

    def _written(self, layer: Any, edit: Edit) -> None:
        if str(layer.unique_id) != self._desk.state.target:
            return
        expected, boxes = self._expected
        self._expected = None, ()
        if edit is expected and self._boxes is not None:
            # napari told of the same pixels as of a stroke, in one box.
            self._boxes = [box for box in self._boxes if box != edit.slices]
            for box in boxes:
                self._changed(box)
        else:
            self._changed(edit.slices)

    def _changed(self, box: Block | None) -> None:
        """Note a change; napari tells of some before it makes them, so they are looked at in the next turn."""
        self._changes += 1
        if self._index is None:
            return
        if self._boxes == []:
            self._desk.on_main(self._catch_up)
        if box is None:
            self._boxes = None
        elif self._boxes is not None:
            self._boxes.append(box)

    def _catch_up(self) -> None:
        """Look at what has changed, or have all of it looked at."""
        boxes, self._boxes = self._boxes, []
        layer, scope = self._desk.target(), self.scope
        if layer is None or self._index is None or scope is None or boxes == []:
            return
        if boxes is not None and not self._state.outdated and scope.region is None:
            index = updated(self._index, layer.data, boxes, scope.slices)
            if index is not None:
                self._show(layer, index)
                return
        self._again(layer)

    def _again(self, layer: Any) -> None:
        """Analyze the layer anew, on the worker."""
        changes, scope, before = self._changes, self.scope, self._state.components
        shape = tuple(layer.data.shape)
        if scope is None or any(part.stop > length for part, length in zip(scope.slices, shape, strict=False)):
            self.forget()
            return
        try:
            data = readable_data(layer)
        except AssistantError:
            self.forget()  # what is wrong is told when the layer is analyzed
            return

        def done(index: Index) -> None:
            target = self._desk.target()
            if target is None or self._index is None:
                return
            if changes != self._changes:
                self._again(target)
            else:
                self._show(target, index)

        self._state.outdated = True
        self._work.drop()
        identity = str(layer.unique_id)
        self._work.start(identity, lambda watch: carried(before, listed(data, scope, watch)), done)

    def _show(self, layer: Any, index: Index) -> None:
        """Write an index that is right, and what is known of its components."""
        state, scope = self._state, self.scope
        if scope is None:
            return
        self._index = index
        known = {one.id: one for one in index.components} if state.selected else {}
        state.selected = tuple(known[one.id] for one in state.selected if one.id in known)
        state.axes, state.analyzed, state.outdated = layer.ndim, True, False
        shape = tuple(part.stop - part.start for part in scope.slices)
        state.known = replace(state.known, shape=shape, sizes=sizes_of(layer))
        state.where = where(scope, tuple(layer.data.shape))
        state.components = index.components
        self._measuring.look()

    def _failed(self, error: AssistantError) -> None:
        self.forget()
        self._desk.fail(error)
