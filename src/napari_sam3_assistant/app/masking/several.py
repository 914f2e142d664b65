"""Work on several layers at once: done if all of them are as they were when it began, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from napari_sam3_assistant.app.masking.desk import Desk
from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.progress import Watch
from napari_sam3_assistant.engines.embeddings import memory_bytes
from napari_sam3_assistant.layers import labels
from napari_sam3_assistant.layers.class_masks import placed_on
from napari_sam3_assistant.layers.frames import frame_of
from napari_sam3_assistant.layers.marks import rejected_values
from napari_sam3_assistant.masks.placed import Placed, extent, too_large

T = TypeVar("T")
MOST_OF_MEMORY = 0.5
"""A result that takes more of the machine's memory than this is refused."""
WAIT = "Wait until the operation that runs is done, or press Cancel."
AGAIN = "Nothing was made; press again."


def run_on(desk: Desk, layers: Sequence[Any], busy: str, make: Callable[[Watch], T], done: Callable[[T], None]) -> None:
    """Run ``make(watch)`` on the worker, then ``done(its result)`` here, unless a layer was changed or removed.

    Parameters
    ----------
    desk : Desk
    layers : sequence of napari Labels layers
    busy : str
        What the user reads meanwhile.
    make, done : callable
    """
    if desk.work.current is not None:
        return
    watched = _Watched(desk, layers)

    def finish(result: T) -> None:
        watched.check()
        done(result)

    desk.run(busy, make, finish)


def placed(desk: Desk, layers: Sequence[Any], itemsize: int = 4) -> list[Placed]:
    """Return the pixels of layers on the grid of the first one, without the objects that were rejected.

    Raises
    ------
    PromptError
        If their pixels do not lie on each other.
    TooLargeError
        If an array of ``itemsize`` bytes a pixel that covers all would take most of the memory.
    """
    found = [replace(placed_on(desk.viewer, layers[0], one), without=rejected_values(one)) for one in layers]
    check_fits(extent(found)[1], itemsize)
    return found


def check_fits(shape: tuple[int, ...], itemsize: int = 4) -> None:
    """Refuse a result that would take most of the memory.

    Raises
    ------
    TooLargeError
    """
    if np.prod(np.asarray(shape, dtype=float)) * itemsize > MOST_OF_MEMORY * memory_bytes():
        raise too_large(shape, np.dtype(f"u{itemsize}"))


class _Watched:
    """Layers that are worked on: ends by itself when the desk has nothing to do any more."""

    def __init__(self, desk: Desk, layers: Sequence[Any]) -> None:
        self._desk = desk
        self._names = {str(one.unique_id): str(one.name) for one in layers}
        self._frames = {str(one.unique_id): frame_of(one) for one in layers}
        self._changed: set[str] = set()
        self._ends = [labels.watch(one, self._event) for one in layers]
        desk.edited.written.connect(self._written)
        desk.state.events.busy.connect(self._busy)

    def check(self) -> None:
        """Raise where a layer is not as it was.

        Raises
        ------
        PromptError
        """
        for identity, name in self._names.items():
            layer = self._desk.layer(identity)
            if layer is None:
                raise PromptError(f"{name} was removed meanwhile.", hint=AGAIN)
            if identity in self._changed or frame_of(layer) != self._frames[identity]:
                raise PromptError(f"{name} was changed meanwhile.", hint=AGAIN)

    def _event(self, event: Any) -> None:
        self._changed.add(str(event.source.unique_id))

    def _written(self, layer: Any, _edit: object) -> None:
        self._changed.add(str(layer.unique_id))

    def _busy(self, busy: str) -> None:
        if busy:
            return
        for end in self._ends:
            end()
        self._desk.edited.written.disconnect(self._written)
        self._desk.state.events.busy.disconnect(self._busy)
