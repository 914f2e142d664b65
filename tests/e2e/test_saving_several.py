"""Saving the previews of several slices and pictures at one press: what is saved goes, what fails stays."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import tifffile

from napari_sam3_assistant.app import writing
from napari_sam3_assistant.app.state import Phase
from napari_sam3_assistant.core.errors import SaveError
from napari_sam3_assistant.layers import names
from tests.conftest import squares
from tests.e2e.hands import objects, points
from tests.e2e.test_saving import files, layers, press, shown_name

SLICES = (1, 3, 4, 7, 9)


def go_to(driver, position) -> None:
    driver.viewer.dims.set_current_step(0, position)
    driver.wait_until_idle()
    driver.pump(0.05)


@pytest.fixture
def stack(open_driver, tmp_path):
    """A driver with an object on five slices of a stack of ten, and a folder that is not there yet."""
    picture = np.stack([squares()] * 10)
    driver = open_driver((picture, {"name": "stack", "axis_labels": ("z", "y", "x"), "scale": (2, 0.5, 0.5)}))
    for position in SLICES:
        go_to(driver, position)
        points(driver).add([position, 35, 35])
        driver.wait_until_idle()
    driver.state.output.folder = str(tmp_path / "out")
    driver.state.output.everywhere = True
    driver.pump(0.05)
    return driver


def test_five_slices_of_a_stack_become_five_files_and_layers_and_come_back_as_one_step(stack, tmp_path):
    results, board = stack.widget.simple.results, stack.widget.controller.board
    before = {place: draft.objects for place, draft in board.drafts.items()}
    assert results.saving.everywhere.isVisible() and results.saving.everywhere.text() == "All slices (5)"
    assert shown_name(stack) == "stack_z001_mask_01.tif (+4)"

    press(stack, results.saving.save_clean)

    stems = [f"stack_z{position:03d}_mask_01" for position in SLICES]
    assert files(tmp_path / "out") == [f"{stem}.tif" for stem in stems]
    for position, stem in zip(SLICES, stems, strict=True):
        layer = stack.viewer.layers[stem]
        labels = tifffile.imread(tmp_path / "out" / f"{stem}.tif")
        np.testing.assert_array_equal(layer.data[0], labels)
        assert labels[35, 35] == 1 and tuple(layer.translate) == (2 * position, 0, 0)
    assert not any(len(draft.objects) for draft in board.drafts.values()) and not len(points(stack).data)
    assert names.PREVIEW_LABELS not in layers(stack) and not results.saving.everywhere.isVisible()
    assert stack.state.run.message == f"Saved 5 masks to {tmp_path / 'out'}. Each is a layer of its name."
    board.undo()
    stack.wait_until_idle()
    assert {place: draft.objects for place, draft in board.drafts.items()} == before
    assert len(points(stack).data) == 5 and objects(stack) and len(files(tmp_path / "out")) == 5
    assert stack.state.results.undo != "Save & Clean"


def test_without_the_choice_only_the_slice_on_screen_is_saved(stack, tmp_path):
    stack.state.output.everywhere = False

    press(stack, stack.widget.simple.results.saving.save_clean)

    assert files(tmp_path / "out") == ["stack_z009_mask_01.tif"]
    assert len(stack.widget.controller.board.previews) == 4 and len(points(stack).data) == 4
    go_to(stack, 7)
    assert objects(stack)


def test_what_fails_is_said_by_name_and_keeps_its_preview_and_its_points(stack, tmp_path, monkeypatch):
    save = writing.save_labels

    def full(labels, path, **options):
        if "z004" in path.name:
            raise SaveError("The disk is full.", hint="Free some space.")
        return save(labels, path, **options)

    monkeypatch.setattr(writing, "save_labels", full)

    press(stack, stack.widget.simple.results.saving.save_clean)

    left = stack.widget.controller.board.previews
    assert [place[1].index for place in left] == [((0, 4),)] and len(points(stack).data) == 1
    assert files(tmp_path / "out") == [f"stack_z{position:03d}_mask_01.tif" for position in (1, 3, 7, 9)]
    run = stack.state.run
    assert run.phase is Phase.FAILED and run.hint == "Free some space."
    assert run.message.startswith(f"Saved 4 of 5 masks to {tmp_path / 'out'}.")
    assert run.message.endswith("stack_z004: The disk is full. Its preview stays.")


def test_cancel_stops_between_two_files_and_the_other_previews_stay(stack, tmp_path, monkeypatch):
    save, begun, go = writing.save_labels, threading.Event(), threading.Event()

    def slow(labels, path, **options):
        if "z003" in path.name:
            begun.set()
            go.wait(10)
        return save(labels, path, **options)

    monkeypatch.setattr(writing, "save_labels", slow)
    run = stack.widget.simple.run

    stack.widget.simple.results.saving.save_clean.click()
    stack.wait(begun.is_set, "The second file")
    stack.pump(0.2)
    assert run.background.text() == "Saving 2 of 5." and run.bar.isVisible() and run.cancel.isEnabled()
    run.cancel.click()
    go.set()
    stack.wait(lambda: not stack.state.output.saving, "The end of saving")
    stack.pump(0.1)

    assert files(tmp_path / "out") == ["stack_z001_mask_01.tif", "stack_z003_mask_01.tif"]
    assert [place[1].index[0][1] for place in stack.widget.controller.board.previews] == [4, 7, 9]
    assert stack.state.run.message.startswith(f"Cancelled. Saved 2 of 5 masks to {tmp_path / 'out'}.")
    assert not run.background.isVisible() and not run.cancel.isEnabled()


def test_names_of_ones_own_are_numbered_and_layers_are_made_and_slices_that_are_gone_are_said(stack, tmp_path):
    results, out = stack.widget.simple.results, tmp_path / "out"
    out.mkdir()
    (out / "mine_z003_01.npy").write_text("old")
    stack.state.output.format, stack.state.output.filename = "npy", "mine.tif"

    press(stack, results.saving.save)
    made = ["mine_z001_01", "mine_z003_01", "mine_z003_02", "mine_z004_01", "mine_z007_01", "mine_z009_01"]
    assert files(out) == [f"{one}.npy" for one in made] and (out / "mine_z003_01.npy").read_text() == "old"
    assert len(stack.widget.controller.board.previews) == 5 and stack.state.output.filename == ""

    press(stack, results.saving.save_labels)
    saved = [layer for layer in stack.viewer.layers if layer.name.startswith(names.SAVED)]
    assert sorted(layer.translate[0] for layer in saved) == [2 * position for position in SLICES]
    assert "5 layers" in stack.state.run.message and len(files(out)) == 6

    go_to(stack, 1)
    stack.viewer.layers["stack"].data = stack.viewer.layers["stack"].data[:5]
    stack.wait_until_idle()
    press(stack, results.saving.save)
    assert files(out)[6:] == [f"stack_z00{position}_mask_01.npy" for position in (1, 3, 4)]
    assert stack.state.run.phase is Phase.FAILED and stack.state.run.hint
    assert stack.state.run.message.startswith(f"Saved 3 of 5 masks to {out}. stack, slice 7: stack has the shape (5,")


def test_each_of_three_pictures_gets_its_file_and_one_that_was_removed_is_left_out(open_driver, tmp_path):
    driver = open_driver()
    pictures = [driver.viewer.add_image(squares(), name=name, translate=(0, 200 * at)) for at, name in enumerate("abc")]
    for at, picture in enumerate(pictures):
        driver.widget.controller.choose_image(str(picture.unique_id), arm=True)
        points(driver).add([35, 35 + 200 * at])
        driver.wait_until_idle()
    driver.state.output.folder, driver.state.output.everywhere = str(tmp_path), True
    driver.pump(0.05)
    assert driver.widget.simple.results.saving.everywhere.text() == "All pictures (3)"
    press(driver, driver.widget.simple.results.saving.save)
    assert files(tmp_path) == ["a_mask_01.tif", "b_mask_01.tif", "c_mask_01.tif"]

    driver.viewer.layers.remove("b")
    driver.pump(0.05)
    press(driver, driver.widget.simple.results.saving.save_clean)

    assert files(tmp_path) == ["a_mask_01.tif", "a_mask_02.tif", "b_mask_01.tif", "c_mask_01.tif", "c_mask_02.tif"]
    assert {"a_mask_02", "c_mask_02"} <= set(layers(driver)) and names.PREVIEW_LABELS not in layers(driver)
    assert [tuple(driver.viewer.layers[name].translate) for name in ("a_mask_02", "c_mask_02")] == [(0, 0), (0, 400)]


def test_the_file_is_told_where_it_belongs_alone(open_driver, tmp_path):
    driver = open_driver((np.stack([squares()] * 3), {"name": "stack"}))
    driver.state.output.folder = str(tmp_path)
    driver.state.task.advanced = True
    driver.pump(0.05)
    saving = driver.widget.advanced.run.saving
    go_to(driver, 0)
    points(driver).add([0, 35, 35])
    driver.wait_until_idle()
    press(driver, saving.save)
    file = driver.state.output.saved
    assert saving.saved.isVisible() and file.name in str(saving.saved.toolTip()) and saving.open_folder.isVisible()

    go_to(driver, 1)
    assert driver.state.output.saved is None and not saving.saved.isVisible() and not saving.open_folder.isVisible()

    go_to(driver, 0)
    assert driver.state.output.saved == file and saving.saved.isVisible()
    points(driver).add([0, 38, 38])
    driver.wait_until_idle()
    assert driver.state.output.saved is None, "the masks are others now"
