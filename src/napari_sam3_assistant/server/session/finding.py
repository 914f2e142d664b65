"""Objects that words or examples mean, out of what an engine has found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.prompts import TextPrompt
from napari_sam3_assistant.core.results import Candidates, Segmentation
from napari_sam3_assistant.engines.protocol import Capabilities
from napari_sam3_assistant.server.model.failures import NO_WORDS
from napari_sam3_assistant.server.settings import Limits
from napari_sam3_assistant.tasks.find import FindResult
from napari_sam3_assistant.tasks.phrases import phrases_in
from napari_sam3_assistant.tasks.reading import LEAST_THRESHOLD, TextResult
from napari_sam3_assistant.wire.refusals import Refusal

Finds = FindResult | TextResult


def phrases_of(text: str, takes: Capabilities, limits: Limits) -> tuple[TextPrompt, ...]:
    """Return the phrases of a client's text.

    Raises
    ------
    Refusal
        If there is none, if it is too long, or if the engine does not read.
    """
    if not takes.text:
        raise Refusal("unsupported", NO_WORDS)
    if len(text) > limits.text_length:
        raise Refusal("bad_message", f"Text too long: {len(text)} characters (max {limits.text_length})")
    try:
        return phrases_in(text)
    except PromptError as error:
        raise Refusal("bad_prompt", "There is no phrase to look for. Type a short noun.") from error


def objects_in(found: Finds, threshold: float) -> list[tuple[Segmentation, str | None]]:
    """Return the objects whose score is ``threshold`` or more, the best first, and the phrases that named them.

    Slow: called on a codec thread. No model is asked.
    """
    if isinstance(found, FindResult):
        return [(one, None) for one in found.above(threshold)]
    # Where nothing reaches the threshold, a reading goes below it; a client that wants that asks again.
    named = [one for one in found.above(threshold) if one.segmentation.score >= threshold]
    pairs: list[tuple[Segmentation, str | None]] = [(one.segmentation, one.class_name) for one in named]
    return sorted(pairs, key=lambda pair: -pair[0].score)


def worth_keeping(found: Finds) -> Finds:
    """Return what another threshold may be applied to, without what no threshold lets pass, and without the picture.

    The memory of pictures is counted as long as sessions show them; an answer that holds pixels keeps them longer.
    """
    source = found.view.source
    shapes = tuple(np.broadcast_to(np.zeros((), level.dtype), level.shape) for level in source.levels)
    view = replace(found.view, source=replace(source, levels=shapes))
    if isinstance(found, FindResult):
        return replace(found, view=view, candidates=found.candidates.kept(LEAST_THRESHOLD))
    return replace(found, view=view)


def nbytes_of(found: Finds) -> int:
    """Return the memory that is kept for another threshold, in bytes."""
    return sum(int(values.nbytes) for part in parts_of(found) for values in part.logits)


def parts_of(found: Finds) -> tuple[Candidates, ...]:
    """Return what was found as the engine has it, of one phrase after another."""
    return (found.candidates,) if isinstance(found, FindResult) else found.candidates
