"""Mask Isolation without its widget: a real viewer, real layers, the real worker."""

from __future__ import annotations

import threading

import dask.array as da
import numpy as np
import pytest
import zarr

from napari_sam3_assistant.app import runtime as runtimes
from napari_sam3_assistant.app.masking.controller import MaskController
from napari_sam3_assistant.app.masking.isolation import CHILDREN, PARENTS, SELECTED
from napari_sam3_assistant.app.masking.isolation_state import OBJECTS
from napari_sam3_assistant.app.masking.state import MaskState
from napari_sam3_assistant.app.masking.work import WORKER
from napari_sam3_assistant.layers.world import camera_of
from napari_sam3_assistant.masks.isolated import OverlapRule, ParentRule
from napari_sam3_assistant.masks.isolation import Status
from napari_sam3_assistant.tasks.jobs import Job, Kind
from napari_sam3_assistant.widgets.bind import on_main


def square(top, left, side, value=1, shape=(60, 60), dtype=np.uint8) -> np.ndarray:
    labels = np.zeros(shape, dtype)
    labels[..., top : top + side, left : left + side] = value
    return labels


@pytest.fixture
def viewer(make_napari_viewer_proxy):
    return make_napari_viewer_proxy()


@pytest.fixture
def runtime():
    yield runtimes.acquire()
    runtimes.release()


@pytest.fixture
def masks(viewer, runtime, qapp):
    on_main(lambda: None)
    made = MaskController(viewer, MaskState(), runtime, on_main)
    yield made
    made.close()


@pytest.fixture
def finish(masks, qtbot):
    """Return a function that waits until an operation is done and returns what it said."""

    def finish() -> str:
        qtbot.waitUntil(lambda: not masks.state.busy, timeout=10_000)
        return masks.state.message

    return finish


@pytest.fixture
def sort_out(masks, finish):
    """Return a function that harvests and classifies, and returns the statuses."""

    def sort_out() -> list[str]:
        masks.isolation.harvest()
        finish()
        masks.isolation.classify()
        finish()
        return [row.verdict.status.value for row in masks.isolation.state.rows]

    return sort_out


@pytest.fixture
def hold(runtime):
    """Hold the worker until the returned event is set."""
    gate = threading.Event()
    runtime.scheduler.submit(Job(WORKER, lambda progress, cancel: gate.wait(10)), session="test", kind=Kind.DECODE)
    yield gate
    gate.set()


def cell_and_nucleus(viewer, **options):
    cell = viewer.add_labels(square(10, 10, 30), name="cells", **options)
    nucleus = viewer.add_labels(square(15, 15, 12, 7), name="nuclei", **options)
    return cell, nucleus


def test_visible_layers_are_harvested_and_sorted_out(viewer, masks, finish, sort_out):
    cell_and_nucleus(viewer)
    viewer.add_labels(square(10, 10, 30), name="copy")
    viewer.add_labels(square(0, 0, 30), name="hidden", visible=False)

    masks.isolation.harvest()
    assert finish() == "Harvested 3 candidate(s) from 3 layer(s)."
    assert masks.isolation.state.summary == "3 candidate(s) of 3 layer(s). Not classified yet."

    assert sort_out() == ["parent", "nested_child", "duplicate"]
    assert masks.state.message == "Classified 3 candidate(s)."
    assert masks.isolation.state.summary == "3 candidate(s) of 3 layer(s): duplicate=1, parent=1, nested_child=1."
    assert [row.verdict.belongs_to for row in masks.isolation.state.rows] == [None, 1, 1]


