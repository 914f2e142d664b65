"""Frames as engines see them: read, one ahead, made 8-bit with the same limits on all frames, and encoded."""

from __future__ import annotations

from napari_sam3_assistant.core.errors import ImageError
from napari_sam3_assistant.core.intensity import Limits, to_rgb
from napari_sam3_assistant.core.progress import no_progress
from napari_sam3_assistant.engines.protocol import Embedding
from napari_sam3_assistant.tasks.frames import Ahead, Frames, named
from napari_sam3_assistant.tasks.image import embed, limits_on
from napari_sam3_assistant.tasks.trail import Means
from napari_sam3_assistant.tasks.view import View


class FrameEncoder:
    """Encodes one frame after the other.

    Parameters
    ----------
    axis : int
        The axis of the frames.
    """

    def __init__(self, axis: int) -> None:
        self._axis = axis
        self._frames = Frames(axis)
        self._limits: Limits | None = None

    def read_with(self, ahead: Ahead | None) -> None:
        """Read the next frame by ``ahead``, on another thread; None reads it when its turn comes."""
        self._frames = Frames(self._axis, ahead)

    def encoded(self, view: View, following: int | None, means: Means) -> Embedding:
        """Return the embedding of a frame that is passed, and begin to read the one that follows.

        Raises
        ------
        ImageError
            If it cannot be read. The message says which frame.
        """
        limits = self._limits_from(view, means)
        pixels = to_rgb(self._frames.read(view, following), limits)
        return means.engine.encode(pixels, progress=means.progress, cancel=means.cancel)

    def embedded(self, view: View, means: Means) -> Embedding:
        """Return the embedding of a frame that one may come back to: it is kept with the others.

        Raises
        ------
        ImageError
            If it cannot be read. The message says which frame.
        """
        limits = self._limits_from(view, means)
        try:
            made = embed(means.engine, means.embeddings, view, limits, progress=no_progress, cancel=means.cancel)
        except ImageError as error:
            raise named(error, view.plane.position(self._axis)) from error
        return made[0]

    def _limits_from(self, view: View, means: Means) -> Limits:
        """Return the limits of intensity of the picture; where all looks constant, they are asked for again."""
        if self._limits is None or self._limits.low == self._limits.high:
            try:
                self._limits = limits_on(view, means.limits_of)
            except ImageError as error:
                raise named(error, view.plane.position(self._axis)) from error
        return self._limits
