"""The engine's own process, begun by :mod:`~napari_sam3_assistant.engines.starting`.

It is started by :mod:`~napari_sam3_assistant.engines.process` and by nobody else. The engine works
on the main thread, one question at a time; a second thread reads what comes in, so that Stop and
Forget take effect while the engine works. The process ends when the other end of its connection
does, whatever the engine is at.
"""

from __future__ import annotations

import faulthandler
import importlib
import logging
import os
import pickle
import queue
import signal
import sys
import threading
import time
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from napari_sam3_assistant.core.errors import AssistantError, EmbeddingLost, EngineError
from napari_sam3_assistant.core.progress import CancelToken
from napari_sam3_assistant.core.results import Candidates, FrameResult, Segmentation
from napari_sam3_assistant.engines import diagnosing
from napari_sam3_assistant.engines.calls import (
    About,
    Answer,
    Ask,
    Begun,
    Diagnosed,
    Encode,
    Encoded,
    End,
    Failed,
    Find,
    Forget,
    Leave,
    Load,
    Note,
    PackedState,
    Propose,
    Question,
    Ready,
    Remove,
    Segment,
    Started,
    Stop,
    Told,
)
from napari_sam3_assistant.engines.hosting_failures import failed
from napari_sam3_assistant.engines.hosting_sessions import Sessions
from napari_sam3_assistant.engines.proposing import proposing
from napari_sam3_assistant.engines.protocol import Embedding, ImageEngine
from napari_sam3_assistant.engines.stored import counts_of, finish, stored
from napari_sam3_assistant.wire.arrays import Pad, pack, unpack

PARENT_S = 1.0
"""How often the process looks whether its parent is still there, in seconds."""
TOLD_S = 0.05
"""Reports of progress are at least so far apart, in seconds."""

NICE = 5
"""How much later than others this process is served where cores are scarce; of nineteen steps."""
_FIRST_TO_GO = "500"

_log = logging.getLogger(__name__)


