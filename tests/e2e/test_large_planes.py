"""Planes of 60,000 x 60,000 pixels: a click reads one window, objects lie far apart, nothing made is as large."""

from __future__ import annotations

import functools
import math
from collections import Counter

import numpy as np
import pytest
import zarr
from napari.components import ViewerModel

from napari_sam3_assistant.app.state import Phase
from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.core.windows import Window
from napari_sam3_assistant.demo.driver import Driver
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.layers.world import camera_of
from napari_sam3_assistant.tasks.jobs import Task
from napari_sam3_assistant.tasks.view import LOCAL
from tests.e2e import huge
from tests.e2e.hands import add, objects

AREA = math.pi * huge.RADIUS**2
ONE_WINDOW = 4
KNOWN_BY = 16
"""Small squares that a picture is known by are read once, beside all else, when its first object is accepted."""
"""Chunks of 1,024 that a window of 1,024 touches at most."""


BOTH = pytest.mark.parametrize("rgb", [False, True], ids=["grey", "rgb"])


@pytest.fixture(scope="module")
def slides(tmp_path_factory):
    """Return a function that gives the folder of a large picture, in one channel or in colour."""
    return functools.cache(lambda rgb: huge.make(tmp_path_factory.mktemp("slides") / "slide.zarr", rgb=rgb))


@pytest.fixture
def rgb():
    """Whether the picture is in colour, for tests that are not about both."""
    return False


@pytest.fixture
def opened(open_driver, slides, rgb, monkeypatch):
    """The large picture as napari's own reader opens it, shown, and its chunks counted."""
    driver = open_driver()
    driver.viewer.open(slides(rgb), plugin="napari")
    driver.pump(0.3)
    driver.wait_until_idle()
    driver.chunks = huge.Chunks(monkeypatch)
    return driver


def new_object(driver: Driver) -> None:
    driver.widget.controller.board.begin_object()


def frame(driver: Driver) -> Window:
    """The window round which the frame is drawn."""
    data = np.asarray(driver.viewer.layers[names.ROI].data)
    corners = data[:, 0]
    (top, left), (bottom, right) = corners.min(axis=0) + 0.5, corners.max(axis=0) + 0.5
    return Window(int(top), int(left), int(bottom), int(right))


def last(driver: Driver):
    """What was looked at for the newest answer."""
    return driver.state.results.current.view


def window_of_a_box(driver: Driver, row: int, col: int, half: int) -> Window:
    """Draw a square about a pixel, run, and return the window that was looked at."""
    controller = driver.widget.controller
    controller.choose_task(Task.IMAGE)
    controller.choose_prompt(PromptKind.BOX)
    controller.arm()
    corners = [(row - half, col - half), (row - half, col + half), (row + half, col + half), (row + half, col - half)]
    controller.boxes.layer.add([np.array(corners, float)], shape_type="rectangle")
    controller.run()
    driver.wait_until_idle()
    return last(driver).window


def files(folder) -> int:
    """Bytes of all files of a folder."""
    return sum(one.stat().st_size for one in folder.rglob("*") if one.is_file())


@BOTH
def test_a_click_reads_one_window_at_full_resolution(opened):
    opened.chunks.taken()

    add(opened, *huge.NEAR)

    read, view = opened.chunks.taken(), last(opened)
    assert view.level == 0 and view.window.shape == (1024, 1024)
    assert 1 <= read[0] <= ONE_WINDOW, read
    assert objects(opened)[1] == pytest.approx(AREA, rel=0.1)


def test_a_correction_reads_nothing(opened):
    add(opened, *huge.NEAR)
    opened.chunks.taken()

    add(opened, huge.NEAR[0] + 10, huge.NEAR[1])

    assert opened.chunks.taken()[0] == 0


@BOTH
def test_objects_far_apart_lie_in_one_draft_and_each_keeps_its_window(opened):
    add(opened, *huge.NEAR)
    near = last(opened).window
    new_object(opened)
    add(opened, *huge.FAR)
    assert list(objects(opened)) == [1, 2]
    assert huge.FAR[0] - huge.NEAR[0] > 49_000
    opened.chunks.taken()

    opened.widget.controller.board.select(1)
    add(opened, huge.NEAR[0] + 15, huge.NEAR[1])

    assert last(opened).window == near
    assert opened.chunks.taken()[0] == 0
    assert objects(opened)[1] == pytest.approx(AREA, rel=0.1)
    assert objects(opened)[2] == pytest.approx(AREA, rel=0.1)


