"""Random actions in any order, with an engine that takes random times: nothing breaks, no click is lost.

What is shown must always be what the newest prompts give. The engine's masks are a plain function
of the prompts, so that a test can say what they must be.
"""

from __future__ import annotations

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

from napari_sam3_assistant.app.state import Phase
from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.labels import to_labels
from napari_sam3_assistant.core.results import Candidates, Segmentation
from napari_sam3_assistant.core.windows import whole
from napari_sam3_assistant.demo.driver import Driver
from napari_sam3_assistant.engines.protocol import Capabilities
from napari_sam3_assistant.layers import names, prompts
from napari_sam3_assistant.layers.accepted import accepted_layer
from napari_sam3_assistant.layers.previews import read_preview
from napari_sam3_assistant.tasks.jobs import Task
from tests.conftest import squares
from tests.e2e.conftest import our_threads

SIDE, SLICES = 64, 3
EXAMPLES, LENGTH = 5, 125
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
        self.viewer = driver.viewer
        self.viewer.layers.clear()
        stack = np.stack([squares(128)[:SIDE, :SIDE]] * SLICES)
        self.viewer.add_image(stack, name="stack")
        self.viewer.add_image(squares(128)[:SIDE, :SIDE], name="plane")
        self.viewer.layers.selection.active = self.viewer.layers["stack"]
        self.controller = self.driver.widget.controller
        self.cancelled = False

    def act(self, action):
        """Do one thing, and look at what must always hold."""
        name, options = action
        getattr(self, name)(**options)
        self.nothing_has_failed_inside()
        self.what_was_accepted_is_there()

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
        layer = self.viewer.layers[name]
        self.controller.choose_image(str(layer.unique_id), arm=True)

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
        self.driver.wait_until_idle()
        self.done["masks"] += sum(talk.answer is not None for talk in self.controller.board.draft.talks.values())
        board, draft = self.controller.board, self.controller.board.draft
        assert not self.controller.asking.waits
        board.absorb()
        board.draw()
        draft = board.draft
        here = self.controller.here()
        assert here is not None and here.place == board.place
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
}
OFTEN = ("click", "click", "click", "verb", "settle", "run")


def one_of(names):
    """Return what draws an action of one of these names, with its options."""
    return st.sampled_from(names).flatmap(lambda name: st.tuples(st.just(name), st.fixed_dictionaries(ACTIONS[name])))


@pytest.mark.timeout(600)
def test_five_hundred_actions_in_any_order(make_napari_viewer, monkeypatch):
    monkeypatch.setattr("napari_sam3_assistant.engines.registry.create", lambda name: RandomEngine())
    before = set(our_threads())
    done: Counter[str] = Counter()
    driver = Driver(make_napari_viewer(show=False))

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
    assert min(done[kind] for kind in ("masks", "accepted", "steps back", "settled with masks")) >= 5, done
    driver.widget.close()
    driver.pump(0.05)
    deadline = time.monotonic() + 10
    while set(our_threads()) - before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert set(our_threads()) <= before, [one.name for one in threading.enumerate()]
