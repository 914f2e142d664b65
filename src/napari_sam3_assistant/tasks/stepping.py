"""One frame of a video: read, encoded, and looked at by the engine's session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_sam3_assistant.core.errors import EmbeddingLost, OutOfMemory
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.intensity import Limits, to_rgb
from napari_sam3_assistant.core.progress import CancelToken, Progress, no_progress
from napari_sam3_assistant.core.prompts import MaskPrompt, Prompts
from napari_sam3_assistant.core.results import FrameResult, Segmentation
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.engines.protocol import Embedding, ImageEngine, VideoSession, check_video
from napari_sam3_assistant.tasks.carrying import limits_of_video, session_of
from napari_sam3_assistant.tasks.frames import Ahead, Frames
from napari_sam3_assistant.tasks.image import LimitsOf, embed, limits_on, second_try
from napari_sam3_assistant.tasks.ledger import Leg
from napari_sam3_assistant.tasks.view import View

if TYPE_CHECKING:
    from napari_sam3_assistant.tasks.video import Video


@dataclass(frozen=True, slots=True)
class Visit:
    """A frame to be looked at.

    Attributes
    ----------
    frame : int
    legs : tuple of Leg
        Along which objects are followed onto it.
    said : bool
        Whether what was said of objects there is to be answered.
    """

    frame: int
    legs: tuple[Leg, ...] = ()
    said: bool = False

    def without(self, leg: Leg) -> Visit:
        """Return the same without one of its legs."""
        return replace(self, legs=tuple(one for one in self.legs if one != leg)) if leg in self.legs else self


class Stepper:
    """Has an engine look at frames of a video, and keeps what it remembers between two of them.

    Parameters
    ----------
    video : Video
    """

    def __init__(self, video: Video) -> None:
        self._video = video
        self._limits: Limits | None = None
        self._session: VideoSession | None = None
        self._engine: tuple[str, str] = ("", "")
        self._at: int | None = None
        self._following: frozenset[int] = frozenset()
        self._embedding: Embedding | None = None
        self._frames = Frames(video.view, video.axis)

    def read_with(self, ahead: Ahead | None) -> None:
        """Read the next frame by ``ahead``, on another thread; None reads it when its turn comes."""
        self._frames = Frames(self._video.view, self._video.axis, ahead)

    def step(
        self,
        visit: Visit,
        following: int | None,
        engine: ImageEngine,
        embeddings: EmbeddingCache,
        limits_of: LimitsOf,
        progress: Progress,
        cancel: CancelToken,
    ) -> FrameResult:
        """Return what is on a frame; ``following`` is the one to be read meanwhile.

        Raises
        ------
        ImageError
            If the frame cannot be read.
        """
        return _look(engine, embeddings, self, visit, following, limits_of, progress, cancel)

    def remove(self, object_id: int) -> None:
        """Have the session forget an object."""
        self._following -= {object_id}
        if self._session is not None:
            self._session.remove(object_id)

    def close(self) -> None:
        """Give back all that is kept of frames; the next step begins anew with the masks that are there."""
        session, self._session = self._session, None
        self._at, self._following, self._embedding = None, frozenset(), None
        if session is not None:
            session.close()

    # -- parts of a step --------------------------------------------------------------------------

    def look(
        self,
        visit: Visit,
        following: int | None,
        engine: ImageEngine,
        embeddings: EmbeddingCache,
        limits_of: LimitsOf,
        progress: Progress,
        cancel: CancelToken,
    ) -> FrameResult:
        """Do a step; asked again, after a lack of memory, it begins anew."""
        engine.load(progress=progress, cancel=cancel)
        if self._limits is None:
            self._limits = limits_on(self._video.view, limits_of)
        try:
            session = self._opened(engine)
            if visit.said:
                return self._answered(visit.frame, session, engine, embeddings, self._limits, progress, cancel)
            ids = frozenset(leg.object_id for leg in visit.legs)
            self._begin(visit, session, engine, embeddings, self._limits, cancel)
            known, unseen = ids & self._following, ids - self._following
            if not known:
                return FrameResult(visit.frame, {}, unseen)
            cancel.raise_if_cancelled()
            pixels = self._frames.read(visit.frame, following)
            embedding = engine.encode(to_rgb(pixels, self._limits), progress=progress, cancel=cancel)
            cancel.raise_if_cancelled()
            found = session.step(visit.frame, embedding, known)
        except (EmbeddingLost, OutOfMemory):
            self.close()
            raise
        self._at, self._following, self._embedding = visit.frame, known - found.lost, embedding
        return replace(found, objects=self._placed(found.objects), lost=found.lost | unseen)

    def _opened(self, engine: ImageEngine) -> VideoSession:
        """Return the session with the engine in use; that of another one, or of other weights, is given up."""
        if self._session is None or self._engine != (engine.name, engine.weights):
            self.close()
            self._session, self._engine = session_of(engine), (engine.name, engine.weights)
        return self._session

    def _answered(
        self,
        frame: int,
        session: VideoSession,
        engine: ImageEngine,
        embeddings: EmbeddingCache,
        limits: Limits,
        progress: Progress,
        cancel: CancelToken,
    ) -> FrameResult:
        """Have what was said of objects on a frame answered."""
        asked, video = self._video.unanswered[frame], self._video
        for prompts in asked.values():
            check_video(prompts, limits_of_video(engine.capabilities), engine.capabilities.instead)
        embedding, _ = embed(engine, embeddings, self._view_at(frame), limits, progress=progress, cancel=cancel)
        there = video.tracks.seen(video.plane_at(frame))
        found = {}
        for object_id, prompts in asked.items():
            cancel.raise_if_cancelled()
            known = there.get(object_id)
            present = self._seen(known.mask) if known is not None and prompts.mask is None else None
            found[object_id] = session.prompt(frame, embedding, object_id, video.view.seen(prompts), present)
        self._at, self._following, self._embedding = frame, frozenset(found), embedding
        return FrameResult(frame, self._placed(found))

    def _begin(
        self,
        visit: Visit,
        session: VideoSession,
        engine: ImageEngine,
        embeddings: EmbeddingCache,
        limits: Limits,
        cancel: CancelToken,
    ) -> None:
        """Begin, on the frame before, with the objects that the session has not followed onto it."""
        step = visit.legs[0].frames.step
        start = visit.frame - step
        while self._video.plane_at(start) in self._video.tracks.problems and 0 <= start - step < self._video.count:
            start -= step
        known = self._following if self._at == start else frozenset()
        masks = {}
        for leg in visit.legs:
            if leg.object_id not in known and (mask := self._last_seen(leg.object_id, start, step)) is not None:
                masks[leg.object_id] = mask
        if masks:
            if self._at != start or self._embedding is None:
                view = self._view_at(start)
                self._embedding, _ = embed(engine, embeddings, view, limits, progress=no_progress, cancel=cancel)
            session.begin(start, self._embedding, masks)
        self._at, self._following = start, known | frozenset(masks)

    def _last_seen(self, object_id: int, frame: int, step: int) -> PlacedMask | None:
        """Return where an object was seen last, in pixels of what is read; None where it never was."""
        video = self._video
        for before in range(frame, -1 if step > 0 else video.count, -step):
            item = video.tracks.seen(video.plane_at(before)).get(object_id)
            if item is not None:
                return self._seen(item.mask)
        return None

    def _view_at(self, frame: int) -> View:
        return replace(self._video.view, plane=self._video.plane_at(frame))

    def _seen(self, mask: PlacedMask) -> PlacedMask | None:
        """Return a mask in pixels of what is read; None where nothing of it lies there."""
        seen = self._video.view.seen(Prompts(mask=MaskPrompt(mask))).mask
        return None if seen is None else seen.mask

    def _placed(self, found: Mapping[int, Segmentation]) -> dict[int, Segmentation]:
        return dict(zip(found, self._video.view.placed(found.values()), strict=True))


@second_try
def _look(
    engine: ImageEngine,
    embeddings: EmbeddingCache,
    stepper: Stepper,
    visit: Visit,
    following: int | None,
    limits_of: LimitsOf,
    progress: Progress,
    cancel: CancelToken,
) -> FrameResult:
    return stepper.look(visit, following, engine, embeddings, limits_of, progress, cancel)
