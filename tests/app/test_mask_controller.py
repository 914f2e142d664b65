"""Mask Operations without their widget: a real viewer, real layers, the real worker."""

from __future__ import annotations

import threading

import dask.array as da
import numpy as np
import pytest

from napari_sam3_assistant.app.masking.work import WORKER
from napari_sam3_assistant.layers.world import camera_of
from napari_sam3_assistant.masks.components import analyze
from napari_sam3_assistant.tasks.jobs import Job, Kind


def rings(dtype=np.int32) -> np.ndarray:
    """Return two squares of labels 1 and 3 with a hole of 4 pixels each, and a speck of label 1."""
    labels = np.zeros((40, 40), dtype)
    labels[2:12, 2:12], labels[5:7, 5:7] = 1, 0
    labels[20:35, 20:35], labels[25:27, 25:27] = 3, 0
    labels[0, 39] = 1
    return labels


@pytest.fixture
def hold(runtime):
    """Hold the worker until the returned event is set."""
    gate = threading.Event()
    runtime.scheduler.submit(Job(WORKER, lambda progress, cancel: gate.wait(10)), session="test", kind=Kind.DECODE)
    yield gate
    gate.set()


def callbacks(viewer) -> int:
    events = viewer.layers.events
    return sum(len(events[name].callbacks) for name in ("inserted", "removed", "reordered", "renamed"))


def test_components_are_listed_and_the_message_counts_them(viewer, open_masks, finish):
    viewer.add_labels(rings(), name="cells")
    masks = open_masks(viewer)

    masks.cleanup.analyze()

    assert finish(masks) == "Analyzed 3 connected component(s) in cells."
    assert [(one.label, one.area) for one in masks.cleanup.state.components] == [(1, 1), (1, 96), (3, 221)]


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64])
def test_any_type_of_labels_is_cleaned_and_brought_back(viewer, open_masks, finish, dtype):
    layer = viewer.add_labels(rings(dtype), name="cells")
    original, masks = layer.data.copy(), open_masks(viewer)

    masks.cleanup.remove_small()
    assert finish(masks) == "Removed components smaller than 64 pixels from cells. 1 pixel(s) changed."
    masks.cleanup.fill_holes()
    assert finish(masks) == "Filled holes up to 256 pixels in cells. 8 pixel(s) changed."

    assert not layer.data[0, 39]
    assert layer.data[5, 5] == layer.data[3, 3]
    assert layer.data.dtype == original.dtype
    for title in ("Fill Holes", "Remove Small Objects"):
        masks.undo()
        assert finish(masks) == f"Undid last Mask Cleanup edit on cells. It was: {title}."
    np.testing.assert_array_equal(layer.data, original)


@pytest.mark.parametrize("axes", [3, 4])
def test_volumes_and_series_of_volumes_are_cleaned(viewer, open_masks, finish, axes):
    data = np.zeros((2, 6, 12, 12)[-axes:], np.uint16)
    data[..., 1:5, 2:9, 2:9] = 2
    data[..., 3, 5, 5] = 0
    data[..., 0, 0, 0] = 5
    layer = viewer.add_labels(data, name="cells")
    masks = open_masks(viewer)

    masks.cleanup.analyze()
    finish(masks)
    masks.cleanup.locate(masks.cleanup.state.components[-1])
    masks.cleanup.fill_holes()
    finish(masks)
    masks.cleanup.remove_small()
    finish(masks)

    assert masks.cleanup.state.axes == axes
    assert (layer.data[..., 3, 5, 5] == 2).all()
    assert not (layer.data == 5).any()


def test_deleting_touches_the_selected_components_alone(viewer, open_masks, finish):
    layer = viewer.add_labels(rings(), name="cells")
    masks = open_masks(viewer)
    masks.cleanup.analyze()
    finish(masks)

    masks.cleanup.delete(masks.cleanup.state.components[:1])

    assert finish(masks) == "Deleted 1 selected component(s) from cells. 1 pixel(s) changed."
    assert layer.data[0, 39] == 0
    assert layer.data[3, 3] == 1


