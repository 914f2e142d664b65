"""Which axis of the picture counts the frames, and which frame is on screen, written for the widgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_sam3_assistant.app.propagating.said import planes_said
from napari_sam3_assistant.app.screen import OnScreen, Place
from napari_sam3_assistant.tasks.frames import Through, frame_axes, frame_axis, through_named, ways_through
from napari_sam3_assistant.tasks.jobs import Task

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController


class Axes:
    """Follows the sliders.

    Parameters
    ----------
    controller : AppController
    """

    def __init__(self, controller: AppController) -> None:
        self._controller = controller
        self._video, self._task = controller.state.video, controller.state.task
        self._moved: dict[str, int] = {}
        self._place: Place | None = None

    def look(self, here: OnScreen | None) -> None:
        """Write which frames the image on screen has; note which of its sliders was moved."""
        video = self._video
        if here is None:
            video.axis, video.axes, video.frames, video.frame, video.said, self._place = "", (), 0, None, 0, None
            video.outer = None
            return
        before, self._place = self._place, here.place
        if before is not None and before[0] == here.place[0]:
            changed = set(here.plane.index) - set(before[1].index)
            axes = {axis for axis, _ in changed} & set(frame_axes(here.source, here.plane))
            if len(axes) == 1:
                self._moved[here.place[0]] = axes.pop()
        through = self.of(here)
        video.axes = tuple(one.name for one in self._ways(here))
        video.axis = "" if through is None else through.name
        video.frames = 0 if through is None else here.source.shape[through.axis]
        video.frame = None if through is None else here.plane.position(through.axis)
        video.outer = None if through is None or through.over is None else here.plane.position(through.over)
        asked = through is not None and self._task.task is Task.VIDEO
        video.said = len(planes_said(self._controller, here, through)) if through is not None and asked else 0

    def of(self, here: OnScreen) -> Through | None:
        """Return what is gone through: what the user has chosen, else the axis that is found; or None."""
        return through_named(self._ways(here), self._task.through)

    def name_of(self, here: OnScreen, axis: int | None) -> str:
        """Return what an axis is called; empty for none."""
        return next((one.name for one in self._ways(here) if one.axis == axis and one.over is None), "")

    def _ways(self, here: OnScreen) -> tuple[Through, ...]:
        """Return what can be gone through, the axis that is found first."""
        names = self._controller.channels.axis_names(here.layer)
        first = frame_axis(here.source, here.plane, names, self._moved.get(here.place[0]))
        return ways_through(here.source, here.plane, names, first)
