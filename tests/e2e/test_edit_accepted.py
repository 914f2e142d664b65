"""Accepted objects of 60,000 x 60,000 pixels, edited in a copy of what is in view that is written back by itself."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
import zarr

from napari_sam3_assistant.app.state import EditAccepted, Phase
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.layers import accepted, names
from napari_sam3_assistant.layers.world import camera_of
from tests.e2e import huge
from tests.e2e.hands import paint

FLAT = Plane(0, 1)
NEAR, FAR = huge.NEAR, huge.FAR
DISK = 5025
"""Pixels of the disks below."""


def disk(row, col, radius=40) -> PlacedMask:
    rows, cols = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    return PlacedMask(rows**2 + cols**2 <= radius**2, (row - radius, col - radius))


def look_at(driver, row, col, zoom=1.0) -> None:
    """Bring a pixel of the picture into the middle of the view."""
    camera, picture = camera_of(driver.viewer), driver.viewer.layers[0]
    point = picture.data_to_world((*driver.viewer.dims.current_step[: picture.ndim - 2], row, col))
    camera.center, camera.zoom = (0, *point[-2:]), zoom
    if not driver.widget.isVisible():  # no canvas tells what is in view
        half = 300 / zoom
        picture.data_level = 0
        picture.corner_pixels = np.array(
            [[*driver.viewer.dims.current_step[:-2], row + side, col + side] for side in (-half, half)]
        )
    driver.pump(0.15)


def accept(driver, *masks, plane=FLAT) -> None:
    """Accept masks as the buttons do, without asking an engine."""
    controller = driver.widget.controller
    here = controller.here()
    controller.board.step("Accept")
    made = accepted.accept(driver.viewer, here.layer, here.source, plane, masks)
    controller.accepting.records += made
    controller.accepting.publish()
    driver.pump(0.05)


def button(driver):
    return driver.widget.simple.results.accepting.edit


def press(driver) -> None:
    button(driver).click()
    driver.pump(0.05)


def copy(driver):
    return driver.viewer.layers[names.IN_VIEW]


def corner(driver) -> tuple[int, int]:
    """Where the copy begins, in pixels of the plane."""
    picture = driver.viewer.layers[0]
    first = picture.world_to_data(copy(driver).data_to_world((0,) * picture.ndim))
    return round(first[-2]), round(first[-1])


def square(driver, row, col, size, value, *, told=True) -> None:
    """Paint a square in the copy, in pixels of the plane."""
    top, left = corner(driver)
    where = (..., slice(row - top, row - top + size), slice(col - left, col - left + size))
    if told:
        paint(copy(driver), where, value)
        driver.pump(0.05)
    else:
        copy(driver).data[where] = value


def areas(driver) -> dict[int, int]:
    return {one.id: one.mask.area for one in driver.widget.controller.accepting.records}


def at(driver, row, col) -> int:
    """The accepted object at a pixel, as the layer of all of them has it."""
    kept = accepted.accepted_layer(driver.viewer, driver.viewer.layers[0])
    return int(np.asarray(kept.data[0][..., row, col]).max())


def in_copy(driver, row, col) -> int:
    top, left = corner(driver)
    return int(copy(driver).data[..., row - top, col - left].max())


@pytest.fixture(scope="module", params=[False, True], ids=["grey", "rgb"])
def slide(request, tmp_path_factory):
    return huge.make(tmp_path_factory.mktemp("slides") / "slide.zarr", rgb=request.param)


def picture(levels=7, shape=(60_000, 60_000), **about):
    """A large picture that takes no room, for a viewer: black, with smaller copies."""
    small = [(*shape[:-2], shape[-2] >> k, shape[-1] >> k) for k in range(levels)]
    data = [np.broadcast_to(np.uint8(0), one) for one in small]
    return data, {"name": "slide", "multiscale": True, "contrast_limits": (0, 255), **about}


@pytest.fixture
def black(open_again):
    """A large picture, with an object accepted in the middle of what is in view, and the copy of it open."""
    return opened(open_again(picture(), show=False))


def opened(driver):
    look_at(driver, 30_000, 30_000)
    accept(driver, disk(30_000, 30_000))
    press(driver)
    return driver


# -- a file on disk ---------------------------------------------------------------------------------


def test_a_stroke_on_an_accepted_object_is_in_the_file_that_is_saved(open_driver, slide, tmp_path):
    driver = open_driver()
    driver.viewer.open(slide, plugin="napari")
    driver.pump(0.3)
    driver.wait_until_idle()
    look_at(driver, *NEAR)
    assert not button(driver).isVisible()
    accept(driver, disk(*NEAR), disk(*FAR))
    before = areas(driver)
    driver.pump(0.05)
    assert button(driver).isVisible() and button(driver).text() == "Edit Accepted"

    press(driver)
    assert max(copy(driver).data.shape) <= 4096 and driver.viewer.layers.selection.active == copy(driver)
    assert in_copy(driver, *NEAR) == copy(driver).selected_label == 1
    driver.pump(0.3)
    assert button(driver).text() == "Done Editing"
    row, col = NEAR
    driver.stroke(driver.viewer.layers[0], [(row - 60, col - 60), (row - 60, col), (row - 60, col + 60)])
    driver.pump(0.1)
    grown = areas(driver)
    assert grown[1] > before[1] and grown[2] == before[2]
    square(driver, row - 5, col - 5, 10, 0)
    assert areas(driver) == {1: grown[1] - 100, 2: before[2]}

    driver.state.output.folder, driver.state.output.format = str(tmp_path), "zarr"
    driver.widget.controller.saving.save()
    driver.wait(lambda: not driver.state.output.saving, "The file")
    labels = zarr.open_group(driver.state.output.saved, mode="r")["0"]
    for number, (r, c) in enumerate((NEAR, FAR), 1):
        here = labels[r - 200 : r + 200, c - 200 : c + 200]
        assert np.unique(here).tolist() == [0, number] and (here > 0).sum() == areas(driver)[number]
    press(driver)
    assert names.IN_VIEW not in driver.viewer.layers and at(driver, row, col) == 0 and at(driver, row - 60, col) == 1


# -- what is painted --------------------------------------------------------------------------------


def test_the_copy_shows_what_is_in_view_and_the_other_layer_leaves_it_out(black):
    kept = accepted.accepted_layer(black.viewer, black.viewer.layers[0])

    assert in_copy(black, 30_000, 30_000) == 1 and not np.asarray(kept.data[0][30_000, 29_900:30_100]).any()
    assert copy(black).mode == "paint" and np.array_equal(copy(black).get_color(1), kept.get_color(1))
    copy(black).visible = False
    assert at(black, 30_000, 30_000) == 1, "hidden, the other layer shows it"
    copy(black).visible = True
    black.widget.menu.ask(None)
    entry = next(one for one in black.widget.menu.actions() if one.text() == "Done Editing")
    entry.trigger()
    black.widget.menu.close()
    assert at(black, 30_000, 30_000) == 1 and names.IN_VIEW not in black.viewer.layers


def test_where_accepted_labels_can_be_painted_in_there_is_no_button(open_driver):
    driver = open_driver((np.zeros((64, 64), np.uint8), {"name": "small"}), show=False)
    accept(driver, PlacedMask(np.ones((9, 9), bool)))

    assert driver.state.results.accepted == 1 and button(driver).isHidden()
    driver.widget.menu.ask(None)
    assert not [one for one in driver.widget.menu.actions() if "Edit" in one.text()]
    driver.widget.menu.close()


def test_a_number_not_seen_before_is_a_new_object_and_one_painted_away_is_gone(black):
    square(black, 30_200, 30_200, 10, 7)
    assert areas(black) == {1: DISK, 7: 100}

    square(black, 29_900, 29_900, 200, 0)

    assert areas(black) == {7: 100} and black.state.results.accepted == 1
    assert "painted away" in black.state.run.message


def test_m_begins_an_object_of_a_free_number_and_the_number_of_one_elsewhere_is_replaced(black):
    accept(black, disk(5_000, 5_000))

    black.widget.controller.editing.begin_object()
    square(black, 30_200, 30_200, 10, copy(black).selected_label)
    assert areas(black) == {1: DISK, 2: DISK, 3: 100}
    copy(black).selected_label = 2
    square(black, 30_220, 30_200, 10, 2)

    assert areas(black) == {1: DISK, 2: DISK, 3: 100, 4: 100} and "this one is 4" in black.state.run.message
    assert in_copy(black, 30_225, 30_205) == copy(black).selected_label == 4
    square(black, 30_230, 30_200, 10, 4)
    assert areas(black)[4] == 200


def test_what_lies_outside_the_copy_stays(open_again):
    driver = open_again(picture(), show=False)
    look_at(driver, 30_000, 30_000, 2)
    accept(driver, PlacedMask(np.ones((20, 8_000), bool), (30_000, 26_000)))
    press(driver)
    width = copy(driver).data.shape[1]

    square(driver, 30_000, corner(driver)[1], width, 0)

    assert areas(driver) == {1: 20 * (8_000 - width)}
    square(driver, 30_000, corner(driver)[1], 10, 1)
    assert areas(driver) == {1: 20 * (8_000 - width) + 100}


def test_strokes_and_fills_of_napari_are_written_back_one_step_each(open_again):
    black = opened(open_again(picture()))
    layer = copy(black)
    black.stroke(layer, [(500, 580), (500, 620)])
    black.pump(0.1)
    first = areas(black)[1]
    assert first > DISK

    layer.mode, layer.selected_label = "fill", 5
    black.click(layer, 500, 600, wait=False)
    black.pump(0.1)

    assert set(areas(black)) == {1, 5} and sum(areas(black).values()) == first
    black.key("z", ctrl=True)
    assert areas(black) == {1: first} and set(np.unique(layer.data)) == {0, 1}
    black.widget.controller.board.undo()
    assert areas(black) == {1: DISK} and (layer.data > 0).sum() == DISK
    black.widget.controller.board.redo()
    black.key("z", ctrl=True, shift=True)
    assert sum(areas(black).values()) == first and set(np.unique(layer.data)) == {0, 1, 5}
    black.key("m")
    assert layer.selected_label == 6


def test_undo_brings_back_an_object_that_was_painted_away_and_takes_away_what_was_not_told_yet(black):
    square(black, 29_900, 29_900, 200, 0)
    square(black, 30_200, 30_200, 10, 1)
    assert areas(black) == {1: 100}
    square(black, 30_100, 30_200, 10, 1, told=False)

    for wanted in ({1: 100}, {}, {1: DISK}, {}):
        black.widget.controller.board.undo()
        assert areas(black) == wanted
        assert {1: (copy(black).data == 1).sum()} == {1: sum(wanted.values())}


def test_objects_accepted_and_taken_back_meanwhile_come_and_go(black):
    accept(black, disk(30_100, 30_000))
    assert in_copy(black, 30_100, 30_000) == 2

    black.widget.controller.accepting.undo_last()

    assert in_copy(black, 30_100, 30_000) == 0 and in_copy(black, 30_000, 30_000) == 1


# -- where the copy is ------------------------------------------------------------------------------


def test_the_copy_stays_where_it_is_and_is_moved_and_closed_by_the_button(black):
    accept(black, disk(50_000, 50_000))
    square(black, 30_200, 30_200, 10, 3)
    first = corner(black)
    assert button(black).text() == "Done Editing"

    look_at(black, 50_000, 50_000)
    assert corner(black) == first and button(black).text() == "Edit Here"
    press(black)

    assert in_copy(black, 50_000, 50_000) == 2 and button(black).text() == "Done Editing"
    assert at(black, 30_205, 30_205) == 3 and len([one for one in black.viewer.layers if "in view" in one.name]) == 1
    press(black)
    assert names.IN_VIEW not in black.viewer.layers and button(black).text() == "Edit Accepted"
    black.pump(0.1)
    assert black.viewer.layers.selection.active.name == names.POINTS
    look_at(black, 30_000, 30_000, 0.05)
    press(black)
    assert black.state.run.phase is Phase.FAILED and "Zoom in" in black.state.run.hint
    assert names.IN_VIEW not in black.viewer.layers


@pytest.mark.parametrize(
    "about",
    [{"scale": (0.5, 0.25), "units": ("um", "um"), "axis_labels": ("y", "x")}, {"rotate": 30, "scale": (2, 2)}],
    ids=["scaled", "rotated"],
)
def test_the_copy_lies_on_the_pixels_of_a_scaled_or_turned_picture(open_again, about):
    driver = open_again(picture(**about))
    look_at(driver, 30_000, 30_000, 1)
    accept(driver, disk(30_000, 30_000))
    press(driver)
    layer, image = copy(driver), driver.viewer.layers[0]
    (top, left), (row, col) = corner(driver), np.argwhere(layer.data)[0]

    np.testing.assert_allclose(layer.data_to_world((row, col)), image.data_to_world((row + top, col + left)))
    assert (layer.units, layer.axis_labels) == (image.units, image.axis_labels)
    driver.stroke(image, [(30_060, 30_000), (30_060, 30_020)])
    driver.pump(0.1)
    assert areas(driver)[1] > DISK and in_copy(driver, 30_060, 30_010) == 1
    image.translate = (100, 50)
    np.testing.assert_allclose(layer.data_to_world((row, col)), image.data_to_world((row + top, col + left)))


def test_another_slice_ends_editing_with_everything_written_back(open_again):
    driver = open_again(picture(shape=(3, 60_000, 60_000)), show=False)
    driver.viewer.dims.set_current_step(0, 1)
    look_at(driver, 30_000, 30_000)
    accept(driver, disk(30_000, 30_000), plane=Plane(1, 2, ((0, 1),)))
    press(driver)
    square(driver, 30_200, 30_200, 10, 2, told=False)

    driver.viewer.dims.set_current_step(0, 2)
    driver.pump(0.1)

    assert names.IN_VIEW not in driver.viewer.layers and areas(driver) == {1: DISK, 2: 100}
    assert "Editing ended" in driver.state.run.message
    kept = accepted.accepted_layer(driver.viewer, driver.viewer.layers[0])
    assert [int(np.asarray(kept.data[0][z, 30_205, 30_205])) for z in range(3)] == [0, 2, 0]


# -- what goes away ---------------------------------------------------------------------------------


def test_saving_and_deleting_the_copy_write_what_was_not_told_yet(black, tmp_path):
    square(black, 30_100, 30_200, 10, 3, told=False)
    black.state.output.folder = str(tmp_path)
    black.widget.controller.saving.save()
    black.wait(lambda: not black.state.output.saving, "The file")
    assert np.bincount(tifffile.imread(black.state.output.saved).ravel())[[1, 3]].tolist() == [DISK, 100]
    square(black, 30_200, 30_200, 10, 2, told=False)

    black.viewer.layers.remove(copy(black))
    black.pump(0.1)

    assert areas(black) == {1: DISK, 2: 100, 3: 100} and at(black, 30_205, 30_205) == 2
    assert black.state.results.edit is EditAccepted.BEGIN


def test_deleting_the_picture_writes_back_and_takes_the_copy_away(black):
    kept = accepted.accepted_layer(black.viewer, black.viewer.layers[0])
    square(black, 30_200, 30_200, 10, 2, told=False)

    black.viewer.layers.remove("slide")
    black.pump(0.1)

    assert names.IN_VIEW not in black.viewer.layers and int(np.asarray(kept.data[0][30_205, 30_205])) == 2
    assert black.state.results.edit is EditAccepted.NONE


def test_deleting_the_accepted_labels_leaves_the_copy_to_the_user(black):
    square(black, 30_200, 30_200, 10, 2)

    black.viewer.layers.remove(names.ACCEPTED)
    black.pump(0.1)

    left = black.viewer.layers[names.EDITED_LABELS]
    assert np.unique(left.data).tolist() == [0, 1, 2] and names.EDITED_LABELS in black.state.run.message
    assert button(black).isHidden() and areas(black) == {}


@pytest.mark.parametrize("which", [names.ACCEPTED, names.IN_VIEW])
def test_data_of_the_user_s_own_end_editing_and_keep_what_was_painted(black, which):
    layer = copy(black)
    other = [np.ones((64, 64), np.uint8), np.ones((32, 32), np.uint8)]
    black.viewer.layers[which].data = other if which == names.ACCEPTED else other[0]
    layer.events.paint(value=[])
    black.pump(0.1)

    assert layer.name == names.EDITED_LABELS and layer in black.viewer.layers
    assert f"{which} was given other data." in black.state.run.message


def test_data_of_the_same_shape_are_an_edit(black):
    other = np.zeros(copy(black).data.shape, np.int64)
    other[:10, :10] = 70_000

    copy(black).data = other
    black.pump(0.1)

    assert areas(black) == {70_000: 100}


def test_closing_the_widget_writes_back_and_takes_the_copy_away(black):
    kept = accepted.accepted_layer(black.viewer, black.viewer.layers[0])
    square(black, 30_200, 30_200, 10, 2, told=False)

    black.widget.close()

    assert names.IN_VIEW not in black.viewer.layers and int(np.asarray(kept.data[0][30_205, 30_205])) == 2
