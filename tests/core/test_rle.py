import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco

from napari_sam3_assistant.core.errors import ImageError
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.rle import counts_in, counts_of, mask_of, text_of

masks = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=13))


@settings(max_examples=150, deadline=None)
@given(mask=masks, around=st.tuples(*[st.integers(0, 3)] * 4))
def test_codes_are_those_of_pycocotools_to_the_letter(mask, around):
    top, bottom, left, right = around
    full = np.pad(mask, ((top, bottom), (left, right)))

    counts = counts_of(PlacedMask(mask, (top, left)), full.shape)

    expected = coco.encode(np.asfortranarray(full.astype(np.uint8)))
    assert text_of(counts) == expected["counts"].decode()
    np.testing.assert_array_equal(counts_in(text_of(counts)), counts)


@settings(max_examples=150, deadline=None)
@given(mask=masks)
def test_codes_of_pycocotools_are_read(mask):
    counts = counts_in(coco.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode())

    placed = mask_of(counts, mask.shape)

    back = np.zeros(mask.shape, bool)
    if placed is not None:
        top, left = placed.offset
        back[top : top + placed.mask.shape[0], left : left + placed.mask.shape[1]] = placed.mask
    np.testing.assert_array_equal(back, mask)


def test_a_small_object_of_a_huge_plane_costs_what_it_is():
    counts = counts_of(PlacedMask(np.ones((5, 7), bool), (30_000, 40_000)), (60_000, 60_000))

    assert counts.sum() == 60_000**2
    assert len(counts) == 15
    assert counts_in(text_of(counts)).tolist() == counts.tolist()


@pytest.mark.parametrize("text", ["", "\x00", "o", "zzz", "ooooooooooooooo0", "\u00e9"])
def test_broken_text_is_refused(text):
    with pytest.raises(ImageError):
        counts_in(text)


@pytest.mark.parametrize(
    "counts", [[], [3], [3, -1, 10], [4, 9], [0.5, 11.5], [[12]], [2**62, 2**62, 2**62, 2**62, 12]]
)
def test_runs_that_do_not_fill_the_plane_are_refused(counts):
    with pytest.raises(ImageError):
        mask_of(counts, (3, 4))
