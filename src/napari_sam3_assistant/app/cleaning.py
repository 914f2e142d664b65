"""What comes after the files of Save & Clean: a layer for each, then its preview goes.

One plane after the other, with time for the window in between: napari takes some tenths of a second to add a layer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_sam3_assistant.app.taking import Taken
from napari_sam3_assistant.app.writing import Written
from napari_sam3_assistant.layers import images, previews, saved

if TYPE_CHECKING:
    from napari_sam3_assistant.app.board import Snapshot
    from napari_sam3_assistant.app.controller import AppController

CLEAN = "Save & Clean"


@dataclass(slots=True, eq=False)
class Cleaned:
    """What was done: names of the layers that were added, or would not fit into memory; images that were gone.

    ``left``: whether something that was changed meanwhile is still in a preview; ``removed``: how many preview layers
    were taken away.
    """

    added: list[str] = field(default_factory=list)
    no_memory: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    left: bool = False
    removed: int = 0


class Cleaning:
    """Keeps what is in the files as layers and takes it out of the previews, as one step to go back.

    Parameters
    ----------
    controller : AppController
    written : sequence of (Taken, Written)
    done : callable
        Called with what was done.
    """

    def __init__(
        self,
        controller: AppController,
        written: Sequence[tuple[Taken, Written]],
        done: Callable[[Cleaned], None],
    ) -> None:
        self._controller, self._board = controller, controller.board
        self._todo, self._done, self._cleaned = deque(written), done, Cleaned()
        self._before: Snapshot | None = self._board.snapshot()
        self._shown = previews.count_previews(controller.viewer)

    def go_on(self) -> None:
        """Clean up after the next file, and later after those that are left."""
        if self._todo and not self._controller.closed:
            try:
                self._clean(*self._todo.popleft())
            except BaseException:
                self._done(self._cleaned)  # Save works again, whatever napari made of the layer
                raise
        if self._todo and not self._controller.closed:
            self._controller.after(0.0, lambda: self.go_on())  # Qt would not hold the object of a bound method
            return
        if self._cleaned.added and not len(self._board.draft.objects) and not self._controller.closed:
            self._board.drawing = True
            previews.clear_previews(self._controller.viewer)
            self._board.drawing = False
            self._cleaned.removed = self._shown
        self._done(self._cleaned)

    def _clean(self, taken: Taken, written: Written) -> None:
        """Keep what is in the file as a layer, then take it out of the preview, unless it was changed meanwhile."""
        here, board = taken.here, self._board
        if images.layer_by_id(self._controller.viewer, here.source.identity) is None:
            self._cleaned.gone.append(taken.name)
            return
        board.absorb()
        objects = board.at(here.place).objects
        same = [item.id for item in taken.objects if item.id in objects and objects[item.id] is item]
        layer = add_layer(
            self._controller, taken, written.stem, in_place=here.place == board.place and len(same) == len(objects)
        )
        if layer is None:
            self._cleaned.no_memory.append(written.stem)
            return
        self._cleaned.added.append(layer)
        if self._before is not None:
            board.step(CLEAN, self._before)
            self._controller.finding.forget()
            self._before = None
        board.empty(same, here)
        self._cleaned.left |= len(board.at(here.place).objects) > 0


def add_layer(controller: AppController, taken: Taken, name: str, *, in_place: bool = False) -> str | None:
    """Return the name of the layer of objects that was made, or None where there is no memory for it.

    ``in_place``: the preview may become that layer.
    """
    here = taken.here
    add = saved.turn_preview if in_place else saved.add_saved
    try:
        return str(add(controller.viewer, here.layer, here.source, here.plane, taken.objects, name).name)
    except MemoryError:
        return None
