"""One connection to a server while it lasts: what is sent, and where what comes is put."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from queue import SimpleQueue

from napari_sam3_assistant.core.errors import Cancelled
from napari_sam3_assistant.core.progress import CancelToken, Progress
from napari_sam3_assistant.engines.remote.dialling import DEAD_S, Line
from napari_sam3_assistant.wire.refusals import Refusal
from napari_sam3_assistant.wire.values import Message

PART = 2**16
"""Bytes that are sent at once of what is long, so that Cancel is looked at meanwhile."""
Mail = SimpleQueue[Message | Refusal | None]
"""Where answers are put; None for the end of the connection, a refusal for what nobody could read."""


class Talk:
    """One connection while it lasts.

    Parameters
    ----------
    line : Line
    number : int
        Of the connection; the next one has another.
    """

    def __init__(self, line: Line, number: int) -> None:
        self.line, self.number = line, number
        self.lost = False
        self._sending = threading.Lock()
        self._lock = threading.Lock()
        self._waiting: dict[str, Mail] = {}
        self._cancel: CancelToken | None = None
        self._moved: float | None = None

    def send(self, data: str | bytes, cancel: CancelToken | None, progress: Progress) -> None:
        """Send a message; one that is long in parts.

        Raises
        ------
        Cancelled
            If ``cancel`` was raised on the way. Half a message cannot be taken back: the connection is given up.
        ConnectionClosed
            If the connection breaks.
        """
        with self._sending:
            self._cancel, self._moved = cancel, time.monotonic()
            try:
                if isinstance(data, str) or len(data) <= PART:
                    self.line.socket.send(data)
                else:
                    self.line.socket.send(self._parts(data, cancel or CancelToken(), progress))
            finally:
                self._moved = None

    @property
    def sending(self) -> bool:
        """Whether a message is on its way."""
        return self._moved is not None

    def watch(self) -> None:
        """Break the connection where what is sent is not wanted any more, or nobody takes it. Call it often."""
        cancel, moved = self._cancel, self._moved
        if moved is not None and ((cancel and cancel.cancelled) or time.monotonic() - moved > DEAD_S):
            self._break_off()

    def hang_up(self) -> None:
        """End the connection, on any thread, whatever is being sent."""
        if self.sending:
            self._break_off()
        self.line.socket.close()

    def expect(self, *names: str) -> Mail:
        """Return where the messages of these names (ids of messages, or of videos) are put from now on."""
        mail: Mail = SimpleQueue()
        with self._lock:
            if self.lost:
                mail.put(None)
            self._waiting.update(dict.fromkeys(names, mail))
        return mail

    def expect_no_more(self, *names: str) -> None:
        """Drop what comes for these names."""
        with self._lock:
            for name in names:
                self._waiting.pop(name, None)

    def take(self, message: Message) -> None:
        """Put a message where it is waited for."""
        with self._lock:
            mail = self._waiting.get(message.id or "") or self._waiting.get(str(getattr(message, "video_id", "")))
        if mail is not None:
            mail.put(message)

    def take_unreadable(self, refusal: Refusal) -> None:
        """Tell who waits that an answer cannot be read: the one whose it is, all where nobody knows."""
        with self._lock:
            known = self._waiting.get(refusal.id or "")
            for mail in self._waiting.values() if known is None else (known,):
                mail.put(refusal)

    def end(self) -> None:
        """Tell all who wait that nothing comes any more."""
        with self._lock:
            self.lost = True
            for mail in self._waiting.values():
                mail.put(None)

    def _parts(self, data: bytes, cancel: CancelToken, progress: Progress) -> Iterator[memoryview]:
        view = memoryview(data)
        for start in range(0, len(data), PART):
            if cancel.cancelled:  # half a message cannot be taken back
                self._break_off()
                raise Cancelled
            self._moved = time.monotonic()
            progress(start / len(data), "Sending the picture")
            yield view[start : start + PART]

    def _break_off(self) -> None:
        # `close` of websockets waits for who sends, and that one for the other end, which may be gone without a word.
        try:
            socket.socket.shutdown(self.line.socket.socket, socket.SHUT_RDWR)
        except OSError:
            return  # it is broken