def test_a_mask_is_seen_where_it_lies_when_its_layer_has_moved(opened):
    opened.state.task.local = True
    add(opened, *huge.NEAR)
    opened.widget.controller.clearing.preview()
    opened.widget.simple.prompt.reset.click()
    opened.wait_until_idle()
    camera, slide = camera_of(opened.viewer), opened.viewer.layers["slide"]
    camera.center, camera.zoom = huge.FAR, 2
    opened.wait_until_idle()
    add(opened, huge.FAR[0], huge.FAR[1] + 9)
    opened.viewer.layers[names.POINTS].visible = False
    opened.pump(0.1)

    seen = opened.viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)

    inside, beside = (opened.place(slide, huge.FAR[0] + off, huge.FAR[1]) for off in (20, huge.RADIUS + 12))
    assert np.ptp(seen[inside.y(), inside.x()]) > 30, "coloured by the mask"
    assert np.ptp(seen[beside.y(), beside.x()]) < 10, "grey"


def test_the_object_that_is_selected_is_drawn_where_it_can_be_painted(opened):
    add(opened, *huge.NEAR)
    new_object(opened)
    add(opened, *huge.FAR)

    opened.widget.controller.board.select(1)

    shown = opened.viewer.layers[names.PREVIEW_LABELS]
    assert set(np.unique(shown.data)) == {0, 1}
    assert max(shown.data.shape) <= 4096
    assert names.HELD in opened.viewer.layers


@BOTH
def test_accepting_and_saving_far_objects_makes_nothing_of_the_planes_size(opened, tmp_path):
    opened.state.output.folder, opened.state.output.format = str(tmp_path / "masks"), "zarr"
    add(opened, *huge.NEAR)
    new_object(opened)
    add(opened, *huge.FAR)
    opened.chunks.taken()

    opened.widget.controller.saving.save()
    opened.wait(lambda: not opened.state.output.saving, "The file")
    opened.pump(0.05)
    opened.widget.controller.accepting.accept(clear=False)
    opened.wait_until_idle()

    labels = zarr.open_group(opened.state.output.saved, mode="r")["0"]
    assert labels.shape == (huge.SIDE, huge.SIDE) and (labels[huge.NEAR], labels[huge.FAR]) == (1, 2)
    assert files(tmp_path) < 200_000
    assert opened.state.results.accepted == 2
    accepted = next(one for one in opened.viewer.layers if one.name.startswith(names.ACCEPTED))
    assert accepted.multiscale
    assert [
        int(np.asarray(accepted.data[0][row : row + 1, col : col + 1])[0, 0]) for row, col in (huge.NEAR, huge.FAR)
    ] == [1, 2]
    assert opened.chunks.taken()[0] <= ONE_WINDOW + KNOWN_BY
    assert list(objects(opened)) == [1, 2]


def test_saving_one_object_writes_a_file_of_its_size(opened, tmp_path):
    opened.state.output.folder = str(tmp_path)
    add(opened, *huge.FAR)

    opened.widget.controller.saving.save()
    opened.wait(lambda: opened.state.output.saved is not None, "The file")

    assert 0 < files(tmp_path) < 200_000


def test_a_point_far_from_its_object_is_refused_and_reads_nothing(opened):
    add(opened, *huge.NEAR)
    opened.chunks.taken()

    add(opened, *huge.FAR)

    assert opened.state.run.phase is Phase.FAILED
    assert "N" in opened.state.run.hint
    assert opened.chunks.taken()[0] == 0
    opened.widget.controller.board.undo()
    opened.wait_until_idle()
    assert objects(opened)[1] == pytest.approx(AREA, rel=0.1)


# -- the size of the window is fixed ---------------------------------------------------------------


def test_the_rows_are_there_for_large_planes_only(open_driver):
    driver = open_driver((np.zeros((3000, 3000), np.uint8), {"name": "large"}), (np.eye(64), {"name": "small"}))
    rows = driver.widget.simple.setup.window

    driver.widget.controller.choose_image(str(driver.viewer.layers["large"].unique_id))
    driver.pump(0.1)
    assert rows.isVisible() and not rows.side.isVisible()

    driver.widget.controller.choose_image(str(driver.viewer.layers["small"].unique_id))
    driver.pump(0.1)
    assert not rows.isVisible()


