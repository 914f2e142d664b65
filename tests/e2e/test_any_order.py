"""An hour's use: random actions in any order, over both modes, with an engine that takes random times.

Nothing breaks and no click is lost. What is shown must always be what the newest prompts give: on screen, in the
layers of a batch and on every frame that was followed. The engine's masks are a plain function of the prompts, so
that a test can say what they must be.
"""

from __future__ import annotations

import gc
import operator
import random
import threading
import time
from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import Phase as Stage
from hypothesis import strategies as st
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QDoubleSpinBox,
    QLineEdit,
    QPlainTextEdit,
    QSpinBox,
    QTableView,
)

from napari_sam3_assistant.app.panel_state import Section
from napari_sam3_assistant.app.state import Phase
from napari_sam3_assistant.app.task_state import CropRegion, ExemplarSource, PromptKind
from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.labels import to_labels
from napari_sam3_assistant.core.results import Candidates, Segmentation
from napari_sam3_assistant.core.windows import whole
from napari_sam3_assistant.demo.driver import Driver
from napari_sam3_assistant.engines.protocol import Capabilities
from napari_sam3_assistant.layers import batch_previews, names, prompts
from napari_sam3_assistant.layers.accepted import accepted_layer
from napari_sam3_assistant.layers.previews import read_preview
from napari_sam3_assistant.tasks.jobs import Task
from tests.conftest import squares
from tests.e2e.conftest import our_threads
from tests.e2e.controls import all_controls
from tests.e2e.hands import add_box

SIDE, SLICES = 64, 3
EXAMPLES, LENGTH = 11, 200
"""Of Hypothesis's examples the first is the simplest one, clicks alone: it is not counted."""
MOST_LAYERS = 12
"""What is saved as layers is deleted again beyond so many: napari becomes slow."""
WORDS = ("", "cell", "red, blue", "# nothing", "\N{MICROSCOPE}", "x" * 300)
LEFT_OUT = {"mask_ops", "choose", "folder", "export", "open_folder"}
"""Controls that open a dialog, a dock or another program, or name a folder."""
TAKES_AWAY = {"cancel", "clear_preview", "clear_results", "reset", "clear", "save_clean", "accept_clear"}
places = st.tuples(st.integers(0, SIDE - 1), st.integers(0, SIDE - 1))


class Seen:
    """An embedding that is the picture's shape."""

    nbytes = 1

    def __init__(self, shape):
        self.shape = shape


class RandomEngine:
    """Answers after a random time: a square round the prompts, larger with each point."""

    name, weights = "builtin", "random"
    capabilities = Capabilities(threshold=0.5)

    def __init__(self) -> None:
        self._random = random.Random(0)

    def load(self, *, progress, cancel):
        pass

    def encode(self, image, *, progress, cancel):
        for _ in range(3):
            time.sleep(self._random.uniform(0, 0.01))
            cancel.raise_if_cancelled()
        return Seen(image.shape[:2])

    def segment(self, embedding, prompts, previous=None):
        time.sleep(self._random.uniform(0, 0.02))
        return expected(prompts, embedding.shape)

    def find(self, embedding, query):
        time.sleep(self._random.uniform(0, 0.02))
        boxes = np.array([one.box.corners for one in query.exemplars if one.positive], np.float32)
        shape = embedding.shape
        logits = tuple(np.ones((2, 2), bool) for _ in boxes)
        return Candidates(np.linspace(0.9, 0.6, len(boxes)).astype(np.float32), boxes, logits, boxes, shape)

    def close(self):
        pass


def expected(prompts, shape) -> Segmentation:
    """Return the mask that the engine must give."""
    if prompts.points and not prompts.positive and prompts.mask is None and prompts.box is None:
        raise PromptError("There are only negative points.", hint="Add a positive one.")
    row, col = prompts.positive[0].pixel if prompts.positive else map(int, prompts.extent().center)
    reach = 3 + len(prompts.points) + (2 if prompts.mask is not None else 0)
    on = np.zeros(shape, bool)
    on[max(row - reach, 0) : row + reach + 1, max(col - reach, 0) : col + reach + 1] = True
    mask = PlacedMask(on).trimmed()
    return Segmentation(mask, 0.5 + 0.4 / reach, (mask.shifted(1, 0),) if row + reach + 2 < shape[0] else ())


