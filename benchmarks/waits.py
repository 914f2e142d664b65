"""The measured parts of :mod:`benchmarks.clicks`: each works on an open viewer and returns rows of the table."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np
import tifffile
from napari.layers import Labels

from benchmarks.opened import Click, Opened, rest, timed, until
from benchmarks.rows import Row, middle
from benchmarks.scenes import Scene
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.intensity import Limits, to_rgb
from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.core.prompts import PointPrompt, Prompts
from napari_sam3_assistant.core.results import Segmentation
from napari_sam3_assistant.core.windows import choose_window
from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from napari_sam3_assistant.engines.protocol import Embedding
from napari_sam3_assistant.layers import names

STEPS = ((0, 0), (3, 1), (-2, 2), (1, -3), (-3, -2))
"""Where the first point of an object is set and its corrections, beside the object's middle, in pixels."""
MB = 1024**2


class Disc:
    """An engine that costs nothing: each answer is a disc round the newest point. What is left is the plugin."""

    name, weights, capabilities = "disc", "none", BuiltinEngine.capabilities
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


class Traced:
    """The most memory that NumPy and Python took in a block beyond what they had, in MB."""

    mb = 0.0

    def __enter__(self) -> Traced:
        tracemalloc.start()
        self._had = tracemalloc.get_traced_memory()[0]
        return self

    def __exit__(self, *_: object) -> None:
        self.mb = (tracemalloc.get_traced_memory()[1] - self._had) / MB
        tracemalloc.stop()


def own_time(opened: Opened, scene: Scene, name: str, times: int, *, public: str, target: float) -> list[Row]:
    """Return the plugin's own time of a correction, of a click on a new object and of a picture's first mask."""
    opened.open(scene)
    places = scene.places[: max(times, 2)]
    first, new, more = list[Click](), list[Click](), list[Click]()
    for place in places[:3]:
        opened.forget()
        opened.widget.controller.clearing.preview()
        opened.settle()
        first.append(opened.click(place))
    for number, (row, col) in enumerate(places):
        opened.forget()
        for k, (down, right) in enumerate(STEPS if number < 3 else STEPS[:1]):
            (more if k else new).append(opened.click((row + down, col + right)))
    added, moved, written = napari_alone(opened, times)
    return [
        _own(f"correction, {name}", more, written, "napari writes and refreshes that block", public, target),
        _own(f"click on a new object, {name}", new, moved, "napari replaces and moves that block", public, target),
        _own(f"first mask of a picture, {name}", first, added, "napari adds its layer", public, None),
    ]


def _own(what: str, clicks: list[Click], bare: float, name: str, public: str, target: float | None) -> Row:
    own, queued, encode, decode = (
        middle(getattr(one, field) for one in clicks) for field in ("own_ms", "queued_ms", "encode_ms", "decode_ms")
    )
    note = (
        f"median of {len(clicks)}, least {min(one.own_ms for one in clicks):.1f}; beside it the engine's "
        f"{encode:.0f} + {decode:.1f} ms, and {queued:.1f} ms until Qt, busy painting, took the answer"
    )
    return Row(what, own, "ms", bare, name, public, target, note)


def napari_alone(opened: Opened, times: int) -> tuple[float, float, float]:
    """Return how long napari takes to add the preview's layer, to replace and move it, and to write into it."""
    layers = opened.viewer.layers
    like, active = layers[names.PREVIEW_LABELS], layers.selection.active
    data, corner = np.array(like.data), like.translate

    def add() -> None:
        layers.insert(1, Labels(data.copy(), name="bare", translate=corner))
        layers.selection.active = active

    def write() -> None:
        layers["bare"].data[...] = data
        layers["bare"].refresh()

    def move() -> None:
        layers["bare"].data = np.array(data)
        layers["bare"].translate = layers["bare"].translate + 1

    spent = [], [], []
    for _ in range(3):
        if spent[0]:
            layers.remove("bare")
            rest(0.2)
        spent[0].append(rested(add))
    for _ in range(times):
        spent[1].append(rested(move))
        spent[2].append(rested(write))
    layers.remove("bare")
    rest(0.2)
    return middle(spent[0]), middle(spent[1]), middle(spent[2])


def rested(work: Callable[[], object]) -> float:
    spent = timed(work)
    rest(0.1)
    return spent