def test_layers_are_made_with_the_geometry_and_the_roles(viewer, masks, finish, sort_out):
    cell_and_nucleus(viewer, scale=(0.5, 2), translate=(7, 9), rotate=30, units=("um", "um"))
    sort_out()

    masks.isolation.create_objects()
    assert finish() == "Created isolated_objects (2 candidate(s))."
    masks.isolation.create_parents()
    finish()
    masks.isolation.create_children()
    finish()

    objects, parents, children = (viewer.layers[name] for name in (OBJECTS, PARENTS, CHILDREN))
    assert (objects.data[10, 10], objects.data[16, 16]) == (1, 2)
    assert np.array_equal(parents.data, square(10, 10, 30))
    assert np.array_equal(children.data, square(15, 15, 12, 2))
    for layer in (objects, parents, children):
        assert layer.metadata["sam3_role"] == layer.name
        assert layer.metadata["source_layers"] == ["cells", "nuclei"]
        np.testing.assert_allclose(layer.data_to_world((3, 4)), viewer.layers["cells"].data_to_world((3, 4)))
        assert layer.units == viewer.layers["cells"].units


def test_layers_that_lie_elsewhere_give_one_that_covers_both(viewer, masks, finish, sort_out):
    viewer.add_labels(square(10, 10, 20), name="left", scale=(2, 2))
    viewer.add_labels(square(0, 0, 20), name="right", scale=(2, 2), translate=(20, 21))

    assert sort_out() == ["keep", "duplicate"]
    masks.isolation.create_objects()
    finish()

    made = viewer.layers[OBJECTS]
    assert made.data.shape == (70, 71)
    assert made.data[20, 20] == 1
    viewer.layers["left"].translate = (-20, -20)
    masks.isolation.harvest()
    finish()
    assert [row.candidate.box for row in masks.isolation.state.rows] == [((10, 30), (10, 30)), ((20, 40), (21, 41))]


def test_a_parent_kept_apart_is_full_in_its_own_layer(viewer, masks, finish, sort_out):
    cell_and_nucleus(viewer)
    sort_out()

    masks.isolation.state.parents = ParentRule.SEPARATE
    masks.isolation.create_objects()

    assert finish() == "Created isolated_objects (1 candidate(s)) and isolated_parent_candidates (1 candidate(s))."
    assert set(np.unique(viewer.layers[OBJECTS].data)) == {0, 2}
    assert (viewer.layers[PARENTS].data == 1).sum() == 900


def test_overlap_rule_and_name_are_those_of_the_state(viewer, masks, finish, sort_out):
    viewer.add_labels(square(0, 0, 30), name="a")
    viewer.add_labels(square(20, 20, 30), name="b")
    sort_out()

    masks.isolation.state.overlap, masks.isolation.state.output_name = OverlapRule.BACKGROUND, "mine"
    masks.isolation.create_objects()
    finish()
    masks.isolation.create_objects()

    assert finish() == "Created mine 2 (2 candidate(s))."
    assert viewer.layers["mine"].data[25, 25] == 0
    assert viewer.layers["mine"].metadata["overlap_rule"] == "Set conflict to background"


def test_marks_by_hand_stay_and_others_follow_them(viewer, masks, finish, sort_out):
    for name in ("a", "b"):
        viewer.add_labels(square(10, 10, 20), name=name)
    assert sort_out() == ["keep", "duplicate"]

    masks.isolation.mark([1], Status.REJECT)
    assert masks.state.message == "Marked 1 candidate(s) as reject. Classify Candidates judges 1 other(s) anew."
    masks.isolation.classify()
    finish()

    state = masks.isolation.state
    assert [(row.verdict.status, row.verdict.by_hand) for row in state.rows] == [("reject", True), ("keep", False)]
    assert "1 marked by hand." in state.summary
    masks.isolation.harvest()
    assert finish().endswith("1 mark(s) made by hand on the candidates of before are gone.")
    assert not any(row.verdict.by_hand for row in state.rows)


def test_selected_candidates_are_isolated_whatever_they_are(viewer, masks, finish, sort_out):
    cell_and_nucleus(viewer)
    sort_out()
    masks.isolation.mark([2], Status.REJECT)

    masks.isolation.isolate([2])
    finish()

    made = viewer.layers[OBJECTS]
    assert made.metadata["sam3_role"] == SELECTED
    assert np.array_equal(made.data, square(15, 15, 12, 2))