class Anyhow:
    """A user without a plan."""

    def __init__(self, driver: Driver, done: Counter[str]) -> None:
        self.driver, self.done = driver, done
        self.viewer, self.state = driver.viewer, driver.state
        self.viewer.layers.clear()
        self.pictures: dict[str, str] = {}
        for name in ("stack", "plane"):
            self.open_picture(name)
        self.viewer.layers.selection.active = self.layer_of("stack")
        self.controller = self.driver.widget.controller
        self.controls = all_controls(driver)
        self.cancelled = False

    def act(self, action):
        """Do one thing, and look at what must always hold."""
        name, options = action
        getattr(self, name)(**options)
        self.done[name] += 1
        self.nothing_has_failed_inside()
        self.what_was_accepted_is_there()

    def layer_of(self, name):
        """Return one of our two pictures, whatever it is called by now; None where it was closed."""
        wanted = self.pictures[name]
        return next((layer for layer in self.viewer.layers if str(layer.unique_id) == wanted), None)

    # -- what users do ----------------------------------------------------------------------------

    def click(self, at, times):
        self.cancelled = False
        points = self.controller.live.layer
        if points is None:
            return
        for nudge in range(times):
            before, chosen = len(points.data), self.controller.board.draft.selected
            where = [float(at[0]), float((at[1] + nudge) % SIDE)]
            points.add([[float(self.viewer.dims.current_step[0]), *where][-points.ndim :]])
            selects = len(points.data) == before and self.controller.board.draft.selected not in (None, chosen)
            assert len(points.data) == before + 1 or selects, "a click was lost"

    def box(self, at, size):
        layer = self.controller.boxes.layer
        if layer is not None:
            (top, left), front = at, [float(self.viewer.dims.current_step[0])] * (layer.ndim - 2)
            corners = [(top, left), (top, left + size), (top + size, left + size), (top + size, left)]
            layer.add([np.array([[*front, *corner] for corner in corners], float)], shape_type="rectangle")

    def paint_a_hint(self, at, value):
        for layer in self.viewer.layers:
            if layer.name == names.MASK_PROMPT:
                layer.selected_label = value
                front = [int(self.viewer.dims.current_step[0])] * (layer.ndim - 2)
                layer.paint([*front, *at][-layer.ndim :], value)

    def choose(self, task, kind, make):
        self.driver.widget.simple.setup.tasks[task].click()
        if task is Task.IMAGE:
            self.controller.choose_prompt(kind)
        if make:
            self.controller.arm()

    def run(self):
        self.cancelled = False
        self.controller.run()

    def verb(self, verb):
        self.cancelled = False
        self.done["steps back"] += verb == "undo" and bool(self.driver.state.results.undo)
        getattr(self.controller.board, verb)()

    def step_back(self):
        self.verb("undo")

    def walk(self, step):
        self.controller.board.walk(step)

    def accept(self, clear):
        before = len(self.controller.accepting.records)
        self.controller.accepting.accept(clear=clear)
        self.done["accepted"] += len(self.controller.accepting.records) > before

    def undo_accept(self):
        self.controller.accepting.undo_last()

    def polarity(self, which):
        self.cancelled = False
        getattr(self.controller.live, which)()

    def slice(self, index):
        self.viewer.dims.set_current_step(0, index)

    def picture(self, name):
        layer = self.layer_of(name)
        if layer is not None:
            self.controller.choose_image(str(layer.unique_id), arm=True)

    def open_picture(self, name):
        if name not in self.pictures or self.layer_of(name) is None:
            plane = squares(128)[:SIDE, :SIDE]
            layer = self.viewer.add_image(np.stack([plane] * SLICES) if name == "stack" else plane, name=name)
            self.pictures[name] = str(layer.unique_id)

    def close_picture(self, name, back):
        layer = self.layer_of(name)
        if layer is not None:
            self.viewer.layers.remove(layer)
            if back == "undo":
                self.controller.board.undo()
            self.done["closed"] += 1
        if back != "later":
            self.open_picture(name)

    def rename(self, name, to):
        layer = self.layer_of(name) if name in self.pictures else self.controller.live.layer
        if layer is not None:
            layer.name = to

    def mode(self):
        self.driver.widget.top.modes[not self.state.task.advanced].click()

    def touch(self, which, value):
        """Use any control of the panel on screen that can be used."""
        self.driver.pump()
        page = "advanced" if self.state.task.advanced else "simple"
        panel = getattr(self.driver.widget, page)
        there = [
            (path, one)
            for path, one in self.controls.items()
            if path.startswith(page) and not path.startswith("advanced.model") and one.isEnabled()
            and path.rsplit(".", 1)[-1] not in LEFT_OUT and one.isVisibleTo(panel)
        ]  # fmt: skip
        path, one = there[which % len(there)]
        last = path.rsplit(".", 1)[-1]
        self.cancelled = self.cancelled or last in TAKES_AWAY
        self.done["touched"] += 1
        self.use(one, last, value)
        for layer in list(self.viewer.layers)[::-1]:
            if len(self.viewer.layers) > MOST_LAYERS and layer.name.startswith(names.SAVED):
                self.viewer.layers.remove(layer)

    def use(self, one, last, value):
        if isinstance(one, QAbstractButton):
            one.click()
        elif isinstance(one, QComboBox) and one.count():
            index = value % one.count()
            one.setCurrentIndex(index)
            one.activated.emit(index)
        elif isinstance(one, QSpinBox):
            one.setValue(value % 2 - 1 if last == "axis" else value % 24)
        elif isinstance(one, QDoubleSpinBox):
            one.setValue((value % 20) / 20)
        elif isinstance(one, QLineEdit):
            one.clear()
            one.insert(WORDS[value % len(WORDS)])
            QTest.keyClick(one, Qt.Key.Key_Return)
        elif isinstance(one, QPlainTextEdit):
            one.setPlainText("\n".join(WORDS[: value % len(WORDS)]))
        elif isinstance(one, QTableView) and one.model().rowCount():
            one.clicked.emit(one.model().index(value % one.model().rowCount(), 0))

    def batch(self, kind, at):
        """Run on every picture, with a prompt that counts for each."""
        self.cancelled = False
        self.state.task.advanced = True
        self.choose(Task.IMAGE if kind is not PromptKind.TEXT else Task.EXEMPLAR, PromptKind.BOX, make=False)
        self.own_layer("shapes", at)
        self.state.task.batch = True
        self.controller.run()
        self.state.task.batch = False

    def crop(self, region, at):
        self.state.task.advanced = True
        self.choose(Task.EXEMPLAR, PromptKind.BOX, make=True)
        self.state.task.exemplar_source, self.state.task.crop_region = ExemplarSource.CROP, region
        self.box(at, 12)
        self.controller.run()
        self.done["crops"] += self.controller.asking.waits

    def follow(self, kind, at, on):
        self.picture("stack")
        self.choose(Task.VIDEO, PromptKind.POINTS, make=True)
        if on:
            self.controller.propagation.go_on()
            return
        self.click(at, 1)
        self.controller.run()

    def begin(self, name, at):
        """Go back to Live Points, and click."""
        self.open_picture(name)
        self.picture(name)
        page = self.driver.widget.advanced.task if self.state.task.advanced else self.driver.widget.simple.setup
        if self.state.task.advanced:
            self.driver.pump()
            page.task.activated.emit(page.task.findData(Task.LIVE_POINTS.value))
        else:
            page.tasks[Task.LIVE_POINTS].click()
        self.controller.arm()
        self.click(at, 1)

    def apply(self, index, positive):
        points = self.controller.live.layer
        if points is not None and len(points.data):
            self.cancelled = False
            points.selected_data = {index % len(points.data)}
            self.state.task.positive = positive
            self.controller.live.apply_mode()

    def prompt_layer(self, kind, index):
        task = self.state.task
        choice = {PromptKind.POINTS: task.points_from, PromptKind.BOX: task.shapes_from}.get(kind, task.labels_from)
        there = ["", *(one.identity for one in choice.items)]
        if kind is not PromptKind.TEXT:
            self.controller.choice.choose(kind, there[index % len(there)])

    def own_layer(self, kind, at):
        """Take a layer of the user's for the prompts, made where it is not there."""
        name = f"my {kind}"
        prompt = {"points": PromptKind.POINTS, "shapes": PromptKind.BOX, "labels": PromptKind.LABELS}[kind]
        if name not in self.viewer.layers:
            if kind == "points":
                self.viewer.add_points([at], name=name)
            elif kind == "shapes":
                add_box(self.viewer.add_shapes(name=name, ndim=2), at[0], at[1], at[0] + 9, at[1] + 9)
            else:
                painted = np.zeros((SIDE, SIDE), np.uint8)
                painted[at[0] : at[0] + 5, at[1] : at[1] + 5] = 1
                self.viewer.add_labels(painted, name=name)
        self.controller.choice.choose(prompt, str(self.viewer.layers[name].unique_id))
        self.done["own layers"] += 1

    def delete_own_layer(self, kind, back):
        if f"my {kind}" in self.viewer.layers:
            self.viewer.layers.remove(f"my {kind}")
            if back:
                self.controller.board.undo()

    def delete_layer(self, name):
        if name in self.viewer.layers:
            self.viewer.layers.remove(name)
            self.controller.arm()

    def move_or_delete_a_point(self, index):
        self.cancelled = False
        points = self.controller.live.layer
        if points is not None and len(points.data):
            points.selected_data = {index % len(points.data)}
            points.remove_selected()

    def stop(self, verb):
        self.cancelled = True
        operator.attrgetter(verb)(self.controller)()

    def paint_in_the_preview(self, at):
        if names.PREVIEW_LABELS in self.viewer.layers:
            data = self.viewer.layers[names.PREVIEW_LABELS].data
            flat = data.reshape(-1)
            flat[(at[0] * SIDE + at[1]) % flat.size] = 1 + at[0] % 4

    # -- what must hold ---------------------------------------------------------------------------

    def settle(self):
        """Wait for every answer: what is shown is what the newest prompts give."""
        self.rest()
        self.done["masks"] += sum(talk.answer is not None for talk in self.controller.board.draft.talks.values())
        board, draft = self.controller.board, self.controller.board.draft
        assert not self.controller.asking.waits
        board.absorb()
        board.draw()
        draft = board.draft
        here = self.controller.here()
        if here is None:
            assert self.state.task.image is None or not self.state.task.usable
            assert not len(draft.objects) or board.place is not None
            return
        assert here.place == board.place
        points = self.controller.live.layer
        found = None if points is None else prompts.collect_points(points, here.layer, here.plane, here.world)
        by_object = {} if found is None else found.by_object()
        if self.controller.live.is_live and not self.cancelled:
            assert draft.stale(by_object) == {}, "points without an answer"
        for id, talk in draft.talks.items():
            if talk.answer is not None and talk.asked is not None and draft.has(id) and not talk.reading:
                wanted = expected(talk.asked, (SIDE, SIDE)).mask
                painted = talk.ground is not None and talk.ground.mask is draft.objects[id].mask
                if not painted and talk.answer.segmentation.mask is draft.objects[id].mask:
                    assert draft.objects[id].mask.offset == wanted.offset and draft.objects[id].mask.area == wanted.area
        self.done["settled with masks"] += bool(len(draft.objects))
        self.check_drawn(draft)
        self.check_batches()
        self.check_frames()

    def rest(self):
        """Wait until nothing runs, nothing is saved, and the layers of a batch have followed."""
        self.driver.wait_until_idle()
        self.driver.wait(lambda: not self.state.video.running and not self.state.output.saving, "The end of all")
        self.driver.wait(lambda: not self.controller.batch_views._due, "The layers of the batch")
        self.driver.wait_until_idle()

    def check_batches(self):
        """Each result of a batch is seen in a layer of its own, on every picture."""
        self.rest()  # what was painted has been taken since
        seen = {}
        for one in batch_previews.shown(self.viewer):
            if one.kind == batch_previews.LABELS:
                seen.setdefault(one.result[:2], []).extend(one.items)
                drawn = to_labels([item.mask for item in one.items], whole((SIDE, SIDE)))
                assert np.count_nonzero(one.layer.data) == np.count_nonzero(drawn), "a layer shows other masks"
        there = {str(layer.unique_id) for layer in self.viewer.layers}
        for place, draft in self.controller.board.drafts.items():
            if draft.batch is not None and len(draft.objects) and place[0] in there:
                self.done["batches"] += 1
                wanted = sorted(draft.objects, key=lambda item: item.id)
                assert sorted(seen.get(place, ()), key=lambda item: item.id) == wanted, "a batch has other masks"

    def check_frames(self):
        """What was followed is what the layer shows, frame by frame."""
        tracks, layer = self.controller.propagation.tracks, self.controller.propagation.layer.find()
        if tracks is None or layer is None:
            return
        data = np.asarray(layer.data)
        for frame in tracks.frames:
            masks = [one.mask for one in tracks.on(frame)]
            drawn = to_labels(masks, whole((SIDE, SIDE)), values=[one.id for one in tracks.on(frame)])
            shown = np.take(data, frame, axis=tracks.axis)
            assert np.array_equal(shown > 0, drawn > 0), "a frame shows something else than was followed"
            self.done["frames"] += 1

    def check_drawn(self, draft):
        window = whole((SIDE, SIDE))
        items = list(draft.objects)
        drawn = to_labels(
            [one.mask for one in items], window, values=[one.id for one in items], scores=[one.score for one in items]
        )
        seen = read_preview(self.viewer)
        shown = np.zeros((SIDE, SIDE), int)
        if seen is not None:
            labels, block = seen
            shown[block.slices] = labels
        assert np.array_equal(np.unique(shown[shown > 0]), np.unique(drawn[drawn > 0]))
        assert np.array_equal(shown > 0, drawn > 0)

    def nothing_has_failed_inside(self):
        self.driver.pump()
        run = self.driver.state.run
        assert "Something went wrong" not in run.message, run
        assert run.phase is not Phase.FAILED or run.hint

    def what_was_accepted_is_there(self):
        for record in self.controller.accepting.records:
            image = next((one for one in self.viewer.layers if str(one.unique_id) == record.image), None)
            assert image is not None and accepted_layer(self.viewer, image) is not None


