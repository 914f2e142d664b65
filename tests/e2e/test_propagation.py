"""Objects followed through depth and time, in a real viewer; and what goes wrong meanwhile."""

from __future__ import annotations

import time
from unittest.mock import Mock

import numpy as np
import tifffile
import zarr

from napari_sam3_assistant.app.state import Phase
from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.core.errors import EngineError
from napari_sam3_assistant.export.images import read_labels
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.tasks.frames import Direction
from napari_sam3_assistant.tasks.jobs import Task
from napari_sam3_assistant.tasks.video import Propagation
from tests.e2e.hands import add, add_box

FRAMES, SIDE = 8, 96


def film(frames: int = FRAMES) -> np.ndarray:
    """A bright and a dimmer square; both drift by 2 px a frame."""
    made = np.random.default_rng(0).integers(18, 23, (frames, SIDE, SIDE)).astype(np.uint8)
    for frame in range(frames):
        shift = 2 * frame
        made[frame, 10 + shift : 30 + shift, 10:30] = 200
        made[frame, 50:70, 20 + shift : 40 + shift] = 150
    return made


def truth(frame: int) -> np.ndarray:
    """Where the first square lies."""
    out = np.zeros((SIDE, SIDE), bool)
    out[10 + 2 * frame : 30 + 2 * frame, 10:30] = True
    return out


def rest(driver) -> None:
    """Wait until nothing is followed any more."""
    driver.wait_until_idle()
    driver.wait(lambda: not driver.state.video.running, "The end of the propagation")
    driver.pump(0.05)


def begin(driver, frame: int = 3, at=(26, 20)) -> None:
    """Choose the task and put a point on a frame."""
    controller = driver.widget.controller
    controller.choose_task(Task.VIDEO)
    controller.choose_prompt(PromptKind.POINTS)
    controller.arm()
    driver.viewer.dims.set_current_step(0, frame)
    add(driver, *at)
    driver.pump(0.05)


def begin_with_boxes(driver, *boxes) -> None:
    """Choose the task and draw boxes on the first frame."""
    controller = driver.widget.controller
    controller.choose_task(Task.VIDEO)
    controller.choose_prompt(PromptKind.BOX)
    controller.arm()
    driver.viewer.dims.set_current_step(0, 0)
    for box in boxes:
        add_box(controller.boxes.layer, *box, at=(0,))
    driver.pump(0.05)


def followed(driver) -> np.ndarray:
    return np.asarray(driver.viewer.layers[names.PROPAGATED].data)


def iou(a, b) -> float:
    return (a & b).sum() / (a | b).sum()


def test_an_object_is_followed_through_all_frames_from_one_click(open_driver):
    driver = open_driver((film(), {"scale": (3, 0.5, 0.5), "units": ("um", "um", "um"), "name": "film"}))
    begin(driver)
    group = driver.widget.simple.run
    assert (group.run.text(), group.run.isEnabled(), group.go_on.isEnabled()) == ("Start 3D", True, False)

    group.run.click()
    rest(driver)

    layer = driver.viewer.layers[names.PROPAGATED]
    assert [iou(followed(driver)[frame] == 1, truth(frame)) > 0.9 for frame in range(FRAMES)] == [True] * FRAMES
    assert (tuple(layer.scale), layer.data.dtype) == ((3, 0.5, 0.5), np.uint16)
    assert group.go_on.isEnabled()
    assert "Video session ready." in driver.widget.simple.results.summary.text()
    rows = driver.state.results.rows
    assert [row.frame for row in rows] == [(frame,) for frame in range(FRAMES)]
    assert {row.object_id for row in rows} == {1}
    driver.widget.controller.listing.show(rows[6])
    assert driver.viewer.dims.current_step[0] == 6


def test_a_direction_leaves_the_other_frames_empty(open_driver):
    driver = open_driver((film(), {}), show=False)
    begin(driver)
    for direction, expected in ((Direction.FORWARD, range(3, FRAMES)), (Direction.BACKWARD, range(4))):
        driver.state.task.direction = direction

        driver.widget.controller.run()
        rest(driver)

        assert np.flatnonzero(followed(driver).any(axis=(1, 2))).tolist() == list(expected)


