"""What a user waits for with many objects: a correction among them, accept, undo, boxes, an example, prompt layers.

python -m benchmarks objects            # one to two minutes
python -m benchmarks objects --quick    # each thing fewer times
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
from napari.layers import Labels, Shapes

from benchmarks.opened import Opened, rest, timed, until
from benchmarks.rows import Row, middle, show
from benchmarks.scenes import Scene, in_memory, on_disk
from benchmarks.screen import has_screen
from benchmarks.waits import Disc
from napari_sam3_assistant.app.state import Phase
from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.prompts import Prompts
from napari_sam3_assistant.core.results import Segmentation
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.masks.registry import Objects
from napari_sam3_assistant.tasks.jobs import Task
from napari_sam3_assistant.tasks.session import ImageSession

HALF = 20
"""Half the side of a box round a nucleus, in pixels."""


class Filled(Disc):
    """An engine that costs nothing: of a box, what is inside; of points, a disc."""

    def segment(self, embedding: object, prompts: Prompts, previous: Segmentation | None = None) -> Segmentation:
        if prompts.points:
            return super().segment(embedding, prompts, previous)
        box = prompts.box.box
        mask = np.ones((int(box.bottom - box.top), int(box.right - box.left)), bool)
        return Segmentation(PlacedMask(mask, (int(box.top), int(box.left))), 1.0)


def correction_among(opened: Opened, scene: Scene, count: int, times: int) -> list[Row]:
    """Return the plugin's own time of a correction with ``count`` objects on screen."""
    opened.open(scene)
    controller, disc = opened.widget.controller, np.hypot(*np.ogrid[-18:19, -18:19]) <= 18
    objects = Objects()
    for row, col in scene.places[:count]:
        objects, id = objects.reserve()
        objects = objects.put(id, PlacedMask(disc, (row - 18, col - 18)), score=1.0)
    controller.board.change(lambda draft: replace(draft, objects=objects))
    rest(0.3)
    spent = []
    with opened.answering(Filled()):
        for row, col in scene.places[:times]:
            controller.board.select(controller.board.draft.under(row, col).id)
            opened.settle()
            spent.append(opened.click((row + 3, col + 2)).own_ms)
    layer = opened.viewer.layers[names.PREVIEW_LABELS]
    data = np.array(layer.data)
    bare = [_rested(lambda: setattr(layer, "data", np.array(data))) for _ in range(times)]
    name = f"napari draws that layer, {data.shape[0]:,} x {data.shape[1]:,}, anew"
    note = f"median of {len(spent)}, least {min(spent):.1f}"
    return [Row(f"correction among {count} objects", middle(spent), "ms", middle(bare), name, "", None, note)]


def accepted(opened: Opened, scene: Scene, name: str, times: int) -> list[Row]:
    """Return how long it takes to accept one object, and to take that back."""
    opened.open(scene)
    controller, state = opened.widget.controller, opened.state.results
    spent: tuple[list[float], ...] = ([], [], [])
    verbs: tuple[Callable[[], object], ...] = (
        lambda: controller.accepting.accept(clear=True),
        controller.board.undo,
        controller.board.redo,
    )
    with opened.answering(Filled()):
        for place in scene.places[: times + 1]:
            opened.click(place)
            for found, verb in zip(spent, verbs, strict=True):
                found.append(_rested(verb))
                opened.settle()
    if state.accepted != times + 1:
        raise RuntimeError(f"{state.accepted} objects were accepted, not {times + 1}.")
    layer = opened.viewer.layers[names.ACCEPTED]
    bare = [_rested(layer.refresh) for _ in range(times)]
    like = Labels(layer.data, multiscale=layer.multiscale, name="bare")
    added = _rested(lambda: opened.viewer.layers.append(like))
    opened.viewer.layers.remove("bare")
    rest(0.1)
    first, accept, undo, redo = spent[0][0], *(middle(one[1:]) for one in spent)
    size = "its sparse layer" if layer.multiscale else "that layer"
    note = f"median of {times}, least {min(spent[0][1:]):.1f}; the layer is there"
    return [
        Row(f"Accept + Clear of one object, {name}", accept, "ms", middle(bare), f"napari refreshes {size}", note=note),
        Row(
            f"the first one of a picture, {name}",
            first,
            "ms",
            added,
            "napari adds that layer",
            note="once: the layer is made",
        ),
        Row(f"Undo of that, {name}", undo, "ms", middle(bare), f"napari refreshes {size}", note=f"median of {times}"),
        Row(f"Redo of that, {name}", redo, "ms", middle(bare), f"napari refreshes {size}", note=f"median of {times}"),
    ]


