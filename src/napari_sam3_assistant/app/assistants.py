"""One controller of each kind a viewer, shared by its widgets and ended with the last of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from napari_sam3_assistant.app import runtime
from napari_sam3_assistant.app.controller import AppController
from napari_sam3_assistant.app.masking.controller import MaskController


class Controller(Protocol):
    """What is shared."""

    def close(self) -> None:
        """Stop work and let go of the viewer."""


C = TypeVar("C", bound=Controller)


@dataclass(eq=False)
class _Used(Generic[C]):
    controller: C
    users: int = 0


class Shared(Generic[C]):
    """The controllers of one kind, by viewer.

    Viewers are keys of a dict and never compared otherwise: two empty ones are equal.
    """

    def __init__(self) -> None:
        self._by_viewer: dict[Any, _Used[C]] = {}

    def acquire(self, viewer: Any, make: Callable[[runtime.Runtime], C]) -> C:
        """Return the viewer's controller, made for the first widget that asks. Pair it with :meth:`release`."""
        used = self._by_viewer.get(viewer)
        if used is None:
            used = self._by_viewer[viewer] = _Used(make(runtime.acquire()))
        used.users += 1
        return used.controller

    def release(self, viewer: Any) -> None:
        """Let go; the last widget ends the controller, and with it what of the runtime nobody else uses."""
        used = self._by_viewer.get(viewer)
        if used is None:
            return
        used.users -= 1
        if used.users == 0:
            del self._by_viewer[viewer]
            used.controller.close()
            runtime.release()


MAIN: Shared[AppController] = Shared()
MASKS: Shared[MaskController] = Shared()
