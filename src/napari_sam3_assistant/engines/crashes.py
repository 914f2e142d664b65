"""What became of a process that ended unasked, in words."""

from __future__ import annotations

import signal

from napari_sam3_assistant.core.errors import EngineError, OutOfMemory

_KILLED = -9
_MOST_SAID = 200
_AGAIN = "Try again: it is started anew."


def crashed(title: str, code: int | None, words: str) -> EngineError:
    """Return the error for an engine's process that has ended unasked.

    Parameters
    ----------
    title : str
        The engine's.
    code : int or None
        What the process returned; below 0 the signal that ended it, None if it still runs.
    words : str
        What it wrote last on its stderr.
    """
    if code == _KILLED:
        return OutOfMemory(
            f"The process of {title} was ended by the system, most likely because memory ran out.",
            hint=f"Close other programs or large pictures. {_AGAIN}",
        )
    line = said(words)
    last = f" It said: {line}." if line else ""
    return EngineError(f"The process of {title} has crashed ({how(code)}).{last}", hint=_AGAIN)


def how(code: int | None) -> str:
    """Return how a process ended: ``"exit code 3"``, ``"SIGSEGV"``."""
    if code is None or code >= 0:
        return f"exit code {code}"
    return signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"


def said(words: str) -> str:
    """Return the line of a process's last words that says most: that of a fatal error, else the last one."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    fatal = [line for line in lines if line.startswith("Fatal Python error")]
    return (fatal or lines or [""])[-1][:_MOST_SAID].rstrip(".")