def test_in_advanced_a_smaller_plane_is_looked_at_by_a_window_too_and_simple_shows_that_it_is(open_driver):
    picture = np.full((900, 900), 20, np.uint8)
    picture[100:140, 100:140] = 200
    driver = open_driver((picture, {"name": "small"}))
    task, rows = driver.state.task, driver.widget.advanced.task.window
    task.advanced = True
    driver.pump(0.1)
    assert rows.local.isVisible() and not rows.side.isVisible() and not rows.whole.isVisible()

    rows.local.click()
    task.local_side = 512
    driver.pump(0.1)
    add(driver, 120, 120)

    assert driver.state.results.current.view.window.shape == (512, 512) and names.ROI in driver.viewer.layers
    task.advanced = False
    driver.pump(0.1)
    assert driver.widget.simple.setup.window.side.isVisible(), "what has an effect is seen"


def test_the_size_is_written_out_and_the_dock_keeps_its_width(open_driver):
    driver = open_driver((np.zeros((3000, 3000), np.uint8), {"name": "large"}))
    driver.pump(0.5)
    rows, width = driver.widget.simple.setup.window, driver.widget.width()

    rows.local.click()
    driver.pump(0.3)

    assert driver.widget.width() == width
    assert rows.side.width() >= rows.side.sizeHint().width()


@pytest.mark.parametrize("side", [512, 2048])
def test_a_fixed_size_is_looked_at_and_framed(opened, side):
    rows = opened.widget.simple.setup.window
    rows.local.click()
    rows.side.setCurrentIndex(rows.side.findText(f"{side} x {side}"))

    add(opened, *huge.NEAR)

    assert last(opened).window.shape == (side, side)
    assert frame(opened) == last(opened).window == opened.state.task.window
    assert f"ROI y={frame(opened).top}:{frame(opened).bottom}" in rows.text.text()
    assert objects(opened)[1] == pytest.approx(AREA, rel=0.1)


def test_the_mode_says_when_it_begins_and_ends(opened):
    opened.state.task.local = True
    assert opened.state.run.message == "Large-image mode ON: local ROI inference (1024 x 1024)."

    opened.state.task.local_side = 4096
    assert opened.state.run.message == "Large-image mode ON: local ROI inference (4096 x 4096)."

    opened.state.task.local = False
    assert opened.state.run.message == "Large-image mode OFF: the window is chosen automatically."


def test_another_size_takes_effect_at_the_next_click_on_the_same_object(opened):
    opened.state.task.local = True
    add(opened, *huge.NEAR)

    opened.state.task.local_side = 512
    add(opened, huge.NEAR[0] + 5, huge.NEAR[1])

    assert last(opened).window.shape == (512, 512)


def test_what_is_in_view_lies_about_the_middle_of_the_canvas_whatever_chunks_napari_reads(opened):
    opened.pump(0.1)
    camera = camera_of(opened.viewer)

    for at, zoom in ((huge.FAR, 2.0), ((30_100, 31_900), 0.9), ((40, 59_950), 2.0)):
        camera.center, camera.zoom = (0, *at), zoom
        opened.pump(0.2)

        here = opened.widget.controller.here()

        (top, left), (bottom, right) = here.view.offset, (here.view.bottom, here.view.right)
        assert np.allclose(here.middle, at, atol=1)
        assert top < at[0] < bottom and left < at[1] < right
        if at[0] > 1000:
            assert np.allclose(here.view.box.center, at, atol=2)
            assert max(here.view.shape) <= 2 * huge.CHUNK


def test_the_frame_is_no_prompt_and_out_of_the_way(opened):
    opened.pump(0.1)
    active = opened.viewer.layers.selection.active
    camera = camera_of(opened.viewer)
    before = camera.center, camera.zoom

    opened.state.task.local = True
    add(opened, *huge.FAR)

    layers = [one.name for one in opened.viewer.layers]
    assert opened.viewer.layers.selection.active == active == opened.viewer.layers[names.POINTS]
    assert (camera.center, camera.zoom) == before
    assert layers.index(names.ROI) < layers.index(names.POINTS)
    opened.widget.controller.choose_task(Task.EXEMPLAR)
    assert opened.state.task.usable == 0
    assert opened.viewer.layers[names.ROI] != opened.widget.controller.boxes.layer