def test_several_objects_keep_their_numbers_and_a_second_run_leaves_nothing_of_the_first(open_driver):
    driver = open_driver((film(), {}), show=False)
    begin_with_boxes(driver, (8, 8, 32, 32), (48, 18, 72, 42))
    driver.widget.controller.run()
    rest(driver)
    both = followed(driver)
    assert [sorted(np.unique(frame)) for frame in both] == [[0, 1, 2]] * FRAMES
    assert all((both[frame][truth(frame)] != 2).all() for frame in range(FRAMES))

    driver.widget.controller.board.delete_object(1)
    driver.pump(0.05)

    assert [sorted(np.unique(frame)) for frame in followed(driver)] == [[0, 2]] * FRAMES
    driver.widget.controller.run()
    rest(driver)
    assert [sorted(np.unique(frame)) for frame in followed(driver)] == [[0, 1]] * FRAMES
    assert not any(followed(driver)[frame][truth(frame)].any() for frame in range(FRAMES))


def test_a_frame_corrected_by_hand_or_prompts_goes_on_from_there(open_driver):
    driver = open_driver((film(), {}), show=False)
    begin(driver, 2)
    driver.state.task.direction = Direction.FORWARD
    driver.widget.controller.run()
    rest(driver)
    before = followed(driver).copy()
    driver.viewer.dims.set_current_step(0, 5)
    followed(driver)[5][truth(5)] = 0
    followed(driver)[5, 20:30, 10:30] = 1
    add(driver, 60, 40)  # the other square: a new object

    driver.widget.simple.run.go_on.click()
    rest(driver)

    now = followed(driver)
    assert np.array_equal(now[:5], before[:5])
    assert sorted(np.unique(now[5])) == [0, 1, 2]
    assert iou(now[7] == 2, np.pad(np.ones((20, 20), bool), ((50, 26), (34, 42)))) > 0.9
    assert (now[5] == 1).sum() == 200


def test_boxes_and_labels_are_prompts_too(open_driver):
    driver = open_driver((film(4), {}), show=False)
    controller = driver.widget.controller
    begin_with_boxes(driver, (8, 8, 32, 32))
    driver.widget.controller.run()
    rest(driver)
    assert all(iou(followed(driver)[frame] > 0, truth(frame)) > 0.9 for frame in range(4))

    controller.clearing.preview()
    controller.choose_prompt(PromptKind.LABELS)
    controller.arm()
    painted = driver.viewer.layers[names.MASK_PROMPT]
    painted.data[0, 12:28, 12:28] = 1
    painted.refresh()
    painted.events.paint(value=[])
    driver.widget.controller.run()
    rest(driver)
    assert all(iou(followed(driver)[frame] > 0, truth(frame)) > 0.9 for frame in range(4))

    painted.data[:, 12:28, 12:28] = 1
    painted.events.paint(value=[])
    driver.widget.controller.run()
    rest(driver)
    assert driver.state.run.message == "Preview ready: every frame was said."
    assert followed(driver).any(axis=(1, 2)).all()


def test_a_click_comes_in_between_two_frames_and_cancel_keeps_what_is_done(open_driver, engine):
    slow = engine.encode
    engine.encode = lambda *args, **more: (time.sleep(0.05), slow(*args, **more))[1]
    driver = open_driver((np.repeat(film(), 5, axis=0), {}), show=False)
    begin(driver, 0)
    controller = driver.widget.controller
    driver.state.task.direction = Direction.FORWARD
    controller.run()
    driver.wait(lambda: driver.state.video.done > 2, "Three frames")
    assert controller.state.results.rows != ()

    controller.choose_task(Task.LIVE_POINTS)
    controller.board.begin_object()
    add(driver, 60, 30, wait=False)
    driver.wait(lambda: len(driver.state.results.objects) == 2, "The click's mask")
    assert driver.state.video.running
    controller.cancel()
    rest(driver)

    done = driver.state.video.done
    assert 2 < done < 40
    assert followed(driver).any(axis=(1, 2)).sum() == done
    assert "What is done stays" in driver.state.run.message
    driver.pump(0.2)
    assert driver.state.video.done == done


