"""SAM3 itself, small and with random weights, in a process of its own, through the real widget."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from napari_sam3_assistant.app import runtime
from napari_sam3_assistant.app.state import Phase
from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.engines.host import HostedEngine
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.tasks.jobs import Task
from tests.e2e.conftest import our_threads
from tests.e2e.hands import add, add_box, objects, several

pytestmark = pytest.mark.timeout(400)
PATIENCE_S = 180
"""Torch is imported by a process that gives way to all others: on a busy machine that takes its time."""


@pytest.fixture
def encodes(monkeypatch):
    """Count the pictures that SAM3 is given."""
    seen, usual = [], HostedEngine.encode

    def encode(self, image, **told):
        seen.append(image.shape)
        return usual(self, image, **told)

    monkeypatch.setattr(HostedEngine, "encode", encode)
    return seen


@pytest.fixture
def sam3(open_driver, sam3_folder, tmp_path, monkeypatch):
    """Return a widget on a picture of four squares that SAM3 has read."""
    driver = open_driver((several(), {}), show=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("napari_sam3_assistant.demo.driver.TIMEOUT_S", PATIENCE_S)
    driver.widget.controller.model.choose_folder(sam3_folder)
    driver.wait(lambda: driver.state.model.loaded, "SAM3")
    until_read(driver)
    return driver


def until_read(driver) -> None:
    driver.wait(lambda: not driver.state.run.background_works, "The reading")
    driver.wait_until_idle()


def process() -> int:
    return runtime._runtime._engines["sam3"].engine._engine.pid


def test_clicks_boxes_phrases_and_thresholds_on_one_view_are_one_encoding(encodes, sam3):
    driver, controller = sam3, sam3.widget.controller
    assert driver.state.model.in_use == "sam3" and encodes == [(128, 128, 3)]
    for k in range(20):
        if k % 5 == 0:
            controller.board.begin_object()
        add(driver, 25 + k, 25 + 3 * k)
        assert driver.state.results.current.engine == "sam3", driver.state.run
    controller.choose_task(Task.IMAGE)
    controller.choose_prompt(PromptKind.BOX)
    controller.arm()
    for k in range(3):
        add_box(driver.viewer.layers[names.BOXES], 15 + 20 * k, 15, 55 + 20 * k, 55)
    controller.run()
    driver.wait_until_idle()
    controller.choose_task(Task.TEXT)
    driver.state.task.threshold = 0.9
    driver.state.task.text = "nucleus, cell, red blood cell, débris 🧫"
    controller.run()
    driver.wait_until_idle()
    strict = len(objects(driver))
    for threshold in (0.02, 0.01):
        driver.state.task.threshold = threshold
        driver.pump(0.3)
    driver.wait(lambda: driver.state.results.undo == "Detection threshold", "The threshold")
    driver.wait_until_idle()

    assert driver.state.run.phase is Phase.IDLE and len(objects(driver)) >= strict
    assert encodes == [(128, 128, 3)]


def test_a_process_that_is_killed_is_started_again_for_the_next_click(encodes, sam3):
    driver = sam3
    add(driver, 35, 35)
    first = process()

    os.kill(first, signal.SIGKILL)
    driver.wait(lambda: not driver.state.model.loaded, "The end of the process")
    driver.widget.controller.board.begin_object()
    add(driver, 95, 95)
    assert driver.state.run.phase is Phase.IDLE and len(objects(driver)) == 2, "the built-in engine answers meanwhile"
    until_read(driver)

    assert process() not in (None, first) and len(encodes) == 2
    assert driver.state.results.current.engine == "sam3"


def test_unload_gives_back_all_memory_and_the_next_click_loads_again(sam3):
    driver = sam3
    add(driver, 35, 35)
    before, masks = process(), objects(driver)

    driver.widget.controller.model.unload()
    driver.wait(lambda: not driver.state.model.loaded, "Unload")

    assert not Path(f"/proc/{before}").exists() and objects(driver) == masks
    assert len(runtime._runtime.embeddings) == 0 or all(
        key.engine != "sam3" for key in runtime._runtime.embeddings._kept
    )
    driver.widget.controller.board.begin_object()
    add(driver, 95, 95)
    until_read(driver)
    assert driver.state.model.loaded and driver.state.results.current.engine == "sam3"


def test_unload_after_saving_waits_for_the_file_and_then_gives_the_memory_back(sam3, tmp_path):
    driver, results = sam3, sam3.widget.simple.results
    add(driver, 35, 35)
    before = process()
    driver.state.output.folder = str(tmp_path / "out")
    results.saving.unload.click()

    results.saving.save_clean.click()
    driver.wait(lambda: not driver.state.model.loaded, "Unload")
    driver.pump(0.1)

    assert not Path(f"/proc/{before}").exists() and driver.state.output.saved.is_file()
    assert driver.state.run.message.startswith("Saved preview mask to layer")
    assert driver.state.run.message.endswith("Model unloaded.")


def test_closing_the_widget_ends_the_process(sam3):
    driver = sam3
    running = process()

    driver.viewer.window.remove_dock_widget("all")
    driver.pump(0.5)

    assert not Path(f"/proc/{running}").exists() and not our_threads()


def test_cancel_while_sam3_reads_leaves_the_built_in_answers(sam3):
    driver, controller = sam3, sam3.widget.controller
    driver.viewer.layers[0].data = several()[::-1].copy()
    driver.wait_until_idle()
    add(driver, 35, 35)

    controller.cancel()
    driver.wait_until_idle()
    add(driver, 36, 36)

    assert driver.state.run.phase is Phase.IDLE and len(objects(driver)) == 1


def test_a_process_that_hangs_is_ended_some_time_after_cancel_and_the_next_click_works(sam3, monkeypatch):
    driver, controller = sam3, sam3.widget.controller
    monkeypatch.setattr("napari_sam3_assistant.app.standby.STUCK_S", 0.3)
    stuck = process()
    os.kill(stuck, signal.SIGSTOP)
    add(driver, 35, 35, wait=False)
    driver.pump(0.2)

    controller.cancel()
    driver.wait(lambda: not Path(f"/proc/{stuck}").exists(), "The end of the process")
    driver.wait_until_idle()
    controller.board.begin_object()
    add(driver, 95, 95)
    until_read(driver)

    assert process() not in (None, stuck) and driver.state.results.current.engine == "sam3"


def test_a_batch_of_phrases_is_one_encoding_for_each_picture(encodes, sam3):
    driver, controller = sam3, sam3.widget.controller
    driver.viewer.add_image(several()[::-1].copy(), name="other", visible=False)
    controller.choose_image(str(driver.viewer.layers[0].unique_id))
    until_read(driver)
    driver.state.task.advanced = driver.state.task.batch = True
    controller.choose_task(Task.TEXT)
    driver.state.task.threshold = 0.01
    driver.state.task.text, driver.state.task.phrase_lines = "cell", "nucleus\nCELL\n# none\nred, blood"
    known = len(encodes)
    controller.run()
    driver.wait(lambda: not controller.batching.running, "The batch")
    driver.wait_until_idle()

    assert driver.state.run.message.startswith("6 of 6 batch job(s) done"), driver.state.run
    assert len(encodes) - known <= 1, "the picture on screen was read before"
    found = {row.prompt for row in driver.state.results.rows}
    assert found <= {"cell", "nucleus", "red, blood"} and found
    assert {row.layer for row in driver.state.results.rows} <= {"data", "other"}
