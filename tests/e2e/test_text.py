"""Words in the widget: what they name is found, each class by its name, and another threshold asks nobody again."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_sam3_assistant.app.state import Phase
from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.engines.protocol import Capabilities
from napari_sam3_assistant.engines.registry import EngineSpec
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.tasks.jobs import Task
from tests.e2e.hands import labels, objects
from tests.tasks.colours import ColourReader, block, picture

WORDS = {"red square": [("red", 0.9)], "green": [("green", 0.3)], "dark red": [("red", 0.04)]}
SHAPE = (60, 80)


@pytest.fixture
def reading(open_driver, monkeypatch):
    """Return a widget on a picture of three squares, in the task Text, with an engine that reads colours."""
    reader = ColourReader(WORDS)
    reads = EngineSpec("colours", "Colours", factory="nowhere:made", capabilities=Capabilities(text=True))
    monkeypatch.setattr(registry, "_OURS", (*registry._OURS, reads))
    usual = registry.create
    monkeypatch.setattr(registry, "create", lambda name, **o: reader if name == "colours" else usual(name, **o))
    driver = open_driver((picture(), {}), show=False)
    driver.widget.controller.model.choose_engine("colours")
    driver.widget.controller.choose_task(Task.TEXT)
    driver.wait_until_idle()
    return driver, reader


def ask(driver, words) -> None:
    """Type words and press Enter."""
    field = driver.widget.simple.prompt.text
    field.clear()
    QTest.keyClicks(field, words)
    QTest.keyClick(field, Qt.Key.Key_Return)
    driver.wait_until_idle()


def test_words_are_typed_and_enter_finds_what_they_name(reading):
    driver, reader = reading

    ask(driver, "Segment all the red square.")

    assert reader.asked == [("red square", 0)] and objects(driver) == {1: 100, 2: 100}
    assert {item.class_name for item in driver.state.results.objects} == {"red square"}
    assert [row.prompt for row in driver.state.results.rows] == ["red square"] * 2
    assert driver.state.run.message == "Found 2 objects." and labels(driver, SHAPE)[7, 7] in (1, 2)


def test_several_phrases_are_several_classes_on_one_encoding_and_ids_begin_at_one(reading):
    driver, reader = reading

    ask(driver, "red square, green; red square")

    found = {item.id: item.class_name for item in driver.state.results.objects}
    assert found == {1: "red square", 2: "red square", 3: "green"} and reader.encoded == 1
    assert "at threshold 0.17" in driver.state.run.message, "the lower threshold of the second try is said"
    assert driver.state.task.in_use == "2 phrases: red square, green"


def test_another_threshold_asks_nobody_again_and_is_one_step(reading):
    driver, reader = reading
    ask(driver, "red square, green")
    asked = list(reader.asked)
    box = driver.widget.simple.prompt.threshold
    for value in (0.3, 0.5, 0.95):
        box.setValue(value)
        driver.pump(0.05)
    driver.wait(lambda: driver.state.results.undo == "Detection threshold", "The threshold")
    driver.pump(0.4)

    assert reader.asked == asked and reader.encoded == 1
    assert {item.class_name for item in driver.state.results.objects} == {"red square", "green"}, "lower ones are tried"
    driver.widget.controller.board.undo()
    assert driver.state.results.undo == "Run Preview" and len(objects(driver)) == 3


def test_a_threshold_is_typed_digit_by_digit(reading):
    driver, _ = reading
    box = driver.widget.simple.prompt.threshold
    box.lineEdit().selectAll()

    QTest.keyClicks(box.lineEdit(), "0.85")
    QTest.keyClick(box.lineEdit(), Qt.Key.Key_Return)

    assert driver.state.task.threshold == 0.85 and box.value() == 0.85


def test_words_that_name_nothing_say_what_to_try(reading):
    driver, _ = reading

    ask(driver, "unicorn")

    assert not objects(driver) and "returned zero objects. Try a short noun phrase" in driver.state.run.message


def test_without_words_enter_says_what_to_enter(reading):
    driver, reader = reading
    assert not driver.widget.simple.run.run.isEnabled()

    ask(driver, " ,;. ")

    assert driver.state.run.phase is Phase.FAILED and "nucleus" in driver.state.run.hint and not reader.asked


def test_long_and_foreign_words_are_only_words(reading):
    driver, reader = reading
    driver.state.task.text = "é" * 10_000 + ", 核, 🧫, " + ", ".join(f"kind {k}" for k in range(200))
    driver.widget.controller.run()
    driver.wait_until_idle()

    assert len(reader.asked) == 203 and driver.state.run.phase is Phase.IDLE


def test_an_engine_that_reads_no_words_is_told_of_before_the_run(open_driver):
    driver = open_driver((picture(), {}), show=False)
    driver.widget.controller.choose_task(Task.TEXT)
    driver.state.task.text = "nucleus"
    driver.wait_until_idle()

    assert not driver.widget.simple.run.run.isEnabled()
    assert "Press Get SAM3" in driver.widget.simple.prompt.hint.text()


def test_the_field_keeps_the_cursor_where_one_types(reading):
    driver, _ = reading
    field = driver.widget.simple.prompt.text
    QTest.keyClicks(field, "rd")
    field.setCursorPosition(1)

    QTest.keyClicks(field, "eal")
    driver.pump(0.05)

    assert field.text() == "reald" and field.cursorPosition() == 4


def test_words_are_the_fourth_prompt_of_the_task_2d(reading):
    driver, _ = reading
    driver.widget.controller.choose_task(Task.IMAGE)
    driver.widget.simple.prompt.kinds[PromptKind.TEXT].click()
    driver.pump(0.05)

    ask(driver, "red square")

    assert objects(driver) == {1: 100, 2: 100} and not driver.widget.simple.prompt.create.isVisible()


def test_reset_prompt_empties_the_field_and_takes_its_masks_away(reading):
    driver, _ = reading
    ask(driver, "red square")

    driver.widget.simple.prompt.reset.click()
    driver.wait_until_idle()

    assert driver.widget.simple.prompt.text.text() == "" and not objects(driver)
    driver.widget.controller.board.undo()
    assert objects(driver) == {1: 100, 2: 100}


@pytest.mark.parametrize("taken_away", ["reset", "accepted", "cleared"])
def test_a_threshold_does_not_bring_back_what_was_taken_away(reading, taken_away):
    driver, _ = reading
    controller = driver.widget.controller
    ask(driver, "red square")
    {
        "reset": controller.clearing.prompts,
        "accepted": lambda: controller.accepting.accept(clear=True),
        "cleared": controller.clearing.preview,
    }[taken_away]()

    driver.state.task.threshold = 0.5
    driver.pump(0.5)

    assert not objects(driver)


def test_clicks_in_the_canvas_make_no_prompts_while_words_are_typed(reading):
    driver, _ = reading
    viewer, controller = driver.viewer, driver.widget.controller
    controller.choose_task(Task.LIVE_POINTS)
    assert viewer.layers.selection.active == viewer.layers[names.POINTS]

    controller.choose_task(Task.TEXT)

    assert viewer.layers.selection.active == viewer.layers[0]


def test_objects_that_overlap_by_more_than_half_are_all_accepted(reading):
    driver, reader = reading
    reader.words["cell"] = [(block(0, 0, 20, 20), 0.9)]
    reader.words["nucleus"] = [(block(0, 0, 20, 14), 0.8)]
    ask(driver, "cell, nucleus")
    assert objects(driver) == {1: 400, 2: 280}

    driver.widget.controller.accepting.accept(clear=True)

    assert len(driver.widget.controller.accepting.records) == 2
    assert driver.state.run.message.startswith("Accepted 2 objects as 1 to 2")
