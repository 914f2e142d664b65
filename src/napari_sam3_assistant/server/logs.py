"""The server's log: lines to read, or lines of JSON. Pictures, tokens, phrases and query strings are not in it.

What stands in a line is chosen where it is logged; here is the second fence: what looks like a picture's base64, a
token that the server knows, and the query of a URL are cut out of every line, tracebacks included.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TextIO

OURS = "napari_sam3_assistant"
_QUERY = re.compile(r"(?<=[\w/])\?[^\s\"']*")
_LONG = re.compile(r"[A-Za-z0-9+/=_-]{200,}")
# Other lines, colours of terminals, and other directions of writing, in which a line reads as what it is not.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_SPACES = re.compile(r"\s{2,}")
_session: ContextVar[str] = ContextVar("session", default="")
_message: ContextVar[str] = ContextVar("message", default="")
_log = logging.getLogger(__name__)


@contextmanager
def in_session(name: str) -> Iterator[None]:
    """Name the session that log lines of this task, and of those that it starts, are about; say when it opens."""
    before = _session.set(name)
    _log.info("session opened")
    try:
        yield
    finally:
        _log.info("session closed")
        _session.reset(before)


@contextmanager
def about_message(id: str | None) -> Iterator[None]:
    """Name the message that log lines of this task are about."""
    before = _message.set(id or "")
    try:
        yield
    finally:
        _message.reset(before)


def configure(*, as_json: bool, tokens: Sequence[str] = (), stream: TextIO | None = None) -> logging.Handler:
    """Send our log, and what uvicorn and others warn of, to one stream.

    Parameters
    ----------
    as_json : bool
        One JSON object a line instead of a line to read.
    tokens : sequence of str
        What must not be written.
    stream : TextIO or None
        Standard error if None.

    Returns
    -------
    Handler
        The one handler of the root logger.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter((JsonLines if as_json else Lines)(tokens))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(OURS).setLevel(logging.INFO)
    # Uvicorn says at INFO who connected, with the query; what is worth knowing of that we say ourselves.
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    return handler


class Lines(logging.Formatter):
    """``2026-01-02T03:04:05.678Z INFO    session opened  session=...``."""

    def __init__(self, tokens: Sequence[str] = ()) -> None:
        super().__init__()
        self._tokens = sorted(filter(None, tokens), key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record, without its end."""
        fields = self._fields(record)
        trace = fields.pop("trace", "")
        line = f"{fields.pop('time')} {fields.pop('level'):<7} {_plain(fields.pop('event'))}"
        # Two spaces stand between fields and nowhere else: what a client has sent cannot look like another field.
        more = "".join(f"  {name}={_plain(value)}" for name, value in fields.items())
        # No line of a trace looks like one of the log, whatever an error says of what a client has sent.
        below = (f"\n    {_CONTROL.sub(' ', row)}" for row in trace.split("\n") if trace)
        return "".join((line, more, *below))

    def _fields(self, record: logging.LogRecord) -> dict[str, str]:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        fields = {"time": f"{moment}.{int(record.msecs):03d}Z", "level": record.levelname}
        fields["event"] = self._cleaned(record.getMessage())
        about = {"session": _session.get(), "message": _message.get(), "ref": getattr(record, "ref", "")}
        fields |= {name: self._cleaned(value) for name, value in about.items()}
        if not record.name.startswith(OURS):
            fields["logger"] = record.name
        if record.exc_info:
            fields["trace"] = self._cleaned(self.formatException(record.exc_info))
        return {name: value for name, value in fields.items() if value}

    def _cleaned(self, text: str) -> str:
        for token in self._tokens:
            text = text.replace(token, "[token]")
        text = _QUERY.sub("?[query]", text)
        return _LONG.sub(lambda found: f"[{len(found.group())} characters]", text)


def _plain(text: str) -> str:
    return _SPACES.sub(" ", _CONTROL.sub(" ", text))


class JsonLines(Lines):
    """One JSON object a line: ``time``, ``level``, ``event``, ``session``, ``message``, ``ref``, ``trace``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record, without its end."""
        return json.dumps(self._fields(record), ensure_ascii=True)
