"""Channels, time and depth, with files that other programs wrote and napari's own readers opened."""

from __future__ import annotations

import shutil
import warnings

import numpy as np
import pytest
import tifffile
import zarr
from qtpy.QtCore import Qt

from napari_sam3_assistant.app.state import Phase
from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.tasks.jobs import Task
from tests.conftest import squares
from tests.e2e.hands import add, add_box, objects, points

OTHER = squares()[::-1, ::-1].copy()
"""Squares at 18 to 47 and 78 to 107."""
EMPTY = np.full_like(OTHER, 20)


def ome_tiff(folder, data, axes, **about):
    path = folder / "cells.ome.tif"
    tifffile.imwrite(
        path, data, metadata={"axes": axes, **about}, photometric="rgb" if axes[-1] == "S" else "minisblack"
    )
    return path


def ome_zarr(folder, data, axes):
    path = folder / "cells.zarr"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own, where it is imported
        from ome_zarr.writer import write_image
    write_image(data, zarr.open_group(path, mode="w"), axes=axes)
    return path


def opened(open_driver, path):
    driver = open_driver()
    driver.viewer.open(str(path), plugin="napari")
    driver.wait_until_idle()
    driver.pump(0.05)
    return driver


def image(driver):
    return driver.viewer.layers[0]


def mask(driver):
    return driver.state.results.current.segmentation.mask


@pytest.mark.parametrize("write", [ome_tiff, ome_zarr])
def test_the_channel_time_and_depth_on_screen_are_those_that_are_segmented(open_driver, tmp_path, write):
    data = np.stack([np.stack([EMPTY, EMPTY]), np.stack([EMPTY, squares()]), np.stack([EMPTY, EMPTY])]).astype("uint16")
    axes = "TCYX" if write is ome_tiff else "tcyx"
    driver = opened(open_driver, write(tmp_path, data * 100, axes))
    driver.viewer.dims.set_current_step(0, 1)
    driver.viewer.dims.set_current_step(1, 1)

    add(driver, 35, 35)

    assert driver.widget.controller.on_screen().source.channel_axis == 1
    assert driver.state.results.current.view.plane == Plane(2, 3, ((0, 1), (1, 1)))
    assert 800 < mask(driver).area < 1000 and driver.widget.simple.setup.channels.isVisible()


@pytest.mark.parametrize("write", [ome_tiff, ome_zarr])
def test_channels_before_depth_are_found_by_their_name_and_not_by_their_length(open_driver, tmp_path, write):
    data = np.stack([np.stack([EMPTY] * 3), np.stack([EMPTY, EMPTY, squares()])]).astype("uint16")
    driver = opened(open_driver, write(tmp_path, data, "CZYX" if write is ome_tiff else "czyx"))
    driver.viewer.dims.set_current_step(0, 1)
    driver.viewer.dims.set_current_step(1, 2)

    add(driver, 35, 35)

    source = driver.state.results.current.view.source
    assert (source.channel_axis, source.shape) == (0, (2, 3, 128, 128))
    assert 800 < mask(driver).area < 1000 and len(driver.state.task.channels) == 2


def test_a_stack_in_colour_is_read_in_colour_at_the_slice_on_screen(open_driver, tmp_path):
    data = np.stack([np.stack([EMPTY] * 3, -1), np.stack([EMPTY, squares(), EMPTY], -1)])
    driver = opened(open_driver, ome_tiff(tmp_path, data, "ZYXS"))
    driver.viewer.dims.set_current_step(0, 1)

    add(driver, 35, 35)

    view = driver.state.results.current.view
    assert view.source.rgb and view.source.channel_axis == 3 and view.plane == Plane(1, 2, ((0, 1),))
    assert 800 < mask(driver).area < 1000
    assert not driver.widget.simple.setup.channels.isVisible() and not driver.widget.simple.setup.limits.isEnabled()


def test_channels_that_come_last_are_read_once_rows_and_columns_are_on_screen(open_driver):
    driver = open_driver((np.stack([EMPTY, squares()], -1)[None], {"rgb": False, "axis_labels": ("z", "y", "x", "c")}))
    viewer, task = driver.viewer, driver.state.task
    assert not task.channels, "columns and channels are on screen"

    viewer.dims.order = (0, 3, 1, 2)
    viewer.dims.set_current_step(3, 1)
    driver.pump(0.05)
    points(driver).add([0, 35, 35, 1])
    driver.wait_until_idle()

    assert task.channels == ("0", "1")
    assert driver.state.results.current.view.plane == Plane(1, 2, ((0, 0), (3, 1)))
    assert 800 < mask(driver).area < 1000


