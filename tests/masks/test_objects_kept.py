import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.masks.cleanup import assign_components, clear_border, keep_largest
from napari_sam3_assistant.masks.components import analyze
from napari_sam3_assistant.masks.values import holds
from tests.masks import slow
from tests.masks.arrays import TYPES, label_arrays, slow_components, written


@settings(max_examples=150, deadline=None)
@given(labels=label_arrays())
def test_of_each_label_the_largest_object_is_kept(labels):
    before = labels.copy()

    after = written(labels, keep_largest(labels))

    np.testing.assert_array_equal(after, slow.largest_kept(labels))
    np.testing.assert_array_equal(labels, before)


@settings(max_examples=150, deadline=None)
@given(labels=label_arrays())
def test_objects_at_the_border_go(labels):
    np.testing.assert_array_equal(written(labels, clear_border(labels)), slow.border_cleared(labels))


def test_of_equal_objects_the_first_is_kept():
    labels = np.array([[0, 3, 0, 3], [3, 0, 0, 0]], np.uint8)

    np.testing.assert_array_equal(written(labels, keep_largest(labels)), [[0, 3, 0, 0], [0, 0, 0, 0]])


@settings(max_examples=120, deadline=None)
@given(labels=label_arrays(), picks=st.sets(st.integers(0, 30)), value=st.sampled_from([0, 1, 2, 127]))
def test_exactly_the_chosen_components_get_the_value(labels, picks, value):
    found = analyze(labels)
    chosen = [found[pick] for pick in sorted(picks) if pick < len(found)]
    if not holds(labels.dtype, value):
        value = 1

    after = written(labels, assign_components(labels, chosen, value))

    expected = labels.copy()
    for label, at in slow_components(labels):
        if any(one.label == label and one.start in at for one in chosen):
            expected[tuple(np.transpose(list(at)))] = value
    np.testing.assert_array_equal(after, expected)


def test_assigning_in_an_array_that_has_changed_changes_nothing():
    labels = np.zeros((6, 6), np.uint8)
    labels[1:3, 1:3] = 1
    found = analyze(labels)
    labels[1, 1] = 4

    with pytest.raises(PromptError, match="changed"):
        assign_components(labels, found, 2)


@pytest.mark.parametrize("dtype", TYPES)
def test_a_value_beyond_the_type_is_not_assigned(dtype):
    labels = np.ones((3, 3), dtype)
    top = 1 if dtype == "bool" else int(np.iinfo(dtype).max)

    with pytest.raises(PromptError, match="cannot hold"):
        assign_components(labels, analyze(labels), top + 1)


def test_one_object_of_a_large_plane_costs_its_box():
    labels = np.zeros((4000, 4000), np.uint16)
    labels[50:60, 70:90] = 3
    labels[3000:3010, 70:90] = 4
    found = analyze(labels)

    edit = assign_components(labels, found[:1], 9)

    assert edit.slices == (slice(50, 60), slice(70, 90))
