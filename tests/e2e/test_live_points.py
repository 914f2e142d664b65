"""Live Points, through the canvas of a real viewer."""

from __future__ import annotations

import numpy as np
import pytest
import zarr

from napari_sam3_assistant.app.state import Phase
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.layers.prompts import POINT_SCREEN_PX
from tests.conftest import squares
from tests.e2e.hands import add, points

ROTATED = {"scale": (0.5, 2.0), "rotate": 30, "translate": (7, -3), "units": ("micrometer", "micrometer")}


def drawn(driver) -> np.ndarray:
    """The preview on the plane of the first layer, as booleans."""
    image, layer = driver.viewer.layers[0], driver.viewer.layers[names.PREVIEW_LABELS]
    out = np.zeros(image.data.shape[:2], bool)
    corner = np.round(image.world_to_data(layer.data_to_world((0, 0)))).astype(int)
    rows, cols = np.nonzero(layer.data)
    out[rows + corner[0], cols + corner[1]] = True
    return out


def square(shape, top, bottom) -> np.ndarray:
    out = np.zeros(shape, bool)
    out[top:bottom, top:bottom] = True
    return out


def overlap(a, b) -> float:
    return (a & b).sum() / (a | b).sum()


@pytest.mark.parametrize("geometry", [{}, ROTATED], ids=["plain", "scaled and rotated"])
def test_the_first_click_in_the_canvas_gives_a_mask_where_the_object_is(open_driver, geometry):
    driver = open_driver((squares(), geometry))

    result = driver.click(driver.viewer.layers[0], 35, 35)

    assert [point.pixel for point in result.prompts.points] == [(35, 35)]
    assert overlap(drawn(driver), square((128, 128), 20, 50)) > 0.9
    assert driver.state.run.message == "Live Points ready"
    assert driver.state.results.rows[0].area == result.segmentation.mask.area
    assert driver.viewer.layers.selection.active.name == names.POINTS


def test_an_image_opened_later_arms_the_widget_too(open_driver):
    driver = open_driver()
    assert driver.state.task.image is None

    image = driver.viewer.add_image(squares())
    driver.pump(0.1)
    driver.click(image, 95, 95)

    assert overlap(drawn(driver), square((128, 128), 80, 110)) > 0.9


def test_t_makes_the_next_point_negative_and_a_cross(open_driver):
    driver = open_driver((squares(), {}))
    image = driver.viewer.layers[0]
    driver.click(image, 35, 35)

    driver.key("T")
    result = driver.click(image, 95, 95)

    points = driver.viewer.layers[names.POINTS]
    assert [point.positive for point in result.prompts.points] == [True, False]
    assert [str(symbol) for symbol in points.symbol] == ["disc", "cross"]
    assert not result.segmentation.mask.value_at(95, 95)
    assert driver.widget.simple.prompt.polarity.currentText() == "Negative"


def test_shift_t_turns_the_latest_point_and_runs_again(open_driver):
    driver = open_driver((squares(), {}))
    image = driver.viewer.layers[0]
    driver.click(image, 35, 35)
    driver.click(image, 95, 95)
    before = driver.state.results.current

    driver.key("T", shift=True)
    driver.wait(lambda: driver.state.results.current is not before, "An answer")

    assert [point.positive for point in driver.state.results.current.prompts.points] == [True, False]
    assert driver.state.task.positive, "the mode of the next point stays"