def test_channels_have_the_names_that_the_file_gives_them(open_driver, tmp_path):
    data = np.stack([squares(), OTHER, EMPTY]).astype("uint16")
    driver = opened(open_driver, ome_tiff(tmp_path, data, "CYX", Channel={"Name": ["DAPI", "GFP", "TRITC"]}))

    assert driver.state.task.channels == ("0 DAPI", "1 GFP", "2 TRITC")


def test_a_slider_that_is_named_channel_by_hand_holds_channels(open_driver):
    driver = open_driver((np.stack([squares(), OTHER]), {}))
    assert not driver.state.task.channels

    driver.viewer.dims.axis_labels = ("Channel", "y", "x")
    driver.pump(0.05)

    assert driver.state.task.channels == ("0", "1") and driver.widget.simple.setup.channels.isVisible()


def test_the_name_of_another_layers_axis_says_nothing(open_driver):
    driver = open_driver(
        (np.stack([squares(), OTHER]), {"axis_labels": ("c", "y", "x")}), (np.stack([squares(), OTHER]), {"name": "z"})
    )

    driver.viewer.layers.selection.active = driver.viewer.layers["z"]
    driver.pump(0.05)

    assert driver.state.task.image == str(driver.viewer.layers["z"].unique_id) and not driver.state.task.channels


# -- the axis told ---------------------------------------------------------------------------------


def test_each_channel_has_limits_of_its_own_once_the_axis_is_told(open_driver, engine):
    dim, bright = squares().astype(np.uint16), squares().astype(np.uint16) * 250
    driver = open_driver((np.stack([bright, dim]), {}))
    seen = []
    engine.encode, encode = lambda pixels, **how: (seen.append(pixels), encode(pixels, **how))[1], engine.encode

    driver.state.task.channel_axis = 0
    add(driver, 35, 35)
    driver.viewer.dims.set_current_step(0, 1)
    add(driver, 35, 35)

    assert 800 < mask(driver).area < 1000
    np.testing.assert_array_equal(seen[-1], seen[-2])


@pytest.mark.parametrize(
    ("axis", "said"),
    [(7, "no axis 7"), (3, "axis 3 on screen"), (2, "axis 2 on screen")],
)
def test_a_wrong_axis_is_said_with_the_shape_and_what_would_fit(open_driver, axis, said):
    driver = open_driver((np.stack([np.stack([squares(), OTHER])] * 3), {"name": "cells"}))
    run = driver.state.run

    driver.state.task.channel_axis = axis
    driver.pump(0.05)

    assert run.phase is Phase.FAILED and said in run.message and "(3, 2, 128, 128)" in run.message
    assert "Set Channel axis to 0, 1, or to -1 for none." in run.hint
    assert "cells" in driver.state.task.summary and not driver.state.results.current
    driver.state.task.channel_axis = 1
    add(driver, 35, 35)
    assert run.phase is Phase.IDLE and mask(driver).area


def test_a_picture_in_colour_has_its_channels_on_its_last_axis(open_driver):
    driver = open_driver((np.stack([squares()] * 3, -1), {"name": "tissue"}))

    driver.state.task.channel_axis = 0
    driver.pump(0.05)

    assert "shown in colour" in driver.state.run.message and "-1 or 2" in driver.state.run.hint


def test_the_axis_of_an_image_that_tells_none_is_told_under_setup(open_driver):
    driver = open_driver((np.stack([squares(), OTHER, EMPTY]), {}))
    row = driver.widget.simple.setup.channels
    assert row.axis.isVisible() and not row.mode.isVisible()

    row.axis.setValue(0)
    driver.pump(0.05)

    assert driver.state.task.channel_axis == 0 and len(driver.state.task.channels) == 3
    assert row.axis.isVisible() and row.mode.isVisible()
    row.axis.setValue(-1)
    driver.pump(0.05)
    assert row.axis.isVisible() and not row.mode.isVisible(), "it can be told again"


