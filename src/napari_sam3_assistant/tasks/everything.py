"""Every object of a view, without a prompt: steps of about 200 ms, between which other work slips in.

An engine that proposes objects by itself goes on in its own steps, one that reads many points at once is asked about
a grid of them in batches, and any other about one point after another. Of what is found twice the better one is kept.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.progress import CancelToken, Progress, Watch
from napari_sam3_assistant.core.prompts import PointPrompt, Prompts
from napari_sam3_assistant.core.results import Candidates, Segmentation
from napari_sam3_assistant.core.sources import estimate_limits
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.engines.proposing import Places, ProposingEngine, Steps, proposing
from napari_sam3_assistant.engines.protocol import Embedding, ImageEngine, Proposals
from napari_sam3_assistant.tasks.image import LimitsOf, embed, engine_errors, limits_on, second_try
from napari_sam3_assistant.tasks.suppression import Suppression
from napari_sam3_assistant.tasks.view import View

STEP_S = 0.2
"""How long a step takes where points are read one at a time, in seconds."""
POINTS_PER_SIDE, MOST_PER_SIDE = 32, 256
MESSAGE = "Looking for every object"
NOWHERE: Places = np.zeros((0, 2))
_ENCODING = 0.3
"""The share of the work that is done once the view is encoded."""
_NEARLY = 0.999


@dataclass(frozen=True, slots=True)
class EverythingOptions:
    """How every object is looked for.

    Attributes
    ----------
    points_per_side : int
        Of the grid of points, for engines that need one.
    least_score, least_stability : float or None
        From which score, and stability where it is known, objects are kept, 0 to 1; None for the engine's usual ones.
    most_overlap : float
        The largest overlap (IoU) that two objects may have, 0 to 1; of two that overlap more the better one is kept.
    most : int
        The most objects; the best ones are kept.

    Raises
    ------
    PromptError
        If one of them cannot be.
    """

    points_per_side: int = POINTS_PER_SIDE
    least_score: float | None = None
    least_stability: float | None = None
    most_overlap: float = 0.7
    most: int = 1000

    def __post_init__(self) -> None:
        if not 1 <= self.points_per_side <= MOST_PER_SIDE:
            raise PromptError(
                f"A grid of {self.points_per_side} points a side cannot be.", hint=f"Choose 1 to {MOST_PER_SIDE}."
            )
        if self.most < 1:
            raise PromptError(f"{self.most} objects are none.", hint="Choose 1 or more.")
        shares = self.least_score, self.least_stability, self.most_overlap
        if not all(share is None or 0 <= share <= 1 for share in shares):
            raise PromptError("Scores, stability and overlap lie between 0 and 1.", hint="Choose one such as 0.7.")


class Everything:
    """Looks for every object of a view, one :meth:`step` after another.

    Answers do not depend on how long the steps take.

    Parameters
    ----------
    view : View
        What to look at.
    options : EverythingOptions or None
        None for the usual ones.

    Attributes
    ----------
    encode_ms, decode_ms : float
        Reading and encoding so far (0 where the embedding was there), and looking for objects.
    """

    def __init__(self, view: View, options: EverythingOptions | None = None) -> None:
        self.view, self.options = view, options or EverythingOptions()
        self.encode_ms = self.decode_ms = 0.0
        self._kept = Suppression(view.read_window.shape, self.options.most_overlap)
        self._places: Places | None = None
        self._all = 1
        self._steps: Steps[Candidates] | None = None
        self._share: float | None = None

    @property
    def finished(self) -> bool:
        """Whether nothing is left to be looked at."""
        return self._share == 1

    @property
    def fraction(self) -> float:
        """How far the work is, 0 to 1."""
        return 0.0 if self._share is None else _ENCODING + (1 - _ENCODING) * self._share

    def found(self) -> tuple[Segmentation, ...]:
        """Return what is found so far, the best first, in pixels of the plane.

        Raises
        ------
        TooLargeError
            If the masks would not fit in memory.
        """
        return self.view.placed(self._kept.best(self.options.most))

    def step(
        self,
        engine: ImageEngine,
        embeddings: EmbeddingCache,
        *,
        limits_of: LimitsOf = estimate_limits,
        progress: Progress,
        cancel: CancelToken,
    ) -> None:
        """Look on for about 200 ms; the first step also loads the engine and encodes the view, if need be.

        Parameters
        ----------
        engine : ImageEngine
            The same in every step.
        embeddings : EmbeddingCache
        limits_of : callable
            ``limits_of(source, plane)``: a session remembers them.
        progress, cancel
            Of the job.

        Raises
        ------
        Cancelled
            If ``cancel`` was raised; another step goes on where this one began.
        AssistantError
            If something cannot be done; a foreign error of the engine becomes an EngineError.
        """

        @second_try
        def look(engine: ImageEngine, embeddings: EmbeddingCache) -> None:
            with engine_errors(engine):
                embedding = self._encoded(engine, embeddings, limits_of, progress, cancel)
                start = time.perf_counter()
                self._look(engine, embedding, cancel)
                self.decode_ms += (time.perf_counter() - start) * 1000

        if not self.finished:
            look(engine, embeddings)
            progress(self.fraction, MESSAGE)

    def _encoded(
        self,
        engine: ImageEngine,
        embeddings: EmbeddingCache,
        limits_of: LimitsOf,
        progress: Progress,
        cancel: CancelToken,
    ) -> Embedding:
        def tell(fraction: float | None, message: str = "") -> None:
            progress(None, message)

        engine.load(progress=tell, cancel=cancel)
        limits = limits_on(self.view, limits_of)
        if self._share is None:
            tell = Watch(progress).share(0.0, _ENCODING).at
        embedding, spent = embed(engine, embeddings, self.view, limits, progress=tell, cancel=cancel)
        self.encode_ms += spent
        cancel.raise_if_cancelled()
        return embedding

    def _look(self, engine: ImageEngine, embedding: Embedding, cancel: CancelToken) -> None:
        can = engine.capabilities.proposals
        if can is not None and can.points is None:
            if can.steps:
                self._on(proposing(engine), embedding, cancel)
            else:
                self._take(engine, proposing(engine).propose(embedding, NOWHERE))
                self._share = 1.0
            return
        if self._places is None:
            self._places = grid(embedding.shape, self.options.points_per_side)
            self._all = len(self._places)
        if can is not None:
            self._take(engine, proposing(engine).propose(embedding, self._places[: can.points]))
            left = self._places[can.points :]
            self._places = left[~self._kept.covered(left)]
        else:
            self._one_by_one(engine, embedding, cancel)
        self._share = 1 - len(self._places) / self._all

    def _on(self, engine: ProposingEngine, embedding: Embedding, cancel: CancelToken) -> None:
        """Go on with the steps of an engine; what has failed begins anew."""
        end = time.perf_counter() + STEP_S
        while not self.finished:
            cancel.raise_if_cancelled()
            steps, self._steps = self._steps or engine.propose_in_steps(embedding), None
            try:
                self._share = min(next(steps), _NEARLY)
            except StopIteration as ended:
                self._take(engine, ended.value)
                self._share = 1.0
            else:
                self._steps = steps
            if time.perf_counter() >= end:
                return

    def _take(self, engine: ImageEngine, found: Candidates) -> None:
        """Keep what is good enough of what an engine has found."""
        usual, own = engine.capabilities.proposals or Proposals(), self.options
        least = usual.least_score if own.least_score is None else own.least_score
        stability = usual.least_stability if own.least_stability is None else own.least_stability
        for one in found.kept(least, stability).above(least):
            self._kept.add(one)

    def _one_by_one(self, engine: ImageEngine, embedding: Embedding, cancel: CancelToken) -> None:
        """Ask about one place after another; what an answer covers is not asked about again."""
        least = engine.capabilities.threshold if self.options.least_score is None else self.options.least_score
        left, end = self._places, time.perf_counter() + STEP_S
        while left is not None and len(left) and time.perf_counter() < end:
            cancel.raise_if_cancelled()
            row, col = left[0].tolist()
            one, left = engine.segment(embedding, Prompts((PointPrompt(row, col),))), left[1:]
            if one.score >= least and self._kept.add(one):
                left = left[~self._kept.covered(left)]
            self._places = left


def grid(shape: tuple[int, int], per_side: int) -> Places:
    """Return the middles of ``per_side`` x ``per_side`` cells of a picture, those of a coarser grid first.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the picture, in pixels; there are no more cells along a side.
    per_side : int

    Returns
    -------
    ndarray of shape (n, 2), float
        ``(row, col)`` in pixels.
    """
    counts = [min(per_side, length) for length in shape]
    rows, cols = ((np.arange(n) + 0.5) * length / n - 0.5 for n, length in zip(counts, shape, strict=True))
    # What the coarse points find need not be found again by those between them.
    finer = [np.select([np.arange(n) % 4 == 2, np.arange(n) % 2 == 0], [0, 1], 2) for n in counts]
    order = np.argsort(np.maximum(finer[0][:, None], finer[1]).ravel(), kind="stable")
    return np.stack(np.meshgrid(rows, cols, indexing="ij"), axis=-1).reshape(-1, 2)[order]


@dataclass(frozen=True, slots=True, eq=False)
class EverythingResult:
    """Every object of a view, and how it came about.

    Attributes
    ----------
    objects : tuple of Segmentation
        The best first, in pixels of the plane.
    view : View
        What was looked at.
    engine : str
        Who answered.
    encode_ms : float
        Reading and encoding; 0 where the embedding was there.
    decode_ms : float
        Looking for objects.
    """

    objects: tuple[Segmentation, ...]
    view: View
    engine: str
    encode_ms: float
    decode_ms: float


def find_everything(
    engine: ImageEngine,
    embeddings: EmbeddingCache,
    view: View,
    options: EverythingOptions | None = None,
    *,
    limits_of: LimitsOf = estimate_limits,
    progress: Progress,
    cancel: CancelToken,
) -> EverythingResult:
    """Return every object of a view, all steps at once; arguments and errors are those of :class:`Everything`."""
    run = Everything(view, options)
    while not run.finished:
        run.step(engine, embeddings, limits_of=limits_of, progress=progress, cancel=cancel)
    return EverythingResult(run.found(), view, engine.name, run.encode_ms, run.decode_ms)
