"""A connection to a server that is made anew where it breaks.

One thread reads what comes in, notices when the other end is gone, and connects again. Who asks waits for the answer;
where the connection breaks meanwhile, the same is asked again on the next one, since questions change nothing on the
server. What belongs to one connection, such as a video, says which one, and is lost with it.

A connection that was there is tried for again for a while, with longer and longer pauses of random length. Nobody is
kept waiting by a server that is not there: a question then tries once, at once.
"""

from __future__ import annotations

import itertools
import logging
import os
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from queue import Empty
from typing import Literal

from websockets.exceptions import ConnectionClosed

from napari_sam3_assistant.core.errors import AssistantError, Cancelled, EngineError, ServerUnreachable
from napari_sam3_assistant.core.progress import CancelToken, Progress, no_progress
from napari_sam3_assistant.engines.remote.dialling import BUILTIN, CHECK, Line
from napari_sam3_assistant.engines.remote.failures import BUSY, error_of, video_lost
from napari_sam3_assistant.engines.remote.talk import Mail, Talk
from napari_sam3_assistant.wire.frames import packed
from napari_sam3_assistant.wire.messages import CancelWork
from napari_sam3_assistant.wire.parsing import parse_server
from napari_sam3_assistant.wire.refusals import Refusal
from napari_sam3_assistant.wire.replies import Error, Working
from napari_sam3_assistant.wire.values import Message

