"""Accept: objects that are good enough go into a layer of their own, with the picture's geometry."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import tifffile

from napari_sam3_assistant.layers import names
from napari_sam3_assistant.layers.accepted import accepted_layer
from tests.conftest import squares
from tests.e2e.hands import FIRST, SECOND, add, labels, objects, overlap, paint, points, several

STACK = {"scale": (3, 0.5, 2.0), "translate": (10, 7, -3), "units": ("micrometer",) * 3}


def begin(driver, *places) -> None:
    for at in places:
        driver.widget.controller.board.begin_object()
        add(driver, *at)


def accepted(driver):
    return accepted_layer(driver.viewer, driver.viewer.layers[0])


def saved(driver, folder):
    driver.state.output.folder = str(folder)
    driver.wait(driver.widget.simple.results.saving.save.isEnabled, "The button")
    driver.widget.simple.results.saving.save.click()
    driver.wait(lambda: not driver.state.output.saving, "The end of saving")
    assert driver.state.output.saved is not None, driver.state.run
    return tifffile.imread(driver.state.output.saved)


def test_accept_only_keeps_and_accept_and_clear_takes_the_prompts_away(open_again):
    driver = open_again((several(), {}), show=False)
    results = driver.widget.simple.results
    begin(driver, (35, 35), (35, 95))
    driver.pump(0.05)
    shown = labels(driver)

    results.accepting.accept_only.click()
    driver.pump(0.05)
    assert np.array_equal(accepted(driver).data, shown) and np.array_equal(labels(driver), shown)
    assert "as 1 to 2" in driver.state.run.message and not results.accepting.accept_only.isEnabled()
    results.accepting.accept_clear.click()
    driver.pump(0.05)

    assert np.array_equal(accepted(driver).data, shown) and not labels(driver).any()
    assert not len(points(driver).data) and driver.state.results.accepted == 2
    begin(driver, (95, 35))
    driver.widget.controller.accepting.accept(clear=True)
    assert np.unique(accepted(driver).data).tolist() == [0, 1, 2, 3]
    assert driver.viewer.layers.selection.active.name == names.POINTS


def test_one_object_is_accepted_from_the_menu(open_again):
    driver = open_again((several(), {}))
    begin(driver, (35, 35), (35, 95), (95, 35))

    driver.click(driver.viewer.layers[0], 35, 95, button="right", wait=False)
    entry = next(one for one in driver.widget.menu.actions() if one.text() == "Accept + Clear (object 2)")
    entry.trigger()
    driver.widget.menu.close()
    driver.pump(0.05)

    assert set(objects(driver)) == {1, 3} and list(points(driver).features[names.OBJECT]) == [1, 3]
    assert np.array_equal(accepted(driver).data > 0, accepted(driver).data == 1) and accepted(driver).data[35, 95] == 1


def test_an_object_corrected_after_it_was_accepted_takes_the_place_of_the_old_one(open_again):
    driver = open_again((squares(), {}), show=False)
    accept = driver.widget.controller.accepting.accept
    add(driver, 35, 35)
    accept(clear=False)
    accept(clear=False)
    assert driver.state.run.message == "Accepted already."

    layer = driver.viewer.layers[names.PREVIEW_LABELS]
    layer.data[layer.data == 0] = 1
    accept(clear=True)

    assert len(np.unique(accepted(driver).data)) == 2 and (accepted(driver).data > 0).sum() == layer.data.size
    assert driver.state.results.accepted == 1


def test_what_was_accepted_stays_where_its_correction_is_too_large(open_again, monkeypatch):
    driver = open_again((several(), {}), show=False)
    accept = driver.widget.controller.accepting.accept
    begin(driver, (35, 35))
    accept(clear=False)
    before = accepted(driver).data.copy()
    add(driver, 35, 95)
    monkeypatch.setattr("napari_sam3_assistant.layers.accepted.MOST_PIXELS", 100)

    accept(clear=False)

    assert "too large" in driver.state.run.message and np.array_equal(accepted(driver).data, before)
    assert driver.state.results.accepted == 1 and objects(driver)


def test_objects_of_several_slices_lie_on_the_picture_in_world_coordinates(open_again, tmp_path):
    driver = open_again((np.stack([squares(), squares(), squares()]), STACK))
    image = driver.viewer.layers[0]
    for index, at in ((0, (35, 35)), (2, (95, 95))):
        driver.viewer.dims.set_current_step(0, index)
        driver.wait_until_idle()
        driver.click(image, *at)
        driver.key("K")
        driver.wait_until_idle()

    layer = accepted(driver)
    assert layer.data.shape == image.data.shape and layer.data.dtype == np.uint16
    assert overlap(layer.data[0] == 1, FIRST) > 0.9 and overlap(layer.data[2] == 2, SECOND) > 0.9
    assert not layer.data[1].any()
    for corner in ((0, 0, 0), (2, 100, 7)):
        assert np.allclose(layer.data_to_world(corner), image.data_to_world(corner))
    assert tuple(map(str, layer.units)) == tuple(map(str, image.units))
    assert np.array_equal(saved(driver, tmp_path), layer.data)


def test_undo_last_accept_goes_back_one_by_one_and_then_says_so(open_again):
    driver = open_again((several(), {}), show=False)
    button = driver.widget.simple.results.accepting.undo_accept
    for at in ((35, 35), (35, 95), (95, 35)):
        begin(driver, at)
        driver.widget.controller.accepting.accept(clear=True)
    seen = []
    for _ in range(3):
        driver.pump(0.05)
        button.click()
        seen.append(np.unique(accepted(driver).data).tolist())
    driver.pump(0.05)

    assert seen == [[0, 1, 2], [0, 1], [0]] and not button.isEnabled()
    driver.widget.controller.accepting.undo_last()
    assert driver.state.run.message == "No accepted Live Points object to undo."
    driver.widget.controller.board.undo()
    assert np.unique(accepted(driver).data).tolist() == [0, 1]


def test_what_was_painted_in_the_accepted_layer_stays(open_again):
    driver = open_again((several(), {}), show=False)
    controller = driver.widget.controller
    begin(driver, (35, 35))
    controller.accepting.accept(clear=True)
    paint(accepted(driver), np.s_[30:34, 30:34], 9)
    begin(driver, (35, 95))
    controller.accepting.accept(clear=True)
    assert np.unique(accepted(driver).data).tolist() == [0, 1, 9, 10]

    controller.accepting.undo_last()
    controller.accepting.undo_last()

    assert np.unique(accepted(driver).data).tolist() == [0, 9] and (accepted(driver).data == 9).sum() == 16


def test_a_renamed_layer_is_used_again_and_a_deleted_one_is_made_anew(open_again):
    driver = open_again((several(), {}), show=False)
    accept = driver.widget.controller.accepting.accept
    begin(driver, (35, 35))
    accept(clear=True)
    accepted(driver).name = "my cells"
    begin(driver, (35, 95))
    accept(clear=True)
    assert np.unique(driver.viewer.layers["my cells"].data).tolist() == [0, 1, 2]

    driver.viewer.layers.remove("my cells")
    driver.pump(0.02)
    assert driver.state.results.accepted == 0 and not driver.widget.simple.results.saving.save.isEnabled()
    begin(driver, (95, 35))
    accept(clear=True)

    assert np.unique(driver.viewer.layers[names.ACCEPTED].data).tolist() == [0, 1]
    driver.widget.controller.board.undo()
    assert not driver.viewer.layers[names.ACCEPTED].data.any() and set(objects(driver)) == {1}


@pytest.mark.parametrize("side", [128, 5000])
def test_deleting_the_layer_of_accepted_labels_is_a_step_of_its_own(open_again, side):
    picture = np.pad(several(), ((0, side - 128), (0, side - 128)))
    driver = open_again((picture, {}), show=False)
    board = driver.widget.controller.board
    for at in ((35, 35), (35, 95), (95, 35)):
        begin(driver, at)
        driver.widget.controller.accepting.accept(clear=True)

    def there():
        layer = accepted(driver)
        return set() if layer is None else set(np.unique(layer.data[0] if layer.multiscale else layer.data)) - {0}

    driver.viewer.layers.remove(accepted(driver))
    driver.pump(0.02)
    assert driver.state.results.undo == "Delete the accepted labels" and not driver.state.results.accepted
    for _ in range(2):
        board.undo()
        assert there() == {1, 2, 3} and driver.state.results.accepted == 3
        board.redo()
        assert not there() and driver.state.results.accepted == 0


def test_saving_after_accepting_writes_the_accepted_labels(open_again, tmp_path):
    driver = open_again((several(), {}), show=False)
    begin(driver, (35, 35), (35, 95))
    driver.widget.controller.accepting.accept(clear=True)

    assert np.array_equal(saved(driver, tmp_path), accepted(driver).data)


@pytest.mark.parametrize("scores", [(0.9, 0.9), (0.9, 0.5)])
def test_a_file_shows_overlaps_as_the_screen_does(open_again, tmp_path, scores):
    driver = open_again((squares(), {}), show=False)
    controller = driver.widget.controller
    begin(driver, (35, 35), (95, 95))
    board, draft = controller.board, controller.board.draft
    first = draft.objects[1].mask
    changed = draft.objects.replace(2, mask=first, score=scores[1]).replace(1, score=scores[0])
    board.put(board.place, draft.with_painted(changed))
    board.draw()

    assert np.array_equal(saved(driver, tmp_path), labels(driver))


def test_on_a_huge_plane_objects_far_apart_are_held_accepted_and_saved(open_again, tmp_path):
    side, far = 16384, 12000
    plane = da.zeros((side, side), chunks=1024, dtype=np.uint8)

    def spot(values, block_info=None):
        (top, _), (left, _) = block_info[0]["array-location"]
        rows, cols = np.arange(top, top + 1024)[:, None], np.arange(left, left + 1024)
        out = np.full((1024, 1024), 20, np.uint8)
        for at in (200, 200 + far):
            out[(abs(rows - at) < 40) & (abs(cols - at) < 40)] = 200
        return out

    picture = plane.map_blocks(spot, dtype=np.uint8)
    driver = open_again((picture, {"contrast_limits": (0, 255), "name": "slide"}), show=False)
    begin(driver, (200, 200), (200 + far, 200 + far))

    assert names.HELD in driver.viewer.layers
    assert set(objects(driver)) == {1, 2} and all(5500 < area < 7000 for area in objects(driver).values())
    for id in (1, 2):
        driver.widget.controller.accepting.accept(clear=True, ids=(id,))
    driver.pump(0.02)

    layer = accepted(driver)
    assert names.HELD not in driver.viewer.layers and layer.multiscale
    found = {at: int(np.asarray(layer.data[0][at : at + 1, at : at + 1])[0, 0]) for at in (200, 200 + far, 5000)}
    assert sorted(found.values()) == [0, 1, 2] and found[5000] == 0
    assert driver.widget.simple.results.saving.save.isEnabled()
    driver.widget.controller.accepting.undo_last()
    file = saved(driver, tmp_path)
    assert max(file.shape) < 100 and (file > 0).sum() > 5500


def test_objects_accepted_together_keep_their_order_and_are_taken_back_together(open_again):
    driver = open_again((squares(), {}), show=False)
    begin(driver, (35, 35), (95, 95))
    driver.widget.controller.accepting.accept(clear=True)
    layer = accepted(driver)
    assert (layer.data[35, 35], layer.data[95, 95]) == (1, 2)

    driver.widget.controller.accepting.undo_last()

    assert not layer.data.any() and "2 objects" in driver.state.run.message


def test_undo_last_accept_brings_back_what_an_object_was_before_it_was_accepted_anew(open_again):
    driver = open_again((squares(), {}), show=False)
    accepting = driver.widget.controller.accepting
    begin(driver, (35, 35))
    accepting.accept(clear=False)
    layer = accepted(driver)
    first = layer.data.copy()
    driver.viewer.layers[names.POINTS].data = [[95, 95]]
    driver.wait_until_idle()

    accepting.accept(clear=False)
    assert "In place of 1, changed since." in driver.state.run.message and not layer.data[35, 35]
    accepting.undo_last()

    assert np.array_equal(layer.data, first) and "Back as before: 1." in driver.state.run.message


def test_nothing_is_undone_while_masks_are_being_saved(open_again):
    driver = open_again((squares(), {}), show=False)
    begin(driver, (35, 35))
    driver.state.output.saving = True
    driver.pump(0.05)

    driver.widget.controller.board.undo()

    assert objects(driver) and "undo once that is done" in driver.state.run.message
    assert not driver.widget.simple.prompt.objects.undo.isEnabled()
    driver.state.output.saving = False