def test_locating_brings_a_component_of_a_scaled_layer_to_the_middle_of_the_view(viewer, open_masks, finish):
    data = np.zeros((5, 40, 40), int)
    data[3, 10:13, 20:23] = 1
    viewer.add_labels(data, name="cells", scale=(2, 0.5, 0.5), translate=(0, 100, 0))
    masks = open_masks(viewer)
    masks.cleanup.analyze()
    finish(masks)

    masks.cleanup.locate(masks.cleanup.state.components[0])

    assert masks.state.message == "Located component 1 label 1 at centroid 3.0, 11.0, 21.0."
    assert tuple(camera_of(viewer).center)[-2:] == (105.5, 10.5)
    assert viewer.dims.point[0] == 6


def test_after_an_edit_the_components_are_those_of_the_new_pixels(viewer, open_masks, finish, qtbot):
    layer = viewer.add_labels(rings(), name="cells")
    masks = open_masks(viewer)
    masks.cleanup.analyze()
    finish(masks)

    masks.cleanup.fill_holes()
    finish(masks)
    qtbot.waitUntil(lambda: sorted(one.area for one in masks.cleanup.state.components) == [1, 100, 225])
    masks.undo()
    finish(masks)

    qtbot.waitUntil(lambda: sorted(one.area for one in masks.cleanup.state.components) == [1, 96, 221])
    assert set(masks.cleanup.state.components) == set(analyze(layer.data))


def test_painting_changes_what_it_touches_and_the_selection_stays(viewer, open_masks, finish, qtbot):
    layer = viewer.add_labels(rings(), name="cells")
    masks = open_masks(viewer)
    masks.cleanup.analyze()
    finish(masks)
    speck, ring, other = masks.cleanup.state.components
    masks.cleanup.select([ring, other])

    layer.brush_size = 3
    layer.paint((0, 20), 1)
    layer.paint((3, 3), 0)

    qtbot.waitUntil(lambda: len(masks.cleanup.state.components) == 4)
    state = masks.cleanup.state
    assert {one.id for one in state.components} == {1, 2, 3, 4}
    assert speck in state.components
    assert [one.id for one in state.selected] == [ring.id, other.id]
    assert state.selected[0].area == ring.area - 9
    assert {(one.area, one.box) for one in state.components} == {(one.area, one.box) for one in analyze(layer.data)}
    masks.cleanup.locate(ring)
    assert masks.state.message.startswith("Located component 2 label 1")
    layer.paint((0, 39), 0)
    qtbot.waitUntil(lambda: len(state.components) == 3)
    masks.cleanup.locate(speck)
    assert masks.state.message.startswith("Analyze a target Labels layer before locating a component.")


def test_without_a_labels_layer_every_operation_says_what_to_do(viewer, open_masks):
    viewer.add_image(np.zeros((8, 8)))
    masks = open_masks(viewer)

    for run, text in (
        (masks.cleanup.analyze, "Select a target Labels layer for component analysis."),
        (masks.cleanup.remove_small, "Select a target Labels layer."),
        (masks.cleanup.fill_holes, "Select a target Labels layer."),
        (masks.undo, "Select a target Labels layer."),
        (lambda: masks.cleanup.delete(()), "Select component rows to delete."),
    ):
        run()
        assert masks.state.failed
        assert masks.state.message.startswith(text)
        assert not masks.state.busy


def test_empty_labels_have_no_components_and_nothing_to_clean(viewer, open_masks, finish):
    viewer.add_labels(np.zeros((9, 9), int), name="cells")
    masks = open_masks(viewer)

    masks.cleanup.analyze()
    finish(masks)
    assert masks.cleanup.listing == "There is no object in this layer."
    masks.cleanup.remove_small()

    assert finish(masks) == "Remove Small Objects made no changes in cells."
    assert masks.state.undo is None


def test_undo_beyond_the_beginning_says_so(viewer, open_masks, finish):
    viewer.add_labels(rings(), name="cells")
    masks = open_masks(viewer)

    masks.undo()
    assert masks.state.message == "No Mask Cleanup undo history for cells."
    masks.redo()

    assert masks.state.message == "No Mask Cleanup redo history for cells."