def test_candidates_stay_when_a_layer_is_edited_or_deleted_and_it_is_said(viewer, masks, finish, sort_out):
    cell, _ = cell_and_nucleus(viewer)
    viewer.add_labels(square(10, 10, 30, dtype=np.int64), name="third")
    sort_out()

    cell.data_setitem((np.array([0]), np.array([0])), 5)
    viewer.layers["third"].scale = (3, 3)
    viewer.layers.remove("nuclei")

    told = masks.isolation.state.summary
    for part in ("cells was changed", "nuclei was removed", "third was changed", "the candidates are as they were"):
        assert part in told
    masks.isolation.locate(2)
    assert masks.state.message == "Located candidate 2: label 7 of nuclei."
    masks.isolation.create_objects()
    finish()
    assert viewer.layers[OBJECTS].data[16, 16] == 2


def test_an_edit_by_cleanup_is_seen(viewer, masks, finish, sort_out):
    cell_and_nucleus(viewer)
    sort_out()

    masks.choose(str(viewer.layers["cells"].unique_id))
    masks.cleanup.state.minimum_size = 5000
    masks.cleanup.remove_small()
    finish()

    assert "cells was changed" in masks.isolation.state.summary


def test_changed_numbers_are_said_to_wait(viewer, masks, sort_out):
    cell_and_nucleus(viewer)
    sort_out()

    masks.isolation.state.duplicate_iou = 0.5
    assert "The numbers have changed: press Classify Candidates." in masks.isolation.state.summary
    masks.isolation.state.minimum_area = 10
    assert "For smaller ones than 64 pixels press Harvest Masks again." in masks.isolation.state.summary


def test_locating_brings_a_candidate_into_the_middle(viewer, masks, sort_out):
    viewer.add_labels(square(40, 20, 10, shape=(3, 60, 60)), name="stack", scale=(5, 1, 1))
    sort_out()

    masks.isolation.locate(1)

    assert viewer.dims.point[0] == 5
    assert tuple(camera_of(viewer).center[-2:]) == (44.5, 24.5)


def test_what_was_made_here_is_not_harvested_with_all_visible(viewer, masks, finish, sort_out):
    cell_and_nucleus(viewer)
    sort_out()
    masks.isolation.create_objects()
    finish()

    assert sort_out() == ["parent", "nested_child"]


def test_images_that_are_masks_can_be_chosen_and_other_images_cannot(viewer, masks, finish):
    viewer.add_image(square(5, 5, 20).astype(bool), name="mask")
    viewer.add_image(np.zeros((60, 60)), name="grey")
    viewer.add_image(np.zeros((60, 60, 3), np.uint8), name="colour")
    isolation = masks.isolation
    assert [item.name for item in isolation.state.items] == ["mask"]
    isolation.state.all_visible = False

    isolation.harvest()
    assert finish() == "Select at least one Labels layer. Choose layers in the list first."
    isolation.state.chosen = frozenset({isolation.state.items[0].identity})
    isolation.harvest()
    assert finish() == "Harvested 1 candidate(s) from 1 layer(s)."
    viewer.layers["mask"].data = np.zeros((60, 60))
    isolation.harvest()
    assert finish().startswith("mask is of float64: it holds no labels.")


def test_layers_that_do_not_fit_are_refused_with_words(viewer, masks):
    viewer.add_labels(square(0, 0, 20), name="first")

    for other, options, words in (
        (square(0, 0, 20), {"scale": (1, 2)}, "second has pixels of another size than first"),
        (square(0, 0, 20), {"rotate": 5}, "or is rotated against it"),
        (np.zeros((2, 60, 60), int), {}, "second has 3 axes, first has 2."),
    ):
        viewer.add_labels(other, name="second", **options)
        masks.isolation.harvest()
        assert words in masks.state.message
        assert masks.state.failed
        assert masks.isolation.state.rows == ()
        viewer.layers.remove("second")


