import numpy as np
import pytest
from hypothesis import given, settings
from scipy import ndimage as ndi

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.masks.components import Component, analyze, component_mask
from napari_sam3_assistant.masks.runs import find_runs
from tests.masks.arrays import TYPES, label_arrays, slow_components


def pixels(labels, component):
    at = np.argwhere(component_mask(labels, component)) + [low for low, _ in component.box]
    return frozenset(map(tuple, at.tolist()))


@settings(max_examples=200, deadline=None)
@given(labels=label_arrays())
def test_components_are_those_that_labelling_each_value_finds(labels):
    before = labels.copy()

    found = analyze(labels)

    assert {(one.label, pixels(labels, one)) for one in found} == slow_components(labels)
    np.testing.assert_array_equal(labels, before)


@settings(max_examples=200, deadline=None)
@given(labels=label_arrays())
def test_area_centroid_box_and_start_are_those_of_the_pixels(labels):
    for one in analyze(labels):
        at = np.array(sorted(pixels(labels, one)))

        assert one.area == len(at)
        assert one.centroid == pytest.approx(at.mean(axis=0))
        assert one.box == tuple(zip(at.min(axis=0), at.max(axis=0) + 1, strict=True))
        assert one.start == tuple(at[0])
        assert labels[one.start] == one.label


@settings(max_examples=50, deadline=None)
@given(labels=label_arrays())
def test_ids_count_from_one_by_label_then_in_reading_order(labels):
    found = analyze(labels)

    assert [one.id for one in found] == list(range(1, len(found) + 1))
    assert [(one.label, one.start) for one in found] == sorted((one.label, one.start) for one in found)


@pytest.mark.parametrize("dtype", TYPES)
def test_a_label_at_the_end_of_its_type_keeps_its_value(dtype):
    top = 1 if dtype == "bool" else int(np.iinfo(dtype).max)
    labels = np.zeros((3, 4), dtype)
    labels[1, 1:3] = top

    assert analyze(labels) == (Component(1, top, 2, (1.0, 1.5), ((1, 2), (1, 3)), (1, 1)),)


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (5, 0), (3, 0, 4), (4, 4), (1, 1), (2, 3, 4)])
def test_nothing_has_no_components(shape):
    assert analyze(np.zeros(shape, np.uint16)) == ()


@pytest.mark.parametrize("shape", [(1,), (6,), (1, 1), (4, 5), (2, 3, 4), (1, 3, 4)])
def test_an_array_full_of_one_label_is_one_component(shape):
    (one,) = analyze(np.full(shape, 7, np.int32))

    assert one.area == np.prod(shape)
    assert one.box == tuple((0, length) for length in shape)


def test_pieces_that_touch_at_a_corner_are_two():
    assert len(analyze(np.eye(2, dtype=np.uint8))) == 2


def test_labels_that_touch_stay_apart():
    assert [one.label for one in analyze(np.array([[1, 1, 2, 2]]))] == [1, 2]


def test_the_end_of_one_line_does_not_touch_the_start_of_the_next():
    labels = np.array([[0, 0, 5], [5, 0, 0]])

    assert len(analyze(labels)) == 2


def test_planes_of_a_volume_hang_together_and_volumes_of_a_series_do_not():
    assert len(analyze(np.ones((2, 3, 3), np.uint8))) == 1
    assert len(analyze(np.ones((2, 2, 3, 3), np.uint8))) == 2


def test_views_of_other_arrays_are_analyzed_as_seen():
    labels = np.arange(24, dtype=np.int16).reshape(4, 6)[::-1, ::2].T

    assert {(one.label, one.start) for one in analyze(labels)} == {
        (int(labels[at]), at) for at in np.ndindex(labels.shape) if labels[at]
    }


def test_the_mask_of_a_component_is_as_large_as_its_box():
    labels = np.zeros((1000, 1000), np.uint8)
    labels[10:14, 20:25] = 3

    (one,) = analyze(labels)

    assert component_mask(labels, one).shape == (4, 5)


@pytest.mark.parametrize("change", ["removed", "grown", "cut", "smaller", "flat"])
def test_a_component_of_an_array_that_has_changed_is_refused(change):
    labels = np.zeros((9, 9), np.uint8)
    labels[2:6, 2:6] = 4
    labels[2, 5] = 0
    (one,) = analyze(labels)
    if change == "removed":
        labels[:] = 0
    elif change == "grown":
        labels[2, 5] = 4
    elif change == "cut":
        labels[4] = 0
    elif change == "smaller":
        labels = labels[:4]
    else:
        labels = labels[0]

    with pytest.raises(PromptError, match="changed") as caught:
        component_mask(labels, one)

    assert "again" in caught.value.hint


@pytest.mark.parametrize("labels", [np.zeros((3, 3)), np.zeros((3, 3), complex), np.zeros((), int)])
def test_what_is_no_label_array_is_refused(labels):
    with pytest.raises(PromptError):
        analyze(labels)


@settings(max_examples=50, deadline=None)
@given(labels=label_arrays())
def test_runs_tile_the_array(labels):
    runs = find_runs(labels)

    flat = np.repeat(runs.label, runs.stop - runs.start)
    np.testing.assert_array_equal(flat, labels.reshape(-1))
    assert (runs.start // labels.shape[-1] == (runs.stop - 1) // labels.shape[-1]).all()


@settings(max_examples=100, deadline=None)
@given(labels=label_arrays(max_dims=3))
def test_clusters_hang_together_by_corners_too(labels):
    runs = find_runs(labels)

    clusters = np.repeat(runs.clusters(), runs.stop - runs.start).reshape(labels.shape)

    for value in np.unique(labels):
        pieces, count = ndi.label(labels == value, np.ones((3,) * labels.ndim))
        pairs = np.unique(np.stack([pieces, clusters])[:, labels == value], axis=1)
        assert pairs.shape[1] == count == len(set(pairs[1].tolist()))


def test_many_labels_are_analyzed():
    labels = np.kron(np.arange(1, 530).reshape(23, 23), np.ones((44, 44), int)).astype(np.uint16)

    assert len(analyze(labels)) == 529