def test_cancel_between_two_frames_stops_the_run_too(open_driver, monkeypatch):
    driver = open_driver((np.repeat(film(), 5, axis=0), {}), show=False)
    begin(driver, 0)
    controller = driver.widget.controller
    taken, take = [], Propagation.take

    def take_and_cancel(*args):
        changed = take(*args)
        taken.append(changed)
        if len(taken) == 2:
            controller.cancel()
        return changed

    monkeypatch.setattr(Propagation, "take", take_and_cancel)
    driver.state.task.direction = Direction.FORWARD
    controller.run()
    driver.wait(lambda: len(taken) == 2 and not driver.state.video.running, "The end")
    driver.pump(0.2)

    assert len(taken) == 2 and "What is done stays" in driver.state.run.message


def test_it_stops_where_the_object_is_gone_and_says_so(open_driver):
    data = film()
    data[5:], data[0] = 20, 20
    driver = open_driver((data, {}), show=False)
    begin(driver)

    driver.widget.controller.run()
    rest(driver)

    assert np.flatnonzero(followed(driver).any(axis=(1, 2))).tolist() == [1, 2, 3, 4]
    assert "Object 1 is gone after frame 4. Object 1 is gone before frame 1." in driver.state.run.message


def test_a_picture_without_frames_says_that_it_has_none(open_driver):
    driver = open_driver((film()[0], {}))
    driver.widget.controller.choose_task(Task.VIDEO)
    driver.pump(0.05)

    run = driver.widget.simple.run.run
    assert not run.isEnabled()
    assert "one plane" in run.toolTip()
    driver.widget.controller.run()
    assert driver.state.run.phase is Phase.FAILED


def test_without_a_prompt_it_says_what_is_missing(open_driver):
    driver = open_driver((film(), {}), show=False)
    driver.widget.controller.choose_task(Task.VIDEO)
    driver.widget.controller.arm()

    driver.widget.controller.run()

    assert driver.state.run.phase is Phase.FAILED
    assert driver.state.run.hint == "Click a point on the image first."
    assert names.PROPAGATED not in driver.viewer.layers


def test_other_axes_stay_where_they_are(open_driver):
    stack = np.stack([film(), film()[::-1]])
    driver = open_driver((stack, {"axis_labels": ("t", "z", "y", "x")}), show=False)
    controller = driver.widget.controller
    controller.choose_task(Task.VIDEO)
    controller.arm()
    assert "Frames: z (8)." in driver.state.task.summary
    for position in (0, 1):
        driver.viewer.dims.set_current_step(0, position)
    assert "Frames: t (2)." in driver.state.task.summary
    driver.viewer.dims.set_current_step(1, 7)
    assert "Frames: z (8)." in driver.state.task.summary
    add(driver, 20, 20)

    controller.run()
    rest(driver)

    now = followed(driver)
    assert now.shape == stack.shape
    assert not now[0].any()
    assert all(iou(now[1, frame] > 0, truth(7 - frame)) > 0.9 for frame in range(8))