def test_layers_too_far_apart_for_one_layer_are_classified_and_give_none(viewer, masks, finish, sort_out):
    viewer.add_labels(square(0, 0, 20), name="here")
    viewer.add_labels(square(0, 0, 20), name="there", translate=(2**20, 2**20))

    assert sort_out() == ["keep", "keep"]
    masks.isolation.create_objects()

    assert finish().startswith("The layers together cover 1048636 x 1048636 pixels, too many for one layer.")


def test_layers_of_every_kind_are_read(viewer, masks, finish):
    data = square(5, 5, 20)
    read_only = data.copy()
    read_only.flags.writeable = False

    for given in (
        zarr.array(data, chunks=(16, 16)),
        da.from_array(data, chunks=16),
        [data, data[::2, ::2]],
        read_only,
        np.ones((1, 400), np.int64),
        data[None, None],
    ):
        viewer.layers.clear()
        viewer.add_labels(given)
        masks.isolation.harvest()
        assert finish() == "Harvested 1 candidate(s) from 1 layer(s)."
        assert masks.isolation.state.rows[0].candidate.area == 400


def test_an_empty_layer_says_what_to_do(viewer, masks, finish, sort_out):
    viewer.add_labels(np.zeros((9, 9), np.int64) - 3, name="empty")

    masks.isolation.harvest()
    assert finish().startswith("There is no object of 64 pixels or more in these layers.")
    masks.isolation.create_objects()
    assert finish() == "No candidate is keep. Press Classify Candidates, or mark some by hand."
    assert sort_out() == []


def test_nothing_is_done_without_a_harvest_or_a_row(viewer, masks):
    isolation = masks.isolation
    for verb, words in (
        (isolation.harvest, "Select at least one Labels layer."),
        (isolation.classify, "There are no candidates yet. Press Harvest Masks first."),
        (isolation.create_objects, "There are no candidates yet."),
        (isolation.create_parents, "There are no candidates yet."),
        (lambda: isolation.mark([], Status.KEEP), "No candidate is selected."),
        (lambda: isolation.isolate([]), "No candidate is selected."),
        (lambda: isolation.locate(None), "No candidate is selected."),
    ):
        masks.desk.say("")
        verb()
        assert masks.state.message.startswith(words)
    assert len(viewer.layers) == 0


def test_cancel_leaves_what_was_there_and_a_layer_that_goes_meanwhile_is_no_harm(viewer, masks, finish, hold, qtbot):
    cell_and_nucleus(viewer)

    masks.isolation.harvest()
    masks.cancel()
    assert masks.isolation.state.rows == ()
    masks.isolation.harvest()
    viewer.layers.remove("nuclei")
    hold.set()

    assert finish() == "Harvested 2 candidate(s) from 2 layer(s)."
    assert "nuclei was removed" in masks.isolation.state.summary


def test_the_list_follows_the_viewer(viewer, masks):
    cell, _ = cell_and_nucleus(viewer)
    state = masks.isolation.state
    state.chosen = frozenset(item.identity for item in state.items)

    cell.name = "big"
    viewer.layers.remove("nuclei")

    assert [item.name for item in state.items] == ["big"]
    assert state.chosen == {str(cell.unique_id)}


def test_closing_lets_go_of_viewer_and_layers(viewer, runtime, qtbot):
    on_main(lambda: None)
    layer, _ = cell_and_nucleus(viewer)
    count = len(layer.events.data.callbacks), len(viewer.layers.events.inserted.callbacks)
    masks = MaskController(viewer, MaskState(), runtime, on_main)
    masks.isolation.harvest()
    qtbot.waitUntil(lambda: not masks.state.busy)
    assert len(layer.events.data.callbacks) > count[0]

    masks.close()

    assert (len(layer.events.data.callbacks), len(viewer.layers.events.inserted.callbacks)) == count