def test_what_is_told_belongs_to_one_image(open_driver):
    driver = open_driver((np.stack([squares(), OTHER]), {"name": "a"}), (np.stack([squares(), OTHER]), {"name": "b"}))
    viewer, task = driver.viewer, driver.state.task
    driver.widget.controller.choose_image(str(viewer.layers["a"].unique_id))
    task.channel_axis = 0
    driver.widget.controller.channels.show((1, 0, None))

    driver.widget.controller.choose_image(str(viewer.layers["b"].unique_id))
    assert (task.channel_axis, task.mix, task.channels) == (-1, None, ())
    driver.widget.controller.choose_image(str(viewer.layers["a"].unique_id))

    assert (task.channel_axis, task.mix, task.channels) == (0, (1, 0, None), ("0", "1"))


# -- three as RGB ----------------------------------------------------------------------------------


def three_channels(open_driver):
    """The squares: the first in channel 0 alone, the second in channel 2 alone; named c."""
    first, second = EMPTY.copy(), EMPTY.copy()
    first[20:50, 20:50], second[80:110, 80:110] = 200, 200
    return open_driver((np.stack([first, EMPTY, second]).astype(np.uint16), {"axis_labels": ("c", "y", "x")}))


def test_three_channels_are_seen_as_red_green_and_blue(open_driver, engine):
    driver = three_channels(open_driver)
    row = driver.widget.simple.setup.channels
    seen = []
    engine.encode, encode = lambda pixels, **how: (seen.append(pixels), encode(pixels, **how))[1], engine.encode
    assert row.isVisible() and not row.colours[0].isVisible()

    row.mode.setCurrentIndex(1)
    row.mode.activated.emit(1)
    driver.wait_until_idle()
    driver.pump(0.05)
    add(driver, 95, 95)

    assert row.colours[0].isVisible() and [box.currentText() for box in row.colours] == ["0", "1", "2"]
    assert 800 < mask(driver).area < 1000, "seen from channel 1"
    assert seen[-1][30, 30].tolist()[0] == 255 and seen[-1][95, 95].tolist()[2] == 255
    row.colours[2].setCurrentIndex(3)
    row.colours[2].activated.emit(3)
    driver.wait_until_idle()
    assert driver.state.task.mix == (0, 1, None) and not seen[-1][..., 2].any()


def test_a_mix_is_encoded_once_wherever_the_slider_stands(open_driver, engine):
    driver = three_channels(open_driver)
    driver.widget.controller.channels.show((0, 1, 2))
    driver.wait_until_idle()
    count = []
    engine.encode, encode = lambda pixels, **how: (count.append(1), encode(pixels, **how))[1], engine.encode

    for channel in range(3):
        driver.viewer.dims.set_current_step(0, channel)
        add(driver, 35, 35)

    assert not count


def test_a_run_asks_anew_after_another_choice_of_channels(open_driver, engine):
    driver = three_channels(open_driver)
    driver.viewer.dims.set_current_step(0, 0)
    driver.widget.controller.choose_task(Task.IMAGE)
    driver.widget.controller.choose_prompt(PromptKind.BOX)
    driver.widget.controller.arm()
    driver.pump(0.05)
    add_box(driver.viewer.layers[names.BOXES], 15, 15, 55, 55, at=(0,))
    driver.widget.controller.run()
    driver.wait_until_idle()
    before = len(engine.asked)
    driver.widget.controller.run()
    driver.wait_until_idle()
    assert len(engine.asked) == before

    driver.widget.controller.channels.show((0, 1, 2))
    assert objects(driver), "masks stay until one asks"
    driver.widget.controller.run()
    driver.wait_until_idle()

    assert len(engine.asked) == before + 1 and 800 < next(iter(objects(driver).values())) < 1000


# -- limits ----------------------------------------------------------------------------------------


def test_contrast_limits_are_taken_when_pressed_and_moving_them_only_marks_them_old(open_driver, engine):
    driver = open_driver((squares().astype(np.uint16) * 10, {"contrast_limits": (0, 2000)}))
    box, task = driver.widget.simple.setup.limits, driver.state.task
    seen = []
    engine.encode, encode = lambda pixels, **how: (seen.append(pixels), encode(pixels, **how))[1], engine.encode
    assert box.isEnabled() and box.checkState() == Qt.CheckState.Unchecked

    def press():
        box.click()
        driver.wait_until_idle()
        driver.pump(0.05)

    press()
    assert box.checkState() == Qt.CheckState.Checked and "0 as black and 2,000 as white" in driver.state.run.message
    assert len(seen) == 1 and seen[0][30, 30, 0] == 255 and 180 < seen[0][95, 95, 0] < 200
    image(driver).contrast_limits = (0, 1000)
    driver.pump(0.05)
    add(driver, 35, 35)
    assert len(seen) == 1 and task.limits_old and box.checkState() == Qt.CheckState.PartiallyChecked
    press()
    assert len(seen) == 2 and seen[1][95, 95, 0] == 255 and box.checkState() == Qt.CheckState.Checked
    press()
    assert box.checkState() == Qt.CheckState.Unchecked and task.limits is None


