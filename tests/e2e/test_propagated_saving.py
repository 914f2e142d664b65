"""What becomes of followed masks: files of a whole stack, copies, and accepted objects, in a real viewer."""

from __future__ import annotations

import errno
import tempfile
import threading

import numpy as np
import pytest
import zarr

from napari_sam3_assistant.app.state import Phase
from napari_sam3_assistant.export.images import read_labels
from napari_sam3_assistant.export.label_stream import LabelStream
from napari_sam3_assistant.layers import class_masks, names, stacks
from napari_sam3_assistant.masks.joining import Conversion
from tests.e2e.test_propagation import FRAMES, begin, begin_with_boxes, film, followed, rest

BOXES = (8, 8, 32, 32), (48, 18, 72, 42)


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """Keep what is temporary in a folder of the test's."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))


@pytest.fixture
def open_followed(open_driver, tmp_path):
    """Return a function that opens a film with two squares that were followed through it."""

    def open_followed(bytes_in_memory=stacks.MEMORY_BYTES, data=None, **options):
        look = {"name": "film", "scale": (3, 0.5, 0.5), "units": ("um", "um", "um"), **options}
        driver = open_driver((film() if data is None else data, look), show=False)
        object.__setattr__(driver.widget.controller.runtime.preferences, "stack_bytes", bytes_in_memory)
        driver.state.output.folder = str(tmp_path / "out")
        if data is None:
            begin_with_boxes(driver, *BOXES)
        else:
            begin(driver, 1, (3015, 35))
        driver.widget.controller.run()
        rest(driver)
        return driver

    return open_followed


def saved(driver):
    driver.wait(lambda: not driver.state.output.saving, "The file")
    driver.pump(0.05)
    assert driver.state.run.phase is Phase.IDLE, driver.state.run.message
    return driver.state.output.saved


def files(tmp_path) -> list[str]:
    folder = tmp_path / "out"
    return sorted(one.name for one in folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize("format", ["tiff", "zarr", "npy"])
@pytest.mark.parametrize("size", [0, stacks.MEMORY_BYTES])
def test_a_stack_in_memory_or_on_the_disk_is_saved_with_what_was_painted(open_followed, format, size):
    driver = open_followed(size)
    layer = driver.viewer.layers[names.PROPAGATED]
    layer.data[5, 80:84, 80:84] = 9
    driver.state.output.format = format

    driver.widget.simple.results.saving.save.click()
    path = saved(driver)

    read = read_labels(path)
    assert np.array_equal(read.labels, np.asarray(layer.data))
    if format != "npy":
        assert (read.place.scale, read.place.units) == ((3, 0.5, 0.5), ("micrometer",) * 3)


def test_of_large_planes_only_the_objects_are_written(open_followed, monkeypatch):
    data = np.full((4, 5000, 64), 20, np.uint8)
    for frame in range(4):
        data[frame, 3000 + 2 * frame : 3030 + 2 * frame, 20:50] = 200
    driver = open_followed(data=data)
    written = []
    write = LabelStream.write
    monkeypatch.setattr(
        LabelStream,
        "write",
        lambda self, plane, part, at=(0, 0): (written.append(part.shape), write(self, plane, part, at)),
    )
    driver.state.output.format = "zarr"

    driver.widget.controller.saving.save()
    path = saved(driver)

    labels = zarr.open_group(path, mode="r")["0"]
    assert labels.shape == data.shape
    assert all((labels[frame] > 0).sum() > 700 for frame in range(4))
    assert len(written) == 4 and max(map(max, written)) < 64


def test_cancel_stops_between_two_frames_and_leaves_no_file(open_followed, monkeypatch, tmp_path):
    driver = open_followed()
    begun, go = threading.Event(), threading.Event()
    write = LabelStream.write

    def slow(self, *args):
        write(self, *args)
        begun.set()
        go.wait(10)

    monkeypatch.setattr(LabelStream, "write", slow)
    driver.state.output.format = "zarr"
    driver.widget.controller.saving.save()
    driver.wait(begun.is_set, "The first frame")
    driver.pump(0.05)
    assert driver.widget.simple.run.cancel.isEnabled()

    driver.widget.controller.cancel()
    go.set()
    saved(driver)

    assert "Cancelled; nothing was saved." in driver.state.run.message
    assert files(tmp_path) == []


def test_a_full_disk_says_so_and_leaves_no_file(open_followed, monkeypatch, tmp_path):
    driver = open_followed()
    write, count = zarr.Array.__setitem__, []

    def full(array, key, value):
        count.append(key)
        if len(count) > 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(array, key, value)

    driver.state.output.format = "zarr"
    with monkeypatch.context() as patch:
        patch.setattr(zarr.Array, "__setitem__", full)
        driver.widget.controller.saving.save()
        driver.wait(lambda: not driver.state.output.saving, "The end")

    assert driver.state.run.phase is Phase.FAILED
    assert "The disk is full" in driver.state.run.message
    assert files(tmp_path) == []
    driver.widget.controller.saving.save()
    assert read_labels(saved(driver)).labels.any()


def test_save_and_clean_says_before_that_the_session_ends(open_followed):
    driver = open_followed(0)
    saving = driver.widget.simple.results.saving
    assert "Propagate does not go on" in saving.save_clean.toolTip()

    saving.save_clean.click()
    path = saved(driver)

    layer = driver.viewer.layers[path.stem]
    assert np.array_equal(read_labels(path).labels, np.asarray(layer.data))
    assert names.PROPAGATED not in driver.viewer.layers
    assert not driver.state.video.session
    driver.widget.controller.clearing.preview()
    assert np.asarray(layer.data).any(), "the layer is the user's now"


@pytest.mark.parametrize("size", [0, stacks.MEMORY_BYTES])
def test_save_labels_copies_the_stack(open_followed, size):
    driver = open_followed(size)

    driver.widget.simple.results.saving.save_labels.click()
    driver.wait(lambda: names.SAVED_PROPAGATED in driver.viewer.layers, "The copy")

    made = driver.viewer.layers[names.SAVED_PROPAGATED]
    assert np.array_equal(np.asarray(made.data), np.asarray(followed(driver)))
    made.data[0, 0, 0] = 5
    assert followed(driver)[0, 0, 0] == 0


@pytest.mark.parametrize("size", [0, stacks.MEMORY_BYTES])
def test_accept_takes_the_objects_on_all_their_frames(open_followed, size):
    driver = open_followed(size)
    rows = driver.widget.simple.results.accepting
    driver.viewer.dims.set_current_step(0, 7)
    driver.pump(0.05)
    assert rows.accept_only.isEnabled()

    rows.accept_only.click()
    driver.wait(lambda: names.ACCEPTED_PROPAGATED in driver.viewer.layers, "The layer")
    driver.pump(0.05)

    layer = driver.viewer.layers[names.ACCEPTED_PROPAGATED]
    assert np.array_equal(np.asarray(layer.data), np.asarray(followed(driver)))
    told = layer.metadata
    assert class_masks.is_accepted_object(layer)
    assert (told["source_image_layer"], told["source_task"]) == ("film", "propagation")
    assert (told["z_range"], told["source_values"]) == ([0, FRAMES - 1], [1, 2])
    assert class_masks.class_of(layer).name == class_masks.DEFAULT_CLASS
    assert f"Accepted 2 objects on frames 0 to {FRAMES - 1}" in driver.state.run.message

    assert driver.state.results.accepted == 2
    rows.undo_accept.click()
    driver.pump(0.05)
    assert names.ACCEPTED_PROPAGATED not in driver.viewer.layers
    assert not rows.undo_accept.isEnabled()


def test_one_object_is_accepted_alone_and_mask_operations_merges_it(open_followed):
    driver = open_followed()
    controller = driver.widget.controller

    controller.accepting.accept(clear=True, ids=[2])
    driver.wait(lambda: names.ACCEPTED_PROPAGATED in driver.viewer.layers, "The layer")
    driver.pump(0.05)

    layer = driver.viewer.layers[names.ACCEPTED_PROPAGATED]
    assert np.unique(layer.data).tolist() == [0, 2]
    assert names.PROPAGATED not in driver.viewer.layers
    assert layer.metadata[class_masks.CLASS_CONVERSION] == Conversion.PRESERVE
    assert class_masks.value_of_class(layer) == 1
