"""An engine whose model lives in a process of its own, behind the same protocol.

Importing its packages, encoding for a minute, running out of memory or crashing touches that
process only. Images go there through shared memory, embeddings stay there; what is here of one is a
number. A process that has ended is started again, and the model loaded again, when it is next needed.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import AssistantError, EmbeddingLost, EngineError
from napari_sam3_assistant.core.progress import CancelToken, Progress, no_progress
from napari_sam3_assistant.core.prompts import Prompts, Query
from napari_sam3_assistant.core.results import Candidates, Segmentation
from napari_sam3_assistant.engines.calls import About, Encode, Encoded, Find, Load, PackedState, Propose, Segment
from napari_sam3_assistant.engines.host_session import HostedSession
from napari_sam3_assistant.engines.process import START_S, EngineProcess
from napari_sam3_assistant.engines.proposing import Places, Steps, proposing
from napari_sam3_assistant.engines.protocol import Capabilities, Embedding, video_of
from napari_sam3_assistant.engines.storing import StoreCounts, StoreOptions

CLOSE_S = 1.0
"""How long a process may take to end by itself when its engine is closed, in seconds."""
LINGER_S = 40.0
"""How long it may go on beyond that where embeddings are kept, unseen, to write what it has encoded last."""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class HostedEmbedding:
    """An embedding that is kept in the engine's process, until this value is collected.

    Attributes
    ----------
    number : int
        In its process.
    nbytes : int
        Memory that it takes there, in bytes.
    shape : tuple of int
        Height and width of the image, in pixels.
    process : EngineProcess
        Where it is.
    """

    number: int
    nbytes: int
    shape: tuple[int, int]
    process: EngineProcess = field(repr=False)

    @property
    def lost(self) -> bool:
        """Whether its process has ended."""
        return not self.process.alive


class HostedEngine:
    """An :class:`~napari_sam3_assistant.engines.protocol.ImageEngine` in a process of its own.

    It follows objects from frame to frame where the engine in the process does.

    Parameters
    ----------
    factory : str
        ``"module:callable"`` of the engine; imported and called in its process only.
    options : mapping or None
        What the factory is called with. They are pickled.
    name, title : str
        As in the registry, and as users see it (the name, if empty).
    weights : str
        What :attr:`weights` says until the engine is loaded.
    capabilities : Capabilities
        What :attr:`capabilities` says until the engine is loaded.
    interpreter : str
        The Python that runs it; empty for the one that runs this process.
    on_lost : callable or None
        Called when a process that had embeddings has ended, for whatever reason: they are lost. On
        whatever thread finds out, so it must return at once.
    embeddings : StoreOptions or None
        Where the process keeps embeddings on disk; None for nowhere.
    on_problem : callable or None
        Called on this engine's thread when that does not go on: once for each process.
    start_s : float
        How long the process may take until it answers for the first time, in seconds.
    """

    def __init__(
        self,
        factory: str,
        options: Mapping[str, object] | None = None,
        *,
        name: str,
        title: str = "",
        weights: str = "",
        capabilities: Capabilities | None = None,
        interpreter: str = "",
        on_lost: Callable[[], None] | None = None,
        embeddings: StoreOptions | None = None,
        on_problem: Callable[[AssistantError], None] | None = None,
        start_s: float = START_S,
    ) -> None:
        self.name, self.weights = name, weights
        self.capabilities = capabilities or Capabilities()
        self._question = Load(title or name, factory, dict(options or {}), embeddings)
        self._interpreter = interpreter or sys.executable
        self._on_lost, self._start_s = on_lost, start_s
        self._on_problem, self._stored = on_problem, StoreCounts()
        self._lock = threading.Lock()
        self._open = False
        self._process: EngineProcess | None = None
        self._end: weakref.finalize[..., HostedEngine] | None = None

    @property
    def pid(self) -> int | None:
        """The number of the process, if one runs."""
        process = self._process
        return process.pid if process is not None and process.alive else None

    @property
    def stored(self) -> StoreCounts:
        """What came of keeping embeddings on disk in the process that runs, or ran last."""
        return self._stored

    def load(self, *, progress: Progress, cancel: CancelToken) -> None:
        """Start the process and load the model there, unless that is done; see :meth:`ImageEngine.load`."""
        cancel.raise_if_cancelled()
        with self._lock:
            self._running(progress, cancel)
            self._open = True

    def encode(self, image: npt.NDArray[np.uint8], *, progress: Progress, cancel: CancelToken) -> HostedEmbedding:
        """Return the embedding of an image; see :meth:`ImageEngine.encode`.

        Raises
        ------
        Cancelled
            Half a second after ``cancel`` was raised at the latest. If the engine did not stop by itself,
            its process was ended, and all embeddings are lost.
        """
        cancel.raise_if_cancelled()
        with self._lock:
            self._check_open()
            process = self._running(lambda fraction, message="": progress(None, message), cancel)
        made: Encoded = process.ask(Encode(np.ascontiguousarray(image)), progress=progress, cancel=cancel)
        self._take(made.about)
        self._note(made.stored)
        embedding = HostedEmbedding(made.embedding, made.nbytes, made.shape, process)
        weakref.finalize(embedding, process.forget, made.embedding).atexit = False
        cancel.raise_if_cancelled()
        return embedding

    def segment(self, embedding: Embedding, prompts: Prompts, previous: Segmentation | None = None) -> Segmentation:
        """Return the object that ``prompts`` are about; see :meth:`ImageEngine.segment`.

        Raises
        ------
        EmbeddingLost
            If the process that had the embedding has ended.
        EngineError
            If it ends now; the next call starts it again.
        """
        known = self._own(embedding)
        if previous is not None and not isinstance(previous.state, PackedState):
            previous = replace(previous, state=None)  # of another engine, if any
        answer: Segmentation = known.process.ask(Segment(known.number, prompts, previous))
        return answer

    def find(self, embedding: Embedding, query: Query) -> Candidates:
        """Return all objects like the examples or words of ``query``; see :meth:`ImageEngine.find`.

        Raises
        ------
        EmbeddingLost
            If the process that had the embedding has ended.
        EngineError
            If it ends now; the next call starts it again.
        """
        known = self._own(embedding)
        answer: Candidates = known.process.ask(Find(known.number, query))
        return answer

    def propose(self, embedding: Embedding, places: Places) -> Candidates:
        """Return what may be an object at some places; see :meth:`ProposingEngine.propose`.

        Raises
        ------
        Unsupported
            If the engine proposes nothing.
        EmbeddingLost
            If the process that had the embedding has ended.
        EngineError
            If it ends now; the next call starts it again.
        """
        known = self._own(embedding)
        proposing(self)
        answer: Candidates = known.process.ask(Propose(known.number, places))
        return answer

    def propose_in_steps(self, embedding: Embedding) -> Steps[Candidates]:
        """Return what :meth:`propose` does, in a single step: the process is asked once."""
        yield 0.0
        return self.propose(embedding, np.zeros((0, 2)))

    def start(self, query: Query | None = None) -> HostedSession:
        """Return a session without objects, in the process; see :meth:`VideoEngine.start`.

        Raises
        ------
        Unsupported
            If the engine follows nothing, or finds nothing by words.
        EngineError
            If the engine is closed, or its process ends now.
        """
        self._check_open()
        video_of(self)
        with self._lock:
            self._check_open()
            process = self._running(no_progress, CancelToken())
        return HostedSession(process, query, self._question.title, self._place_of)

    def close(self) -> None:
        """End the process: all its memory is back. Later calls but :meth:`load` raise EngineError."""
        self._open = False
        process = self._process
        if process is not None:
            linger_s = LINGER_S if self._question.embeddings else 0.0
            process.end(CLOSE_S, linger_s=linger_s)  # before the lock: who loads now holds it, until that has ended
        with self._lock:
            self._open = False
            if self._process is process:
                self._let_go()

    def _running(self, progress: Progress, cancel: CancelToken) -> EngineProcess:
        """Return the process with a loaded engine, started now if there is none. Called with the lock held."""
        if self._process is not None and self._process.alive:
            return self._process
        self._let_go()
        self._stored = StoreCounts()
        self._process = process = EngineProcess(self._interpreter, self._question.title, self._on_lost)
        # Should nobody close the engine, its process ends with this value, or with the interpreter.
        self._end = weakref.finalize(self, process.end)
        try:
            process.await_ready(self._start_s, cancel)
            self._take(process.ask(self._question, progress=progress, cancel=cancel))
        except BaseException:
            self._let_go()
            raise
        return process

    def _let_go(self) -> None:
        """End what is left of the process, and give back what belongs to it here."""
        end, self._end, self._process = self._end, None, None
        if end is not None:
            end()

    def _take(self, about: About) -> None:
        self.name, self.weights, self.capabilities = about.name, about.weights, about.capabilities

    def _note(self, counts: StoreCounts | None) -> None:
        """Take in what came of keeping embeddings, and tell of a problem that is new."""
        before, self._stored = self._stored, counts or StoreCounts()
        if self._stored.problem is not None and before.problem is None and self._on_problem is not None:
            self._on_problem(self._stored.problem)

    def _check_open(self) -> None:
        if not self._open:
            raise EngineError(f"{self._question.title} is not loaded.", hint="Load it first, or again.")

    def _place_of(self, embedding: Embedding) -> tuple[EngineProcess, int]:
        known = self._own(embedding)
        return known.process, known.number

    def _own(self, embedding: Embedding) -> HostedEmbedding:
        self._check_open()
        if not isinstance(embedding, HostedEmbedding):
            raise EngineError("This embedding is another engine's.", hint="Encode the image again.")
        if embedding.lost:
            raise EmbeddingLost(
                f"The process of {self._question.title} has ended, and what it knew of this picture is lost.",
                hint="Encode the image again.",
            )
        if embedding.process is not self._process:
            raise EngineError("This embedding is another engine's.", hint="Encode the image again.")
        return embedding
