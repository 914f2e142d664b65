"""One run through a video: a frame a step, first what was said, then forward, then backward.

A step runs on the engine's thread and changes nothing; its owner takes it, on a thread of its own. What is said or
removed meanwhile counts from the next step on, and what a step has found of such an object is left aside.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_sam3_assistant.core.errors import EngineError, ImageError, PromptError
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.progress import CancelToken, Progress, no_progress
from napari_sam3_assistant.core.results import FrameResult
from napari_sam3_assistant.core.sources import estimate_limits
from napari_sam3_assistant.core.windows import Window
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.engines.protocol import ImageEngine
from napari_sam3_assistant.masks.registry import Origin
from napari_sam3_assistant.tasks.frames import Ahead, Direction
from napari_sam3_assistant.tasks.image import LimitsOf, engine_errors
from napari_sam3_assistant.tasks.ledger import Leg
from napari_sam3_assistant.tasks.plan import WORDS, Plan, Visit
from napari_sam3_assistant.tasks.tracks import FOLLOWED
from napari_sam3_assistant.tasks.trail import Means

if TYPE_CHECKING:
    from napari_sam3_assistant.tasks.video import Video


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What came of one frame.

    Attributes
    ----------
    found : FrameResult
        The objects on the frame, in pixels of the plane.
    plane : Plane
        Of the frame.
    asked : frozenset of int
        The objects that were looked for on it.
    visit : Visit
        Why the frame was looked at.
    problem : ImageError or None
        Why the frame could not be read: it is left out.
    window : Window or None
        What is looked at from now on, in pixels of the plane; None where that is the same as before.
    leaving : frozenset of int
        Objects at an edge of the window, which has no room to follow them.
    """

    found: FrameResult
    plane: Plane
    asked: frozenset[int]
    visit: Visit
    problem: ImageError | None = None
    window: Window | None = None
    leaving: frozenset[int] = frozenset()

    @property
    def said(self) -> frozenset[int]:
        """Those of the objects that were prompted on this very frame."""
        return frozenset(self.visit.said)

    @property
    def legs(self) -> tuple[Leg, ...]:
        """Along which the frame was reached."""
        return self.visit.legs

    @property
    def lost(self) -> frozenset[int]:
        """The objects that are followed no further this way."""
        return self.found.lost


