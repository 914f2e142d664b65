"""Many pictures and many phrases at a press: each has its own result, and the drafts know all of them."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_sam3_assistant.app import batch_views
from napari_sam3_assistant.app.state import Phase
from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from napari_sam3_assistant.engines.protocol import Capabilities
from napari_sam3_assistant.engines.registry import EngineSpec
from napari_sam3_assistant.layers import batch_previews, names
from napari_sam3_assistant.layers.previews import read_preview
from napari_sam3_assistant.tasks.jobs import Task
from tests.e2e.hands import add_box, several
from tests.tasks.colours import ColourReader, picture

WORDS = {"red": [("red", 0.9)], "green": [("green", 0.8)], "red, green": [("green", 0.7)]}


def until_done(driver) -> None:
    """Wait until the batch is done and its layers follow."""
    driver.wait(lambda: not driver.widget.controller.batching.running, "The batch")
    driver.wait_until_idle()
    driver.wait(lambda: not driver.widget.controller.batch_views._due, "The layers")
    driver.pump(0.05)


def batch(driver) -> None:
    """Press Run Preview, and wait."""
    driver.widget.controller.run()
    until_done(driver)


def ours(driver) -> set[str]:
    """Names of the labels of a batch."""
    return {one.layer.name for one in batch_previews.shown(driver.viewer) if one.kind == names.PREVIEW_LABELS}


def drafts(driver) -> dict[str, dict[int, int]]:
    """The area of each object, by picture."""
    found = {str(layer.unique_id): layer.name for layer in driver.viewer.layers}
    return {
        found[place[0]]: {item.id: item.mask.area for item in draft.objects}
        for place, draft in driver.widget.controller.board.drafts.items()
        if len(draft.objects)
    }


@pytest.fixture
def words(open_driver, monkeypatch):
    """A widget in Advanced on two pictures, in the task Text, with an engine that reads colours."""
    reader = ColourReader(WORDS)
    reads = EngineSpec("colours", "Colours", factory="nowhere:made", capabilities=Capabilities(text=True))
    monkeypatch.setattr(registry, "_OURS", (*registry._OURS, reads))
    usual = registry.create
    monkeypatch.setattr(registry, "create", lambda name, **o: reader if name == "colours" else usual(name, **o))
    driver = open_driver(*((picture(), {"name": name}) for name in ("a", "b.x")), show=False)
    driver.widget.controller.model.choose_engine("colours")
    driver.state.task.advanced = True
    driver.widget.controller.choose_task(Task.TEXT)
    driver.wait_until_idle()
    return driver, reader


@pytest.fixture
def boxed(open_driver):
    """A widget in Advanced on three pictures of other scale, in the task Exemplar, with a box on a square."""
    layers = [(several(), {"name": f"p{k}", "scale": (s, s)}) for k, s in enumerate((1.0, 0.5, 2.0))]
    driver = open_driver(*layers, show=False)
    driver.viewer.layers["p2"].visible = False
    driver.widget.controller.choose_image(str(driver.viewer.layers["p0"].unique_id))
    driver.state.task.advanced = driver.state.task.batch = True
    driver.widget.controller.choose_task(Task.EXEMPLAR)
    add_box(driver.viewer.layers[names.BOXES], 18, 18, 52, 52)
    driver.wait_until_idle()
    return driver


@pytest.fixture
def without_layers(monkeypatch):
    """Give results no layers: napari takes its time for each."""
    monkeypatch.setattr(batch_views, "MOST_RESULTS", 0)


no_layers = pytest.mark.usefixtures("without_layers")

# -- many phrases -----------------------------------------------------------------------------------


@no_layers
def test_lines_are_typed_and_ctrl_enter_finds_each_with_one_encoding(words):
    driver, reader = words
    field = driver.widget.advanced.prompts.lines
    assert field.isEnabled() and field.maximumHeight() == 78 and field.placeholderText().startswith("Optional batch")
    driver.widget.advanced.prompts.text.setText("Green")
    encoded = reader.encoded

    QTest.keyClicks(field, "red")
    QTest.keyClick(field, Qt.Key.Key_Return)
    QTest.keyClicks(field, "# no word")
    QTest.keyClick(field, Qt.Key.Key_Return)
    QTest.keyClicks(field, "RED")
    QTest.keyClick(field, Qt.Key.Key_Enter)
    QTest.keyClicks(field, "green")
    QTest.keyClick(field, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    until_done(driver)

    assert [phrase for phrase, _ in reader.asked] == ["Green", "red"] and reader.encoded - encoded <= 1
    assert driver.state.task.in_use == "2 phrases (of both fields): Green, red"
    assert field.toPlainText() == "red\n# no word\nRED\ngreen", "Ctrl+Enter types nothing"


def test_classes_are_told_in_the_table_the_layers_and_the_files(words, tmp_path):
    driver, _ = words
    driver.state.task.phrase_lines = "red\ngreen"
    driver.state.output.folder = str(tmp_path)

    batch(driver)
    driver.widget.controller.saving.save()
    driver.wait(lambda: not driver.state.output.saving, "The files")

    assert [(row.layer, row.prompt) for row in driver.state.results.rows] == [("b.x", "red")] * 2 + [("b.x", "green")]
    boxes = driver.viewer.layers["SAM3 preview boxes [b_x - red]"]
    assert list(boxes.features["prompt"]) == ["red"] * 2 and not boxes.visible
    assert sorted(one.name for one in tmp_path.iterdir()) == ["b.x_green_mask_01.tif", "b.x_red_mask_01.tif"]
    assert np.count_nonzero(tifffile.imread(tmp_path / "b.x_green_mask_01.tif")) == 400


def test_lines_have_no_effect_in_simple_and_come_back(words):
    driver, reader = words
    driver.state.task.phrase_lines, driver.state.task.batch = "red", True

    driver.state.task.advanced = False
    driver.state.task.text = "green"
    driver.widget.controller.run()
    driver.wait_until_idle()
    driver.widget.controller.clearing.prompts()

    assert [phrase for phrase, _ in reader.asked] == ["green"] and not ours(driver)
    driver.state.task.advanced = True
    assert [one.text for one in driver.state.task.phrases] == ["red"] and driver.state.task.batches


@no_layers
def test_a_line_that_is_too_long_is_refused_with_its_number(words):
    driver, reader = words
    driver.state.task.phrase_lines = "red\n" + "x" * 201
    driver.widget.controller.run()
    driver.wait_until_idle()

    assert not reader.asked and "Line 2 of the batch prompts has 201 letters" in driver.state.task.left_out
    assert driver.state.run.phase is Phase.FAILED and "shorten the line" in driver.state.run.hint


@no_layers
def test_two_thousand_phrases_run_step_by_step_and_cancel_keeps_what_is_done(words):
    driver, reader = words
    driver.state.task.phrase_lines = "red\n" + "\n".join(f"kind {k}" for k in range(2000))

    driver.widget.controller.run()
    driver.wait(lambda: len(reader.asked) > 20, "Some steps")
    assert driver.widget.advanced.run.run.cancel.isEnabled() and "of 2001" in driver.state.run.batch
    driver.widget.controller.cancel()
    asked = len(reader.asked)
    driver.pump(0.2)

    assert len(reader.asked) <= asked + 1 and not driver.state.run.batch
    assert driver.state.run.message.startswith("Cancelled.") and drafts(driver) == {"b.x": {1: 100, 2: 100}}


# -- many pictures ----------------------------------------------------------------------------------


def test_every_picture_is_asked_for_every_phrase_and_has_layers_of_its_own(words):
    driver, reader = words
    driver.state.task.batch = True
    driver.state.task.text = "red, green"

    batch(driver)

    assert reader.asked == [("red", 0), ("green", 0)] * 2
    wanted = {f"SAM3 preview labels [{name} - {word}]" for name in ("a", "b_x") for word in ("red", "green")}
    assert ours(driver) == wanted and driver.state.run.message.startswith("4 of 4 batch job(s) done: 6 objects on 2")
    assert any(
        line.text == "Running 4 batch job(s): 2 image layer(s), 2 prompt(s)." for line in driver.state.activity.lines
    )
    assert any(line.text.startswith("b.x / red: Colours result: objects=2") for line in driver.state.activity.lines)
    wanted = [(name, word) for name in ("a", "b.x") for word in ("red", "red", "green")]
    assert sorted((row.layer, row.prompt) for row in driver.state.results.rows) == sorted(wanted)
    other, shown = driver.viewer.layers["SAM3 preview labels [a - green]"], driver.viewer.layers
    assert other.visible and not shown["SAM3 preview labels [b_x - green]"].visible, "the preview shows it"
    assert np.count_nonzero(other.data) == 400 and read_preview(driver.viewer) is not None


@no_layers
def test_each_picture_answers_as_if_it_were_asked_alone(boxed):
    batch(boxed)
    found = drafts(boxed)
    assert {"p0", "p1", "p2"} == set(found) and boxed.state.results.all_planes and boxed.state.output.everywhere
    boxed.state.task.batch = False
    for name in ("p1", "p2"):
        boxed.widget.controller.choose_image(str(boxed.viewer.layers[name].unique_id))
        boxed.wait_until_idle()
        boxed.widget.controller.run()
        boxed.wait_until_idle()
        alone = sorted(item.mask.area for item in boxed.state.results.objects)

        assert alone == sorted(found[name].values())


@no_layers
def test_boxes_and_points_are_asked_of_each_picture_that_they_lie_on(boxed):
    controller = boxed.widget.controller
    controller.choose_task(Task.IMAGE)
    controller.choose_prompt(PromptKind.BOX)
    add_box(boxed.viewer.layers[names.BOXES], 70, 70, 112, 112)

    batch(boxed)

    assert {name: len(own) for name, own in drafts(boxed).items()} == {"p0": 2, "p1": 1, "p2": 2}
    controller.choose_image(str(boxed.viewer.layers["p2"].unique_id))
    boxed.wait_until_idle()
    controller.choose_task(Task.IMAGE)
    controller.choose_prompt(PromptKind.POINTS)
    controller.arm()
    boxed.viewer.layers[names.POINTS].add([47, 17])
    batch(boxed)
    assert any(" / object " in line.text for line in boxed.state.activity.lines)


def test_undo_takes_the_batch_back_with_its_layers_and_redo_brings_it(boxed):
    batch(boxed)
    before, board = drafts(boxed), boxed.widget.controller.board

    board.undo()
    until_done(boxed)
    assert not drafts(boxed) and not batch_previews.shown(boxed.viewer)
    board.redo()
    until_done(boxed)

    assert drafts(boxed) == before and len(ours(boxed)) == 3


def test_clear_preview_removes_all_of_them_and_undo_brings_them_back(boxed):
    batch(boxed)
    before = drafts(boxed)

    boxed.widget.controller.clearing.preview()
    until_done(boxed)

    assert not drafts(boxed) and not any("[" in layer.name for layer in boxed.viewer.layers)
    boxed.widget.controller.board.undo()
    until_done(boxed)
    assert drafts(boxed) == before and len(ours(boxed)) == 3


def test_the_next_batch_replaces_all_results_of_the_last_one(words):
    driver, _ = words
    driver.state.task.batch, driver.state.task.text = True, "red"
    batch(driver)
    driver.viewer.layers["a"].data = np.zeros((60, 80, 3), np.uint8)
    driver.state.task.text = "green"

    batch(driver)

    assert drafts(driver) == {"b.x": {1: 400}}
    assert ours(driver) == {"SAM3 preview labels [b_x - green]"}
    assert "Nothing found: a / green." in driver.state.run.message


def test_save_and_clean_writes_one_file_for_each_result_and_takes_its_layers_away(words, tmp_path):
    driver, _ = words
    driver.state.task.batch, driver.state.task.text = True, "red, green"
    driver.state.output.folder = str(tmp_path)
    batch(driver)
    saving = driver.widget.advanced.run.saving
    assert saving.everywhere.text() == "All pictures (2)" and saving.everywhere.isChecked()
    assert saving.filename.placeholderText().endswith("(+3)")

    saving.save_clean.click()
    driver.wait(lambda: not driver.state.output.saving, "The files")
    until_done(driver)

    stems = {f"{name}_{word}_mask_01" for name in ("a", "b.x") for word in ("red", "green")}
    assert {one.name for one in tmp_path.iterdir()} == {f"{stem}.tif" for stem in stems}
    assert stems <= {layer.name for layer in driver.viewer.layers} and not batch_previews.shown(driver.viewer)
    assert not drafts(driver)


# -- what goes wrong --------------------------------------------------------------------------------


@no_layers
def test_a_picture_that_fails_is_told_by_name_and_the_others_are_done(words):
    from dask import array

    driver, _ = words

    def broken(block):
        raise OSError("no such chunk")

    lost = array.zeros((2, 2, 3, 60, 80), chunks=(1, 1, 1, 60, 80), dtype=np.uint16)
    lost = lost.map_blocks(broken, dtype=np.uint16, meta=np.zeros((0,) * 5, np.uint16))
    driver.viewer.add_image(lost, name="lost", visible=False, contrast_limits=(0, 1))
    driver.viewer.add_image(np.zeros((0, 80), np.uint8), name="odd", visible=False, contrast_limits=(0, 1))
    driver.state.task.batch, driver.state.task.text = True, "red"

    batch(driver)

    assert set(drafts(driver)) == {"a", "b.x"} and driver.state.run.phase is Phase.IDLE
    assert "Failed: odd is empty (shape (0, 80))." in driver.state.run.message and "lost" in driver.state.run.message
    assert any("no such chunk" in line.text for line in driver.state.activity.lines)


def test_a_picture_removed_in_the_middle_is_dropped_and_told_and_a_renamed_one_keeps_its_result(words):
    driver, reader = words
    driver.state.task.batch, driver.state.task.text = True, "red"

    def remove() -> None:
        reader.answered = lambda: None
        driver.widget.controller.on_main(lambda: driver.viewer.layers.remove(driver.viewer.layers["a"]))
        driver.widget.controller.on_main(lambda: setattr(driver.viewer.layers["b.x"], "name", "new name!"))

    reader.answered = remove
    batch(driver)

    assert set(drafts(driver)) == {"new name!"}
    assert ours(driver) == {"SAM3 preview labels [new name_ - red]"}
    assert "Removed meanwhile, their answers were dropped: a." in driver.state.run.message


@no_layers
def test_all_pictures_deleted_one_by_one_end_the_batch(words):
    driver, reader = words
    driver.state.task.batch, driver.state.task.text = True, "red, green"

    def remove() -> None:
        driver.widget.controller.on_main(lambda: driver.viewer.layers.pop(0) if len(driver.viewer.layers) else None)

    reader.answered = remove
    driver.widget.controller.run()
    driver.viewer.layers.clear()
    until_done(driver)

    assert not driver.viewer.layers and not driver.state.run.batch and not drafts(driver)


def test_the_widget_closed_in_the_middle_ends_the_batch(words):
    driver, _ = words
    driver.state.task.batch, driver.state.task.text = True, "red, green"
    driver.widget.controller.run()

    driver.widget.close()
    driver.pump(0.5)

    assert not driver.widget.controller.batching.running


def test_what_is_painted_in_a_layer_of_the_batch_belongs_to_its_picture(words):
    driver, _ = words
    driver.state.task.batch, driver.state.task.text = True, "green"
    batch(driver)
    layer = driver.viewer.layers["SAM3 preview labels [a - green]"]

    layer.data[0, :5] = 1
    layer.events.paint(value=[])
    driver.widget.controller.board.absorb()
    driver.pump(0.5)

    assert drafts(driver)["a"] in ({1: 400}, {1: 405}) and drafts(driver)["a"][1] != 400
    driver.widget.controller.board.undo()
    assert drafts(driver)["a"] == {1: 400}


def test_a_layer_that_is_deleted_takes_its_objects_out_and_undo_brings_both_back(words):
    driver, _ = words
    driver.state.task.batch, driver.state.task.text = True, "red"
    batch(driver)

    driver.viewer.layers.remove(driver.viewer.layers["SAM3 preview labels [a - red]"])
    until_done(driver)
    assert set(drafts(driver)) == {"b.x"} and "SAM3 preview boxes [a - red]" not in driver.viewer.layers
    driver.widget.controller.board.undo()
    until_done(driver)

    assert "a" in drafts(driver) and "SAM3 preview labels [a - red]" in ours(driver)


def test_pictures_of_names_that_become_one_have_layers_of_two_names(words):
    driver, _ = words
    driver.viewer.layers["a"].name = "b+x"
    driver.state.task.batch, driver.state.task.text = True, "red"

    batch(driver)

    assert ours(driver) == {f"SAM3 preview labels [{name} - red]" for name in ("b_x", "b_x_2")}


def test_another_picture_on_screen_shows_its_preview_and_the_first_ones_layer_comes_back(words):
    driver, _ = words
    driver.state.task.batch, driver.state.task.text = True, "green"
    batch(driver)

    driver.widget.controller.choose_image(str(driver.viewer.layers["a"].unique_id))
    until_done(driver)

    assert driver.viewer.layers["SAM3 preview labels [b_x - green]"].visible
    assert not driver.viewer.layers["SAM3 preview labels [a - green]"].visible


def test_so_many_results_have_layers_and_the_others_are_told_of(words, monkeypatch):
    driver, _ = words
    monkeypatch.setattr(batch_views, "MOST_RESULTS", 1)
    monkeypatch.setattr("napari_sam3_assistant.app.batching.MOST_RESULTS", 1)
    driver.state.task.batch, driver.state.task.text = True, "green"

    batch(driver)

    assert len(ours(driver)) == 1 and len(drafts(driver)) == 2 and "1 more result(s)" in driver.state.run.message


@no_layers
def test_a_click_slips_in_between_two_steps(boxed, monkeypatch):
    order, controller = [], boxed.widget.controller
    for name in ("find", "segment"):
        usual = getattr(BuiltinEngine, name)

        def noted(self, *args, name=name, usual=usual):
            order.append(name)
            return usual(self, *args)

        monkeypatch.setattr(BuiltinEngine, name, noted)
    controller.run()
    controller.choose_task(Task.LIVE_POINTS)
    boxed.viewer.layers[names.POINTS].add([47, 47])
    until_done(boxed)

    assert order.count("find") == 3 and order.index("segment") < 3
    assert any(talk.pointed for draft in controller.board.drafts.values() for talk in draft.talks.values())


@no_layers
@pytest.mark.parametrize(
    ("task", "why"), [(Task.LIVE_POINTS, "Batch mode is disabled for Live Points."), (Task.TEXT, "")]
)
def test_where_there_is_no_batch_the_tip_says_why(boxed, task, why):
    boxed.widget.controller.choose_task(task)
    boxed.pump(0.05)

    box, field = boxed.widget.advanced.task.batch, boxed.widget.advanced.prompts.lines
    assert box.isEnabled() == (not why) and field.isEnabled() == (not why)
    assert (why or "Run the current prompt setup on every napari Image layer.") in box.toolTip()
    assert ("Multi-text batch prompts require task 'Text segmentation'." in field.toolTip()) == bool(why)
