"""How long work tells how far it is, and how it is stopped.

Both ends live on different threads: the worker reports and looks at the token, the
other side draws and cancels.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Protocol, TypeVar

from napari_sam3_assistant.core.errors import Cancelled

T = TypeVar("T")


class Progress(Protocol):
    """Receives how far a piece of work is. Called on the worker's thread; must return at once."""

    def __call__(self, fraction: float | None, message: str = "") -> None:
        """Report ``fraction`` done (0 to 1, None where it is not known) and what goes on."""


def no_progress(fraction: float | None, message: str = "") -> None:
    """Ignore every report."""


class CancelToken:
    """A flag that one thread raises and another looks at between two steps of its work."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = threading.Event()

    @property
    def cancelled(self) -> bool:
        """Whether the work shall stop."""
        return self._event.is_set()

    def cancel(self) -> None:
        """Ask the work to stop. Calling it again changes nothing."""
        self._event.set()

    def raise_if_cancelled(self) -> None:
        """Stop here if that was asked for.

        Raises
        ------
        Cancelled
            If :meth:`cancel` was called.
        """
        if self._event.is_set():
            raise Cancelled


class Watch:
    """Both ends of long work in one: it tells how far it is, and stops where that was asked for.

    Parameters
    ----------
    progress : Progress
        Told how far the work is.
    cancel : CancelToken or None
        Looked at between two steps.
    """

    __slots__ = ("_cancel", "_progress")

    def __init__(self, progress: Progress = no_progress, cancel: CancelToken | None = None) -> None:
        self._progress, self._cancel = progress, cancel

    def at(self, fraction: float | None, message: str = "") -> None:
        """Tell that ``fraction`` is done, and stop here if that was asked for.

        Raises
        ------
        Cancelled
            If the work shall stop.
        """
        if self._cancel is not None:
            self._cancel.raise_if_cancelled()
        self._progress(fraction, message)

    def share(self, low: float, high: float) -> Watch:
        """Return a watch for a piece of the work, which is ``low`` to ``high`` of the whole, 0 to 1."""

        def tell(fraction: float | None, message: str = "") -> None:
            self.at(None if fraction is None else low + (high - low) * fraction, message)

        return Watch(tell)

    def over(self, items: Sequence[T], message: str = "") -> Iterator[T]:
        """Yield the items, telling and looking before each; errors as :meth:`at`."""
        for done, item in enumerate(items):
            self.at(done / len(items), message)
            yield item


UNWATCHED = Watch()
"""Nobody is told, and nothing stops it."""
