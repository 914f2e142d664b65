"""Channels and limits of intensity: what the user says of them, image by image.

All on the GUI thread. The choices of the image in use stand in the task's state, where widgets set them;
those of other images wait here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_sam3_assistant.app.drafts import Draft
from napari_sam3_assistant.app.hints import seen
from napari_sam3_assistant.core.errors import AssistantError
from napari_sam3_assistant.core.intensity import Limits
from napari_sam3_assistant.core.sources import Mix, Source
from napari_sam3_assistant.layers import images
from napari_sam3_assistant.layers.channels import Told, fitted, typed_names
from napari_sam3_assistant.layers.world import world_of

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController

MASKS_STAY = "Masks stay as they are; the next click and Run Preview use it."
REPLACED = "The pixels of {} were replaced; they are read anew. Masks stay as they are."
MOVED = "The contrast limits were moved; the engine still sees {}. Press Use contrast limits to take the new ones."


class Channels:
    """What is seen of an image with channels, and between which limits of intensity.

    Parameters
    ----------
    controller : AppController
    """

    def __init__(self, controller: AppController) -> None:
        self._controller = controller
        self._task = controller.state.task
        self._sources = images.Sources(self._replaced)
        self._told: dict[str, Told] = {}
        self._watched: Any | None = None
        self._changed: set[str] = set()
        self._task.events.channel_axis.connect(self._choose)
        self._task.events.mix.connect(self._choose)

    # -- what tasks read --------------------------------------------------------------------------

    def source_of(self, layer: Any) -> Source:
        """Return the source of an image layer, as the user wants it seen.

        Raises
        ------
        ImageError
            If the layer's pixels cannot be segmented, or what the user says of its channels does not fit.
        """
        return self._sources.of(layer, self.told(layer), typed_names(self._controller.viewer))

    def plain_source_of(self, layer: Any) -> Source:
        """Return the source of an image layer, whatever the user says of its channels.

        Raises
        ------
        ImageError
            If the layer's pixels cannot be segmented.
        """
        return self._sources.of(layer)

    def axis_names(self, layer: Any) -> tuple[str, ...]:
        """Return the names of an image's axes as the layer, a slider or its file tells; empty where none does."""
        return self._sources.axis_names(layer, typed_names(self._controller.viewer))

    def told(self, layer: Any) -> Told:
        """Return what the user says of an image."""
        return self._told.get(str(layer.unique_id), Told())

    # -- choosing ---------------------------------------------------------------------------------

    def look(self, layer: Any | None) -> None:
        """Write what was said of the image that is in use now."""
        self._watch(layer)
        told = Told() if layer is None else self.told(layer)
        self._task.channel_axis, self._task.mix = told.axis, told.mix
        self.describe()

    def show(self, mix: Mix | None) -> None:
        """See these channels as red, green and blue; None sees the one on the slider as grey."""
        self._task.mix = mix

    def press_limits(self) -> None:
        """Take the contrast limits of the image in use; where they are taken already and stand, let them go."""
        layer, task = self._layer, self._task
        if layer is None:
            return
        if task.limits is not None and not task.limits_old:
            self._tell(layer, limits=None, message="The limits of intensity are estimated again.")
            return
        low, high = (float(value) for value in layer.contrast_limits)
        limits = Limits((low,), (high,))
        self._tell(layer, limits=limits, message=f"The engine sees {seen(limits)}.")

    def have_asked_anew(self) -> None:
        """Have a run ask about every object on screen, where what is seen of the image has changed since the last."""
        if self._task.image in self._changed:
            self._changed.remove(self._task.image)
            self._controller.board.change(Draft.all_unasked)

    def _choose(self, *_: Any) -> None:
        """Take what the state says of the image in use, if it is not known already."""
        layer, task = self._layer, self._task
        if layer is None:
            return
        told = self.told(layer)
        if (told.axis, told.mix) == (task.channel_axis, task.mix):
            return
        if told.axis != task.channel_axis and task.mix is not None:
            task.mix = None  # those were channels of another axis; comes back here
            return
        self._tell(layer, axis=task.channel_axis, mix=task.mix, message=self._words(layer))

    def _tell(self, layer: Any, *, message: str, **said: Any) -> None:
        identity = str(layer.unique_id)
        before = self.told(layer)
        self._told[identity] = Told(**{"axis": before.axis, "mix": before.mix, "limits": before.limits, **said})
        self._changed.add(identity)
        controller = self._controller
        if controller.here_or_say() is None:
            controller.describe()
            return
        controller.view_moved()
        controller.prepare()
        if not controller.status.running:
            controller.status.idle(f"{message} {MASKS_STAY}")

    def _words(self, layer: Any) -> str:
        mix = self._task.mix
        if mix is not None:
            names = [self._name(layer, channel) for channel in mix]
            return "Seen as red, green, blue: {}, {}, {}.".format(*names)
        axis = self._task.channel_axis
        return f"Axis {axis} holds channels." if axis >= 0 else "The channel on the slider is seen as grey."

    # -- what the viewer tells --------------------------------------------------------------------

    def describe(self) -> None:
        """Write what channels the image in use has, and whether its contrast limits have moved."""
        layer, task = self._layer, self._task
        names: tuple[str, ...] = ()
        if layer is not None:
            try:
                world = world_of(self._controller.viewer)
                source = fitted(self.source_of(layer), layer, world, self.told(layer))
                count = 0 if source.rgb or source.channel_axis is None else source.shape[source.channel_axis]
            except AssistantError:  # the summary says what is wrong
                count = 0
            names = tuple(self._name(layer, channel) for channel in range(count))
        limits = None if layer is None else self.told(layer).limits
        task.channels = names
        task.deep = layer is not None and layer.ndim > 2
        task.color = layer is not None and bool(layer.rgb)
        task.limits = None if limits is None else seen(limits)
        task.limits_old = limits is not None and not self._same(layer, limits)

    def forget(self, layer: Any) -> None:
        """Let go of an image that has left the viewer."""
        self._told.pop(str(layer.unique_id), None)
        self._changed.discard(str(layer.unique_id))
        self._sources.forget(layer)

    def close(self) -> None:
        """Stop watching."""
        self._watch(None)
        self._sources.close()
        self._task.events.channel_axis.disconnect(self._choose)
        self._task.events.mix.disconnect(self._choose)

    @property
    def _layer(self) -> Any | None:
        return images.layer_by_id(self._controller.viewer, self._task.image)

    def _name(self, layer: Any, channel: int | None) -> str:
        if channel is None:
            return "none"
        names = self._sources.channel_names(layer)
        return f"{channel} {names[channel]}".strip() if channel < len(names) else str(channel)

    def _watch(self, layer: Any | None) -> None:
        if self._watched is not None:
            self._watched.events.contrast_limits.disconnect(self._limits_moved)
        self._watched = layer
        if layer is not None:
            layer.events.contrast_limits.connect(self._limits_moved)

    def _limits_moved(self, event: Any = None) -> None:
        was_old = self._task.limits_old
        self.describe()
        if self._task.limits_old and not was_old and not self._controller.status.running:
            self._controller.status.idle(MOVED.format(self._task.limits))

    @staticmethod
    def _same(layer: Any, limits: Limits) -> bool:
        return tuple(float(value) for value in layer.contrast_limits) == (limits.low[0], limits.high[0])

    def _replaced(self, layer: Any) -> None:
        """Read the new pixels of the image in use, and say so; answers about the old ones are not taken."""
        controller = self._controller
        if str(layer.unique_id) != self._task.image:
            return
        self._changed.add(str(layer.unique_id))
        waits = controller.asking.waits
        controller.asking.forget()
        stopped = controller.propagation.replaced(layer)
        controller.view_moved()
        controller.prepare()
        message = REPLACED.format(layer.name) + stopped
        if waits and controller.live.is_live:
            controller.asking.follow()
        if controller.here_or_say() is not None:
            controller.asking.tell(message)
