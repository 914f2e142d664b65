"""Video: objects followed through depth or time from the frame where they were prompted, one frame a step.

A step reads one frame, encodes it, and carries the masks of the frame before onto it. It is short, so that
whoever runs steps can stop, or do something else, between any two. Nothing is kept of a frame but what the
engine needs for the next one: memory does not depend on the number of frames.

Masks are in pixels of the plane; frames are positions on one axis of the picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from napari_sam3_assistant.core.errors import ImageError, PromptError
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.intensity import Limits, to_rgb
from napari_sam3_assistant.core.progress import CancelToken, Progress, no_progress
from napari_sam3_assistant.core.prompts import MaskPrompt, Prompts
from napari_sam3_assistant.core.results import FrameResult
from napari_sam3_assistant.core.sources import estimate_limits
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.engines.protocol import ImageEngine, VideoSession
from napari_sam3_assistant.tasks.carrying import session_of
from napari_sam3_assistant.tasks.frames import Ahead, Direction, Frames, Pixels, ways
from napari_sam3_assistant.tasks.image import LimitsOf, embed, engine_errors, limits_on, second_try
from napari_sam3_assistant.tasks.jobs import check
from napari_sam3_assistant.tasks.view import View


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What came of one frame.

    Attributes
    ----------
    found : FrameResult
        The objects on the frame, in pixels of the plane.
    lost : tuple of int
        The objects that were on the frame before and are not on this one: they are followed no further this way.
    problem : ImageError or None
        Why the frame could not be read: this way ends before it.
    rest : range
        The frames of this way that are not visited: no object is left, or there is a problem.
    way : range
        The frames of this way that come after this one, visited or not.
    """

    found: FrameResult
    lost: tuple[int, ...] = ()
    problem: ImageError | None = None
    rest: range = range(0)
    way: range = range(0)


@dataclass(slots=True, eq=False)
class _Way:
    """One way: the frames still to visit, the session that follows them once it has begun, and whom it follows."""

    frames: range
    ids: frozenset[int]
    session: VideoSession | None = None


class Propagation:
    """Objects on their way through the frames of a picture.

    Parameters
    ----------
    view : View
        Of the frame where the objects lie. Its window is looked at in every frame.
    axis : int
        The axis of the frames.
    objects : mapping of int to PlacedMask
        By number, from 1, in pixels of the plane. Numbers stay through all frames.
    direction : Direction
    ahead : callable or None
        Reads the next frame on another thread; None reads it when its turn comes.

    Raises
    ------
    PromptError
        If there is no object, one is empty or lies outside the view, or there is no frame to go to.
    """

    def __init__(
        self,
        view: View,
        axis: int,
        objects: Mapping[int, PlacedMask],
        direction: Direction = Direction.BOTH,
        ahead: Ahead | None = None,
    ) -> None:
        _check(view, objects)
        self.view, self.objects = view, dict(objects)
        self.start = _position(view, axis)
        self.done = 0
        self._frames = Frames(view, axis, ahead)
        self._limits: Limits | None = None
        count = view.source.shape[axis]
        self._ways = [_Way(one, frozenset(self.objects)) for one in ways(self.start, count, direction)]
        if not self._ways:
            raise _nowhere(self.start, count, direction)

    @property
    def total(self) -> int:
        """Number of steps, as far as is known: a way on which no object is left ends early."""
        return self.done + sum(len(way.frames) for way in self._ways)

    @property
    def next_frame(self) -> int | None:
        """The frame of the next step; None at the end."""
        return self._ways[0].frames[0] if self._ways else None

    def step(
        self,
        engine: ImageEngine,
        embeddings: EmbeddingCache,
        *,
        limits_of: LimitsOf = estimate_limits,
        progress: Progress = no_progress,
        cancel: CancelToken | None = None,
    ) -> Step:
        """Go one frame further and return what is there. A step that raises can be tried again.

        Parameters
        ----------
        engine : ImageEngine
            Loaded here if it is not; the same one at every step.
        embeddings : EmbeddingCache
            Of the frame where the objects were prompted; those of other frames are not kept.
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
            If the engine takes no masks, or fails.
        """
        if self.next_frame is None:
            raise PromptError("All frames are done.", hint="Start again from another frame.")
        with engine_errors(engine):
            return _advance(engine, embeddings, self, limits_of, progress, cancel or CancelToken())

    def steps(
        self, engine: ImageEngine, embeddings: EmbeddingCache, *, limits_of: LimitsOf = estimate_limits
    ) -> Iterator[Step]:
        """Give one step after the other; see :meth:`step`."""
        while self.next_frame is not None:
            yield self.step(engine, embeddings, limits_of=limits_of)

    # -- parts of a step --------------------------------------------------------------------------

    def limits(self, limits_of: LimitsOf) -> Limits:
        """Return the limits of intensity of all frames."""
        if self._limits is None:
            self._limits = limits_on(self.view, limits_of)
        return self._limits

    def session(
        self, engine: ImageEngine, embeddings: EmbeddingCache, limits: Limits, cancel: CancelToken
    ) -> VideoSession:
        """Return the session of the way in use, begun with the objects where it was not."""
        way = self._ways[0]
        if way.session is None:
            embedding, _ = embed(engine, embeddings, self.view, limits, progress=no_progress, cancel=cancel)
            session = session_of(engine)
            for number, mask in self.objects.items():
                session.prompt(self.start, embedding, number, self.view.seen(Prompts(mask=MaskPrompt(mask))))
            way.session = session
        return way.session

    def read(self, frame: int) -> Pixels:
        """Return the pixels of the frame of the next step, and begin to read the one after it."""
        frames = [one for way in self._ways for one in (way.frames[0:2] if way is self._ways[0] else way.frames[:1])]
        return self._frames.read(frame, frames[1] if len(frames) > 1 else None)

    def went(self, found: FrameResult) -> Step:
        """Take note of what is on the frame of the step, and return the step."""
        way, self.done = self._ways[0], self.done + 1
        lost, rest = tuple(sorted(way.ids - set(found.objects))), way.frames[1:]
        way.ids, way.frames = frozenset(found.objects), rest if found.objects else range(0)
        return self._left(Step(found, lost, rest=range(0) if found.objects else rest, way=rest))

    def ended(self, problem: ImageError) -> Step:
        """End the way in use at a frame that cannot be read, and return the step."""
        way = self._ways[0]
        frame, rest, way.frames = way.frames[0], way.frames, range(0)
        return self._left(Step(FrameResult(frame, {}), problem=problem, rest=rest, way=rest[1:]))

    def close(self) -> None:
        """Give back what the engine keeps of the frames; there is no next step."""
        for way in self._ways:
            if way.session is not None:
                way.session.close()
        self._ways.clear()

    def _left(self, step: Step) -> Step:
        way = self._ways[0]
        if not way.frames:
            if way.session is not None:
                way.session.close()
            self._ways.remove(way)
        return step


