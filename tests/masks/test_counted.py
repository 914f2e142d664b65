import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam3_assistant.masks import counted
from napari_sam3_assistant.masks.counted import Counted, count_values, deleted, recounted
from napari_sam3_assistant.masks.edits import edit_of
from tests.masks.arrays import TYPES


def slowly(labels):
    """Return the same value by value."""
    found = []
    for value in np.unique(labels[labels > 0]).tolist():
        at = np.nonzero(labels == value)
        found.append(Counted(int(value), at[0].size, tuple((int(one.min()), int(one.max()) + 1) for one in at)))
    return tuple(found)


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    dtype=st.sampled_from(TYPES),
    shape=st.sampled_from([(7,), (9, 11), (1, 13), (3, 5, 8), (2, 2, 4, 5)]),
    slab=st.sampled_from([1, 20, 10**6]),
)
def test_values_are_counted_with_the_boxes_round_them(seed, dtype, shape, slab):
    labels = np.random.default_rng(seed).integers(0, 4, shape).astype(dtype)
    at_once, counted.PIXELS_AT_ONCE = counted.PIXELS_AT_ONCE, slab

    try:
        found = count_values(labels)
    finally:
        counted.PIXELS_AT_ONCE = at_once

    assert found == slowly(labels)
    assert count_values(labels[..., ::-1]) == slowly(labels[..., ::-1])


def test_nothing_is_counted_where_there_is_nothing():
    assert count_values(np.zeros((5, 5), np.uint8)) == ()
    assert count_values(np.array([[2**40, -3]])) == (Counted(2**40, 1, ((0, 1), (0, 1))),)


def test_after_an_edit_counts_are_right_without_counting_anew():
    labels = np.zeros((30, 30), np.uint8)
    labels[2:8, 2:8], labels[20:25, 20:25] = 1, 2
    before = count_values(labels)
    edit = edit_of(labels, (slice(5, 10), slice(5, 10)), np.full((5, 5), 3, np.uint8))

    edit.write(labels)
    found = recounted(before, edit)

    assert [(one.value, one.area) for one in found] == [(one.value, one.area) for one in slowly(labels)]
    for one, exact in zip(found, slowly(labels), strict=True):
        assert all(a <= c and b >= d for (a, b), (c, d) in zip(one.box, exact.box, strict=True))
    gone = edit_of(labels, (slice(20, 25), slice(20, 25)), np.zeros((5, 5), np.uint8))
    assert [one.value for one in recounted(found, gone)] == [1, 3]


def test_deleting_values_changes_nothing_else():
    labels = np.random.default_rng(0).integers(0, 6, (40, 40)).astype(np.uint16)
    chosen = tuple(one for one in count_values(labels) if one.value in (2, 5))

    edit = deleted(labels, chosen)

    edit.write(changed := labels.copy())
    np.testing.assert_array_equal(changed, np.where(np.isin(labels, (2, 5)), 0, labels))
    assert deleted(labels, ()) is None
