"""Many pictures and many questions, as steps: one picture with one question each, so that other work fits in between.

A picture is read while the one before it is asked about, and encoded once for all its questions.
A step that fails does not stop the others. Nothing here touches napari.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import AssistantError, Cancelled, PromptError, TooLargeError
from napari_sam3_assistant.core.intensity import Limits
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.progress import CancelToken, Progress, no_progress
from napari_sam3_assistant.core.prompts import Prompts, Query
from napari_sam3_assistant.core.sources import Source, estimate_limits
from napari_sam3_assistant.core.window_rule import BY_SIZE, WindowRule
from napari_sam3_assistant.core.windows import Window
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.engines.protocol import ImageEngine
from napari_sam3_assistant.tasks.find import find_plane
from napari_sam3_assistant.tasks.image import PlaneResult, segment_plane
from napari_sam3_assistant.tasks.looked import choose
from napari_sam3_assistant.tasks.reading import Named
from napari_sam3_assistant.tasks.text import find_words
from napari_sam3_assistant.tasks.view import View, view_of


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What is asked about a picture.

    Attributes
    ----------
    asked : Query or Prompts
        What to find all of, or what one object is shown by; in pixels of the plane.
    words : str
        What a user calls it: the phrase, ``"box 2"``; may be empty.
    key : hashable
        The asker's own.
    """

    asked: Query | Prompts
    words: str = ""
    key: Hashable = None


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture of a batch.

    Attributes
    ----------
    name : str
        What a user calls it.
    source : Source
    plane : Plane
        Of the source: what is looked at.
    questions : tuple of Question
    in_view : Window or None
        What of the plane is in view: of a large one, words are looked for there.
    """

    name: str
    source: Source
    plane: Plane
    questions: tuple[Question, ...]
    in_view: Window | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One picture with one question. ``last`` says whether the picture has no more of them."""

    picture: Picture
    question: Question
    last: bool

    @property
    def name(self) -> str:
        """What a user calls it: ``image / prompt``."""
        return " / ".join(filter(None, (self.picture.name, self.question.words)))

    def view(self, rule: WindowRule = BY_SIZE) -> View:
        """Return what is looked at, by the same rule as a single question.

        Raises
        ------
        PromptError
            If no prompt lies on the plane.
        TooLargeError
            If that is too much to read at once.
        """
        source, plane, asked = self.picture.source, self.picture.plane, self.question.asked
        shape = source.plane_shape(plane)
        if isinstance(asked, Query):
            window = rule.for_query(shape, asked, self.picture.in_view)
        else:
            window = rule.for_prompts(shape, asked)
        return view_of(source, plane, window, rule)


@dataclass(frozen=True, slots=True, eq=False)
class Ready:
    """A picture that was read: its limits of intensity, and the pixels of its first question's view, if it has one."""

    limits: Limits
    view: View | None = None
    pixels: npt.NDArray[Any] | None = None

    def seen(self, view: View) -> View:
        """Return a view that need not be read again, where it is the one that was read."""
        own = self.view
        if own is None or self.pixels is None or (own.window, own.level) != (view.window, view.level):
            return view
        return _Held(view.source, view.plane, view.window, view.level, view.rule, self.pixels)