@second_try
def _advance(
    engine: ImageEngine,
    embeddings: EmbeddingCache,
    run: Propagation,
    limits_of: LimitsOf,
    progress: Progress,
    cancel: CancelToken,
) -> Step:
    """Do the next step. Nothing is noted before all is done: asked again, after a lack of memory, it begins anew."""
    frame = run.next_frame or 0
    engine.load(progress=progress, cancel=cancel)
    check(Prompts(mask=MaskPrompt(next(iter(run.objects.values())))), engine.capabilities)

    def tell(fraction: float | None, message: str = "") -> None:
        progress((run.done + (fraction or 0)) / run.total, f"Frame {frame}")

    limits = run.limits(limits_of)
    session = run.session(engine, embeddings, limits, cancel)
    cancel.raise_if_cancelled()
    try:
        pixels = run.read(frame)
    except ImageError as error:
        return run.ended(error)
    embedding = engine.encode(to_rgb(pixels, limits), progress=tell, cancel=cancel)
    cancel.raise_if_cancelled()
    found = session.step(frame, embedding).objects
    placed = dict(zip(found, run.view.placed(found.values()), strict=True))
    return run.went(FrameResult(frame, placed))


def _check(view: View, objects: Mapping[int, PlacedMask]) -> None:
    if not objects:
        raise PromptError("There is no object to follow.", hint="Click on one, or draw a box round one, first.")
    for number, mask in objects.items():
        if number < 1:
            raise PromptError(f"An object cannot have the number {number}.", hint="Numbers start at 1.")
        if view.seen(Prompts(mask=MaskPrompt(mask))).mask is None:
            raise PromptError(f"Object {number} lies outside what is looked at.", hint="Prompt it anew.")


def _nowhere(start: int, count: int, direction: Direction) -> PromptError:
    if count < 2:
        return PromptError("The picture has one frame: there is none to go to.", hint="Choose a stack or a film.")
    which = "last" if direction is Direction.FORWARD else "first"
    return PromptError(
        f"Frame {start} is the {which} one: there is none {direction} of it.", hint="Set 3D direction to both."
    )


def _position(view: View, axis: int) -> int:
    position = view.plane.position(axis)
    if position is None:
        raise ImageError(f"Axis {axis} lies in the plane.", hint="Choose an axis with a slider.")
    return position