class Propagation:
    """One run through a video; see :meth:`Video.run`.

    Attributes
    ----------
    done : int
        Number of steps taken.
    objects : frozenset of int
        Whom it is about, so far as is known.
    """

    def __init__(self, video: Video, direction: Direction, frames: range, ahead: Ahead | None) -> None:
        if not video.ledger.said:
            raise PromptError("There is no object to follow.", hint="Click on one, or draw a box round one, first.")
        self.video, self.done = video, 0
        self._direction, self._frames = direction, frames
        self._plan = self._tried = self._planned()
        self.objects = self._plan.ids
        if not video.has_more(direction, frames):
            raise _nothing_left(video, direction)
        video.stepper.read_with(ahead)

    @property
    def total(self) -> int:
        """Number of steps, as far as is known: where no object is left, a way ends early."""
        return self.done + self._plan.left

    @property
    def next_frame(self) -> int | None:
        """The frame of the next step; None at the end."""
        visit = self._plan.visit
        return None if visit is None else visit.frame

    def step(
        self,
        engine: ImageEngine,
        embeddings: EmbeddingCache,
        *,
        limits_of: LimitsOf = estimate_limits,
        progress: Progress = no_progress,
        cancel: CancelToken | None = None,
    ) -> Step:
        """Return what is on the next frame. Nothing is noted before :meth:`take`: a step can be done again.

        Parameters
        ----------
        engine : ImageEngine
            Loaded here if it is not.
        embeddings : EmbeddingCache
            Of the frames where objects were prompted; those of other frames are not kept.
        limits_of : callable
            ``limits_of(source, plane)``: the same limits serve all frames.
        progress : callable
            Told how much of all steps is done.
        cancel : CancelToken or None

        Raises
        ------
        Cancelled
            If ``cancel`` was raised.
        PromptError
            At the end.
        ImageError
            If the frame that objects come from cannot be read any more.
        AssistantError
            If the engine takes no such prompts, or fails.
        """
        plan = self._tried = self._plan  # another one may come while this step is worked on
        visit, total = plan.visit, self.done + plan.left
        if visit is None:
            raise PromptError("All frames are done.", hint="Correct one, or choose another direction or range.")

        def tell(fraction: float | None, message: str = "") -> None:
            progress((self.done + (fraction or 0)) / total, f"Frame {visit.frame}")

        means = Means(engine, embeddings, limits_of, tell, cancel or CancelToken())
        video = self.video
        try:
            with engine_errors(engine):
                seen = video.stepper.step(visit, plan.following, means)
        except EngineError:
            video.stepper.close()  # what it remembered may be gone with it
            raise
        asked = visit.ids.union(visit.said, video.by_words | set(seen.found.objects) if visit.looks else ())
        window = seen.window if seen.window != video.view.window else None
        return Step(seen.found, video.plane_at(visit.frame), asked, visit, seen.problem, window, seen.leaving)

    def take(self, step: Step, origin: Origin = FOLLOWED) -> list[Plane]:
        """Note what a step has found; return the planes on which other objects are now."""
        video, tracks, visit = self.video, self.video.tracks, step.visit
        self.done += 1
        legs = self._plan.go(visit)
        answered = {id for id, one in visit.said.items() if video.unanswered.get(visit.frame, {}).get(id) is one}
        valid = answered | {leg.object_id for leg in legs} - {WORDS}
        if visit.words or any(leg.object_id == WORDS for leg in legs):
            valid |= step.asked - visit.ids - step.said - video.not_found_by_words
        if step.window is not None:
            video.look_at(step.window)
        changed = [step.plane]
        if step.problem is not None:
            tracks.problems[step.plane] = step.problem.message
            tracks.drop(valid - step.said, [step.plane])
            if visit.said or visit.words:
                self._plan.drop_from(visit.frame)
        else:
            tracks.problems.pop(step.plane, None)
            found = {id: one for id, one in step.found.objects.items() if id in valid}
            said = answered - video.brought.get(visit.frame, frozenset())
            tracks.put(step.plane, found, valid, origin, said=said, names=step.found.names)
            changed += self._noted(step, legs, answered)
        if self._tried is not self._plan:  # made while the step was worked on, and does not know of it
            self._plan = self._planned()
        self.objects |= valid | self._plan.ids
        return changed

    def renew(self) -> None:
        """Take note that something else is to be done now; a run that is at its end stays so."""
        if self._plan.visit is not None:
            self._plan = self._planned()

    def steps(
        self, engine: ImageEngine, embeddings: EmbeddingCache, *, limits_of: LimitsOf = estimate_limits
    ) -> Iterator[Step]:
        """Give one step after the other, taken; see :meth:`step`."""
        while self.next_frame is not None:
            step = self.step(engine, embeddings, limits_of=limits_of)
            self.take(step)
            yield step

    def _planned(self) -> Plan:
        video = self.video
        words = video.unanswered_words
        frames = sorted({*video.unanswered, *([video.frame] if words else [])})
        first = [
            Visit(frame, said=dict(video.unanswered.get(frame, {})), words=words and frame == video.frame)
            for frame in frames
        ]
        return Plan(first, video.ledger.legs(self._frames, self._direction))

    def _noted(self, step: Step, legs: tuple[Leg, ...], answered: set[int]) -> list[Plane]:
        """Note what a step has done; return the planes from which an older run's masks are taken."""
        video, frame, changed = self.video, step.visit.frame, []
        video.answered(frame, answered, words=step.visit.words)
        for leg in legs:
            video.ledger.did(leg, frame)
            if leg.object_id in step.lost:
                beyond = video.ledger.end(leg, frame)
                self._plan.drop(leg)
                changed += video.tracks.drop([leg.object_id], map(video.plane_at, beyond))
        video.found_by_words(step.found.names, step.asked if step.visit.looks else ())
        return changed


def _nothing_left(video: Video, direction: Direction) -> PromptError:
    if video.count < 2:
        return PromptError("The picture has one frame: there is none to go to.", hint="Choose a stack or a film.")
    return PromptError(
        f"There is no frame left to do ({direction.value}).",
        hint="Correct a frame, or choose another 3D direction or range of frames.",
    )
