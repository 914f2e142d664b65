"""Engines that find objects that nobody points at: what else such an engine is, beside an image engine."""

from __future__ import annotations

from collections.abc import Generator
from typing import Protocol, TypeVar, cast

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import Unsupported
from napari_sam3_assistant.core.results import Candidates
from napari_sam3_assistant.engines.protocol import Embedding, ImageEngine

T = TypeVar("T")
Places = npt.NDArray[np.float64]
Steps = Generator[float, None, T]
"""Work that stops again and again and says how far it is, 0 to 1; what it returns is its result."""


class ProposingEngine(ImageEngine, Protocol):
    """An engine that finds objects that nobody points at: its ``capabilities.proposals`` says so; :func:`proposing`."""

    def propose(self, embedding: Embedding, places: Places) -> Candidates:
        """Return what may be an object, good and bad; they may overlap.

        Parameters
        ----------
        embedding : Embedding
            From this engine.
        places : ndarray of shape (n, 2), float
            ``(row, col)`` in pixels of the encoded image, on it. Every reading of each of them, clicked alone, is
            answered, as one of ``Candidates``. No places (n is 0) where the engine needs none.

        Raises
        ------
        PromptError
            If a place lies outside the image.
        EngineError
            If the engine fails, or is closed.
        """

    def propose_in_steps(self, embedding: Embedding) -> Steps[Candidates]:
        """Do what :meth:`propose` does without places, in many steps, each much shorter than 200 ms.

        Other calls may come between two steps. Called only if ``capabilities.proposals`` says so.

        Raises
        ------
        EngineError
            If the engine fails, or is closed; in the first step at the earliest.
        """


def proposing(engine: ImageEngine) -> ProposingEngine:
    """Return an engine as one that finds objects by itself.

    Raises
    ------
    Unsupported
        If it does not, as its capabilities say.
    """
    if engine.capabilities.proposals is None:
        raise Unsupported(f"The engine {engine.name} proposes nothing.", hint=engine.capabilities.instead)
    return cast(ProposingEngine, engine)


def completed(steps: Steps[T]) -> T:
    """Return the result of all steps."""
    while True:
        try:
            next(steps)
        except StopIteration as ended:
            result: T = ended.value
            return result


def part_of(steps: Steps[T], start: float, stop: float) -> Steps[T]:
    """Return steps that are a part of more work, from one share of it to another."""
    while True:
        try:
            done = next(steps)
        except StopIteration as ended:
            result: T = ended.value
            return result
        yield start + (stop - start) * done
