"""The table of objects, linked with the canvas; copying, exporting; and the log."""

from __future__ import annotations

import csv
import time

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QFileDialog

from napari_sam3_assistant.app.drafts import Draft
from napari_sam3_assistant.core.errors import SaveError
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.layers.world import camera_of
from napari_sam3_assistant.masks.registry import Objects
from tests.conftest import squares
from tests.e2e.hands import add, several

CENTERS = {1: (34.5, 34.5), 2: (34.5, 94.5), 3: (94.5, 34.5)}


def records(driver):
    return driver.widget.simple.records


def table(driver):
    return records(driver).table.table


def seen(driver) -> list[list[str]]:
    """What the table shows."""
    driver.pump(0.05)
    model = table(driver).model()
    columns = range(model.columnCount())
    return [[str(model.index(row, column).data()) for column in columns] for row in range(model.rowCount())]


def click(driver, row: int) -> None:
    """Click on a row of the table."""
    view = table(driver)
    place = view.visualRect(view.model().index(row, 3)).center()
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    driver.wait_until_idle()


def selected_rows(driver) -> list[int]:
    driver.pump(0.05)
    return [index.row() for index in table(driver).selectionModel().selectedRows()]


def make_objects(driver, ids=(1, 2, 3)) -> None:
    for id in ids:
        driver.widget.controller.board.begin_object()
        add(driver, *CENTERS[id])


@pytest.fixture
def opened(open_again):
    """Return a function that opens a picture with the table open."""

    def opened(*layers):
        driver = open_again(*layers)
        records(driver).open_table.click()
        driver.pump(0.1)
        return driver

    return opened


def test_rows_follow_the_objects_of_the_plane_on_screen(opened):
    driver = opened((np.stack([several(), several()]), {"name": "cells", "scale": (2, 0.5, 0.5)}))
    viewer = driver.viewer
    viewer.dims.set_current_step(0, 0)
    make_objects(driver, (1, 2))

    assert [[*row[:4], row[5]] for row in seen(driver)] == [
        ["cells", "points", "0", str(id), str(driver.state.results.objects[id].mask.area)] for id in (1, 2)
    ]
    assert all(len(row[4].split(".")[1]) == 3 for row in seen(driver))
    viewer.dims.set_current_step(0, 1)
    assert seen(driver) == [] and table(driver).hint.text() == "No objects yet."
    make_objects(driver, (3,))
    assert [row[2:4] for row in seen(driver)] == [["1", "1"]]
    driver.widget.controller.board.delete_object()
    assert seen(driver) == []
    driver.widget.controller.board.undo()
    assert len(seen(driver)) == 1
    records(driver).table.all_planes.click()
    assert [row[2:4] for row in seen(driver)] == [["0", "1"], ["0", "2"], ["1", "1"]]
    assert records(driver).open_table.text() == "Table (3)"


def test_a_click_on_a_row_shows_the_object_and_the_selected_object_is_the_selected_row(opened):
    driver = opened((several(), {"name": "cells", "scale": (0.5, 0.5), "translate": (7, 3)}))
    make_objects(driver)
    assert selected_rows(driver) == [2]
    camera = camera_of(driver.viewer)
    camera.zoom = 1000

    click(driver, 0)

    layer = driver.viewer.layers["cells"]
    assert driver.state.results.selected == 1 and selected_rows(driver) == [0]
    assert np.allclose(layer.world_to_data(camera.center[-2:]), CENTERS[1], atol=1)
    height, _ = driver.widget.controller.here().view.shape
    assert height > 30, "the whole object is in view"
    driver.click(layer, *CENTERS[1])  # it can be corrected at once
    assert len(driver.state.results.objects) == 3
    QTest.keyClick(table(driver), Qt.Key.Key_Down)
    driver.wait_until_idle()
    assert driver.state.results.selected == 2 and np.allclose(
        layer.world_to_data(camera.center[-2:]), CENTERS[2], atol=1
    )
    driver.widget.controller.board.walk(1)
    assert selected_rows(driver) == [2]
    driver.widget.controller.board.begin_object()
    assert selected_rows(driver) == []


def test_a_zoom_at_which_the_object_is_well_seen_stays(opened):
    driver = opened((several(), {"name": "cells"}))
    make_objects(driver, (1, 2))
    camera = camera_of(driver.viewer)
    camera.zoom = 3

    click(driver, 0)

    assert camera.zoom == 3


