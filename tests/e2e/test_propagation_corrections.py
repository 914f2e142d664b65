"""A session that is corrected, cut down, taken back and gone on with, in a real viewer."""

from __future__ import annotations

import time
from unittest.mock import Mock

import numpy as np
import pytest

from napari_sam3_assistant.app.state import Phase
from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.core.errors import DeviceError, EngineError, OutOfMemory, PromptError, Unsupported
from napari_sam3_assistant.engines.builtin.session import BuiltinSession
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.tasks.frames import Direction
from tests.e2e.hands import add
from tests.e2e.test_propagation import FRAMES, begin, begin_with_boxes, film, followed, iou, rest, truth

SECOND = [np.pad(np.ones((20, 20), bool), ((50, 26), (20 + 2 * k, 56 - 2 * k))) for k in range(FRAMES)]
BOXES = (8, 8, 32, 32), (48, 18, 72, 42)


def numbers(driver) -> list[list[int]]:
    return [sorted(set(np.unique(frame).tolist()) - {0}) for frame in followed(driver)]


def go_on(driver) -> None:
    driver.widget.controller.propagation.go_on()
    rest(driver)


def to(driver, frame: int) -> None:
    driver.viewer.dims.set_current_step(0, frame)
    driver.pump(0.05)


def test_what_is_said_on_any_frame_counts_and_new_objects_have_new_numbers(open_driver):
    driver = open_driver((film(), {"scale": (2, 0.5, 0.5)}), show=False)
    begin(driver, 2, (20, 20))
    driver.widget.controller.board.begin_object()
    to(driver, 5)
    driver.widget.controller.board.begin_object()
    add(driver, 60, 40)
    to(driver, 0)
    assert driver.state.video.said == 2
    assert driver.widget.simple.run.run.isEnabled()

    driver.widget.controller.run()
    rest(driver)

    assert numbers(driver) == [[1, 2]] * FRAMES
    assert all(iou(followed(driver)[k] == 1, truth(k)) > 0.9 for k in range(FRAMES))
    assert all(iou(followed(driver)[k] == 2, SECOND[k]) > 0.9 for k in range(FRAMES))
    assert any("What is said on frames 2, 5 counts too." in line.text for line in driver.state.activity.lines)
    go_on(driver)
    assert "There is no frame left to do" in driver.state.run.message


def test_a_correction_on_any_frame_changes_only_what_it_can_and_is_one_step(open_driver):
    driver = open_driver((film(), {}), show=False)
    begin_with_boxes(driver, *BOXES)
    controller = driver.widget.controller
    controller.run()
    rest(driver)
    before = followed(driver).copy()
    controller.choose_prompt(PromptKind.POINTS)
    controller.arm()
    to(driver, 4)
    driver.state.task.positive = False
    add(driver, 66, 33)  # inside object 2, with the number of object 1

    go_on(driver)

    now = followed(driver)
    assert numbers(driver) == [[1, 2]] * FRAMES
    assert np.array_equal(now == 1, before == 1)
    assert now[4, 66, 33] != 2 and before[4, 66, 33] == 2
    assert driver.state.results.undo == "Correct the propagation"
    controller.board.undo()
    assert np.array_equal(followed(driver), before)
    controller.board.redo()
    assert np.array_equal(followed(driver), now)


def test_a_run_is_taken_back_and_done_again_with_its_layer(open_driver):
    driver = open_driver((film(), {}), show=False)
    begin(driver)
    controller = driver.widget.controller
    controller.run()
    rest(driver)
    done = followed(driver).copy()

    controller.board.undo()
    assert names.PROPAGATED not in driver.viewer.layers
    assert (driver.state.video.done, driver.state.video.session, driver.state.results.rows) == (0, False, ())
    controller.board.redo()

    assert np.array_equal(followed(driver), done)
    assert driver.state.video.session
    go_on(driver)
    assert "There is no frame left to do" in driver.state.run.message


def test_paint_on_frames_that_are_not_on_screen_any_more_counts(open_driver):
    driver = open_driver((film(), {}), show=False)
    begin(driver, 0, (20, 20))
    controller = driver.widget.controller
    controller.run()
    rest(driver)
    layer = driver.viewer.layers[names.PROPAGATED]
    for frame, col in ((3, 30), (6, 70)):
        to(driver, frame)
        rows = np.mgrid[frame : frame + 1, 80:84, col : col + 4].reshape(3, -1)
        layer.data_setitem(tuple(rows), frame)
    to(driver, 0)
    driver.pump(0.05)
    assert {one.id for one in controller.propagation.tracks.on(6)} == {1, 6}
    assert driver.state.results.undo == "Paint"

    go_on(driver)

    assert (followed(driver)[3][80:84, 30:34] == 3).all()
    assert (followed(driver)[6][80:84, 70:74] == 6).all()
    assert driver.state.video.done == FRAMES


