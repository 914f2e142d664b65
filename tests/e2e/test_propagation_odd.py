"""Stacks and moments that are not as one would like, through the widget."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import Mock

import dask.array as da
import numpy as np
import pytest

from napari_sam3_assistant.app.state import Phase
from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.core.errors import EmbeddingLost, EngineError
from napari_sam3_assistant.engines.builtin.session import BuiltinSession
from napari_sam3_assistant.layers import names
from tests.e2e.hands import add
from tests.e2e.test_propagation import FRAMES, SIDE, begin, begin_with_boxes, film, followed, iou, rest, truth


def test_one_frame_or_a_dead_start_is_said_and_leaves_no_layer(open_driver):
    driver = open_driver((film(1), {}), show=False)
    begin(driver, 0, (20, 20))

    driver.widget.controller.run()
    rest(driver)

    assert driver.state.run.phase is Phase.FAILED
    assert driver.state.run.hint.startswith("Choose a stack or a film: an image with a slider of depth or time.")
    assert names.PROPAGATED not in driver.viewer.layers


@pytest.mark.parametrize("odd", [np.nan, 0.0, "noise"])
def test_frames_without_anything_to_see_end_the_way_and_are_named(open_driver, odd):
    data = film().astype(np.float32)
    data[5] = np.random.default_rng(1).normal(20, 1, (SIDE, SIDE)) if odd == "noise" else odd
    driver = open_driver((data, {"contrast_limits": (0, 255)}), show=False)
    begin(driver, 3)

    driver.widget.controller.run()
    rest(driver)

    assert all(iou(followed(driver)[frame] == 1, truth(frame)) > 0.9 for frame in range(5))
    assert not followed(driver)[5].any()
    message = driver.state.run.message
    assert "frame 4" in message or "frame 5" in message.lower()


def test_fifty_objects_are_followed_together(open_driver):
    data = np.full((4, 160, 160), 20, np.uint8)
    corners = [(row, col) for row in range(4, 150, 22) for col in range(4, 150, 20)][:50]
    for frame in range(4):
        for k, (row, col) in enumerate(corners):
            data[frame, row : row + 12, col + frame : col + frame + 12] = 120 + 2 * k
    driver = open_driver((data, {}), show=False)
    begin_with_boxes(driver)
    boxes = [(row - 1, col - 1, row + 13, col + 13) for row, col in corners]
    ends = [
        [(0, top, left), (0, top, right), (0, bottom, right), (0, bottom, left)] for top, left, bottom, right in boxes
    ]
    driver.widget.controller.boxes.layer.add([np.array(one, float) for one in ends], shape_type="rectangle")

    driver.widget.controller.run()
    rest(driver)

    assert driver.state.video.objects == 50
    assert [len(np.unique(frame)) - 1 for frame in followed(driver)] == [50] * 4


def test_lazy_scaled_and_reordered_stacks_keep_pixels_and_masks_together(open_driver):
    lazy = da.from_array(film().transpose(1, 0, 2), chunks=(SIDE, 1, SIDE))
    driver = open_driver((lazy, {"scale": (0.5, 3, 0.5)}), show=False)
    driver.viewer.dims.order = (1, 0, 2)
    controller = driver.widget.controller
    begin(driver, 0)
    controller.clearing.prompts()
    driver.viewer.dims.set_current_step(1, 3)
    controller.live.layer.add([26.0, 3.0, 20.0])
    driver.pump(0.05)

    controller.run()
    rest(driver)

    now = followed(driver).transpose(1, 0, 2)
    assert all(iou(now[frame] == 1, truth(frame)) > 0.9 for frame in range(FRAMES))


def test_masks_lie_on_the_pixels_of_a_picture_that_is_turned_on_screen(open_driver):
    driver = open_driver((film(4), {"scale": (2, 0.5, 0.5), "rotate": 20, "translate": (1, 5, 7)}), show=False)
    begin(driver, 0, (20, 20))

    driver.widget.controller.run()
    rest(driver)

    assert all(iou(followed(driver)[frame] == 1, truth(frame)) > 0.9 for frame in range(4))


def test_a_labels_prompt_of_another_shape_is_read_where_it_lies(open_driver):
    driver = open_driver((film(), {}), show=False)
    controller = driver.widget.controller
    begin(driver, 2)
    controller.clearing.prompts()
    controller.choose_prompt(PromptKind.LABELS)
    own = np.zeros((40, 40), np.uint8)
    own[7:24, 3:20] = 5
    layer = driver.viewer.add_labels(own, translate=(8, 8), name="mine")
    controller.masks.use(layer)
    driver.viewer.dims.set_current_step(0, 2)
    driver.pump(0.05)

    controller.run()
    rest(driver)

    assert sorted(np.unique(followed(driver))) == [0, 5]
    assert all(iou(followed(driver)[frame] == 5, truth(frame)) > 0.8 for frame in range(FRAMES))


def test_what_the_brush_paints_on_a_frame_that_is_not_on_screen_any_more_is_a_prompt(open_driver):
    driver = open_driver((film(), {}), show=False)
    controller = driver.widget.controller
    begin(driver, 2)
    controller.clearing.prompts()
    controller.choose_prompt(PromptKind.LABELS)
    controller.arm()
    layer = driver.viewer.layers[names.MASK_PROMPT]
    layer.brush_size = 18
    layer.paint((2, 24, 20), 1)
    driver.viewer.dims.set_current_step(0, 5)
    driver.pump(0.05)

    assert driver.state.video.said == 1
    controller.run()
    rest(driver)

    assert all((followed(driver)[frame] > 0)[truth(frame)].mean() > 0.5 for frame in range(FRAMES))


@pytest.mark.parametrize(
    "lost", [EngineError("The process has ended (killed).", hint="Go on."), EmbeddingLost("Gone.", hint="Go on.")]
)
def test_what_is_done_stays_when_the_engine_ends_in_the_middle_and_propagate_goes_on(open_driver, engine, lost):
    driver = open_driver((film(), {}), show=False)
    begin(driver, 0, (20, 20))
    step, calls = BuiltinSession.step, []

    def dies(*args, **more):
        calls.append(args)
        if len(calls) in (4, 5):
            raise lost
        return step(*args, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BuiltinSession, "step", dies)
        driver.widget.controller.run()
        rest(driver)
    assert driver.state.run.phase is Phase.FAILED
    assert "What is done stays: 1 object on 4 frames." in driver.state.run.message
    done = followed(driver).copy()

    driver.widget.simple.run.go_on.click()
    rest(driver)

    assert driver.state.video.done == FRAMES
    assert np.array_equal(followed(driver)[:4], done[:4])


def test_prompts_that_an_engine_does_not_take_are_refused_before_anything_changes(open_driver, engine, monkeypatch):
    limits = replace(engine.capabilities.video, max_points=1)
    monkeypatch.setattr(engine, "capabilities", replace(engine.capabilities, video=limits), raising=False)
    driver = open_driver((film(), {}), show=False)
    begin(driver, 0, (20, 20))
    driver.widget.controller.run()
    rest(driver)
    add(driver, 22, 22)
    driver.widget.controller.propagation.layer.begin = Mock()

    driver.widget.controller.run()
    rest(driver)

    assert "support up to 1 points per request; object 1 has 2 on frame 0" in driver.state.run.message
    assert driver.state.video.done == FRAMES
