"""Much at once, in the wrong moment, and again after the widget was closed: nothing is lost, nothing breaks."""

from __future__ import annotations

import time

import numpy as np
import pytest

from napari_sam3_assistant.app.state import Phase
from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.layers import names
from tests.conftest import squares
from tests.e2e.conftest import our_threads
from tests.e2e.hands import FIRST, SECOND, add, add_box, labels, objects, overlap, points, several


def test_two_hundred_clicks_in_ten_seconds_end_with_the_mask_of_the_last(open_driver, engine):
    driver = open_driver((several(), {}), show=False)
    driver.wait_until_idle()
    engine.delay = 0.2
    start = time.perf_counter()
    for k in range(200):
        add(driver, 21 + k % 28, 21 + (7 * k) % 28, wait=False)
        driver.pump()
    spent = time.perf_counter() - start
    driver.wait_until_idle()

    assert len(points(driver).data) == 200
    assert len(driver.state.results.current.prompts.points) == 200
    assert len(engine.asked) < 10 + spent / 0.2 and not driver.widget.controller.asking.waits


def test_after_cancel_the_next_change_asks_again(open_driver, engine):
    driver = open_driver((several(), {}), show=False)
    add(driver, 35, 35)
    engine.delay = 0.5
    driver.widget.controller.board.begin_object()
    add(driver, 95, 95, wait=False)
    driver.pump(0.05)
    driver.widget.controller.cancel()
    driver.wait_until_idle()
    assert driver.state.run.message == "Cancelled." and set(objects(driver)) == {1}

    engine.delay = 0
    add(driver, 96, 96)

    assert labels(driver)[95, 95] == 2 and len(driver.state.results.current.prompts.points) == 2


def test_an_engine_that_fails_says_so_and_the_next_click_works(open_driver, engine):
    driver = open_driver((squares(), {}), show=False)
    driver.wait_until_idle()
    engine.fail = ValueError("out of ideas")
    add(driver, 35, 35)
    assert driver.state.run.phase is Phase.FAILED and "out of ideas" in driver.state.run.message

    engine.fail = None
    add(driver, 36, 36)

    assert overlap(labels(driver) > 0, FIRST) > 0.9 and driver.state.run.phase is Phase.IDLE


def test_a_widget_opened_again_goes_on_where_the_last_one_was_closed(open_driver):
    driver = open_driver((np.stack([several(), squares()]), {}), show=False)
    viewer, board = driver.viewer, driver.widget.controller.board
    viewer.dims.set_current_step(0, 1)
    driver.wait_until_idle()
    add(driver, 95, 95)
    viewer.dims.set_current_step(0, 0)
    driver.wait_until_idle()
    for at in ((35, 35), (35, 95)):
        board.begin_object()
        add(driver, *at)
    driver.widget.controller.accepting.accept(clear=False, ids=[1])
    shown, masks = labels(driver), objects(driver)

    viewer.window.remove_dock_widget("all")
    driver.pump(0.3)
    assert not our_threads() and np.array_equal(labels(driver), shown)
    viewer.layers[names.PREVIEW_LABELS].data[..., 0:4, 0:4] = 9
    again = type(driver)(viewer)
    again.wait_until_idle()

    assert objects(again) == {**masks, 9: 16} and again.state.results.accepted == 1
    again.widget.controller.accepting.undo_last()
    assert again.state.results.accepted == 0
    add(again, 25, 85)
    assert set(objects(again)) == {1, 2, 9} and len(again.state.results.current.prompts.points) == 2
    viewer.dims.set_current_step(0, 1)
    again.wait_until_idle()
    assert overlap(labels(again) > 0, SECOND) > 0.9


def test_labels_of_the_user_s_that_are_called_like_the_preview_are_left_alone(open_driver):
    driver = open_driver(show=False)
    mine = np.arange(128 * 128, dtype=np.int32).reshape(128, 128) % 7
    driver.viewer.add_labels(mine.copy(), name=names.PREVIEW_LABELS)
    driver.viewer.add_image(squares())
    driver.pump(0.1)
    add(driver, 35, 35)

    assert np.array_equal(driver.viewer.layers[names.EDITED_LABELS].data, mine)
    assert overlap(labels(driver) == 1, FIRST) > 0.9


def test_two_images_of_different_scale_share_the_points_of_a_users_layer(open_driver):
    driver = open_driver((squares(), {"name": "one"}), (squares(), {"name": "two", "scale": (0.5, 0.5)}), show=False)
    one, two = driver.viewer.layers["one"], driver.viewer.layers["two"]
    driver.widget.controller.choose_image(str(one.unique_id), arm=True)
    mine = driver.viewer.add_points([[47.5, 47.5]], name="mine")
    driver.widget.controller.choice.choose(PromptKind.POINTS, str(mine.unique_id))
    driver.wait_until_idle()
    first = driver.state.results.current.prompts.points[0]

    driver.widget.controller.choose_image(str(two.unique_id), arm=True)
    driver.wait_until_idle()

    assert np.allclose((first.row, first.col), 47.5)
    second = driver.state.results.current.prompts.points[0]
    assert np.allclose((second.row, second.col), 95)
    driver.widget.controller.choose_image(str(one.unique_id), arm=True)
    driver.wait_until_idle()
    assert driver.state.results.current.prompts.points == (first,)


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0)])
def test_the_plane_on_screen_is_segmented_whatever_the_order_of_the_axes(open_driver, order):
    stack = np.full((40, 50, 60), 20, np.uint8)
    stack[10:25, 20:35, 30:45] = 200
    driver = open_driver((stack, {}), show=False)
    driver.viewer.dims.order = order
    driver.viewer.dims.set_current_step(order[0], (17, 27, 37)[order[0]])
    driver.wait_until_idle()
    points(driver).add([17, 27, 37])
    driver.wait_until_idle()

    assert list(objects(driver).values()) == [pytest.approx(225, rel=0.1)]
    driver.widget.controller.accepting.accept(clear=True)
    found = driver.viewer.layers[names.ACCEPTED].data
    assert found[17, 27, 37] == 1 and (found > 0).sum() == pytest.approx(225, rel=0.1)


def test_an_image_removed_or_a_viewer_closed_while_many_answers_wait_does_no_harm(open_driver, engine):
    driver = open_driver((several(), {"name": "a"}), show=False)
    driver.wait_until_idle()
    engine.delay = 0.2
    for at in ((35, 35), (35, 95), (95, 35)):
        driver.widget.controller.board.begin_object()
        add(driver, *at, wait=False)
    driver.pump(0.05)

    driver.viewer.layers.remove("a")
    driver.pump(0.5)
    assert driver.state.task.image is None and not driver.widget.controller.asking.waits
    driver.viewer.add_image(squares(), name="b")
    driver.pump(0.05)
    driver.widget.simple.setup.tasks["exemplar"].click()
    add_box(driver.viewer.layers[names.BOXES], 18, 18, 52, 52)
    driver.widget.controller.run()
    driver.viewer.close()
    driver.pump(0.5)

    assert not our_threads()
