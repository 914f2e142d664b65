"""At a glance: how well each object is followed, which of its frames are doubtful, and the way from one to the next."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.tasks.faults import words
from napari_sam3_assistant.tasks.quality import Quality, Strip
from napari_sam3_assistant.tasks.tracks import Tracks

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController

MOST = 400
"""So many masks are measured at a time: some ten milliseconds."""
REST_S = 0.2
"""While frames come in they are looked at no more often."""
SHARE = 15
"""Nor does looking take more than one part in so many of the time."""
AGAIN_S = 0.02
"""After so long the rest is measured."""
WATCHED = ("version", "running", "done", "objects", "frame", "outer")


class Glance:
    """Looks at what was followed through the image in use, whenever that has changed.

    Parameters
    ----------
    controller : AppController

    Attributes
    ----------
    strips : tuple of Strip
        The objects, by their numbers.
    unread : mapping of int to str
        The frames that could not be read, and why.
    """

    changed = Signal()
    """What is told of the objects is other than before."""

    def __init__(self, controller: AppController) -> None:
        self._controller, self._video = controller, controller.state.video
        self._quality, self._looked, self._due = Quality(), 0.0, False
        self._chosen: int | None = None
        self.strips: tuple[Strip, ...] = ()
        self.unread: Mapping[int, str] = {}
        controller.state.results.events.selected.connect(self._selected)
        self._signals = [getattr(self._video.events, name) for name in WATCHED]
        for signal in self._signals:
            signal.connect(self._soon)

    def close(self) -> None:
        """Look no more."""
        self._controller.state.results.events.selected.disconnect(self._selected)
        for signal in self._signals:
            signal.disconnect(self._soon)

    @property
    def frame(self) -> int | None:
        """The frame on screen; None where it is none of what was followed."""
        tracks = self._controller.propagation.tracks
        return None if tracks is None else tracks.frame_of(self._controller.board.place)

    @property
    def chosen(self) -> int | None:
        """The object that was looked at last, or that the next prompt is about."""
        return self._chosen if self.strip_of(self._chosen or 0) is not None else None

    def said_of(self, frame: int, object_id: int) -> str:
        """Return what is known of an object on a frame, in words."""
        if frame in self.unread:
            return f"Frame {frame} could not be read: {self.unread[frame]}"
        strip = self.strip_of(object_id)
        at = strip.at(frame) if strip is not None else None
        if strip is None or at is None:
            return f"Frame {frame}: object {object_id} is not there."
        told = f"Frame {frame}: object {object_id}, {strip.area[at]:,.0f} px, score {strip.score[at]:.2f}"
        if strip.said[at]:
            return f"{told}. Prompted, corrected or confirmed here."
        return f"{told}. Doubtful: {words(int(strip.why[at]))}." if strip.why[at] else f"{told}."

    def strip_of(self, object_id: int) -> Strip | None:
        """Return the strip of an object, or None."""
        return next((one for one in self.strips if one.object_id == object_id), None)

    # -- going about --------------------------------------------------------------------------------

    def go(self, frame: int, object_id: int | None = None) -> None:
        """Show a frame, and make an object the one that the next prompt is about."""
        self._controller.propagation.go_to(frame)
        self._chosen = object_id if object_id is not None else self._chosen
        if object_id is not None and self._controller.board.draft.has(object_id):
            self._controller.board.select(object_id)
        if object_id is not None:
            self._controller.status.idle(self.said_of(frame, object_id))
        self.changed.emit()

    def walk(self, way: int) -> None:
        """Go to the next doubtful frame (1), or to the one before (-1); after the last one comes the first."""
        here, doubtful = self.frame, self._doubtful()
        if not doubtful:
            self._controller.status.idle("No frame is doubtful.")
            return
        there = -1 if here is None else here
        if way > 0:
            frame = next((one for one in doubtful if one > there), next(iter(doubtful)))
        else:
            frame = next((one for one in reversed(doubtful) if one < there), next(reversed(doubtful)))
        self.go(frame, doubtful[frame])

    def remove(self, object_id: int) -> None:
        """Forget an object on all frames."""
        self._controller.propagation.remove(object_id)

    def confirm(self, frame: int, object_id: int) -> None:
        """Say that an object is right on a frame: it is doubtful there no more, and holds when others are corrected."""
        self._controller.propagation.confirm(frame, object_id)

    def _doubtful(self) -> dict[int, int]:
        """Return the doubtful frames in their order, and of each the first object that is doubtful there."""
        found = {int(frame): one.object_id for one in reversed(self.strips) for frame in one.frames[one.doubtful]}
        return dict(sorted(found.items()))

    def _selected(self, object_id: int | None) -> None:
        self._chosen = object_id if object_id is not None else self._chosen

    # -- looking ------------------------------------------------------------------------------------

    def _soon(self, *_: object) -> None:
        """Look once what goes on now is done, and not at every frame."""
        if not self._due:
            self._due = True
            rest = REST_S - (time.monotonic() - self._looked)
            self._controller.after(max(rest, 0.0) if self._video.running else 0.0, self._look)

    def _look(self) -> None:
        self._due = False
        if self._controller.closed:
            return
        began, propagation, place = time.monotonic(), self._controller.propagation, self._controller.board.place
        tracks, video = propagation.tracks, propagation.video
        more = False
        if tracks is None:
            self._quality, self.strips, self.unread = Quality(), (), {}
        else:
            at = place[1] if place is not None and place[0] == tracks.image else None
            box = video.view.window.box if video is not None else None
            more = self._quality.look(tracks, box, at=at, most=MOST)
            self.strips, self.unread = self._quality.strips(), _unread(tracks, at)
        self._video.doubtful = len(self._doubtful())
        self._looked = time.monotonic() + SHARE * (time.monotonic() - began)
        if more:
            self._due = True
            self._controller.after(AGAIN_S, self._look)
        self.changed.emit()


def _unread(tracks: Tracks, at: Plane | None) -> dict[int, str]:
    """Return which frames could not be read, at the position of the second axis that is on screen."""
    here = None if at is None or tracks.over is None else at.position(tracks.over)
    return {
        plane.position(tracks.axis) or 0: why
        for plane, why in tracks.problems.items()
        if here is None or tracks.over is None or plane.position(tracks.over) == here
    }