STOPS = ("cancel", "clearing.preview", "clearing.prompts", "clearing.prompts_here", "clearing.results")
ACTIONS = {
    "click": {"at": places, "times": st.integers(1, 3)},
    "box": {"at": places, "size": st.integers(0, 30)},
    "paint_a_hint": {"at": places, "value": st.integers(1, 3)},
    "choose": {"task": st.sampled_from(Task), "kind": st.sampled_from(PromptKind), "make": st.booleans()},
    "run": {},
    "verb": {"verb": st.sampled_from(["begin_object", "delete_object", "next_reading", "undo", "redo"])},
    "walk": {"step": st.sampled_from([1, -1])},
    "accept": {"clear": st.booleans()},
    "undo_accept": {},
    "polarity": {"which": st.sampled_from(["toggle_next", "flip"])},
    "slice": {"index": st.integers(0, SLICES - 1)},
    "picture": {"name": st.sampled_from(["stack", "plane"])},
    "delete_layer": {
        "name": st.sampled_from([names.POINTS, names.BOXES, names.PREVIEW_LABELS, names.MASK_PROMPT, names.ACCEPTED])
    },
    "move_or_delete_a_point": {"index": st.integers(0, 50)},
    "stop": {"verb": st.sampled_from(STOPS)},
    "paint_in_the_preview": {"at": places},
    "settle": {},
    "mode": {},
    "touch": {"which": st.integers(0, 10_000), "value": st.integers(0, 10_000)},
    "begin": {"name": st.sampled_from(["stack", "plane"]), "at": places},
    "step_back": {},
    "batch": {"kind": st.sampled_from([PromptKind.BOX, PromptKind.TEXT]), "at": places},
    "crop": {"region": st.sampled_from(CropRegion), "at": places},
    "follow": {"kind": st.sampled_from([PromptKind.POINTS, PromptKind.BOX]), "at": places, "on": st.booleans()},
    "apply": {"index": st.integers(0, 50), "positive": st.booleans()},
    "prompt_layer": {"kind": st.sampled_from(PromptKind), "index": st.integers(0, 5)},
    "own_layer": {"kind": st.sampled_from(["points", "shapes", "labels"]), "at": places},
    "delete_own_layer": {"kind": st.sampled_from(["points", "shapes", "labels"]), "back": st.booleans()},
    "open_picture": {"name": st.sampled_from(["stack", "plane"])},
    "close_picture": {"name": st.sampled_from(["stack", "plane"]), "back": st.sampled_from(["undo", "again", "later"])},
    "rename": {
        "name": st.sampled_from(["stack", "plane", "points"]),
        "to": st.sampled_from(["other", "stack", "plane", "a/b"]),
    },
}
LEAST = {
    "masks": 40, "settled with masks": 25, "accepted": 8, "steps back": 12, "batches": 5, "frames": 5, "mode": 15,
    "touched": 200, "crops": 3, "closed": 8, "own layers": 15,
}  # fmt: skip
"""How often each must have happened: about half of what does on a quiet machine, for a busy one answers later."""
OFTEN = (
    "click",
    "click",
    "click",
    "click",
    "verb",
    "run",
    "accept",
    "step_back",
    *["settle", "begin"] * 2,
    *["touch"] * 10,
)


