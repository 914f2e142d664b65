"""Saving: a file first, then its layer, then the preview goes; at no point is anything lost."""

from __future__ import annotations

import json
import tracemalloc

import numpy as np
import pytest
import tifffile
import zarr

from napari_sam3_assistant.app.state import Phase
from napari_sam3_assistant.core.errors import SaveError
from napari_sam3_assistant.export.images import read_labels
from napari_sam3_assistant.layers import names, saved
from tests.conftest import squares
from tests.e2e import huge
from tests.e2e.hands import add, objects, paint, points, several

ODD = 'ce/ll"s\n\N{GRINNING FACE} 0.5um.ome.tif'


@pytest.fixture
def ready(open_driver, tmp_path):
    """A driver with one object in the preview, and a folder that is not there yet."""
    driver = open_driver((squares(), {"name": "cells", "scale": (0.5, 0.25), "units": ("micrometer",) * 2}))
    driver.viewer.reset_view()
    driver.click(driver.viewer.layers[0], 35, 35)
    driver.state.output.folder = str(tmp_path / "out")
    return driver


def press(driver, button) -> None:
    button.click()
    driver.wait(lambda: not driver.state.output.saving, "The end of saving")
    driver.pump(0.1)


def shown_name(driver) -> str:
    """What the field of the file name shows."""
    driver.wait_until_idle()
    driver.pump(0.2)
    return driver.widget.simple.results.saving.filename.placeholderText()


def files(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def layers(driver) -> list[str]:
    return [layer.name for layer in driver.viewer.layers]


def test_save_and_clean_leaves_a_file_a_layer_of_its_name_and_no_preview(ready, tmp_path):
    area = objects(ready)[1]

    press(ready, ready.widget.simple.results.saving.save_clean)

    path = tmp_path / "out" / "cells_mask_01.tif"
    layer = ready.viewer.layers["cells_mask_01"]
    assert ready.state.output.saved == path and int((tifffile.imread(path) == 1).sum()) == area
    np.testing.assert_array_equal(layer.data, tifffile.imread(path))
    assert tuple(layer.scale) == (0.5, 0.25) and tuple(map(str, layer.units)) == ("micrometer", "micrometer")
    assert layers(ready) == ["cells", "cells_mask_01", names.POINTS] and not objects(ready)
    assert not len(points(ready).data), "the next click begins an object"
    assert ready.state.run.message == (
        f"Saved preview mask to layer 'cells_mask_01' and file: {path}. Completed clean; removed 1 preview layer(s)."
    )


def test_undo_after_save_and_clean_brings_masks_and_points_back(ready):
    before = objects(ready)
    press(ready, ready.widget.simple.results.saving.save_clean)

    ready.widget.controller.board.undo()
    ready.wait_until_idle()

    assert objects(ready) == before and len(points(ready).data) == 1
    assert "cells_mask_01" in layers(ready)


def test_what_was_changed_in_the_preview_saved_and_taken_back_there_is_saved_as_it_is_seen(ready, tmp_path):
    layer = ready.viewer.layers[names.PREVIEW_LABELS]
    before = layer.data.copy()
    rows, cols = (at[:100] for at in np.nonzero(before))
    save = ready.widget.simple.results.saving.save
    layer.data_setitem((rows, cols), 5)
    press(ready, save)

    layer.data_setitem((rows, cols), 1)
    press(ready, save)
    layer.data_setitem((rows, cols), 5)
    press(ready, save)

    counts = []
    for number in (1, 2, 3):
        saved = tifffile.imread(tmp_path / "out" / f"cells_mask_0{number}.tif")
        counts.append([int((saved == value).sum()) for value in (1, 5)])
    area = int((before == 1).sum())
    assert counts == [[area - 100, 100], [area, 0], [area - 100, 100]]


def test_after_save_and_clean_the_next_object_gets_the_next_number(ready, tmp_path):
    results = ready.widget.simple.results
    assert shown_name(ready) == "cells_mask_01.tif"
    press(ready, results.saving.save_clean)
    assert shown_name(ready) == "cells_mask_02.tif"

    ready.click(ready.viewer.layers[0], 95, 95)
    press(ready, results.saving.save_clean)

    assert files(tmp_path / "out") == ["cells_mask_01.tif", "cells_mask_02.tif"]
    assert layers(ready) == ["cells", "cells_mask_02", "cells_mask_01", names.POINTS]


def test_the_name_follows_folder_format_and_image(ready, tmp_path):
    results = ready.widget.simple.results
    for index, suffix in enumerate((".tif", ".npy", ".png", ".ome.zarr")):
        results.saving.format.setCurrentIndex(index)
        assert shown_name(ready) == f"cells_mask_01{suffix}"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "nuclei_mask_01.ome.zarr").touch()

    ready.state.output.folder = str(tmp_path / "other")
    ready.viewer.layers["cells"].name = "nuclei"

    assert shown_name(ready) == "nuclei_mask_02.ome.zarr"


