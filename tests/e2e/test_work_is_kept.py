"""What a user did to a mask by hand is saved, and never taken away unasked."""

from __future__ import annotations

import numpy as np
import tifffile

from napari_sam3_assistant.layers import names
from tests.conftest import squares


def saved(driver, folder):
    driver.state.output.folder = str(folder)
    driver.widget.simple.results.saving.save.click()
    driver.wait(lambda: not driver.state.output.saving, "The end of saving")
    driver.pump(0.05)
    return driver.state.output.saved


def paint(layer) -> None:
    layer.data[2:6, 2:6] = 7
    layer.refresh()


def test_save_writes_what_is_seen_painting_included(open_driver, tmp_path):
    driver = open_driver((squares(), {}))
    driver.click(driver.viewer.layers[0], 35, 35)
    paint(driver.viewer.layers[names.PREVIEW_LABELS])

    path = saved(driver, tmp_path)

    assert set(np.unique(tifffile.imread(path))) == {0, 1, 7}


def test_a_mask_painted_away_is_not_saved(open_driver, tmp_path):
    driver = open_driver((squares(), {}))
    driver.click(driver.viewer.layers[0], 35, 35)
    driver.viewer.layers[names.PREVIEW_LABELS].data[:] = 0

    assert saved(driver, tmp_path) is None
    assert "no mask" in driver.state.run.message and not list(tmp_path.iterdir())


def test_what_was_painted_is_an_object_that_the_next_click_leaves_alone(open_driver):
    driver = open_driver((squares(), {}))
    driver.click(driver.viewer.layers[0], 35, 35)
    paint(driver.viewer.layers[names.PREVIEW_LABELS])

    driver.click(driver.viewer.layers[0], 37, 37)

    assert {row.object_id: row.area for row in driver.state.results.rows}[7] == 16
    assert (driver.viewer.layers[names.PREVIEW_LABELS].data == 7).sum() == 16


def test_the_next_click_corrects_the_mask_as_it_was_painted(open_driver):
    driver = open_driver((squares(), {}))
    driver.click(driver.viewer.layers[0], 35, 35)
    layer = driver.viewer.layers[names.PREVIEW_LABELS]
    layer.data[layer.data == 0] = 1
    painted = layer.data.size

    result = driver.click(driver.viewer.layers[0], 37, 37)

    assert result.prompts.mask.mask.area == painted
    driver.widget.controller.board.undo()
    driver.wait_until_idle()
    assert driver.state.results.rows[0].area == painted, "one step back brings the painted mask back"


def test_clearing_takes_what_was_painted_away_until_undo_and_resetting_keeps_it(open_driver):
    driver = open_driver((squares(), {}))
    driver.click(driver.viewer.layers[0], 35, 35)
    paint(driver.viewer.layers[names.PREVIEW_LABELS])

    driver.widget.simple.run.clear_preview.click()
    driver.pump(0.05)

    assert names.PREVIEW_LABELS not in driver.viewer.layers and not driver.state.results.rows
    driver.widget.controller.board.undo()
    driver.wait_until_idle()
    assert (driver.viewer.layers[names.PREVIEW_LABELS].data == 7).sum() == 16
    driver.widget.simple.prompt.reset.click()
    driver.pump(0.05)
    assert [row.object_id for row in driver.state.results.rows] == [7]


def test_a_mask_that_was_not_touched_leaves_no_layer_behind(open_driver):
    driver = open_driver((squares(), {"name": "cells"}))
    for at in ((35, 35), (36, 36), (95, 95)):
        driver.click(driver.viewer.layers[0], *at)
    driver.widget.simple.prompt.reset.click()
    driver.pump(0.05)
    driver.click(driver.viewer.layers[0], 95, 95)

    assert [layer.name for layer in driver.viewer.layers] == ["cells", names.PREVIEW_LABELS, names.POINTS]


def test_a_deleted_preview_can_no_longer_be_saved(open_driver):
    driver = open_driver((squares(), {}))
    driver.click(driver.viewer.layers[0], 35, 35)

    driver.viewer.layers.remove(names.PREVIEW_LABELS)
    driver.pump(0.05)

    assert not driver.widget.simple.results.saving.save.isEnabled()
    assert driver.widget.simple.results.summary.text() == "No preview result yet."


def test_a_folder_of_spaces_is_no_folder_and_a_failed_save_leaves_none_behind(open_driver, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    driver = open_driver((squares(), {"name": "x"}))
    driver.click(driver.viewer.layers[0], 35, 35)

    path = saved(driver, "  ")
    assert path.parent == tmp_path / "home" / "SAM3 masks"
    assert saved(driver, "relative").is_absolute()
    assert saved(driver, tmp_path / "new" / ("y" * 300)) is None
    assert not (tmp_path / "new").exists()


def test_the_task_and_the_image_are_named_as_they_are_now(open_driver):
    driver = open_driver((squares(), {"name": "cells"}))
    driver.widget.simple.setup.tasks["2d"].click()
    driver.pump(0.05)
    assert driver.widget.simple.setup.summary.text().endswith("Current task: 2D.")

    driver.viewer.layers["cells"].name = "other"
    driver.pump(0.05)

    assert driver.widget.simple.setup.summary.text().startswith("other: 128 x 128")


def test_a_dock_opened_again_is_as_high_as_at_first(open_driver):
    driver = open_driver((squares(), {}))
    heights = [driver.widget.simple.parent().height()]
    viewer = driver.viewer
    for _ in range(3):
        viewer.window.remove_dock_widget("all")
        driver.pump(0.1)
        _, widget = viewer.window.add_plugin_dock_widget("napari-sam3-assistant", "SAM3 Assistant")
        shown = widget.simple.parent()
        driver.wait(lambda shown=shown: shown.height() == heights[0], f"A height of {heights[0]}")
        heights.append(shown.height())

    assert len(set(heights)) == 1 and heights[0] > 300, heights