def one_of(names):
    """Return what draws an action of one of these names, with its options."""
    return st.sampled_from(names).flatmap(lambda name: st.tuples(st.just(name), st.fixed_dictionaries(ACTIONS[name])))


@pytest.mark.timeout(900)
def test_two_thousand_actions_over_both_modes_in_any_order(make_napari_viewer, monkeypatch, tmp_path):
    monkeypatch.setattr("napari_sam3_assistant.engines.registry.create", lambda name: RandomEngine())
    monkeypatch.setattr(gc, "collect", lambda *told: 0)  # vispy calls it for each layer that goes: 0.2 s
    before = set(our_threads())
    done: Counter[str] = Counter()
    driver = Driver(make_napari_viewer(show=False))
    driver.state.output.folder, driver.state.panel.opened = str(tmp_path), frozenset(Section)

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        phases=[Stage.generate],  # how long the engine takes is no data of Hypothesis's: it could not shrink
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(st.lists(one_of([*ACTIONS, *OFTEN]), min_size=LENGTH, max_size=LENGTH))
    def anyhow(actions):
        user = Anyhow(driver, done)
        driver.wait_until_idle()
        driver.widget.controller.choose_task(Task.LIVE_POINTS)
        for action in actions:
            user.act(action)
        user.settle()

    anyhow()

    # Otherwise too little was tried.
    assert {kind: done[kind] for kind, least in LEAST.items() if done[kind] < least} == {}, done
    driver.widget.close()
    driver.pump(0.05)
    deadline = time.monotonic() + 10
    while set(our_threads()) - before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert set(our_threads()) <= before, [one.name for one in threading.enumerate()]