def test_an_object_is_removed_from_every_frame_also_in_the_middle_of_a_run_and_comes_back_by_undo(open_driver, engine):
    slow = engine.encode
    engine.encode = lambda *args, **more: (time.sleep(0.03), slow(*args, **more))[1]
    driver = open_driver((film(), {}), show=False)
    begin_with_boxes(driver, *BOXES)
    controller = driver.widget.controller
    controller.run()
    driver.wait(lambda: driver.state.video.done > 3, "Some frames")

    controller.propagation.remove(1)
    rest(driver)

    assert numbers(driver) == [[2]] * FRAMES
    assert len(controller.boxes.layer.data) == 1
    controller.board.undo()
    assert numbers(driver)[0] == [1, 2]
    go_on(driver)
    assert numbers(driver) == [[1, 2]] * FRAMES
    controller.propagation.remove(9)
    assert driver.state.run.phase is Phase.FAILED


def test_propagate_goes_on_with_what_cancel_has_left_and_another_direction_or_range_adds_to_it(open_driver):
    driver = open_driver((film(), {}), show=False)
    begin(driver, 3)
    task, controller = driver.state.task, driver.widget.controller
    task.direction, task.first_frame, task.last_frame = Direction.FORWARD, 3, 5
    controller.run()
    rest(driver)
    assert [bool(one) for one in numbers(driver)] == [frame in (3, 4, 5) for frame in range(FRAMES)]

    task.last_frame = None
    go_on(driver)
    task.direction, task.first_frame = Direction.BACKWARD, 0
    go_on(driver)

    assert numbers(driver) == [[1]] * FRAMES
    task.first_frame, task.last_frame = 5, 7
    add(driver, 60, 30)
    go_on(driver)
    assert "frame 3 lies outside the range of frames 5 to 7" in driver.state.run.message


KINDS = [
    RuntimeError("broke"),
    MemoryError(),
    KeyboardInterrupt(),
    ValueError("odd"),
    EngineError("The engine broke.", hint="Mend it."),
    OutOfMemory("No memory.", hint="Close something."),
    PromptError("A bad prompt.", hint="Another one."),
    Unsupported("Not taken.", hint="Choose."),
    DeviceError("No device.", hint="Choose."),
]


def test_each_kind_of_error_from_each_place_reaches_the_status_line_and_start_works_again(open_driver, engine):
    driver = open_driver((film(3), {}), show=False)
    begin(driver, 0)
    controller, state = driver.widget.controller, driver.state
    for place, of in ((engine, "load"), (engine, "encode"), *((BuiltinSession, one) for one in ("prompt", "step"))):
        for error in KINDS:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(place, of, Mock(side_effect=error))
                controller.run()
                rest(driver)
            assert state.run.phase is Phase.FAILED, (of, error)
            assert "3D propagation stopped" in state.run.message and state.run.hint, (of, error)
            assert driver.widget.simple.run.run.isEnabled()
    controller.run()
    rest(driver)
    assert state.video.done == 3


def test_the_slider_follows_a_run_until_the_user_moves_it(open_driver, engine):
    slow = engine.encode
    engine.encode = lambda *args, **more: (time.sleep(0.05), slow(*args, **more))[1]
    driver = open_driver((film(), {}), show=False)
    begin(driver, 0, (20, 20))
    driver.state.task.show_frames = True
    driver.widget.controller.run()
    driver.wait(lambda: driver.state.video.frame == 3, "The third frame")

    driver.viewer.dims.set_current_step(0, 0)
    rest(driver)

    assert not driver.state.task.show_frames
    assert driver.state.video.frame == 0
    driver.widget.controller.propagation.go_to(6)
    assert driver.viewer.dims.current_step[0] == 6
    driver.widget.controller.propagation.confirm(6, 1)
    assert driver.widget.controller.propagation.tracks.seen(driver.widget.controller.board.place[1])[1].said


def test_an_axis_is_chosen_by_its_name(open_driver):
    stack = np.stack([film(), film()[::-1]])
    driver = open_driver((stack, {"axis_labels": ("t", "z", "y", "x")}), show=False)
    begin(driver, 0, (20, 20))
    video = driver.state.video
    assert video.axes == ("z", "t", "z, at each t", "t, at each z")

    driver.state.task.through = "z"
    assert (video.axis, video.frames) == ("z", 8)
    driver.state.task.through = "t"

    assert (video.axis, video.frames, video.frame) == ("t", 2, 0)


def test_a_session_that_has_ended_says_why(open_driver):
    driver = open_driver((film(4), {"name": "film"}), show=False)
    controller, state = driver.widget.controller, driver.state
    begin(driver, 0)
    controller.propagation.go_on()
    assert (state.run.message, state.run.hint) == ("No active video session.", "Run a 3D/video task first.")
    controller.run()
    rest(driver)
    controller.clearing.prompts()
    controller.propagation.go_on()
    assert state.run.message == "The video session expired or was cancelled."
    begin(driver, 0)
    controller.run()
    rest(driver)
    driver.viewer.layers["film"].data = film(4)
    controller.propagation.go_on()
    assert state.run.message == "The previous video session is no longer active."
    assert state.run.hint == "Run a new 3D/video preview before propagating again."
