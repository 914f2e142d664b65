"""Which part of a large plane is looked at: what the user chooses, what is said of it, and its frame.

All on the GUI thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_sam3_assistant.app.screen import OnScreen, Place
from napari_sam3_assistant.core.errors import TooLargeError
from napari_sam3_assistant.core.windows import WHOLE_SIDE, Window
from napari_sam3_assistant.layers import names, roi
from napari_sam3_assistant.tasks.view import View

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
        self._shown = self._drawing = self._dismissed = False
        events = self._task.events
        self._chosen = ((events.local, self._local), (events.local_side, self._local), (events.whole_plane, self._all))
        for signal, slot in self._chosen:
            signal.connect(slot)

    def close(self) -> None:
        """Follow no choice any more; the frame goes, for nothing would move it."""
        for signal, slot in self._chosen:
            signal.disconnect(slot)
        if self._shown:
            roi.hide_roi(self._controller.viewer)

    def layer_removed(self, layer: Any) -> None:
        """Leave the frame out once the user has removed it, until a size is chosen again or another picture."""
        if layer.name == names.ROI and not self._drawing:
            self._dismissed, self._shown = True, False

    def look(self, here: OnScreen | None) -> None:
        """Turn to the plane on screen: whether it is large, and what of it is looked at."""
        place = here.place if here is not None else None
        self._task.large = here is not None and max(here.source.plane_shape(here.plane)) > WHOLE_SIDE
        if place != self._place or here is None:
            if place is None or self._place is None or place[0] != self._place[0]:
                self._dismissed = False
            self._place = place
            self.show(here, None)

    def show(self, here: OnScreen | None, view: View | None) -> None:
        """Show what is looked at; a view of another plane, or chosen in another way than now, is none."""
        task, window = self._task, None
        if here is not None and view is not None and (task.large or self._cuts(here)):
            now = here.source.identity, here.plane, task.rule
            window = view.window if (view.source.identity, view.plane, view.rule) == now else None
        task.window = window
        self._draw(here)

    # -- choices ----------------------------------------------------------------------------------

    def _local(self) -> None:
        """Begin or end to look at a window of a fixed size, or at one of another size."""
        task, refused, self._dismissed = self._task, self._refused, False
        if task.local:
            task.whole_plane = False
            size = f"{task.local_side} x {task.local_side}"
            self._say(f"Large-image mode ON: local ROI inference ({size}).")
        else:
            self._say("Large-image mode OFF: the window is chosen automatically.")
        self.show(self._controller.here(), None)
        if refused and not task.whole_plane:
            self._controller.run()

    def _all(self) -> None:
        """Begin or end to look at the whole plane."""
        refused = self._refused
        if self._task.whole_plane:
            self._task.local = False
            self._say("Whole plane: all of it is looked at, more coarsely where it has smaller copies.")
        self.show(self._controller.here(), None)
        if refused and not (self._task.whole_plane or self._task.local):
            self._controller.run()

    @property
    def _refused(self) -> bool:
        """Whether what was asked last was too much at once: it is asked again of a window, unasked."""
        return isinstance(self._controller.status.error, TooLargeError)

    def _say(self, message: str) -> None:
        if not self._controller.status.running:
            self._controller.status.idle(message)

    # -- the frame --------------------------------------------------------------------------------

    def _draw(self, here: OnScreen | None) -> None:
        task, viewer, self._drawing = self._task, self._controller.viewer, True
        if here is not None and self._cuts(here) and not self._dismissed:
            roi.show_roi(viewer, here.layer, here.plane, task.window or self._in_view(here))
            self._shown = True
        elif self._shown:
            roi.hide_roi(viewer)
            self._shown = False
        self._drawing = False

    def _cuts(self, here: OnScreen) -> bool:
        """Return whether a window of the fixed size is less than the plane."""
        task = self._task
        return task.local and max(here.source.plane_shape(here.plane)) > task.local_side

    def _in_view(self, here: OnScreen) -> Window:
        """Return the window of a question without a place, as long as there is no other."""
        return self._task.rule.in_view(here.source.plane_shape(here.plane), here.view)
