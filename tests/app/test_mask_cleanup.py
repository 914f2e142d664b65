"""Mask Cleanup without its widget: scopes, regions, components that follow, values, kinds of arrays."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import zarr

from napari_sam3_assistant.app.masking.cleanup_state import VALUES
from napari_sam3_assistant.masks.components import analyze
from napari_sam3_assistant.masks.measures import measure
from napari_sam3_assistant.masks.scopes import Reach


def squares(dtype=np.uint8, planes: int = 0) -> np.ndarray:
    """Return four squares of 36 pixels with labels 1 to 4, one in each corner; the same on some planes."""
    labels = np.zeros((40, 40), dtype)
    for value, (row, col) in enumerate(((4, 4), (4, 30), (30, 4), (30, 30)), start=1):
        labels[row : row + 6, col : col + 6] = value
    return np.stack([labels] * planes) if planes else labels


def listed(masks) -> list[tuple[int, int]]:
    return sorted((one.label, one.area) for one in masks.cleanup.state.components)


@pytest.fixture
def analyzed(viewer, open_masks, finish):
    """Return a function that adds labels, analyzes them, and returns their layer and the controller."""

    def analyzed(data, **options):
        layer = viewer.add_labels(data, name="cells", **options)
        masks = open_masks(viewer)
        masks.cleanup.analyze()
        finish(masks)
        return layer, masks

    return analyzed


def test_every_operation_changes_what_its_name_says_and_is_taken_back(viewer, open_masks, finish):
    data = squares()
    data[6, 6] = 0
    data[15:27, 15:27] = 5
    data[15:20, 27] = data[20, 27:33] = 5
    data[0:2, 0:2] = 1
    layer = viewer.add_labels(data.copy(), name="cells")
    masks = open_masks(viewer)
    tab = masks.cleanup
    tab.state.minimum_size, tab.state.radius = 30, 2

    for verb, said, differs in (
        (tab.remove_small, "Removed components smaller than 30 pixels from cells.", lambda: not layer.data[0, 0]),
        (tab.fill_holes, "Filled holes up to 256 pixels in cells.", lambda: layer.data[6, 6] == 1),
        (tab.smooth, "Smoothed mask cells with radius 2.", lambda: not layer.data[20, 32]),
        (tab.keep_largest, "Kept largest connected component in cells.", lambda: not layer.data[0, 0]),
        (tab.dilate, "Dilated the labels of cells by 2 pixel(s).", lambda: layer.data[2, 6] == 1),
        (tab.erode, "Eroded the labels of cells by 2 pixel(s).", lambda: not layer.data[15, 15]),
        (tab.clear_border, "Removed components at the border of cells.", lambda: not layer.data[0, 0]),
    ):
        verb()

        assert finish(masks).startswith(said)
        assert differs(), said
        masks.undo()
        finish(masks)
        np.testing.assert_array_equal(layer.data, data)


def test_touching_objects_are_split_and_labels_numbered_without_gaps(viewer, open_masks, finish):
    rows, cols = np.mgrid[:60, :60]
    data = np.zeros((60, 60), np.uint16)
    data[(rows - 30) ** 2 + (cols - 18) ** 2 < 170] = 9
    data[(rows - 30) ** 2 + (cols - 42) ** 2 < 170] = 9
    layer = viewer.add_labels(data, name="cells")
    masks = open_masks(viewer)

    masks.cleanup.split_touching()
    assert finish(masks).startswith("Split touching objects in cells, at least 8 pixels apart.")
    masks.cleanup.renumber()
    finish(masks)

    assert np.unique(layer.data).tolist() == [0, 1, 2]
    assert layer.data[30, 10] != layer.data[30, 50]


def test_an_operation_reaches_the_slices_that_are_chosen(viewer, open_masks, finish):
    layer = viewer.add_labels(squares(planes=5), name="cells")
    masks = open_masks(viewer)
    viewer.dims.set_point(0, 3)
    masks.cleanup.state.minimum_size = 50

    for reach, gone in ((Reach.SLICE, [3]), (Reach.RANGE, [1, 2]), (Reach.WHOLE, [])):
        masks.cleanup.scope.reach, masks.cleanup.scope.first, masks.cleanup.scope.last = reach, 1, 2
        masks.cleanup.state.minimum_size = 50 if reach is Reach.SLICE else 80
        masks.cleanup.remove_small()
        finish(masks)

        assert [k for k in range(5) if not layer.data[k].any()] == gone
        masks.undo()
        finish(masks)


def test_components_of_a_slice_are_listed_in_places_of_the_whole_and_deleted_there(viewer, open_masks, finish, qtbot):
    layer = viewer.add_labels(squares(planes=5), name="cells")
    masks = open_masks(viewer)
    viewer.dims.set_point(0, 3)
    masks.cleanup.scope.reach = Reach.SLICE
    masks.cleanup.analyze()
    finish(masks)
    first = masks.cleanup.state.components[0]
    assert (first.box[0], masks.cleanup.state.where, masks.cleanup.state.slices) == ((3, 4), "slice 3", 5)

    viewer.dims.set_point(0, 0)
    masks.cleanup.delete([first])

    assert finish(masks).startswith("Deleted 1 selected component(s) from cells. 36 pixel(s) changed.")
    assert not layer.data[3, 4, 4]
    assert layer.data[[0, 1, 2, 4], 4, 4].all()
    qtbot.waitUntil(lambda: len(masks.cleanup.state.components) == 3)


def test_inside_drawn_shapes_whole_objects_and_pixels_count(viewer, open_masks, finish):
    layer = viewer.add_labels(squares(), name="cells", scale=(0.5, 0.5))
    viewer.add_shapes([[[0, 0], [0, 10], [4, 10], [4, 0]]], name="roi")
    masks = open_masks(viewer)
    masks.cleanup.state.roi = True

    masks.cleanup.analyze()
    assert finish(masks) == "Analyzed 1 connected component(s) in cells."
    masks.cleanup.values.convert()
    finish(masks)
    masks.cleanup.values.state.replaced, masks.cleanup.values.state.new = "1", 9
    masks.cleanup.values.relabel()
    finish(masks)

    assert masks.cleanup.state.where == "inside the shapes"
    assert (layer.data[4:8, 4:10] == 9).all()
    assert (layer.data[8:10, 4:10] == 1).all()
    assert layer.data[32, 32] == 4


def test_a_region_without_shapes_is_said(viewer, open_masks):
    viewer.add_labels(squares(), name="cells")
    masks = open_masks(viewer)
    masks.cleanup.state.roi = True

    masks.cleanup.analyze()
    assert masks.state.message.startswith("Choose the Shapes layer that says where to work.")
    viewer.add_shapes(ndim=2, name="roi")
    masks.cleanup.fill_holes()

    assert masks.state.message.startswith("There is no shape in roi.")
    assert masks.cleanup.state.shapes == str(viewer.layers["roi"].unique_id)


def test_components_get_a_value_and_keep_their_ids(analyzed, finish, qtbot):
    layer, masks = analyzed(squares())
    chosen = masks.cleanup.state.components[1:3]
    masks.cleanup.select(chosen)

    masks.cleanup.assign(chosen, 7)

    assert finish(masks).startswith("Assigned value 7 to 2 selected component(s) in cells. 72 pixel(s) changed.")
    qtbot.waitUntil(lambda: listed(masks) == [(1, 36), (4, 36), (7, 36), (7, 36)])
    assert [(one.id, one.label) for one in masks.cleanup.state.selected] == [(2, 7), (3, 7)]
    assert masks.cleanup.component_at((5, 31)).id == 2
    assert masks.cleanup.component_at((0, 0)) is None
    assert layer.data[5, 31] == 7


@pytest.mark.parametrize(("dtype", "value", "wider"), [(np.uint8, 300, np.uint16), (np.int8, 128, np.int16)])
def test_a_value_that_the_layer_cannot_hold_widens_it_and_is_taken_back(analyzed, finish, qtbot, dtype, value, wider):
    layer, masks = analyzed(squares(dtype))
    before = layer.data.copy()

    masks.cleanup.assign(masks.cleanup.state.components[:1], value)

    assert finish(masks).endswith(f"36 pixel(s) changed. Its values are {np.dtype(wider)} now.")
    assert (layer.data.dtype, int(layer.data[5, 5])) == (wider, value)
    qtbot.waitUntil(lambda: not masks.cleanup.state.outdated and (value, 36) in listed(masks))
    masks.undo()
    finish(masks)
    np.testing.assert_array_equal(layer.data, before)


def test_large_labels_are_deleted_and_kept_as_they_are(analyzed, finish):
    data = squares(np.uint64)
    data[data == 1] = 2**63
    data[data == 2] = 2**31
    layer, masks = analyzed(data)
    assert {2**63, 2**31} <= {one.label for one in masks.cleanup.state.components}

    masks.cleanup.values.state.selected = (2**63,)
    masks.cleanup.values.delete_selected()
    assert finish(masks).startswith(f"Deleted value {2**63} from cells.")
    masks.cleanup.values.state.selected = (2**31,)
    masks.cleanup.values.keep_selected()
    finish(masks)

    assert np.unique(layer.data).tolist() == [0, 2**31]


def test_values_are_counted_while_they_are_looked_at_and_follow_edits_and_strokes(viewer, open_masks, finish, qtbot):
    layer = viewer.add_labels(squares(planes=3), name="cells")
    masks = open_masks(viewer)
    values = masks.cleanup.values
    qtbot.wait(20)
    assert not values.state.counts

    masks.cleanup.state.page = VALUES
    qtbot.waitUntil(lambda: values.state.counts == ((1, 108), (2, 108), (3, 108), (4, 108)))
    masks.cleanup.scope.reach = Reach.SLICE
    qtbot.waitUntil(lambda: values.state.counts == ((1, 36), (2, 36), (3, 36), (4, 36)))
    values.state.selected = (2, 3)
    layer.data_setitem((np.array([int(viewer.dims.point[0])]), np.array([5]), np.array([5])), 9)
    qtbot.waitUntil(lambda: (9, 1) in values.state.counts)
    values.state.new = 4
    values.assign_selected()

    assert finish(masks).startswith("Relabeled values 2, 3 to 4 in cells. 72 pixel(s) changed.")
    qtbot.waitUntil(lambda: values.state.counts == ((1, 35), (4, 108), (9, 1)))
    assert values.state.selected == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Enter the values to replace. Write them as in: 1,2,3,4"),
        ("1, two", "Label values must be integers. Invalid value: 'two'. Write them as in: 1,2,3,4"),
    ],
)
def test_what_is_no_list_of_values_is_said(viewer, open_masks, text, said):
    viewer.add_labels(squares(), name="cells")
    masks = open_masks(viewer)
    masks.cleanup.values.state.replaced = text

    masks.cleanup.values.relabel()

    assert masks.state.message == said


def test_values_are_separated_by_commas_semicolons_and_blanks(viewer, open_masks, finish):
    layer = viewer.add_labels(squares(), name="cells")
    masks = open_masks(viewer)
    masks.cleanup.values.state.replaced, masks.cleanup.values.state.new = "1, 2;3 77", 4

    masks.cleanup.values.relabel()

    assert finish(masks).startswith("Relabeled values 1, 2, 3, 77 to 4 in cells. 108 pixel(s) changed.")
    assert np.unique(layer.data).tolist() == [0, 4]


def test_a_zarr_array_is_analyzed_cleaned_and_brought_back(viewer, open_masks, finish, qtbot):
    data = zarr.array(squares(planes=3), chunks=(1, 20, 20))
    layer = viewer.add_labels(data, name="cells")
    masks = open_masks(viewer)
    masks.cleanup.analyze()
    assert finish(masks) == "Analyzed 4 connected component(s) in cells."

    masks.cleanup.delete(masks.cleanup.state.components[:1])
    assert finish(masks).startswith("Deleted 1 selected component(s) from cells. 108 pixel(s) changed.")
    qtbot.waitUntil(lambda: len(masks.cleanup.state.components) == 3)
    assert not np.asarray(data[:])[:, 4:10, 4:10].any()
    masks.undo()
    finish(masks)

    np.testing.assert_array_equal(np.asarray(layer.data[:]), squares(planes=3))
    masks.redo()
    finish(masks)
    assert not np.asarray(data[:])[:, 4:10, 4:10].any()
    masks.cleanup.assign(masks.cleanup.state.components[:1], 300)
    assert masks.state.message.startswith("The file of cells holds values of uint8, and 300 is none.")


@pytest.mark.parametrize("data", [squares(), np.ones((800, 800), np.uint8)], ids=["hidden", "large"])
def test_who_follows_what_is_painted_is_told_of_an_edit_that_is_not_drawn_in_part(viewer, analyzed, finish, data):
    layer, masks = analyzed(data.copy())
    layer.visible = len(data) > 40
    told = []
    layer.events.paint.connect(lambda event: told.append(bool((layer.data == 1).any())))

    masks.cleanup.delete([one for one in masks.cleanup.state.components if one.label == 1])
    finish(masks)
    masks.undo()
    finish(masks)

    assert told == [False, True]
    np.testing.assert_array_equal(layer.data, data)
    assert (masks.state.undo, masks.state.redo) == (None, "Delete Selected Components")


def test_too_much_of_a_file_at_once_is_refused_and_a_slice_of_it_is_not(viewer, open_masks, finish):
    viewer.add_labels(zarr.zeros((1200, 500, 500), chunks=(1, 500, 500), dtype="uint8"), name="cells")
    masks = open_masks(viewer)

    masks.cleanup.analyze()
    assert masks.state.message == (
        "cells is read from a file, and 300,000,000 pixels are too many at once. Choose Current slice or Z range."
    )
    masks.cleanup.scope.reach = Reach.SLICE
    masks.cleanup.analyze()

    assert finish(masks) == "Analyzed 0 connected component(s) in cells."


def test_why_values_cannot_be_counted_is_said_in_their_place(viewer, open_masks, qtbot):
    viewer.add_labels(da.from_array(squares()), name="cells")
    masks = open_masks(viewer)

    masks.cleanup.state.page = VALUES

    qtbot.waitUntil(lambda: masks.cleanup.values.state.trouble.startswith("cells is not in memory"))
    assert not masks.state.failed


def test_measures_are_made_when_asked_for_and_follow_a_stroke(viewer, analyzed, qtbot):
    image = viewer.add_image(np.arange(1600.0).reshape(40, 40), name="grey", scale=(0.5, 0.5))
    layer, masks = analyzed(squares(), scale=(0.5, 0.5), units="um")
    image.units = "um"
    state = masks.cleanup.state
    assert state.known.measures is None

    state.image, state.measures = str(image.unique_id), True
    qtbot.waitUntil(lambda: len(state.known.measures or ()) == 4)
    first = state.components[0]
    assert state.known.measure(first) == measure(layer.data, (first,), image.data)[first.id]
    assert state.known.sizes.content(state.known.shape) == (0.25, 2)
    layer.brush_size = 3
    layer.paint((12, 6), 1)

    qtbot.waitUntil(lambda: len(state.components) == 5 and not state.measuring)
    assert all(state.known.measure(one).perimeter for one in state.components)


def test_an_image_of_other_pixels_is_not_measured_and_it_is_said_why(viewer, analyzed, qtbot):
    small, moved = viewer.add_image(np.zeros((9, 9)), name="small"), viewer.add_image(np.zeros((40, 40)), name="moved")
    moved.translate = (3, 0)
    _, masks = analyzed(squares())
    masks.cleanup.state.measures = True

    masks.cleanup.state.image = str(small.unique_id)
    assert masks.state.message.startswith("small has 9 x 9 pixels and cells 40 x 40.")
    masks.cleanup.state.image = str(moved.unique_id)
    assert masks.state.message.startswith("moved and cells lie in different places, or are scaled differently.")
    qtbot.waitUntil(lambda: not masks.cleanup.state.measuring)

    assert not masks.cleanup.state.known.intensity
    viewer.layers.remove(moved)
    assert masks.cleanup.state.image is None


def test_after_pixels_were_replaced_the_list_is_made_anew_by_itself(analyzed, qtbot):
    layer, masks = analyzed(squares())
    masks.cleanup.select(masks.cleanup.state.components[3:])
    data = squares()
    data[4:10, 4:10] = 0

    layer.data = data

    assert masks.cleanup.state.components
    qtbot.waitUntil(lambda: listed(masks) == [(2, 36), (3, 36), (4, 36)])
    assert [(one.id, one.label) for one in masks.cleanup.state.selected] == [(4, 4)]
    layer.data = np.zeros((3, 3), np.uint8)
    qtbot.waitUntil(lambda: not masks.cleanup.state.analyzed and not masks.cleanup.state.components)


def test_strokes_in_quick_succession_end_in_what_an_analysis_would_find(analyzed, qtbot):
    layer, masks = analyzed(squares())
    layer.brush_size = 4
    random = np.random.default_rng(0)

    for _ in range(40):
        layer.paint(tuple(random.integers(0, 40, 2).tolist()), int(random.integers(0, 5)))
        if random.random() < 0.3:
            qtbot.wait(1)
    layer.fill((0, 0), 2)

    wanted = {(one.label, one.area, one.box) for one in analyze(layer.data)}
    qtbot.waitUntil(lambda: {(one.label, one.area, one.box) for one in masks.cleanup.state.components} == wanted)


def test_picking_one_row_shows_its_slice_and_paints_with_its_value(viewer, open_masks, finish):
    data = squares(planes=5)
    data[:4, 4:10, 4:10] = 0
    layer = viewer.add_labels(data, name="cells")
    masks = open_masks(viewer)
    viewer.dims.set_point(0, 0)
    masks.cleanup.analyze()
    finish(masks)
    layer.selected_label = 3

    masks.cleanup.pick(masks.cleanup.state.components[:1])

    assert (viewer.dims.point[0], layer.selected_label) == (4, 1)
