import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import ndimage as ndi

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.masks import tiles
from napari_sam3_assistant.masks.cleanup import dilate, erode, smooth
from tests.masks import slow
from tests.masks.arrays import TYPES, label_arrays, written

OPERATIONS = {dilate: slow.dilated, erode: slow.eroded, smooth: slow.smoothed}


@pytest.fixture
def small_tiles(monkeypatch):
    monkeypatch.setattr(tiles, "_SIDES", {1: (5,), 2: (3, 5), 3: (2, 3, 4)})


@st.composite
def blobs(draw):
    """Labels with smooth outlines that touch, and lone pixels."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    count, side = draw(st.integers(1, 4)), draw(st.integers(8, 20))
    fields = ndi.gaussian_filter(rng.standard_normal((count + 1, side, side)), (0, 1.2, 1.2))
    labels = fields.argmax(axis=0).astype(np.uint8)
    labels[rng.random(labels.shape) < 0.03] = count + 1
    return labels


@pytest.mark.parametrize("operation", OPERATIONS)
@settings(max_examples=80, deadline=None)
@given(labels=label_arrays(), radius=st.integers(0, 3))
def test_labels_are_changed_as_pixel_by_pixel(operation, labels, radius):
    before = labels.copy()

    after = written(labels, operation(labels, radius))

    np.testing.assert_array_equal(after, OPERATIONS[operation](labels, radius))
    np.testing.assert_array_equal(labels, before)


@pytest.mark.parametrize("operation", OPERATIONS)
@settings(max_examples=25, deadline=None)
@given(labels=blobs(), radius=st.integers(1, 4))
def test_blobs_are_changed_as_pixel_by_pixel(operation, labels, radius):
    np.testing.assert_array_equal(written(labels, operation(labels, radius)), OPERATIONS[operation](labels, radius))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_array_of_many_tiles_is_changed_as_pixel_by_pixel(operation, small_tiles):
    rng = np.random.default_rng(3)
    for shape, radius in (((23, 31), 1), ((23, 31), 2), ((9, 8, 11), 1), ((2, 5, 8, 9), 1), ((1, 17, 19), 2)):
        labels = ndi.zoom(rng.integers(0, 4, [-(-length // 2) for length in shape]), 2, order=0).astype(np.int32)
        labels = np.pad(labels, [(0, max(b - a, 0)) for a, b in zip(labels.shape, shape, strict=True)])
        labels = labels[tuple(slice(length) for length in shape)]

        after = written(labels, operation(labels, radius))

        np.testing.assert_array_equal(after, OPERATIONS[operation](labels, radius))


@settings(max_examples=40, deadline=None)
@given(labels=blobs(), radius=st.integers(1, 3))
@example(np.pad(np.ones((1, 9), np.uint8), 3), 2)
def test_smoothing_never_writes_over_a_label_and_no_object_vanishes(labels, radius):
    after = written(labels, smooth(labels, radius))

    assert not ((labels > 0) & (after > 0) & (after != labels)).any()
    for label, at in slow.components(labels):
        assert any(after[pixel] == label for pixel in at)


def test_an_object_at_the_border_of_the_image_keeps_its_rows():
    labels = np.zeros((12, 12), np.uint8)
    labels[:6, 3:9] = 1
    labels[6:, 0] = 2

    after = written(labels, smooth(labels, 2))

    assert (after[0, 3:9] == 1).all()
    assert not after[-1, 3:9].any()
    assert (after[7:, 0] == 2).all()


def test_smoothing_takes_a_spur_and_fills_a_bay():
    labels = np.zeros((16, 16), np.uint8)
    labels[4:12, 4:12] = 5
    labels[7, 12:15] = 5
    labels[9:12, 7] = 0

    after = written(labels, smooth(labels, 1))

    assert not after[7, 13:].any()
    assert after[9, 7] == 5


def test_ground_between_two_neighbours_stays():
    labels = np.zeros((9, 9), np.uint8)
    labels[1:8, 1:4] = 1
    labels[1:8, 5:8] = 2

    after = written(labels, smooth(labels, 1))

    assert not after[:, 4].any()


def test_of_two_labels_as_near_the_lower_grows():
    labels = np.array([[9, 0, 3]], np.uint16)

    np.testing.assert_array_equal(written(labels, dilate(labels, 1)), [[9, 3, 3]])


def test_a_radius_is_measured_as_the_crow_flies():
    labels = np.zeros((31, 31), np.uint8)
    labels[15, 15] = 1

    after = written(labels, dilate(labels, 11))

    np.testing.assert_array_equal(after == 1, np.hypot(*np.ogrid[-15:16, -15:16]) <= 11)
    np.testing.assert_array_equal(written(after, erode(after, 11)), labels)


def test_negative_values_are_in_the_way_and_stay():
    labels = np.array([[1, 1, 0, -4, 0, 0]], np.int16)

    np.testing.assert_array_equal(written(labels, dilate(labels, 5)), [[1, 1, 1, -4, 1, 1]])


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("dtype", TYPES)
def test_every_type_is_changed(operation, dtype):
    top = 1 if dtype == "bool" else int(np.iinfo(dtype).max)
    labels = np.zeros((12, 14), dtype)
    labels[2:9, 3:9] = top
    labels[5, 9:12] = top

    after = written(labels, operation(labels, 2))

    np.testing.assert_array_equal(after, OPERATIONS[operation](labels, 2))
    assert after.dtype == dtype


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_negative_radius_is_refused(operation):
    with pytest.raises(PromptError):
        operation(np.ones((3, 3), int), -1)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_radius_larger_than_the_array_is_no_trouble(operation):
    labels = np.array([[1, 1, 0, 2], [1, 0, 0, 2]], np.uint8)

    np.testing.assert_array_equal(written(labels, operation(labels, 9)), OPERATIONS[operation](labels, 9))
