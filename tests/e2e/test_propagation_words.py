"""Words that begin to follow objects through a stack, in a real viewer."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_sam3_assistant.app.state import Phase
from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.app.video_views import NO_WORDS, WORDS_HINT
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.engines.protocol import Capabilities, VideoLimits
from napari_sam3_assistant.engines.registry import EngineSpec
from napari_sam3_assistant.tasks.jobs import Task
from tests.e2e.hands import add
from tests.e2e.test_propagation import film, followed, rest
from tests.e2e.test_sam3 import PATIENCE_S
from tests.tasks.doubles import Shifting, bar, numbered

FRAMES = 6


class Finder(Shifting):
    """Follows by arithmetic, and finds what the test says, where the phrase is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.queries: list[list[str]] = []

    def start(self, query=None):
        if query is not None:
            self.queries.append([one.text for one in query.texts])
        return super().start(query)


@pytest.fixture
def finding(open_driver, monkeypatch):
    """Return a widget on a stack, in the task 3D/Video, with an engine that finds by words on every frame."""
    engine = Finder()
    engine.words = {1: [(0, "cell", bar(4)), (1, "rod", bar(20))], 3: [(7, "cell", bar(30))]}
    can = Capabilities(text=True, video=VideoLimits(text=True))
    spec = EngineSpec("finder", "Finder", factory="nowhere:made", capabilities=can)
    monkeypatch.setattr(registry, "_OURS", (*registry._OURS, spec))
    usual = registry.create
    monkeypatch.setattr(registry, "create", lambda name, **o: engine if name == "finder" else usual(name, **o))
    driver = open_driver((numbered(FRAMES).copy(), {"contrast_limits": (0, 255), "name": "stack"}), show=False)
    controller = driver.widget.controller
    controller.model.choose_engine("finder")
    controller.choose_task(Task.VIDEO)
    controller.choose_prompt(PromptKind.TEXT)
    driver.viewer.dims.set_current_step(0, 1)
    driver.wait_until_idle()
    return driver, engine


def ask(driver, words: str) -> None:
    """Type words and press Enter."""
    field = driver.widget.simple.prompt.text
    field.clear()
    QTest.keyClicks(field, words)
    QTest.keyClick(field, Qt.Key.Key_Return)
    driver.pump(0.05)
    rest(driver)


def numbers(driver) -> list[list[int]]:
    return [sorted(set(np.unique(frame).tolist()) - {0}) for frame in followed(driver)]


def test_a_phrase_finds_and_follows_objects_on_all_frames_and_rows_name_it(finding):
    driver, engine = finding
    prompt = driver.widget.simple.prompt
    assert prompt.kinds[PromptKind.TEXT].isEnabled()
    assert prompt.text.isVisibleTo(driver.widget)
    assert not prompt.threshold.isVisibleTo(driver.widget)
    assert prompt.hint.text() == WORDS_HINT
    assert not driver.widget.simple.run.run.isEnabled()

    ask(driver, "cell, rod")

    assert engine.queries == [["cell", "rod"]]
    assert driver.state.run.message.startswith("Preview ready: 3 objects on 6 frames.")
    assert [len(frame) for frame in numbers(driver)] == [2, 2, 2, 3, 3, 3]
    rows = driver.state.results.rows
    assert {row.prompt for row in rows} == {"cell", "rod"}
    assert sum(row.prompt == "rod" for row in rows) == FRAMES
    assert driver.widget.simple.run.go_on.isEnabled()
    driver.widget.controller.board.undo()
    assert driver.widget.controller.propagation.tracks is None


