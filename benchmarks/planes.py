"""The measured parts of :mod:`benchmarks.large`: what one plane costs, whatever its side."""

from __future__ import annotations

import cProfile
import pstats
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from napari.layers import Labels

from benchmarks.opened import Click, Heartbeat, Opened, rest, timed, until
from benchmarks.rows import middle
from benchmarks.scenes import Scene
from benchmarks.waits import MB, STEPS, Disc, Traced, napari_alone, rested
from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.core.windows import choose_window
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.tasks.jobs import Task


@dataclass(frozen=True, slots=True)
class Measure:
    """What is measured of each plane: its name, unit and goal, and what it is compared with in the same run."""

    what: str
    unit: str
    peer: str = ""
    goal: float | None = None


NEW = Measure("click on a new object, own time", "ms", "napari replaces and moves that block", 30)
CORRECTION = Measure("correction, own time", "ms", "napari writes and refreshes that block", 30)
CALLS = Measure("Python calls on the GUI thread of a correction", "thousand")
"""What a correction costs on a machine that is busy with other things too."""
BUSY = Measure("processor time of the GUI thread for it", "ms", "napari adds a point and replaces that block")
"""As :data:`CALLS`: waiting for a core is not in it."""
MEMORY = Measure("memory of a click beyond the engine", "MB", "the pixels of the window, copied", 50)
FREEZE = Measure("longest freeze of a click, engine included", "ms", "napari adds a point and moves that block")
CHUNKS = Measure("chunks of 1,024² read by a click", "", "", 4)
POINTS = Measure("Create Prompt Layer, Live Points", "ms", "napari adds an empty Points layer", 50)
LABELS = Measure("Create Prompt Layer, Labels", "ms", "napari adds an empty layer of that size", 50)
CLEAN = Measure("Save & Clean", "ms", "tifffile writes the object's block, napari adds it", 500)
FILE = Measure("its file", "KiB", "the object's block as it is")
BEYOND_MS = 50.0
"""How much longer than napari alone the window may stand still."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing of one plane: the least and the median of several, and the median of its peer, in the same unit."""

    least: float
    usual: float
    peer: float | None = None

    def held(self, measure: Measure) -> bool | None:
        """Return whether the goal is reached; None where there is none."""
        if measure is FREEZE:
            return self.usual - (self.peer or 0) <= BEYOND_MS
        return None if measure.goal is None else self.usual <= measure.goal


def measured(opened: Opened, scene: Scene, folder: Path, times: int) -> dict[Measure, Figure]:
    """Return all that is measured of a scene, opened anew."""
    opened.open(scene)
    found: dict[Measure, Figure] = {}
    with opened.answering(Disc()):
        found |= _clicks(opened, scene, times)
        found |= _on_gui(opened, scene)
        found[MEMORY] = _memory(opened, scene, times)
    found |= _looked(opened, scene, times)
    found |= _layers(opened, times)
    with opened.answering(Disc()):
        found |= _cleaned(opened, scene, folder, times)
    return found


def copied_ms(scene: Scene) -> float:
    """Return how long it takes to copy the pixels of a window in memory."""
    pixels = _pixels(scene)
    return min(timed(pixels.copy) for _ in range(20))


def _pixels(scene: Scene) -> np.ndarray:
    from napari_sam3_assistant.core.prompts import PointPrompt, Prompts

    window = choose_window(scene.data[0].shape[:2], Prompts((PointPrompt(*scene.places[0]),)))
    return np.asarray(scene.data[0][window.slices])


def _figure(values: list[float], peer: float | None = None) -> Figure:
    return Figure(min(values), middle(values), peer)


