"""Objects followed through depth at each time, in a real viewer."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_sam3_assistant.app.frame_views import frames_view
from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.tasks.frames import Direction
from napari_sam3_assistant.tasks.jobs import Task
from tests.e2e.hands import add
from tests.e2e.test_propagation import followed, iou, rest

TIMES, DEPTH, SIDE = 3, 4, 72
CHOICES = ("z", "t", "z, at each t", "t, at each z")
NAMED = {"axis_labels": ("t", "z", "y", "x"), "name": "cells", "scale": (1, 2, 0.5, 0.5)}


def truth(time: int, depth: int) -> np.ndarray:
    """Where the square lies: on the upper three planes of each time."""
    out = np.zeros((SIDE, SIDE), bool)
    if depth < 3:
        out[12 + 4 * time : 32 + 4 * time, 12 + 2 * depth : 32 + 2 * depth] = True
    return out


def volumes() -> np.ndarray:
    made = np.random.default_rng(0).integers(18, 23, (TIMES, DEPTH, SIDE, SIDE)).astype(np.uint8)
    for time, depth in np.ndindex(TIMES, DEPTH):
        made[time, depth][truth(time, depth)] = 200
        made[time, depth, 48:62, 48:62] = 150
    return made


SQUARE = [(time, depth) for time in range(TIMES) for depth in range(3)]


def to(driver, time: int, depth: int) -> None:
    driver.viewer.dims.set_current_step((0, 1), (time, depth))
    driver.pump(0.05)


def begin(driver, through: str = "z, at each t", *, at: tuple[int, int] = (1, 1)) -> None:
    controller = driver.widget.controller
    controller.choose_task(Task.VIDEO)
    controller.choose_prompt(PromptKind.POINTS)
    controller.arm()
    driver.state.task.through = through
    to(driver, *at)
    add(driver, 26, 24)
    driver.pump(0.05)


def run(driver) -> None:
    driver.widget.controller.run()
    rest(driver)


def said(driver) -> list[bool]:
    """On which frames of the strip the first object was prompted, painted or confirmed."""
    return [flag for strip in driver.widget.controller.glance.strips[:1] for flag in strip.said.tolist()]


def where(driver, number: int = 1) -> list[tuple[int, int]]:
    """The planes on which an object is."""
    return [place for place in np.ndindex(TIMES, DEPTH) if (followed(driver)[place] == number).any()]


@pytest.fixture
def driver(open_driver):
    return open_driver((volumes(), NAMED), show=False)


def test_the_way_through_time_and_depth_is_chosen_and_one_click_finds_the_object_everywhere(driver):
    begin(driver, "")
    rows = driver.widget.simple.setup.frames
    driver.pump(0.05)
    assert driver.state.video.axes == CHOICES
    rows.axis.setCurrentIndex(2)
    rows.axis.activated.emit(2)
    driver.pump(0.05)
    assert (driver.state.video.axis, driver.state.video.frames, driver.state.video.outer) == ("z, at each t", DEPTH, 1)
    assert frames_view(driver.state).line == "Frames: z, at each t (4)."

    run(driver)

    assert driver.state.run.message == "Preview ready: 1 object on 9 planes."
    assert where(driver) == SQUARE
    assert all(iou(followed(driver)[place] == 1, truth(*place)) > 0.9 for place in SQUARE)
    assert [row.frame for row in driver.state.results.rows] == SQUARE
    assert "1 object on 9 planes. Video session ready." in driver.widget.simple.results.summary.text()
    driver.widget.controller.listing.show(driver.state.results.rows[-1])
    assert tuple(driver.viewer.dims.current_step[:2]) == (2, 2)


def test_the_strip_shows_the_frames_at_the_time_on_screen_and_confirms_there(driver):
    begin(driver)
    run(driver)
    controller = driver.widget.controller
    followed(driver)[2, 1][30:40] = 0  # behind napari's back: what is on screen is looked at all the same
    to(driver, 2, 1)
    controller.propagation.absorb()

    driver.wait(lambda: said(driver) == [False, True, False], "the stroke in the strip")

    to(driver, 0, 1)
    driver.wait(lambda: said(driver) == [False, False, False], "the strip of the other time")
    controller.glance.go(2, 1)
    assert tuple(driver.viewer.dims.current_step[:2]) == (0, 2)
    controller.glance.confirm(2, 1)
    driver.wait(lambda: said(driver) == [False, False, True], "the confirmed frame")


def test_a_correction_on_any_plane_changes_what_comes_from_it_and_is_one_step(driver):
    begin(driver)
    driver.state.task.direction = Direction.FORWARD
    run(driver)
    assert where(driver) == SQUARE[3:]
    before = followed(driver).copy()
    driver.widget.controller.board.begin_object()
    to(driver, 2, 2)
    add(driver, 55, 55)

    driver.state.task.direction = Direction.BOTH
    driver.widget.controller.propagation.go_on()
    rest(driver)

    assert where(driver, 1) == SQUARE
    assert where(driver, 2) == list(np.ndindex(TIMES, DEPTH))
    assert driver.state.results.undo == "Correct the propagation"
    driver.widget.controller.board.undo()
    assert np.array_equal(followed(driver), before)
    driver.widget.controller.board.redo()
    assert where(driver, 1) == SQUARE
    assert driver.widget.controller.propagation.tracks.ids == {1, 2}


def test_prompts_at_other_times_count_and_a_removed_object_leaves_all_planes(driver):
    begin(driver)
    to(driver, 2, 0)
    add(driver, 28, 22)
    to(driver, 1, 1)
    assert driver.state.video.said >= 2

    run(driver)

    assert any("What is said on another plane counts too." in line.text for line in driver.state.activity.lines)
    assert where(driver) == SQUARE
    assert set(driver.widget.controller.propagation.video.prompted) == {
        driver.widget.controller.propagation.tracks.plane.at(0, time).at(1, depth) for time, depth in ((1, 1), (2, 0))
    }
    driver.widget.controller.board.delete_object(1)
    driver.pump(0.05)
    assert where(driver) == []
    driver.widget.controller.board.undo()
    assert where(driver) == SQUARE


def test_a_run_is_cancelled_goes_on_and_starts_again_after_all_was_taken_back(driver):
    begin(driver)
    controller = driver.widget.controller
    controller.run()
    driver.wait(lambda: driver.state.video.done >= 2, "two planes")

    controller.cancel()
    rest(driver)

    assert "Cancelled. What is done stays" in driver.state.run.message
    some = where(driver)
    assert 2 <= len(some) < 9
    controller.propagation.go_on()
    rest(driver)
    assert where(driver) == SQUARE
    controller.board.undo()
    assert where(driver) == some
    controller.board.undo()
    assert names.PROPAGATED not in driver.viewer.layers
    run(driver)
    assert where(driver) == SQUARE
    assert not list(controller.records.folder.glob("*.video.jsonl"))


def test_time_is_gone_through_at_each_depth_and_a_range_holds(driver):
    begin(driver, "t, at each z")
    driver.state.task.first_frame = 1

    run(driver)

    assert where(driver) == [(time, depth) for time, depth in SQUARE if time >= 1]


def test_volumes_are_saved_and_accepted_with_all_their_axes(driver, tmp_path):
    driver.state.output.folder = str(tmp_path)
    driver.state.output.while_running = True
    begin(driver)
    run(driver)
    before = followed(driver).copy()

    driver.widget.controller.saving.save()
    driver.wait(lambda: getattr(driver.state.output.saved, "suffix", "") == ".tif", "the file")

    assert np.array_equal(tifffile.imread(driver.state.output.saved), before)
    driver.widget.controller.accepting.accept(clear=False)
    driver.pump(0.05)
    driver.wait(lambda: names.ACCEPTED_PROPAGATED in driver.viewer.layers, "the accepted layer")
    kept = driver.viewer.layers[names.ACCEPTED_PROPAGATED]
    assert np.array_equal(np.asarray(kept.data) > 0, before > 0)
