"""Engines that find objects that nobody points at: what else such an engine is, beside an image engine."""

from __future__ import annotations

from typing import Protocol, cast

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import Unsupported
from napari_sam3_assistant.core.results import Candidates
from napari_sam3_assistant.engines.protocol import Embedding, ImageEngine

Places = npt.NDArray[np.float64]


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
