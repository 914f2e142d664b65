"""Video: objects followed through depth or time from the frames where they were prompted, one frame a step.

A :class:`Video` is what was said of objects on the frames of a picture, and what was found. A :class:`Propagation`
is one run through it: first what was said and not answered yet, then forward, then backward, only the frames that
are not done. A step reads one frame, encodes it, and carries objects onto it. It is short, so that whoever runs steps
can stop, or do something else, between any two. Nothing is kept of a frame but what the engine needs for the next
one, and masks.

Masks and prompts are in pixels of the plane; frames are positions on one axis of the picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from napari_sam3_assistant.core.errors import EngineError, ImageError, PromptError
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.progress import CancelToken, Progress, no_progress
from napari_sam3_assistant.core.prompts import MaskPrompt, Prompts
from napari_sam3_assistant.core.results import FrameResult, Segmentation
from napari_sam3_assistant.core.sources import estimate_limits
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.engines.protocol import ImageEngine
from napari_sam3_assistant.masks.registry import Origin
from napari_sam3_assistant.tasks.frames import Ahead, Direction
from napari_sam3_assistant.tasks.image import LimitsOf, engine_errors
from napari_sam3_assistant.tasks.ledger import Ledger, Leg
from napari_sam3_assistant.tasks.stepping import Stepper, Visit
from napari_sam3_assistant.tasks.tracks import FOLLOWED, Tracks
from napari_sam3_assistant.tasks.view import View


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
    said : frozenset of int
        Those of them that were prompted on this very frame.
    legs : tuple of Leg
        Along which it was reached.
    problem : ImageError or None
        Why the frame could not be read: it is left out.
    """

    found: FrameResult
    plane: Plane
    asked: frozenset[int]
    said: frozenset[int] = frozenset()
    legs: tuple[Leg, ...] = ()
    problem: ImageError | None = None

    @property
    def lost(self) -> frozenset[int]:
        """The objects that are followed no further this way."""
        return self.found.lost


class Video:
    """What was said of objects on the frames of a picture, what was found, and what the engine remembers.

    Parameters
    ----------
    view : View
        Of any frame. Its window is looked at in every frame.
    axis : int
        The axis of the frames.
    tracks : Tracks or None
        What is known already; None for nothing.

    Raises
    ------
    ImageError
        If the axis lies in the plane.
    """

    def __init__(self, view: View, axis: int, tracks: Tracks | None = None) -> None:
        if view.plane.position(axis) is None:
            raise ImageError(f"Axis {axis} lies in the plane.", hint="Choose an axis with a slider.")
        self.view, self.axis = view, axis
        self.count = view.source.shape[axis]
        self.tracks = tracks if tracks is not None else Tracks(view.source.identity, view.plane, axis)
        self.ledger = Ledger(self.count)
        self.given: dict[int, dict[int, Prompts]] = {}
        """By frame and object, all that was said."""
        self.unanswered: dict[int, dict[int, Prompts]] = {}
        self.stepper = Stepper(self)

    def plane_at(self, frame: int) -> Plane:
        """Return the plane of a frame."""
        return self.view.plane.at(self.axis, frame)

    def give(self, frame: int, prompts: Mapping[int, Prompts]) -> None:
        """Say what objects, by number from 1, are on a frame. It takes the place of what was said of them there.

        A mask alone is what the object is: it is there at once. Anything else is answered by the next run.

        Raises
        ------
        PromptError
            If there is no such frame, a number is below 1, or a prompt is empty or lies outside the view.
        """
        if not 0 <= frame < self.count:
            raise PromptError(f"There is no frame {frame}.", hint=f"Frames go from 0 to {self.count - 1}.")
        for object_id, one in prompts.items():
            self._check(object_id, one)
        self.ledger.say((object_id, frame) for object_id in prompts)
        self.given.setdefault(frame, {}).update(prompts)
        self.unanswered.setdefault(frame, {}).update(prompts)
        masks = {
            object_id: Segmentation(one.mask.mask, 1.0)
            for object_id, one in prompts.items()
            if one.mask is not None and _is_mask(one)
        }
        if masks:
            self.tracks.put(self.plane_at(frame), masks, masks, said=masks)

    def remove(self, object_id: int) -> list[Plane]:
        """Forget an object; return the planes where it was."""
        self.ledger.remove(object_id)
        self.stepper.remove(object_id)
        for said in (self.given, self.unanswered):
            for frame in [frame for frame, prompts in said.items() if prompts.pop(object_id, None) and not prompts]:
                del said[frame]
        return self.tracks.drop([object_id], self.tracks.planes)

    def run(
        self, direction: Direction = Direction.BOTH, frames: range | None = None, ahead: Ahead | None = None
    ) -> Propagation:
        """Return a run over what is still to be done.

        Parameters
        ----------
        direction : Direction
        frames : range or None
            Those that are wanted, in rising order; None for all.
        ahead : callable or None
            Reads the next frame on another thread; None reads it when its turn comes.

        Raises
        ------
        PromptError
            If there is no object, or nothing left to do.
        """
        return Propagation(self, direction, frames if frames is not None else range(self.count), ahead)

    def copy(self) -> Video:
        """Return the same, independent of what comes after; the engine remembers nothing of it."""
        other = Video(self.view, self.axis, self.tracks.copy())
        other.ledger = self.ledger.copy()
        other.given = {frame: dict(prompts) for frame, prompts in self.given.items()}
        other.unanswered = {frame: dict(prompts) for frame, prompts in self.unanswered.items()}
        return other

    def close(self) -> None:
        """Give back what the engine keeps of the frames. A later run begins with the masks that are there."""
        self.stepper.close()

    def _check(self, object_id: int, prompts: Prompts) -> None:
        if object_id < 1:
            raise PromptError(f"An object cannot have the number {object_id}.", hint="Numbers start at 1.")
        if prompts.empty or (prompts.mask is not None and not prompts.mask.mask.area):
            raise PromptError(f"Object {object_id} has no prompt.", hint="Click on it, or draw a box round it.")
        if self.view.seen(prompts).empty:
            raise PromptError(f"Object {object_id} lies outside what is looked at.", hint="Prompt it anew.")


