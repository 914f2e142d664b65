"""While the engine in use reads a view, the built-in one answers; what comes later takes its place, as one step."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from napari_sam3_assistant.app.state import Phase
from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.core.errors import EngineError
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.layers.previews import preview_layer
from napari_sam3_assistant.tasks.jobs import Task
from napari_sam3_assistant.tasks.session import EngineHandle
from tests.e2e.hands import add, add_box, labels, objects, paint, several

READS = "SAM3 reads this view: about 25 s on this CPU; the built-in engine answers meanwhile."
STAMP = 7


class Slow(BuiltinEngine):
    """Encodes when it is let to, and answers with masks that the built-in engine would not give."""

    name = "sam3"

    def __init__(self) -> None:
        super().__init__()
        self.capabilities = replace(self.capabilities, encode_s=25.0)
        self.gate = threading.Event()
        self.reads = threading.Event()
        self.encoded = 0
        self.fail: Exception | None = None

    def encode(self, image, *, progress, cancel):
        self.reads.set()
        while not self.gate.wait(0.005):
            progress(0.0, "reads")
            cancel.raise_if_cancelled()
        cancel.raise_if_cancelled()
        if self.fail is not None:
            raise self.fail
        self.encoded += 1
        return super().encode(image, progress=progress, cancel=cancel)

    def segment(self, embedding, prompts, previous=None):
        answer = super().segment(embedding, prompts, None)
        row, col = prompts.newest()
        stamp = PlacedMask(np.ones((STAMP, STAMP), bool), (int(row) - STAMP // 2, int(col) - STAMP // 2))
        return replace(answer, mask=stamp, score=0.5, alternatives=(answer.mask,))


@pytest.fixture
def waiting(open_driver):
    """Return a function that opens pictures with a slow engine in use, and both; it reads the first view already."""
    made = []

    def waiting(picture):
        driver, slow = open_driver((picture, {}), show=False), Slow()
        driver.wait_until_idle()
        made.append(slow)
        controller = driver.widget.controller
        controller._session.engine = EngineHandle("sam3", lambda: slow, slow=True, loaded=lambda: slow)
        controller.prepare()
        driver.wait(slow.reads.is_set, "The engine")
        driver.pump(0.05)  # the controls are drawn
        return driver, slow

    yield waiting
    for slow in made:
        slow.gate.set()


def let(driver, slow) -> None:
    """Let the engine read, and wait until all its answers are there."""
    slow.gate.set()
    driver.wait(lambda: not driver.state.run.background_works, "The engine")
    driver.wait_until_idle()


def mask_of(driver, id):
    return driver.state.results.objects[id].mask


def test_the_built_in_engine_answers_and_the_later_answer_is_one_step_with_the_same_number(waiting):
    driver, slow = waiting(several())
    controller, state = driver.widget.controller, driver.state
    assert state.run.background == READS and driver.widget.simple.run.background.text() == READS
    add(driver, 35, 35)
    first = mask_of(driver, 1)
    assert (
        first.area > 800
        and state.run.phase is Phase.IDLE
        and "(Built-in)" in driver.widget.simple.results.summary.text()
    )

    let(driver, slow)

    assert objects(driver) == {1: STAMP**2} and slow.encoded == 1
    assert "(SAM3)" in driver.widget.simple.results.summary.text() and state.run.background == ""
    assert state.results.undo == "SAM3's answer" and labels(driver)[35, 35] == 1
    controller.board.undo()
    assert objects(driver) == {1: first.area} and state.results.undo != "SAM3's answer"
    controller.board.redo()
    assert objects(driver) == {1: STAMP**2}


def test_several_answers_that_come_later_are_one_step(waiting):
    driver, slow = waiting(several())
    for at in ((35, 35), (35, 95), (95, 95)):
        driver.widget.controller.board.begin_object()
        add(driver, *at)
    before = objects(driver)

    let(driver, slow)
    assert objects(driver) == dict.fromkeys((1, 2, 3), STAMP**2) and slow.encoded == 1

    driver.widget.controller.board.undo()
    assert objects(driver) == before


def test_only_the_newest_prompts_about_an_object_are_answered_later(waiting):
    driver, slow = waiting(several())
    add(driver, 35, 35)
    add(driver, 40, 40)

    let(driver, slow)

    assert objects(driver) == {1: STAMP**2} and mask_of(driver, 1).value_at(42, 42)
    assert len(driver.state.results.current.prompts.points) == 2


@pytest.mark.parametrize("change", ["painted", "accepted", "other reading"])
def test_an_object_that_the_user_has_changed_or_accepted_stays(waiting, change):
    driver, slow = waiting(several())
    controller = driver.widget.controller
    add(driver, 35, 35)
    if change == "painted":
        paint(preview_layer(driver.viewer), np.s_[..., 0:3, 0:3], 1)
    elif change == "accepted":
        controller.accepting.accept(clear=False)
    else:
        controller.board.next_reading()
    controller.board.absorb()
    kept = mask_of(driver, 1).area

    let(driver, slow)

    assert objects(driver) == {1: kept}
    assert driver.state.run.message == "SAM3's answer about object 1 is left out: you have changed or accepted it."


def test_an_object_that_is_taken_away_or_undone_gets_no_answer(waiting):
    driver, slow = waiting(several())
    board = driver.widget.controller.board
    add(driver, 35, 35)
    board.begin_object()
    add(driver, 95, 95)
    board.delete_object(2)
    board.undo()
    board.undo()  # the second point
    assert set(objects(driver)) == {1}

    let(driver, slow)

    assert objects(driver) == {1: STAMP**2}


def test_cancel_stops_the_reading_and_run_preview_lets_it(waiting):
    driver, slow = waiting(several())
    add(driver, 35, 35)
    before = objects(driver)
    assert driver.widget.simple.run.cancel.isEnabled()

    driver.widget.simple.run.cancel.click()
    driver.wait(lambda: not driver.state.run.background_works, "The engine")
    assert "Run Preview lets it" in driver.state.run.background and objects(driver) == before
    slow.gate.set()
    driver.widget.controller.board.begin_object()
    add(driver, 95, 95)
    driver.pump(0.6)
    assert slow.encoded == 0 and set(objects(driver)) == {1, 2} and STAMP**2 not in objects(driver).values()

    driver.widget.simple.run.run.click()
    let(driver, slow)

    assert objects(driver) == dict.fromkeys((1, 2), STAMP**2) and slow.encoded == 1


@pytest.mark.parametrize("works", [True, False])
def test_what_is_asked_after_cancel_may_take_its_time(waiting, monkeypatch, works):
    monkeypatch.setattr("napari_sam3_assistant.app.standby.STUCK_S", 0.3)
    ended: list[str] = []
    driver, slow = waiting(several())
    controller = driver.widget.controller
    monkeypatch.setattr(controller.model, "end", lambda: ended.append("sam3"))
    add(driver, 35, 35)
    if not works:
        let(driver, slow)
    controller.cancel()
    driver.wait(lambda: not driver.state.run.background_works, "The engine")
    slow.gate.clear()
    slow.reads.clear()

    driver.viewer.layers[0].data = several()[::-1].copy()
    controller.run()
    driver.wait(slow.reads.is_set, "The engine")
    driver.pump(0.6)

    assert controller.standby.session.running and not ended, "what was stopped has stopped"


def test_a_slice_that_is_left_is_read_no_further_and_the_next_one_is(waiting):
    driver, slow = waiting(np.stack([several()] * 3))
    slow.reads.clear()
    driver.viewer.dims.set_current_step(0, 1)
    driver.pump(0.1)
    driver.viewer.dims.set_current_step(0, 2)
    driver.wait(slow.reads.is_set, "The engine")

    let(driver, slow)

    add(driver, 35, 35)
    assert slow.encoded == 1 and objects(driver) == {1: STAMP**2}


def test_an_answer_about_another_slice_is_there_when_one_comes_back(waiting):
    driver, slow = waiting(np.stack([several()] * 2))
    here = driver.viewer.dims.current_step[0]
    add(driver, 35, 35)
    driver.viewer.dims.set_current_step(0, 1 - here)
    driver.wait_until_idle()

    let(driver, slow)
    assert objects(driver) == {}
    driver.viewer.dims.set_current_step(0, here)
    driver.wait_until_idle()

    assert objects(driver) == {1: STAMP**2}


def test_an_engine_that_fails_leaves_the_built_in_answers_and_is_not_asked_at_each_click(waiting):
    driver, slow = waiting(several())
    slow.fail = EngineError("SAM3 has run out of memory.", hint="Close other programs.")
    add(driver, 35, 35)
    before = objects(driver)

    let(driver, slow)
    assert objects(driver) == before and "run out of memory" in driver.state.run.message
    slow.fail = None
    add(driver, 40, 40)
    driver.pump(0.6)

    assert slow.encoded == 0 and driver.state.run.phase is Phase.IDLE and set(objects(driver)) == {1}


def test_boxes_and_examples_are_answered_twice_too(waiting):
    driver, slow = waiting(several())
    controller = driver.widget.controller
    controller.choose_task(Task.IMAGE)
    controller.choose_prompt(PromptKind.BOX)
    controller.arm()
    add_box(driver.viewer.layers[names.BOXES], 15, 15, 55, 55)
    controller.run()
    driver.wait_until_idle()
    assert objects(driver)[1] > 800
    controller.choose_task(Task.EXEMPLAR)
    controller.run()
    driver.wait_until_idle()
    found = objects(driver)
    assert len(found) > 1

    let(driver, slow)

    assert objects(driver)[1] == STAMP**2 and driver.state.results.undo == "SAM3's answer"
    assert slow.encoded == 1 and "SAM3's answer took the place" in driver.state.run.message


def test_an_engine_whose_memory_was_given_back_reads_nothing_before_the_next_question(waiting):
    driver, slow = waiting(np.stack([several()] * 3))
    standby = driver.widget.controller.standby
    driver.widget.controller.cancel()
    standby.rest()
    slow.reads.clear()
    driver.viewer.dims.set_current_step(0, 2)
    driver.pump(0.7)
    assert not slow.reads.is_set() and driver.state.run.background == ""

    add(driver, 35, 35)
    let(driver, slow)

    assert objects(driver) == {1: STAMP**2}


def test_run_preview_lets_a_stopped_engine_read_though_there_is_no_prompt_yet(waiting):
    driver, slow = waiting(several())
    controller = driver.widget.controller
    assert not driver.widget.simple.run.run.isEnabled()
    driver.widget.simple.run.cancel.click()
    driver.wait(driver.widget.simple.run.run.isEnabled, "Run Preview")
    driver.wait(lambda: not controller.standby.session.busy, "The end of the reading")
    slow.reads.clear()

    driver.widget.simple.run.run.click()
    driver.wait(slow.reads.is_set, "The reading")
    driver.pump(0.05)

    assert driver.state.run.phase is Phase.IDLE and driver.state.run.background == READS


def test_a_search_that_was_waiting_is_not_dropped_in_silence_when_the_engine_changes(waiting):
    driver, _ = waiting(several())
    controller = driver.widget.controller
    controller.model._used = ("sam3", None, "auto", "")
    controller.choose_task(Task.TEXT)
    driver.state.task.text = "nucleus"
    controller.finding.find()
    assert driver.state.run.message == "Looking for nucleus..."

    controller.model.choose_engine("builtin")

    assert "was dropped. Run Preview searches again" in driver.state.run.message
    assert driver.state.activity.lines[-1].text == driver.state.run.message


def test_an_error_that_nobody_foresaw_is_said_and_its_traceback_is_in_the_log(waiting):
    driver, slow = waiting(several())
    slow.fail = ZeroDivisionError("by zero")

    let(driver, slow)

    assert driver.state.run.phase is Phase.FAILED
    assert driver.state.run.message == "Something went wrong: ZeroDivisionError: by zero."
    line = driver.state.activity.lines[-1]
    assert line.problem and "Traceback" in line.detail and "in encode" in line.detail
