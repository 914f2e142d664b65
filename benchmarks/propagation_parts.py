"""Stacks, runs through them, and an engine that costs nothing, for :mod:`benchmarks.propagation`."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.intensity import Limits, to_rgb
from napari_sam3_assistant.core.labels import to_masks
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.prompts import MaskPrompt, Prompts
from napari_sam3_assistant.core.results import FrameResult, Segmentation
from napari_sam3_assistant.core.sources import array_source
from napari_sam3_assistant.core.windows import whole
from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.engines.protocol import VideoLimits
from napari_sam3_assistant.tasks.scheduler import Scheduler
from napari_sam3_assistant.tasks.session import EngineHandle, ImageSession
from napari_sam3_assistant.tasks.tracks import Tracks
from napari_sam3_assistant.tasks.video import Video
from napari_sam3_assistant.tasks.view import View

MB = 1024**2


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """An embedding that is the picture."""

    image: np.ndarray

    @property
    def nbytes(self) -> int:
        return self.image.nbytes

    @property
    def shape(self) -> tuple[int, int]:
        return self.image.shape[:2]


class Copying:
    """An engine that copies masks from frame to frame, and counts the time spent in it."""

    name, weights = "copying", "none"
    capabilities = replace(BuiltinEngine.capabilities, video=VideoLimits())
    spent = 0.0

    def load(self, **_: object) -> None: ...

    def encode(self, image: np.ndarray, **_: object) -> Kept:
        return Kept(image)

    def start(self, query: object = None) -> Copied:
        return Copied(self)

    def close(self) -> None: ...


class Copied:
    """A session of :class:`Copying`."""

    def __init__(self, engine: Copying) -> None:
        self._engine, self._masks = engine, dict[int, PlacedMask]()

    def prompt(
        self, frame: int, embedding: Kept, object_id: int, prompts: Prompts, present: object = None, **_: object
    ) -> Segmentation:
        self._masks[object_id] = prompts.mask.mask
        return Segmentation(prompts.mask.mask, 1.0)

    def begin(self, frame: int, embedding: Kept, masks: Mapping[int, PlacedMask]) -> None:
        self._masks |= masks

    def step(self, frame: int, embedding: Kept, ids: Collection[int] | None = None, **_: object) -> FrameResult:
        start = time.perf_counter()
        found = {id: Segmentation(PlacedMask(mask.mask.copy(), mask.offset), 1.0) for id, mask in self._masks.items()}
        self._engine.spent += time.perf_counter() - start
        return FrameResult(frame, found)

    def remove(self, object_id: int) -> None:
        self._masks.pop(object_id, None)

    def close(self) -> None:
        self._masks.clear()


@dataclass(frozen=True, slots=True, eq=False)
class Spent:
    """What a run took, in seconds, and what it found; and the same of the bare loop."""

    wall_s: float
    engine_s: float
    longest_take_s: float
    bare_s: float
    bare_engine_s: float
    tracks: Tracks


def run_through(data: Any, objects: int, *, bare: bool = True) -> Spent:
    """Follow squares through a stack by way of a session, as napari does, and by a bare loop."""
    count, height, _ = data.shape
    side = max(height // 32, 2)
    masks = {
        id: PlacedMask(np.ones((side, side), bool), ((id * 7) % (height - side), (id * 13) % (height - side)))
        for id in range(1, objects + 1)
    }
    bare_s = bare_engine_s = 0.0
    if bare:
        bare_s, bare_engine_s = _bare(data, masks)
    engine, scheduler = Copying(), Scheduler()
    try:
        session = ImageSession(scheduler, EmbeddingCache(16 * MB), EngineHandle("copying", lambda: engine))
        source = array_source(data, identity="stack", rgb=False)
        plane = Plane(1, 2, ((0, 0),))
        session.set_source(source)
        video = Video(View(source, plane, whole(source.plane_shape(plane))), 0)
        video.give(0, {id: Prompts(mask=MaskPrompt(mask)) for id, mask in masks.items()})
        start, longest = time.perf_counter(), 0.0
        run = video.run(ahead=session.read_ahead)
        while run.next_frame is not None:
            step = session.follow(run).result()
            taken = time.perf_counter()
            run.take(step)
            longest = max(longest, time.perf_counter() - taken)
        wall = time.perf_counter() - start
    finally:
        scheduler.close()
    if video.tracks.frames != list(range(count)):
        raise RuntimeError("The run has not reached all frames.")
    return Spent(wall, engine.spent, longest, bare_s, bare_engine_s, video.tracks)


def _bare(data: Any, masks: Mapping[int, PlacedMask]) -> tuple[float, float]:
    engine, limits = Copying(), Limits((0.0,), (255.0,))
    session, start = engine.start(), time.perf_counter()
    for frame in range(data.shape[0]):
        embedding = engine.encode(to_rgb(np.asarray(data[frame]), limits))
        if not frame:
            session.begin(frame, embedding, masks)
        session.step(frame, embedding)
    return time.perf_counter() - start, engine.spent


def stack_on_disk(folder: Path, frames: int, side: int = 512) -> None:
    """Write a stack of noise, a frame a chunk."""
    import zarr

    made = zarr.create_array(
        str(folder / "stack.zarr"), shape=(frames, side, side), chunks=(1, side, side), dtype="uint8", compressors=None
    )
    noise = np.random.default_rng(0).integers(0, 255, (side, side), np.uint8)
    for frame in range(frames):
        made[frame] = np.roll(noise, frame, axis=1)


def view_of_stack(image: np.ndarray, frame: int, truth: np.ndarray) -> tuple[View, dict[int, Prompts]]:
    """Return a view of a frame, and the objects on it as prompts."""
    source = array_source(image, identity="sample", rgb=False)
    plane = Plane(1, 2, ((0, frame),))
    prompts = {id: Prompts(mask=MaskPrompt(mask)) for id, mask in to_masks(truth).items() if mask.area >= 80}
    return View(source, plane, whole(source.plane_shape(plane))), prompts


def rss(*, now: bool = False) -> float:
    """Return the memory of this process, in MB: the most so far, or what it has now."""
    field = "VmRSS" if now else "VmHWM"
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024
