"""What is asked of an engine about a picture, on the engine's thread."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import numpy as np

from napari_sam3_assistant.core.errors import Cancelled
from napari_sam3_assistant.core.progress import CancelToken, Progress
from napari_sam3_assistant.core.prompts import PointPrompt, Prompts
from napari_sam3_assistant.core.results import Candidates
from napari_sam3_assistant.core.sources import estimate_limits
from napari_sam3_assistant.core.windows import whole
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.engines.proposing import Places, Steps, proposing
from napari_sam3_assistant.engines.protocol import ImageEngine
from napari_sam3_assistant.server.model.pictures import Picture, picture_of
from napari_sam3_assistant.tasks.everything import STEP_S
from napari_sam3_assistant.tasks.image import embed, engine_errors, limits_on, second_try, segment_plane
from napari_sam3_assistant.tasks.view import View, fitted

_log = logging.getLogger(__name__)
WARM_UP_SIDE = 64


def view_of_picture(picture: Picture) -> View:
    """Return what an engine looks at: the whole picture, or a smaller copy of it."""
    return fitted(picture.source, picture.plane, whole(picture.shape))


@second_try
def encoded(
    engine: ImageEngine, embeddings: EmbeddingCache, view: View, *, progress: Progress, cancel: CancelToken
) -> float:
    """Encode a view unless that was done before; return how many milliseconds it took.

    Where memory runs out, it is tried once more without all that was kept.

    Raises
    ------
    Cancelled
        If ``cancel`` was raised.
    AssistantError
        If the engine fails.
    """
    with engine_errors(engine):
        engine.load(progress=progress, cancel=cancel)
        limits = limits_on(view, estimate_limits)
        return embed(engine, embeddings, view, limits, progress=progress, cancel=cancel)[1]


def proposed(
    engine: ImageEngine, embeddings: EmbeddingCache, view: View, places: Places
) -> Callable[[Progress, CancelToken], Candidates | None]:
    """Return work that an engine's thread goes on with, call by call, until it returns what is proposed.

    A call takes about 200 ms where the engine allows. What may go wrong is as in :func:`encoded`.
    """
    begun: list[Steps[Candidates]] = []

    @second_try
    def look(
        engine: ImageEngine, embeddings: EmbeddingCache, progress: Progress, cancel: CancelToken
    ) -> Candidates | None:
        with engine_errors(engine):
            engine.load(progress=progress, cancel=cancel)
            limits = limits_on(view, estimate_limits)
            embedding, _ = embed(engine, embeddings, view, limits, progress=progress, cancel=cancel)
            can = engine.capabilities.proposals
            if can is None or not can.steps:
                return proposing(engine).propose(embedding, places)
            steps = begun.pop() if begun else proposing(engine).propose_in_steps(embedding)
            return _on(steps, begun, cancel)

    return lambda progress, cancel: look(engine, embeddings, progress, cancel)


def _on(steps: Steps[Candidates], begun: list[Steps[Candidates]], cancel: CancelToken) -> Candidates | None:
    """Go on with steps for a while; keep them in ``begun`` unless they are at their end."""
    end = time.perf_counter() + STEP_S
    try:
        while time.perf_counter() < end:
            cancel.raise_if_cancelled()
            next(steps)
    except StopIteration as ended:
        made: Candidates = ended.value
        return made
    begun.append(steps)
    return None


def warmed_up(engine: ImageEngine, *, progress: Progress, cancel: CancelToken) -> bool:
    """Ask about a small picture, so that the first click of a user need not wait; return whether it was answered.

    Raises
    ------
    Cancelled
        If ``cancel`` was raised.
    """
    pixels = np.zeros((WARM_UP_SIDE, WARM_UP_SIDE, 3), np.uint8)
    pixels[16:48, 16:48] = 255
    view = view_of_picture(picture_of(pixels))
    click = Prompts((PointPrompt(WARM_UP_SIDE / 2, WARM_UP_SIDE / 2, True),))
    try:
        segment_plane(engine, EmbeddingCache(), view, click, progress=progress, cancel=cancel)
    except Cancelled:
        raise
    except Exception:
        _log.warning("The engine %s did not answer a first question.", engine.name, exc_info=True)
        return False
    return True
