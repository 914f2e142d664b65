"""Keys held and pressed over the canvas, and what each button of the mouse does there."""

from __future__ import annotations

import time

import numpy as np
import pytest

from napari_sam3_assistant.layers import names
from tests.conftest import squares
from tests.e2e.hands import FIRST, SECOND, add, labels, objects, overlap, points, several


def hovers(driver, times=1) -> None:
    hover = driver.widget.controller.hover
    driver.wait(lambda: hover._future is None, "The preview under the pointer")
    driver.pump(0.06)


# -- the pointer -----------------------------------------------------------------------------------


def test_held_h_shows_what_a_click_would_make_and_nothing_is_left(open_again, engine):
    driver = open_again((squares(), {}))
    image = driver.viewer.layers[0]
    driver.wait_until_idle()
    driver.move(image, 35, 35)
    with driver.hold("H"):
        hovers(driver)
        assert overlap(labels(driver) > 0, FIRST) > 0.9
        driver.move(image, 95, 95)
        hovers(driver)
        assert overlap(labels(driver) > 0, SECOND) > 0.9
        assert not objects(driver) and not len(points(driver).data)
    driver.pump(0.1)

    assert not labels(driver).any() and not driver.state.results.undo and not driver.state.results.rows
    asked = len(engine.asked)
    driver.move(image, 35, 35)
    driver.pump(0.1)
    assert len(engine.asked) == asked
    driver.click(image, 35, 35)
    assert overlap(labels(driver) == 1, FIRST) > 0.9


def test_the_newest_place_wins_and_no_more_than_twenty_are_asked_in_a_second(open_again, engine):
    driver = open_again((squares(), {}))
    image = driver.viewer.layers[0]
    driver.wait_until_idle()
    driver.move(image, 20, 20)
    with driver.hold("H"):
        start = time.perf_counter()
        for step in range(50):
            driver.move(image, 20 + step % 30, 20 + step // 3)
        driver.pump(0.05)  # vispy passes over a move that follows the last one too soon; a hand goes on moving
        driver.move(image, 95, 95)
        spent = time.perf_counter() - start
        hovers(driver)
        driver.pump(0.1)
        hovers(driver)
        assert overlap(labels(driver) > 0, SECOND) > 0.9

    assert 2 <= len(engine.asked) <= 20 * (spent + 0.5) + 2
    assert np.diff(engine.times).min() > 0.03


def test_a_slow_engine_refuses_to_follow_the_pointer_in_words(open_again, engine):
    driver = open_again((squares(), {}))
    image = driver.viewer.layers[0]
    driver.wait_until_idle()
    engine.delay = 0.15
    driver.move(image, 35, 35)
    with driver.hold("H"):
        hovers(driver)
        driver.pump(0.2)
        assert "too long to follow the pointer" in driver.state.run.message
        driver.move(image, 95, 95)
        driver.pump(0.3)
        assert len(engine.asked) == 1

    assert not labels(driver).any()
    driver.state.run.message = ""
    with driver.hold("H"):
        driver.pump(0.1)
        assert "too long" in driver.state.run.message and len(engine.asked) == 1


@pytest.mark.parametrize("held", ["alt", "shift"])
def test_alt_and_shift_click_set_one_point_of_the_other_polarity(open_again, held):
    driver = open_again((squares(), {}))
    image = driver.viewer.layers[0]
    driver.click(image, 35, 35)

    driver.click(image, 48, 48, **{held: True})
    driver.click(image, 25, 25)

    assert list(points(driver).features[names.POLARITY]) == ["positive", "negative", "positive"]
    assert [str(one) for one in points(driver).symbol] == ["disc", "cross", "disc"]
    assert driver.state.task.positive and labels(driver)[48, 48] == 0


def test_a_right_click_sets_no_point_and_opens_the_menu(open_again):
    driver = open_again((several(), {}))
    image = driver.viewer.layers[0]
    driver.click(image, 35, 35)

    driver.click(image, 64, 64, button="right", wait=False)
    driver.pump(0.05)

    assert driver.widget.menu.isVisible() and len(points(driver).data) == 1
    texts = [action.text() for action in driver.widget.menu.actions() if not action.isSeparator()]
    driver.widget.menu.close()
    assert texts == [
        "Accept + Clear",
        "Accept Only",
        "New Object",
        "Delete Object (object 1)",
        "Clear Prompt",
        "Undo Last Accept",
    ]
    assert driver.state.results.undo == "Add point"


def test_clear_prompt_takes_points_and_masks_of_this_slice_alone(open_again):
    driver = open_again((np.stack([squares(), squares()]), {}), show=False)
    for index in (0, 1):
        driver.viewer.dims.set_current_step(0, index)
        driver.wait_until_idle()
        add(driver, 35, 35)

    driver.widget.controller.clearing.prompts_here()
    driver.wait_until_idle()

    assert points(driver).data[:, 0].tolist() == [0] and not objects(driver)
    driver.viewer.dims.set_current_step(0, 0)
    driver.wait_until_idle()
    assert overlap(labels(driver) > 0, FIRST) > 0.9


def test_the_list_of_keys_opens_and_closes(open_again):
    driver = open_again((squares(), {}))
    driver.widget.window().activateWindow()  # no window manager does it here
    driver.wait(driver.widget.window().isActiveWindow, "The window")

    driver.key("Question")
    driver.pump(0.1)
    assert driver.widget.sheet.isVisible() and driver.state.task.sheet
    driver.state.task.sheet = False
    driver.pump(0.05)

    assert not driver.widget.sheet.isVisible()


def test_ten_objects_are_made_and_accepted_without_leaving_the_canvas(open_again):
    cell = np.full((40, 40), 20, np.uint8)
    cell[10:30, 10:30] = 200
    driver = open_again((np.tile(cell, (3, 4)), {}))
    image = driver.viewer.layers[0]
    places = [(20 + 40 * (k // 4), 20 + 40 * (k % 4)) for k in range(10)]

    for row, col in places:
        driver.click(image, row, col)
        driver.key("N")
    driver.key("K")
    driver.wait_until_idle()

    assert len(np.unique(driver.viewer.layers[names.ACCEPTED].data)) == 11
    assert driver.viewer.layers.selection.active.name == names.POINTS and not objects(driver)


def test_clear_prompt_takes_points_that_were_not_asked_about_too(open_again):
    driver = open_again((squares(), {}), show=False)
    driver.widget.simple.setup.tasks["2d"].click()
    driver.widget.simple.prompt.create.click()
    add(driver, 35, 35)

    driver.widget.controller.clearing.prompts_here()

    assert not len(points(driver).data) and driver.state.task.usable == 0
    driver.widget.controller.board.undo()
    assert len(points(driver).data) == 1