def memory(opened: Opened, scene: Scene, name: str, *, public: str, target: float) -> list[Row]:
    """Return what the first click on a large picture takes of memory, and the chunks that it reads."""
    window = choose_window(scene.data[0].shape, Prompts(points=(PointPrompt(*scene.places[0]),)))
    pixels = np.asarray(scene.data[0][window.slices])
    opened.open(scene)
    scene.store.chunks = 0
    with Traced() as alone:
        engine = BuiltinEngine()
        made = engine.encode(to_rgb(pixels, Limits((0.0,), (255.0,))), progress=no_progress, cancel=CancelToken())
        engine.segment(made, Prompts(points=(PointPrompt(window.shape[0] // 2, window.shape[1] // 2),)))
    del made
    with Traced() as whole:
        opened.click(scene.places[0])
    read = scene.store.chunks
    with opened.answering(Disc()):
        opened.forget()
        with Traced() as own:
            opened.click(scene.places[0])
    chunk = scene.data[0].chunks[0]
    most = (-(-window.shape[0] // chunk) + 1) ** 2
    bare = "the pixels of the window, copied"
    return [
        Row(f"memory of a click beyond the engine, {name}", own.mb, "MB", pixels.nbytes / MB, bare, public, target),
        Row(
            f"memory of a click with the built-in engine, {name}", whole.mb, "MB", alone.mb, "the engine on that window"
        ),
        Row(f"chunks of {chunk}² read, {name}", read, "chunks", None, "", "all", most),
    ]


def encodes(opened: Opened, scene: Scene, prompts: int) -> list[Row]:
    """Return how often a view is encoded for ``prompts`` prompts on it."""
    opened.open(scene)
    counted, encode = list[int](), BuiltinEngine.encode

    def counting(engine: BuiltinEngine, image: np.ndarray, **options: object) -> Embedding:
        counted.append(1)
        return encode(engine, image, **options)

    with mock.patch.object(BuiltinEngine, "encode", counting):
        np.invert(scene.data, out=scene.data)  # pixels that nobody has encoded yet
        for k in range(prompts):
            if k % len(STEPS) == 0:
                opened.forget()
            (row, col), (down, right) = scene.places[k // len(STEPS)], STEPS[k % len(STEPS)]
            opened.click((row + down, col + right))
        np.invert(scene.data, out=scene.data)
    return [Row(f"image encodes for {prompts} prompts on one view", sum(counted), "", public=f"{prompts}", target=1)]


def lost(opened: Opened, scene: Scene, count: int) -> list[Row]:
    """Return how many of ``count`` points, added as fast as napari can, are missing from the final mask's prompts."""
    opened.open(scene)
    places = [(float(row), float(col)) for row, col in (scene.places * count)[:count]]
    points = opened.points
    spent = timed(lambda: [points.add(np.array([place])) for place in places])
    opened.settle()
    result = opened.state.results.current
    asked = {(point.row, point.col) for point in result.prompts.points} if result else set()
    honoured = sum(bool(result and result.segmentation.mask.value_at(int(r), int(c))) for r, c in set(places))
    missing = len(set(places) - asked) + (len(set(places)) - honoured)
    note = (
        f"one every {spent / count:.0f} ms, all positive; a click is lost if it is not asked about or not in the mask"
    )
    opened.forget()
    return [Row(f"clicks lost of {len(set(places))} while busy", missing, "", public="every one", target=0, note=note)]


def cancelled(opened: Opened, scene: Scene, times: int) -> list[Row]:
    """Return how long Cancel takes in the middle of an encoding."""
    opened.open(scene)
    row, col = scene.places[0]
    waited, cancel = [], opened.widget.simple.run.cancel
    for k in range(times):
        np.add(scene.data, 1, out=scene.data)  # to be encoded again; no event tells
        opened.points.add([[row + k % 5, col]])
        rest(0.1 + 0.05 * k)
        if not cancel.isEnabled():
            continue
        waited.append(timed(lambda: (cancel.click(), until(opened.idle, "Free"))))
        rest(0.1)
    opened.forget()
    note = f"most of {len(waited)}, pressed 0.1 s and more after the click; polled every 3 ms"
    return [Row("Cancel of a running encode, 2,048²", max(waited), public="never", target=500, note=note)]


def prompt_layer(opened: Opened, scene: Scene, times: int) -> list[Row]:
    """Return how long a new prompt layer takes."""
    opened.open(scene)
    layers, made, bare = opened.viewer.layers, [], []
    for _ in range(max(times // 2, 1)):
        layers.remove(names.POINTS)
        rest(0.1)
        bare.append(rested(lambda: opened.viewer.add_points(np.zeros((0, 2)), ndim=2, name="bare")))
        layers.remove("bare")
        rest(0.1)
        made.append(rested(opened.widget.controller.arm))
    name = "napari adds an empty Points layer"
    note = f"least of {len(made)}"
    return [Row("Create Prompt Layer, Live Points", min(made), "ms", min(bare), name, "12 to 24 s", 50, note)]


def saved(opened: Opened, scene: Scene, folder: Path, times: int) -> list[Row]:
    """Return how long Save takes, and how large its file is."""
    opened.open(scene)
    mask = opened.click(scene.places[0]).result.segmentation.mask
    output = opened.state.output
    output.folder, output.format = str(folder), "tiff"
    folder.mkdir(parents=True, exist_ok=True)

    def save() -> None:
        opened.widget.simple.results.saving.save.click()
        until(lambda: not output.saving and output.saved is not None, "The file")

    spent = [rested(save) for _ in range(max(times // 2, 1))]
    size = Path(str(output.saved)).stat().st_size / 1024
    labels = mask.mask.astype(np.uint16)
    bare = [timed(lambda: tifffile.imwrite(folder / "bare.tif", labels)) for _ in spent]
    plain = (folder / "bare.tif").stat().st_size / 1024
    name = "tifffile writes the object's block"
    return [
        Row("Save of a mask", middle(spent), "ms", middle(bare), name, "8.9 to 26 s", 500, f"median of {len(spent)}"),
        Row("its file", size, "KiB", plain, name, "512 MiB", labels.nbytes / 1024, "target: the block as it is"),
    ]