def test_what_was_undone_can_be_made_again(viewer, open_masks, finish):
    layer = viewer.add_labels(rings(), name="cells")
    masks = open_masks(viewer)
    masks.cleanup.fill_holes()
    finish(masks)
    filled = layer.data.copy()

    masks.undo()
    finish(masks)
    masks.redo()
    finish(masks)

    np.testing.assert_array_equal(layer.data, filled)
    assert (masks.state.undo, masks.state.redo) == ("Fill Holes", None)


@pytest.mark.parametrize("shape", [(40, 40), (7, 9)])
def test_edits_of_pixels_that_were_replaced_cannot_be_undone(viewer, open_masks, finish, shape):
    layer = viewer.add_labels(rings(), name="cells")
    masks = open_masks(viewer)
    masks.cleanup.fill_holes()
    finish(masks)

    layer.data = np.full(shape, 6)

    assert masks.state.message == "The pixels of cells were replaced; its earlier edits can no longer be undone."
    assert masks.state.undo is None
    masks.undo()
    assert (layer.data == 6).all()


def test_pixels_replaced_while_another_layer_was_the_target_are_noticed(viewer, open_masks, finish):
    layer = viewer.add_labels(rings(), name="cells")
    masks = open_masks(viewer)
    masks.cleanup.fill_holes()
    finish(masks)
    other = viewer.add_labels(rings(), name="other")
    masks.choose(str(other.unique_id))

    layer.data = rings()
    masks.choose(str(layer.unique_id))

    assert masks.state.undo is None


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ([rings(), rings()[::2, ::2]], "cells is multiscale and cannot be cleaned."),
        (da.from_array(rings()), "cells is not in memory and cannot be cleaned."),
    ],
    ids=["multiscale", "dask"],
)
def test_layers_that_cannot_be_cleaned_say_why_and_what_to_do(viewer, open_masks, data, why):
    viewer.add_labels(data, name="cells")
    masks = open_masks(viewer)

    for run in (masks.cleanup.analyze, masks.cleanup.fill_holes):
        run()

        assert masks.state.failed
        assert masks.state.message.startswith(why)
        assert len(masks.state.message) > len(why)


def test_read_only_labels_are_analyzed_and_not_changed(viewer, open_masks, finish):
    data = rings()
    data.flags.writeable = False
    viewer.add_labels(data, name="cells")
    masks = open_masks(viewer)

    masks.cleanup.analyze()
    assert finish(masks) == "Analyzed 3 connected component(s) in cells."
    masks.cleanup.fill_holes()

    assert finish(masks) == "cells is read-only and cannot be changed. Duplicate it and use the copy."


def test_an_edit_is_dropped_where_someone_painted_meanwhile(viewer, open_masks, finish, hold, qtbot):
    layer = viewer.add_labels(rings(), name="cells")
    masks = open_masks(viewer)

    masks.cleanup.fill_holes()
    hold.set()
    masks.desk.work.current.future.result(10)  # computed, and not yet shown
    layer.data[5, 5] = 9
    said = finish(masks)

    assert said == "cells was changed meanwhile; it is left as it is. Press again."
    assert layer.data[5, 5] == 9
    assert layer.data[25, 25] == 0


def test_components_found_in_pixels_that_were_painted_meanwhile_are_not_listed(viewer, open_masks, finish, hold):
    layer = viewer.add_labels(rings(), name="cells")
    masks = open_masks(viewer)

    masks.cleanup.analyze()
    layer.paint((30, 5), 1)
    hold.set()

    assert finish(masks) == "cells was changed meanwhile. Press Analyze Layer again."
    assert not masks.cleanup.state.components


def test_cancel_takes_effect_at_once_and_the_next_operation_works(viewer, open_masks, finish, hold):
    layer = viewer.add_labels(rings(), name="cells")
    masks = open_masks(viewer)

    masks.cleanup.fill_holes()
    masks.cancel()

    assert (masks.state.busy, masks.state.message) == ("", "Cancelled; the layer is unchanged.")
    hold.set()
    masks.cleanup.analyze()
    assert finish(masks) == "Analyzed 3 connected component(s) in cells."
    np.testing.assert_array_equal(layer.data, rings())


