"""An engine's process, as the one sees it that started it: asked, watched and ended.

It is a fresh interpreter that runs :mod:`~napari_sam3_assistant.engines.hosting`, joined to this one
by a connection without a name. It ends when this process does, since the connection then ends.
"""

from __future__ import annotations

import logging
import os
import pickle
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from multiprocessing.connection import Connection, Pipe
from typing import Any

from napari_sam3_assistant.core.errors import Cancelled, EngineError, OutOfMemory
from napari_sam3_assistant.core.progress import CancelToken, Progress, no_progress
from napari_sam3_assistant.engines import diagnosing, starting
from napari_sam3_assistant.engines.calls import (
    Answer,
    Ask,
    Diagnosed,
    Encoded,
    End,
    Failed,
    Forget,
    Note,
    Question,
    Ready,
    Stop,
    Told,
)
from napari_sam3_assistant.engines.crashes import crashed, how, said
from napari_sam3_assistant.wire.arrays import Pad, known, pack, unpack

START_S = 60.0
"""How long a process may take until it answers for the first time, in seconds."""
GRACE_S = 0.4
"""How long an engine may go on working after Cancel, before its process is ended, in seconds."""
TICK_S = 0.02
"""How often Cancel is looked at, in seconds."""

_GONE_S = 5.0
_LET_GO_S = 1.0
_LAST_WORDS = 4096

_log = logging.getLogger(__name__)
_diagnostics = logging.getLogger(diagnosing.LOG)


class _Lost(Exception):
    """The process no longer answers."""


