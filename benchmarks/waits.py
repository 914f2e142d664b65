"""The measured parts of :mod:`benchmarks.clicks`: each works on an open viewer and returns rows of the table."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from napari.layers import Labels

from benchmarks.opened import Click, Opened, memory_mb, reset_peak_memory, rest, timed, until
from benchmarks.rows import Row, middle
from benchmarks.scenes import Scene
from napari_sam3_assistant.app.state import Phase
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.intensity import to_rgb
from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.core.prompts import Prompts
from napari_sam3_assistant.core.results import Segmentation
from napari_sam3_assistant.core.windows import choose_window
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from napari_sam3_assistant.engines.protocol import Embedding
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.tasks.image import PlaneResult

STEPS = ((0, 0), (3, 1), (-2, 2), (1, -3), (-3, -2))
"""Where the first point of an object is set and its corrections, beside the object's middle, in pixels."""
MB = 1024**2


class Disc:
    """An engine that costs nothing: each answer is a disc round the newest point. What is left is the plugin."""

    name, weights, capabilities = BuiltinEngine.name, "disc", BuiltinEngine.capabilities
    radius = 18

    def load(self, **_: object) -> None: ...

    def encode(self, image: np.ndarray, **_: object) -> Disc:
        return self

    def segment(self, embedding: Embedding, prompts: Prompts, previous: Segmentation | None = None) -> Segmentation:
        rows, cols = np.ogrid[-self.radius : self.radius + 1, -self.radius : self.radius + 1]
        row, col = prompts.points[-1].pixel
        return Segmentation(PlacedMask(rows**2 + cols**2 <= self.radius**2, (row - self.radius, col - self.radius)), 1)

    @property
    def nbytes(self) -> int:
        return 0

    def close(self) -> None: ...


def own_time(opened: Opened, scene: Scene, name: str, times: int, *, public: str, target: float) -> list[Row]:
    """Return the plugin's own time of a first click, of a click on a new object and of a correction."""
    opened.open(scene)
    places = scene.places[: max(times // 3, 2)]
    first = opened.click(places[0])
    new, more = list[Click](), list[Click]()
    for place in places:
        opened.forget()
        row, col = place
        for k, (down, right) in enumerate(STEPS):
            (more if k else new).append(opened.click((row + down, col + right)))
    added, moved, written = napari_alone(opened, first.result, times)
    engine = f"engine: encode {first.encode_ms:.0f} ms, decode {middle(one.decode_ms for one in more):.0f} ms"
    rows = [
        Row(f"correction, {name}", middle(c.own_ms for c in more), "ms", written, "napari writes and refreshes it"),
        Row(f"click on a new object, {name}", middle(c.own_ms for c in new), "ms", moved, "napari replaces and moves"),
    ]
    rows = [
        Row(r.what, r.ours, "ms", r.bare, r.bare_name, public, target, f"median of {n}; {engine}")
        for r, n in zip(rows, (len(more), len(new)), strict=True)
    ]
    note = f"once a picture; {engine}"
    return [*rows, Row(f"first mask, {name}", first.own_ms, "ms", added, "napari adds its layer", public, None, note)]


def napari_alone(opened: Opened, result: PlaneResult, times: int) -> tuple[float, float, float]:
    """Return how long napari takes to add the preview's layer, to replace and move it, and to write into it."""
    like = opened.viewer.layers[names.PREVIEW_LABELS]
    data, corner = np.array(like.data), like.translate
    active = opened.viewer.layers.selection.active
    layer = Labels(data.copy(), name="bare", translate=corner)
    added = timed(lambda: opened.viewer.layers.insert(1, layer))
    opened.viewer.layers.selection.active = active
    rest(0.2)

    def write() -> None:
        layer.data[...] = data
        layer.refresh()

    def move(k: int) -> None:
        layer.data = np.array(data)
        layer.translate = corner + k % 2

    moved, written = [], []
    for k in range(times):
        written.append(timed(write))
        rest(0.1)
        moved.append(timed(lambda k=k: move(k)))
        rest(0.1)
    opened.viewer.layers.remove(layer)
    rest(0.2)
    return added, middle(moved), middle(written)


def memory(opened: Opened, scene: Scene, name: str, *, public: str, target: float) -> list[Row]:
    """Return what the first click of a large picture takes of memory, and the chunks that it reads."""
    with mock.patch.object(registry, "create", lambda name: Disc()):
        free = Opened()
        free.open(scene)
        tracemalloc.start()
        held = tracemalloc.get_traced_memory()[0]
        free.click(scene.places[0])
        own = (tracemalloc.get_traced_memory()[1] - held) / MB
        tracemalloc.stop()
        free.close()
    return [Row(f"memory of a click beyond the engine, {name}", own, "MB", None, "", public, target)]


def _dummy() -> Any:
    return (
        BuiltinEngine,
        CancelToken,
        no_progress,
        to_rgb,
        choose_window,
        memory_mb,
        reset_peak_memory,
        Path,
        until,
        time,
        Phase,
    )