# -- pixels that change, and files that vanish -----------------------------------------------------


def test_data_replaced_between_two_clicks_are_encoded_anew_and_it_is_said(open_driver, engine):
    driver = open_driver((squares(), {"name": "cells"}))
    add(driver, 35, 35)
    before = objects(driver)

    image(driver).data = OTHER
    driver.pump(0.05)
    assert "cells were replaced" in driver.state.run.message and objects(driver) == before
    driver.wait_until_idle()
    driver.widget.controller.board.begin_object()
    add(driver, 60, 60)
    driver.widget.controller.board.begin_object()
    add(driver, 90, 90)

    assert mask(driver).value_at(105, 105) and not mask(driver).value_at(109, 109)


def test_pixels_written_into_the_array_are_read_anew_and_it_is_said(open_driver, engine):
    driver = open_driver((squares(), {"name": "cells"}))
    add(driver, 35, 35)
    driver.widget.controller.board.begin_object()

    image(driver).data[:] = OTHER
    image(driver).refresh()
    add(driver, 90, 90)

    assert not mask(driver).value_at(109, 109) and "have changed since" in driver.state.run.message
    driver.widget.controller.board.begin_object()
    add(driver, 25, 25)
    assert "have changed" not in driver.state.run.message


def test_a_zarr_that_vanishes_is_an_error_and_not_black(open_driver, tmp_path):
    path = ome_zarr(tmp_path, np.stack([squares(), squares()]).astype(np.uint16), "cyx")
    driver = opened(open_driver, path)
    add(driver, 35, 35)
    shutil.move(path, tmp_path / "elsewhere")
    driver.viewer.dims.set_current_step(0, 1)

    points(driver).add([1, 35, 35])
    driver.wait_until_idle()

    run = driver.state.run
    assert run.phase is Phase.FAILED and "cells.zarr is gone" in run.message and "try again" in run.hint
    shutil.move(tmp_path / "elsewhere", path)
    points(driver).add([1, 36, 36])
    driver.wait_until_idle()
    assert run.phase is Phase.IDLE and 800 < mask(driver).area < 1000


def test_tiles_of_nan_are_black_and_do_not_spoil_the_limits(open_driver):
    picture = squares().astype(np.float32) * 300
    picture[:, 64:] = np.nan
    driver = open_driver((np.stack([picture, np.full_like(picture, np.nan)]), {"axis_labels": ("c", "y", "x")}))

    add(driver, 35, 35)

    assert 800 < mask(driver).area < 1000
    driver.viewer.dims.set_current_step(0, 1)
    add(driver, 35, 35)
    assert driver.state.run.phase is Phase.IDLE


@pytest.mark.parametrize(
    "geometry",
    [
        {"scale": (1, 2, 0.5, -0.5)},
        {"scale": (1, 1, -3, -3)},
        {"shear": [0, 0, 0, 0, 0, 0.6]},
        {"rotate": 40, "scale": (1, 4, 0.1, 0.1), "translate": (0, 7, -30, 12)},
    ],
    ids=str,
)
def test_a_click_lands_on_the_pixel_of_a_mirrored_sheared_or_turned_layer(open_driver, geometry):
    data = np.stack([np.stack([EMPTY, EMPTY]), np.stack([EMPTY, squares()])])
    if "rotate" in geometry:
        angle, turned = np.deg2rad(geometry["rotate"]), np.eye(4)
        turned[2:, 2:] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        geometry = {**geometry, "rotate": turned}
    driver = open_driver((data, {"axis_labels": ("c", "z", "y", "x"), **geometry}))
    layer = image(driver)
    driver.viewer.dims.set_current_step(0, 1)
    driver.viewer.dims.set_current_step(1, 1)
    world = layer.data_to_world((1, 1, 95, 90))

    points(driver).add(points(driver).world_to_data(world))
    driver.wait_until_idle()

    assert mask(driver).value_at(95, 90) and 800 < mask(driver).area < 1000
    drawn = driver.viewer.layers[names.PREVIEW_LABELS]
    assert drawn.get_value(world, world=True)
