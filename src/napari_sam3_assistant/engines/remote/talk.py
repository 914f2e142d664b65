"""One connection to a server while it lasts: what is sent, and where what comes is put."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import SimpleQueue

from napari_sam3_assistant.core.progress import CancelToken, Progress
from napari_sam3_assistant.engines.remote.dialling import Line
from napari_sam3_assistant.wire.values import Message

PART = 2**16
"""Bytes that are sent at once of what is long, so that Cancel is looked at meanwhile."""


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
        self._waiting: dict[str, SimpleQueue[Message | None]] = {}

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
            if isinstance(data, str) or len(data) <= PART:
                self.line.socket.send(data)
            else:
                self.line.socket.send(_parts(data, cancel or CancelToken(), progress))

    def expect(self, *names: str) -> SimpleQueue[Message | None]:
        """Return where the messages of these names (ids of messages, or of videos) are put from now on."""
        mail: SimpleQueue[Message | None] = SimpleQueue()
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

    def end(self) -> None:
        """Tell all who wait that nothing comes any more."""
        with self._lock:
            self.lost = True
            for mail in self._waiting.values():
                mail.put(None)


def _parts(data: bytes, cancel: CancelToken, progress: Progress) -> Iterator[memoryview]:
    view = memoryview(data)
    for start in range(0, len(data), PART):
        cancel.raise_if_cancelled()
        progress(start / len(data), "Sending the picture")
        yield view[start : start + PART]
