"""One object of one plane: read, encode if new, decode, place. Runs on an engine's worker thread."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Concatenate, ParamSpec, TypedDict, TypeVar

import numpy as np

from napari_sam3_assistant.core.errors import AssistantError, EmbeddingLost, EngineError, OutOfMemory, PromptError
from napari_sam3_assistant.core.geometry import PlacedMask, intersection, slices
from napari_sam3_assistant.core.intensity import Limits, to_rgb
from napari_sam3_assistant.core.intensity import limits_of as limits_of_pixels
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.progress import CancelToken, Progress
from napari_sam3_assistant.core.prompts import Prompts, Query
from napari_sam3_assistant.core.results import Segmentation
from napari_sam3_assistant.core.sources import Source, estimate_limits
from napari_sam3_assistant.engines.embeddings import EmbeddingCache, EmbeddingKey
from napari_sam3_assistant.engines.protocol import Embedding, ImageEngine
from napari_sam3_assistant.tasks.beside import Beside
from napari_sam3_assistant.tasks.jobs import check
from napari_sam3_assistant.tasks.view import View

LimitsOf = Callable[[Source, Plane], Limits]


class Told(TypedDict):
    """What goes with every question."""

    limits_of: LimitsOf
    progress: Progress
    cancel: CancelToken


@dataclass(frozen=True, slots=True, eq=False)
class PlaneResult:
    """An object placed on its plane, and how it came about.

    Attributes
    ----------
    segmentation : Segmentation
        In pixels of the plane.
    view : View
        What was looked at.
    prompts : Prompts
        What was asked, in pixels of the plane.
    limits : Limits
        What was taken for black and white.
    engine : str
        Who answered.
    encode_ms : float
        Reading and encoding; 0 where the embedding was there.
    decode_ms : float
        The answer itself.
    """

    segmentation: Segmentation
    view: View
    prompts: Prompts
    limits: Limits
    engine: str
    encode_ms: float
    decode_ms: float


def limits_on(view: View, limits_of: LimitsOf) -> Limits:
    """Return the limits of intensity of a view's picture.

    Of a large plane they come from tiles of it. Where those hold one value only, what there is lies
    elsewhere (a slide with little on it), and the view's own limits are taken.

    Raises
    ------
    ImageError
        If the pixels cannot be read.
    """
    limits = limits_of(view.source, view.plane)
    if limits.low != limits.high:
        return limits
    return limits_of_pixels([view.read()], color=view.source.color)


def embed(
    engine: ImageEngine,
    embeddings: EmbeddingCache,
    view: View,
    limits: Limits,
    *,
    beside: Beside | None = None,
    progress: Progress,
    cancel: CancelToken,
) -> tuple[Embedding, float]:
    """Return the embedding of a view, and how many milliseconds reading and encoding took (0 if it was cached).

    With ``beside``, it is that of the view and a crop as one picture.

    Raises
    ------
    AssistantError
        If the pixels cannot be read or the engine cannot encode them.
    """
    source, plane, window = view.source, view.plane, view.window
    key = EmbeddingKey(
        engine=engine.name,
        weights=engine.weights,
        identity=source.identity,
        version=source.version,
        checksum=source.checksum(plane, window),
        plane=source.seen_plane(plane),
        channels=source.channels_of(plane),
        level=view.level,
        window=window,
        limits=limits,
        beside="" if beside is None else beside.digest,
    )
    spent = 0.0

    def make() -> Embedding:
        nonlocal spent
        start = time.perf_counter()
        cancel.raise_if_cancelled()
        pixels = to_rgb(view.read(), limits)
        if beside is not None:
            pixels = beside.compose(pixels)
        made = engine.encode(pixels, progress=progress, cancel=cancel)
        spent = (time.perf_counter() - start) * 1000
        return made

    return embeddings.get(key, make), spent


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """A view that an engine is ready to answer about.

    Attributes
    ----------
    embedding : Embedding
    limits : Limits
        What was taken for black and white.
    encode_ms : float
        Reading and encoding; 0 where the embedding was there.
    """

    embedding: Embedding
    limits: Limits
    encode_ms: float


def read_view(
    engine: ImageEngine,
    embeddings: EmbeddingCache,
    view: View,
    question: Prompts | Query,
    *,
    beside: Beside | None = None,
    limits_of: LimitsOf,
    progress: Progress,
    cancel: CancelToken,
) -> Read:
    """Return a view as an engine has read it, now or before; with ``beside``, with a crop as one picture.

    The engine is loaded, and takes such a question.

    Raises
    ------
    Cancelled
        If ``cancel`` was raised.
    AssistantError
        If the engine cannot be loaded, does not take the question, or the pixels cannot be read or encoded.
    """
    engine.load(progress=progress, cancel=cancel)
    check(question, engine.capabilities)
    limits = limits_on(view, limits_of)
    embedding, encode_ms = embed(engine, embeddings, view, limits, beside=beside, progress=progress, cancel=cancel)
    cancel.raise_if_cancelled()
    return Read(embedding, limits, encode_ms)


Ask = ParamSpec("Ask")
Answer = TypeVar("Answer")


def second_try(
    ask: Callable[Concatenate[ImageEngine, EmbeddingCache, Ask], Answer],
) -> Callable[Concatenate[ImageEngine, EmbeddingCache, Ask], Answer]:
    """Ask once more where memory ran out, or what was kept of the view was lost: all of that is given up before."""

    @functools.wraps(ask)
    def asked(engine: ImageEngine, embeddings: EmbeddingCache, /, *args: Ask.args, **kwargs: Ask.kwargs) -> Answer:
        try:
            return ask(engine, embeddings, *args, **kwargs)
        except EmbeddingLost:
            embeddings.drop(engine.name)
        except OutOfMemory:
            embeddings.clear()
        return ask(engine, embeddings, *args, **kwargs)

    return asked


@contextmanager
def engine_errors(engine: ImageEngine) -> Iterator[None]:
    """Turn what an engine raises that is no AssistantError into one."""
    try:
        yield
    except AssistantError:
        raise
    except MemoryError as error:
        raise OutOfMemory(
            "There is not enough memory for this view.",
            hint="Choose a smaller window, close other programs, or choose the engine Built-in.",
        ) from error
    except Exception as error:
        raise EngineError(
            f"The engine {engine.name} failed: {type(error).__name__}: {error}.",
            hint="Try other prompts; the log has the details.",
        ) from error


@second_try
def segment_plane(
    engine: ImageEngine,
    embeddings: EmbeddingCache,
    view: View,
    prompts: Prompts,
    previous: Segmentation | None = None,
    *,
    limits_of: LimitsOf = estimate_limits,
    progress: Progress,
    cancel: CancelToken,
) -> PlaneResult:
    """Return the object that ``prompts`` are about.

    Parameters
    ----------
    engine : ImageEngine
        Loaded here if it is not.
    embeddings : EmbeddingCache
        A view that is in it is neither read nor encoded.
    view : View
        What to look at.
    prompts : Prompts
        In pixels of the plane. A mask that comes from a box alone is cut to the box.
    previous : Segmentation or None
        The last answer about the same object on the same view.
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
    with engine_errors(engine):
        inside = view.seen(prompts)
        if inside.empty and not prompts.empty:
            raise PromptError("The prompts lie outside the image.", hint="Click on the picture itself.")
        read = read_view(engine, embeddings, view, inside, limits_of=limits_of, progress=progress, cancel=cancel)
        start = time.perf_counter()
        answer = _clip_to_box(engine.segment(read.embedding, inside, previous), inside)
        decode_ms = (time.perf_counter() - start) * 1000
        cancel.raise_if_cancelled()
    (placed,) = view.placed([answer])
    return PlaneResult(placed, view, prompts, read.limits, engine.name, read.encode_ms, decode_ms)


def _clip_to_box(answer: Segmentation, prompts: Prompts) -> Segmentation:
    """Return the answer without what lies outside the box, but with the pixels that were clicked."""
    if prompts.box is None:
        return answer
    box, clicked = prompts.box.box, {point.pixel for point in prompts.positive}

    def cut(mask: PlacedMask) -> PlacedMask:
        shared = intersection(box, mask.box) if mask.box else None
        kept = np.zeros_like(mask.mask)
        if shared is not None:
            where = slices(shared, mask.offset)
            kept[where] = mask.mask[where]
        for row, col in clicked:
            if mask.value_at(row, col):
                kept[row - mask.offset[0], col - mask.offset[1]] = True
        return PlacedMask(kept, mask.offset).trimmed()

    return replace(answer, mask=cut(answer.mask), alternatives=tuple(map(cut, answer.alternatives)))
