"""What is shown, enabled and written follows from the state alone."""

import numpy as np
import pytest

from napari_sam3_assistant.app.availability import availability
from napari_sam3_assistant.app.state import AppState, Phase
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.intensity import Limits
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.prompts import Prompts
from napari_sam3_assistant.core.results import Segmentation
from napari_sam3_assistant.core.sources import array_source
from napari_sam3_assistant.core.windows import whole
from napari_sam3_assistant.tasks.image import PlaneResult, View
from napari_sam3_assistant.tasks.jobs import Task


@pytest.fixture
def state():
    made = AppState()
    made.task.image, made.task.points, made.task.points_active = "an id", 0, True
    return made


def result(mask):
    view = View(array_source(np.zeros((9, 9)), identity="a"), Plane(0, 1), whole((9, 9)))
    return PlaneResult(Segmentation(PlacedMask(mask), 0.876), view, Prompts(), Limits((0,), (1,)), "builtin", 0, 0)


def test_without_an_image_the_start_page_is_shown():
    can = availability(AppState())

    assert can.start and not can.use_image and not can.run and not can.save
    assert can.summary == "No image layer selected." and can.results == "No preview result yet."


def test_run_waits_for_points_and_says_so(state):
    assert not availability(state).run and "Click a point" in availability(state).run_hint
    state.task.points = 2
    assert availability(state).run and availability(state).reset


@pytest.mark.parametrize("phase", [Phase.LOADING, Phase.RUNNING, Phase.CANCELLING])
def test_while_something_runs_it_can_be_cancelled_once(state, phase):
    state.task.points, state.run.phase = 1, phase

    can = availability(state)

    assert can.busy and not can.run
    assert can.cancel == (phase is not Phase.CANCELLING)


def test_a_mask_can_be_saved_and_is_described(state):
    state.results.current = result(np.ones((3, 4), bool))

    can = availability(state)

    assert can.save and can.clear_preview
    assert "12 px" in can.results and "0.88" in can.results and "builtin" in can.results


def test_an_empty_answer_is_called_so_and_cannot_be_saved(state):
    state.results.current = result(np.zeros((3, 4), bool))

    assert availability(state).results == "No object found here." and not availability(state).save


def test_the_hint_says_what_is_missing(state):
    assert "Click one point" in availability(state).prompt_hint
    state.task.points_active = False
    assert "SAM3 points" in availability(state).prompt_hint
    state.task.points = None
    assert "removed" in availability(state).prompt_hint
    state.task.task = Task.IMAGE
    assert "Create Prompt Layer" in availability(state).prompt_hint
    state.task.left_out = "1 point on other slices left out."
    assert availability(state).prompt_hint.endswith(state.task.left_out)


def test_a_failure_is_a_problem_with_its_hint(state):
    state.run.phase, state.run.message, state.run.hint = Phase.FAILED, "It failed.", "Do this."

    assert availability(state).problem and availability(state).status == "It failed. Do this."
