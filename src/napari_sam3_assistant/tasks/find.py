"""All objects of one view that are like some examples, in it or in a picture of their own."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.geometry import Box, intersection
from napari_sam3_assistant.core.intensity import Limits
from napari_sam3_assistant.core.progress import CancelToken, Progress
from napari_sam3_assistant.core.prompts import BoxPrompt, Query
from napari_sam3_assistant.core.results import Candidates, Segmentation
from napari_sam3_assistant.core.sources import estimate_limits
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.engines.protocol import ImageEngine
from napari_sam3_assistant.tasks.beside import Beside, beside
from napari_sam3_assistant.tasks.crops import CropPlace, read_crop
from napari_sam3_assistant.tasks.image import LimitsOf, Told, engine_errors, read_view, second_try
from napari_sam3_assistant.tasks.view import View


@dataclass(frozen=True, slots=True, eq=False)
class FindResult:
    """All that was found on a view, good and bad: another threshold costs no second look.

    Attributes
    ----------
    candidates : Candidates
        In pixels of the window of ``view``.
    view : View
        What was looked at.
    limits : Limits
        What was taken for black and white.
    engine : str
        Who answered.
    threshold : float
        The score from which that engine's objects are kept unless the user says.
    encode_ms : float
        Reading and encoding; 0 where the embedding was there.
    decode_ms : float
        The answer itself.
    """

    candidates: Candidates
    view: View
    limits: Limits
    engine: str
    threshold: float
    encode_ms: float
    decode_ms: float

    def above(self, threshold: float) -> tuple[Segmentation, ...]:
        """Return the objects whose score is ``threshold`` or more, the best first, in pixels of the plane."""
        return self.view.placed(self.candidates.above(threshold))


@second_try
def find_plane(
    engine: ImageEngine,
    embeddings: EmbeddingCache,
    view: View,
    query: Query,
    *,
    limits_of: LimitsOf = estimate_limits,
    progress: Progress,
    cancel: CancelToken,
) -> FindResult:
    """Return all that ``query`` asks for, on a view.

    Parameters
    ----------
    engine : ImageEngine
        Loaded here if it is not.
    embeddings : EmbeddingCache
        A view that is in it is neither read nor encoded.
    view : View
        What to look at.
    query : Query
        Examples in pixels of the plane; those outside the window are left out, others cut to it. An example in a
        picture of its own is compared by the engine, or shown to it beside the view, as one picture.
    limits_of : callable
        ``limits_of(source, plane)``: a session remembers them.
    progress, cancel
        Of the job.

    Raises
    ------
    Cancelled
        If ``cancel`` was raised.
    AssistantError
        If something cannot be done; a foreign error of the engine becomes an EngineError.
    """
    told: Told = {"limits_of": limits_of, "progress": progress, "cancel": cancel}
    with engine_errors(engine):
        inside, shown = cut_query(query, view), None
        if isinstance(inside.crop, CropPlace):
            inside, shown = _with_crop(engine, view, inside, inside.crop, told)
        read = read_view(engine, embeddings, view, inside, beside=shown, **told)
        start = time.perf_counter()
        candidates = engine.find(read.embedding, inside)
        if shown is not None:
            candidates = shown.on_image(candidates)
        decode_ms = (time.perf_counter() - start) * 1000
        cancel.raise_if_cancelled()
    usual = engine.capabilities.threshold
    return FindResult(candidates, view, read.limits, engine.name, usual, read.encode_ms, decode_ms)


def _with_crop(
    engine: ImageEngine, view: View, query: Query, place: CropPlace, told: Told
) -> tuple[Query, Beside | None]:
    """Return a question with its crop read, and how the crop is shown beside the view where the engine needs that."""
    engine.load(progress=told["progress"], cancel=told["cancel"])  # until then it may not know what it can do
    crop = read_crop(place, view, told["limits_of"])
    if engine.capabilities.crops:
        return replace(query, crop=crop), None
    shown = beside(crop, view.read_window.shape)
    return shown.question(query), shown


def cut_query(query: Query, view: View) -> Query:
    """Return ``query`` in pixels of what is read of ``view``, without the examples outside it.

    Raises
    ------
    PromptError
        If no example lies in the window, and there are no words.
    """
    cut: list[BoxPrompt] = []
    for example in query.exemplars:
        shared: Box | None = intersection(example.box, view.window.box)
        if shared is not None:
            top, left = view.window.offset
            cut.append(view.seen_box(BoxPrompt(shared.shifted(-top, -left), example.positive)))
    if not query.texts and query.crop is None and not any(example.positive for example in cut):
        raise PromptError("The examples lie outside the image.", hint="Draw the box on the picture itself.")
    return Query(query.texts, tuple(cut), query.crop)