State = Literal["connected", "connecting", "offline"]
PATIENCE_S = 20.0
"""How long a connection that was lost is tried for again, in seconds."""
STEADY_S = 5.0
"""A connection that breaks sooner has done no good: the pauses before the next ones get longer."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 5.0
BUSY_S = 120.0
"""How long a question is repeated that the server has no time for, in seconds."""
ANSWER_S = 600.0
"""How long an answer is waited for, whatever is said of how far it is, in seconds."""
LONG_PAUSE_S = 1.0
"""The longest pause before a server that has no time is asked again, in seconds."""
TICK_S = 0.05
"""How often Cancel is looked at, in seconds."""
READ_S = 0.2
"""How often who reads looks at what is to be told, and at what is being sent, in seconds."""
MOST_BREAKS = 8
"""A question on which the connection breaks so often in a row is given up."""
GONE_S = 2.0
IDLE = 4408
"""The code by which a server closes a connection that nobody has used for long."""
_WORDS = {"queued": "Waiting for the server", "decoding": "The server opens the picture", "encoding": ""}
_log = logging.getLogger(__name__)


class Link:
    """Talks with one server, over one connection after the other.

    Parameters
    ----------
    dial : callable
        Returns a connection; see :func:`~napari_sam3_assistant.engines.remote.dialling.dial`.
    patience_s : float
        How long a connection that was lost is tried for again, in seconds.
    on_state : callable or None
        Told the new :attr:`state`, on any thread; must return at once.

    Attributes
    ----------
    state : str
        ``"connected"``, ``"connecting"`` or ``"offline"``. It is offline, too, after a long time without a question;
        the next one connects again.
    """

    def __init__(
        self,
        dial: Callable[[], Line],
        *,
        patience_s: float = PATIENCE_S,
        on_state: Callable[[State], None] | None = None,
    ) -> None:
        self._dial, self._patience_s, self._on_state = dial, patience_s, on_state
        self.state: State = "offline"
        self._process = os.getpid()
        self._changed = threading.Condition()
        self._talk: Talk | None = None
        self._thread: threading.Thread | None = None
        self._failed: AssistantError | None = None
        self._hurry = self._closed = False
        self._ids, self._numbers = itertools.count(1), itertools.count(1)
        self._notes: deque[tuple[int, str | bytes]] = deque()

    @property
    def latency_s(self) -> float | None:
        """The newest round trip, in seconds; None while there is no connection."""
        talk = self._talk
        return None if talk is None else talk.line.latency_s

    # -- asking -----------------------------------------------------------------------------------

    def connected(self, *, cancel: CancelToken | None = None, progress: Progress = no_progress) -> Talk:
        """Return the connection; wait for it if need be.

        Raises
        ------
        AssistantError
            If there is none: why the last attempt has failed.
        Cancelled
            If ``cancel`` was raised.
        """
        told = False
        if os.getpid() != self._process:  # a fork has the socket too, and nobody who reads it
            raise EngineError("The server's engine belongs to another process.", hint="Make one in this process.")
        with self._changed:
            if self._talk is None:
                self._hurry = True
                self._changed.notify_all()
                self._begin()
            while True:
                if self._closed:
                    raise _closed()
                if self._talk is not None:
                    return self._talk
                if self._thread is None:
                    raise self._failed or ServerUnreachable("The server does not answer.", hint=CHECK)
                if cancel is not None:
                    cancel.raise_if_cancelled()
                if not told:
                    progress(None, "Connecting with the server")
                    told = True
                self._changed.wait(TICK_S)

    def ask(
        self,
        message: Message,
        *,
        on: int | None = None,
        cancel: CancelToken | None = None,
        progress: Progress = no_progress,
    ) -> Message:
        """Return the answer to a message; it is asked again where the connection breaks, or the server is busy.

        Parameters
        ----------
        message : Message
        on : int or None
            The only connection on which it makes sense, by its number.
        cancel : CancelToken or None
            The server is told, and nobody waits for it.
        progress : callable

        Raises
        ------
        Cancelled
            Half a second after ``cancel`` was raised at the latest.
        EmbeddingLost
            If the connection ``on`` is lost.
        AssistantError
            What the server has refused it with; but ``not_found`` is returned as the answer that it is.
        """
        patience = time.monotonic() + BUSY_S
        breaks, pause = 0, LONG_PAUSE_S if getattr(message, "image", None) else 0.1  # a picture is much to send again
        while True:
            talk = self.connected(cancel=cancel, progress=progress)
            if on is not None and talk.number != on:
                raise video_lost()
            reply = self._answer(talk, message, cancel, progress)
            if reply is None:
                breaks += 1
                if breaks == MOST_BREAKS:
                    raise ServerUnreachable("The connection breaks again and again.", hint=CHECK)
            elif isinstance(reply, Error) and reply.code in BUSY and time.monotonic() < patience:
                progress(None, BUSY[reply.code])
                self.pause(pause, cancel)
                pause = min(2 * pause, LONG_PAUSE_S)
            elif isinstance(reply, Error) and reply.code != "not_found":
                raise error_of(reply)
            else:
                return reply

    def tell(self, message: Message, on: int) -> None:
        """Tell the server something on the connection ``on``, soon. Waits for nothing, and may be called anywhere."""
        self._notes.append((on, packed(message, binary=True)))

    def pause(self, seconds: float, cancel: CancelToken | None = None) -> None:
        """Wait.

        Raises
        ------
        Cancelled
            If ``cancel`` was raised.
        EngineError
            If the link is closed meanwhile.
        """
        end = time.monotonic() + seconds
        with self._changed:
            while (left := end - time.monotonic()) > 0 and not self._closed:
                if cancel is not None:
                    cancel.raise_if_cancelled()
                self._changed.wait(min(left, TICK_S))
        if self._closed:
            raise _closed()

    def next_id(self) -> str:
        """Return a name for a message that no other one has."""
        return str(next(self._ids))

    def close(self) -> None:
        """End the connection: who waits is told. On any thread; a second call does nothing, nor does one in a fork.

        One that is being made cannot be interrupted, and is not waited for: it ends by itself.
        """
        if os.getpid() != self._process:
            return
        with self._changed:
            self._closed = True
            talk, thread = self._talk, self._thread
            self._changed.notify_all()
        if talk is not None:
            talk.end()
            talk.hang_up()
        if talk is not None and thread is not None and thread is not threading.current_thread():
            thread.join(GONE_S)

    def _answer(self, talk: Talk, message: Message, cancel: CancelToken | None, progress: Progress) -> Message | None:
        """Return what a server answers on one connection; None if that breaks before."""
        id = self.next_id()
        mail = talk.expect(id)
        end = time.monotonic() + ANSWER_S
        try:
            self.send(talk, message.model_copy(update={"id": id}), cancel, progress)
            while (reply := self.next(mail, end, cancel)) is not None:
                if not isinstance(reply, Working):
                    return reply
                if words := _WORDS[reply.stage]:
                    progress(None, words)
            return None
        except ConnectionClosed:
            self.lose(talk)
            return None
        except Cancelled:
            self._notes.append((talk.number, packed(CancelWork(id=id))))
            raise
        finally:
            talk.expect_no_more(id)

    def send(
        self, talk: Talk, message: Message, cancel: CancelToken | None = None, progress: Progress = no_progress
    ) -> None:
        """Send a message, and before it what is to be told; errors as :meth:`Talk.send`."""
        self._flush(talk)
        talk.send(packed(message, binary=True), cancel, progress)

    def next(self, mail: Mail, end: float, cancel: CancelToken | None = None) -> Message | None:
        """Return the next message that is put there; None if the connection breaks.

        Raises
        ------
        EngineError
            If it cannot be read, has not come until ``end`` (of ``time.monotonic``), or the link is closed.
        Cancelled
            If ``cancel`` was raised.
        """
        while True:
            if self._closed:
                raise _closed()
            if cancel is not None:
                cancel.raise_if_cancelled()
            if time.monotonic() > end:
                raise EngineError("The server has not answered for too long.", hint=f"Try again later, {BUILTIN}")
            try:
                reply = mail.get(timeout=TICK_S)
            except Empty:
                continue
            if isinstance(reply, Refusal):
                raise EngineError("What the server answers cannot be read.", hint=CHECK)
            return reply

    def lose(self, talk: Talk) -> None:
        """Ask nothing more on a connection that is broken, though who reads has not noticed yet."""
        with self._changed:
            if self._talk is talk:
                self._talk = None
                self._set("connecting")

    # -- the thread -------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Start the thread that connects, unless it runs. Called with the lock held."""
        if self._thread is None and not self._closed:
            self._failed = None
            self._thread = threading.Thread(target=self._run, name="sam3-assistant-remote-link", daemon=True)
            self._set("connecting")
            self._thread.start()

    def _run(self) -> None:
        try:
            self._stop(self._tried())
        except Exception:
            _log.exception("The connection with the server has failed.")
            self._stop(EngineError("The connection with the server has failed.", hint=CHECK))

    def _tried(self) -> AssistantError | None:
        """Connect, and connect again; return why no more is tried."""
        deadline, tries = 0.0, 0
        while not self._closed:
            try:
                line = self._dial()
            except ServerUnreachable as error:
                tries += 1
                if time.monotonic() >= deadline or not self._rest(tries, deadline):
                    return error
            except AssistantError as error:
                return error
            else:
                since = time.monotonic()
                if self._serve(Talk(line, next(self._numbers))) == IDLE:
                    break
                tries = 1 if time.monotonic() - since > STEADY_S else tries + 1
                deadline = time.monotonic() + self._patience_s
                self._rest(tries, deadline)
        return None

    def _serve(self, talk: Talk) -> int:
        """Read what comes over a connection until it ends; return the code with which it has."""
        with self._changed:
            self._talk = None if self._closed else talk
            self._hurry = False
            self._set("connected" if self._talk else "offline")
            self._changed.notify_all()
        if self._closed:
            talk.hang_up()
        code = self._read(talk)
        self.lose(talk)
        talk.end()
        talk.hang_up()
        _log.info("The connection with the server has ended: %s.", code)
        return code

    def _read(self, talk: Talk) -> int:
        while True:
            try:
                talk.watch()
                if not talk.sending:  # who sends would be waited for, and is what is watched
                    self._flush(talk)
                talk.take(parse_server(talk.line.socket.recv(READ_S)))
            except TimeoutError:
                continue
            except Refusal as refusal:
                _log.warning("The server has said something that cannot be read: %s", refusal.message)
                talk.take_unreadable(refusal)
            except ConnectionClosed as closed:
                return closed.rcvd.code if closed.rcvd is not None else 1006

    def _flush(self, talk: Talk) -> None:
        """Send what is to be told on this connection; what was to be told on an earlier one is void."""
        while True:
            try:
                number, data = self._notes.popleft()
            except IndexError:
                return
            if number == talk.number and not talk.lost:
                try:
                    talk.send(data, None, no_progress)
                except ConnectionClosed:
                    return

    def _rest(self, tries: int, deadline: float) -> bool:
        """Wait before the next attempt, or until somebody asks; return whether there is to be one."""
        longest = min(FIRST_PAUSE_S * 2 ** (tries - 1), LONGEST_PAUSE_S)
        end = min(time.monotonic() + random.uniform(0.0, longest), deadline)
        with self._changed:
            while (left := end - time.monotonic()) > 0 and not self._closed and not self._hurry:
                self._changed.wait(left)
            self._hurry = False
        return not self._closed

    def _stop(self, why: AssistantError | None) -> None:
        with self._changed:
            self._failed, self._thread = why, None
            self._set("offline")
            self._changed.notify_all()

    def _set(self, state: State) -> None:
        if state != self.state:
            self.state = state
            if self._on_state is not None:
                self._on_state(state)


def _closed() -> EngineError:
    return EngineError("The server's engine was closed while it worked.", hint="Load it again.")