def test_a_click_corrects_an_object_that_words_have_found(finding):
    driver, engine = finding
    ask(driver, "cell, rod")
    controller = driver.widget.controller
    before = followed(driver).copy()
    controller.choose_prompt(PromptKind.POINTS)
    controller.arm()
    driver.viewer.dims.set_current_step(0, 2)
    driver.pump(0.05)
    object_id = int(before[2, 20].max())
    add(driver, 21, int(np.flatnonzero(before[2, 20])[1]))

    controller.propagation.go_on()
    rest(driver)

    assert driver.state.run.phase is not Phase.FAILED, driver.state.run.message
    assert engine.asked["prompt"] == 1
    assert object_id not in controller.propagation.video.by_words
    assert controller.propagation.tracks.ids == set(np.unique(before)) - {0}
    assert all(np.array_equal(followed(driver)[k] == 1, before[k] == 1) for k in range(FRAMES))
    controller.board.undo()
    assert np.array_equal(followed(driver), before)


def test_an_object_that_is_removed_does_not_come_back_and_other_words_begin_anew(finding):
    driver, engine = finding
    ask(driver, "cell, rod")
    controller = driver.widget.controller
    controller.propagation.remove(1)
    driver.state.task.text = "nucleus"

    controller.propagation.go_on()
    driver.pump(0.05)

    assert "Other words begin a new session." in driver.state.run.message
    assert not any(1 in frame for frame in numbers(driver))
    ask(driver, "nucleus")
    assert engine.queries[-1] == ["nucleus"]
    assert driver.state.results.undo == "3D propagation"


def test_words_are_cancelled_and_propagate_goes_on_with_them(finding):
    driver, _ = finding
    controller = driver.widget.controller
    driver.state.task.text = "cell"
    controller.run()
    driver.wait(lambda: driver.state.video.done >= 1, "a frame")
    controller.cancel()
    rest(driver)
    done = driver.state.video.done

    if done < FRAMES:
        controller.propagation.go_on()
        rest(driver)

    assert driver.state.video.done == FRAMES


def test_with_an_engine_that_finds_nothing_in_films_the_tip_says_what_to_do(finding):
    driver, _ = finding
    controller = driver.widget.controller
    button = driver.widget.simple.prompt.kinds[PromptKind.TEXT]

    controller.model.choose_engine("builtin")
    driver.wait_until_idle()
    driver.pump(0.05)

    assert (button.isEnabled(), driver.state.task.kind) == (False, PromptKind.POINTS)
    assert "with the task Text" in button.toolTip() and NO_WORDS.split(".")[0] in button.toolTip()


def test_words_outside_the_range_and_over_two_axes_are_refused_before_anything_is_asked(finding):
    driver, engine = finding
    driver.state.task.first_frame = 3

    ask(driver, "cell")

    assert "Frame 1 lies outside the range of frames 3 to 5." in driver.state.run.message
    driver.state.task.first_frame = 0
    four = np.zeros((2, FRAMES, 40, 40), np.uint8)
    driver.viewer.add_image(four, axis_labels=("t", "z", "y", "x"), name="volumes")
    driver.widget.controller.choose_image(str(driver.viewer.layers["volumes"].unique_id))
    driver.state.task.through = "z, at each t"
    driver.pump(0.05)
    ask(driver, "cell")
    assert "one axis at a time" in driver.state.run.message
    assert not engine.queries


@pytest.mark.timeout(400)
def test_sam3_in_its_own_process_looks_for_words_on_all_frames(open_driver, sam3_folder, tmp_path, monkeypatch):
    driver = open_driver((film(4), {}), show=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("napari_sam3_assistant.demo.driver.TIMEOUT_S", PATIENCE_S)
    controller = driver.widget.controller
    controller.model.choose_folder(sam3_folder)
    driver.wait(lambda: driver.state.model.loaded, "SAM3")
    driver.wait(lambda: not driver.state.run.background_works, "The reading")
    driver.wait_until_idle()
    controller.choose_task(Task.VIDEO)
    controller.choose_prompt(PromptKind.TEXT)

    ask(driver, "nucleus, cell")

    assert driver.state.run.message.startswith("Preview ready:"), driver.state.run.message
    assert {row.prompt for row in driver.state.results.rows} <= {"nucleus", "cell"}
    assert len(driver.state.results.rows) == sum(map(len, map(controller.propagation.tracks.on, range(4))))
