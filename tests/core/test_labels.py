"""Placed masks to label images and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.labels import areas, decode_runs, encode_runs, to_labels, to_masks
from napari_sam3_assistant.core.windows import Window

label_images = hnp.arrays(
    st.sampled_from([np.uint8, np.int16, np.uint32, np.int64]),
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
    elements=st.integers(0, 5),
)


@given(label_images)
def test_labels_to_masks_and_back_change_nothing(labels):
    masks = to_masks(labels, offset=(100, 200))
    window = Window(100, 200, 100 + labels.shape[0], 200 + labels.shape[1])

    again = to_labels(list(masks.values()), window, values=list(masks))

    np.testing.assert_array_equal(again, labels)
    assert areas(labels) == {value: mask.area for value, mask in masks.items()}


@given(hnp.arrays(bool, st.tuples(st.integers(0, 9), st.integers(0, 9))))
def test_run_lengths_there_and_back_change_nothing(mask):
    np.testing.assert_array_equal(decode_runs(encode_runs(mask), mask.shape), mask)


def test_run_lengths_are_those_of_coco():
    assert encode_runs(np.array([[0, 1], [1, 1]], bool)) == [1, 3]
    assert encode_runs(np.array([[1, 0], [0, 0]], bool)) == [0, 1, 3]


def test_run_lengths_that_do_not_fit_are_refused():
    with pytest.raises(PromptError):
        decode_runs([1, 2], (2, 2))


@pytest.mark.parametrize(("overlap", "expected"), [("first", 1), ("last", 2), ("score", 2)])
def test_the_overlap_policy_says_who_keeps_a_pixel(overlap, expected):
    mask = PlacedMask(np.ones((2, 2), bool))

    labels = to_labels([mask, mask], Window(0, 0, 2, 2), scores=[0.2, 0.9], overlap=overlap)

    assert (labels == expected).all()


def test_equal_scores_leave_the_pixel_to_the_first():
    mask = PlacedMask(np.ones((2, 2), bool))

    assert (to_labels([mask, mask], Window(0, 0, 2, 2), scores=[0.5, 0.5]) == 1).all()


def test_masks_outside_the_window_are_cut_off():
    labels = to_labels([PlacedMask(np.ones((4, 4), bool), (-2, 8))], Window(0, 0, 10, 10))

    assert labels[:2, 8:].all() and labels.sum() == 4


def test_a_label_of_zero_is_refused():
    with pytest.raises(PromptError):
        to_labels([PlacedMask(np.ones((1, 1), bool))], Window(0, 0, 2, 2), values=[0])
    with pytest.raises(PromptError):
        to_labels([PlacedMask(np.ones((1, 1), bool))], Window(0, 0, 2, 2), values=[1, 2])