def test_a_row_of_another_slice_and_picture_brings_them_on_screen(opened):
    driver = opened((np.stack([several()] * 3), {"name": "first", "scale": (2, 1, 1), "translate": (5, 0, 0)}))
    viewer = driver.viewer
    viewer.dims.set_current_step(0, 2)
    make_objects(driver, (1, 2))
    viewer.add_image(squares(), name="second", translate=(200, 200))
    driver.wait_until_idle()
    driver.widget.controller.choose_image(str(viewer.layers["second"].unique_id), arm=True)
    records(driver).table.all_planes.click()
    viewer.dims.set_current_step(0, 0)
    viewer.dims.order = (1, 0, 2)
    assert [row[0] for row in seen(driver)] == ["first", "first"]

    click(driver, 1)

    results, here = driver.state.results, driver.widget.controller.here()
    assert here.layer.name == "first" and here.plane.index == ((0, 2),) and viewer.dims.displayed == (1, 2)
    assert results.selected == 2 and selected_rows(driver) == [1]


def test_rows_are_sorted_by_value_and_stay_linked(opened):
    driver = opened((several(), {"name": "cells"}))
    board = driver.widget.controller.board
    objects = Objects()
    for id, side in enumerate((3, 30, 10, 4), 1):
        objects = objects.put(id, PlacedMask(np.ones((side, side), bool), (20, 20)), score=side / 100)
    board.put(board.place, Draft(objects, selected=3))
    board.draw()

    driver.pump(0.05)
    table(driver).sortByColumn(5, Qt.SortOrder.DescendingOrder)

    assert [row[5] for row in seen(driver)] == ["900", "100", "16", "9"] and selected_rows(driver) == [1]
    click(driver, 3)
    assert driver.state.results.selected == 1
    board.change(lambda draft: draft.without([2]))
    assert [row[5] for row in seen(driver)] == ["100", "16", "9"] and selected_rows(driver) == [2]