@dataclass(frozen=True, slots=True, eq=False)
class _Held(View):
    """A view whose pixels are in memory."""

    pixels: npt.NDArray[Any] | None = None

    def read(self) -> npt.NDArray[Any]:
        return np.asarray(self.pixels)


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What came of a step.

    Attributes
    ----------
    objects : tuple of Named
        What was found, in pixels of the plane; one object, or none, where prompts were asked.
    message : str
        In words, for a user.
    engine : str
        Who answered.
    encode_ms, decode_ms : float
        Of reading and encoding (0 where that was done before), and of the answer.
    result : PlaneResult or None
        Of prompts: all that is known of the object.
    """

    objects: tuple[Named, ...]
    message: str
    engine: str
    encode_ms: float
    decode_ms: float
    result: PlaneResult | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """A step that was done: its answer, or else why there is none."""

    step: Step
    answer: Answer | None = None
    error: AssistantError | None = None


def steps(pictures: Iterable[Picture]) -> Iterator[Step]:
    """Yield each picture with each of its questions, one picture after the other."""
    for picture in pictures:
        for number, question in enumerate(picture.questions, 1):
            yield Step(picture, question, number == len(picture.questions))


def read(picture: Picture, rule: WindowRule = BY_SIZE) -> Ready:
    """Return a picture, read for its first question. On any thread: no engine is needed.

    Raises
    ------
    ImageError
        If it cannot be read.
    """
    limits = estimate_limits(picture.source, picture.plane)
    try:
        view = Step(picture, picture.questions[0], False).view(rule)
    except (PromptError, TooLargeError):
        return Ready(limits)  # the step itself will say so; another one may do
    return Ready(limits, view, view.read())


def ask(
    engine: ImageEngine,
    embeddings: EmbeddingCache,
    step: Step,
    ready: Ready,
    *,
    rule: WindowRule = BY_SIZE,
    threshold: float | None = None,
    progress: Progress = no_progress,
    cancel: CancelToken,
) -> Answer:
    """Return the answer to a step. On the engine's thread.

    Parameters
    ----------
    engine : ImageEngine
        Loaded here if it is not.
    embeddings : EmbeddingCache
    step : Step
    ready : Ready
        Its picture, read.
    rule : WindowRule
    threshold : float or None
        The score from which what is found is kept; None for what is usual.
    progress, cancel
        Of the job.

    Raises
    ------
    Cancelled
        If ``cancel`` was raised.
    AssistantError
        If the question cannot be answered.
    """
    asked, plain = step.question.asked, step.view(rule)
    view, words = ready.seen(plain), step.question.words
    told: dict[str, Any] = {"limits_of": lambda source, plane: ready.limits, "progress": progress, "cancel": cancel}
    if isinstance(asked, Prompts):
        found = segment_plane(engine, embeddings, view, asked, **told)
        result = replace(found, view=plain)  # an answer that is kept must not keep the pixels
        one = (Named(found.segmentation, "", 1),) if found.segmentation.mask.area else ()
        said = "" if one else "No objects found."
        return Answer(one, said, found.engine, found.encode_ms, found.decode_ms, result)
    if asked.texts:
        looked = find_words(engine, embeddings, view, asked.texts, asked.exemplars, **told)
        chosen, spent = choose(looked, threshold), (looked.engine, looked.encode_ms, looked.decode_ms)
    else:
        like = find_plane(engine, embeddings, view, asked, **told)
        chosen, spent = choose(like, threshold), (like.engine, like.encode_ms, like.decode_ms)
    objects = chosen.objects if not words else tuple(replace(one, class_name=words) for one in chosen.objects)
    return Answer(objects, chosen.message, *spent)


def run(
    engine: ImageEngine,
    embeddings: EmbeddingCache,
    pictures: Sequence[Picture],
    *,
    rule: WindowRule = BY_SIZE,
    threshold: float | None = None,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> Iterator[Outcome]:
    """Yield what came of each step, in order, with the next picture read ahead; parameters as for :func:`ask`.

    Raises
    ------
    Cancelled
        If ``cancel`` was raised: between two steps, or within one.
    """
    cancel = cancel or CancelToken()
    total, done = sum(len(picture.questions) for picture in pictures), 0
    asked = [picture for picture in pictures if picture.questions]
    with ThreadPoolExecutor(1, thread_name_prefix="sam3-assistant-batch") as reader:
        ahead: list[Future[Ready]] = [reader.submit(read, picture, rule) for picture in asked[:1]]
        for number, picture in enumerate(asked):
            ready = ahead[number]
            ahead += [reader.submit(read, later, rule) for later in asked[number + 1 : number + 2]]
            for step in steps([picture]):
                cancel.raise_if_cancelled()
                progress(done / total, f"{done + 1} of {total}: {step.name}")
                yield _outcome(engine, embeddings, step, ready, rule, threshold, cancel)
                done += 1
            ahead[number] = Future()  # its pixels are not needed any more
    progress(1.0, f"{total} of {total}")


def _outcome(
    engine: ImageEngine,
    embeddings: EmbeddingCache,
    step: Step,
    ready: Future[Ready],
    rule: WindowRule,
    threshold: float | None,
    cancel: CancelToken,
) -> Outcome:
    try:
        return Outcome(
            step, ask(engine, embeddings, step, ready.result(), rule=rule, threshold=threshold, cancel=cancel)
        )
    except Cancelled:
        raise
    except AssistantError as error:
        return Outcome(step, error=error)
