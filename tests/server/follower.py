"""A stub that also follows objects: as late and as badly as a test wants, and it counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from napari_sam3_assistant.core.progress import CancelToken
from napari_sam3_assistant.core.prompts import Query
from napari_sam3_assistant.core.results import FrameResult, Segmentation
from napari_sam3_assistant.engines.protocol import Capabilities, VideoLimits
from tests.server.stub import StubEngine


@dataclass(eq=False)
class Follower(StubEngine):
    """Follows discs that stay where they are.

    Attributes
    ----------
    step_s : float
        How long a step takes.
    sessions : list of FollowerSession
        Those that were started.
    before_step : callable or None
        ``before_step(frame)`` on the engine's thread; may raise, or wait.
    """

    capabilities: Capabilities = field(default_factory=lambda: Capabilities(text=True, video=VideoLimits(text=True)))
    step_s: float = 0.0
    sessions: list[FollowerSession] = field(default_factory=list)
    before_step: Callable[[int], None] | None = None

    def start(self, query: Query | None = None) -> FollowerSession:
        self._work("start", 0.0)
        session = FollowerSession(self, query)
        self.sessions.append(session)
        return session


@dataclass(eq=False)
class FollowerSession:
    """Objects by number; with words, frame n has an object 100 + n of the first phrase."""

    engine: Follower
    query: Query | None
    objects: dict[int, Segmentation] = field(default_factory=dict)
    steps: list[int] = field(default_factory=list)
    closed: bool = False

    def prompt(self, frame, embedding, object_id, prompts, present=None, *, cancel=None) -> Segmentation:
        self.objects[object_id] = replace(self.engine.segment(embedding, prompts), alternatives=())
        return self.objects[object_id]

    def begin(self, frame, embedding, masks) -> None:
        self.objects |= {id: Segmentation(mask, 1.0) for id, mask in masks.items()}

    def step(self, frame, embedding, ids=None, *, cancel=None) -> FrameResult:
        if self.engine.before_step is not None:
            self.engine.before_step(frame)
        self.engine._work("step", self.engine.step_s, cancel or CancelToken())
        self.steps.append(frame)
        found, names = dict(self.objects), {}
        if self.query is not None:
            found[100 + frame] = Segmentation(self.engine.disc(embedding.shape, 20, 20), 0.5)
            names = {100 + frame: self.query.texts[0].text}
        return FrameResult(frame, found, frozenset({99}), names)

    def remove(self, object_id: int) -> None:
        self.objects.pop(object_id, None)

    def close(self) -> None:
        self.closed = True