class EngineProcess:
    """A process with an engine. Questions are asked by one thread at a time; it may be ended by any.

    Parameters
    ----------
    interpreter : str
        The Python that runs it.
    title : str
        The engine's, for messages.
    on_lost : callable or None
        Called once, on whatever thread finds out, when the process has ended and had embeddings.

    Raises
    ------
    EngineError
        If the process cannot be started.
    """

    def __init__(self, interpreter: str, title: str, on_lost: Callable[[], None] | None = None) -> None:
        self.title = title
        self._interpreter = interpreter
        self._on_lost = deque([on_lost] if on_lost is not None else [])  # whoever takes it out calls it
        self._talking = threading.RLock()
        # Taken for as long as one message is sent; never waited for where an embedding is collected.
        self._sending = threading.Lock()
        self._ending = self._lingers = False
        self._embeddings: set[int] = set()
        self._notes: deque[Note] = deque()
        self._last_words = b""
        try:
            with ExitStack() as undo:
                self._pad = Pad()
                undo.callback(self._pad.close)
                self._connection, theirs = Pipe()
                undo.callback(self._connection.close)
                with theirs:
                    self._process = _started(interpreter, theirs, self._pad)
                undo.pop_all()
        except OSError as error:
            raise EngineError(
                f"The process of {title} cannot be started with {interpreter}: {error.strerror}.",
                hint="Check that this Python is there and can be run.",
            ) from error
        self._watcher = threading.Thread(target=self._watch, name=f"{title}: process", daemon=True)
        self._watcher.start()

    @property
    def pid(self) -> int:
        """The number that the system gave the process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs, and can be asked."""
        return not self._ending and self._process.poll() is None

    def await_ready(self, patience_s: float, cancel: CancelToken) -> None:
        """Wait until the process answers.

        Raises
        ------
        EngineError
            If it ends instead, or has not answered in ``patience_s`` seconds.
        Cancelled
            If ``cancel`` was raised.
        """
        deadline = time.monotonic() + patience_s
        with self._talking:
            try:
                while not isinstance(self._receive(), Ready):
                    cancel.raise_if_cancelled()
                    if time.monotonic() > deadline:
                        raise EngineError(
                            f"The process of {self.title} did not answer within {patience_s:.0f} s.",
                            hint=f"Check that {self._interpreter} is a Python; on a busy computer try again.",
                        )
            except _Lost as error:
                if self._ending:
                    raise self._closed() from error
                self.end()
                why = said(self._last_words.decode(errors="replace")) or how(self._process.returncode)
                raise EngineError(
                    f"The process of {self.title} ended while it started: {why}.",
                    hint=f"Check that numpy, and what {self.title} needs, are installed for {self._interpreter}.",
                ) from error

    def ask(self, question: Question, *, progress: Progress = no_progress, cancel: CancelToken | None = None) -> Any:
        """Return the answer to a question. Waits for it; on Cancel for :data:`GRACE_S` at most.

        Raises
        ------
        AssistantError
            As the engine raised it.
        EngineError
            If the process ends, or the engine raises anything else.
        Cancelled
            If the engine stopped, or did not and its process was ended.
        """
        with self._talking:
            packed = self._packed(question)
            try:
                reply = self._talk(packed, progress, cancel or CancelToken())
            except _Lost as error:
                raise self._crashed() from error
            except BaseException:  # whatever it was, the answer is still to come: nobody may take it for the next one
                self.end()
                raise
            if isinstance(reply, Failed):
                if reply.trace:
                    _log.warning("%s failed in its process.\n%s", self.title, reply.trace)
                raise reply.error
            return self._value(reply)

    def forget(self, embedding: int) -> None:
        """Let the process forget an embedding. Called by the garbage collector: anywhere, at any time."""
        self._embeddings.discard(embedding)
        self.tell(Forget(embedding))

    def tell(self, note: Note) -> None:
        """Tell the process something, before all that is asked later. Never waits; callable as :meth:`forget` is."""
        self._notes.append(note)
        self._flush()

    def end(self, patience_s: float = 0.0, *, linger_s: float = 0.0) -> None:
        """End the process, and give back what belongs to it here.

        Parameters
        ----------
        patience_s : float
            How long it may take to end by itself, in seconds; 0 ends it at once.
        linger_s : float
            How long it may go on beyond that, in seconds, with what it has to write; nobody waits for it.
        """
        if self._lingers:
            return
        self._ending = True
        if patience_s:
            try:
                self._send(End())
                self._process.wait(patience_s)
            except (_Lost, subprocess.TimeoutExpired) as error:
                _log.info("The process of %s does not end by itself (%s).", self.title, type(error).__name__)
        self._lingers = linger_s > 0 and self._process.poll() is None
        if self._lingers:
            late = threading.Timer(linger_s, self._process.kill)
            late.daemon = True
            late.start()
        else:
            self._kill()
        if self._talking.acquire(timeout=_LET_GO_S):  # who asks notices the end by itself
            # Nor is a send waited for without end: it may be this thread's, if an embedding and its engine are
            # collected together.
            free = self._sending.acquire(timeout=_LET_GO_S)
            self._connection.close()
            self._pad.close()
            if free:
                self._sending.release()
            self._talking.release()
        if threading.current_thread() is not self._watcher and not self._lingers:
            self._watcher.join(_LET_GO_S)
        self._tell_lost()

    def _kill(self) -> None:
        self._process.kill()
        try:
            self._process.wait(_GONE_S)
        except subprocess.TimeoutExpired:
            _log.warning("The process of %s does not end; the system has been told to end it.", self.title)

    # -- talking ----------------------------------------------------------------------------------

    def _talk(self, question: bytes, progress: Progress, cancel: CancelToken) -> Answer | Failed:
        self._send(Ask(question))
        deadline: float | None = None
        while True:
            message = self._receive()
            if isinstance(message, Told):
                progress(message.fraction, message.message)
            elif isinstance(message, Diagnosed):
                _diagnostics.info(message.line)
            elif isinstance(message, Answer | Failed):
                return message
            if cancel.cancelled:
                if deadline is None:
                    deadline = time.monotonic() + GRACE_S
                    self._send(Stop())
                elif time.monotonic() > deadline:
                    raise Cancelled

    def _packed(self, question: Question) -> bytes:
        if self._ending:
            raise self._closed()
        try:
            return pack(question, self._pad)
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            raise EngineError(
                f"Something cannot be handed to the process of {self.title}: {error}.",
                hint="Use plain values, such as texts, numbers and paths.",
            ) from error
        except (OSError, MemoryError) as error:
            raise OutOfMemory(
                f"There is no memory to hand the image to {self.title}.", hint="Close other programs or large pictures."
            ) from error

    def _value(self, reply: Answer) -> Any:
        try:
            value = unpack(reply.value, self._pad, known)
        except (pickle.UnpicklingError, OSError, ValueError) as error:
            raise EngineError(
                f"{self.title} gave an answer that cannot be read: {error}.",
                hint="Report this with your engine's name.",
            ) from error
        finally:
            self._pad.empty()
        if isinstance(value, Encoded):
            self._embeddings.add(value.embedding)
        return value

    def _send(self, message: Ask | Stop | End) -> None:
        try:
            with self._sending:
                self._send_notes()
                self._connection.send_bytes(pickle.dumps(message, protocol=5))
        except OSError as error:
            raise _Lost from error
        self._flush()

    def _flush(self) -> None:
        """Send what is to be told, unless a message is being sent: who sends it comes here next."""
        while self._notes and self._sending.acquire(blocking=False):
            try:
                self._send_notes()
            except OSError:  # the process has ended, and with it what it kept
                return
            finally:
                self._sending.release()

    def _send_notes(self) -> None:
        """Send what is to be told. Called with the lock for sending held."""
        notes = tuple(self._notes.popleft() for _ in range(len(self._notes)))
        if notes:
            self._connection.send_bytes(pickle.dumps(notes, protocol=5))

    def _receive(self) -> Ready | Told | Diagnosed | Answer | Failed | None:
        """Return the next message, or None if none came within :data:`TICK_S`."""
        try:
            ended = self._process.poll() is not None  # before the look: what it sent last is still read
            if self._connection.poll(TICK_S):
                message: Ready | Told | Diagnosed | Answer | Failed = known(self._connection.recv_bytes())
                return message
        except (EOFError, OSError) as error:
            raise _Lost from error
        if ended:
            raise _Lost
        return None

    # -- its end ----------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Keep what the process says last, and notice its end."""
        errors = self._process.stderr
        if errors is not None:
            with errors:
                while said := os.read(errors.fileno(), _LAST_WORDS):
                    self._last_words = (self._last_words + said)[-_LAST_WORDS:]
        self._process.wait()
        self._tell_lost()

    def _tell_lost(self) -> None:
        """Say once that embeddings are lost, if there were any."""
        try:
            call = self._on_lost.pop()
        except IndexError:
            return
        if self._embeddings:
            call()

    def _crashed(self) -> EngineError:
        """Return the error for a process that has ended unasked."""
        if self._ending:
            return self._closed()
        try:
            self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            _log.warning("The process of %s hung up, and still runs.", self.title)
        self.end()
        code, words = self._process.returncode, self._last_words.decode(errors="replace")
        _log.error("The process of %s has ended: %s. It said last:\n%s", self.title, how(code), words)
        return crashed(self.title, code, words)

    def _closed(self) -> EngineError:
        return EngineError(f"{self.title} was closed while it worked.", hint="Load it again.")


def _started(interpreter: str, theirs: Connection[Any, Any], pad: Pad) -> subprocess.Popen[bytes]:
    options: dict[str, Any] = {"pass_fds": (theirs.fileno(), *pad.inherit)}
    if sys.platform == "win32":
        os.set_handle_inheritable(theirs.fileno(), True)
        startup = subprocess.STARTUPINFO(lpAttributeList={"handle_list": [theirs.fileno()]})
        options = {
            "startupinfo": startup,
            "creationflags": subprocess.CREATE_NO_WINDOW | subprocess.BELOW_NORMAL_PRIORITY_CLASS,
        }
    return subprocess.Popen(
        # -P: what lies in the folder that napari was started in must not be imported in place of a package.
        [interpreter, "-P", starting.__file__, str(theirs.fileno()), pad.ticket],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=starting.environment_of(interpreter) | {"PYTHONUNBUFFERED": "1"},
        **options,
    )
