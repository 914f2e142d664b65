"""Live Points: the points layer as a conversation. Each change of it is a request, and a step to go back."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from napari_sam3_assistant.app import keys
from napari_sam3_assistant.app.drafts import Draft
from napari_sam3_assistant.app.pointer import Pointer
from napari_sam3_assistant.app.screen import OnScreen
from napari_sam3_assistant.layers import images, point_records, prompts
from napari_sam3_assistant.layers.point_records import PointsRecord
from napari_sam3_assistant.layers.world import world_of
from napari_sam3_assistant.tasks.jobs import Task

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController

CHANGES = frozenset({"added", "removed", "changed"})
"""What ``events.data`` says after a change. ``adding`` and the like come before it; ``set_data`` is no change."""
STEPS = {"added": "Add point", "removed": "Delete point", "changed": "Move point"}


class LivePoints:
    """Watches the layer ``SAM3 points`` and keeps its next polarity and object the same as the state's.

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
        self._pointer = Pointer(controller)
        self._task.events.positive.connect(self._polarity_chosen)

    def attach(self) -> None:
        """Watch the layer if it is there."""
        found = prompts.point_layer(self._controller.viewer)
        if found is not None:
            self._watch(found)

    @property
    def is_live(self) -> bool:
        """Whether each change of the points runs."""
        return self._task.task is Task.LIVE_POINTS

    def arm(self) -> None:
        """Make the points layer if need be, select it and set it to add."""
        viewer = self._controller.viewer
        image = images.layer_by_id(viewer, self._task.image)
        layer = self.layer or prompts.point_layer(viewer)  # the one in use may have been given another name
        if layer is not None and not len(layer.data) and image is not None and layer.ndim != image.ndim:
            viewer.layers.remove(layer)  # made for a picture with other axes; there is nothing in it
            layer = None
        if layer is None:
            layer = prompts.add_point_layer(viewer, image=image)
        self._watch(layer)
        viewer.layers.selection.active = layer
        layer.mode = "add"
        prompts.set_next_polarity(layer, self._task.positive)
        self.follow(self._controller.board.draft)

    def follow(self, draft: Draft) -> None:
        """Make the next point be about the draft's selected object, and show the points of that one alone."""
        if self.layer is None:
            return
        if prompts.next_object(self.layer) != draft.next_point:
            prompts.set_next_object(self.layer, draft.next_point)
        several = len(draft.talks) + len(draft.objects) > 1
        prompts.show_only(self.layer, draft.next_point if several else None)
        prompts.limit_size(self.layer, world_of(self._controller.viewer))

    def toggle_next(self) -> None:
        """Change whether the next point is positive. Nothing runs."""
        self._task.positive = not self._task.positive

    def flip(self) -> None:
        """Turn the selected points, or the latest one, and run again."""
        if self.layer is None or not len(self.layer.data):
            return
        before = self._controller.board.snapshot()
        if prompts.flip_points(self.layer):
            self._changed("Flip point", before)

    def clear(self) -> None:
        """Remove every point, and begin with a positive one; make the layer again if it is gone."""
        if self.layer is not None and len(self.layer.data):
            with self.layer.events.data.blocker(self._on_data):
                prompts.clear_points(self.layer)
        self.note()
        self._task.positive = True

    def objects_here(self) -> set[int]:
        """Return which objects have points on the plane on screen, asked about or not."""
        here = self._controller.here()
        if self.layer is None or here is None:
            return set()
        return set(prompts.collect_points(self.layer, here.layer, here.plane, here.world).objects)

    def remove_of(self, ids: Collection[int], there: OnScreen | None = None) -> None:
        """Remove the points of objects that lie on the plane on screen, or on one that is told."""
        here = there or self._controller.here()
        if self.layer is None or here is None:
            return
        found = prompts.indices_of(self.layer, ids, here.layer, here.plane, here.world)
        if found:
            with self.layer.events.data.blocker(self._on_data):
                prompts.remove_points(self.layer, found)
            self.note()

    def restore(self, record: PointsRecord | None) -> None:
        """Bring back what the layer held, the layer too."""
        if record is self.record:
            return
        if record is None:
            self.clear()
            return
        if self.layer is None:
            self.arm()
        if self.layer is not None:
            with self.layer.events.data.blocker(self._on_data):
                point_records.write_points(self.layer, record)
            self.note()

    def note(self) -> None:
        """Note what the layer holds."""
        self.record = None if self.layer is None else point_records.read_points(self.layer)

    def layer_removed(self, layer: Any) -> None:
        """Forget the points layer if it is the one that was removed; what its points made stays."""
        if self.layer is not None and str(layer.unique_id) == str(self.layer.unique_id):
            board = self._controller.board
            if len(self.layer.data):
                board.step("Delete the points")
            self._unwatch()
            self.note()
            board.keep_masks()
            self._controller.asking.describe()

    def close(self) -> None:
        """Stop watching."""
        self._unwatch()
        self._task.events.positive.disconnect(self._polarity_chosen)

    def _watch(self, layer: Any) -> None:
        if self.layer is not None and self.layer == layer:
            return
        self._unwatch()
        self.layer = layer
        layer.events.data.connect(self._on_data)
        layer.events.feature_defaults.connect(self._on_defaults)
        keys.bind(self._controller, layer, "points")
        self._pointer.watch(layer)
        self.note()
        self._controller.asking.describe()

    def _unwatch(self) -> None:
        if self.layer is None:
            return
        self.layer.events.data.disconnect(self._on_data)
        self.layer.events.feature_defaults.disconnect(self._on_defaults)
        keys.unbind(self.layer, "points")
        self._pointer.unwatch(self.layer)
        self.layer = None

    def _on_data(self, event: Any) -> None:
        action = str(getattr(event, "action", "changed"))
        if action not in CHANGES:
            return
        if action == "added" and self._is_no_prompt():
            return
        self._changed(STEPS[action], self._controller.board.snapshot(), added=action == "added")

    def _is_no_prompt(self) -> bool:
        """Take a new point back that only chooses: of a right-click, or on another object than its own."""
        here = self._controller.here()
        if (
            self.layer is None
            or here is None
            or self.record is None
            or len(self.layer.data) != len(self.record.data) + 1
        ):
            return False
        chosen: int | None = None
        if not self._pointer.right:
            found = prompts.newest_point(self.layer, here.layer, here.plane, here.world)
            if found is None or found[0] != prompts.next_object(self.layer):
                return False
            self._controller.board.absorb()
            id, point = found
            seen = self._controller.board.draft.stands_on(id, point.row, point.col)
            if seen is None:
                return False
            chosen = seen.id
        with self.layer.events.data.blocker(self._on_data):
            prompts.remove_points(self.layer, [len(self.layer.data) - 1])
        if chosen is not None:
            self._controller.board.select(chosen)
            self._controller.status.idle(f"Object {chosen} selected: the next point corrects it.")
        return True

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

    def _on_defaults(self, event: Any = None) -> None:
        if self.layer is not None:
            self._task.positive = prompts.next_polarity(self.layer)

    def _polarity_chosen(self, positive: bool) -> None:
        if self.layer is not None and prompts.next_polarity(self.layer) != positive:
            prompts.set_next_polarity(self.layer, positive)
