import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.masks import pointed
from napari_sam3_assistant.masks.components import analyze, component_mask
from napari_sam3_assistant.masks.pointed import filled, object_at, objects_inside
from tests.masks.arrays import TYPES


def known(component):
    """What of a component does not depend on how it was found."""
    return component.label, component.area, component.box, component.start


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**31), dtype=st.sampled_from(TYPES), depth=st.integers(1, 3), data=st.data())
def test_the_object_under_a_pixel_is_that_of_the_whole_analysis(seed, dtype, depth, data):
    labels = np.random.default_rng(seed).integers(0, 2, (depth, 30, 31)).astype(dtype)
    index = tuple(data.draw(st.integers(0, length - 1)) for length in labels.shape)
    reach, pointed.FIRST_REACH = pointed.FIRST_REACH, 2

    try:
        found = object_at(labels, index)
    finally:
        pointed.FIRST_REACH = reach

    if labels[index] <= 0:
        assert found is None
        return
    whole = next(one for one in analyze(labels) if known(one) == known(found.component))
    np.testing.assert_array_equal(found.mask, component_mask(labels, whole))
    np.testing.assert_allclose(found.component.centroid, whole.centroid)


def test_a_long_object_is_found_whole_and_only_boxes_round_it_are_looked_at():
    class Watched(np.ndarray):
        seen = 0

        def __getitem__(self, key):
            found = super().__getitem__(key)
            Watched.seen += np.size(found)
            return found

    labels = np.zeros((4000, 4000), np.uint16).view(Watched)
    labels[10:14, 5:600] = 7

    found = object_at(labels, (11, 300))

    assert (found.component.area, found.component.box) == (4 * 595, ((10, 14), (5, 600)))
    assert Watched.seen < 4_000_000


def test_an_object_ends_at_the_block_and_is_not_looked_for_beyond_a_size():
    labels = np.zeros((3, 40, 40), np.uint8)
    labels[:, 5:35, 5:35] = 3

    within = object_at(labels, (1, 10, 10), (slice(1, 2), slice(0, 40), slice(0, 40)))

    assert within.component.box == ((1, 2), (5, 35), (5, 35))
    assert object_at(labels, (1, 10, 10), (slice(2, 3), slice(0, 40), slice(0, 40))) is None
    assert object_at(labels, (1, 10, 10), most=100) is None


def test_inside_a_line_are_the_objects_with_more_than_half_of_their_pixels():
    labels = np.zeros((60, 60), np.uint16)
    labels[10:20, 10:20] = 1  # all of it
    labels[10:20, 26:36] = 2  # 4 of 10 columns
    labels[30:40, 10:20] = 2
    labels[12:16, 22:24] = 300
    inside = np.ones((30, 25), bool)  # rows 5 to 34, columns 5 to 29
    inside[:, 20:] = True

    found = objects_inside(labels, (slice(5, 35), slice(5, 30)), inside)

    assert sorted((one.component.label, one.component.box[0]) for one in found) == [(1, (10, 20)), (300, (12, 16))]
    edit = filled(labels, found, 9)
    edit.write(labels)
    assert [int((labels == value).sum()) for value in (9, 1, 300, 2)] == [108, 0, 0, 200]


def test_objects_of_a_volume_are_looked_at_on_all_slices_of_the_block():
    labels = np.zeros((4, 30, 30), np.uint8)
    labels[1:3, 5:10, 5:10] = 1
    inside = np.ones((1, 10, 10), bool)

    found = objects_inside(labels, (slice(0, 4), slice(2, 12), slice(2, 12)), inside)

    assert [one.component.area for one in found] == [50]


def test_what_was_painted_over_meanwhile_is_not_written():
    labels = np.zeros((20, 20), np.uint8)
    labels[5:10, 5:10] = 4
    found = object_at(labels, (6, 6))
    labels[7, 7] = 9

    with pytest.raises(PromptError) as caught:
        filled(labels, [found], 1)

    assert caught.value.hint


def test_a_value_that_the_type_cannot_hold_is_refused_with_words():
    labels = np.ones((4, 4), np.uint8)

    with pytest.raises(PromptError, match="only 0 to 255"):
        filled(labels, [object_at(labels, (1, 1))], 256)
