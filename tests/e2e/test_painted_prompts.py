"""Painted prompts: a hint becomes the object; each label is one."""

from __future__ import annotations

import numpy as np

from napari_sam3_assistant.app.state import Phase
from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.tasks.jobs import Task
from tests.conftest import squares
from tests.e2e.hands import FIRST, SECOND, labels, objects, overlap, paint


def with_labels(open_again, *layers, show=False):
    """A driver in the task 2D, prompt Labels, and the layer to paint in."""
    driver = open_again(*layers, show=show)
    driver.widget.simple.setup.tasks[Task.IMAGE].click()
    driver.widget.simple.prompt.kinds[PromptKind.LABELS].click()
    driver.widget.simple.prompt.create.click()
    driver.wait_until_idle()
    return driver, driver.viewer.layers[names.MASK_PROMPT]


def run(driver) -> None:
    driver.pump(0.02)
    driver.widget.controller.run()
    driver.wait_until_idle()


def test_strokes_of_two_labels_become_two_objects(open_again, engine):
    driver, layer = with_labels(open_again, (squares(), {}), show=True)
    image = driver.viewer.layers[0]
    layer.brush_size = 14

    driver.stroke(image, [(28, 28), (28, 42), (42, 42), (42, 28)])
    layer.selected_label = 2
    driver.stroke(image, [(88, 88), (88, 102), (102, 102), (102, 88)])
    driver.pump(0.05)
    assert driver.widget.simple.prompt.uses.text() == "In use: labels 1, 2."
    driver.widget.simple.run.run.click()
    driver.wait_until_idle()

    shown = labels(driver)
    assert overlap(shown == 1, FIRST) > 0.9 and overlap(shown == 2, SECOND) > 0.9
    assert all(asked.mask is not None and not asked.points and asked.box is None for asked in engine.asked)


def test_another_run_asks_only_about_what_was_painted_since(open_again, engine):
    driver, layer = with_labels(open_again, (squares(), {}))
    paint(layer, np.s_[25:45, 25:45])
    run(driver)
    paint(layer, np.s_[90:100, 90:100], 2)

    run(driver)

    assert len(engine.asked) == 2 and len(objects(driver)) == 2


def test_a_hint_of_a_few_pixels_is_enough(open_again):
    driver, layer = with_labels(open_again, (squares(), {}))
    paint(layer, np.s_[33:36, 33:36])

    run(driver)

    assert overlap(labels(driver) == 1, FIRST) > 0.9


def test_nothing_painted_says_what_to_do(open_again, engine):
    driver, _ = with_labels(open_again, (squares(), {}))
    button = driver.widget.simple.run.run
    assert not button.isEnabled() and button.toolTip() == "Paint over an object first."

    run(driver)  # by its key, which is not disabled

    assert not engine.asked and "Paint over an object" in f"{driver.state.run.message} {driver.state.run.hint}"


def test_no_box_and_no_example_say_what_to_do(open_again, engine):
    driver = open_again((squares(), {}), show=False)
    driver.widget.simple.setup.tasks[Task.EXEMPLAR].click()
    run(driver)
    assert driver.state.run.phase is Phase.FAILED and "example" in driver.state.run.hint
    driver.widget.simple.setup.tasks[Task.IMAGE].click()
    driver.widget.simple.prompt.kinds[PromptKind.BOX].click()
    run(driver)
    assert "Draw a box" in f"{driver.state.run.message} {driver.state.run.hint}" and not engine.asked


def test_a_layer_of_another_scale_lies_where_it_is_seen(open_again):
    driver = open_again((squares(), {"scale": (0.5, 0.5), "translate": (3, 4)}), show=False)
    driver.widget.simple.setup.tasks[Task.IMAGE].click()
    driver.widget.simple.prompt.kinds[PromptKind.LABELS].click()
    coarse = np.zeros((32, 32), np.int32)
    coarse[20:27, 20:27] = 5  # pixels 80 to 107
    driver.viewer.add_labels(coarse, name=names.MASK_PROMPT, scale=(2, 2), translate=(3.75, 4.75))

    run(driver)

    assert overlap(labels(driver) > 0, SECOND) > 0.9


def test_what_is_painted_on_another_slice_is_left_alone(open_again, engine):
    driver, layer = with_labels(open_again, (np.stack([squares(), squares()]), {}))
    driver.viewer.dims.set_current_step(0, 0)
    paint(layer, np.s_[1, 90:100, 90:100])
    driver.pump(0.02)
    assert not driver.widget.simple.run.run.isEnabled()

    driver.viewer.dims.set_current_step(0, 1)
    run(driver)

    assert overlap(labels(driver) > 0, SECOND) > 0.9 and len(engine.asked) == 1


def test_a_deleted_object_takes_its_label_along_and_undo_brings_it_back(open_again, engine):
    driver, layer = with_labels(open_again, (squares(), {}))
    paint(layer, np.s_[25:45, 25:45])
    paint(layer, np.s_[90:100, 90:100], 2)
    run(driver)
    before = layer.data.copy()

    driver.widget.controller.board.delete_object(1)
    assert np.unique(layer.data).tolist() == [0, 2]
    run(driver)
    assert set(objects(driver)) == {2} and len(engine.asked) == 2
    driver.widget.controller.board.undo()
    assert np.array_equal(layer.data, before) and set(objects(driver)) == {1, 2}
    driver.widget.controller.board.redo()

    assert np.unique(layer.data).tolist() == [0, 2] and set(objects(driver)) == {2}


def test_what_resetting_erased_comes_back_with_undo(open_again):
    driver, layer = with_labels(open_again, (squares(), {}))
    paint(layer, np.s_[25:45, 25:45])
    run(driver)

    driver.widget.simple.prompt.reset.click()
    assert not layer.data.any() and not objects(driver)
    driver.widget.controller.board.undo()

    assert (layer.data == 1).sum() == 400 and set(objects(driver)) == {1} and driver.state.task.usable == 1
