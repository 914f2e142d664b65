"""Bad input: a clear message, and nothing lost."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import dask.array as da
import numpy as np
import pytest

from napari_sam3_assistant.app.state import Phase
from napari_sam3_assistant.layers import names
from tests.conftest import squares
from tests.e2e.conftest import our_threads


def with_holes() -> np.ndarray:
    picture = squares().astype(np.float32)
    picture[::7, ::5] = np.nan
    picture[3, 3], picture[4, 4] = np.inf, -np.inf
    return picture


PICTURES = {
    "NaN and infinities": (with_holes(), {}),
    "bool": (squares() > 100, {}),
    "float16": (squares().astype(np.float16), {}),
    "16 bit": (squares().astype(np.uint16) * 100, {}),
    "negative": (squares().astype(np.int16) - 300, {}),
    "RGB": (np.stack([squares()] * 3, -1), {"rgb": True}),
    "RGBA": (np.stack([squares()] * 4, -1), {"rgb": True}),
    "channel first": (np.stack([squares()] * 2), {}),
    "5-D": (np.broadcast_to(squares(), (2, 2, 2, 128, 128)), {}),
    "lazy": (da.from_array(squares(), chunks=50), {"contrast_limits": (0, 255)}),
    "pyramid": ([squares(), squares()[::2, ::2]], {"multiscale": True}),
}


@pytest.mark.parametrize("kind", PICTURES)
def test_pictures_of_every_kind_are_segmented(open_driver, kind):
    data, options = PICTURES[kind]
    driver = open_driver((data, options))
    points = driver.viewer.layers[names.POINTS]
    at = [0] * (points.ndim - 2) + [35, 35]

    points.add(at)
    driver.wait_until_idle()

    mask = driver.state.results.current.segmentation.mask
    assert mask.value_at(35, 35) and 600 < mask.area < 1300


@pytest.mark.parametrize("data", [np.full((60, 60), 7.0), np.zeros((1, 1)), np.zeros((60, 60), np.uint8)], ids=str)
def test_pictures_without_anything_to_see_are_answered_without_a_fault(open_driver, data):
    driver = open_driver((data, {"contrast_limits": (0, 10)}))

    driver.viewer.layers[names.POINTS].add([0, 0])
    driver.wait_until_idle()

    assert driver.state.results.current.segmentation.mask.value_at(0, 0)


def test_without_an_image_three_buttons_are_shown_and_a_sample_is_one_click_away(open_driver):
    driver = open_driver()
    start = driver.widget.start
    assert start.isVisible() and not driver.widget.simple.isVisible()
    assert [one.text() for one in (start.sample, start.use_image, start.get_sam3)] == [
        "Try a sample",
        "Use this image",
        "Get SAM3",
    ]
    assert not start.use_image.isEnabled() and start.use_image.toolTip()

    start.get_sam3.click()
    driver.pump(0.1)
    assert driver.widget.get_sam3.isVisible() and not driver.widget.get_sam3.isModal()
    start.sample.click()
    driver.pump(0.1)

    assert driver.widget.simple.isVisible() and driver.state.task.armed


def test_an_image_deleted_during_a_run_is_said_and_the_points_stay(open_driver):
    driver = open_driver((np.tile(squares(256), (8, 8)), {"name": "large"}))
    driver.viewer.layers[names.POINTS].add([35, 35])
    driver.wait(lambda: driver.state.run.phase is Phase.RUNNING, "The run")

    driver.viewer.layers.remove("large")
    driver.pump(0.5)

    assert "removed" in driver.state.run.message and driver.state.task.image is None
    assert len(driver.viewer.layers[names.POINTS].data) == 1
    assert not driver.viewer.layers[names.PREVIEW_LABELS].data.any()


def test_a_viewer_closed_during_a_run_ends_everything(open_driver):
    driver = open_driver((np.tile(squares(256), (8, 8)), {}))
    driver.viewer.layers[names.POINTS].add([35, 35])
    driver.wait(our_threads, "The run")

    driver.viewer.close()
    driver.pump(0.5)

    assert not our_threads()


def test_a_lazy_picture_that_fails_says_so_and_works_again_later(open_driver):
    broken = [True]

    def block(values):
        if broken[0]:
            raise OSError("the server is gone")
        return values

    lazy = da.from_array(np.tile(squares(256), (16, 16)), chunks=256)
    picture = lazy.map_blocks(block, dtype=np.uint8, meta=np.zeros((0, 0), np.uint8))
    broken[0] = False
    driver = open_driver((picture, {"contrast_limits": (0, 255), "name": "slide", "cache": False}))
    broken[0] = True
    driver.viewer.layers["slide"].visible = False
    points = driver.viewer.layers[names.POINTS]

    points.add([35, 35])
    driver.wait(lambda: driver.state.run.phase is Phase.FAILED, "A message")
    assert "slide could not be read" in driver.state.run.message and "the server is gone" in driver.state.run.message
    assert driver.state.run.hint and len(points.data) == 1
    broken[0] = False
    points.add([36, 36])
    driver.wait_until_idle()

    assert driver.state.results.current.segmentation.mask.value_at(35, 35)


def saved_folder(driver, folder) -> None:
    driver.click(driver.viewer.layers[0], 35, 35)
    driver.state.output.folder = str(folder)
    driver.widget.simple.results.saving.save.click()
    driver.wait(lambda: not driver.state.output.saving, "The end of saving")
    driver.pump(0.05)


def test_save_writes_a_file_and_says_where_and_never_overwrites(open_driver, tmp_path):
    import tifffile

    driver = open_driver((squares(), {"name": "scan_0.5um.tif", "scale": (0.5, 0.5), "units": ("micrometer",) * 2}))

    saved_folder(driver, tmp_path / "new folder")
    first = driver.state.output.saved
    saved_folder(driver, tmp_path / "new folder")

    assert [first.name, driver.state.output.saved.name] == ["scan_0.5um_mask_01.tif", "scan_0.5um_mask_02.tif"]
    assert str(driver.state.output.saved) in driver.state.run.message
    labels = tifffile.imread(first)
    assert labels.shape == (128, 128) and labels[35, 35] == 1 and labels[0, 0] == 0
    with tifffile.TiffFile(first) as file:
        assert file.pages[0].tags["XResolution"].value != (1, 1)


def test_a_folder_that_cannot_be_written_is_said_and_the_mask_stays(open_driver, tmp_path):
    (tmp_path / "in the way").write_text("a file")
    driver = open_driver((squares(), {}))

    saved_folder(driver, tmp_path / "in the way")

    assert driver.state.run.phase is Phase.FAILED and driver.state.run.hint
    assert driver.state.output.saved is None and driver.state.results.current is not None
    assert (tmp_path / "in the way").read_text() == "a file"
    assert driver.widget.simple.results.saving.save.isEnabled()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk takes root")
def test_a_full_disk_is_said_and_leaves_nothing_behind(open_driver, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "none", str(disk)], check=False)
    if mounted.returncode:
        pytest.skip("no small disk can be mounted here")
    try:
        (disk / "full").write_bytes(b"x" * 4096)
        driver = open_driver((squares(), {}))

        saved_folder(driver, disk)

        assert driver.state.run.phase is Phase.FAILED and driver.state.run.hint
        assert [path.name for path in disk.iterdir()] == ["full"]
        assert driver.state.results.current is not None
        saved_folder(driver, tmp_path / "elsewhere")
        assert Path(driver.state.output.saved).is_file()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_two_widgets_of_one_viewer_are_one_assistant(open_driver):
    from napari_sam3_assistant.widgets.main_widget import MainWidget

    driver = open_driver((squares(), {}))
    second = MainWidget(driver.viewer)
    second.show()
    try:
        assert second.state is driver.state
        driver.click(driver.viewer.layers[0], 35, 35)
        assert "1 object" in second.simple.results.summary.text()
    finally:
        second.close()
    assert our_threads(), "the first one still works"
    driver.click(driver.viewer.layers[0], 95, 95)


def test_two_viewers_do_not_disturb_each_other(open_driver):
    # Not shown: two canvases in one process are more than a virtual screen's OpenGL can draw.
    one, two = open_driver((squares(), {}), show=False), open_driver((squares()[::-1], {}), show=False)
    assert one.state is not two.state

    one.viewer.layers[names.POINTS].add([35, 35])
    one.wait_until_idle()
    assert one.state.results.current is not None and two.state.results.current is None
    two.viewer.layers[names.POINTS].add([92, 35])
    one.viewer.close()
    one.pump(0.2)
    two.viewer.layers[names.POINTS].add([93, 36])
    two.wait_until_idle()

    assert len(two.state.results.current.prompts.points) == 2
    assert two.state.results.current.segmentation.mask.value_at(93, 36)


def test_closing_the_widget_lets_go_of_the_viewer(open_driver):
    driver = open_driver((squares(), {}))
    viewer = driver.viewer
    driver.click(viewer.layers[0], 35, 35)
    points = viewer.layers[names.POINTS]

    def callbacks() -> list[str]:
        emitters = [
            *(viewer.layers.events[name] for name in ("inserted", "removed", "reordered", "renamed")),
            viewer.layers.selection.events.active,
            viewer.dims.events.point,
            viewer.dims.events.order,
            points.events.data,
            points.events.feature_defaults,
            viewer.layers[0].events.data,
        ]
        found = [str(callback) for emitter in emitters for callback in emitter.callbacks]
        return [one for one in found if "napari_sam3_assistant" in one or "LivePoints" in one or "ViewerEvents" in one]

    assert callbacks()
    viewer.window.remove_dock_widget("all")
    driver.pump(0.3)

    assert not our_threads() and not callbacks()
    assert [layer.name for layer in viewer.layers][-1] == names.POINTS, "layers stay"
