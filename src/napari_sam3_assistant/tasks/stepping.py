"""One frame of a video: read, encoded, and looked at by the engine's sessions. On the engine's thread."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_sam3_assistant.core.errors import EmbeddingLost, EngineError, ImageError, OutOfMemory, Unsupported
from napari_sam3_assistant.core.geometry import Box, PlacedMask
from napari_sam3_assistant.core.intensity import Limits, to_rgb
from napari_sam3_assistant.core.progress import CancelToken, Progress, no_progress
from napari_sam3_assistant.core.prompts import MaskPrompt, Prompts
from napari_sam3_assistant.core.results import FrameResult, Segmentation
from napari_sam3_assistant.core.windows import Window
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.engines.protocol import Embedding, ImageEngine, check_video
from napari_sam3_assistant.tasks.carrying import limits_of_video, session_of
from napari_sam3_assistant.tasks.drift import drifted, holding
from napari_sam3_assistant.tasks.following import Finder, Follower
from napari_sam3_assistant.tasks.frames import Ahead, Frames, named
from napari_sam3_assistant.tasks.image import LimitsOf, embed, limits_on, second_try
from napari_sam3_assistant.tasks.ledger import Leg
from napari_sam3_assistant.tasks.plan import WORDS, Visit
from napari_sam3_assistant.tasks.tracks import Sighting
from napari_sam3_assistant.tasks.view import View

if TYPE_CHECKING:
    from napari_sam3_assistant.tasks.video import Video

logger = logging.getLogger(__name__)
NO_WORDS = "This engine finds nothing by words from frame to frame."
NO_WORDS_HINT = "Find the objects by words on one frame first, then follow their masks; or choose SAM3."


@dataclass(frozen=True, slots=True, eq=False)
class Means:
    """By what a frame is looked at: see :meth:`Propagation.step`."""

    engine: ImageEngine
    embeddings: EmbeddingCache
    limits_of: LimitsOf
    progress: Progress
    cancel: CancelToken


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What is on a frame.

    Attributes
    ----------
    found : FrameResult
        In pixels of the plane.
    window : Window
        In which one goes on.
    leaving : frozenset of int
        Objects at an edge of it, which it cannot follow.
    problem : ImageError or None
        Why the frame could not be read.
    """

    found: FrameResult
    window: Window
    leaving: frozenset[int] = frozenset()
    problem: ImageError | None = None


