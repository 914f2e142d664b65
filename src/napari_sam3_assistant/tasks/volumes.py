"""Volumes: objects followed through depth at each time, seeded by the time before.

Two axes count: an inner one, such as z, and an outer one, such as t. At the time where objects were prompted they are
followed through depth, as by a :class:`~napari_sam3_assistant.tasks.video.Video` of their own. From there each goes
to the next time on one plane, that where it was prompted or, where it is not seen on it, that of its largest section;
then through depth there, and so on, both ways. Where nothing of an object is left at a time, that way ends.

What a user says on any plane counts as it does in a video: along the outer axis up to the next time at which
something was said of the object, along the inner one up to the next such plane.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import replace

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.prompts import MaskPrompt, Prompts
from napari_sam3_assistant.tasks.frames import Ahead, Direction
from napari_sam3_assistant.tasks.ledger import Ledger
from napari_sam3_assistant.tasks.propagation import Propagation
from napari_sam3_assistant.tasks.tracks import Tracks
from napari_sam3_assistant.tasks.video import Video
from napari_sam3_assistant.tasks.view import View
from napari_sam3_assistant.tasks.volume_run import VolumeRun

__all__ = ["AnyRun", "Film", "VolumeRun", "Volumes"]


class Volumes:
    """What was said of objects in a picture of volumes, and what was found.

    Parameters
    ----------
    view : View
        Of any plane.
    inner, outer : int
        The axes of depth and of time.

    Raises
    ------
    ImageError
        If one of them lies in the plane.
    """

    def __init__(self, view: View, inner: int, outer: int) -> None:
        view.plane.at(outer, 0)
        self.view, self.inner, self.outer = view, inner, outer
        self.axis = inner
        self.count, self.times = view.source.shape[inner], view.source.shape[outer]
        self.tracks = Tracks(view.source.identity, view.plane, inner, outer)
        self.ledger = Ledger(self.times)
        self.videos: dict[int, Video] = {}
        """By time, what was said and done there."""
        self.seeds: dict[tuple[int, int], int] = {}
        """By time and object, the serial of what it was brought there from."""
        self.done_with: deque[Video] = deque()
        """Videos whose sessions are given back on the engine's thread."""
        self._run: VolumeRun | None = None

    @property
    def numbers(self) -> frozenset[int]:
        """The numbers that objects have, or had."""
        return self.tracks.ids.union(self.ledger.said, *(video.numbers for video in self.videos.values()))

    @property
    def prompted(self) -> dict[Plane, frozenset[int]]:
        """By plane, the objects of which a user has said something there."""
        found: dict[Plane, frozenset[int]] = {}
        for video in self.videos.values():
            for frame, prompts in video.given.items():
                own = prompts.keys() - video.brought.get(frame, frozenset())
                if own:
                    found[video.plane_at(frame)] = frozenset(own)
        return found

    def at(self, time: int) -> Video:
        """Return the volume of a time as a video along the inner axis."""
        if time not in self.videos:
            plane = self.view.plane.at(self.outer, time)
            self.videos[time] = Video(replace(self.view, plane=plane), self.inner, self.tracks)
        return self.videos[time]

    def give(self, time: int, frame: int, prompts: Mapping[int, Prompts]) -> None:
        """Say what objects are on a plane; see :meth:`Video.give`.

        Raises
        ------
        PromptError
            If there is no such plane, or a prompt cannot be used.
        """
        if not 0 <= time < self.times:
            raise PromptError(f"There is no time {time}.", hint=f"Times go from 0 to {self.times - 1}.")
        self.at(time).give(frame, prompts)
        self.ledger.say((object_id, time) for object_id in prompts)
        if self._run is not None:
            self._run.renew()

    def give_on(self, plane: Plane, prompts: Mapping[int, Prompts]) -> None:
        """Say what objects are on a plane; see :meth:`give`.

        Raises
        ------
        PromptError
            If a prompt cannot be used.
        """
        self.give(plane.position(self.outer) or 0, plane.position(self.inner) or 0, prompts)

    def remove(self, object_id: int) -> list[Plane]:
        """Forget an object; return the planes where it was."""
        self.ledger.remove(object_id)
        self.seeds = {where: serial for where, serial in self.seeds.items() if where[1] != object_id}
        changed = self.tracks.drop([object_id], self.tracks.planes)
        for video in self.videos.values():
            video.remove(object_id)
        if self._run is not None:
            self._run.forget(object_id)
        return changed

    def run(
        self,
        direction: Direction = Direction.BOTH,
        times: range | None = None,
        frames: range | None = None,
        ahead: Ahead | None = None,
    ) -> VolumeRun:
        """Return a run over what is still to be done.

        Parameters
        ----------
        direction : Direction
            Through time; through depth it is always both.
        times, frames : range or None
            Those that are wanted along the outer and the inner axis; None for all.
        ahead : callable or None
            See :meth:`Video.run`.

        Raises
        ------
        PromptError
            If there is no object, or nothing left to do.
        """
        whole = range(self.times), range(self.count)
        self._run = VolumeRun(self, direction, whole[0] if times is None else times, frames or whole[1], ahead)
        return self._run

    def copy(self) -> Volumes:
        """Return the same, independent of what comes after; the engine remembers nothing of it."""
        other = Volumes(self.view, self.inner, self.outer)
        other.tracks, other.ledger, other.seeds = self.tracks.copy(), self.ledger.copy(), dict(self.seeds)
        other.videos = {time: video.copy(other.tracks) for time, video in self.videos.items()}
        return other

    def close(self) -> None:
        """Give back what the engine keeps of the planes. A later run begins with the masks that are there."""
        self.done_with.extend(self.videos.values())
        self.tidy()

    def tidy(self) -> None:
        """Give back what the engine keeps of planes that are done."""
        while self.done_with:
            self.done_with.popleft().close()

    def there(self, time: int) -> frozenset[int]:
        """Return the objects that are on any plane of a time."""
        video = self.at(time)
        return frozenset(id for frame in range(self.count) for id in self.tracks.seen(video.plane_at(frame)))

    def unread(self, time: int) -> bool:
        """Whether a plane of a time could not be read."""
        return any(plane.position(self.outer) == time for plane in self.tracks.problems)

    def seeded_on(self, time: int, object_id: int) -> int | None:
        """Return on which plane of a time an object goes to the next one; None where it is not there at all."""
        video = self.at(time)
        said = video.ledger.said.get(object_id, {})
        areas = {
            frame: item.area
            for frame in range(self.count)
            if (item := self.tracks.seen(video.plane_at(frame)).get(object_id)) is not None
        }
        prompted = [frame for frame in said if frame in areas]
        if prompted:
            return max(prompted, key=lambda frame: said[frame])
        return max(areas, key=lambda frame: areas[frame], default=None)

    def bring(self, time: int, frame: int, masks: Mapping[int, MaskPrompt], serials: Mapping[int, int]) -> None:
        """Let objects that come from another time begin on a plane, in place of what was brought there before."""
        video = self.at(time)
        for object_id in masks:
            video.remove(object_id)
            self.seeds[time, object_id] = serials[object_id]
        video.give(frame, {id: Prompts(mask=mask) for id, mask in masks.items()}, by_user=False)


Film = Video | Volumes
"""What objects are followed through: frames along one axis, or those at each position of a second one."""
AnyRun = Propagation | VolumeRun
"""A run through either."""
