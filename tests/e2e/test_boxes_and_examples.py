"""Boxes: one object each, inside its box. Exemplars: all that look like them."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam3_assistant.app.state import Phase
from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.samples import nuclei
from napari_sam3_assistant.tasks.jobs import Task
from tests.conftest import squares
from tests.e2e.hands import FIRST, SECOND, add, add_box, labels, objects, overlap, several


def with_boxes(open_again, *layers, show=False):
    """A driver in the task 2D, prompt Box, and the layer of boxes."""
    driver = open_again(*layers, show=show)
    driver.widget.simple.setup.tasks[Task.IMAGE].click()
    driver.widget.simple.prompt.kinds[PromptKind.BOX].click()
    driver.widget.simple.prompt.create.click()
    driver.wait_until_idle()
    return driver, driver.viewer.layers[names.BOXES]


def with_examples(open_again, *layers, show=False):
    """A driver in the task Exemplar, and the layer of boxes."""
    driver = open_again(*layers, show=show)
    driver.widget.simple.setup.tasks[Task.EXEMPLAR].click()
    driver.wait_until_idle()
    return driver, driver.viewer.layers[names.BOXES]


def run(driver) -> None:
    driver.pump(0.02)
    assert driver.widget.simple.run.run.isEnabled(), driver.widget.simple.run.run.toolTip()
    driver.widget.simple.run.run.click()
    driver.wait_until_idle()


def box_round(truth, label, margin=2):
    rows, cols = np.nonzero(truth == label)
    return rows.min() - margin, cols.min() - margin, rows.max() + margin, cols.max() + margin


# -- boxes -----------------------------------------------------------------------------------------


def test_a_box_drawn_with_the_mouse_gives_a_mask_inside_it(open_again):
    driver, boxes = with_boxes(open_again, (squares(), {}), show=True)
    image = driver.viewer.layers[0]

    driver.drag(image, 15, 15, 39.6, 55)
    driver.pump(0.05)
    assert len(boxes.data) == 1 and driver.widget.simple.prompt.uses.text() == "In use: 1 box."
    run(driver)

    shown = labels(driver) == 1
    assert overlap(shown, FIRST & (np.arange(128) < 40)[:, None]) > 0.9 and not shown[40:].any()
    assert driver.viewer.layers[names.PREVIEW_BOXES].visible is False


def test_two_boxes_are_two_objects_and_another_run_asks_only_about_the_new_one(open_again, engine):
    driver, boxes = with_boxes(open_again, (several(), {}))
    add_box(boxes, 18, 18, 52, 52)
    add_box(boxes, 18, 78, 52, 112)
    run(driver)
    assert len(engine.asked) == 2 and set(objects(driver)) == {1, 2}

    add_box(boxes, 78, 18, 112, 52)
    run(driver)
    run(driver)

    assert len(engine.asked) == 3 and set(objects(driver)) == {1, 2, 3}
    assert driver.state.run.message == "Every prompt has its mask."
    layer = driver.viewer.layers[names.PREVIEW_BOXES]
    assert len(layer.data) == 3 and list(layer.features["object_id"]) == [1, 2, 3]
    assert list(layer.features["prompt"]) == ["box"] * 3


@pytest.mark.parametrize("kind", ["ellipse", "polygon"])
def test_shapes_with_an_inside_are_prompts_too(open_again, kind):
    driver, boxes = with_boxes(open_again, (squares(), {}))
    add_box(boxes, 15, 15, 55, 55, kind)

    run(driver)

    assert overlap(labels(driver) == 1, FIRST) > 0.85


def test_shapes_that_cannot_be_prompts_are_left_out_and_said(open_again):
    driver, boxes = with_boxes(open_again, (squares(), {}))
    add_box(boxes, 30, 30, 30, 30)
    add_box(boxes, 300, 300, 340, 340)
    driver.pump(0.05)
    assert driver.state.task.left_out == "1 box outside the image left out. 1 box without area left out."
    assert not driver.widget.simple.run.run.isEnabled()

    boxes.add([np.array([(15.0, 15), (55, 55), (15, 55), (55, 15)])], shape_type="polygon")  # crosses itself
    run(driver)

    assert set(objects(driver)) == {1} and driver.state.run.phase is Phase.IDLE


def test_boxes_of_another_slice_are_left_out_and_said_before_the_run(open_again, engine):
    driver, boxes = with_boxes(open_again, (np.stack([several(), squares()]), {}))
    driver.viewer.dims.set_current_step(0, 0)
    add_box(boxes, 18, 18, 52, 52, at=(0,))
    add_box(boxes, 78, 78, 112, 112, at=(1,))
    assert (driver.state.task.in_use, driver.state.task.left_out) == ("1 box", "1 box on other slices left out.")
    run(driver)
    assert set(objects(driver)) == {1} and labels(driver)[35, 35] == 1

    driver.viewer.dims.set_current_step(0, 1)
    driver.wait_until_idle()
    assert not objects(driver)
    run(driver)

    assert labels(driver)[95, 95] and len(engine.asked) == 2
    driver.viewer.dims.set_current_step(0, 0)
    driver.wait_until_idle()
    assert labels(driver)[35, 35] == 1 and len(engine.asked) == 2


def test_only_prompts_of_the_chosen_kind_are_used_and_the_others_are_said(open_again, engine):
    driver = open_again((squares(), {}), show=False)
    add(driver, 95, 95)
    driver.widget.simple.setup.tasks[Task.IMAGE].click()
    driver.widget.simple.prompt.kinds[PromptKind.BOX].click()
    driver.widget.simple.prompt.create.click()
    add_box(driver.viewer.layers[names.BOXES], 18, 18, 52, 52)
    assert driver.state.task.in_use == "1 box" and driver.state.task.left_out == "1 point is not used by Box."
    run(driver)

    assert engine.asked[-1].points == () and engine.asked[-1].box is not None
    driver.widget.simple.setup.tasks[Task.LIVE_POINTS].click()
    driver.wait_until_idle()
    assert driver.state.task.left_out == "1 box is not used by Points."
    assert overlap(labels(driver) == 1, SECOND) > 0.9 and overlap(labels(driver) == 2, FIRST) > 0.9


def test_a_deleted_object_takes_its_box_along_and_undo_brings_both_back(open_again, engine):
    driver, boxes = with_boxes(open_again, (several(), {}))
    add_box(boxes, 18, 18, 52, 52)
    add_box(boxes, 18, 78, 52, 112)
    run(driver)

    driver.widget.controller.board.delete_object(1)
    assert len(boxes.data) == 1 and set(objects(driver)) == {2}
    driver.widget.controller.board.undo()

    assert len(boxes.data) == 2 and set(objects(driver)) == {1, 2}
    driver.widget.controller.run()
    driver.wait_until_idle()
    assert len(engine.asked) == 2, "both still have their masks"


def test_a_box_that_is_moved_is_another_object_in_the_next_run(open_again):
    driver, boxes = with_boxes(open_again, (squares(), {}))
    add_box(boxes, 18, 18, 52, 52)
    run(driver)

    boxes.data = [np.array([(78.0, 78), (78, 112), (112, 112), (112, 78)])]
    run(driver)

    assert len(objects(driver)) == 1 and overlap(labels(driver) > 0, SECOND) > 0.9


# -- examples --------------------------------------------------------------------------------------


def test_one_example_finds_many_and_a_counter_example_removes_some(open_again):
    sample = nuclei()
    driver, _ = with_examples(open_again, (sample.image, {"name": "nuclei"}), show=True)
    image = driver.viewer.layers["nuclei"]
    driver.drag(image, *box_round(sample.truth, 3))
    run(driver)
    found = objects(driver)
    assert len(found) > 20 and driver.state.run.message == f"Found {len(found)} objects."
    layer = driver.viewer.layers[names.PREVIEW_BOXES]
    assert len(layer.data) == len(found) and not layer.visible
    assert {"score", "object_id", "prompt"} <= set(layer.features) and set(layer.features["prompt"]) == {"exemplar"}

    worst = min(driver.state.results.objects, key=lambda item: item.score).mask.box
    driver.key("J")
    driver.drag(image, worst.top - 2, worst.left - 2, worst.bottom + 2, worst.right + 2)
    assert driver.state.task.in_use == "1 example, 1 counter-example"
    run(driver)

    assert 0 < len(objects(driver)) < len(found)


def test_a_box_round_nothing_finds_nothing_and_says_so(open_again):
    driver, boxes = with_examples(open_again, (squares(), {}))
    add_box(boxes, 2, 60, 16, 76)

    run(driver)

    assert driver.state.run.phase in (Phase.IDLE, Phase.FAILED)
    assert driver.state.run.message and (not objects(driver) or driver.state.run.message.startswith("Found"))


def test_objects_that_overlap_are_kept_whole(open_again):
    driver, boxes = with_boxes(open_again, (squares(), {}))
    add_box(boxes, 18, 18, 52, 52)
    run(driver)
    assert names.PREVIEW_MASKS not in driver.viewer.layers

    add_box(boxes, 16, 16, 54, 54)
    run(driver)

    stack = driver.viewer.layers[names.PREVIEW_MASKS]
    assert stack.data.shape[0] == 2 and all((stack.data[k] > 0).sum() > 800 for k in (0, 1))


def test_more_than_two_hundred_objects_are_found_shown_and_saved(open_again, tmp_path):
    import tifffile

    cell = np.full((30, 30), 20, np.uint8)
    cell[8:22, 8:22] = 200
    picture = np.tile(cell, (16, 16))
    picture = (picture + np.random.default_rng(0).integers(0, 4, picture.shape)).astype(np.uint8)
    driver, boxes = with_examples(open_again, (picture, {}))
    add_box(boxes, 6, 6, 23, 23)
    run(driver)
    assert len(objects(driver)) == 256

    driver.state.output.folder = str(tmp_path)
    driver.widget.controller.saving.save()
    driver.wait(lambda: driver.state.output.saved is not None, "The file")

    assert np.array_equal(tifffile.imread(driver.state.output.saved), labels(driver, picture.shape))
