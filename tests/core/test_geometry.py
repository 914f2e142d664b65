"""Boxes and placed masks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.geometry import (
    Box,
    PlacedMask,
    box_iou,
    clip,
    intersection,
    relative_center,
    slices,
    union,
)

corner = st.integers(-20, 20)
boxes = st.builds(
    lambda top, left, h, w: Box(top, left, top + h, left + w), corner, corner, st.integers(1, 15), st.integers(1, 15)
)


def pixels(box: Box | None) -> set[tuple[int, int]]:
    """Every pixel of a box with whole corners, one by one."""
    if box is None:
        return set()
    return {(r, c) for r in range(int(box.top), int(box.bottom)) for c in range(int(box.left), int(box.right))}


@pytest.mark.parametrize(
    "corners", [(5, 5, 5, 9), (5, 5, 4, 9), (0, 3, 1, 2), (0, 0, float("nan"), 1), (0, 0, float("inf"), 1)]
)
def test_a_box_without_pixels_or_numbers_is_refused_with_a_hint(corners):
    with pytest.raises(PromptError) as caught:
        Box(*corners)

    assert caught.value.hint


@given(boxes, boxes)
def test_intersection_holds_the_pixels_of_both(a, b):
    assert pixels(intersection(a, b)) == pixels(a) & pixels(b)


@given(boxes, boxes)
def test_union_is_the_smallest_box_that_holds_both(a, b):
    both = union([a, b])

    assert pixels(a) | pixels(b) <= pixels(both)
    assert both.top in (a.top, b.top) and both.right in (a.right, b.right)


@given(boxes, boxes)
def test_iou_counts_pixels(a, b):
    expected = len(pixels(a) & pixels(b)) / len(pixels(a) | pixels(b))

    assert box_iou(a, b) == pytest.approx(expected)


def test_union_of_nothing_is_refused():
    with pytest.raises(PromptError):
        union([])


def test_a_box_beside_the_plane_is_clipped_to_nothing():
    assert clip(Box(0, 10, 5, 15), (10, 10)) is None
    assert clip(Box(-5, -5, 5, 5), (10, 10)) == Box(0, 0, 5, 5)
    assert clip(Box(0, 0, 5, 5), (0, 10)) is None


def test_the_centre_of_the_whole_plane_is_one_half():
    np.testing.assert_allclose(relative_center(Box(0, 0, 30, 50), (30, 50)), (0.5, 0.5))
    np.testing.assert_allclose(relative_center(Box(0, 0, 30, 25), (30, 50)), (0.25, 0.5))


def test_a_drawn_box_holds_the_pixels_whose_centres_it_encloses():
    drawn = np.zeros((10, 10), int)

    drawn[slices(Box(1.6, 2.4, 4.2, 5.0))] = 1

    assert np.argwhere(drawn).min(0).tolist() == [2, 3]
    assert np.argwhere(drawn).max(0).tolist() == [4, 4]


def test_a_mask_must_be_a_plane_of_booleans():
    with pytest.raises(PromptError):
        PlacedMask(np.zeros((3, 3), np.uint8))
    with pytest.raises(PromptError):
        PlacedMask(np.zeros((3, 3, 3), bool))


@given(st.integers(0, 2**16), st.tuples(corner, corner), boxes)
def test_a_placed_mask_reads_the_same_through_any_box(seed, offset, box):
    mask = PlacedMask(np.random.default_rng(seed).random((7, 9)) < 0.4, offset)
    whole = np.zeros((100, 100), bool)
    whole[50 + offset[0] : 57 + offset[0], 50 + offset[1] : 59 + offset[1]] = mask.mask
    rows, cols = slice(50 + box.top, 50 + box.bottom), slice(50 + box.left, 50 + box.right)

    np.testing.assert_array_equal(mask.within(box), whole[rows, cols])
    np.testing.assert_array_equal(mask.trimmed().within(box), whole[rows, cols])


@given(st.integers(0, 2**16), st.tuples(corner, corner))
def test_trimming_keeps_every_pixel_and_nothing_round_them(seed, offset):
    mask = PlacedMask(np.random.default_rng(seed).random((6, 6)) < 0.1, offset)

    trimmed = mask.trimmed()

    assert trimmed.area == mask.area
    if trimmed.area:
        assert trimmed.mask.any(0)[[0, -1]].all() and trimmed.mask.any(1)[[0, -1]].all()
        assert mask.value_at(*np.add(np.argwhere(trimmed.mask)[0], trimmed.offset))
    else:
        assert trimmed.box is None