def test_the_frame_goes_with_the_mode_and_with_the_picture(opened):
    opened.state.task.local = True
    assert names.ROI in opened.viewer.layers
    opened.state.task.local = False
    assert names.ROI not in opened.viewer.layers

    opened.state.task.local = True
    opened.viewer.layers.remove("slide")
    opened.pump(0.05)

    assert names.ROI not in opened.viewer.layers


def test_a_box_larger_than_the_size_is_held_whole(opened):
    opened.state.task.local, opened.state.task.local_side = True, 512
    (row, col), half = huge.NEAR, 700

    window = window_of_a_box(opened, row, col, half)

    assert window.top <= row - half and window.bottom >= row + half
    assert frame(opened) == window


def test_a_frame_that_was_removed_stays_away_until_a_size_is_chosen_again(opened):
    opened.state.task.local = True
    opened.viewer.layers.remove(names.ROI)

    add(opened, *huge.NEAR)
    assert names.ROI not in opened.viewer.layers and last(opened).window.shape == (1024, 1024)

    opened.state.task.local_side = 2048
    assert names.ROI in opened.viewer.layers


def test_the_frame_takes_no_click(opened):
    opened.state.task.local = True
    add(opened, *huge.NEAR)
    camera = camera_of(opened.viewer)
    camera.center, camera.zoom = huge.NEAR, 0.5
    opened.pump(0.1)

    opened.click(opened.viewer.layers["slide"], huge.NEAR[0] + 20, frame(opened).left)

    assert len(opened.viewer.layers[names.POINTS].data) == 2
    assert opened.viewer.layers.selection.active == opened.viewer.layers[names.POINTS]


def test_unasked_the_window_grows_with_the_points_of_an_object_and_keeps_the_earlier_ones(opened):
    row, col = huge.NEAR
    add(opened, row, col)
    first = last(opened).window

    add(opened, row + 700, col)

    window = last(opened).window
    assert window != first and window.contains(row, col) and window.contains(row + 700, col)
    assert window.shape[0] > 700 and window.shape[1] == 1024
    assert len(opened.state.results.current.prompts.points) == 2


def test_unasked_the_window_grows_with_a_box(opened):
    (row, col), half = huge.NEAR, 700

    window = window_of_a_box(opened, row, col, half)

    assert window.top < row - half and window.bottom > row + half and max(window.shape) < 2048


def test_the_frame_goes_to_the_object_that_is_selected(opened):
    opened.state.task.local = True
    add(opened, *huge.NEAR)
    near = frame(opened)
    new_object(opened)
    add(opened, *huge.FAR)
    assert frame(opened) != near

    opened.widget.controller.board.select(1)

    assert frame(opened) == near


def test_the_frame_goes_when_the_widget_is_closed(opened):
    opened.state.task.local = True

    opened.widget.close()

    assert names.ROI not in opened.viewer.layers


def test_the_frame_is_not_moved_by_the_slider_but_lies_on_the_slice_in_view(open_driver):
    driver = open_driver((np.zeros((3, 3000, 3000), np.uint8), {"name": "stack", "contrast_limits": (0, 255)}))
    driver.state.task.local = True
    add(driver, 1000, 1000)

    driver.viewer.dims.set_current_step(0, 0)
    driver.wait_until_idle()

    assert set(np.asarray(driver.viewer.layers[names.ROI].data)[:, 0, 0]) == {0}
    assert driver.state.task.window is None


# -- the whole plane -------------------------------------------------------------------------------


@BOTH
def test_the_whole_plane_is_read_from_a_small_copy_and_masks_lie_at_full_resolution(opened):
    opened.widget.simple.setup.window.whole.click()
    opened.chunks.taken()

    add(opened, huge.NEAR[0] + 400, huge.NEAR[1] + 400)  # the patch: on the small copy the disk has 5 pixels

    view, read = last(opened), opened.chunks.taken()
    assert view.window.shape == (huge.SIDE, huge.SIDE)
    assert view.level == 4 and view.read_window.shape == (huge.SIDE >> 4, huge.SIDE >> 4)
    assert read[0] == 0 and read[4] <= math.ceil(view.read_window.shape[0] / huge.CHUNK) ** 2
    box = opened.state.results.objects[1].mask.box
    (top, left), size = huge.CORNERS[0], huge.PATCH
    assert (box.top, box.left, box.bottom, box.right) == pytest.approx((top, left, top + size, left + size), abs=32)
    assert objects(opened)[1] == pytest.approx(size**2, rel=0.02)


