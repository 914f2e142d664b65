"""A session of an engine in its own process, as the one sees it that asks: a number, and where it is."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Collection, Mapping

from napari_sam3_assistant.core.errors import EmbeddingLost
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.progress import CancelToken
from napari_sam3_assistant.core.prompts import Prompts, Query
from napari_sam3_assistant.core.results import FrameResult, Segmentation
from napari_sam3_assistant.engines.calls import Begin, Leave, Prompted, Remove, Start, Started, Step
from napari_sam3_assistant.engines.process import EngineProcess
from napari_sam3_assistant.engines.protocol import Embedding

Known = Callable[[Embedding], tuple[EngineProcess, int]]


class HostedSession:
    """A :class:`~napari_sam3_assistant.engines.protocol.VideoSession` that is kept in the engine's process.

    It is given back there when it is closed, or collected. :meth:`remove` and :meth:`close` wait for nothing, and
    may be called on any thread. A call that does not end is ended by its ``cancel``, or by closing the engine.

    Parameters
    ----------
    process : EngineProcess
        Where it is to be.
    query : Query or None
        What it finds by itself.
    title : str
        The engine's, for messages.
    known : callable
        Returns the process and the number of an embedding; raises where that is no longer known.
    """

    def __init__(self, process: EngineProcess, query: Query | None, title: str, known: Known) -> None:
        self._process, self._query, self._title, self._known = process, query, title, known
        self._leave: weakref.finalize[..., HostedSession] | None = None
        self._number: int | None = self._started()

    def prompt(
        self,
        frame: int,
        embedding: Embedding,
        object_id: int,
        prompts: Prompts,
        present: PlacedMask | None = None,
        *,
        cancel: CancelToken | None = None,
    ) -> Segmentation:
        """Set or correct an object on ``frame``; see :meth:`VideoSession.prompt`."""
        _check(cancel)
        known = self._seen(embedding)
        question = Prompted(self._at(), int(frame), known, int(object_id), prompts, present)
        answer: Segmentation = self._process.ask(question, cancel=cancel)
        return answer

    def begin(self, frame: int, embedding: Embedding, masks: Mapping[int, PlacedMask]) -> None:
        """Follow objects on from ``frame``; see :meth:`VideoSession.begin`."""
        known = self._seen(embedding)
        self._process.ask(Begin(self._at(), int(frame), known, dict(masks)))

    def step(
        self,
        frame: int,
        embedding: Embedding,
        ids: Collection[int] | None = None,
        *,
        cancel: CancelToken | None = None,
    ) -> FrameResult:
        """Return the objects on ``frame``; see :meth:`VideoSession.step`."""
        _check(cancel)
        known = self._seen(embedding)
        question = Step(self._at(), int(frame), known, None if ids is None else frozenset(map(int, ids)))
        answer: FrameResult = self._process.ask(question, cancel=cancel)
        return answer

    def remove(self, object_id: int) -> None:
        """Follow the object no longer."""
        if self._number is not None and self._process.alive:
            self._process.tell(Remove(self._number, int(object_id)))

    def close(self) -> None:
        """Give back what is kept of the frames, there."""
        leave, self._leave, self._number = self._leave, None, None
        if leave is not None:
            leave()

    def _at(self) -> int:
        """Return the number of the session; one that was closed is started anew."""
        if self._number is None:
            self._number = self._started()
        return self._number

    def _started(self) -> int:
        made: Started = self._process.ask(Start(self._query))
        self._leave = weakref.finalize(self, _left, self._process, made.session)
        self._leave.atexit = False
        return made.session

    def _seen(self, embedding: Embedding) -> int:
        """Return the number of an embedding in the process where the session is."""
        process, number = self._known(embedding)
        if process is not self._process or not process.alive:
            raise EmbeddingLost(
                f"The process of {self._title} has ended, and what it knew of these frames is lost.",
                hint="Start once more.",
            )
        return number


def _left(process: EngineProcess, number: int) -> None:
    if process.alive:
        process.tell(Leave(number))


def _check(cancel: CancelToken | None) -> None:
    if cancel is not None:
        cancel.raise_if_cancelled()
