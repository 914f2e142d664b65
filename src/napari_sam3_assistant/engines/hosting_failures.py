"""What goes wrong in an engine's own process, as the other one can be told: an error of ours, and where it was."""

from __future__ import annotations

import gc
import traceback

from napari_sam3_assistant.core import errors
from napari_sam3_assistant.core.errors import AssistantError, EngineError, OutOfMemory
from napari_sam3_assistant.engines import gpu_failures
from napari_sam3_assistant.engines.calls import Failed

MEMORY_HINT = "Close other programs or large pictures and try again, or choose the engine Built-in."
_MOST_TRACE = 20_000


def failed(error: BaseException, title: str) -> Failed:
    """Return how an error is told. An engine may raise anything; ``title`` is its name for users."""
    if isinstance(error, AssistantError):
        cause = error.__cause__ if isinstance(error, EngineError) else None
        trace = "" if cause is None else "".join(traceback.format_exception(cause))
        # The other process knows our classes only, not those that another package has derived from them.
        kind = next(one for one in type(error).__mro__ if one.__module__ == errors.__name__)
        return Failed(kind(error.message, hint=error.hint, in_shell=error.in_shell), trace[-_MOST_TRACE:])
    if isinstance(error, MemoryError):
        error.__traceback__ = None  # it holds what took the memory
        gc.collect()
        return Failed(OutOfMemory(f"{title} ran out of memory.", hint=MEMORY_HINT))
    trace = "".join(traceback.format_exception(error))
    if known := gpu_failures.told(error, title):
        return Failed(known, trace[-_MOST_TRACE:])
    said = f"{type(error).__name__}: {error}"[:300].rstrip(".: ")
    return Failed(EngineError(f"{title} failed: {said}.", hint="Try again, or report it."), trace[-_MOST_TRACE:])
