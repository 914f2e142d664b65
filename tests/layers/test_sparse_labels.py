"""Sparse labels answer as the array would that nobody makes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.layers import Labels

from napari_sam3_assistant.core.errors import ImageError
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.layers.sparse import SparseLabels, levels
from napari_sam3_assistant.masks.pieces import Record


def planes(ndim):
    """Return a strategy of planes of any orientation, at any place of 0 to 8."""

    def plane(axes, places):
        rest = sorted(set(range(ndim)) - set(axes[:2]))
        return Plane(axes[0], axes[1], tuple((axis, places[axis]) for axis in rest))

    return st.builds(plane, st.permutations(range(ndim)), st.lists(st.integers(0, 8), min_size=ndim, max_size=ndim))


@st.composite
def pictures(draw):
    ndim = draw(st.integers(2, 4))
    shape = tuple(draw(st.lists(st.integers(1, 9), min_size=ndim, max_size=ndim)))
    records = []
    for id in range(1, draw(st.integers(0, 4)) + 1):
        size = draw(st.tuples(st.integers(1, 6), st.integers(1, 6)))
        bits = draw(st.lists(st.booleans(), min_size=size[0] * size[1], max_size=size[0] * size[1]))
        offset = draw(st.tuples(st.integers(-3, 9), st.integers(-3, 9)))
        records.append(Record(id, PlacedMask(np.reshape(bits, size), offset), draw(planes(ndim))))
    strides = draw(st.lists(st.sampled_from([1, 1, 2, 3, 4]), min_size=ndim, max_size=ndim))
    return shape, records, strides


def dense(shape, records, strides):
    """Return the labels as an ordinary array: pixel by pixel, the last record on top."""
    out = np.zeros([-(-length // stride) for length, stride in zip(shape, strides, strict=True)], np.uint32)
    for record in records:
        for row, col in np.argwhere(record.mask.mask) + record.mask.offset:
            at = dict(record.plane.index) | {record.plane.row_axis: int(row), record.plane.col_axis: int(col)}
            pixel = [at[axis] for axis in range(len(shape))]
            if all(0 <= place < length for place, length in zip(pixel, shape, strict=True)):
                out[tuple(place // stride for place, stride in zip(pixel, strides, strict=True))] = record.id
    return out


def keys(shape):
    """Return a strategy of what one can put in brackets."""

    def one(length):
        step = st.sampled_from([None, 1, 2, -1, -2])
        part = st.builds(slice, st.none() | st.integers(-12, 12), st.none() | st.integers(-12, 12), step)
        return part | (st.integers(-length, length - 1) if length else part)

    whole = st.tuples(*(one(length) for length in shape))
    return st.one_of(whole, whole.map(lambda key: key[:1]), whole.map(lambda key: (..., key[-1])), st.just(...))


@given(pictures(), st.data())
@settings(max_examples=150, deadline=None)
def test_every_slice_at_every_resolution_is_that_of_the_array(picture, data):
    shape, records, strides = picture
    expected, sparse = dense(*picture), SparseLabels(shape, records, strides)
    key = data.draw(keys(expected.shape))

    part = sparse[key]

    assert (part.shape, part.ndim, part.size) == (expected[key].shape, expected[key].ndim, expected[key].size)
    np.testing.assert_array_equal(np.asarray(part), expected[key])
    again = data.draw(keys(part.shape)) if part.ndim else ()
    np.testing.assert_array_equal(np.asarray(part[again]), expected[key][again])


def test_an_object_of_one_pixel_is_seen_at_the_coarsest_level():
    one = Record(7, PlacedMask(np.ones((1, 1), bool), (41_234, 59_999)), Plane(0, 1))

    coarsest = levels((60_000, 60_000), [one])[-1]

    assert max(coarsest.shape) <= 512
    assert np.argwhere(np.asarray(coarsest)).tolist() == [[41_234 * coarsest.shape[0] // 60_000, coarsest.shape[1] - 1]]


def test_axes_that_are_short_stay_whole_at_every_level():
    assert [level.shape for level in levels((5, 3000, 1000), [])] == [
        (5, 3000, 1000),
        (5, 1500, 500),
        (5, 750, 250),
        (5, 375, 125),
    ]


def test_small_pictures_have_two_levels_all_the_same():
    assert [level.shape for level in levels((20, 30), [])] == [(20, 30), (10, 15)]


def test_a_plane_that_does_not_fit_in_memory_is_refused():
    huge = SparseLabels((60_000, 60_000), [])

    with pytest.raises(ImageError, match="do not fit in memory"):
        np.asarray(huge)

    assert np.asarray(huge[:10, :10]).shape == (10, 10)


def test_more_indices_than_axes_are_refused():
    with pytest.raises(IndexError):
        SparseLabels((3, 3), [])[0, 0, 0]


def test_napari_shows_what_is_there_and_reads_no_plane(viewer):
    mask = PlacedMask(np.ones((50, 50), bool), (30_000, 100))
    data = levels((3, 60_000, 60_000), [Record(70_000, mask, Plane(1, 2, ((0, 2),)))])

    layer = viewer.add_layer(Labels(data, multiscale=True))
    viewer.dims.set_point(0, 2)

    assert layer.multiscale and not layer.editable
    assert layer.get_value((2, 30_020, 120)) in (None, (layer.data_level, 0), (layer.data_level, 70_000))
    assert layer._slice.image.raw.max() == 70_000
    viewer.dims.set_point(0, 1)
    assert layer._slice.image.raw.max() == 0
