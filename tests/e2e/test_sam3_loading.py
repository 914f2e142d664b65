"""SAM3 itself loaded, kept out of memory and given back by Step 1 of the mode Advanced, on the device chosen."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_sam3_assistant.app import runtime
from napari_sam3_assistant.app.state import Phase
from napari_sam3_assistant.tasks.jobs import Task
from tests.e2e.hands import add, several

pytestmark = pytest.mark.timeout(400)
PATIENCE_S = 180
"""Torch is imported by a process that gives way to all others: on a busy machine that takes its time."""


@pytest.fixture
def driver(open_driver, sam3_folder, tmp_path, monkeypatch):
    """Return a widget in Advanced on four squares: SAM3's folder is chosen, and a run does not load it."""
    driver = open_driver((several(), {}), show=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("napari_sam3_assistant.demo.driver.TIMEOUT_S", PATIENCE_S)
    driver.state.task.advanced, driver.state.model.load_on_run = True, False
    driver.widget.controller.model.choose_folder(sam3_folder)
    driver.wait(lambda: driver.state.model.in_use == "sam3", "The folder")
    driver.pump(0.05)
    return driver


def until_read(driver) -> None:
    driver.wait(lambda: not driver.state.run.background_works, "The reading")
    driver.wait_until_idle()


def test_a_run_does_not_load_sam3_load_does_on_the_device_chosen_and_unload_gives_it_back(driver):
    step = driver.widget.advanced.model
    driver.widget.controller.model.choose_device("cpu")
    add(driver, 35, 35)
    driver.pump(0.6)
    assert driver.state.results.current.engine == "builtin" and not runtime._runtime._engines.get("sam3")
    step.load_image.click()
    driver.wait(lambda: driver.state.model.loaded, "SAM3")
    until_read(driver)
    assert driver.state.model.runs_on == "CPU"
    driver.widget.controller.choose_task(Task.TEXT)
    driver.state.task.text = "cell"
    driver.widget.controller.run()
    driver.wait_until_idle()
    assert driver.state.run.phase is Phase.IDLE, driver.state.run
    hosted = runtime._runtime._engines["sam3"].engine._engine
    process = hosted.pid
    assert hosted._question.options["device"] == "cpu"
    step.unload.click()
    driver.wait(lambda: not driver.state.model.loaded, "Unload")
    driver.widget.controller.run()
    driver.wait_until_idle()

    assert not Path(f"/proc/{process}").exists() and not runtime._runtime._engines.get("sam3")
    assert driver.state.run.message == "SAM3 is not in memory, and Load model when running is off."