class Stepper:
    """Has an engine look at frames of a video, and keeps what it remembers between two of them.

    Parameters
    ----------
    video : Video
    """

    def __init__(self, video: Video) -> None:
        self._video, self._view = video, video.view
        self._limits: Limits | None = None
        self._engine: ImageEngine | None = None
        self._weights = ""
        self._follower: Follower | None = None
        self._finder: Finder | None = None
        self._frames = Frames(video.axis)
        self._removed: deque[int] = deque()
        self._unread: set[int] = set()
        self._at_work, self._closing = threading.Lock(), False

    def read_with(self, ahead: Ahead | None) -> None:
        """Read the next frame by ``ahead``, on another thread; None reads it when its turn comes."""
        self._frames = Frames(self._video.axis, ahead)

    def step(self, visit: Visit, following: int | None, means: Means) -> Seen:
        """Return what is on a frame; ``following`` is the one to be read meanwhile.

        Raises
        ------
        ImageError
            If the frame where objects come from cannot be read again.
        AssistantError
            If the engine takes no such prompts, or fails.
        """
        with self._at_work:
            found = _look(means.engine, means.embeddings, self, visit, following, means)
        self._close_if_asked()
        return found

    def remove(self, object_id: int) -> None:
        """Have the session forget an object, before the next step. On any thread."""
        self._removed.append(object_id)

    def close(self) -> None:
        """Give back all that is kept of frames, at once or after the step that is worked on. On any thread.

        The next step begins anew with the masks that are there.
        """
        self._closing = True
        self._close_if_asked()

    def _close_if_asked(self) -> None:
        if self._closing and self._at_work.acquire(blocking=False):
            try:
                self._give_up()
                self._closing = False
            finally:
                self._at_work.release()

    def _give_up(self) -> None:
        sessions, self._follower, self._finder = (self._follower, self._finder), None, None
        self._engine = None
        for session in sessions:
            if session is not None:
                try:
                    session.close()
                except EngineError as error:  # it ended with its engine
                    logger.info("A video session was gone before it was closed: %s", error)

    # -- a step -----------------------------------------------------------------------------------

    def look(self, visit: Visit, following: int | None, means: Means) -> Seen:
        """Do a step; asked again, after a lack of memory, it begins anew."""
        means.engine.load(progress=means.progress, cancel=means.cancel)
        self._check(visit, means.engine)
        start, window = self._start(visit), self._window_for(visit)
        try:
            follower = self._opened(means.engine, window)
            unseen = self._begin(visit, start, follower, means)
            if visit.legs and not visit.looks and not visit.ids - unseen:
                return Seen(FrameResult(visit.frame, {}, unseen), window)
            means.cancel.raise_if_cancelled()
            try:
                embedding = self._encoded(visit, following, means)
            except ImageError as error:
                return Seen(FrameResult(visit.frame, {}), window, problem=error)
            means.cancel.raise_if_cancelled()
            found = self._found(visit, embedding, follower, unseen)
        except (EmbeddingLost, OutOfMemory):
            self._give_up()
            raise
        return self._seen_from(found, window)

    def _check(self, visit: Visit, engine: ImageEngine) -> None:
        limits = limits_of_video(engine.capabilities)
        for prompts in visit.said.values():
            check_video(prompts, limits, engine.capabilities.instead)
        if visit.looks and not limits.text:
            raise Unsupported(NO_WORDS, hint=NO_WORDS_HINT)

    def _opened(self, engine: ImageEngine, window: Window) -> Follower:
        """Return the session with the engine and the window in use; that with others is given up."""
        if engine is not self._engine or engine.weights != self._weights or window != self._view.window:
            self._give_up()
        self._engine, self._weights = engine, engine.weights
        self._view = replace(self._video.view, window=window)
        if self._follower is None:
            self._follower = Follower(session_of(engine))
        while self._removed:
            self._follower.remove(self._removed.popleft())
        return self._follower

    def _begin(self, visit: Visit, start: int, follower: Follower, means: Means) -> frozenset[int]:
        """Make ready to go on from a frame; return the objects that were never seen on the way to it."""
        if not visit.legs:
            return frozenset()

        def embedding_of(frame: int) -> Embedding:
            return self._embedded(frame, means)

        self._remind(visit.ids - follower.known(start) - follower.prompted, follower, means)
        masks = {
            leg.object_id: mask
            for leg in visit.legs
            if leg.object_id not in {WORDS, *follower.known(start)} and (mask := self._last_seen(leg, start))
        }
        try:
            follower.begin(start, masks, embedding_of)
            if visit.looks:
                there = self._video.tracks.seen(self._video.plane_at(start))
                own = {id: self._in_view(item.mask) for id, item in there.items() if id in self._video.by_words}
                self._found_by(means.engine).reach(start, {id: one for id, one in own.items() if one}, embedding_of)
        except ImageError:  # it could be read before
            if any(leg.origin == start for leg in visit.legs):
                raise
            self._unread.add(start)
            return self._begin(visit, self._start(visit), follower, means)
        return visit.ids - follower.known(start)

    def _remind(self, ids: Collection[int], follower: Follower, means: Means) -> None:
        """Tell a new session what objects are where they were prompted: it may know from there when they end."""
        video = self._video
        said = sorted((serial, frame, id) for id in ids for frame, serial in video.ledger.said[id].items())
        for _, frame, id in said:
            item = video.tracks.seen(video.plane_at(frame)).get(id)
            if item is None or not item.said or id in video.unanswered.get(frame, {}):
                continue
            mask = self._in_view(item.mask)
            if mask is not None and mask.area == item.area:
                try:
                    embedding = self._embedded(frame, means)
                except ImageError as error:  # it could be read before; the last mask will do
                    logger.info("An object is not known from where it was prompted: %s", error)
                    continue
                follower.prompt(frame, embedding, {id: Prompts(mask=MaskPrompt(mask))}, {})

    def _found_by(self, engine: ImageEngine) -> Finder:
        if self._finder is None:
            self._finder = Finder(session_of(engine, self._video.query))
        return self._finder

    def _encoded(self, visit: Visit, following: int | None, means: Means) -> Embedding:
        if not visit.legs:  # one comes back to where something was said, to go the other way
            return self._embedded(visit.frame, means)
        limits = self._limits_from(visit.frame, means)
        pixels = self._frames.read(self._at(visit.frame), following)
        return means.engine.encode(to_rgb(pixels, limits), progress=means.progress, cancel=means.cancel)

    def _found(self, visit: Visit, embedding: Embedding, follower: Follower, unseen: frozenset[int]) -> FrameResult:
        video, frame = self._video, visit.frame
        found: dict[int, Segmentation] = {}
        lost, names = unseen, dict[int, str]()
        if visit.said:
            there = video.tracks.seen(video.plane_at(frame))
            corrected = [id for id, prompts in visit.said.items() if id in there and prompts.mask is None]
            present = {id: mask for id in corrected if (mask := self._in_view(there[id].mask))}
            said = {id: self._view.seen(prompts) for id, prompts in visit.said.items()}
            found |= follower.prompt(frame, embedding, said, present)
        if visit.ids - unseen:
            step = follower.step(frame, embedding, visit.ids - unseen)
            found, lost = found | step.objects, lost | step.lost
        if visit.looks and self._engine is not None:
            used, theirs = video.numbers, video.not_found_by_words
            step = self._found_by(self._engine).look(frame, embedding, used, theirs)
            found, lost, names = found | step.objects, lost | step.lost, dict(step.names)
        placed = dict(zip(found, self._view.placed(found.values()), strict=True))
        return FrameResult(frame, placed, lost, names)

    def _seen_from(self, found: FrameResult, window: Window) -> Seen:
        """Return what was found, and the window in which one goes on: that of words stays where it is."""
        if self._video.query is not None:
            return Seen(found, window)
        boxes = {id: one.mask.box for id, one in found.objects.items() if one.mask.box is not None}
        return Seen(found, *drifted(window, boxes, self._video.plane_shape))

    # -- where objects are --------------------------------------------------------------------------

    def _start(self, visit: Visit) -> int:
        """Return from which frame one goes: the last one that could be read, up to where objects come from."""
        if not visit.legs:
            return visit.frame
        video, step = self._video, visit.legs[0].frames.step
        origins = {leg.origin for leg in visit.legs}
        start = visit.frame - step
        while start not in origins and (start in self._unread or video.plane_at(start) in video.tracks.problems):
            start -= step
        return start

    def _window_for(self, visit: Visit) -> Window:
        """Return the window in which a frame is looked at: the one in use, unless what is begun lies outside."""
        video, boxes = self._video, list[Box]()
        window, start = video.view.window, self._start(visit)
        if video.query is not None or window.shape == video.plane_shape:
            return window
        if visit.said:
            boxes = [prompts.extent() for prompts in visit.said.values()]
        elif self._follower is None or visit.ids - self._follower.known(start) or window != self._view.window:
            seen = (self._last_sighting(leg, start) for leg in visit.legs)
            boxes = [item.box for item in seen if item is not None]
        return holding(window, boxes, video.plane_shape)

    def _last_sighting(self, leg: Leg, start: int) -> Sighting | None:
        """Return where an object was seen last on its way to a frame; None where it never was."""
        video, step = self._video, leg.frames.step
        for frame in range(start, leg.origin - step, -step):
            item = video.tracks.seen(video.plane_at(frame)).get(leg.object_id)
            if item is not None:
                return item
        return None

    def _last_seen(self, leg: Leg, start: int) -> PlacedMask | None:
        item = self._last_sighting(leg, start)
        return None if item is None else self._in_view(item.mask)

    def _in_view(self, mask: PlacedMask) -> PlacedMask | None:
        """Return a mask in pixels of what is read; None where nothing of it lies there."""
        seen = self._view.seen(Prompts(mask=MaskPrompt(mask))).mask
        return None if seen is None else seen.mask

    # -- pixels -------------------------------------------------------------------------------------

    def _at(self, frame: int) -> View:
        return replace(self._view, plane=self._video.plane_at(frame))

    def _embedded(self, frame: int, means: Means) -> Embedding:
        """Return the embedding of a frame that one may come back to."""
        limits, view = self._limits_from(frame, means), self._at(frame)
        try:
            made = embed(means.engine, means.embeddings, view, limits, progress=no_progress, cancel=means.cancel)
        except ImageError as error:
            raise named(error, frame) from error
        return made[0]

    def _limits_from(self, frame: int, means: Means) -> Limits:
        """Return the limits of intensity of the picture; where all looks constant, they are asked for again."""
        if self._limits is None or self._limits.low == self._limits.high:
            try:
                self._limits = limits_on(self._at(frame), means.limits_of)
            except ImageError as error:
                raise named(error, frame) from error
        return self._limits


@second_try
def _look(
    engine: ImageEngine,
    embeddings: EmbeddingCache,
    stepper: Stepper,
    visit: Visit,
    following: int | None,
    means: Means,
) -> Seen:
    return stepper.look(visit, following, means)
