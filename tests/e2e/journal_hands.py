"""A widget without a window, for processes that are killed; and what the journals of a folder hold."""

from __future__ import annotations

import queue
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from napari.components import ViewerModel

from napari_sam3_assistant.app import runtime
from napari_sam3_assistant.app.controller import AppController
from napari_sam3_assistant.app.state import AppState
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.export import journal, journal_folder
from napari_sam3_assistant.masks.registry import Objects, Origin

SHAPE = (600, 800)
PATIENCE_S = 30.0


def picture(seed: int = 0, shape: Sequence[int] = SHAPE) -> np.ndarray:
    """Return a picture that no other seed makes."""
    return np.random.default_rng(seed).integers(0, 255, shape).astype(np.uint8)


def mask_of(number: int, shape: Sequence[int] = SHAPE) -> PlacedMask:
    """Return the mask of an object: of another shape and place for each number."""
    rng = np.random.default_rng(number)
    mask = rng.random((7 + number % 5, 9)) > 0.3
    mask[0], mask[-1], mask[:, 0], mask[:, -1] = True, True, True, True
    columns = shape[1] // 12
    return PlacedMask(mask, (14 * (number // columns), 12 * (number % columns)))


class Headless:
    """The controller of a viewer without a window, and its turn of the event loop."""

    def __init__(self, *layers: tuple[object, dict[str, object]], viewer: ViewerModel | None = None) -> None:
        self.viewer, self.turns = viewer or ViewerModel(), queue.Queue()
        for data, options in layers:
            self.viewer.add_image(data, **options)
        self.state, self._later = AppState(), []
        self.app = AppController(self.viewer, self.state, runtime.acquire(), self.turns.put, self._after)

    def _after(self, seconds: float, function: Callable[[], None]) -> None:
        self._later.append((time.monotonic() + seconds, function))

    def turn(self) -> None:
        """Do what is due."""
        while not self.turns.empty():
            self.turns.get()()
        now = time.monotonic()
        due = [function for at, function in self._later if at <= now]
        self._later = [one for one in self._later if one[0] > now]
        for function in due:
            function()

    def wait(self, condition: Callable[[], bool]) -> None:
        """Turn until a condition holds."""
        end = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < end, self.state.run
            self.turn()
            time.sleep(0.001)

    def accept(self, *masks: PlacedMask, class_name: str = "nucleus", score: float = 0.75) -> None:
        """Accept objects with these masks."""
        board, objects = self.app.board, Objects()
        for number, mask in enumerate(masks, 1):
            origin = Origin("cells", "points", engine="builtin")
            objects = objects.put(number, mask, score=score, class_name=class_name, origin=origin)
        board.put(board.place, type(board.draft)(objects))
        self.app.accepting.accept(clear=True)

    def settle(self) -> None:
        """Wait until all that was accepted is kept."""
        self.wait(lambda: self.app.accepting.journals.kept)

    def close(self) -> None:
        """End it as a user does."""
        self.app.close()
        runtime.release()


def journals(folder: Path) -> list[journal.Content]:
    """Return what the journals of a folder hold; one may go while this looks."""
    found = []
    for path in sorted(folder.glob(f"*{journal_folder.SUFFIX}")):
        with suppress(FileNotFoundError):
            found.append(journal.read(path))
    return found


def run_until_killed(pause_ms: float) -> None:
    """Accept one object after the other, and say each that is kept, until killed."""
    one = Headless((picture(), {"name": "cells"}))
    one.accept(mask_of(0))
    one.settle()
    number = 0
    while True:
        one.settle()
        print(number, flush=True)
        number += 1
        one.accept(mask_of(number))
        one.turn()
        time.sleep(pause_ms / 1000)


if __name__ == "__main__":
    run_until_killed(float(sys.argv[1]))