def boxes(opened: Opened, scene: Scene, count: int, times: int) -> list[Row]:
    """Return the plugin's own time of a run with ``count`` boxes, their layers included."""
    opened.open(scene)
    controller, simple, places = opened.widget.controller, opened.widget.simple, _apart(scene.places)
    controller.choose_task(Task.IMAGE)
    controller.choose_prompt(PromptKind.BOX)
    controller.arm()
    spent = []
    with opened.answering(Filled()):
        for k in range(times):
            simple.prompt.reset.click()
            opened.settle()
            opened.viewer.layers[names.BOXES].add([_corners(*place) for place in places[k : k + count]])
            rest(0.1)
            spent.append(_ran(opened))
    bare = _bare_objects(opened, places[:count], times)
    what = f"run with {count} box{'es' if count > 1 else ''}"
    note = f"median of {times}, least {min(spent):.1f}; an engine that costs nothing"
    controller.choose_task(Task.LIVE_POINTS)
    return [Row(what, middle(spent), "ms", bare, "napari draws those labels, and boxes round them", note=note)]


def example(opened: Opened, scene: Scene, times: int) -> list[Row]:
    """Return the plugin's own time of a search for all that are like one example, their layers included."""
    opened.open(scene)
    controller, found, spent, find = opened.widget.controller, [], [], ImageSession.find
    controller.choose_task(Task.EXEMPLAR)
    opened.viewer.layers[names.BOXES].add([_corners(*scene.places[0])])

    def noted(session: ImageSession, *arguments: object, **options: object) -> object:
        future = find(session, *arguments, **options)
        future.add_done_callback(lambda done: found.append(done.result()))
        return future

    with mock.patch.object(ImageSession, "find", noted):
        for _ in range(times):
            took = _ran(opened)
            spent.append(took - found[-1].encode_ms - found[-1].decode_ms)
    count = len(opened.state.results.objects)
    middles = [(item.mask.box.top + HALF, item.mask.box.left + HALF) for item in opened.state.results.objects]
    bare = _bare_objects(opened, middles, times)
    decode = middle(one.decode_ms for one in found)
    note = f"median of {times}, least {min(spent):.1f}; beside it the engine's {decode:.0f} ms"
    controller.choose_task(Task.LIVE_POINTS)
    name = "napari draws those labels, and boxes round them"
    return [Row(f"an example that finds {count}", middle(spent), "ms", bare, name, note=note)]


def prompt_layers(opened: Opened, scene: Scene, times: int) -> list[Row]:
    """Return how long new layers for boxes and for paint take."""
    opened.open(scene)
    controller, layers, rows = opened.widget.controller, opened.viewer.layers, []
    controller.choose_task(Task.IMAGE)
    for kind, layer, target, public in (
        (PromptKind.BOX, names.BOXES, 50, ""),
        (PromptKind.LABELS, names.MASK_PROMPT, 50, "1.3 to 2.3 s"),
    ):
        controller.choose_prompt(kind)
        made, bare = [], []
        for _ in range(times):
            made.append(_rested(controller.arm))
            like = layers[layer]
            shape = like.data.shape if kind is PromptKind.LABELS else ()
            layers.remove(layer)
            rest(0.1)
            blank = Labels(np.zeros(shape, np.uint8), name="bare") if shape else Shapes(ndim=2, name="bare")
            bare.append(_rested(lambda blank=blank: layers.append(blank)))
            layers.remove("bare")
            rest(0.1)
        what = f"Create Prompt Layer, {kind.title()}"
        name = f"napari adds an empty layer{', ' + ' x '.join(map(str, shape)) if shape else ''}"
        rows.append(Row(what, min(made), "ms", min(bare), name, public, target, f"least of {times}"))
    controller.choose_task(Task.LIVE_POINTS)
    return rows


