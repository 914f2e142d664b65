"""Which part of a large plane is looked at: what the user chooses, what is said of it, and its frame.

All on the GUI thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_sam3_assistant.app.screen import OnScreen, Place
from napari_sam3_assistant.core.windows import WHOLE_SIDE, Window
from napari_sam3_assistant.layers import roi

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController


class ActiveRoi:
    """Follows the window, and draws its frame while large-image local inference is on.

    Parameters
    ----------
    controller : AppController
    """

    def __init__(self, controller: AppController) -> None:
        self._controller, self._task = controller, controller.state.task
        self._place: Place | None = None
        events = self._task.events
        self._chosen = ((events.local, self._local), (events.local_side, self._local), (events.whole_plane, self._all))
        for signal, slot in self._chosen:
            signal.connect(slot)

    def close(self) -> None:
        """Follow no choice any more; the frame goes, for nothing would move it."""
        for signal, slot in self._chosen:
            signal.disconnect(slot)
        roi.hide_roi(self._controller.viewer)

    def look(self, here: OnScreen | None) -> None:
        """Turn to the plane on screen: whether it is large, and what of it is looked at."""
        place = here.place if here is not None else None
        self._task.large = here is not None and max(here.source.plane_shape(here.plane)) > WHOLE_SIDE
        if place != self._place:
            self._place = place
            self._task.window = None
            self._draw(here)

    def show(self, here: OnScreen) -> None:
        """Show the window of the newest request."""
        self._task.window = self._controller.window if self._task.large else None
        self._draw(here)

    # -- choices ----------------------------------------------------------------------------------

    def _local(self) -> None:
        """Begin or end to look at a window of a fixed size, or at one of another size."""
        task, here = self._task, self._controller.here()
        if task.local:
            task.whole_plane = False
            size = f"{task.local_side} x {task.local_side}"
            self._say(f"Large-image mode ON: local ROI inference ({size}).")
        else:
            self._say("Large-image mode OFF: the window is chosen automatically.")
        task.window = None
        self._draw(here)

    def _all(self) -> None:
        """Begin or end to look at the whole plane."""
        if self._task.whole_plane:
            self._task.local = False
            self._say("Whole plane: all of it is looked at, more coarsely where it has smaller copies.")
        self._task.window = None

    def _say(self, message: str) -> None:
        if not self._controller.status.running:
            self._controller.status.idle(message)

    # -- the frame --------------------------------------------------------------------------------

    def _draw(self, here: OnScreen | None) -> None:
        task, viewer = self._task, self._controller.viewer
        if here is None or not task.large or not task.local:
            roi.hide_roi(viewer)
            return
        roi.show_roi(viewer, here.layer, here.plane, task.window or self._in_view(here))

    def _in_view(self, here: OnScreen) -> Window:
        """Return the window of a question without a place, as long as there is no other."""
        return self._task.rule.in_view(here.source.plane_shape(here.plane), here.view)