def test_a_name_of_ones_own_is_for_one_file_and_takes_no_others_place(ready, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.tif").write_text("old")
    results = ready.widget.simple.results
    results.saving.filename.setText("mine.png")
    results.saving.filename.textEdited.emit("mine.png")

    press(ready, results.saving.save)

    assert files(tmp_path / "out") == ["mine.tif", "mine_01.tif"]
    assert (tmp_path / "out" / "mine.tif").read_text() == "old"
    assert results.saving.filename.text() == "" and shown_name(ready) == "cells_mask_01.tif"


@pytest.mark.parametrize("format", ["tiff", "npy", "png", "zarr"])
def test_every_format_holds_the_mask_under_a_name_that_every_disk_takes(open_driver, tmp_path, format):
    driver = open_driver((squares(), {"name": ODD}))
    driver.click(driver.viewer.layers[0], 35, 35)
    driver.state.output.folder, driver.state.output.format = str(tmp_path), format

    press(driver, driver.widget.simple.results.saving.save_clean)

    path, layer = driver.state.output.saved, driver.viewer.layers[1]
    assert path.parent == tmp_path and path.name.startswith("ce_ll_s_\N{GRINNING FACE} 0.5um_mask_01.")
    assert files(tmp_path) == [path.name]
    np.testing.assert_array_equal(read_labels(path).labels, layer.data)


def test_all_objects_are_saved_also_those_that_overlap_and_then_all_are_cleaned(open_driver, tmp_path):
    driver = open_driver((several(), {"name": "cells"}))
    for row, col in ((35, 35), (35, 95), (95, 35)):
        driver.widget.controller.board.begin_object()
        driver.click(driver.viewer.layers[0], row, col)
    driver.state.output.folder = str(tmp_path)

    press(driver, driver.widget.simple.results.saving.save_clean)

    assert set(np.unique(tifffile.imread(driver.state.output.saved))) == {0, 1, 2, 3}
    assert layers(driver) == ["cells", "cells_mask_01", names.POINTS]


def test_objects_of_another_slice_are_kept(open_driver, tmp_path):
    driver = open_driver((np.stack([squares(), squares()]), {"name": "stack"}))
    driver.click(driver.viewer.layers[0], 35, 35)
    driver.viewer.dims.set_current_step(0, 1 - driver.viewer.dims.current_step[0])
    driver.pump(0.1)
    driver.click(driver.viewer.layers[0], 95, 95)
    driver.state.output.folder = str(tmp_path)

    press(driver, driver.widget.simple.results.saving.save_clean)
    assert not objects(driver)
    driver.viewer.dims.set_current_step(0, 1 - driver.viewer.dims.current_step[0])
    driver.wait_until_idle()

    assert len(objects(driver)) == 1
    assert driver.viewer.layers["stack_slice001_mask_01"].data.shape == (1, 128, 128)


def test_what_is_painted_while_a_file_is_written_is_not_cleaned_away(ready):
    ready.widget.simple.results.saving.save_clean.click()
    paint(ready.viewer.layers[names.PREVIEW_LABELS], np.s_[2:6, 2:6], 7)
    ready.wait(lambda: not ready.state.output.saving, "The end of saving")
    ready.pump(0.1)

    assert set(objects(ready)) == {7}
    assert "still in the preview" in ready.state.run.message


@pytest.mark.parametrize("fails", ["file", "layer"])
def test_a_failure_on_the_way_leaves_the_preview_as_it_was(ready, tmp_path, monkeypatch, fails):
    before = objects(ready)

    def fail(*args, **kwargs):
        raise MemoryError if fails == "layer" else SaveError("The disk is full.", hint="Free some space.")

    where = "napari_sam3_assistant.app.writing.save_labels" if fails == "file" else saved.__name__ + ".turn_preview"
    monkeypatch.setattr(where, fail)

    press(ready, ready.widget.simple.results.saving.save_clean)

    assert objects(ready) == before and names.PREVIEW_LABELS in layers(ready) and len(points(ready).data) == 1
    assert ready.state.run.phase is Phase.FAILED and ready.state.run.hint
    assert bool(files(tmp_path / "out")) is (fails == "layer"), "what is on the disk is whole, or not there"


@pytest.mark.parametrize("wanted", [True, False])
def test_the_model_is_unloaded_after_the_file_is_written_where_that_is_wanted(ready, wanted):
    ready.state.model.loaded, ready.state.output.unload = True, wanted

    press(ready, ready.widget.simple.results.saving.save_clean)

    assert ready.state.output.saved.is_file()
    assert ready.state.run.message.endswith("Model unloaded.") is wanted


def test_save_labels_makes_a_layer_and_leaves_the_preview(ready, tmp_path):
    for _ in range(2):
        press(ready, ready.widget.simple.results.saving.save_labels)

    assert {names.SAVED, f"{names.SAVED} [1]", names.PREVIEW_LABELS} <= set(layers(ready))
    assert int((ready.viewer.layers[names.SAVED].data == 1).sum()) == objects(ready)[1]
    assert not files(tmp_path / "out")


def test_an_accepted_stack_is_no_png_and_becomes_a_tiff(open_driver, tmp_path):
    driver = open_driver((np.stack([squares(), squares()]), {"name": "stack"}))
    driver.click(driver.viewer.layers[0], 35, 35)
    driver.widget.controller.accepting.accept(clear=True)
    driver.pump(0.1)
    driver.state.output.folder, driver.state.output.format = str(tmp_path), "png"

    press(driver, driver.widget.simple.results.saving.save)

    assert tifffile.imread(tmp_path / "stack_mask_01.tif").shape == (2, 128, 128)
    assert "PNG is only available for 2D masks. Using TIFF" in driver.state.run.message


def test_the_folder_of_the_last_file_opens_or_it_is_said_why_not(ready, tmp_path):
    saving, results, shown = ready.widget.controller.saving, ready.widget.simple.results, []
    assert not results.saving.open_folder.isVisible()
    press(ready, results.saving.save)
    assert results.saving.open_folder.isVisible() and results.summary.text().startswith("Saved: cells_mask_01.tif")
    assert results.summary.toolTip() == str(tmp_path / "out" / "cells_mask_01.tif")

    saving.open_folder(lambda folder: not shown.append(folder))
    assert shown == [tmp_path / "out"]
    saving.open_folder(lambda folder: False)
    assert ready.state.run.message == f"Could not open saved mask folder: {tmp_path / 'out'}."
    (tmp_path / "out" / "cells_mask_01.tif").unlink()
    (tmp_path / "out").rmdir()
    saving.open_folder(lambda folder: True)
    assert ready.state.run.message == f"Saved mask folder was not found: {tmp_path / 'out'}." and ready.state.run.hint


@pytest.fixture(scope="module")
def plane(tmp_path_factory):
    """The folder of a plane of 60,000 x 60,000 pixels."""
    return huge.make(tmp_path_factory.mktemp("slides") / "slide.zarr")


@pytest.fixture
def slide(open_driver, plane, tmp_path):
    """A driver on that plane, opened by napari's own reader."""
    driver = open_driver()
    driver.viewer.open(plane, plugin="napari")
    driver.state.output.folder = str(tmp_path / "out")
    driver.wait_until_idle()
    return driver


def size_on_disk(path) -> int:
    return sum(one.stat().st_size for one in [path, *path.rglob("*")] if one.is_file())


def test_on_a_huge_plane_a_file_takes_the_room_of_the_object_and_tells_where_it_lies(slide):
    points(slide).add(list(huge.FAR))
    slide.wait_until_idle()
    (item,) = slide.state.results.objects
    (height, width), (top, left) = item.mask.box.size, item.mask.offset
    suffixes = {"tiff": ".tif", "npy": ".npy", "png": ".png", "zarr": ".ome.zarr"}

    for format, suffix in suffixes.items():
        slide.state.output.format = format
        tracemalloc.start()
        press(slide, slide.widget.simple.results.saving.save)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

        path = slide.state.output.saved
        assert path.name == ("slide_mask_01" if format == "zarr" else "slide_roi_mask_01") + suffix
        assert size_on_disk(path) < 2 * height * width + 8_000 and peak < 40e6, (format, size_on_disk(path), peak)
        if format == "zarr":
            labels, first = zarr.open_group(path, mode="r")["0"], (0, 0)
            assert labels.shape == (huge.SIDE, huge.SIDE)
            labels = labels[top : top + int(height), left : left + int(width)]
        else:
            labels, first = read_labels(path).labels, read_labels(path).place.offset
            assert first == (None if format == "npy" else (top, left))
        np.testing.assert_array_equal(labels == 1, item.mask.mask)
        assert (f"It begins at row {top}, column {left} of the picture" in slide.state.run.message) is (format == "npy")
    press(slide, slide.widget.simple.results.saving.save_clean)
    assert slide.viewer.layers["slide_mask_02"].data.size < 4 * height * width + 2 * 64 * 256


def test_napari_and_other_programs_find_a_part_where_its_file_says(slide):
    points(slide).add(list(huge.FAR))
    slide.wait_until_idle()
    (item,) = slide.state.results.objects
    image = slide.viewer.layers[0]

    press(slide, slide.widget.simple.results.saving.save)
    with tifffile.TiffFile(slide.state.output.saved) as file:
        tags, note = file.pages[0].tags, json.loads(file.imagej_metadata["napari_sam3_assistant"])
        across = [tags[name].value for name in ("XPosition", "YPosition", "XResolution", "YResolution")]
    slide.state.output.format = "zarr"
    press(slide, slide.widget.simple.results.saving.save)
    (labels,) = slide.viewer.open(slide.state.output.saved, layer_type="labels")

    x, y, per_x, per_y = (up / down for up, down in across)
    assert (round(y * per_y), round(x * per_x)) == item.mask.offset == tuple(note["offset"])
    assert note["plane_shape"] == [huge.SIDE, huge.SIDE]
    at = image.data_to_world(huge.FAR)
    assert labels.multiscale and labels.data[0].shape == (huge.SIDE, huge.SIDE)
    assert int(np.asarray(labels.data[0][tuple(int(value) for value in labels.world_to_data(at))])) == 1


def test_objects_in_two_corners_of_a_huge_plane_are_one_ome_zarr(slide):
    for place in (huge.NEAR, huge.FAR):
        slide.widget.controller.board.begin_object()
        points(slide).add(list(place))
        slide.wait_until_idle()
    results = slide.widget.simple.results

    press(slide, results.saving.save_clean)
    assert "too far apart" in slide.state.run.message and "OME-Zarr" in slide.state.run.hint
    assert len(objects(slide)) == 2 and not slide.state.output.saved
    slide.state.output.format = "zarr"
    press(slide, results.saving.save_clean)

    labels = zarr.open_group(slide.state.output.saved, mode="r")["0"]
    assert labels.shape == (huge.SIDE, huge.SIDE) and (labels[huge.NEAR], labels[huge.FAR]) == (1, 2)
    assert size_on_disk(slide.state.output.saved) < 20_000
    assert not objects(slide) and slide.viewer.layers["slide_mask_01"].data[0].shape == (huge.SIDE, huge.SIDE)


def test_the_name_that_is_seen_is_that_of_the_next_file_on_every_slice_and_of_accepted_labels(open_driver, tmp_path):
    driver = open_driver((np.stack([squares()] * 3), {"name": "st"}), show=False)
    output, board = driver.state.output, driver.widget.controller
    output.folder, output.format = str(tmp_path), "png"

    def pressed():
        driver.wait_until_idle()
        driver.pump(0.1)
        shown = output.next_name
        driver.widget.simple.results.saving.save.click()
        driver.wait(lambda: not output.saving, "The end of saving")
        assert output.saved.name == shown
        return shown

    add(driver, 35, 35)
    assert pressed() == "st_slice001_mask_01.png"
    driver.viewer.dims.set_current_step(0, 2)
    driver.pump(0.1)
    assert output.next_name == "st_slice002_mask_01.png"
    add(driver, 35, 35)
    assert pressed() == "st_slice002_mask_01.png"
    board.accepting.accept(clear=True)
    assert pressed() == "st_mask_01.tif", "a stack is no PNG"
