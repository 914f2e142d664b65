"""Where objects were on their way to a frame, and in which window of the plane that can be gone on from."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_sam3_assistant.core.errors import ImageError
from napari_sam3_assistant.core.progress import CancelToken, Progress
from napari_sam3_assistant.core.results import FrameResult
from napari_sam3_assistant.core.windows import Window
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.engines.protocol import ImageEngine
from napari_sam3_assistant.tasks.drift import holding
from napari_sam3_assistant.tasks.image import LimitsOf
from napari_sam3_assistant.tasks.ledger import Leg
from napari_sam3_assistant.tasks.plan import Visit
from napari_sam3_assistant.tasks.tracks import Sighting

if TYPE_CHECKING:
    from napari_sam3_assistant.tasks.video import Video


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


def start_of(video: Video, visit: Visit, unread: Collection[int]) -> int:
    """Return from which frame one goes onto that of a visit: the last one that could be read.

    It lies no further back than where an object comes from. ``unread`` are frames that can be read no more.
    """
    if not visit.legs:
        return visit.frame
    step, origins = visit.legs[0].frames.step, {leg.origin for leg in visit.legs}
    start = visit.frame - step
    while start not in origins and (start in unread or video.plane_at(start) in video.tracks.problems):
        start -= step
    return start


def last_seen(video: Video, leg: Leg, start: int) -> Sighting | None:
    """Return where an object was seen last on its way to a frame; None where it never was."""
    for frame in range(start, leg.origin - leg.frames.step, -leg.frames.step):
        item = video.tracks.seen(video.plane_at(frame)).get(leg.object_id)
        if item is not None:
            return item
    return None


def window_for(video: Video, visit: Visit, start: int) -> Window:
    """Return the window that holds what is begun: the one in use, moved where it does not. That of words stays."""
    window = video.view.window
    if video.query is not None or window.shape == video.plane_shape:
        return window
    if visit.said:
        boxes = [prompts.extent() for prompts in visit.said.values()]
    else:
        seen = (last_seen(video, leg, start) for leg in visit.legs)
        boxes = [item.box for item in seen if item is not None]
    return holding(window, boxes, video.plane_shape)
