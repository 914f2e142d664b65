import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.masks.scopes import Scope, among, whole, within
from tests.masks import slow
from tests.masks.arrays import label_arrays, written
from tests.masks.operations import OPERATIONS, PIXELWISE, WHOLE_OBJECTS, all_in_one


@st.composite
def scenes(draw):
    """Labels, a block of them, and a region of their planes: a scope, and what it holds as an array."""
    labels = draw(label_arrays())
    slices = []
    for length in labels.shape:
        start = draw(st.integers(0, length - 1))
        slices.append(slice(start, draw(st.integers(start + 1, length))))
    mask = draw(st.integers(0, 2**30).map(np.random.default_rng)).random((draw(st.integers(1, 9)), 4)) < 0.7
    row, col = draw(st.integers(-3, 6)), draw(st.integers(-3, 6))
    inside = np.zeros(labels.shape[-2:], bool)
    for (r, c), on in np.ndenumerate(mask):
        if on and 0 <= r + row < inside.shape[0] and 0 <= c + col < inside.shape[1]:
            inside[r + row, c + col] = True
    return labels, Scope(tuple(slices), PlacedMask(mask, (row, col))), inside


@pytest.mark.parametrize("name", PIXELWISE)
@settings(max_examples=40, deadline=None)
@given(scene=scenes())
def test_pixelwise_only_pixels_in_block_and_region_change(name, scene):
    labels, scope, inside = scene
    if labels.dtype.kind == "b" and name == "relabel":
        return
    block = labels[scope.slices].copy()
    inside = np.broadcast_to(inside, labels.shape)[scope.slices]
    expected = labels.copy()
    expected[scope.slices] = np.where(inside, written(block, PIXELWISE[name](block)), block)

    after = written(labels, within(labels, scope, PIXELWISE[name]))

    np.testing.assert_array_equal(after, expected)


REFERENCES = {
    "remove small": lambda labels, region: slow.small_removed(labels, 5, region),
    "keep largest": slow.largest_kept,
    "clear border": slow.border_cleared,
    "delete components": lambda labels, region: slow.small_removed(labels, 10**9, region),
}


@pytest.mark.parametrize("name", REFERENCES)
@settings(max_examples=60, deadline=None)
@given(scene=scenes())
def test_objects_mostly_in_the_region_are_acted_on_wholly(name, scene):
    labels, scope, inside = scene
    expected = labels.copy()
    expected[scope.slices] = REFERENCES[name](labels[scope.slices].copy(), inside[scope.slices[-2:]])

    after = written(labels, among(labels, scope, lambda block, region: WHOLE_OBJECTS[name](block, among=region)))

    np.testing.assert_array_equal(after, expected)


def test_only_objects_mostly_in_the_region_are_split():
    labels = all_in_one()
    region = PlacedMask(np.ones((14, 12), bool))

    edit = among(
        labels, Scope(whole(labels.shape).slices, region), lambda block, near: OPERATIONS["split"](block, among=near)
    )

    after = written(labels, edit)
    np.testing.assert_array_equal(after[labels == 5], 5)
    assert len(np.unique(after[labels == 1])) == 2


@pytest.mark.parametrize("name", ["clear border", "delete components"])
def test_an_object_half_in_the_region_stays(name):
    labels = np.array([[1, 1, 1, 1], [0, 0, 0, 0], [2, 2, 2, 0]], np.uint8)
    scope = Scope(whole(labels.shape).slices, PlacedMask(np.ones((3, 2), bool)))

    edit = among(labels, scope, lambda block, region: WHOLE_OBJECTS[name](block, among=region))

    np.testing.assert_array_equal(written(labels, edit), [[1, 1, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0]])


@pytest.mark.parametrize("name", OPERATIONS)
def test_without_a_region_a_slice_is_a_plane(name):
    labels = np.stack([all_in_one(), np.zeros((14, 26), np.int64), all_in_one()])
    scope = Scope((slice(2, 3), slice(0, 14), slice(0, 26)))
    if name in PIXELWISE:
        edit = within(labels, scope, OPERATIONS[name])
    else:
        edit = among(labels, scope, lambda block, region: OPERATIONS[name](block, among=region))

    after = written(labels, edit)

    np.testing.assert_array_equal(after[:2], labels[:2])
    np.testing.assert_array_equal(after[2], written(labels[2], OPERATIONS[name](labels[2])))


def test_a_region_outside_the_plane_holds_nothing():
    labels = all_in_one()
    scope = Scope(whole(labels.shape).slices, PlacedMask(np.ones((3, 3), bool), (40, 40)))

    assert within(labels, scope, OPERATIONS["convert"]) is None
    assert among(labels, scope, lambda block, region: OPERATIONS["clear border"](block, among=region)) is None


def test_labels_on_disk_are_read_where_the_block_lies(tmp_path):
    labels = np.stack([all_in_one(np.uint16)] * 3)
    stored = zarr.create_array(tmp_path / "labels.zarr", data=labels, chunks=(1, 14, 26))
    scope = Scope((slice(1, 2), slice(0, 14), slice(0, 26)))

    edit = within(stored, scope, OPERATIONS["smooth"])

    after = written(labels, edit)
    np.testing.assert_array_equal(after[1], written(labels[1], OPERATIONS["smooth"](labels[1])))
    np.testing.assert_array_equal(after[[0, 2]], labels[[0, 2]])
