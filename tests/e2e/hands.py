"""What the tests of the canvas share: an engine that is watched, and what is seen on screen."""

from __future__ import annotations

import time

import numpy as np

from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.layers.previews import read_preview

SIDE = 128


class Watched(BuiltinEngine):
    """The built-in engine; notes what it is asked, and takes its time."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list = []
        """Prompts, and queries, in the order in which they were answered."""
        self.times: list[float] = []
        self.delay = 0.0
        self.fail: Exception | None = None

    def segment(self, embedding, prompts, previous=None):
        self._note(prompts)
        return super().segment(embedding, prompts, previous)

    def find(self, embedding, query):
        self._note(query)
        return super().find(embedding, query)

    def _note(self, asked) -> None:
        self.asked.append(asked)
        self.times.append(time.perf_counter())
        time.sleep(self.delay)
        if self.fail is not None:
            raise self.fail


def add_box(layer, top, left, bottom, right, kind="rectangle", at=()) -> None:
    """Draw a shape without the mouse."""
    corners = [(top, left), (top, right), (bottom, right), (bottom, left)]
    layer.add([np.array([[*at, *corner] for corner in corners], float)], shape_type=kind)


def labels(driver, shape=(SIDE, SIDE)) -> np.ndarray:
    """The preview on the whole plane."""
    out, seen = np.zeros(shape, int), read_preview(driver.viewer)
    if seen is not None:
        out[seen[1].slices] = seen[0]
    return out


def objects(driver) -> dict[int, int]:
    """The area of each object of the draft."""
    return {item.id: item.mask.area for item in driver.state.results.objects}


def overlap(a, b) -> float:
    """Intersection over union."""
    return (a & b).sum() / max((a | b).sum(), 1)


def square(top, bottom, shape=(SIDE, SIDE)) -> np.ndarray:
    """The pixels of one of the squares of the picture."""
    out = np.zeros(shape, bool)
    out[top:bottom, top:bottom] = True
    return out


FIRST, SECOND = square(20, 50), square(80, 110)


def points(driver):
    """The layer of points."""
    return driver.viewer.layers[names.POINTS]


def add(driver, row, col, *, wait=True) -> None:
    """Add a point without the mouse."""
    layer = points(driver)
    layer.add([*driver.viewer.dims.current_step[: layer.ndim - 2], row, col])
    if wait:
        driver.wait_until_idle()


def several() -> np.ndarray:
    """Four squares: at (20, 20), (20, 80), (80, 20), (80, 80), each of 30 px and of a grey of its own."""
    picture = np.random.default_rng(0).integers(18, 23, (SIDE, SIDE)).astype(np.uint8)
    for (row, col), grey in zip(((20, 20), (20, 80), (80, 20), (80, 80)), (200, 180, 160, 140), strict=True):
        picture[row : row + 30, col : col + 30] = grey
    return picture


def same(a, b) -> bool:
    """Whether two placed masks are the same pixels."""
    a, b = a.trimmed(), b.trimmed()
    return a.offset == b.offset and np.array_equal(a.mask, b.mask)


def paint(layer, where, value=1) -> None:
    """Paint pixels without the mouse, and tell of it as napari does at the end of a stroke."""
    layer.data[where] = value
    layer.refresh()
    layer.events.paint(value=[])