def _apart(places: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return places whose boxes do not overlap: napari takes long for the layer that shows those that do."""
    kept: list[tuple[int, int]] = []
    for row, col in places:
        if all(max(abs(row - r), abs(col - c)) > 2 * HALF for r, c in kept):
            kept.append((row, col))
    return kept


def _corners(row: float, col: float) -> np.ndarray:
    low, high = -HALF - 0.5, HALF - 0.5
    return np.array([(row + r, col + c) for r, c in ((low, low), (low, high), (high, high), (high, low))])


def _ran(opened: Opened) -> float:
    """Return how long a run takes, from the press to the last layer, in milliseconds."""
    ended, phase = list[float](), opened.state.run.events.phase

    def on_phase(now: Phase) -> None:
        if now in (Phase.IDLE, Phase.FAILED):
            ended.append(time.perf_counter())

    phase.connect(on_phase)
    began = time.perf_counter()
    opened.widget.controller.run()
    until(lambda: bool(ended), "An answer")
    phase.disconnect(on_phase)
    opened.settle()
    return (ended[-1] - began) * 1000


def _bare_objects(opened: Opened, places: list[tuple[float, float]], times: int) -> float:
    """Return how long napari takes to draw the preview anew and as many hidden rectangles."""
    layers, spent = opened.viewer.layers, []
    like = layers[names.PREVIEW_LABELS]
    data, shapes = np.array(like.data), [_corners(*place) for place in places]
    labels = layers[layers.index(opened.viewer.add_labels(data, name="bare labels"))]
    boxes = opened.viewer.add_shapes(ndim=2, name="bare boxes", visible=False)
    rest(0.2)

    def draw() -> None:
        labels.data = np.array(data)
        boxes.data = []
        boxes.add(shapes)

    spent = [_rested(draw) for _ in range(times)]
    for name in ("bare labels", "bare boxes"):
        layers.remove(name)
    rest(0.1)
    return middle(spent)


def _rested(work: Callable[[], object]) -> float:
    spent = timed(work)
    rest(0.1)
    return spent


def measure(folder: Path, times: int) -> list[tuple[str, list[Row]]]:
    """Return the parts of the table, each with its heading."""
    opened = Opened()
    small, large = in_memory(2048), on_disk(folder / "16384", 16_384)
    kept = accepted(opened, small, "2,048²", times) + accepted(opened, large, "16,384²", times)
    many = correction_among(opened, small, 200, times)
    many += (
        boxes(opened, small, 1, times) + boxes(opened, small, 20, times) + example(opened, small, max(times // 3, 1))
    )
    made = prompt_layers(opened, large, max(times // 3, 1))
    opened.close()
    return [
        ("Objects that are kept", kept),
        ("Many objects, 2,048², beyond the engine", many),
        ("Prompt layers in 16,384²", made),
    ]


def main(arguments: list[str]) -> int:
    """Print the tables; return 1 where there is no screen."""
    from benchmarks.clicks import own_settings

    parser = argparse.ArgumentParser(prog="python -m benchmarks objects", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="each thing fewer times")
    asked = parser.parse_args(arguments)
    if not has_screen():
        print("Objects need a screen, real or virtual: make bench ARGS=objects", file=sys.stderr)
        return 1
    with own_settings() as folder:
        for title, rows in measure(folder, 3 if asked.quick else 9):
            show(title, rows)
            print(flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
