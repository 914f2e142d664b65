"""What is followed now: the video, what was heard of it, and the record that a step back brings back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from napari_sam3_assistant.app.propagating import words
from napari_sam3_assistant.app.propagating.painting import Painting
from napari_sam3_assistant.app.propagating.record import Followed, drawable, redraw
from napari_sam3_assistant.app.propagating.saying import Heard
from napari_sam3_assistant.app.tracks_layer import TracksLayer
from napari_sam3_assistant.tasks.tracks import Tracks
from napari_sam3_assistant.tasks.volumes import Film

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController
    from napari_sam3_assistant.tasks.session import ImageSession


class Kept:
    """Holds it.

    Parameters
    ----------
    controller : AppController
    session : ImageSession
    layer : TracksLayer
    told : callable
        Called soon after something was painted in the layer.
    """

    def __init__(
        self, controller: AppController, session: ImageSession, layer: TracksLayer, told: Callable[[], None]
    ) -> None:
        self._controller, self._session, self._layer = controller, session, layer
        self._state = controller.state.video
        self._record: Followed | None = None
        self.painting = Painting(controller, layer, told)
        self.video: Film | None = None
        self.heard = Heard()
        self.open, self.number = False, 0
        """Whether a run may go on with it; and which session of the viewer it is."""
        self.why_ended = words.GONE

    @property
    def tracks(self) -> Tracks | None:
        """What was found, in whichever image."""
        return self.video.tracks if self.video is not None else None

    @property
    def own(self) -> Tracks | None:
        """What was found in the image in use; None where nothing was."""
        tracks = self.tracks
        return tracks if tracks is not None and tracks.image == self._controller.state.task.image else None

    def end(self, why: str) -> None:
        """Let no run go on with it, and remember why."""
        self.open, self.why_ended = False, why
        self.changed()

    def absorb(self) -> bool:
        """Take what the user has painted in the layer, on any frame, for what was said; return whether there is any."""
        if self.video is None or self.own is None:
            return False
        planes = self.painting.absorb(self.video, lambda: self._controller.board.step("Paint"))
        if planes:
            self.changed()
        return bool(planes)

    @property
    def record(self) -> Followed | None:
        """What a step brings back; the same as long as nothing has changed."""
        if self._record is None and self.video is not None:
            self._record = Followed(self.video.copy(), self.heard.copy(), self.open, self.number)
        return self._record

    def bring_back(self, target: Followed | None) -> None:
        """Bring back a propagation as it was, and its layer; None takes both away.

        Raises
        ------
        AssistantError
            If the layer cannot be made.
        """
        before = self.tracks
        if target is None or not drawable(self._controller, target):
            self.let_go()
            self._layer.remove()
        else:
            video = target.video.copy()
            redraw(self._controller, self._layer, before, video.tracks)
            self.take_up(video, target.heard.copy(), open=target.open)
            self.number, self._record = target.session, target

    def take_up(self, video: Film, heard: Heard, *, open: bool) -> None:
        """Use a video in the place of another one, of which the engine forgets what it remembers."""
        self.drop()
        self.video, self.heard, self.open = video, heard, open
        self.painting.watch(video.tracks)
        self.changed()

    def let_go(self) -> None:
        """Forget what is followed; its layer stays."""
        self.drop()
        self.video, self.open, self.heard = None, False, Heard()
        self.painting.watch(None)
        self.changed()

    def drop(self) -> None:
        """Have the engine forget what it remembers."""
        old = self.video
        if old is not None:
            self._session.work(old.close)  # engines are called on their own thread

    def changed(self) -> None:
        """Note that something else is followed, or found, now."""
        self._record = None
        self._state.version += 1
