"""One run through volumes: at one time through depth, then to the next time on one plane, and through depth there.

It is made of runs through videos, one after the other: along the inner axis at each time, along the outer one between
two times.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.progress import CancelToken, Progress, no_progress
from napari_sam3_assistant.core.prompts import MaskPrompt, Prompts
from napari_sam3_assistant.core.sources import estimate_limits
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.engines.protocol import ImageEngine
from napari_sam3_assistant.masks.registry import Origin
from napari_sam3_assistant.tasks.frames import Ahead, Direction
from napari_sam3_assistant.tasks.image import LimitsOf
from napari_sam3_assistant.tasks.ledger import Leg
from napari_sam3_assistant.tasks.plan import Plan, Visit
from napari_sam3_assistant.tasks.propagation import Propagation, Step
from napari_sam3_assistant.tasks.tracks import FOLLOWED, Tracks
from napari_sam3_assistant.tasks.video import Video

if TYPE_CHECKING:
    from napari_sam3_assistant.tasks.volumes import Volumes


class VolumeRun:
    """One run through volumes; it is driven as a :class:`~napari_sam3_assistant.tasks.propagation.Propagation` is.

    Attributes
    ----------
    done : int
        Number of steps taken.
    objects : frozenset of int
        Whom it is about.
    ended : list of (int, int)
        Objects, and the time after which they are gone.
    """

    def __init__(
        self, volumes: Volumes, direction: Direction, times: range, frames: range, ahead: Ahead | None
    ) -> None:
        if not volumes.ledger.said:
            raise PromptError("There is no object to follow.", hint="Click on one, or draw a box round one, first.")
        self.volumes, self.done = volumes, 0
        self.ended: list[tuple[int, int]] = []
        self._direction, self._times, self._frames, self._ahead = direction, times, frames, ahead
        self._plan, self._stale = self._planned(), False
        self._visit: Visit | None = None
        self._seeds: list[tuple[int, list[Leg]]] = []
        self._seeding: tuple[int, list[Leg]] | None = None
        self._stage: Propagation | None = None
        self._tried: Propagation | None = None
        self.objects = frozenset(volumes.ledger.said)
        self._next()
        if self._stage is None:
            raise PromptError(
                "There is no plane left to do.", hint="Correct one, or choose another direction or range."
            )

    @property
    def video(self) -> Volumes:
        """What is gone through, by the name that a run through one video has for it."""
        return self.volumes

    @property
    def tracks(self) -> Tracks:
        """What was found."""
        return self.volumes.tracks

    @property
    def total(self) -> int:
        """Number of steps, about: how far objects reach at other times is not known yet."""
        stage = 0 if self._stage is None else self._stage.total - self._stage.done
        later = self._plan.left - (self._visit is not None)
        return self.done + stage + max(later, 0) * (len(self._frames) + 2)

    @property
    def next_frame(self) -> int | None:
        """Where the next step is on the inner axis; None at the end."""
        plane = self.next_plane
        return None if plane is None else plane.position(self.volumes.inner)

    @property
    def next_plane(self) -> Plane | None:
        """The plane of the next step; None at the end."""
        if self._stage is None or self._stage.next_frame is None:
            return None
        return self._stage.video.plane_at(self._stage.next_frame)

    def step(
        self,
        engine: ImageEngine,
        embeddings: EmbeddingCache,
        *,
        limits_of: LimitsOf = estimate_limits,
        progress: Progress = no_progress,
        cancel: CancelToken | None = None,
    ) -> Step:
        """Return what is on the next plane; see :meth:`Propagation.step`."""
        stage, total = self._stage, self.total
        self._tried = stage
        self.volumes.tidy()
        if stage is None:
            raise PromptError("All planes are done.", hint="Correct one, or choose another direction or range.")

        def tell(fraction: float | None, message: str = "") -> None:
            begun = (fraction or 0) * stage.total - stage.done
            progress((self.done + min(max(begun, 0), 1)) / max(total, 1), message)

        return stage.step(engine, embeddings, limits_of=limits_of, progress=tell, cancel=cancel)

    def take(self, step: Step, origin: Origin = FOLLOWED) -> list[Plane]:
        """Note what a step has found; return the planes on which other objects are now."""
        self.done += 1
        stage = self._stage
        if stage is None or stage is not self._tried:  # all that it was about was removed meanwhile
            return []
        changed = stage.take(step, origin)
        if self._seeding is not None:
            changed = [] if step.problem is None else [step.plane]
            if step.problem is not None:
                self.tracks.problems[step.plane] = step.problem.message
        if stage.next_frame is None:
            changed += self._finish_stage()
            self._next()
        return changed

    def steps(
        self, engine: ImageEngine, embeddings: EmbeddingCache, *, limits_of: LimitsOf = estimate_limits
    ) -> Iterator[Step]:
        """Give one step after the other, taken."""
        while self._stage is not None:
            step = self.step(engine, embeddings, limits_of=limits_of)
            self.take(step)
            yield step

    def renew(self) -> None:
        """Take note, after the time that is worked on, that something else is to be done now."""
        self._stale = True
        self.objects |= frozenset(self.volumes.ledger.said)

    def forget(self, object_id: int) -> None:
        """Leave out an object that was removed."""
        if self._seeding is not None and self._stage is not None:
            self._stage.video.remove(object_id)
        self._seeds = [(frame, [leg for leg in legs if leg.object_id != object_id]) for frame, legs in self._seeds]
        self.renew()
        if self._stage is not None and self._stage.next_frame is None:
            self._finish_stage()
            self._next()

    # -- from one plane to the next ---------------------------------------------------------------

    def _planned(self) -> Plan:
        """Plan times where there is something open in depth, then all others in the order in which they are seeded."""
        volumes, legs = self.volumes, self.volumes.ledger.legs(self._times, self._direction)
        said_at = {time for said in volumes.ledger.said.values() for time in said}
        first = [
            Visit(time)
            for time, video in sorted(volumes.videos.items())
            if (time in said_at or not any(time in leg.frames for leg in legs)) and video.has_more(frames=self._frames)
        ]
        return Plan(first, legs)

    def _next(self) -> None:
        """Begin with what comes next: bringing objects to a time, or going through depth there."""
        self._stage = self._seeding = None
        while self._stage is None:
            if self._visit is None:
                if self._stale:
                    self._plan, self._stale = self._planned(), False
                self._visit = self._plan.visit
                if self._visit is None:
                    return
                self._seeds = self._seeds_of(self._visit)
            video = self.volumes.at(self._visit.frame)
            if self._seeds:
                self._seed(self._visit, *self._seeds.pop(0))
            elif video.has_more(frames=self._frames):
                self._stage = video.run(frames=self._frames, ahead=self._ahead)
            else:
                self._finish_visit(self._visit)

    def _seeds_of(self, visit: Visit) -> list[tuple[int, list[Leg]]]:
        """Return which objects are to be brought to a time, by the plane on which they come."""
        by_frame: dict[int, list[Leg]] = {}
        for leg in visit.legs:
            frame = self.volumes.seeded_on(visit.frame - leg.frames.step, leg.object_id)
            there = self.volumes.seeds.get((visit.frame, leg.object_id)) == leg.serial
            if frame is not None and not there:
                by_frame.setdefault(frame, []).append(leg)
        return list(by_frame.items())

    def _seed(self, visit: Visit, frame: int, legs: list[Leg]) -> None:
        """Begin to follow objects along the outer axis, from the time before onto that of a visit."""
        if not legs:
            return
        step = legs[0].frames.step
        start = self.volumes.at(visit.frame - step)
        seen = self.tracks.seen(start.plane_at(frame))
        video = Video(replace(start.view, plane=start.plane_at(frame)), self.volumes.outer)
        masks = {leg.object_id: MaskPrompt(seen[leg.object_id].mask) for leg in legs if leg.object_id in seen}
        if masks:
            video.give(visit.frame - step, {id: Prompts(mask=mask) for id, mask in masks.items()})
            way = Direction.FORWARD if step > 0 else Direction.BACKWARD
            self._stage, self._seeding = video.run(way, range(visit.frame, visit.frame + 1)), (frame, legs)

    def _finish_stage(self) -> list[Plane]:
        stage, visit = self._stage, self._visit
        if stage is None or visit is None:
            return []
        if self._seeding is None:
            return self._finish_visit(visit)
        (frame, legs), changed = self._seeding, list[Plane]()
        self.volumes.done_with.append(stage.video)
        plane = stage.video.plane_at(visit.frame)
        found = stage.video.tracks.seen(plane)
        serials = {leg.object_id: leg.serial for leg in legs}
        masks = {id: MaskPrompt(item.mask) for id, item in found.items() if id in self.volumes.ledger.said}
        for id in [id for id in serials if id not in masks and plane not in self.tracks.problems]:
            changed += self.volumes.at(visit.frame).remove(id)  # of what was brought there before
        if masks:
            self.volumes.bring(visit.frame, frame, masks, serials)
            changed.append(plane)
        return changed

    def _finish_visit(self, visit: Visit) -> list[Plane]:
        """Note that a time is done; an object of which nothing is there is gone that way."""
        volumes, changed, self._visit = self.volumes, list[Plane](), None
        volumes.done_with.append(volumes.at(visit.frame))
        there, unread = volumes.there(visit.frame), volumes.unread(visit.frame)
        for leg in self._plan.go(visit):
            gone = leg.object_id not in there
            if not (gone and unread):  # it may be on the plane that could not be read: another run tries again
                volumes.ledger.did(leg, visit.frame)
            if gone:
                self._plan.drop(leg)
                self.ended.append((leg.object_id, visit.frame - leg.frames.step))
                beyond = [] if unread else volumes.ledger.end(leg, visit.frame)
                for time in beyond:
                    changed += volumes.videos[time].remove(leg.object_id) if time in volumes.videos else []
        return changed