def test_no_click_is_lost_while_the_engine_is_busy(open_driver):
    driver = open_driver((np.tile(squares(256), (8, 8)), {}))  # 2,048 a side: encoding takes a while
    points = driver.viewer.layers[names.POINTS]
    at = [(20 + k % 30, 20 + k // 30) for k in range(60)]

    for row, col in at:
        points.add([row, col])
        driver.pump()
    driver.wait_until_idle()

    assert [point.pixel for point in driver.state.results.current.prompts.points] == at


def test_moving_and_deleting_a_point_run_again(open_driver):
    driver = open_driver((squares(), {}))
    image = driver.viewer.layers[0]
    driver.click(image, 35, 35)
    points = driver.viewer.layers[names.POINTS]

    points.data = np.array([[95.0, 95.0]])
    driver.wait(lambda: driver.state.results.current.segmentation.mask.value_at(95, 95), "The moved mask")
    points.selected_data = {0}
    points.remove_selected()
    driver.wait(lambda: driver.state.results.current is None, "The empty preview")

    assert not driver.viewer.layers[names.PREVIEW_LABELS].data.any()
    assert "Add a point" in driver.state.run.message


def test_a_refresh_of_the_layer_runs_nothing(open_driver):
    driver = open_driver((squares(), {}))
    driver.click(driver.viewer.layers[0], 35, 35)
    before = driver.state.results.current

    driver.viewer.layers[names.POINTS].refresh()
    driver.viewer.layers[names.POINTS].visible = False
    driver.viewer.layers[names.POINTS].visible = True
    driver.pump(0.2)

    assert driver.state.results.current is before


def test_cancel_frees_the_engine_keeps_the_points_and_the_next_click_works(open_driver):
    picture = np.tile(squares(256), (8, 8))
    driver = open_driver((picture, {}))
    points = driver.viewer.layers[names.POINTS]
    driver.wait_until_idle()
    driver.viewer.layers[0].data = picture[::-1].copy()  # to be encoded anew
    points.add([35, 35])
    assert driver.state.run.phase is Phase.RUNNING

    driver.pump(0.02)
    driver.widget.simple.run.cancel.click()
    driver.wait_until_idle()

    assert driver.state.run.message == "Cancelled." and len(points.data) == 1
    points.add([36, 36])
    driver.wait(lambda: driver.state.results.current is not None, "An answer")
    assert len(driver.state.results.current.prompts.points) == 2


def test_the_slice_in_view_is_answered_and_points_of_others_are_left_out(open_driver):
    stack = np.stack([squares(), np.roll(squares(), 5, axis=0), squares()])
    driver = open_driver((stack, {"scale": (3, 1, 1)}))
    driver.viewer.dims.set_current_step(0, 0)
    points = driver.viewer.layers[names.POINTS]
    points.add([0, 35, 35])
    driver.wait_until_idle()
    first = driver.state.results.current

    driver.viewer.dims.set_current_step(0, 1)
    driver.wait_until_idle()
    assert driver.state.results.current is None and "1 point on other slices left out" in driver.state.task.left_out
    points.add([1, 40, 35])
    driver.wait_until_idle()
    second = driver.state.results.current
    driver.viewer.dims.set_current_step(0, 0)
    driver.wait_until_idle()

    assert second.view.plane.index == ((0, 1),) and len(second.prompts.points) == 1
    assert driver.state.results.current.view.plane == first.view.plane
    layer = driver.viewer.layers[names.PREVIEW_LABELS]
    assert layer.ndim == 3 and layer.data.shape[0] == 1 and layer.translate[0] == 0


def test_a_point_outside_the_image_is_said_and_left_out(open_driver):
    driver = open_driver((squares(), {}))

    driver.viewer.layers[names.POINTS].add([500, 500])
    driver.wait_until_idle()

    assert "1 point outside the image left out" in driver.widget.simple.prompt.uses.text()
    assert len(driver.viewer.layers[names.POINTS].data) == 1


def test_a_negative_point_alone_says_what_is_missing(open_driver):
    driver = open_driver((squares(), {}))
    driver.key("T")

    driver.viewer.layers[names.POINTS].add([35, 35])
    driver.wait(lambda: driver.state.run.phase is Phase.FAILED, "A message")

    assert driver.state.run.hint and "positive" in (driver.state.run.message + driver.state.run.hint).lower()


def test_in_2d_points_wait_for_run_preview(open_driver):
    driver = open_driver((squares(), {}))
    driver.widget.simple.setup.tasks["2d"].click()
    driver.viewer.layers[names.POINTS].add([35, 35])
    driver.pump(0.2)
    assert driver.state.results.current is None

    driver.widget.simple.run.run.click()
    driver.wait_until_idle()

    assert driver.state.results.current.segmentation.mask.value_at(35, 35)


def test_clearing_the_preview_keeps_the_points_and_resetting_removes_both(open_driver):
    driver = open_driver((squares(), {}))
    driver.click(driver.viewer.layers[0], 35, 35)

    driver.widget.simple.run.clear_preview.click()
    driver.pump(0.05)
    assert names.PREVIEW_LABELS not in driver.viewer.layers
    assert len(driver.viewer.layers[names.POINTS].data) == 1
    driver.click(driver.viewer.layers[0], 36, 36)
    driver.key("T")
    driver.widget.simple.prompt.reset.click()
    driver.pump(0.05)

    assert len(driver.viewer.layers[names.POINTS].data) == 0 and driver.state.results.current is None
    assert driver.state.task.positive


def test_a_deleted_points_layer_comes_back(open_driver):
    driver = open_driver((squares(), {}))
    driver.viewer.layers.remove(names.POINTS)
    driver.pump(0.05)
    assert "removed" in driver.widget.simple.prompt.hint.text()

    driver.widget.simple.setup.tasks["live_points"].click()
    driver.pump(0.05)
    driver.click(driver.viewer.layers[0], 35, 35)

    assert driver.state.results.current is not None


def test_of_a_large_lazy_plane_one_window_is_read_and_the_preview_is_small(open_driver, tmp_path):
    array = zarr.create_array(
        tmp_path / "large.zarr", shape=(16_384, 16_384), chunks=(512, 512), dtype=np.uint8, fill_value=20
    )
    array[9_000:9_030, 12_000:12_030] = 200
    driver = open_driver((array, {"contrast_limits": (0, 255)}))
    points = driver.viewer.layers[names.POINTS]

    points.add([9_015, 12_015])
    driver.wait_until_idle()

    result = driver.state.results.current
    assert result.view.window.shape == (1024, 1024)
    assert result.segmentation.mask.value_at(9_015, 12_015) and result.segmentation.mask.area < 1_500
    assert max(driver.viewer.layers[names.PREVIEW_LABELS].data.shape) <= 128


def test_rewritten_pixels_are_seen_though_no_event_tells(open_driver):
    picture = squares()
    driver = open_driver((picture, {}))
    driver.click(driver.viewer.layers[0], 35, 35)

    picture[:] = 20
    picture[60:120, 10:60] = 220  # direct writes fire no event
    result = driver.click(driver.viewer.layers[0], 90, 30)

    assert result.encode_ms > 0


def test_where_no_point_is_in_view_none_is_drawn_and_where_one_is_it_can_be_seen(open_driver):
    driver = open_driver((np.stack([squares()] * 3), {}), show=False)
    add(driver, 35, 35)
    assert points(driver).canvas_size_limits == POINT_SCREEN_PX

    driver.viewer.dims.set_current_step(0, 2)
    driver.pump(0.05)
    assert points(driver).canvas_size_limits == (0, POINT_SCREEN_PX[1]), "napari draws a point of size 0"

    add(driver, 35, 35)
    assert points(driver).canvas_size_limits == POINT_SCREEN_PX
    driver.widget.controller.board.begin_object()
    driver.pump(0.05)
    assert points(driver).canvas_size_limits == (0, POINT_SCREEN_PX[1]), "the points of another object are hidden"
