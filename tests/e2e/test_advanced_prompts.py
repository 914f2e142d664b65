"""Step 3 of the mode Advanced: prompts from layers that users have made, and the controls that go with them."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_sam3_assistant.app.panel_state import Section
from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.tasks.jobs import Task
from tests.conftest import squares
from tests.e2e.hands import FIRST, SECOND, Watched, add_box, labels, objects, overlap, points, several


def advanced(driver, task=Task.LIVE_POINTS, kind=PromptKind.POINTS):
    """Turn to the mode Advanced and a task; return Step 3."""
    driver.wait_until_idle()
    driver.state.task.advanced = True
    driver.state.panel.opened = frozenset({Section.PROMPTS, Section.LAYERS})
    driver.state.task.prompt = kind
    driver.widget.controller.choose_task(task)
    driver.wait_until_idle()
    return driver.widget.advanced.prompts


def choose(driver, box, layer) -> None:
    """Choose a layer, or None, in a list under Prompt Layers."""
    driver.pump(0.05)
    index = box.findData("" if layer is None else str(layer.unique_id))
    assert index >= 0
    box.setCurrentIndex(index)
    box.activated.emit(index)
    driver.wait_until_idle()


def grid() -> np.ndarray:
    """Ten squares of 14 px, 30 px apart."""
    picture = np.random.default_rng(0).integers(18, 23, (90, 160)).astype(np.uint8)
    for number in range(10):
        row, col = 15 + 40 * (number // 5), 10 + 30 * (number % 5)
        picture[row : row + 14, col : col + 14] = 120 + 12 * number
    return picture


def places() -> np.ndarray:
    """Three points on each of the ten squares, in pixels."""
    corners = [(15 + 40 * (k // 5), 10 + 30 * (k % 5)) for k in range(10)]
    return np.array([(r + dr, c + dc) for r, c in corners for dr, dc in ((4, 4), (7, 7), (9, 5))], float)


def log(driver) -> str:
    """Everything that was said."""
    return "\n".join(str(line) for line in driver.state.activity.lines)


# -- layers of the user's ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "numbers",
    [
        np.repeat(np.arange(1, 11), 3),
        np.repeat(np.arange(1.0, 11.0), 3),
        np.repeat([str(k) for k in range(1, 11)], 3),
    ],
    ids=["whole", "float", "text"],
)
def test_thirty_points_of_ten_objects_in_a_turned_layer_give_ten_masks_with_these_numbers_and_one_encode(
    open_again, engine, numbers, monkeypatch
):
    encodes = []
    encode = Watched.encode
    monkeypatch.setattr(Watched, "encode", lambda self, *a, **k: encodes.append(1) or encode(self, *a, **k))
    driver = open_again((grid(), {"scale": (0.5, 0.5), "units": ("um", "um")}), show=False)
    step = advanced(driver, Task.IMAGE)
    mine = driver.viewer.add_points(
        places()[:, ::-1] * (5, -5), scale=(0.1, 0.1), rotate=90, units=("um", "um"),
        features={"object": numbers, "class": ["FG", "fg", "Include"] * 10}, name="mine",
    )  # fmt: skip
    image = driver.viewer.layers[0]
    np.testing.assert_allclose(mine.data_to_world(mine.data[1]), image.data_to_world(places()[1]), atol=1e-6)

    choose(driver, step.layers.points, mine)
    driver.widget.controller.run()
    driver.wait_until_idle()

    found = objects(driver)
    assert set(found) == set(range(1, 11)) and all(area == pytest.approx(196, rel=0.1) for area in found.values())
    assert len(encodes) == 1 and len(engine.asked) == 10
    assert set(mine.features) == {"object", "class"}, "nothing was written into the user's table"


def test_shapes_and_labels_of_the_user_s_become_the_prompts_in_use(open_again):
    driver = open_again((several(), {"scale": (2, 2)}), show=False)
    step = advanced(driver, Task.IMAGE, PromptKind.BOX)
    shapes = driver.viewer.add_shapes(ndim=4, name="mine", scale=(1, 1, 2, 2))
    add_box(shapes, 18, 18, 52, 52, at=(0, 0))
    add_box(shapes, 18, 78, 52, 112, kind="ellipse", at=(0, 0))
    add_box(shapes, 78, 18, 112, 52, kind="polygon", at=(0, 0))
    add_box(shapes, 78, 78, 112, 112, kind="path", at=(0, 0))

    choose(driver, step.layers.shapes, shapes)
    assert driver.state.task.in_use == "4 boxes" and "From your layer mine." in step.uses.text()
    driver.widget.controller.run()
    driver.wait_until_idle()
    assert len(objects(driver)) == 4

    pyramid = np.zeros((64, 64), np.uint16)
    pyramid[12:23, 12:23] = 7
    painted = driver.viewer.add_labels([pyramid, pyramid[::2, ::2]], multiscale=True, scale=(4, 4), name="painted")
    driver.widget.controller.choose_prompt(PromptKind.LABELS)
    choose(driver, step.layers.labels, painted)
    assert driver.state.task.in_use == "label 7"
    driver.widget.controller.run()
    driver.wait_until_idle()

    assert len(objects(driver)) == 5
    assert names.MASK_PROMPT not in driver.viewer.layers


def test_create_prompt_layer_selects_ours_and_the_list_turns_back_to_the_user_s(open_again):
    driver = open_again((squares(), {}), show=False)
    step = advanced(driver)
    mine = driver.viewer.add_points([[35.0, 35.0]], name="mine")
    choose(driver, step.layers.points, mine)
    assert overlap(labels(driver) > 0, FIRST) > 0.9 and driver.viewer.layers.selection.active == mine

    step.create.click()
    driver.wait_until_idle()

    assert step.layers.points.currentText() == names.POINTS and not labels(driver).any()
    assert driver.viewer.layers.selection.active == points(driver)
    assert "Created/selected SAM3 points layer. Add the first point to start Live Points" in log(driver)
    choose(driver, step.layers.points, mine)
    assert overlap(labels(driver) > 0, FIRST) > 0.9 and len(mine.data) == 1


def test_a_step_back_over_the_choice_of_a_layer_writes_into_neither(open_again):
    driver = open_again((squares(), {}), show=False)
    step = advanced(driver)
    points(driver).add([35, 35])
    driver.wait_until_idle()
    before = objects(driver)
    mine = driver.viewer.add_points([[95.0, 95.0]], name="mine")
    choose(driver, step.layers.points, mine)
    mine.add([97, 97])
    driver.wait_until_idle()
    board = driver.widget.controller.board

    for _ in range(2):
        board.undo()
        driver.wait_until_idle()
    assert mine.data.tolist() == [[95, 95]] and points(driver).data.tolist() == [[35, 35]]
    assert driver.widget.controller.live.layer == points(driver) and objects(driver) == before
    for _ in range(2):
        board.redo()
        driver.wait_until_idle()

    assert mine.data.tolist() == [[95, 95], [97, 97]] and points(driver).data.tolist() == [[35, 35]]
    assert driver.widget.controller.live.layer == mine and overlap(labels(driver) > 0, SECOND) > 0.9


@pytest.mark.parametrize("kind", [PromptKind.POINTS, PromptKind.BOX, PromptKind.LABELS])
def test_a_layer_deleted_while_in_use_falls_back_to_none_says_so_and_comes_back_with_undo(open_again, kind):
    driver = open_again((squares(), {}), show=False)
    step = advanced(driver, Task.IMAGE, kind)
    viewer = driver.viewer
    drawn = np.zeros((128, 128), np.uint8)
    drawn[25:45, 25:45] = 1
    made = {
        PromptKind.POINTS: lambda: viewer.add_points([[35.0, 35.0]], name="mine", features={"who": ["a"]}),
        PromptKind.BOX: lambda: viewer.add_shapes([np.array([[20, 20], [50, 50]])], name="mine"),
        PromptKind.LABELS: lambda: viewer.add_labels(drawn, name="mine"),
    }[kind]()
    box = {PromptKind.POINTS: "points", PromptKind.BOX: "shapes", PromptKind.LABELS: "labels"}[kind]
    box = getattr(step.layers, box)
    choose(driver, box, made)
    made.name = "renamed"
    driver.pump(0.05)
    assert box.currentText() == "renamed" and driver.state.task.usable == 1

    viewer.layers.remove(made)
    driver.wait_until_idle()
    assert box.currentText() == "(none)" and not driver.state.task.usable
    assert "The layer renamed was removed" in driver.state.run.message
    driver.widget.controller.board.undo()
    driver.wait_until_idle()

    assert made in viewer.layers and box.currentText() == "renamed" and driver.state.task.usable == 1


def test_none_and_refresh_layers(open_again):
    driver = open_again((squares(), {}), show=False)
    step = advanced(driver)
    points(driver).add([35, 35])
    driver.wait_until_idle()

    choose(driver, step.layers.points, None)
    step.layers.refresh.click()
    driver.pump(0.05)

    assert driver.widget.controller.live.layer is None and not labels(driver).any() and len(points(driver).data) == 1
    assert not step.apply.isEnabled() and "Create Prompt Layer" in step.hint.text()
    assert f"Layer selectors refreshed. Viewer layers: {len(driver.viewer.layers)}." in log(driver)
    driver.widget.controller.board.undo()
    driver.wait_until_idle()
    assert overlap(labels(driver) > 0, FIRST) > 0.9


def test_accepting_deleting_and_resetting_leave_the_user_s_points_where_they_are(open_again):
    driver = open_again((squares(), {}), show=False)
    step = advanced(driver)
    mine = driver.viewer.add_points([[35.0, 35.0], [95.0, 95.0]], features={"object": [1, 2]}, name="mine")
    choose(driver, step.layers.points, mine)
    controller = driver.widget.controller
    assert set(objects(driver)) == {1, 2}

    controller.board.delete_object(1)
    driver.wait_until_idle()
    assert set(objects(driver)) == {2} and len(mine.data) == 2
    controller.accepting.accept(clear=True)
    driver.wait_until_idle()
    assert not objects(driver) and len(mine.data) == 2 and driver.state.results.kept == 1
    mine.data = np.add(mine.data, [[0, 0], [1, 1]])
    driver.wait_until_idle()
    assert set(objects(driver)) == {2}, "only what has changed is asked about"
    step.clear.click()
    driver.wait_until_idle()

    assert not objects(driver) and len(mine.data) == 2 and "mine stays" in log(driver)
    controller.run()
    driver.wait_until_idle()
    assert set(objects(driver)) == {1, 2}


def test_other_objects_keep_clear_of_the_numbers_in_the_user_s_table(open_again):
    driver = open_again((several(), {}), show=False)
    step = advanced(driver, Task.IMAGE, PromptKind.BOX)
    step.create.click()
    add_box(driver.viewer.layers[names.BOXES], 18, 18, 52, 52)
    driver.widget.controller.run()
    driver.wait_until_idle()
    mine = driver.viewer.add_points([[95.0, 35.0], [95.0, 95.0]], features={"object": [1, 2]}, name="mine")
    choose(driver, step.layers.points, mine)
    driver.widget.controller.choose_prompt(PromptKind.POINTS)

    driver.widget.controller.run()
    driver.wait_until_idle()

    assert set(objects(driver)) == {1, 2, 3}
    mine.add([35, 95])
    assert mine.features["object"].tolist() == [1, 2, 4]


def test_simple_says_which_layer_is_in_use_and_leads_back_to_ours(open_again):
    driver = open_again((squares(), {}), show=False)
    step = advanced(driver)
    mine = driver.viewer.add_points([[35.0, 35.0]], name="mine")
    choose(driver, step.layers.points, mine)
    before = objects(driver)

    driver.state.task.advanced = False
    driver.pump(0.05)
    simple = driver.widget.simple.prompt
    assert "From your layer mine." in simple.uses.text() and objects(driver) == before
    assert not simple.create.isHidden()
    simple.create.click()
    driver.wait_until_idle()

    assert "mine" not in simple.uses.text() and driver.widget.controller.live.layer == points(driver)
    assert len(mine.data) == 1


def test_a_change_of_the_table_runs_live_points_again(open_again):
    driver = open_again((squares(), {}), show=False)
    step = advanced(driver)
    mine = driver.viewer.add_points([[35.0, 35.0], [95.0, 95.0]], properties={"label": ["fg", "BG"]}, name="mine")
    choose(driver, step.layers.points, mine)
    assert list(objects(driver)) == [1]

    mine.features = {"label": ["fg", "fg"], "object": [1, 2]}
    driver.wait(lambda: set(objects(driver)) == {1, 2}, "Two objects")

    driver.wait_until_idle()
    assert driver.state.results.undo == "Edit the table"
    driver.widget.controller.board.undo()
    driver.wait_until_idle()
    assert list(objects(driver)) == [1]


def test_a_cell_that_is_edited_in_the_table_is_noticed_once_the_pointer_is_over_the_canvas(open_again):
    driver = open_again((squares(), {}))
    step = advanced(driver)
    mine = driver.viewer.add_points([[35.0, 35.0], [95.0, 95.0]], features={"object": [1, 1]}, name="mine")
    choose(driver, step.layers.points, mine)
    image = driver.viewer.layers[0]

    mine.features.iloc[1, 0] = 2  # as napari's table of features does: no event
    driver.wait(lambda: [driver.move(image, k, k) for k in (60, 70)] and set(objects(driver)) == {1, 2}, "Two objects")

    assert driver.state.results.undo == "Edit the table"


@pytest.mark.parametrize("focus", ["canvas", "dock"])
def test_t_and_shift_t_work_in_the_user_s_layer_in_advanced_mode(open_again, focus):
    driver = open_again((squares(), {}))
    step = advanced(driver)
    mine = driver.viewer.add_points([[35.0, 35.0], [40.0, 40.0]], name="mine")
    choose(driver, step.layers.points, mine)
    if focus == "dock":
        driver.widget.window().activateWindow()
        step.create.setFocus()
        driver.wait(step.create.hasFocus, "The focus")

    def press(shift=False) -> None:
        if focus == "canvas":
            driver.key("T", shift=shift)
        else:
            held = Qt.KeyboardModifier.ShiftModifier if shift else Qt.KeyboardModifier.NoModifier
            QTest.keyClick(step.create, Qt.Key.Key_T, held)
        driver.wait_until_idle()

    press()
    assert not driver.state.task.positive and step.polarity.currentText() == "Negative"
    assert "Next point mode: Negative" in log(driver)
    press(shift=True)

    assert mine.features["polarity"].tolist() == ["positive", "negative"]
    assert not driver.state.results.current.prompts.points[1].positive
    assert "Flipped 1 point(s); rerunning Live Points." in log(driver)


def test_so_many_objects_are_taken_at_once_and_the_rest_is_said(open_again, monkeypatch):
    monkeypatch.setattr("napari_sam3_assistant.app.using.MOST_OBJECTS", 3)
    driver = open_again((grid(), {}), show=False)
    step = advanced(driver, Task.IMAGE)
    mine = driver.viewer.add_points(places(), features={"object": np.repeat(np.arange(1, 11), 3)}, name="mine")

    choose(driver, step.layers.points, mine)

    assert "In use: 9 points of 3 objects. 7 objects left out: 3 is the most at once." in step.uses.text()


def test_a_layer_that_is_emptied_takes_its_masks_along(open_again):
    driver = open_again((squares(), {}), show=False)
    step = advanced(driver)
    mine = driver.viewer.add_points([[35.0, 35.0]], features={"object": [np.nan]}, name="mine")
    choose(driver, step.layers.points, mine)
    assert list(objects(driver)) == [1]

    mine.data = np.empty((0, 2))
    driver.wait_until_idle()

    assert not objects(driver) and driver.state.run.message == "Live Points armed. Add a point to start."


# -- the other rows ---------------------------------------------------------------------------------


def test_apply_mode_turns_the_selected_points_in_one_step(open_again):
    driver = open_again((squares(), {}), show=False)
    step = advanced(driver)
    layer = points(driver)
    layer.add([[35, 35], [36, 36], [40, 40]])
    driver.wait_until_idle()
    layer.selected_data = set()
    driver.state.task.positive = False
    step.apply.click()
    assert "Select one or more points before applying the positive/negative type." in driver.state.run.message

    layer.selected_data = {1, 2}
    step.apply.click()
    driver.wait_until_idle()

    assert "Updated 2 selected point(s) to negative." in driver.state.run.message
    assert layer.features["polarity"].tolist() == ["positive", "negative", "negative"]
    assert [point.positive for point in driver.state.results.current.prompts.points] == [True, False, False]
    driver.widget.controller.board.undo()
    driver.wait_until_idle()
    assert layer.features["polarity"].tolist() == ["positive"] * 3


def test_text_that_is_typed_while_other_prompts_are_in_use_does_not_run(open_again, engine):
    driver = open_again((squares(), {}), show=False)
    step = advanced(driver, Task.IMAGE)
    points(driver).add([35, 35])
    driver.wait_until_idle()

    step.text.setText("nucleus")
    step.text.returnPressed.emit()
    driver.wait_until_idle()

    assert not engine.asked and "What is typed is not used" in driver.state.run.message
    assert "What is typed is not used by Points." in driver.state.task.left_out
    driver.widget.controller.run()
    driver.wait_until_idle()
    assert len(engine.asked) == 1 and engine.asked[0].points


def test_clearing_text_and_prompts_is_one_step(open_again):
    driver = open_again((squares(), {}), show=False)
    step = advanced(driver, Task.IMAGE)
    points(driver).add([35, 35])
    driver.widget.controller.run()
    driver.wait_until_idle()
    step.text.setText("nucleus")
    before = objects(driver)

    step.clear.click()
    driver.wait_until_idle()
    assert not objects(driver) and not len(points(driver).data) and step.text.text() == ""
    assert "Prompt state cleared." in log(driver)
    driver.widget.controller.board.undo()
    driver.wait_until_idle()
    assert objects(driver) == before and len(points(driver).data) == 1 and step.text.text() == "nucleus"
    driver.widget.controller.board.redo()
    driver.wait_until_idle()

    assert not objects(driver) and step.text.text() == ""


def test_what_is_disabled_says_what_to_do(open_again):
    driver = open_again((squares(), {}), show=False)
    step = advanced(driver)
    assert not step.kind.isEnabled() and "2D segmentation" in step.kind.toolTip()
    assert not step.text.isEnabled() and "Text segmentation" in step.text.toolTip()
    assert step.polarity.isEnabled() and step.apply.isEnabled()

    advanced(driver, Task.TEXT)
    driver.pump(0.05)

    assert not step.polarity.isEnabled() and "Live Points" in step.polarity.toolTip()
    assert step.text.isEnabled() and step.kind.currentText() == "Text only"
    step.create.click()
    assert "Text prompt mode selected. Enter a phrase, then click Run Preview." in log(driver)


# -- pictures ---------------------------------------------------------------------------------------


def two(open_again):
    """Two pictures in the same place, the first one in use."""
    driver = open_again((squares(), {"name": "one"}), (squares(), {"name": "two"}), show=False)
    use(driver, "one")
    return driver


def use(driver, name) -> None:
    driver.widget.controller.choose_image(str(driver.viewer.layers[name].unique_id), arm=True)
    driver.wait_until_idle()


def test_points_of_one_picture_are_not_asked_on_another_in_the_same_place(open_again):
    driver = two(open_again)
    points(driver).add([[35, 35], [36, 40], [40, 36]])
    driver.wait_until_idle()
    first = objects(driver)

    use(driver, "two")
    assert not objects(driver) and "3 points of another picture left out." in driver.state.task.left_out
    points(driver).add([95, 95])
    driver.wait_until_idle()
    assert list(objects(driver)) == [1] and overlap(labels(driver) > 0, SECOND) > 0.9
    assert points(driver).shown.tolist() == [False, False, False, True]
    driver.widget.controller.accepting.accept(clear=True)
    driver.wait_until_idle()
    assert len(points(driver).data) == 3 and "Accepted: 1 object." in driver.widget.simple.results.summary.text()

    use(driver, "one")
    driver.pump(0.05)
    assert objects(driver) == first and points(driver).shown.all()
    assert "Accepted" not in driver.widget.simple.results.summary.text()


def test_resetting_takes_the_points_of_this_picture_and_of_those_that_were_closed(open_again):
    driver = two(open_again)
    driver.viewer.add_image(squares(), name="three")
    for name in ("one", "two", "three"):
        use(driver, name)
        points(driver).add([35, 35])
        driver.wait_until_idle()

    driver.viewer.layers.remove("three")
    use(driver, "two")
    assert "1 point of another picture left out. 1 point of a picture that was closed left out." in (
        driver.state.task.left_out
    )
    driver.widget.controller.clearing.prompts()
    driver.wait_until_idle()

    assert len(points(driver).data) == 1
    use(driver, "one")
    assert list(objects(driver)) == [1]


def test_boxes_and_paint_of_one_picture_are_not_used_on_another(open_again):
    driver = two(open_again)
    step = advanced(driver, Task.IMAGE, PromptKind.BOX)
    step.create.click()
    add_box(driver.viewer.layers[names.BOXES], 20, 20, 50, 50)
    driver.widget.controller.choose_prompt(PromptKind.LABELS)
    step.create.click()
    painted = driver.viewer.layers[names.MASK_PROMPT]
    painted.data[25:45, 25:45] = 1
    painted.events.paint(value=[])
    driver.pump(0.05)
    assert driver.state.task.usable == 1

    use(driver, "two")
    assert driver.state.task.usable == 0 and "1 layer of another picture left out." in driver.state.task.left_out
    assert driver.viewer.layers.selection.active != painted
    driver.widget.controller.choose_prompt(PromptKind.BOX)
    driver.pump(0.05)

    assert driver.state.task.usable == 0 and "1 box of another picture left out." in driver.state.task.left_out
    add_box(driver.viewer.layers[names.BOXES], 80, 80, 110, 110)
    assert driver.state.task.usable == 1


# -- clicks that set no point -----------------------------------------------------------------------


def test_a_click_while_the_layer_is_hidden_says_why_and_arming_shows_it(open_again):
    driver = open_again((squares(), {}))
    driver.wait_until_idle()
    points(driver).visible = False

    driver.click(driver.viewer.layers[0], 35, 35, wait=False)
    driver.pump(0.05)
    assert "The layer SAM3 points is hidden: a click sets no point." in driver.state.run.message
    driver.widget.controller.choice.create()
    driver.click(driver.viewer.layers[0], 35, 35)

    assert points(driver).visible and overlap(labels(driver) > 0, FIRST) > 0.9


def test_a_click_in_3d_sets_no_point_and_says_why(open_again):
    driver = open_again((np.stack([squares()] * 3), {}))
    driver.wait_until_idle()
    driver.viewer.dims.ndisplay = 3
    driver.wait_until_idle()

    driver.click(driver.viewer.layers[0], 64, 64, wait=False)
    driver.pump(0.05)

    assert not len(points(driver).data) and not driver.state.results.undo
    assert "The view is 3D: a click sets no point." in driver.state.run.message


def test_a_point_that_is_refused_leaves_its_object_as_it_is(open_again, monkeypatch):
    monkeypatch.setattr("napari_sam3_assistant.core.window_rule.MOST_SIDE", 1000)
    picture = np.full((2200, 2200), 20, np.uint8)
    picture[100:140, 100:140] = 200
    driver = open_again((picture, {}), show=False)
    driver.wait_until_idle()
    points(driver).add([120, 120])
    driver.wait_until_idle()
    before = objects(driver)

    points(driver).add([2000, 2000])
    driver.wait_until_idle()
    assert driver.state.run.phase.value == "failed" and objects(driver) == before
    points(driver).selected_data = {1}
    points(driver).remove_selected()
    driver.wait_until_idle()

    assert objects(driver) == before and driver.state.run.phase.value == "idle"
