"""The sessions that an engine keeps in its own process, by number. Touched on its main thread only."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from napari_sam3_assistant.core.errors import EmbeddingLost
from napari_sam3_assistant.core.progress import CancelToken
from napari_sam3_assistant.core.results import FrameResult, Segmentation
from napari_sam3_assistant.engines.calls import Begin, Begun, Leave, Prompted, Remove, Start, Started, Step
from napari_sam3_assistant.engines.protocol import Embedding, ImageEngine, VideoSession, video_of

_log = logging.getLogger(__name__)


class Sessions:
    """Objects that are followed from frame to frame, in any number of sessions side by side.

    Parameters
    ----------
    engine : callable
        Returns the engine, loaded.
    embedding : callable
        Returns the embedding of a number.
    """

    def __init__(self, engine: Callable[[], ImageEngine], embedding: Callable[[int], Embedding]) -> None:
        self._engine, self._embedding = engine, embedding
        self._sessions: dict[int, VideoSession] = {}
        self._started = 0

    def answer(
        self, question: Start | Prompted | Begin | Step, cancel: CancelToken
    ) -> Started | Begun | Segmentation | FrameResult:
        """Return the answer to a question about a session."""
        match question:
            case Start(query):
                session = video_of(self._engine()).start(query)
                self._started += 1
                self._sessions[self._started] = session
                return Started(self._started)
            case Prompted(number, frame, embedding, object_id, prompts, present):
                session, seen = self._known(number), self._embedding(embedding)
                return _bare(session.prompt(frame, seen, object_id, prompts, present, cancel=cancel))
            case Begin(number, frame, embedding, masks):
                self._known(number).begin(frame, self._embedding(embedding), masks)
                return Begun()
            case Step(number, frame, embedding, ids):
                found = self._known(number).step(frame, self._embedding(embedding), ids, cancel=cancel)
                return replace(found, objects={id: _bare(one) for id, one in found.objects.items()})

    def note(self, note: Leave | Remove) -> None:
        """Close a session, or take an object from one. Nobody waits for it, so what fails is written down."""
        try:
            match note:
                case Leave(number) if number in self._sessions:
                    self._sessions.pop(number).close()
                case Remove(number, object_id) if number in self._sessions:
                    self._sessions[number].remove(object_id)
        except Exception:
            _log.exception("A session has failed at %s.", note)

    def _known(self, number: int) -> VideoSession:
        if number not in self._sessions:
            raise EmbeddingLost("What the engine knew of these frames is lost.", hint="Start once more.")
        return self._sessions[number]


def _bare(answer: Segmentation) -> Segmentation:
    """Return an answer without its state: a session keeps that itself."""
    return answer if answer.state is None else replace(answer, state=None)
