"""Standard output and standard error that never raise: whoever prints, typer and rich too, prints to these.

A reader that goes away (``| head``) is no error: what is left goes nowhere. Any other trouble with standard
output (a full disk, a closed stream) is remembered, and told at the end. Characters that a stream cannot
encode become ``?``.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO, cast


class Stream(io.TextIOBase):
    """A text stream that writes to another as long as that takes it.

    Attributes
    ----------
    problem : str
        Why something that was written is lost; empty where nothing is, or where nobody reads on.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._open = stream is not None
        self.problem = ""

    @property
    def encoding(self) -> str:  # type: ignore[override]  # io.TextIOBase has an attribute
        """Of the stream behind."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def fileno(self) -> int:
        """Return the number of the stream behind."""
        if self._stream is None:
            raise io.UnsupportedOperation("fileno")
        return self._stream.fileno()

    def isatty(self) -> bool:
        """Return whether a person looks at it."""
        return self._stream is not None and self._stream.isatty()

    def writable(self) -> bool:
        """Return True: what cannot be written is dropped."""
        return True

    def write(self, text: str) -> int:
        """Write ``text``, and return its length whether or not that went well."""
        if self._stream is None and text:
            self.problem = "it is closed"
        if self._stream is not None and self._open:
            try:
                self._stream.write(text.encode(self.encoding, "replace").decode(self.encoding))
            except OSError as error:
                self._give_up(error)
        return len(text)

    def flush(self) -> None:
        """Write what is still on its way."""
        if self._stream is not None and self._open:
            try:
                self._stream.flush()
            except OSError as error:
                self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self._open = False
        if not isinstance(error, BrokenPipeError):
            self.problem = error.strerror or str(error)
        # What is left in the buffer goes nowhere, and Python finds nothing to complain of at its end.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)


@contextmanager
def guarded() -> Iterator[Stream]:
    """Guard ``sys.stdout`` and ``sys.stderr`` meanwhile; yields that for standard output."""
    _fill_gaps()
    before = sys.stdout, sys.stderr
    out, err = Stream(sys.stdout), Stream(sys.stderr)
    sys.stdout, sys.stderr = cast(TextIO, out), cast(TextIO, err)
    try:
        yield out
    finally:
        out.flush()
        err.flush()
        sys.stdout, sys.stderr = before


def _fill_gaps() -> None:
    """Open nothing where a standard stream is closed: else the next file, a mask, would get its number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