def main() -> NoReturn:
    """Answer questions until the other end is gone."""
    connection, pad = _connected(sys.argv[1]), Pad(sys.argv[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C in a terminal is meant for the parent, which ends this
    faulthandler.enable()
    _be_first_to_go()
    _give_way()
    office = Office(connection, pad)
    threading.Thread(target=office.read, name="reader", daemon=True).start()
    diagnosing.listen(lambda line: office.send(Diagnosed(line)))
    office.send(Ready())
    office.work()


def _connected(handle: str) -> Connection[Any, Any]:
    if sys.platform == "win32":
        from multiprocessing.connection import PipeConnection

        return PipeConnection(int(handle))
    os.set_inheritable(int(handle), False)
    return Connection(int(handle))


def _be_first_to_go() -> None:
    """Have Linux end this process, and not the window, where memory runs out; it may be started again."""
    if sys.platform == "linux":
        try:
            Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO)
        except OSError as error:  # a container may forbid it
            _log.info("The system chooses which process to end where memory runs out: %s.", error)


def _give_way() -> None:
    """Let the window, and who answers meanwhile, be served first: a model would take every core for long."""
    if sys.platform != "win32":  # there, who starts this process says so
        os.nice(NICE)


class Office:
    """The engine, its embeddings by number, and the questions that wait."""

    def __init__(self, connection: Connection[Any, Any], pad: Pad) -> None:
        self._connection, self._pad = connection, pad
        self._asked: queue.SimpleQueue[tuple[Ask, CancelToken] | Leave | Remove | End] = queue.SimpleQueue()
        self._current = CancelToken()
        self._title = "The engine"
        self._engine: ImageEngine | None = None
        self._embeddings: dict[int, Embedding] = {}
        self._encoded = 0
        self._sessions = Sessions(self._loaded, self._known)

    def read(self) -> NoReturn:
        """Take in messages, on a thread of its own; end the process when the parent is gone.

        Embeddings that are on their way to the disk still get there.
        """
        parent = os.getppid()
        try:
            while os.getppid() == parent:
                if self._connection.poll(PARENT_S):
                    self._take(pickle.loads(self._connection.recv_bytes()))
        except (EOFError, OSError):
            finish(self._engine)
            os._exit(0)
        finally:
            finish(self._engine)
            os._exit(1)

    def work(self) -> NoReturn:
        """Answer what is asked, on the main thread."""
        while not isinstance(asked := self._asked.get(), End):
            if isinstance(asked, tuple):
                self._reply(*asked)
            else:
                self._sessions.note(asked)
        try:
            if self._engine is not None:
                self._engine.close()
        finally:
            os._exit(0)

    def send(self, message: Ready | Told | Diagnosed | Answer | Failed) -> None:
        """Send a message; end the process if nobody is there to receive it."""
        try:
            self._connection.send_bytes(pickle.dumps(message, protocol=5))
        except OSError:
            os._exit(0)

    def _take(self, message: Ask | Stop | tuple[Note, ...] | End) -> None:
        match message:
            case Ask():
                self._current = CancelToken()
                self._asked.put((message, self._current))
            case Stop():
                self._current.cancel()
            case End():
                self._asked.put(message)
            case _:
                for note in message:
                    if isinstance(note, Forget):
                        self._embeddings.pop(note.embedding, None)
                    else:  # a session is the engine's, and is touched where the engine works
                        self._asked.put(note)

    def _reply(self, asked: Ask, cancel: CancelToken) -> None:
        teller = _Teller(self)
        reply: Answer | Failed
        try:
            answer = self._answer(unpack(asked.question, self._pad), teller, cancel)
            reply = Answer(pack(answer, self._pad))
        except BaseException as error:  # an engine may raise anything, and somebody waits
            reply = failed(error, self._title)
        teller.flush()
        self.send(reply)

    def _answer(
        self, question: Question, progress: _Teller, cancel: CancelToken
    ) -> About | Encoded | Segmentation | Candidates | Started | Begun | FrameResult:
        match question:
            case Load():
                return self._load(question, progress, cancel)
            case Encode(image):
                engine = self._loaded()
                made = engine.encode(image, progress=progress, cancel=cancel)  # type: ignore[arg-type]  # it says so
                self._encoded += 1
                self._embeddings[self._encoded] = made
                return Encoded(
                    self._encoded, made.nbytes, made.shape, _about(self._loaded()), counts_of(self._loaded())
                )
            case Segment(number, prompts, previous):
                return _sealed(self._loaded().segment(self._known(number), prompts, _opened(previous)))
            case Find(number, query):
                return self._loaded().find(self._known(number), query)
            case Propose(number, places):
                return proposing(self._loaded()).propose(self._known(number), places)
            case _:
                return self._sessions.answer(question, cancel)

    def _load(self, question: Load, progress: _Teller, cancel: CancelToken) -> About:
        self._title = question.title
        if self._engine is None:
            self._engine = stored(_made(question), question.embeddings)
        self._engine.load(progress=progress, cancel=cancel)
        return _about(self._engine)

    def _loaded(self) -> ImageEngine:
        if self._engine is None:
            raise EngineError(f"{self._title} is not loaded.", hint="Load it first, or again.")
        return self._engine

    def _known(self, number: int) -> Embedding:
        if number not in self._embeddings:
            raise EmbeddingLost("What the engine knew of this picture is lost.", hint="Encode the image again.")
        return self._embeddings[number]


class _Teller:
    """Reports progress to the other process, some of it: the first report, the last, and few between."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._last = -TOLD_S
        self._waiting: Told | None = None

    def __call__(self, fraction: float | None, message: str = "") -> None:
        self._waiting = Told(fraction, message)
        if time.monotonic() - self._last >= TOLD_S:
            self.flush()

    def flush(self) -> None:
        if self._waiting is not None:
            self._office.send(self._waiting)
            self._waiting, self._last = None, time.monotonic()


def _made(question: Load) -> ImageEngine:
    module, _, attribute = question.factory.partition(":")
    try:
        made: ImageEngine = getattr(importlib.import_module(module), attribute)(**question.options)
    except (AssistantError, MemoryError):
        raise
    except Exception as error:
        raise EngineError(
            f"{question.title} could not be made: {type(error).__name__}: {error}.",
            hint="Install its packages again, or choose the engine Built-in.",
        ) from error
    return made


def _about(engine: ImageEngine) -> About:
    return About(engine.name, engine.weights, engine.capabilities)


def _sealed(answer: Segmentation) -> Segmentation:
    """Return an answer whose state is pickled, if there is one: the other process could not open it."""
    if answer.state is None:
        return answer
    pickled = np.frombuffer(pickle.dumps(answer.state, protocol=5), np.uint8)
    return replace(answer, state=PackedState(pickled))


def _opened(previous: Segmentation | None) -> Segmentation | None:
    if previous is None or not isinstance(previous.state, PackedState):
        return previous
    return replace(previous, state=pickle.loads(previous.state.pickled.data))