def test_what_the_worker_computes_after_a_cancel_is_dropped(viewer, open_masks, runtime, qtbot):
    data = np.tile(rings(np.uint8), (60, 60))
    layer = viewer.add_labels(data, name="cells")
    masks = open_masks(viewer)

    masks.cleanup.fill_holes()
    future = masks.desk.work.current.future
    qtbot.waitUntil(future.running)
    masks.cancel()
    future.exception(10)
    qtbot.wait(20)

    np.testing.assert_array_equal(layer.data, np.tile(rings(np.uint8), (60, 60)))
    assert masks.state.message == "Cancelled; the layer is unchanged."


def test_a_layer_removed_during_an_operation_stops_it(viewer, open_masks, hold, qtbot):
    layer = viewer.add_labels(rings(), name="cells")
    other = viewer.add_labels(rings(), name="other")
    masks = open_masks(viewer)
    masks.choose(str(layer.unique_id))

    masks.cleanup.fill_holes()
    viewer.layers.remove(layer)
    hold.set()
    qtbot.wait(20)

    assert (masks.state.busy, masks.state.message) == ("", "cells was removed; the operation was stopped.")
    assert masks.state.target == str(other.unique_id)
    np.testing.assert_array_equal(layer.data, rings())


def test_a_new_layer_of_the_same_name_inherits_no_undo(viewer, open_masks, finish):
    layer = viewer.add_labels(rings(), name="cells")
    masks = open_masks(viewer)
    masks.cleanup.fill_holes()
    finish(masks)

    viewer.layers.remove(layer)
    viewer.add_labels(rings(), name="cells")

    assert masks.state.undo is None


def test_keys_pressed_while_an_operation_runs_change_nothing(viewer, open_masks, finish, hold):
    viewer.add_labels(rings(), name="cells")
    masks = open_masks(viewer)

    masks.cleanup.fill_holes()
    masks.undo()
    masks.cleanup.remove_small()
    hold.set()

    assert finish(masks).startswith("Filled holes")


def test_an_edit_of_a_hidden_layer_and_of_one_shown_in_3d_is_written(viewer, open_masks, finish):
    hidden = viewer.add_labels(rings(), name="hidden", visible=False)
    volume = viewer.add_labels(np.stack([rings()] * 4), name="volume")
    masks = open_masks(viewer)
    viewer.dims.ndisplay = 3

    for layer in (hidden, volume):
        masks.choose(str(layer.unique_id))
        masks.cleanup.remove_small()
        finish(masks)

        assert not layer.data[..., 0, 39].any()
        assert not masks.state.failed


def test_an_edit_of_very_many_pixels_is_written_and_undone(viewer, open_masks, finish):
    data = np.ones((1500, 1500), np.uint8)
    data[1:-1, 1:-1] = 0
    layer = viewer.add_labels(data, name="cells")
    masks = open_masks(viewer)
    masks.cleanup.state.hole_size = 0

    masks.cleanup.fill_holes()
    assert finish(masks) == "Filled holes of any size in cells. 2,244,004 pixel(s) changed."
    assert layer.data.all()
    masks.undo()
    finish(masks)

    assert np.count_nonzero(layer.data) == 4 * 1499


def test_two_viewers_do_not_know_each_other(make_napari_viewer_proxy, open_masks, finish):
    first, second = make_napari_viewer_proxy(), make_napari_viewer_proxy()
    kept = first.add_labels(rings(), name="first")
    second.add_labels(rings(), name="second")
    one, two = open_masks(first), open_masks(second)

    two.cleanup.fill_holes()

    assert finish(two).startswith("Filled holes up to 256 pixels in second.")
    assert one.state.undo is None
    np.testing.assert_array_equal(kept.data, rings())


def test_closing_lets_go_of_the_viewer_and_of_what_runs(viewer, open_masks, hold, qtbot):
    layer = viewer.add_labels(rings(), name="cells")
    before = callbacks(viewer), len(layer.events.data.callbacks), len(layer.events.paint.callbacks)
    masks = open_masks(viewer)

    masks.cleanup.fill_holes()
    masks.close()
    hold.set()
    qtbot.wait(20)

    assert (callbacks(viewer), len(layer.events.data.callbacks), len(layer.events.paint.callbacks)) == before
    np.testing.assert_array_equal(layer.data, rings())
