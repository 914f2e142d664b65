"""All objects of one view that some words name: read, encode if new, ask each phrase, keep every answer.

A threshold, and the lower ones that are tried where it lets nothing pass, are applied to what was kept:
they cost no second look at the picture.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.progress import CancelToken, Progress
from napari_sam3_assistant.core.prompts import BoxPrompt, Query, TextPrompt
from napari_sam3_assistant.core.results import Candidates
from napari_sam3_assistant.core.sources import estimate_limits
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.engines.protocol import Embedding, ImageEngine
from napari_sam3_assistant.tasks.find import cut_query
from napari_sam3_assistant.tasks.image import LimitsOf, engine_errors, read_view, second_try
from napari_sam3_assistant.tasks.phrases import NO_PHRASE, PHRASE_HINT, phrases_in
from napari_sam3_assistant.tasks.reading import (
    LEAST_THRESHOLD,
    TEXT_THRESHOLD,
    Named,
    PhraseOutcome,
    Reading,
    TextResult,
)
from napari_sam3_assistant.tasks.view import View

__all__ = ["TEXT_THRESHOLD", "Named", "PhraseOutcome", "Reading", "TextResult", "find_words", "phrases_in"]


@second_try
def find_words(
    engine: ImageEngine,
    embeddings: EmbeddingCache,
    view: View,
    phrases: Sequence[TextPrompt],
    exemplars: Sequence[BoxPrompt] = (),
    *,
    threshold: float | None = None,
    limits_of: LimitsOf = estimate_limits,
    progress: Progress,
    cancel: CancelToken,
) -> TextResult:
    """Return all that each of ``phrases`` names on a view, which is encoded once.

    Parameters
    ----------
    engine : ImageEngine
        Loaded here if it is not.
    embeddings : EmbeddingCache
        A view that is in it is neither read nor encoded.
    view : View
        What to look at.
    phrases : sequence of TextPrompt
        One or more; see :func:`~napari_sam3_assistant.tasks.phrases.phrases_in`.
    exemplars : sequence of BoxPrompt
        Examples, in pixels of the plane, that go with every phrase. Those outside the window are left out.
    threshold : float or None
        From which score objects are kept, 0 to 1; None takes :data:`TEXT_THRESHOLD`.
    limits_of : callable
        ``limits_of(source, plane)``: a session remembers them.
    progress : callable
        Told after each phrase.
    cancel : CancelToken
        Looked at between phrases.

    Raises
    ------
    Cancelled
        If ``cancel`` was raised.
    Unsupported
        If the engine does not read words.
    AssistantError
        If something else cannot be done; a foreign error of the engine becomes an EngineError.
    """
    if not phrases:
        raise PromptError(NO_PHRASE, hint=PHRASE_HINT)
    with engine_errors(engine):
        query = cut_query(Query(tuple(phrases), tuple(exemplars)), view)
        read = read_view(engine, embeddings, view, query, limits_of=limits_of, progress=progress, cancel=cancel)
        start = time.perf_counter()
        candidates = _each(engine, read.embedding, query, progress, cancel)
        decode_ms = (time.perf_counter() - start) * 1000
    usual = TEXT_THRESHOLD if threshold is None else threshold
    return TextResult(query.texts, candidates, view, read.limits, engine.name, usual, read.encode_ms, decode_ms)


def _each(
    engine: ImageEngine, embedding: Embedding, query: Query, progress: Progress, cancel: CancelToken
) -> tuple[Candidates, ...]:
    """Return what is found of each phrase: asked one by one, for an answer does not say which phrase it is about."""
    found = []
    for number, phrase in enumerate(query.texts, 1):
        cancel.raise_if_cancelled()
        found.append(engine.find(embedding, Query((phrase,), query.exemplars)).kept(LEAST_THRESHOLD))
        progress(number / len(query.texts), f"Looked for {number} of {len(query.texts)} phrases")
    cancel.raise_if_cancelled()
    return tuple(found)
