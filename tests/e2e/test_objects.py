"""Several objects side by side: begun, selected, corrected, deleted, each with its own points."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.samples import nuclei
from napari_sam3_assistant.tasks.jobs import Task
from tests.conftest import squares
from tests.e2e.hands import FIRST, SECOND, add, add_box, labels, objects, overlap, paint, points, same, several

CORNERS = ((35, 35), (35, 95), (95, 35), (95, 95))


def of_points(driver) -> list[int]:
    return list(points(driver).features[names.OBJECT])


def test_n_and_clicks_make_objects_side_by_side(open_again):
    driver = open_again((several(), {}))
    image = driver.viewer.layers[0]

    driver.click(image, 35, 35)
    driver.key("N")
    driver.pump(0.05)
    assert driver.widget.simple.prompt.objects.text.text() == "Next click anywhere: a new object (1 so far)"
    driver.click(image, 35, 95)
    driver.widget.simple.prompt.objects.begin.click()
    driver.click(image, 95, 35)

    shown = labels(driver)
    assert [int(shown[at]) for at in CORNERS] == [1, 2, 3, 0]
    assert of_points(driver) == [1, 2, 3] and list(points(driver).shown) == [False, False, True]
    assert driver.state.results.selected == 3 and [row.object_id for row in driver.state.results.rows] == [1, 2, 3]


def test_n_begins_another_object_between_points_that_nobody_was_asked_about(open_again):
    driver = open_again((several(), {}), show=False)
    driver.widget.controller.choose_task(Task.IMAGE)
    driver.widget.controller.arm()
    for number, place in enumerate(((25, 25), (25, 85), (85, 25)), 1):
        add(driver, *place)
        assert [int(one) for one in points(driver).features["object"]] == list(range(1, number + 1))
        driver.widget.controller.board.begin_object()

    driver.widget.controller.run()
    driver.wait_until_idle()

    assert set(objects(driver)) == {1, 2, 3}


def test_a_click_on_another_object_selects_it_and_adds_no_point(open_again):
    driver = open_again((several(), {}))
    image = driver.viewer.layers[0]
    driver.click(image, 35, 35)
    driver.key("N")
    driver.click(image, 35, 95)
    masks = objects(driver)

    driver.click(image, 36, 36, wait=False)
    driver.pump(0.05)

    assert driver.state.results.selected == 1 and of_points(driver) == [1, 2]
    assert list(points(driver).shown) == [True, False] and objects(driver) == masks
    assert "Object 1 of 2" in driver.widget.simple.prompt.objects.text.text()
    driver.click(image, 40, 40)  # on itself: a point
    assert of_points(driver) == [1, 2, 1]


def test_after_n_a_click_inside_another_object_begins_one(open_again):
    driver = open_again((several(), {}), show=False)
    add(driver, 35, 35)

    driver.widget.controller.board.begin_object()
    add(driver, 25, 25)

    assert of_points(driver) == [1, 2] and set(objects(driver)) == {1, 2}


def test_objects_are_deleted_by_q_by_the_button_and_from_the_menu(open_again):
    driver = open_again((several(), {}))
    image, board = driver.viewer.layers[0], driver.widget.controller.board
    for at in CORNERS:
        board.begin_object()
        add(driver, *at)
    driver.pump(0.05)

    driver.key("Q")
    driver.pump(0.05)
    assert set(objects(driver)) == {1, 2, 3} and of_points(driver) == [1, 2, 3]
    driver.key("W")
    driver.key("W")
    driver.pump(0.05)
    assert driver.state.results.selected == 2
    driver.widget.simple.prompt.objects.delete.click()
    assert set(objects(driver)) == {1, 3}
    driver.click(image, 35, 35, button="right", wait=False)
    entries = {action.text(): action for action in driver.widget.menu.actions()}
    entries["Delete Object (object 1)"].trigger()
    driver.widget.menu.close()

    assert set(objects(driver)) == {3} and of_points(driver) == [3]
    assert set(np.unique(labels(driver))) == {0, 3}
    driver.key("Q")
    assert set(objects(driver)) == {3} and "Select an object first" in driver.state.run.message


def test_w_walks_round_and_shift_w_back(open_again):
    driver = open_again((several(), {}))
    for at in CORNERS[:3]:
        driver.widget.controller.board.begin_object()
        add(driver, *at)

    seen = []
    for shift in (False, False, True, True):
        driver.key("W", shift=shift)
        seen.append(driver.state.results.selected)

    assert seen == [1, 2, 1, 3]
    assert list(points(driver).shown) == [False, False, True]


def test_numbers_are_not_given_twice_while_there_are_objects(open_again):
    driver = open_again((several(), {}), show=False)
    board = driver.widget.controller.board
    for at in CORNERS[:2]:
        board.begin_object()
        add(driver, *at)
    board.delete_object()

    board.begin_object()
    add(driver, *CORNERS[2])

    assert set(objects(driver)) == {1, 3} and of_points(driver) == [1, 3]


def test_g_walks_through_readings_and_a_click_corrects_the_one_shown(open_again):
    sample = nuclei()
    driver = open_again((sample.image, {"name": "nuclei"}))
    image = driver.viewer.layers["nuclei"]
    rows, cols = np.nonzero(sample.truth == 51)
    first = driver.click(image, int(rows.mean()), int(cols.mean()))
    count = 1 + len(first.segmentation.alternatives)
    assert count > 1, "the built-in engine offers none: choose another click"

    seen = [objects(driver)[1]]
    for _ in range(count):
        driver.key("G")
        driver.pump(0.05)
        seen.append(objects(driver)[1])

    assert seen == [one.area for one in (first.segmentation.mask, *first.segmentation.alternatives)] + seen[:1]
    driver.key("G")
    shown = driver.state.results.objects[1].mask
    assert f"reading 2 of {count}" in driver.widget.simple.prompt.objects.text.text()
    at = np.argwhere(shown.mask)[shown.area // 2] + shown.offset
    corrected = driver.click(image, *map(int, at))
    assert same(corrected.prompts.mask.mask, shown) and len(corrected.prompts.points) == 2


@pytest.mark.parametrize("kind", ["box", "exemplar", "labels"])
def test_objects_of_every_preview_are_corrected_by_clicks_in_live_points(open_again, engine, kind):
    driver = open_again((squares(), {}))
    image, task = driver.viewer.layers[0], driver.widget.simple.setup.tasks
    if kind == "exemplar":
        task[Task.EXEMPLAR].click()
        add_box(driver.viewer.layers[names.BOXES], 18, 18, 52, 52)
    else:
        task[Task.IMAGE].click()
        driver.widget.simple.prompt.kinds[PromptKind(kind)].click()
        driver.widget.simple.prompt.create.click()
        if kind == "box":
            add_box(driver.viewer.layers[names.BOXES], 18, 18, 40, 52)
        else:
            paint(driver.viewer.layers[names.MASK_PROMPT], np.s_[30:40, 30:40])
    driver.pump(0.05)
    driver.widget.simple.run.run.click()
    driver.wait_until_idle()
    made = next(item for item in driver.state.results.objects if item.mask.value_at(30, 30))

    task[Task.LIVE_POINTS].click()
    driver.click(image, 30, 30, wait=False)
    assert driver.state.results.selected == made.id and not len(points(driver).data)
    answer = driver.click(image, 46, 35) if kind == "box" else driver.click(image, 35, 36)

    assert same(answer.prompts.mask.mask, made.mask) and answer.prompts.box is None
    assert list(points(driver).features[names.OBJECT]) == [made.id]
    if kind == "box":
        assert overlap(labels(driver) == made.id, FIRST) > 0.9, "a click beside the box leaves the box"
    assert driver.viewer.layers[names.PREVIEW_LABELS].data.any() and not (labels(driver)[SECOND] == made.id).any()
