"""Accepting what was followed: a layer of the user's with the objects on all their frames.

``SAM3 live accepted labels`` keeps a record with a number of its own for each object of each plane: an object on 2,000
frames would have 2,000 numbers. So a stack becomes an accepted object as ``Mask Operations`` makes one of a preview
with more axes: a layer that says so in its metadata, where an object has one number on all frames.
"""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_sam3_assistant.app.hints import count_of
from napari_sam3_assistant.core.errors import AssistantError, PromptError, SaveError
from napari_sam3_assistant.layers import class_masks, names
from napari_sam3_assistant.layers.class_masks import DEFAULT_CLASS, Role
from napari_sam3_assistant.masks.joining import Conversion
from napari_sam3_assistant.masks.scopes import Reach
from napari_sam3_assistant.tasks.jobs import Job, Kind, Task
from napari_sam3_assistant.tasks.tracks import Tracks

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController
    from napari_sam3_assistant.tasks.scheduler import Scheduler

WORKER = "stacks"


@dataclass(frozen=True, slots=True, eq=False)
class AcceptedStack:
    """A layer that was made: its unique id, the objects in it, and how many records were accepted before it."""

    layer: str
    objects: int
    before: int


class AcceptedStacks:
    """Makes such layers, and takes them back.

    Parameters
    ----------
    controller : AppController
    scheduler : Scheduler
    """

    def __init__(self, controller: AppController, scheduler: Scheduler) -> None:
        self._controller, self._scheduler = controller, scheduler
        self._session = f"stacks-{id(self)}"
        self._made: tuple[AcceptedStack, ...] = ()
        self._copying = False

    @property
    def objects(self) -> int:
        """How many objects were accepted."""
        return sum(one.objects for one in self._made)

    def accept(self, *, clear: bool, ids: Collection[int] | None = None) -> bool:
        """Accept what was followed through the image in use, or objects of some numbers.

        Parameters
        ----------
        clear : bool
            Whether the preview is removed.
        ids : collection of int or None
            None accepts all.

        Returns
        -------
        bool
            Whether this is the task, and there is something of the kind.
        """
        controller = self._controller
        tracks, here = controller.propagation.tracks, controller.here()
        if controller.state.task.task is not Task.VIDEO or tracks is None or here is None:
            return False
        chosen = tracks.ids if ids is None else tracks.ids & set(ids)
        layer = controller.propagation.layer.find()
        if not chosen or layer is None:
            return False
        if controller.propagation.running or self._copying:
            wait = PromptError("Objects are still being followed.", hint="Wait, or press Cancel: what is done stays.")
            controller.status.fail(wait)
            return True
        copying = controller.propagation.layer.copying(here.plane, None if chosen == tracks.ids else chosen)
        if copying is None:
            return False
        facts = self._facts(layer, str(here.layer.name), tracks, chosen)
        self._copying = True
        job = Job(WORKER, lambda progress, cancel: copying(), keeps=True)
        future = self._scheduler.submit(job, session=self._session, kind=Kind.BATCH)
        future.add_done_callback(
            lambda done: controller.on_main(lambda: self._copied(done, here.place[0], facts, len(chosen), clear))
        )
        return True

    def undo_last(self) -> bool:
        """Remove the layer that was accepted last, where nothing else was since; return whether that was so."""
        if not self._made or self._made[-1].before < len(self._controller.accepting.records):
            return False
        last, self._made = self._made[-1], self._made[:-1]
        layers = self._controller.viewer.layers
        layer = next((one for one in layers if str(one.unique_id) == last.layer), None)
        if layer is not None:
            layers.remove(layer)
        self._controller.accepting.publish()
        self._controller.status.idle(f"Undid last accept: {count_of(last.objects)} through the stack.")
        return True

    def layer_removed(self, layer: Any) -> None:
        """Forget a layer that was removed."""
        self._made = tuple(one for one in self._made if one.layer != str(layer.unique_id))

    def _copied(self, done: Future[Any], image: str, facts: dict[str, Any], objects: int, clear: bool) -> None:
        """Add the layer, and say so."""
        self._copying = False
        controller = self._controller
        if controller.closed or done.cancelled():
            return
        error = done.exception()
        if error is not None:
            none = SaveError("There is no memory for the accepted labels.", hint="Close other layers.")
            controller.status.fail(error if isinstance(error, AssistantError) else none)
            return
        name = class_masks.free_name(controller.viewer, names.ACCEPTED_PROPAGATED)
        layer = controller.propagation.layer.add_copy(image, done.result(), name, **facts)
        if layer is None:
            return
        self._made = (*self._made, AcceptedStack(str(layer.unique_id), objects, len(controller.accepting.records)))
        if clear:
            controller.propagation.forget()
        controller.accepting.publish()
        first, last = facts["z_range"]
        cleared = " Preview cleared." if clear else ""
        controller.status.idle(
            f"Accepted {count_of(objects)} on frames {first} to {last} as layer '{layer.name}'.{cleared}"
        )

    def _facts(self, layer: Any, picture: str, tracks: Tracks, chosen: Collection[int]) -> dict[str, Any]:
        """Return what the metadata of the layer say."""
        frames = [tracks.frame_of((tracks.image, plane)) or 0 for plane in tracks.planes]
        return {
            class_masks.ROLE: Role.ACCEPTED.value,
            class_masks.STATUS: "accepted",
            class_masks.OBJECT_NAME: picture,
            class_masks.CLASS_NAME: DEFAULT_CLASS,
            class_masks.CLASS_VALUE: 1,
            "instance_kind": "object",
            **class_masks.sources_of(self._controller.viewer, layer),
            "created_from": "SAM3 Assistant",
            "dimensional_scope": Reach.WHOLE.value,
            "z_range": [min(frames, default=0), max(frames, default=0)],
            class_masks.CLASS_CONVERSION: Conversion.PRESERVE.value,
            "source_values": sorted(chosen),
        }
