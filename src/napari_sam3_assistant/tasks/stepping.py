"""One frame of a video: read, encoded, and looked at by the engine's sessions. On the engine's thread."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from napari_sam3_assistant.core.errors import EmbeddingLost, EngineError, ImageError, OutOfMemory, Unsupported
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.progress import CancelToken
from napari_sam3_assistant.core.prompts import MaskPrompt, Prompts
from napari_sam3_assistant.core.results import FrameResult, Segmentation
from napari_sam3_assistant.core.windows import Window
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.engines.protocol import Embedding, ImageEngine, check_video
from napari_sam3_assistant.tasks.carrying import limits_of_video, session_of
from napari_sam3_assistant.tasks.drift import drifted
from napari_sam3_assistant.tasks.encoding import FrameEncoder
from napari_sam3_assistant.tasks.following import Finder, Follower
from napari_sam3_assistant.tasks.frames import Ahead
from napari_sam3_assistant.tasks.image import second_try
from napari_sam3_assistant.tasks.plan import WORDS, Visit
from napari_sam3_assistant.tasks.trail import Means, Seen, last_seen, start_of, window_for
from napari_sam3_assistant.tasks.view import View

if TYPE_CHECKING:
    from napari_sam3_assistant.tasks.video import Video

logger = logging.getLogger(__name__)
NO_WORDS = "This engine finds nothing by words from frame to frame."
NO_WORDS_HINT = "Find the objects by words on one frame first, then follow their masks; or choose SAM3."


class Stepper:
    """Has an engine look at frames of a video, and keeps what it remembers between two of them.

    Parameters
    ----------
    video : Video
    """

    def __init__(self, video: Video) -> None:
        self._video, self._view = video, video.view
        self._engine: ImageEngine | None = None
        self._weights = ""
        self._follower: Follower | None = None
        self._finder: Finder | None = None
        self._encoder = FrameEncoder(video.axis)
        self._removed: deque[int] = deque()
        self._unread: set[int] = set()
        self._at_work, self._closing = threading.Lock(), False

    def read_with(self, ahead: Ahead | None) -> None:
        """Read the next frame by ``ahead``, on another thread; None reads it when its turn comes."""
        self._encoder.read_with(ahead)

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
        start = start_of(self._video, visit, self._unread)
        window = self._window_for(visit, start)
        try:
            follower = self._opened(means.engine, window)
            unseen = self._begin(visit, start, follower, means)
            if visit.legs and not visit.looks and not visit.ids - unseen:
                return Seen(FrameResult(visit.frame, {}, unseen), window)
            means.cancel.raise_if_cancelled()
            try:
                if visit.legs:
                    embedding = self._encoder.encoded(self._at(visit.frame), following, means)
                else:  # one comes back to where something was said, to go the other way
                    embedding = self._embedded(visit.frame, means)
            except ImageError as error:
                return Seen(FrameResult(visit.frame, {}), window, problem=error)
            means.cancel.raise_if_cancelled()
            found = self._found(visit, embedding, follower, unseen, means.cancel)
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

        if limits_of_video(means.engine.capabilities).masks:
            self._remind(visit.ids - follower.known(start) - follower.prompted, follower, means)
        masks = {
            leg.object_id: mask
            for leg in visit.legs
            if leg.object_id not in {WORDS, *follower.known(start)}
            and (item := last_seen(self._video, leg, start)) is not None
            and (mask := self._in_view(item.mask)) is not None
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
            return self._begin(visit, start_of(self._video, visit, self._unread), follower, means)
        return visit.ids - follower.known(start)

    def _remind(self, ids: Collection[int], follower: Follower, means: Means) -> None:
        """Tell a new session what objects are where they were prompted: it may know from there when they end."""
        video = self._video
        said = sorted((serial, frame, id) for id in ids for frame, serial in video.ledger.said.get(id, {}).items())
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
                follower.prompt(frame, embedding, {id: Prompts(mask=MaskPrompt(mask))}, {}, means.cancel)

    def _found_by(self, engine: ImageEngine) -> Finder:
        if self._finder is None:
            self._finder = Finder(session_of(engine, self._video.query))
        return self._finder

    def _found(
        self, visit: Visit, embedding: Embedding, follower: Follower, unseen: frozenset[int], cancel: CancelToken
    ) -> FrameResult:
        video, frame = self._video, visit.frame
        found: dict[int, Segmentation] = {}
        lost, names = unseen, dict[int, str]()
        if visit.said:
            there = video.tracks.seen(video.plane_at(frame))
            corrected = [id for id, prompts in visit.said.items() if id in there and prompts.mask is None]
            present = {id: mask for id in corrected if (mask := self._in_view(there[id].mask))}
            said = {id: self._view.seen(prompts) for id, prompts in visit.said.items()}
            found |= follower.prompt(frame, embedding, said, present, cancel)
        if visit.ids - unseen:
            step = follower.step(frame, embedding, visit.ids - unseen, cancel)
            found, lost = found | step.objects, lost | step.lost
        if visit.looks and self._engine is not None:
            used, theirs = video.numbers, video.not_found_by_words
            step = self._found_by(self._engine).look(frame, embedding, used, theirs, cancel)
            found, lost, names = found | step.objects, lost | step.lost, dict(step.names)
        placed = dict(zip(found, self._view.placed(found.values()), strict=True))
        return FrameResult(frame, placed, lost, names)

    def _seen_from(self, found: FrameResult, window: Window) -> Seen:
        """Return what was found, and the window in which one goes on: that of words stays where it is."""
        if self._video.query is not None:
            return Seen(found, window)
        boxes = {id: one.mask.box for id, one in found.objects.items() if one.mask.box is not None}
        return Seen(found, *drifted(window, boxes, self._video.plane_shape))

    def _window_for(self, visit: Visit, start: int) -> Window:
        """Return the window in which a frame is looked at: the one in use, unless what is begun lies outside."""
        window = self._video.view.window
        known = self._follower.known(start) if self._follower is not None else frozenset()
        if not visit.said and not visit.ids - known and window == self._view.window:
            return window
        return window_for(self._video, visit, start)

    def _at(self, frame: int) -> View:
        return replace(self._view, plane=self._video.plane_at(frame))

    def _embedded(self, frame: int, means: Means) -> Embedding:
        return self._encoder.embedded(self._at(frame), means)

    def _in_view(self, mask: PlacedMask) -> PlacedMask | None:
        """Return a mask in pixels of what is read; None where nothing of it lies there."""
        seen = self._view.seen(Prompts(mask=MaskPrompt(mask))).mask
        return None if seen is None else seen.mask


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
