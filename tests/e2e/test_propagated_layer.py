"""``SAM3 propagated preview labels`` in a real viewer: in memory and on the disk, and what may happen to it."""

from __future__ import annotations

import errno
import gc
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
import zarr
from napari.layers import _layer_actions

from napari_sam3_assistant.app.state import Phase
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.layers import names, propagated, stacks
from napari_sam3_assistant.tasks.frames import Direction
from napari_sam3_assistant.tasks.jobs import Task
from tests.e2e.hands import add, points
from tests.e2e.test_propagation import FRAMES, begin, film, followed, iou, rest, truth


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """Keep what is temporary in a folder of the test's."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def open_small(open_driver):
    """Return a function that opens a viewer in which every stack is kept on the disk."""

    def open_small(*layers, show: bool = False):
        driver = open_driver(*layers, show=show)
        preferences = driver.widget.controller.runtime.preferences
        object.__setattr__(preferences, "stack_bytes", 0)
        return driver

    return open_small


def folders(folder: Path) -> list[str]:
    return [one.name for one in folder.glob(f"{stacks.PREFIX}*")]


def run(driver) -> None:
    driver.widget.controller.run()
    rest(driver)


def fits(driver) -> bool:
    return all(iou(followed(driver)[frame] == 1, truth(frame)) > 0.9 for frame in range(FRAMES))


def test_a_stack_beyond_the_size_is_on_the_disk_and_goes_with_its_layer(open_small, temporary):
    driver = open_small((film(), {"scale": (3, 0.5, 0.5), "axis_labels": ("z", "y", "x"), "rotate": 30}))
    begin(driver)
    run(driver)

    layer = driver.viewer.layers[names.PROPAGATED]
    assert isinstance(layer.data, zarr.Array)
    assert layer.data.chunks == (1, 96, 96)
    assert fits(driver)
    picture = driver.viewer.layers[0]
    assert tuple(layer.scale) == (3, 0.5, 0.5) and layer.axis_labels == ("z", "y", "x")
    assert np.allclose(layer.rotate, picture.rotate)
    assert folders(temporary)

    driver.widget.controller.clearing.preview()

    assert names.PROPAGATED not in driver.viewer.layers
    assert folders(temporary) == []


def test_a_second_run_leaves_nothing_of_the_first_in_layer_or_folder(open_small, temporary):
    driver = open_small((film(), {}))
    begin(driver)
    driver.state.task.direction = Direction.FORWARD
    run(driver)
    first = folders(temporary)
    driver.state.task.direction = Direction.BACKWARD

    run(driver)

    assert np.flatnonzero(followed(driver).any(axis=(1, 2))).tolist() == [0, 1, 2, 3]
    assert len([one for one in folders(temporary) if not one.endswith(stacks.LOCK)]) == 1
    assert folders(temporary) != first


def test_stacks_of_different_shapes_follow_each_other(open_small, temporary):
    driver = open_small((film(), {"name": "first"}), (film(5)[:, :80], {"name": "second"}))
    controller, layers = driver.widget.controller, driver.viewer.layers
    for name in ("first", "second"):
        controller.choose_image(str(layers[name].unique_id))
        begin(driver, 2, (24, 20))
        run(driver)
        assert followed(driver).shape == layers[name].data.shape
    assert len([one for one in layers if one.name.startswith(names.PROPAGATED)]) == 1


@pytest.mark.parametrize("size", [0, stacks.MEMORY_BYTES])
def test_what_is_painted_meanwhile_and_later_stays_and_is_undone_by_napari(open_small, size):
    driver = open_small((film(), {}), show=True)
    object.__setattr__(driver.widget.controller.runtime.preferences, "stack_bytes", size)
    begin(driver)
    run(driver)
    layer = driver.viewer.layers[names.PROPAGATED]
    driver.viewer.layers.selection.active = layer
    before = np.asarray(layer.data[3])

    layer.selected_label, layer.brush_size = 7, 4
    layer.mode = "paint"
    layer.paint((3, 80, 80), 7)

    assert np.asarray(layer.data[3])[80, 80] == 7
    layer.undo()
    assert np.array_equal(np.asarray(layer.data[3]), before)
    layer.paint((3, 80, 80), 7)
    driver.widget.controller.board.begin_object()
    add(driver, 60, 36)
    driver.widget.controller.propagation.go_on()
    rest(driver)
    assert np.asarray(layer.data[3])[80, 80] == 7
    assert 2 in followed(driver)[5]


def test_axes_in_another_order_and_a_fourth_one(open_small):
    stack = np.moveaxis(np.stack([film(), film()]), 1, 3)  # t, rows, columns, z
    driver = open_small((stack, {"axis_labels": ("t", "y", "x", "z")}))
    driver.viewer.dims.order = (0, 3, 1, 2)
    controller = driver.widget.controller
    controller.choose_task(Task.VIDEO)
    controller.arm()
    for axis, position in ((0, 1), (3, 5), (3, 3)):  # the slider that was moved last is that of the frames
        driver.viewer.dims.set_current_step(axis, position)
    points(driver).add([1, 26, 20, 3])
    driver.wait_until_idle()
    driver.pump(0.05)
    run(driver)

    assert (driver.state.run.phase, driver.state.video.axis) == (Phase.IDLE, "z"), driver.state.run.message
    now = followed(driver)
    layer = driver.viewer.layers[names.PROPAGATED]
    assert layer.data.chunks == (1, 96, 96, 1)
    assert not now[0].any()
    assert all(iou(now[1, :, :, frame] > 0, truth(frame)) > 0.9 for frame in range(FRAMES))


def test_only_the_frame_on_screen_is_drawn(open_driver, monkeypatch):
    driver = open_driver((film(), {}), show=False)
    begin(driver, 3)
    drawn = []
    monkeypatch.setattr(propagated, "draw", lambda layer: drawn.append(driver.viewer.dims.current_step[0]))
    run(driver)
    assert set(drawn) == {3} and len(drawn) < 4


def test_a_full_disk_ends_the_run_and_what_is_done_stays_and_goes_on(open_small, monkeypatch):
    driver = open_small((film(), {}))
    begin(driver, 0)
    driver.state.task.direction = Direction.FORWARD
    write, count = zarr.Array.__setitem__, []

    def full(array, key, value):
        count.append(key)
        if len(count) > 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(array, key, value)

    with monkeypatch.context() as patch:
        patch.setattr(zarr.Array, "__setitem__", full)
        run(driver)
    assert driver.state.run.phase is Phase.FAILED
    assert "No space left on device" in driver.state.run.message
    assert "What is done stays" in driver.state.run.message
    assert "Free some space" in driver.state.run.hint
    assert np.flatnonzero(followed(driver).any(axis=(1, 2))).tolist() in ([0, 1, 2], [0, 1, 2, 3])

    driver.widget.controller.propagation.go_on()
    rest(driver)
    assert fits(driver)


def test_layer_image_and_viewer_that_go_meanwhile_leave_no_folder(open_small, engine, temporary):
    slow = engine.encode
    engine.encode = lambda *args, **more: (time.sleep(0.03), slow(*args, **more))[1]
    driver = open_small((np.repeat(film(), 4, axis=0), {"name": "film"}))
    layers = driver.viewer.layers
    for name in (names.PROPAGATED, "film"):
        begin(driver, 0)
        driver.widget.controller.run()
        driver.wait(lambda: driver.state.video.done > 2, "Some frames")
        layers.remove(layers[name])
        driver.pump(0.05)
        assert not driver.state.video.running
        if name == names.PROPAGATED:
            assert folders(temporary) == []
    layers.clear()
    driver.pump(0.05)
    gc.collect()
    assert folders(temporary) == []


def test_what_a_killed_process_left_is_removed_by_the_next(temporary):
    left = temporary / f"{stacks.PREFIX}left"
    (left / "c").mkdir(parents=True)

    mine = stacks.stack_of((2, 8, 8), np.uint16, Plane(1, 2, ((0, 0),)), 0)

    assert not left.exists()
    assert stacks.folder_of(mine).is_dir()
    stacks.sweep()
    assert stacks.folder_of(mine).is_dir()
    stacks.let_go(mine)
    assert folders(temporary) == []


def test_a_layer_that_is_given_other_pixels_meanwhile_stops_the_run_and_says_so(open_driver, monkeypatch):
    driver = open_driver((film(), {}), show=False)
    begin(driver, 0, (20, 20))
    given = np.zeros((3, 20, 20), np.uint16)
    monkeypatch.setattr(propagated, "write_frame", _once(propagated.write_frame, lambda: _give(driver, given)))

    run(driver)
    driver.viewer.layers[names.PROPAGATED].paint((0, 4, 4), 1)
    driver.pump(0.05)

    assert driver.state.run.phase is Phase.FAILED
    assert driver.state.run.message == "3D propagation stopped. Its preview layer was given other pixels."
    assert driver.viewer.layers[names.PROPAGATED].data.shape == (3, 20, 20)
    run(driver)
    assert fits(driver)


def _once(write, then):
    """Return ``write`` that is followed by ``then`` the third time."""
    calls = []

    def wrapped(*args, **options):
        write(*args, **options)
        calls.append(args)
        if len(calls) == 3:
            then()

    return wrapped


def _give(driver, data) -> None:
    driver.viewer.layers[names.PROPAGATED].data = data


def test_a_duplicate_is_the_users_and_nothing_is_written_into_it(open_driver):
    driver = open_driver((film(), {}), show=False)
    begin(driver, 0, (20, 20))
    run(driver)
    before = followed(driver).copy()
    layers = driver.viewer.layers
    layers.selection = {layers[names.PROPAGATED]}
    _layer_actions._duplicate_layer(layers)
    copy = layers[f"{names.PROPAGATED} copy"]
    copy.data[:] = 7

    driver.widget.controller.board.undo()
    rest(driver)
    driver.widget.controller.board.redo()
    rest(driver)

    assert (copy.data == 7).all()
    assert np.array_equal(followed(driver), before)


def test_a_duplicate_of_one_on_the_disk_keeps_its_pixels(open_small, temporary):
    driver = open_small((film(), {}), show=False)
    begin(driver, 0, (20, 20))
    run(driver)
    before = followed(driver).copy()
    layers = driver.viewer.layers
    layers.selection = {layers[names.PROPAGATED]}

    _layer_actions._duplicate_layer(layers)
    copy = layers[f"{names.PROPAGATED} copy"]
    driver.widget.controller.clearing.preview()
    rest(driver)

    assert names.PROPAGATED not in layers
    assert before.any() and np.array_equal(np.asarray(copy.data), before)


def test_a_run_that_is_done_again_while_another_picture_is_in_use_is_seen_as_it_was(open_driver):
    driver = open_driver((film(), {"name": "film"}), show=False)
    begin(driver, 0, (20, 20))
    run(driver)
    other = driver.viewer.add_image(film()[:, :60], name="other")
    driver.state.task.image = str(other.unique_id)
    driver.pump(0.05)

    driver.widget.controller.board.undo()
    rest(driver)
    assert names.PROPAGATED not in driver.viewer.layers
    driver.widget.controller.board.redo()
    rest(driver)

    assert fits(driver)
