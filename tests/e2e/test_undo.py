"""Ctrl+Z and Ctrl+Shift+Z: every action is one step back, and one forth."""

from __future__ import annotations

import numpy as np

from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.layers.accepted import accepted_layer
from napari_sam3_assistant.tasks.jobs import Task
from tests.conftest import squares
from tests.e2e.hands import FIRST, SECOND, add, add_box, labels, objects, overlap, points, several


def back(driver, times=1) -> None:
    for _ in range(times):
        driver.key("Z", ctrl=True)
    driver.wait_until_idle()


def forth(driver, times=1) -> None:
    for _ in range(times):
        driver.key("Z", ctrl=True, shift=True)
    driver.wait_until_idle()


def test_points_added_moved_flipped_and_deleted_by_hand_go_back_and_forth(open_again):
    driver = open_again((squares(), {}))
    image, layer = driver.viewer.layers[0], points(driver)
    driver.click(image, 35, 35)
    first = labels(driver)
    layer.mode = "select"
    driver.drag(image, 35, 35, 95, 95)
    driver.wait_until_idle()
    moved = layer.data.copy()
    assert np.allclose(moved, [[95, 95]], atol=1) and overlap(labels(driver) > 0, SECOND) > 0.9
    layer.mode = "add"
    driver.click(image, 100, 100)
    driver.key("T", shift=True)
    driver.wait_until_idle()
    assert list(layer.features["polarity"]) == ["positive", "negative"]
    last = labels(driver)
    layer.selected_data = {0, 1}
    driver.key("Delete")
    driver.wait_until_idle()
    assert not len(layer.data) and not objects(driver)

    back(driver)
    assert list(layer.features["polarity"]) == ["positive", "negative"] and np.array_equal(labels(driver), last)
    back(driver)
    assert list(layer.features["polarity"]) == ["positive"] * 2
    back(driver)
    assert np.allclose(layer.data, moved)
    back(driver)
    assert np.allclose(layer.data, [[35, 35]], atol=1) and np.array_equal(labels(driver), first)
    back(driver)
    assert not len(layer.data) and not objects(driver)
    back(driver)
    assert driver.state.run.message == "There is nothing to undo."
    forth(driver, 4)
    assert np.array_equal(labels(driver), last)
    forth(driver, 2)
    assert not len(layer.data) and driver.state.run.message == "There is nothing to do again."


def test_a_moved_point_is_one_step_however_long_the_way(open_again):
    driver = open_again((squares(), {}))
    image, layer = driver.viewer.layers[0], points(driver)
    driver.click(image, 35, 35)
    layer.mode = "select"
    driver.stroke(image, [(35 + k, 35 + k) for k in range(0, 10)])
    driver.wait_until_idle()

    back(driver)

    assert np.allclose(layer.data, [[35, 35]], atol=1)


def test_new_object_and_accept_are_steps(open_again):
    driver = open_again((several(), {}))
    image = driver.viewer.layers[0]
    driver.click(image, 35, 35)
    driver.key("N")
    driver.click(image, 35, 95)
    driver.key("K")
    driver.wait_until_idle()
    accepted = accepted_layer(driver.viewer, image)
    assert np.unique(accepted.data).tolist() == [0, 1, 2] and not len(points(driver).data)

    back(driver)
    assert not accepted.data.any() and set(objects(driver)) == {1, 2} and len(points(driver).data) == 2
    back(driver)
    assert set(objects(driver)) == {1} and driver.state.results.selected is None and driver.state.task.begun
    back(driver)
    assert driver.state.results.selected == 1 and not driver.state.task.begun
    forth(driver, 3)

    assert np.unique(accepted.data).tolist() == [0, 1, 2] and not objects(driver)
    assert driver.state.results.accepted == 2


def test_boxes_added_moved_and_deleted_go_back_and_forth(open_again):
    driver = open_again((squares(), {}))
    driver.widget.simple.setup.tasks[Task.IMAGE].click()
    driver.widget.simple.prompt.kinds[PromptKind.BOX].click()
    driver.widget.simple.prompt.create.click()
    image, boxes = driver.viewer.layers[0], driver.viewer.layers[names.BOXES]
    driver.drag(image, 15, 15, 55, 55)
    driver.drag(image, 75, 75, 115, 115)
    where = [one.copy() for one in boxes.data]
    boxes.mode = "select"
    boxes.selected_data = set()
    driver.drag(image, 35, 35, 40, 45)
    assert not np.allclose(boxes.data[0], where[0])
    driver.key("U")
    driver.wait_until_idle()
    made = set(objects(driver))
    assert len(made) == 2
    boxes.selected_data = {1}
    driver.key("Delete")
    assert len(boxes.data) == 1

    back(driver)
    assert len(boxes.data) == 2
    back(driver)
    assert not objects(driver) and len(boxes.data) == 2, "Run Preview is a step"
    back(driver)
    assert np.allclose(boxes.data[0], where[0])
    back(driver, 2)
    assert not len(boxes.data)
    forth(driver, 4)
    assert len(boxes.data) == 2 and set(objects(driver)) == made
    forth(driver)
    assert len(boxes.data) == 1


def test_a_deleted_layer_of_points_or_of_boxes_comes_back_with_undo(open_again):
    driver = open_again((squares(), {}), show=False)
    add(driver, 35, 35)
    driver.widget.simple.setup.tasks[Task.EXEMPLAR].click()
    add_box(driver.viewer.layers[names.BOXES], 18, 18, 52, 52)
    board = driver.widget.controller.board

    driver.viewer.layers.remove(names.POINTS)
    driver.viewer.layers.remove(names.BOXES)
    assert set(objects(driver)) == {1}
    board.undo()
    assert len(driver.viewer.layers[names.BOXES].data) == 1
    board.undo()
    driver.wait_until_idle()

    assert np.allclose(points(driver).data, [[35, 35]]) and overlap(labels(driver) == 1, FIRST) > 0.9


def test_undo_while_the_engine_is_busy_shows_the_masks_of_the_restored_points(open_again, engine):
    driver = open_again((squares(), {}), show=False)
    board = driver.widget.controller.board
    add(driver, 35, 35)
    engine.delay = 0.3
    add(driver, 36, 36, wait=False)
    add(driver, 95, 95, wait=False)

    board.undo()
    board.undo()
    driver.wait_until_idle()

    assert len(points(driver).data) == 1 and overlap(labels(driver) > 0, FIRST) > 0.9
    assert len(driver.state.results.current.prompts.points) == 1
    board.redo()
    board.redo()
    driver.wait_until_idle()
    assert len(driver.state.results.current.prompts.points) == 3


def test_undo_of_a_run_that_still_goes_on_brings_no_object(open_again, engine):
    driver = open_again((squares(), {}), show=False)
    driver.widget.simple.setup.tasks[Task.IMAGE].click()
    driver.widget.simple.prompt.kinds[PromptKind.BOX].click()
    driver.widget.simple.prompt.create.click()
    add_box(driver.viewer.layers[names.BOXES], 18, 18, 52, 52)
    driver.wait_until_idle()
    engine.delay = 0.3
    driver.widget.controller.run()
    driver.pump(0.1)

    driver.widget.controller.board.undo()
    driver.wait_until_idle()
    driver.pump(0.4)

    assert not objects(driver) and not labels(driver).any()
    assert driver.state.run.message.startswith("Undid")