def test_on_the_whole_plane_an_example_finds_what_is_like_it_far_away(opened):
    opened.state.task.whole_plane = True
    opened.widget.controller.choose_task(Task.EXEMPLAR)
    (top, left), size = huge.CORNERS[0], huge.PATCH
    corners = [(top, left), (top, left + size), (top + size, left + size), (top + size, left)]
    opened.widget.controller.boxes.layer.add([np.array(corners, float)], shape_type="rectangle")
    opened.chunks.taken()

    opened.widget.controller.run()
    opened.wait_until_idle()

    assert opened.chunks.taken()[0] == 0
    boxes = sorted((item.mask.box.top, item.mask.box.left) for item in opened.state.results.objects)
    assert len(boxes) == 2
    for found, wanted in zip(boxes, huge.CORNERS, strict=True):
        assert found == pytest.approx(wanted, abs=64)


def test_the_whole_plane_and_a_fixed_size_exclude_each_other(opened):
    rows = opened.widget.simple.setup.window

    rows.whole.click()
    rows.local.click()
    assert not rows.whole.isChecked()

    rows.whole.click()
    assert not rows.local.isChecked() and names.ROI not in opened.viewer.layers


@pytest.mark.parametrize("way", ["local", "whole"])
def test_a_plane_that_cannot_be_read_whole_is_offered_the_window_and_one_press_answers(open_driver, way):
    driver = open_driver((np.broadcast_to(np.uint8(7), (9000, 9000)), {"name": "flat", "contrast_limits": (0, 255)}))
    driver.widget.controller.choose_image(str(driver.viewer.layers["flat"].unique_id), arm=True)
    driver.state.task.whole_plane = True
    add(driver, 3000, 3000)
    assert driver.state.run.phase is Phase.FAILED and LOCAL in driver.state.run.hint
    rows = driver.widget.simple.setup.window
    assert rows.local.isVisible() and rows.whole.isVisible()

    getattr(rows, way).click()
    driver.wait_until_idle()

    assert driver.state.run.phase is Phase.IDLE
    assert last(driver).window.shape == (1024, 1024) and last(driver).window.contains(3000, 3000)
    assert (names.ROI in driver.viewer.layers) == (way == "local")


def test_a_large_window_is_read_from_the_copy_that_fits_it(opened):
    opened.state.task.local, opened.state.task.local_side = True, 8192
    opened.chunks.taken()

    add(opened, *huge.NEAR)

    read = opened.chunks.taken()
    assert last(opened).level == 2 and read[0] == 0 and read[2] <= 9
    assert objects(opened)[1] == pytest.approx(AREA, rel=0.15)
    assert opened.state.results.objects[1].mask.box.center == pytest.approx(huge.NEAR, abs=4)


def test_counting_sees_the_chunks_that_napari_reads(opened):
    opened.chunks.taken()

    np.asarray(opened.viewer.layers["slide"].data[0][: huge.CHUNK, : huge.CHUNK])

    assert opened.chunks.taken() == Counter({0: 1})


def test_of_a_plane_without_smaller_copies_our_part_reads_windows_alone(open_driver, tmp_path, monkeypatch):
    array = zarr.create_array(tmp_path / "flat.zarr", shape=(3072, 3072), chunks=(256, 256), dtype="u1", fill_value=9)
    array[1000:1080, 1000:1080] = 200
    chunks = huge.Chunks(monkeypatch)
    ViewerModel().add_image(array, contrast_limits=(0, 255))
    alone = chunks.taken()
    driver = open_driver()
    chunks.taken()

    driver.viewer.add_image(array, name="flat", contrast_limits=(0, 255))
    driver.wait_until_idle()
    opening = chunks.taken()
    driver.widget.controller.choose_image(str(driver.viewer.layers["flat"].unique_id), arm=True)
    add(driver, 1040, 1040)
    clicked = chunks.taken()
    driver.state.task.local = True
    driver.widget.controller.accepting.accept(clear=True)
    driver.widget.controller.choose_task(Task.IMAGE)
    driver.widget.controller.choose_prompt(PromptKind.LABELS)
    driver.widget.controller.arm()
    driver.wait_until_idle()

    assert opening == alone
    assert 16 <= clicked[0] <= 25  # of 256 x 256, under a window of 1,024 x 1,024
    assert chunks.taken() in (Counter(), Counter({0: KNOWN_BY}))