def _places(scene: Scene, times: int) -> Iterator[tuple[int, int]]:
    """Yield ``times`` objects, neighbours far apart in the list, so that windows change."""
    step = max(len(scene.places) // times, 1)
    yield from (scene.places[k * step % len(scene.places)] for k in range(times))


def _clicks(opened: Opened, scene: Scene, times: int) -> dict[Measure, Figure]:
    new, more = list[Click](), list[Click]()
    opened.click(scene.places[-1])  # napari shows its first point
    for row, col in _places(scene, times):
        opened.forget()
        for k, (down, right) in enumerate(STEPS[:3]):
            (more if k else new).append(opened.click((row + down, col + right)))
    _, moved, written = napari_alone(opened, times)
    return {
        NEW: _figure([one.own_ms for one in new], moved),
        CORRECTION: _figure([one.own_ms for one in more], written),
    }


def _on_gui(opened: Opened, scene: Scene) -> dict[Measure, Figure]:
    """Measure a correction on the GUI thread, napari's part included; what the worker does is not in it."""
    row, col = scene.places[0]
    opened.forget()
    opened.click((row, col))
    calls, busy, bare, layers = list[float](), list[float](), list[float](), opened.viewer.layers
    for down, right in STEPS[1:]:
        at = np.array([[row + down, col + right]], float)
        profile, spent = cProfile.Profile(), list[float]()
        _metered(opened, profile.runcall, lambda at=at: opened.points.add(at))
        calls.append(pstats.Stats(profile).total_calls / 1000)
        _metered(opened, lambda work, spent=spent: spent.append(_busy(work)), lambda at=at: opened.points.add(at + 0.5))
        busy.append(sum(spent))
    like = layers[names.PREVIEW_LABELS]
    layers.insert(1, Labels(np.array(like.data), name="bare", translate=like.translate))
    layers.append(type(opened.points)(np.zeros((0, 2)), ndim=2, name="bare points"))
    for down, right in STEPS[1:]:
        rest(0.15)
        added = _busy(lambda at=(row + down, col + right): layers["bare points"].add([at]))
        bare.append(added + _busy(lambda: setattr(layers["bare"], "data", np.array(like.data))))
    for name in ("bare", "bare points"):
        layers.remove(name)
    rest(0.2)
    return {CALLS: _figure(calls), BUSY: _figure(busy, middle(bare))}


def _metered(opened: Opened, meter: Callable[[Callable[[], None]], object], work: Callable[[], None]) -> None:
    """Do something through ``meter``, and what a worker hands to the GUI thread for it."""
    controller, usual = opened.widget.controller, opened.widget.controller.on_main
    controller.on_main = lambda function: usual(lambda: meter(function))
    meter(work)
    opened.settle()
    controller.on_main = usual


def _busy(work: Callable[[], object]) -> float:
    """Return the processor time that ``work`` takes on this thread, in milliseconds."""
    start = time.thread_time()
    work()
    return (time.thread_time() - start) * 1000


def _memory(opened: Opened, scene: Scene, times: int) -> Figure:
    found = []
    for place in _places(scene, min(times, 3)):
        opened.forget()
        opened.widget.controller.parting.embeddings.clear()  # the window is read again
        with Traced() as traced:
            opened.click(place)
        found.append(traced.mb)
    return _figure(found, _pixels(scene).nbytes / MB)


def _looked(opened: Opened, scene: Scene, times: int) -> dict[Measure, Figure]:
    """Measure clicks that the built-in engine answers."""
    froze, bare, read = list[float](), list[float](), list[float]()
    layers, embeddings = opened.viewer.layers, opened.widget.controller.parting.embeddings
    for place in _places(scene, times):
        opened.forget()
        embeddings.clear()
        scene.store.chunks = 0
        with Heartbeat() as heart:
            opened.click(place)
        froze.append(heart.longest)
        read.append(scene.store.chunks)
    like = layers[names.PREVIEW_LABELS]
    layers.insert(1, Labels(np.array(like.data), name="bare", translate=like.translate))
    layers.append(type(opened.points)(np.zeros((0, 2)), ndim=2, name="bare points"))
    rest(0.3)
    for place in _places(scene, times):
        with Heartbeat() as heart:
            layers["bare points"].add([place])
            layers["bare"].data = np.array(like.data)
            layers["bare"].translate = layers["bare"].translate + 1
            rest(0.2)
        bare.append(heart.longest)
    for name in ("bare", "bare points"):
        layers.remove(name)
    rest(0.2)
    return {FREEZE: _figure(froze, middle(bare)), CHUNKS: Figure(min(read), max(read))}


def _layers(opened: Opened, times: int) -> dict[Measure, Figure]:
    controller, found = opened.widget.controller, {}
    opened.forget()
    found[POINTS] = _made(opened, names.POINTS, times)
    controller.choose_task(Task.IMAGE)
    controller.choose_prompt(PromptKind.LABELS)
    opened.settle()
    found[LABELS] = _made(opened, names.MASK_PROMPT, times)
    controller.choose_task(Task.LIVE_POINTS)
    controller.arm()
    opened.settle()
    return found


def _made(opened: Opened, name: str, times: int) -> Figure:
    """Measure the layer of prompts that is armed now."""
    layers, made, bare = opened.viewer.layers, list[float](), list[float]()
    for _ in range(times):
        if name in layers:
            layers.remove(name)
        rest(0.15)
        made.append(rested(opened.widget.controller.arm))
        rest(0.15)
        like = layers[name]
        blank = type(like)(np.zeros_like(like.data), name="bare", **({} if len(like.data) else {"ndim": 2}))
        bare.append(rested(lambda blank=blank: layers.append(blank)))
        layers.remove("bare")
    return _figure(made, middle(bare))


def _cleaned(opened: Opened, scene: Scene, folder: Path, times: int) -> dict[Measure, Figure]:
    output, layers, spent, bare, sizes = opened.state.output, opened.viewer.layers, [], [], []
    output.folder, output.format = str(folder), "tiff"
    folder.mkdir(parents=True, exist_ok=True)
    block = np.zeros((0, 0))

    def clean() -> None:
        before = output.saved
        opened.widget.simple.results.saving.save_clean.click()
        until(lambda: output.saved not in (None, before) and not opened.state.results.objects, "The file")

    def alone() -> None:
        tifffile.imwrite(folder / "bare.tif", block)
        layers.append(Labels(block, name="bare"))

    for place in _places(scene, min(times, 5)):
        opened.forget()
        block = opened.click(place).result.segmentation.mask.mask.astype(np.uint16)
        spent.append(rested(clean))
        opened.settle()
        sizes.append(Path(str(output.saved)).stat().st_size / 1024)
        bare.append(rested(alone))
        layers.remove("bare")
    return {CLEAN: _figure(spent, middle(bare)), FILE: _figure(sizes, block.nbytes / 1024)}
