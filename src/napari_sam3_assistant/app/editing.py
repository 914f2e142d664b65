"""Editing the accepted objects of a large plane: in a copy of a window, written back by itself.

All on the GUI thread. What is painted becomes objects at the end of each stroke, and before anything reads the
accepted objects; each time that changes any is one step back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from napari_sam3_assistant.app import keys
from napari_sam3_assistant.app.accepted_copy import Copy, shown, told
from napari_sam3_assistant.app.screen import OnScreen
from napari_sam3_assistant.app.state import EditAccepted
from napari_sam3_assistant.core.errors import AssistantError, PromptError
from napari_sam3_assistant.core.geometry import Box, union
from napari_sam3_assistant.core.windows import Window
from napari_sam3_assistant.layers import blocks, in_view, names
from napari_sam3_assistant.layers.world import camera_of
from napari_sam3_assistant.masks.drawing import label_type
from napari_sam3_assistant.masks.editing import covers, drawn, rewritten, window_to_edit

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController

STEP = "Edit accepted objects"
ENDED = "Editing ended: the accepted objects are as you painted them."
LOOK_AFTER_S = 0.1
ROOM = 1000
"""So many new numbers the labels of a copy have room for."""


class Editing:
    """Opens, moves and closes the copy, and keeps it and the accepted objects the same.

    Parameters
    ----------
    controller : AppController
    """

    def __init__(self, controller: AppController) -> None:
        self._controller = controller
        self._copy: Copy | None = None
        self._busy = self._due = self._look_due = False

    # -- verbs ------------------------------------------------------------------------------------

    def press(self) -> None:
        """Open the copy on what is in view, or move it there; where all of that lies in it already, end editing."""
        here, status = self._controller.here(), self._controller.status
        kept = None if here is None else in_view.sparse_layer(self._controller.viewer, here.layer)
        if here is None or kept is None:
            status.fail(PromptError("There are no accepted objects of a large plane.", hint="Accept an object first."))
            return
        self._controller.board.absorb()
        if self._what(here, kept) is EditAccepted.END:
            self.end(arm=True)
            status.idle(ENDED)
            return
        try:
            self._open(here, kept)
        except AssistantError as error:
            status.fail(error)
            return
        self._controller.state.results.edit = EditAccepted.END

    def begin_object(self) -> None:
        """Make the next stroke in the copy a new object."""
        self.write()
        copy = self._copy
        if copy is None:
            self._controller.status.idle("Press Edit Accepted first.")
            return
        number = in_view.numbers_of(copy.kept).free
        with self._quietly():
            copy.hold(number)
        copy.layer.selected_label = number
        self._controller.status.idle(f"Next stroke: accepted object {number}, a new one.")

    def write(self) -> None:
        """Make what was painted in the copy accepted objects; it does nothing where nothing was."""
        if self._copy is not None and not self._busy:
            self._write(self._copy, None)

    def end(self, *, arm: bool = False) -> None:
        """Write back and take the copy away; ``arm`` makes the next click a prompt, where the copy was selected."""
        self.write()
        copy, controller = self._copy, self._controller
        if copy is None:
            return
        active = controller.viewer.layers.selection.active == copy.layer
        self._let_go(copy)
        if copy.layer in controller.viewer.layers:
            blocks.take_away(controller.viewer, copy.layer)
        if arm and active:
            controller.on_main(lambda: None if controller.closed else controller.arm())

    # -- what happens meanwhile -------------------------------------------------------------------

    def look(self, here: OnScreen | None) -> None:
        """Turn to the plane on screen: a copy of another one is closed."""
        copy = self._copy
        if copy is not None and (here is None or here.place != copy.place):
            self.end(arm=here is not None)
            self._say("Another plane is on screen. " + ENDED)

    def follow(self) -> None:
        """Draw in the copy what was accepted, or taken back, since."""
        copy = self._copy
        if copy is not None and not self._busy and copy.usable:
            with self._quietly():
                copy.show(shown(self._controller.accepting.records, copy.place, copy.window, copy.records))
        if copy is not None and not self._controller.closed:
            self._view_moved()  # what is in view is known once the accepted labels are drawn
        else:
            self.publish()

    def moved(self) -> None:
        """Lay the copy onto its picture, which a user has moved, scaled or turned."""
        copy = self._copy
        if copy is not None:
            in_view.lay(copy.layer, copy.image, copy.place[1], copy.window)

    def layer_removed(self, layer: Any) -> None:
        """Write back what is in a copy that was removed, or whose picture was; leave one that has nowhere to go."""
        copy = self._copy
        if copy is None:
            return
        if layer == copy.kept:
            self._leave(copy, f"{names.ACCEPTED} was removed.")
        elif layer in (copy.layer, copy.image):
            self.end()
            self._say(ENDED)

    def publish(self) -> None:
        """Write what the button would do."""
        here = None if self._controller.closed else self._controller.here()
        kept = None if here is None else in_view.sparse_layer(self._controller.viewer, here.layer)
        found = EditAccepted.NONE if here is None or kept is None else self._what(here, kept)
        self._controller.state.results.edit = found

    # -- the copy ---------------------------------------------------------------------------------

    def _what(self, here: OnScreen, kept: Any) -> EditAccepted:
        copy, view = self._copy, self._view(here, kept)
        if copy is None or copy.place != here.place or copy.kept != kept:
            return EditAccepted.BEGIN
        return EditAccepted.END if view is None or covers(copy.window, view) else EditAccepted.MOVE

    def _view(self, here: OnScreen, kept: Any) -> Window | None:
        return in_view.view_of(here.layer, kept, here.plane, here.source.plane_shape(here.plane), here.world)

    def _open(self, here: OnScreen, kept: Any) -> None:
        viewer, view, plane = self._controller.viewer, self._view(here, kept), here.plane
        if view is None:
            raise PromptError("The image is not in view.", hint="Move the view back onto it.")
        window = window_to_edit(view, here.source.plane_shape(plane))
        records = shown(self._controller.accepting.records, here.place, window, ())
        free = in_view.numbers_of(kept).free
        labels = drawn(records.values(), window.box, label_type([free + ROOM]))
        with self._quietly():
            copy = self._copy
            if copy is None:
                layer = in_view.add_copy(viewer, here.layer, kept, plane, window, labels.copy())
                layer.brush_size = in_view.brush_of(view)
                self._copy = copy = Copy(layer, kept, here.layer, here.place, window, records, labels)
                self._watch(copy, True)
            else:
                in_view.move_copy(copy.layer, here.layer, plane, window, labels.copy())
                copy.window, copy.records, copy.labels, copy.touched = window, records, labels, None
            in_view.cover(kept, plane, window)
        copy.layer.visible = True
        viewer.layers.selection.active = copy.layer
        copy.layer.mode = "paint"
        number, there = copy.choose(view, here.middle or view.box.center, free)
        brush = f"object {number}" if there else "a new object"
        self._controller.status.idle(f"Editing accepted objects: the brush paints {brush}. M begins another one.")

    def _watch(self, copy: Copy, on: bool) -> None:
        events, camera = copy.layer.events, camera_of(self._controller.viewer).events
        for event, slot in (
            (events.paint, self._painted),
            (events.labels_update, self._updated),
            (events.data, self._painted),
            (events.visible, self._hidden),
            (camera.center, self._view_moved),
            (camera.zoom, self._view_moved),
        ):
            if on:
                event.connect(slot)
            else:
                event.disconnect(slot)
        if on:
            keys.bind(self._controller, copy.layer, "accepted")
        else:
            keys.unbind(copy.layer, "accepted")

    def _let_go(self, copy: Copy) -> None:
        """Forget the copy; what it showed is seen in the accepted labels again."""
        self._copy = None
        self._watch(copy, False)
        if in_view.is_sparse(copy.kept):
            in_view.cover(copy.kept, copy.place[1], None)
        self.publish()

    def _leave(self, copy: Copy, why: str) -> None:
        """Leave the copy to the user, as a layer of its own: there is nothing that it could be written back to."""
        self._let_go(copy)
        copy.layer.name = names.EDITED_LABELS
        error = PromptError(
            f"{why} What was painted stays in the layer {copy.layer.name}, which is yours now.",
            hint="Save that layer with napari if you need it.",
        )
        self._controller.status.fail(error)

    # -- strokes ----------------------------------------------------------------------------------

    def _updated(self, event: Any) -> None:
        """Note where a stroke was drawn."""
        copy = self._copy
        if copy is not None and not self._busy:
            box = in_view.touched(event, copy.window.offset) or copy.window.box
            copy.touched = box if copy.touched is None else union((copy.touched, box))

    def _painted(self, event: Any = None) -> None:
        """Write strokes back, several at once where they come together."""
        if not self._busy and not self._due:
            self._due = True
            self._controller.on_main(self._write_strokes)

    def _write_strokes(self) -> None:
        self._due = False
        copy = self._copy
        if copy is not None and not self._busy:
            self._write(copy, copy.touched)

    def _write(self, copy: Copy, box: Box | None) -> None:
        """Make what was painted in a box of the plane, or anywhere, objects; as one step."""
        copy.touched = None
        if not copy.usable:
            of = names.IN_VIEW if in_view.is_sparse(copy.kept) else names.ACCEPTED
            self._leave(copy, f"{of} was given other data.")
            return
        edit = copy.changed(box)
        if edit is None:
            return
        numbers = in_view.numbers_of(copy.kept)
        found = rewritten(copy.records, numbers, edit.before, edit.after, copy.corner_of(edit), *copy.place)
        with self._quietly():
            before = self._controller.board.snapshot()
            in_view.rewrite(copy.kept, found.gone, found.made)
            copy.take(edit, found)
            self._controller.accepting.edited(found)
            self._controller.board.step(STEP, before)
        self._say(told(found))

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        """What changes in the copy meanwhile is our own doing."""
        busy, self._busy = self._busy, True
        try:
            yield
        finally:
            self._busy = busy

    # -- telling ----------------------------------------------------------------------------------

    def _hidden(self, event: Any = None) -> None:
        """Show the objects in the accepted labels while the copy is hidden."""
        copy = self._copy
        if copy is not None and in_view.is_sparse(copy.kept):
            in_view.cover(copy.kept, copy.place[1], copy.window if copy.layer.visible else None)

    def _view_moved(self, event: Any = None) -> None:
        if not self._look_due:
            self._look_due = True
            self._controller.after(LOOK_AFTER_S, self._looked)

    def _looked(self) -> None:
        self._look_due = False
        if not self._controller.closed:
            self.publish()

    def _say(self, message: str) -> None:
        if not self._controller.status.running:
            self._controller.status.idle(message)
