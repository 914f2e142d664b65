"""Accepted objects in the table: listed, shown, exported, measured as they are painted now."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from napari_sam3_assistant.app.drafts import Draft
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.layers.accepted import accepted_layer
from napari_sam3_assistant.layers.world import camera_of
from napari_sam3_assistant.masks.registry import Objects, Origin
from tests.conftest import squares
from tests.e2e.hands import several

MARKED = "\N{CHECK MARK} {}"


def table(driver):
    return driver.widget.simple.records.table.table


def seen(driver) -> list[list[str]]:
    """What the table shows of each row: frame, object, area."""
    driver.pump(0.05)
    model = table(driver).model()
    return [[str(model.index(row, at).data()) for at in (2, 3, 5)] for row in range(model.rowCount())]


def put(driver, *sides: int) -> None:
    """Put squares of these sides on the board, side by side."""
    board, objects = driver.widget.controller.board, Objects()
    for at, side in enumerate(sides):
        mask = PlacedMask(np.ones((side, side), bool), (10, 10 + 40 * at))
        origin = Origin("cells", "nucleus", engine="builtin")
        objects = objects.add(mask, score=0.5 + at / 10, class_name="nucleus", origin=origin)
    board.put(board.place, Draft(objects))
    board.draw()


@pytest.fixture
def driver(open_again):
    driver = open_again((np.stack([several()] * 2), {"name": "cells", "scale": (1, 0.5, 0.5)}))
    driver.viewer.dims.set_current_step(0, 0)
    driver.pump(0.05)
    driver.widget.simple.records.open_table.click()
    return driver


def test_accepted_objects_stay_in_the_table_until_the_acceptance_is_taken_back(driver, tmp_path):
    accepting = driver.widget.controller.accepting
    put(driver, 10, 20)

    accepting.accept(clear=True, ids=[1])

    assert seen(driver) == [["0", "2", "400"], ["0", MARKED.format(1), "100"]]
    driver.viewer.dims.set_current_step(0, 1)
    assert seen(driver) == []
    driver.widget.simple.records.table.all_planes.click()
    assert len(seen(driver)) == 2
    driver.viewer.layers["cells"].name = "renamed"
    driver.pump(0.05)
    assert [row.layer for row in driver.state.results.rows] == ["renamed"] * 2
    driver.widget.controller.listing.export(tmp_path / "all.csv")
    driver.wait(lambda: "Exported" in driver.state.run.message, "The export")
    with open(tmp_path / "all.csv", encoding="utf-8", newline="") as file:
        _, row = csv.DictReader(file)
    assert (row["Status"], row["Class"], row["Prompt"], row["Engine"]) == ("accepted", "nucleus", "nucleus", "Built-in")
    assert (row["Score"], row["Area"], float(row["Area (world)"]), row["Frame"]) == ("0.5", "100", 25, "0")
    accepting.undo_last()
    assert [row[1] for row in seen(driver)] == ["2"]


def test_an_object_accepted_and_still_in_the_preview_is_one_row(driver):
    accepting, board = driver.widget.controller.accepting, driver.widget.controller.board
    put(driver, 10, 20)

    accepting.accept(clear=False)

    assert [row[1] for row in seen(driver)] == [MARKED.format(1), MARKED.format(2)]
    board.select(2)
    driver.pump(0.05)
    assert driver.state.results.row.area == 400
    board.change(lambda draft: draft.with_painted(draft.objects.replace(2, mask=PlacedMask(np.ones((5, 5), bool)))))
    assert sorted(row[1:] for row in seen(driver)) == sorted([[MARKED.format(1), "100"], ["2", "25"]])
    accepting.undo_last()
    assert sorted(row[1:] for row in seen(driver)) == [["1", "100"], ["2", "25"]]
    accepting.accept(clear=False)
    assert [row[1] for row in seen(driver)] == [MARKED.format(3), MARKED.format(4)], "they can be accepted again"


def test_a_click_on_an_accepted_row_shows_it_and_keeps_the_row_selected(driver):
    put(driver, 10, 20)
    driver.widget.controller.accepting.accept(clear=True)
    driver.widget.simple.records.table.all_planes.click()
    driver.viewer.dims.set_current_step(0, 1)
    driver.pump(0.05)

    table(driver).chosen.emit(driver.state.results.rows[1])

    driver.pump(0.05)
    layer = driver.viewer.layers["cells"]
    assert driver.viewer.dims.current_step[0] == 0
    assert np.allclose(camera_of(driver.viewer).center[-2:], layer.data_to_world((0, 20, 60))[-2:], atol=0.5)
    assert [index.row() for index in table(driver).selectionModel().selectedRows()] == [1]
    assert accepted_layer(driver.viewer, layer).selected_label == 2
    assert driver.state.run.message == "Accepted object 2: 400 px."


def test_accepted_rows_follow_the_brush_and_go_with_their_pixels(driver):
    put(driver, 10, 20)
    driver.widget.controller.accepting.accept(clear=True)
    layer = accepted_layer(driver.viewer, driver.viewer.layers["cells"])

    layer.data_setitem((np.zeros(5, int), np.arange(60, 65), np.full(5, 12)), 1)
    layer.fill((0, 15, 60), 0)

    driver.wait(lambda: len(driver.state.results.rows) == 1, "The rows")
    assert seen(driver) == [["0", MARKED.format(1), "105"]]
    driver.viewer.layers.remove(layer)
    assert seen(driver) == []


def test_rows_go_with_their_image_also_where_it_is_not_in_use_and_the_status_says_so(driver):
    put(driver, 10, 20)
    driver.widget.controller.accepting.accept(clear=True, ids=[1])
    other = driver.viewer.add_image(squares(), name="other")
    driver.widget.controller.choose_image(str(other.unique_id))
    put(driver, 7)
    driver.widget.simple.records.table.all_planes.click()
    assert len(seen(driver)) == 3

    driver.viewer.layers.remove("cells")

    assert [row[1:] for row in seen(driver)] == [["1", "49"]]
    driver.widget.controller.status.idle("Object 1 selected.")
    driver.viewer.layers.remove("other")
    assert driver.state.results.rows == () and driver.state.run.message == "The image other was removed."
