"""Quality at a glance in a real viewer: doubtful frames are gone to, corrected or confirmed, and told in a file."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_sam3_assistant.layers import names
from napari_sam3_assistant.tasks.frames import Direction
from tests.e2e.hands import add
from tests.e2e.test_propagation import begin, film, followed, rest, truth

FAULT, FRAMES = 5, 10


@pytest.fixture
def doubtful(open_driver):
    """A square that was followed from frame 0, and runs out into its surroundings on one frame."""
    data = film(FRAMES)
    drift = 2 * FAULT
    data[FAULT, 5 + drift : 35 + drift, 10:45] = 200
    driver = open_driver((data, {"scale": (2, 0.5, 0.5), "name": "film"}))
    begin(driver, 0, (20, 20))
    driver.state.task.direction = Direction.FORWARD
    driver.widget.controller.run()
    rest(driver)
    settle(driver)
    return driver


def settle(driver) -> None:
    """Let the strip follow."""
    driver.pump(0.3)


def marks(driver) -> dict[int, list[int]]:
    """By object, the frames that are marked."""
    found = {one.object_id: one.frames[one.doubtful].tolist() for one in driver.widget.controller.glance.strips}
    return {object_id: frames for object_id, frames in found.items() if frames}


def panel(driver):
    return driver.widget.simple.results.glance


def click(driver, frame: int, object_id: int = 1) -> None:
    strip = panel(driver).strip
    QTest.mouseClick(strip.viewport(), Qt.MouseButton.LeftButton, pos=strip.place_of(frame, object_id))
    settle(driver)


def at(driver) -> int:
    return int(driver.viewer.dims.current_step[0])


def test_a_doubtful_frame_is_gone_to_and_confirmed(doubtful):
    driver, shown = doubtful, panel(doubtful)
    assert list(marks(driver)) == [1] and FAULT in marks(driver)[1]
    assert shown.isVisible() and shown.next.isEnabled()

    click(driver, 2)
    assert (at(driver), driver.widget.controller.glance.chosen) == (2, 1)
    shown.next.click()
    settle(driver)
    assert at(driver) == marks(driver)[1][0]
    assert "Doubtful: " in driver.state.run.message
    for frame in marks(driver)[1]:
        menu = shown.menu_of(frame, 1)
        menu.actions()[0].trigger()
        settle(driver)

    assert marks(driver) == {}
    assert (shown.next.isEnabled(), shown.text.text()) == (False, "No doubtful frame.")
    driver.widget.controller.board.undo()
    settle(driver)
    assert marks(driver)


def test_a_correction_that_is_propagated_clears_the_marks(doubtful):
    driver = doubtful
    (wrong,) = marks(driver)[1]
    click(driver, wrong)
    layer, shift = driver.viewer.layers[names.PROPAGATED], 2 * FAULT
    outside = np.zeros(layer.data.shape, bool)
    outside[FAULT] = (layer.data[FAULT] > 0) & ~truth(FAULT)
    layer.data_setitem(np.nonzero(outside), 0)
    driver.pump(0.1)

    driver.widget.simple.run.go_on.click()
    rest(driver)
    settle(driver)

    assert wrong == FAULT
    assert marks(driver) == {}
    assert followed(driver)[FAULT, 10 + shift : 30 + shift, 10:30].mean() > 0.9
    assert not followed(driver)[FAULT][~truth(FAULT)].any()


def test_an_object_is_taken_away_from_all_frames_by_the_menu(doubtful):
    driver = doubtful
    menu = panel(driver).menu_of(2, 1)
    first, last = (int(one.text().split("(")[1].rstrip(")")) for one in menu.actions()[1:3])
    assert (first, last) == (0, FRAMES - 1)
    menu.actions()[2].trigger()
    assert at(driver) == last

    menu.actions()[-1].trigger()
    settle(driver)

    assert driver.widget.controller.glance.strips == ()
    assert not followed(driver).any()
    assert not panel(driver).isVisible()


def test_the_rows_are_exported_whole_with_what_is_doubtful_and_why(doubtful, tmp_path):
    driver = doubtful
    driver.widget.controller.listing.export(tmp_path / "rows.csv")
    driver.wait(lambda: "Exported" in driver.state.run.message, "The file")

    with open(tmp_path / "rows.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))

    assert [row["Frame"] for row in rows] == [str(frame) for frame in range(FRAMES)]
    assert [row["Said"] for row in rows] == ["yes"] + ["no"] * (FRAMES - 1)
    assert [int(row["Frame"]) for row in rows if row["Doubtful"] == "yes"] == marks(driver)[1]
    assert all(bool(row["Why"]) == (row["Doubtful"] == "yes") for row in rows)
    assert [float(row["Area (world)"]) for row in rows] == [int(row["Area"]) / 4 for row in rows]


def test_frames_that_are_read_no_more_are_told_and_points_of_the_other_object_begin_its_own_row(open_driver):
    class Damaged:
        def __init__(self, data):
            self.data, self.shape, self.dtype, self.ndim = data, data.shape, data.dtype, data.ndim

        def __getitem__(self, key):
            if isinstance(key, tuple) and key[0] == 6:
                raise OSError("a block is damaged")
            return self.data[key]

    driver = open_driver((Damaged(film()), {"contrast_limits": (0, 255)}), show=False)
    begin(driver, 0, (20, 20))
    add(driver, 60, 30)
    driver.widget.controller.run()
    rest(driver)
    settle(driver)

    glance = driver.widget.controller.glance
    assert [one.object_id for one in glance.strips] == [1, 2] or len(glance.strips) == 1
    assert list(glance.unread) == [6]
    assert "could not be read" in glance.said_of(6, 1)
