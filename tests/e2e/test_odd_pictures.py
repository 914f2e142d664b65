"""Pictures that are odd, damaged, or change under one's hands: a mask all the same, or what is wrong and what to do."""

from __future__ import annotations

import time

import dask.array as da
import napari
import numpy as np
import pytest
import tifffile
import zarr
from packaging.version import Version

from napari_sam3_assistant.app.state import Phase
from napari_sam3_assistant.layers import names
from tests.conftest import squares
from tests.e2e.hands import add, objects, points

AREA = 888
"""Of the mask of the first square."""
MORE_AXES = pytest.mark.skipif(
    Version(napari.__version__) < Version("0.8"), reason="napari 0.7.1 itself fails where a layer's data get more axes"
)


def line() -> np.ndarray:
    """One row of 100,000 pixels, 200 of them bright."""
    row = np.full((1, 100_000), 20, np.uint8)
    row[0, 400:600] = 200
    return row


def odd_pyramid(*shapes) -> list[np.ndarray]:
    """The squares on a plane of 301 x 257, and smaller copies of these shapes."""
    levels = []
    for shape in ((301, 257), *shapes):
        level = np.full(shape, 20, np.uint8)
        rows, cols = (np.array(shape) / (301, 257) * 110).astype(int)
        level[rows // 2 : rows, cols // 2 : cols] = 200
        levels.append(level)
    return levels


def open_next(driver, data, **options):
    """Open a picture in place of the one that is open, with Live Points ready."""
    driver.viewer.layers.clear()
    driver.wait_until_idle()
    layer = driver.viewer.add_image(data, **options)
    driver.wait_until_idle()
    return layer


def mask(driver):
    return driver.state.results.current.segmentation.mask


def point(driver, row, col) -> None:
    """Click where the sliders stand."""
    points(driver).add([*driver.viewer.dims.point[: points(driver).ndim - 2], row, col])
    driver.wait_until_idle()


def test_pictures_of_every_type_of_number_are_segmented(open_driver):
    grey = squares()
    kinds = {
        "int8": (grey // 2).astype(np.int8),
        "uint64": grey.astype(np.uint64) << 55,
        "big-endian": grey.astype(">u2"),
        "far apart": np.where(grey > 100, np.float32(3e38), np.float32(-3e38)),
    }
    driver = open_driver(show=False)

    for kind, data in kinds.items():
        open_next(driver, data, name=kind, contrast_limits=(0, 1))
        point(driver, 35, 35)

        assert mask(driver).area == AREA, kind


def test_pictures_without_a_finite_number_are_answered(open_driver):
    driver = open_driver(show=False)

    for value in (np.nan, np.inf, -np.inf):
        open_next(driver, np.full((60, 60), value, np.float32), contrast_limits=(0, 1))
        point(driver, 5, 5)

        assert driver.state.run.phase is Phase.IDLE and "Nothing stands out" in driver.state.run.message, value


def test_a_line_of_100_000_pixels_is_a_picture(open_driver):
    driver = open_driver(show=False)

    for data, at in ((line(), (0, 500)), (line().T.copy(), (500, 0))):
        open_next(driver, data)
        point(driver, *at)

        assert mask(driver).area == 200 and mask(driver).value_at(*at)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # napari divides by the length
def test_an_axis_of_length_0_is_said(open_driver):
    driver = open_driver((np.zeros((0, 50, 60)), {"contrast_limits": (0, 1), "name": "cells"}), show=False)

    run = driver.state.run
    assert run.phase is Phase.FAILED and "cells is empty (shape (0, 50, 60))" in run.message and run.hint
    open_next(driver, squares())
    point(driver, 35, 35)
    assert mask(driver).area == AREA


def test_a_pyramid_of_odd_sizes_is_read_at_the_pixel_that_was_clicked(open_driver):
    driver = open_driver(show=False)

    for shapes in ([(151, 129), (76, 65)], [(150, 128), (75, 64)], [(100, 86), (43, 51)]):
        open_next(driver, odd_pyramid(*shapes), multiscale=True)
        point(driver, 80, 80)

        assert mask(driver).value_at(56, 56) and mask(driver).value_at(108, 108), shapes
        assert abs(mask(driver).area - 55**2) < 55, shapes


# -- files ---------------------------------------------------------------------------------------


def hidden(driver):
    """Keep napari from reading the picture itself: what it cannot read it raises where one moves the slider."""
    driver.viewer.layers[0].visible = False


def test_missing_chunks_are_filled_and_a_damaged_one_is_said(open_driver, tmp_path):
    how = {"shape": (2, 128, 128), "chunks": (1, 64, 64), "dtype": "u1", "fill_value": 7}
    array = zarr.create_array(tmp_path / "cells.zarr", **how)
    array[0, :64, :64] = squares()[:64, :64]
    array[1] = squares()
    driver = open_driver((zarr.open(tmp_path / "cells.zarr", mode="r"), {"name": "cells"}), show=False)
    hidden(driver)
    damaged = [file for file in (tmp_path / "cells.zarr" / "c" / "1").rglob("*") if file.is_file()]
    whole = {file: file.read_bytes() for file in damaged}
    for file in damaged:
        file.write_bytes(b"no chunk at all")
    driver.viewer.dims.set_current_step(0, 0)
    point(driver, 35, 35)
    assert mask(driver).area == AREA and not mask(driver).value_at(100, 100)

    driver.viewer.dims.set_current_step(0, 1)
    point(driver, 35, 35)

    run = driver.state.run
    assert run.phase is Phase.FAILED and "cells could not be read" in run.message and "damaged" in run.hint
    for file in damaged:
        file.write_bytes(whole[file])
    point(driver, 36, 36)
    assert run.phase is Phase.IDLE and mask(driver).area == AREA


def test_a_stack_of_files_one_of_which_vanishes_is_said_and_goes_on_when_it_is_back(open_driver, tmp_path):
    files = [tmp_path / f"cells_{k}.tif" for k in range(3)]
    for file in files:
        tifffile.imwrite(file, squares())
    driver = open_driver(show=False)
    driver.viewer.open([str(file) for file in files], stack=True, plugin="napari", cache=False)
    driver.wait_until_idle()
    hidden(driver)
    files[2].rename(tmp_path / "elsewhere.tif")
    driver.viewer.dims.set_current_step(0, 2)
    driver.wait_until_idle()

    point(driver, 35, 35)

    run = driver.state.run
    assert run.phase is Phase.FAILED and "cells_2.tif" in run.message and "try again" in run.hint
    (tmp_path / "elsewhere.tif").rename(files[2])
    point(driver, 36, 36)
    assert run.phase is Phase.IDLE and mask(driver).area == AREA


# -- what changes under one's hands --------------------------------------------------------------


@MORE_AXES
def test_data_replaced_by_any_others_are_told_and_read(open_driver):
    grey = squares()
    driver = open_driver((grey, {"name": "cells"}), show=False)
    point(driver, 35, 35)
    others = {
        "another type": (grey.astype(np.float32), (35, 35)),
        "smaller": (grey[:60, :60], (35, 35)),
        "larger": (np.pad(grey, 40), (75, 75)),
        "more axes": (np.stack([np.stack([grey, grey])] * 3), (35, 35)),
        "fewer axes": (np.stack([grey, grey]), (35, 35)),
        "a plane": (grey > 100, (35, 35)),
        "lazy": (da.from_array(grey, chunks=50), (35, 35)),
    }

    for kind, (data, at) in others.items():
        driver.widget.controller.clearing.prompts()
        driver.viewer.layers["cells"].data = data
        driver.wait_until_idle()
        assert "The pixels of cells were replaced" in driver.state.run.message, kind
        point(driver, *at)

        assert driver.state.run.phase is Phase.IDLE and 880 < mask(driver).area < 910, kind


@MORE_AXES
def test_masks_of_points_that_new_data_ask_about_do_not_hide_that_the_data_are_new(open_driver):
    driver = open_driver((squares(), {"name": "cells"}), show=False)
    point(driver, 35, 35)

    driver.viewer.layers["cells"].data = np.stack([squares()] * 2)
    driver.wait_until_idle()

    assert objects(driver) and "were replaced" in driver.state.run.message
    assert driver.state.run.message.endswith("Live Points ready")


def test_a_channel_axis_that_new_data_do_not_have_is_said_at_once_and_with_each_click(open_driver):
    driver = open_driver((np.stack([squares()] * 2), {"name": "cells"}), show=False)
    run = driver.state.run
    driver.state.task.channel_axis = 0
    driver.wait_until_idle()

    driver.viewer.layers["cells"].data = squares()
    driver.wait_until_idle()

    assert run.phase is Phase.FAILED and "(128, 128)" in run.message and "-1" in run.hint
    driver.widget.controller.status.idle("")
    point(driver, 35, 35)
    assert run.phase is Phase.FAILED and "(128, 128)" in run.message
    driver.state.task.channel_axis = -1
    driver.wait_until_idle()
    assert run.phase is Phase.IDLE and objects(driver)


def test_what_is_done_to_layers_while_a_click_is_answered_loses_nothing(open_driver, engine):
    driver = open_driver(show=False)
    layers = driver.viewer.layers
    encode = engine.encode
    engine.encode = lambda pixels, **how: (time.sleep(0.1), encode(pixels, **how))[1]
    engine.delay = 0.1
    done = {
        "renamed and hidden": lambda layer: (setattr(layer, "name", "another"), setattr(layer, "visible", False)),
        "scaled": lambda layer: setattr(layer, "scale", (2, 2)),
        "replaced": lambda layer: setattr(layer, "data", layer.data.copy()),
        "points renamed": lambda _: setattr(points(driver), "name", "mine"),
        "preview deleted": lambda _: layers.remove(names.PREVIEW_LABELS),
    }

    for what, do in done.items():
        layer = open_next(driver, squares())
        layer.data = squares()
        points(driver).add([35, 35])
        driver.pump()
        assert driver.state.run.phase is Phase.RUNNING, what
        do(layer)
        driver.wait_until_idle()

        assert driver.state.run.phase is Phase.IDLE and objects(driver) == {1: AREA}, what
        assert layers[names.PREVIEW_LABELS].data.any(), what


# -- what is on screen ---------------------------------------------------------------------------


def test_a_wrong_channel_axis_is_forgotten_once_the_axes_are_rolled(open_driver):
    data = np.stack([np.stack([squares()] * 2, -1)] * 2)
    driver = open_driver((data, {"rgb": False, "name": "cells"}), show=False)
    driver.state.task.channel_axis = 3
    driver.wait_until_idle()
    assert driver.state.run.phase is Phase.FAILED and "axis 3 on screen" in driver.state.run.message

    driver.viewer.dims.order = (0, 3, 1, 2)
    driver.wait_until_idle()

    assert driver.state.run.phase is Phase.IDLE and driver.state.task.channels == ("0", "1")


def test_where_a_slider_stands_beyond_an_image_a_click_says_so_and_masks_wait(open_driver):
    long, short = np.stack([squares()] * 9), np.stack([squares()] * 4)
    driver = open_driver((long, {"name": "long"}), (short, {"name": "short"}), show=False)
    run = driver.state.run
    driver.viewer.dims.set_current_step(0, 3)
    point(driver, 35, 35)

    driver.viewer.dims.set_current_step(0, 6)
    point(driver, 35, 35)
    assert run.phase is Phase.FAILED and "short is not seen here: its axis 0 goes from 0 to 3" in run.message
    driver.viewer.dims.set_current_step(0, 3)
    driver.wait_until_idle()

    assert run.phase is Phase.IDLE and objects(driver) == {1: AREA}


def test_in_a_3d_view_it_is_said_that_prompts_count_on_one_slice(open_driver):
    driver = open_driver((np.stack([squares()] * 3), {}), show=False)
    driver.viewer.dims.set_current_step(0, 1)
    add(driver, 35, 35)
    before = objects(driver)

    driver.viewer.dims.ndisplay = 3
    driver.wait_until_idle()
    assert "The view is 3D" in driver.widget.simple.prompt.uses.text()
    driver.viewer.dims.ndisplay = 2
    driver.wait_until_idle()

    assert not driver.state.task.left_out and objects(driver) == before
