"""What an engine tells of itself while it works, where that was asked for: lines for those who look for a fault.

An engine that was made with ``diagnostics=True`` writes them to the log named :data:`LOG`. What one in a process of its
own writes there comes out of the same log on this side, as it is written. Nothing heavy is imported here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

LOG = "napari_sam3_assistant.diagnostics"


class _Handed(logging.Handler):
    def __init__(self, take: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self._take = take

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._take(record.getMessage())
        except Exception:
            self.handleError(record)


def listen(take: Callable[[str], None]) -> Callable[[], None]:
    """Hand each line to ``take``, on the thread that writes it; return what ends that."""
    log, handler = logging.getLogger(LOG), _Handed(take)
    log.setLevel(logging.INFO)
    log.addHandler(handler)
    return lambda: log.removeHandler(handler)


@contextmanager
def listening(take: Callable[[str], None]) -> Iterator[None]:
    """Hand each line to ``take`` for as long as this is entered."""
    end = listen(take)
    try:
        yield
    finally:
        end()


def image_source(data: Any, source: str = "") -> str:
    """Return the line about the picture or stack that frames are read from.

    Parameters
    ----------
    data : array-like
        Of any kind; nothing is read from it.
    source : str
        The file or folder that it comes from, where that is known.
    """
    chunks = getattr(data, "chunks", None)
    told = {
        "type": f"{type(data).__module__}.{type(data).__qualname__}",
        "shape": tuple(getattr(data, "shape", ())),
        "dtype": getattr(data, "dtype", "unknown"),
        "chunks": "none" if chunks is None else chunks,
        "source": source or "memory",
    }
    return "SAM3.1 image source: " + ", ".join(f"{name}={value}" for name, value in told.items())