def test_channels_are_no_frames_and_colours_neither(open_driver):
    channels = np.stack([film() // 3, film()], axis=1)
    driver = open_driver((channels, {"axis_labels": ("t", "c", "y", "x")}), show=False)
    controller = driver.widget.controller
    controller.choose_task(Task.VIDEO)
    controller.arm()
    driver.viewer.dims.set_current_step(1, 1)
    assert "Frames: t (8)." in driver.state.task.summary
    add(driver, 20, 20)
    controller.run()
    rest(driver)
    now = followed(driver)
    assert all(iou(now[frame, 1] > 0, truth(frame)) > 0.9 for frame in range(8))

    driver.viewer.layers.clear()
    colour = np.stack([film()] * 3, axis=-1)
    driver.viewer.add_image(colour, rgb=True)
    begin(driver, 0, (20, 20))
    controller.run()
    rest(driver)
    assert followed(driver).shape == (FRAMES, SIDE, SIDE)
    assert iou(followed(driver)[7] > 0, truth(7)) > 0.9


def test_of_a_lazy_stack_of_2000_frames_only_those_visited_are_read(open_driver, tmp_path):
    store = zarr.create_array(str(tmp_path / "long.zarr"), shape=(2000, 64, 64), chunks=(1, 64, 64), dtype="uint8")
    store[:6, 20:40, 20:40] = 200
    read = []

    class Counted:
        shape, dtype, ndim, chunks = store.shape, store.dtype, 3, store.chunks

        def __getitem__(self, key):
            read.append(key[0] if isinstance(key, tuple) else key)
            return store[key]

    driver = open_driver((Counted(), {"contrast_limits": (0, 255), "multiscale": False}), show=False)
    begin(driver, 0, (30, 30))
    read.clear()  # napari has drawn the frame in the middle
    driver.widget.controller.run()
    rest(driver)

    assert driver.state.video.done == 6
    assert {int(one) for one in read if one < 600} <= set(range(10))
    assert len({int(one) for one in read if one >= 600}) <= 4  # by which the picture is known again


def test_a_damaged_frame_is_left_out_and_named(open_driver):
    class Damaged:
        def __init__(self, data):
            self.data, self.shape, self.dtype, self.ndim = data, data.shape, data.dtype, data.ndim

        def __getitem__(self, key):
            if isinstance(key, tuple) and key[0] == 6:
                raise OSError("a block is damaged")
            return self.data[key]

    driver = open_driver((Damaged(film()), {"contrast_limits": (0, 255)}), show=False)
    begin(driver)

    driver.widget.controller.run()
    rest(driver)

    assert driver.state.run.phase is Phase.FAILED
    assert "Frame 6: " in driver.state.run.message
    assert np.flatnonzero(followed(driver).any(axis=(1, 2))).tolist() == [0, 1, 2, 3, 4, 5, 7]


def test_an_error_of_the_engine_reaches_the_status_line_and_start_works_again(open_driver, engine):
    driver = open_driver((film(), {}), show=False)
    begin(driver)
    encode, broken = engine.encode, EngineError("The engine broke.", hint="Mend it.")
    engine.encode = Mock(side_effect=broken)

    driver.widget.controller.run()
    rest(driver)
    assert driver.state.run.phase is Phase.FAILED
    assert "The engine broke." in driver.state.run.message
    assert driver.state.run.hint == "Mend it."

    engine.encode = encode
    driver.widget.controller.run()
    rest(driver)
    assert driver.state.video.done == FRAMES


def test_what_happens_meanwhile_leaves_no_run_behind(open_driver, engine):
    slow = engine.encode
    engine.encode = lambda *args, **more: (time.sleep(0.03), slow(*args, **more))[1]
    driver = open_driver((np.repeat(film(), 4, axis=0), {"name": "film"}), show=False)
    begin(driver, 0)
    controller, layers = driver.widget.controller, driver.viewer.layers

    def start() -> None:
        controller.run()
        driver.wait(lambda: driver.state.video.done > 2, "Some frames")

    def stopped(why: str) -> None:
        driver.pump(0.1)
        assert not controller.propagation.running
        assert any(f"3D propagation stopped. {why}" in line.text for line in driver.state.activity.lines), why

    start()
    controller.run()
    controller.propagation.go_on()
    layers["film"].name = "other"
    layers[names.PROPAGATED].name = "mine"
    rest(driver)
    assert driver.state.video.done == 4 * FRAMES

    layers["mine"].name = names.PROPAGATED
    start()
    layers.remove(layers[names.PROPAGATED])
    stopped("Its preview layer was removed.")

    start()
    layers["other"].data = film()
    stopped("The pixels of other were replaced.")

    start()
    assert followed(driver).shape == film().shape
    layers.remove(layers["other"])
    stopped("Its image was removed.")


def test_a_widget_that_is_closed_meanwhile_leaves_what_is_done(open_driver, engine):
    slow = engine.encode
    engine.encode = lambda *args, **more: (time.sleep(0.03), slow(*args, **more))[1]
    driver = open_driver((np.repeat(film(), 4, axis=0), {}), show=False)
    begin(driver, 0)
    driver.widget.controller.run()
    driver.wait(lambda: driver.state.video.done > 2, "Some frames")

    driver.viewer.window.remove_dock_widget(driver.widget.parent())
    driver.pump(0.2)

    assert not driver.widget.controller.propagation.running
    assert followed(driver).any(axis=(1, 2)).sum() > 2


def test_a_plane_too_large_to_paint_in_takes_no_more_than_its_objects(open_driver, tmp_path):
    data = np.full((4, 5000, 64), 20, np.uint8)
    for frame in range(4):
        data[frame, 3000 + 2 * frame : 3030 + 2 * frame, 20:50] = 200
    driver = open_driver((data, {"name": "slide"}), show=False)
    begin(driver, 1, (3015, 35))

    driver.widget.controller.run()
    rest(driver)
    layer = driver.viewer.layers[names.PROPAGATED]
    driver.state.output.folder = str(tmp_path)
    driver.widget.controller.saving.save()
    driver.wait(lambda: driver.state.output.saved is not None, "The file")

    assert layer.multiscale
    for frame in range(4):
        assert iou(np.asarray(layer.data[0][frame]) > 0, data[frame] > 100) > 0.9
    assert np.array_equal(tifffile.imread(driver.state.output.saved), np.asarray(layer.data[0]))


def test_the_window_of_a_large_plane_follows_its_objects_and_says_so(open_driver):
    data = np.full((24, 560, 1200), 20, np.uint8)
    for frame in range(24):
        data[frame, 260:300, 300 + 10 * frame : 340 + 10 * frame] = 200
    driver = open_driver((data, {"name": "slide"}), show=False)
    driver.state.task.local, driver.state.task.local_side = True, 512
    begin(driver, 0, (280, 320))

    driver.widget.controller.run()
    rest(driver)

    log = "\n".join(line.text for line in driver.state.activity.lines)
    assert "3D/video local ROI ON: using fixed XY ROI (512 x 512)" in log
    assert "3D/video local ROI moved with the objects after frame " in log
    assert iou(followed(driver)[23] > 0, data[23] > 100) > 0.9


def test_the_stack_is_saved_as_one_file_of_each_format(open_driver, tmp_path):
    driver = open_driver((film(4), {"name": "film"}), show=False)
    begin(driver, 0)
    driver.widget.controller.run()
    rest(driver)
    output = driver.state.output
    output.folder = str(tmp_path)
    for format, suffix in (("npy", ".npy"), ("zarr", ".ome.zarr"), ("tiff", ".tif"), ("png", ".tif")):
        output.format = format

        driver.widget.controller.saving.save()
        driver.wait(lambda: output.saved is not None and not output.saving, "The file")

        assert output.saved.name.endswith(suffix)
        assert np.array_equal(read_labels(output.saved).labels, followed(driver))
    assert "PNG is only available for 2D masks. Using TIFF for this 3D/video preview." in driver.state.run.message


def test_copies_are_kept_and_the_preview_is_cleared(open_driver, tmp_path):
    driver = open_driver((film(4), {"name": "film"}), show=False)
    begin(driver, 0)
    driver.widget.controller.run()
    rest(driver)
    kept = followed(driver).copy()
    saving, layers = driver.widget.controller.saving, driver.viewer.layers
    driver.state.output.folder = str(tmp_path)

    saving.save_labels()
    saving.save_and_clean()
    driver.wait(lambda: driver.state.output.saved is not None, "The file")
    driver.pump(0.1)

    assert np.array_equal(layers[names.SAVED_PROPAGATED].data, kept)
    assert np.array_equal(layers[driver.state.output.saved.stem].data, kept)
    assert names.PROPAGATED not in layers
    assert not driver.state.video.session

    driver.widget.controller.run()
    rest(driver)
    driver.widget.controller.clearing.preview()
    assert names.PROPAGATED not in layers
    assert driver.state.results.rows == ()
    assert names.SAVED_PROPAGATED in layers


def test_advanced_names_its_controls_and_shares_the_direction(open_driver):
    driver = open_driver((film(4), {}))
    driver.state.task.advanced = True
    driver.pump(0.05)
    panel = driver.widget.advanced
    step, tuning = panel.run.run, panel.task.tuning
    assert not step.go_on.isHidden()
    assert not step.go_on.isEnabled()
    assert not tuning.direction.isEnabled()

    begin(driver, 0)

    assert step.run.text() == "Start 3D Propagation"
    assert step.go_on.text() == "Propagate Existing Session"
    tuning.direction.setCurrentText("backward")
    assert driver.state.task.direction is Direction.BACKWARD
    assert driver.widget.simple.setup.direction.currentText() == "backward"
