"""Every layer deleted while a batch runs, and a widget that finds garbage where its settings are kept."""

from __future__ import annotations

import gc

import pytest

from napari_sam3_assistant.app.state import Phase
from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.core.errors import ServerUnreachable
from napari_sam3_assistant.tasks.jobs import Task
from napari_sam3_assistant.widgets import store
from tests.e2e.hands import add, objects, several


@pytest.mark.parametrize("at", [0, -1], ids=["from the bottom", "from the top"])
def test_all_layers_deleted_one_by_one_while_a_batch_runs_end_it_and_the_next_picture_is_segmented(
    open_driver, engine, at, monkeypatch
):
    monkeypatch.setattr(gc, "collect", lambda *told: 0)  # vispy calls it for each layer that goes
    driver = open_driver(*((several(), {"name": f"p{k}"}) for k in range(3)), show=False)
    controller, viewer = driver.widget.controller, driver.viewer
    mine = viewer.add_shapes([[[15, 15], [15, 55], [55, 55], [55, 15]]], name="mine")
    controller.choose_task(Task.IMAGE)
    controller.choose_prompt(PromptKind.BOX)
    controller.choice.choose(PromptKind.BOX, str(mine.unique_id))
    driver.state.task.advanced = driver.state.task.batch = True
    engine.delay = 0.05
    controller.run()
    assert controller.batching.running

    deleted = 0
    while len(viewer.layers):
        driver.wait(lambda so_far=deleted: len(engine.asked) > so_far or not controller.batching.running, "An answer")
        viewer.layers.pop(at)
        deleted += 1
        driver.pump(0.01)
        assert "Something went wrong" not in driver.state.run.message, driver.state.run
    driver.wait(lambda: not controller.batching.running, "The end of the batch")
    driver.pump(0.4)

    run = driver.state.run
    assert deleted >= 4 and not run.batch and run.phase is Phase.IDLE, run
    assert "Removed meanwhile" in run.message or "batch job(s) done" in run.message or "removed" in run.message, run
    assert not any(len(draft.objects) for draft in controller.board.drafts.values()) and not len(viewer.layers)
    driver.state.task.batch = False
    viewer.add_image(several(), name="next")
    controller.choose_task(Task.LIVE_POINTS)
    driver.wait_until_idle()
    add(driver, 30, 30)
    assert list(objects(driver)) == [1]


def test_a_batch_stops_at_a_server_that_cannot_be_reached(open_driver, engine):
    driver = open_driver(*((several(), {"name": f"p{k}"}) for k in range(4)), show=False)
    controller, viewer = driver.widget.controller, driver.viewer
    mine = viewer.add_shapes([[[15, 15], [15, 55], [55, 55], [55, 15]]], name="mine")
    controller.choose_task(Task.IMAGE)
    controller.choose_prompt(PromptKind.BOX)
    controller.choice.choose(PromptKind.BOX, str(mine.unique_id))
    driver.state.task.advanced = driver.state.task.batch = True
    engine.fail = ServerUnreachable("Nothing listens at gpu-box.", hint="Check the address.")

    controller.run()
    driver.wait(lambda: not controller.batching.running, "The end of the batch")

    run = driver.state.run
    assert run.phase is Phase.FAILED and "Nothing listens at gpu-box." in run.message, run
    assert len(engine.asked) < 4  # it waits for the server once, not at every picture


@pytest.mark.parametrize("garbage", ["\x7f\x00 %n ../..", {"a": [1, 2]}, -7])
def test_garbage_in_every_setting_is_said_in_the_log_and_the_widget_works(open_driver, garbage):
    keys = [*(one.key for one in store.KEPT), store.ENGINE]
    for key in keys:
        store.settings().setValue(key, garbage)

    driver = open_driver((several(), {"name": "cells"}), show=False)
    driver.wait_until_idle()
    driver.widget.controller.choose_task(Task.LIVE_POINTS)
    driver.widget.controller.arm()
    add(driver, 30, 30)

    log = "\n".join(line.text for line in driver.state.activity.lines)
    silent = [key for key in keys if f"The setting {key} = " not in log]
    assert set(silent) <= {store.ENGINE}, silent
    assert len(objects(driver)) == 1, driver.state.run
