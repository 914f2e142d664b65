"""An engine of which one can see, from any thread, whether it is loaded."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.progress import CancelToken, Progress
from napari_sam3_assistant.core.prompts import Prompts, Query
from napari_sam3_assistant.core.results import Candidates, Segmentation
from napari_sam3_assistant.engines.protocol import Capabilities, Embedding, ImageEngine, VideoSession, video_of


class Loaded:
    """Passes all on to an engine, and notes when it is loaded and when no longer.

    Parameters
    ----------
    engine : ImageEngine
    changed : callable
        Called on the engine's thread when it is loaded, and when it is not any more.
    """

    def __init__(self, engine: ImageEngine, changed: Callable[[], None]) -> None:
        self._engine, self._changed = engine, changed
        self.name = engine.name
        self._known = False
        self.ready = False
        """Whether it is loaded."""

    @property
    def weights(self) -> str:
        """As the engine says."""
        return self._engine.weights

    @property
    def capabilities(self) -> Capabilities:
        """As the engine says; when it is loaded it may know more."""
        return self._engine.capabilities

    def load(self, *, progress: Progress, cancel: CancelToken) -> None:
        """Load the engine."""
        self._engine.load(progress=progress, cancel=cancel)
        self._note(True)

    def encode(self, image: npt.NDArray[np.uint8], *, progress: Progress, cancel: CancelToken) -> Embedding:
        """Have the engine encode. One that was lost loads itself again for it."""
        made = self._engine.encode(image, progress=progress, cancel=cancel)
        self._note(True)
        return made

    def segment(self, embedding: Embedding, prompts: Prompts, previous: Segmentation | None = None) -> Segmentation:
        """Have the engine answer."""
        return self._engine.segment(embedding, prompts, previous)

    def find(self, embedding: Embedding, query: Query) -> Candidates:
        """Have the engine search."""
        return self._engine.find(embedding, query)

    def start(self, query: Query | None = None) -> VideoSession:
        """Have the engine follow objects through frames.

        Raises
        ------
        Unsupported
            If it does not, as its capabilities say.
        """
        return video_of(self._engine).start(query)

    def close(self) -> None:
        """Close the engine."""
        self._engine.close()
        self._known = False
        self._note(False)

    def lost(self) -> None:
        """Note that what was loaded is gone; it is loaded again when it is needed. Callable from any thread."""
        self._note(False)

    def back(self) -> None:
        """Note that what was lost is there again as it was, if it ever was loaded. Callable from any thread."""
        if self._known:
            self._note(True)

    def _note(self, ready: bool) -> None:
        self._known = self._known or ready
        if self.ready != ready:
            self.ready = ready
            self._changed()