class Propagation:
    """One run through a video; see :meth:`Video.run`.

    Attributes
    ----------
    done : int
        Number of steps taken.
    objects : frozenset of int
        Whom it is about.
    """

    def __init__(self, video: Video, direction: Direction, frames: range, ahead: Ahead | None) -> None:
        if not video.ledger.said:
            raise PromptError("There is no object to follow.", hint="Click on one, or draw a box round one, first.")
        self.video, self.done = video, 0
        legs = video.ledger.legs(frames, direction)
        self._visits = [Visit(frame, said=True) for frame in sorted(video.unanswered)] + _visits(legs)
        self.objects = frozenset(leg.object_id for leg in legs).union(*video.unanswered.values())
        if not legs and all(_is_mask(one) for asked in video.unanswered.values() for one in asked.values()):
            raise _nothing_left(video, direction)
        video.stepper.read_with(ahead)

    @property
    def total(self) -> int:
        """Number of steps, as far as is known: where no object is left, a way ends early."""
        return self.done + len(self._visits)

    @property
    def next_frame(self) -> int | None:
        """The frame of the next step; None at the end."""
        return self._visits[0].frame if self._visits else None

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
        AssistantError
            If the engine takes no such prompts, or fails.
        """
        if not self._visits:
            raise PromptError("All frames are done.", hint="Correct one, or choose another direction or range.")
        visit = self._visits[0]

        def tell(fraction: float | None, message: str = "") -> None:
            progress((self.done + (fraction or 0)) / self.total, f"Frame {visit.frame}")

        following = next((one.frame for one in self._visits[1:]), None)
        try:
            with engine_errors(engine):
                found = self.video.stepper.step(
                    visit, following, engine, embeddings, limits_of, tell, cancel or CancelToken()
                )
        except EngineError:
            self.video.stepper.close()  # what it remembered may be gone with it
            raise
        except ImageError as error:
            return self._made(visit, FrameResult(visit.frame, {}), error)
        return self._made(visit, found, None)

    def take(self, step: Step, origin: Origin = FOLLOWED) -> list[Plane]:
        """Note what a step has found; return the planes on which other objects are now."""
        video, tracks = self.video, self.video.tracks
        visit = self._visits.pop(0)
        self.done += 1
        changed = [step.plane]
        if step.problem is not None:
            tracks.problems[step.plane] = step.problem.message
            tracks.drop(step.asked - step.said, [step.plane])
        else:
            tracks.problems.pop(step.plane, None)
            tracks.put(step.plane, step.found.objects, step.asked, origin, said=step.said)
        if visit.said:
            video.unanswered.pop(visit.frame, None)
        for leg in step.legs:
            video.ledger.did(leg, visit.frame)
            if leg.object_id in step.lost:
                changed += self._ended(leg, visit.frame)
        return changed

    def steps(
        self, engine: ImageEngine, embeddings: EmbeddingCache, *, limits_of: LimitsOf = estimate_limits
    ) -> Iterator[Step]:
        """Give one step after the other, taken; see :meth:`step`."""
        while self._visits:
            step = self.step(engine, embeddings, limits_of=limits_of)
            self.take(step)
            yield step

    def _made(self, visit: Visit, found: FrameResult, problem: ImageError | None) -> Step:
        said = frozenset(self.video.unanswered.get(visit.frame, {})) if visit.said else frozenset()
        asked = said | {leg.object_id for leg in visit.legs}
        return Step(found, self.video.plane_at(visit.frame), frozenset(asked), said, visit.legs, problem)

    def _ended(self, leg: Leg, frame: int) -> list[Plane]:
        """Let an object rest where it is lost; return the planes from which an older run's masks are taken."""
        beyond = leg.frames[leg.frames.index(frame) + 1 :]
        for other in beyond:
            self.video.ledger.did(leg, other)
        rest = (visit.without(leg) for visit in self._visits)
        self._visits = [visit for visit in rest if visit.said or visit.legs]
        return self.video.tracks.drop([leg.object_id], map(self.video.plane_at, beyond))


def _visits(legs: list[Leg]) -> list[Visit]:
    """Return the frames of legs, one after the other: the forward ones in one sweep, then the backward ones."""
    visits: list[Visit] = []
    for step in (1, -1):
        by_frame: dict[int, list[Leg]] = {}
        for leg in legs:
            if leg.frames.step == step:
                for frame in leg.frames:
                    by_frame.setdefault(frame, []).append(leg)
        visits += [Visit(frame, legs=tuple(by_frame[frame])) for frame in sorted(by_frame, reverse=step < 0)]
    return visits


def _is_mask(prompts: Prompts) -> bool:
    """Return whether prompts are a mask alone, which needs no answer."""
    return prompts.mask is not None and not prompts.points and prompts.box is None


def _nothing_left(video: Video, direction: Direction) -> PromptError:
    if video.count < 2:
        return PromptError("The picture has one frame: there is none to go to.", hint="Choose a stack or a film.")
    return PromptError(
        f"There is no frame left to do ({direction.value}).",
        hint="Correct a frame, or choose another 3D direction or range of frames.",
    )


def masks_of(objects: Mapping[int, Segmentation]) -> dict[int, Prompts]:
    """Return objects as prompts: each is what its mask says."""
    return {object_id: Prompts(mask=MaskPrompt(one.mask)) for object_id, one in objects.items()}
