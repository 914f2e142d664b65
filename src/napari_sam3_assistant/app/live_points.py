"""Live Points: the points layer as a conversation. Each change of it is a request, and a step to go back."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from napari_sam3_assistant.app import keys
from napari_sam3_assistant.app.drafts import Draft
from napari_sam3_assistant.app.pointer import Pointer
from napari_sam3_assistant.app.screen import OnScreen
from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.layers import images, owned, point_records, prompts
from napari_sam3_assistant.layers.features import WORDS
from napari_sam3_assistant.layers.owned import in_viewer
from napari_sam3_assistant.layers.point_records import Clicked, PointsRecord
from napari_sam3_assistant.layers.world import world_of
from napari_sam3_assistant.tasks.jobs import Task

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController

CHANGES = frozenset({"added", "removed", "changed"})
"""What ``events.data`` says after a change. ``adding`` and the like come before it; ``set_data`` is no change."""
STEPS = {"added": "Add point", "removed": "Delete point", "changed": "Move point"}
REST_S = 0.2
"""The table of features is looked at once a change of it is so old."""
MOST_ROWS = 10_000
"""Tables of up to so many rows are looked at by themselves; larger ones with the next click or run."""
NONE = PromptError("No points layer selected.", hint="Press Create Prompt Layer, or choose one under Prompt Layers.")


class LivePoints:
    """Watches the points layer in use and keeps its next polarity and object the same as the state's.

    Parameters
    ----------
    controller : AppController
    """

    def __init__(self, controller: AppController) -> None:
        self._controller = controller
        self._task = controller.state.task
        self.layer: Any | None = None
        self.record: PointsRecord | None = None
        """What the layer held when it was looked at last."""
        self._removed: Any | None = None
        self._due = False
        self._pointer = Pointer(controller)
        self._task.events.positive.connect(self._polarity_chosen)

    def attach(self) -> None:
        """Watch our layer if it is there."""
        found = prompts.point_layer(self._controller.viewer)
        if found is not None:
            self._watch(found)

    @property
    def is_live(self) -> bool:
        """Whether each change of the points runs."""
        return self._task.task is Task.LIVE_POINTS

    @property
    def ours(self) -> bool:
        """Whether the layer in use is ours: points in one of the user's own are never taken away by us."""
        return self.layer is not None and owned.is_ours(self.layer)

    # -- which layer ------------------------------------------------------------------------------

    def arm(self) -> None:
        """Select the layer in use, or make ours, show it and set it to add."""
        viewer = self._controller.viewer
        image = images.layer_by_id(viewer, self._task.image)
        layer = self.layer or prompts.point_layer(viewer)  # the one in use may have been given another name
        if layer is not None and image is not None and owned.misfits(layer, image):
            viewer.layers.remove(layer)
            layer = None
        if layer is None:
            layer = prompts.add_point_layer(viewer, image=image)
        self._watch(layer)
        viewer.layers.selection.active = layer
        layer.visible = True
        layer.mode = "add"
        if self.ours:
            prompts.set_next_polarity(layer, self._task.positive)
        self.follow(self._controller.board.draft)

    def own(self) -> Any:
        """Return our layer, made if it is not there."""
        viewer = self._controller.viewer
        if self.layer is not None and self.ours:
            return self.layer
        return prompts.add_point_layer(viewer, image=images.layer_by_id(viewer, self._task.image))

    def use(self, layer: Any | None) -> None:
        """Let the points of another layer be the prompts, or none; masks of the former ones go with those."""
        board = self._controller.board
        if layer is not None and self.layer is not None and layer == self.layer:
            return
        board.step("Choose the points layer")
        if layer is None:
            self._unwatch()
            self.record = PointsRecord.none()
        else:
            self._watch(layer)
        board.release(0 if self.record is None or self.ours else self.record.most)
        ids = self.objects_here()
        if board.place is not None and not self.ours and len(ids) == 1:
            board.put(board.place, board.draft.select(ids.pop()))

    # -- the next point ---------------------------------------------------------------------------

    def follow(self, draft: Draft) -> None:
        """Make the next point be about the draft's selected object, and show the points of that one alone.

        In a layer of the user's all points stay in sight.
        """
        if self.layer is None:
            return
        number = self._controller.propagation.next_point(draft)
        if prompts.next_object(self.layer) != number:
            prompts.set_next_object(self.layer, number)
        if not self.ours:
            return
        image = images.layer_by_id(self._controller.viewer, self._task.image)
        if image is not None:
            owned.set_next_picture(self.layer, image)
        several = len(draft.talks) + len(draft.objects) > 1
        prompts.show_only(self.layer, number if several else None, image)
        prompts.limit_size(self.layer, world_of(self._controller.viewer))

    def toggle_next(self) -> None:
        """Change whether the next point is positive. Nothing runs."""
        self._task.positive = not self._task.positive
        self._controller.status.log(f"Next point mode: {'Positive' if self._task.positive else 'Negative'}")

    def flip(self) -> None:
        """Turn the selected points, or the latest one, and run again."""
        if self.layer is None:
            self._controller.status.fail(NONE)
            return
        before = self._controller.board.snapshot()
        count = prompts.flip_points(self.layer)
        if not count:
            self._controller.status.idle("No points available to flip.")
            return
        self._controller.status.log(f"Flipped {count} point(s){'; rerunning Live Points' if self.is_live else ''}.")
        self._changed("Flip point", before)

    def apply_mode(self) -> None:
        """Give the selected points the polarity of the next one, and run again."""
        if self.layer is None:
            self._controller.status.fail(NONE)
            return
        before = self._controller.board.snapshot()
        count = prompts.set_polarity(self.layer, self._task.positive)
        if not count:
            message = "Select one or more points before applying the positive/negative type."
            hint = "Press S in the canvas, and draw a frame round them."
            self._controller.status.fail(PromptError(message, hint=hint))
            return
        self._changed("Apply mode", before)
        self._controller.asking.tell(f"Updated {count} selected point(s) to {WORDS[self._task.positive]}.")

    # -- taking away and bringing back ------------------------------------------------------------

    def clear(self) -> None:
        """Remove the points of the picture in use, and of pictures that were closed; begin with a positive one.

        A layer of the user's keeps its points.
        """
        if self.layer is not None and self.ours:
            viewer = self._controller.viewer
            there = {str(layer.unique_id) for layer in viewer.layers}
            image = images.layer_by_id(viewer, self._task.image)
            with self.layer.events.data.blocker(self._on_data):
                prompts.remove_points(self.layer, owned.disposable(self.layer, image, there))
        self.note()
        self._task.positive = True

    def objects_here(self) -> set[int]:
        """Return which objects have points on the plane on screen, asked about or not."""
        here = self._controller.here()
        if self.layer is None or here is None:
            return set()
        return set(prompts.collect_points(self.layer, here.layer, here.plane, here.world).objects)

    def remove_of(self, ids: Collection[int], there: OnScreen | None = None) -> None:
        """Remove the points of objects that lie on the plane on screen, or on one that is told; not a user's own."""
        here = there or self._controller.here()
        if self.layer is None or here is None or not self.ours:
            return
        found = prompts.indices_of(self.layer, ids, here.layer, here.plane, here.world)
        if found:
            with self.layer.events.data.blocker(self._on_data):
                prompts.remove_points(self.layer, found)
            self.note()

    def restore(self, record: PointsRecord | None) -> None:
        """Bring back what was in use: the layer, and what it held."""
        if record is self.record:
            return
        if record is None and self.layer is not None and self.ours:
            with self.layer.events.data.blocker(self._on_data):
                prompts.clear_points(self.layer)
            self.note()
            return
        layer = None if record is None else in_viewer(self._controller.viewer, record, self.own, self._removed)
        if record is None or layer is None:
            self._unwatch()
            self.record = record
            return
        self._watch(layer)
        with layer.events.data.blocker(self._on_data):
            point_records.write_points(layer, record)
        self.note()

    def bring_back(self, clicked: Sequence[Clicked]) -> None:
        """Put points of an earlier process into our layer, where that is empty: one of the picture's axes."""
        if not clicked:
            return
        image = images.layer_by_id(self._controller.viewer, self._task.image)
        if self.layer is not None and image is not None and owned.misfits(self.layer, image):
            self._controller.viewer.layers.remove(self.layer)
        layer = self.own()
        self._watch(layer)
        if not len(layer.data):
            with layer.events.data.blocker(self._on_data):
                point_records.put_points(layer, clicked)
        self.note()

    def note(self) -> None:
        """Note what the layer holds."""
        self.record = None if self.layer is None else point_records.read_points(self.layer)
        self._controller.board.least = 0 if self.record is None or self.record.ours else self.record.most

    def layer_removed(self, layer: Any) -> None:
        """Forget the points layer if it is the one that was removed; what its points made stays."""
        if self.layer is not None and str(layer.unique_id) == str(self.layer.unique_id):
            board = self._controller.board
            if len(self.layer.data):
                board.step("Delete the points")
            if not self.ours:
                self._removed = layer
                self._controller.status.idle(f"The layer {layer.name} was removed: no points layer is in use.")
            self._unwatch()
            self.note()
            board.keep_masks()
            self._controller.asking.describe()

    def close(self) -> None:
        """Stop watching; all points are in sight again."""
        if self.layer is not None and self.ours:
            prompts.show_only(self.layer, None)
        self._unwatch()
        self._task.events.positive.disconnect(self._polarity_chosen)

    # -- what the layer tells ---------------------------------------------------------------------

    def _watch(self, layer: Any) -> None:
        if self.layer is not None and self.layer == layer:
            return
        self._unwatch()
        self.layer = layer
        layer.events.data.connect(self._on_data)
        layer.events.features.connect(self._on_features)
        layer.events.feature_defaults.connect(self._on_defaults)
        keys.bind(self._controller, layer, "points")
        self._pointer.watch(layer)
        self.note()
        if not self.ours:
            self._on_defaults()
        self._controller.asking.describe()

    def _unwatch(self) -> None:
        if self.layer is None:
            return
        self.layer.events.data.disconnect(self._on_data)
        self.layer.events.features.disconnect(self._on_features)
        self.layer.events.feature_defaults.disconnect(self._on_defaults)
        keys.unbind(self.layer, "points")
        self._pointer.unwatch(self.layer)
        self.layer = None

    def _on_data(self, event: Any) -> None:
        action = str(getattr(event, "action", "changed"))
        if action not in CHANGES:
            return
        if action == "added" and self._pointer.takes_back():
            return
        self._changed(STEPS[action], self._controller.board.snapshot(), added=action == "added")

    def take_back(self) -> None:
        """Remove the newest point: it was no prompt."""
        if self.layer is not None:
            with self.layer.events.data.blocker(self._on_data):
                prompts.remove_points(self.layer, [len(self.layer.data) - 1])

    def _changed(self, title: str, before: Any, *, added: bool = False) -> None:
        """Remember the step, and ask if each change runs."""
        board = self._controller.board
        board.step(title, before)
        self.note()
        if added and board.place is not None and self.layer is not None:
            id = prompts.next_object(self.layer)
            board.put(board.place, board.draft.select(id))
        if self.is_live:
            self._controller.segment_points(gone=True)
        else:
            self._controller.asking.describe()
            board.publish()

    def _on_features(self, event: Any = None) -> None:
        if not self._due:
            self._due = True
            self._controller.after(REST_S, self._rested)

    def _rested(self) -> None:
        self._due = False
        self.look_at_table()

    def look_at_table(self) -> None:
        """Ask again where the user has edited the table: what points were added or moved was told otherwise."""
        if self._controller.closed or self.layer is None or self.record is None or len(self.record) > MOST_ROWS:
            return
        now = point_records.read_points(self.layer)
        if len(now) == len(self.record) and not point_records.same_words(now, self.record):
            self._changed("Edit the table", self._controller.board.snapshot())

    def _on_defaults(self, event: Any = None) -> None:
        """Take over what the layer says of the next point; but what napari says because points were selected."""
        if self.layer is None:
            return
        positive = prompts.next_polarity(self.layer)
        if (
            positive != self._task.positive
            and not self._pointer.clicking
            and prompts.of_selected(self.layer) == positive
        ):
            prompts.set_next_polarity(self.layer, self._task.positive)
        else:
            self._task.positive = positive

    def _polarity_chosen(self, positive: bool) -> None:
        if self.layer is not None and prompts.next_polarity(self.layer) != positive:
            prompts.set_next_polarity(self.layer, positive)