def test_thousands_of_rows_do_not_slow_the_table_down(opened):
    driver = opened((np.zeros((2048, 2048), np.uint8), {"name": "cells"}))
    controller = driver.widget.controller
    board, mask = controller.board, np.ones((20, 20), bool)
    objects = Objects()
    items = [PlacedMask(mask, (k // 80 * 25, k % 80 * 25)) for k in range(5000)]
    for id, one in enumerate(items[:1], 1):
        objects = objects.put(id, one)
    first = objects.items[0]
    many = tuple(type(first)(id, one, score=id / 5000, origin=first.origin) for id, one in enumerate(items, 1))
    board.put(board.place, Draft(Objects(many, 5001)))
    controller.listing.publish()
    driver.pump(0.1)
    assert table(driver).model().rowCount() == 5000

    board.put(board.place, Draft(Objects(many[:-1], 5001), selected=17))
    start = time.perf_counter()
    controller.listing.publish()
    driver.widget._draw()
    table(driver).sortByColumn(4, Qt.SortOrder.DescendingOrder)
    whole = time.perf_counter() - start

    assert table(driver).model().rowCount() == 4999 and selected_rows(driver) == [4982]
    assert whole < 1


def test_cleared_results_come_back_only_where_an_object_changes(opened):
    driver = opened((several(), {"name": "cells"}))
    make_objects(driver, (1, 2))
    clear = driver.widget.simple.run.clear_results
    driver.pump(0.05)

    clear.click()

    assert seen(driver) == [] and len(driver.state.results.objects) == 2 and "Cleared" in table(driver).hint.text()
    assert not records(driver).table.export.isEnabled() and not clear.isEnabled()
    driver.widget.controller.board.walk(1)
    assert seen(driver) == []
    layer = driver.viewer.layers[names.PREVIEW_LABELS]
    driver.widget.controller.board.select(2)
    add(driver, 70, 70)
    assert layer is not None and [row[3] for row in seen(driver)] == ["2"]


def test_the_table_is_copied_as_a_spreadsheet_takes_it(opened):
    driver = opened((several(), {"name": "cells"}))
    listing = driver.widget.controller.listing
    assert listing.copied() == "" and driver.state.run.message == "No results to copy."
    make_objects(driver, (1, 2))
    driver.pump(0.05)

    records(driver).table.copy.click()

    lines = QApplication.clipboard().text().splitlines()
    assert lines[0] == "Layer\tPrompt\tFrame\tObject ID\tScore\tArea\tStatus" and len(lines) == 3
    assert lines[1].split("\t")[:4] == ["cells", "points", "-", "1"]
    assert driver.state.run.message == "Copied 2 result row(s) to clipboard."


def exported(driver, monkeypatch, answer) -> list[str]:
    """Press Export CSV and answer the dialog; return what the dialog was asked."""
    asked = []

    def dialog(parent, title, start, kinds):
        asked.extend([title, start])
        return str(answer), kinds

    monkeypatch.setattr(QFileDialog, "getSaveFileName", dialog)
    driver.pump(0.05)
    records(driver).table.export.click()
    driver.wait(lambda: driver.state.run.message.startswith("Exported") or driver.state.run.hint, "The export")
    return asked


def test_the_table_is_exported_with_sizes_in_the_units_of_the_layer(opened, monkeypatch, tmp_path):
    driver = opened(
        (
            np.stack([several()] * 2),
            {"name": "cells", "scale": (2, 0.5, 0.25), "translate": (0, 100, 0), "units": ("s", "um", "um")},
        )
    )
    driver.viewer.dims.set_current_step(0, 1)
    make_objects(driver, (1, 2))
    path = tmp_path / "table.csv"
    monkeypatch.setenv("HOME", str(tmp_path))

    asked = exported(driver, monkeypatch, path)

    assert asked == ["Export SAM3 results", str(tmp_path / "sam3_results.csv")]
    assert driver.state.run.message == f"Exported 2 result row(s) to CSV: {path}."
    with open(path, encoding="utf-8", newline="") as file:
        first, second = csv.DictReader(file)
    area = driver.state.results.objects[1].mask.area
    assert (first["Frame"], first["Area"], float(first["Area (world)"])) == ("1", str(area), area * 0.125)
    assert first["Area unit"] == "micrometer^2" and first["Engine"] == "Built-in"
    assert float(first["Centroid row (world)"]) == pytest.approx(100 + 34.5 / 2, abs=0.3)
    assert float(second["Centroid column (world)"]) == pytest.approx(94.5 / 4, abs=0.3)
    assert (first["Top"], first["Left"], first["Bottom"], first["Right"]) == ("20", "20", "50", "50")


def test_what_an_export_leaves_out_is_said(opened, monkeypatch, tmp_path):
    driver = opened((np.stack([several()] * 2), {"name": "cells"}))
    driver.viewer.dims.set_current_step(0, 0)
    make_objects(driver, (1, 2))
    driver.viewer.dims.set_current_step(0, 1)
    make_objects(driver, (1,))

    exported(driver, monkeypatch, tmp_path / "one.csv")
    assert driver.state.run.message.endswith("one.csv. Of the objects of all planes, 2 are not listed.")
    records(driver).table.all_planes.click()
    exported(driver, monkeypatch, tmp_path / "all.csv")
    driver.wait(lambda: "all.csv" in driver.state.run.message, "The export")

    assert driver.state.run.message.endswith("all.csv.")
    assert len((tmp_path / "all.csv").read_text().splitlines()) == 4


def test_an_export_replaces_no_file_that_the_dialog_did_not_ask_about(opened, monkeypatch, tmp_path):
    driver = opened((several(), {"name": "cells"}))
    make_objects(driver, (1,))
    (tmp_path / "mine.csv").write_text("mine")

    exported(driver, monkeypatch, tmp_path / "mine")

    assert (tmp_path / "mine.csv").read_text() == "mine"
    assert driver.state.run.message == "mine.csv is there already." and driver.state.run.hint
    assert driver.state.activity.lines[-1].problem


def test_the_log_is_folded_until_it_is_wanted_and_tells_what_lay_behind_an_error(open_again):
    driver = open_again((several(), {"name": "cells"}))
    log = records(driver).log
    assert not log.isVisible() and not table(driver).isVisible()
    error = SaveError("The disk is full.", hint="Free some space.")
    error.__cause__ = OSError(28, "No space left on device")

    driver.widget.controller.status.fail(error)
    records(driver).open_log.click()
    driver.pump(0.1)

    assert log.isVisible() and log.isReadOnly()
    assert "Problem: The disk is full. Free some space.\n    OSError" in log.toPlainText()
    for number in range(300):
        driver.widget.controller.status.idle(f"line {number}")
    driver.pump(0.1)
    lines = log.toPlainText().splitlines()
    assert len(lines) == 200 and lines[-1].endswith("line 299")
    records(driver).log_panel.copy.click()
    copied = QApplication.clipboard().text()
    assert copied.count("line ") == 300 and "No space left on device" in copied


def test_what_is_opened_is_brought_into_view_on_a_small_laptop(make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1366, 768)
    viewer.add_image(several(), name="cells")
    _, widget = viewer.window.add_plugin_dock_widget("napari-sam3-assistant", "SAM3 Assistant")
    qtbot.wait(300)

    widget.simple.records.open_table.click()

    qtbot.wait(400)  # laid out
    export = widget.simple.records.table.export
    assert export.visibleRegion().boundingRect().height() == export.height()
