"""8-bit RGB from any picture, by limits fixed for the picture."""

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import ImageError
from napari_sam3_assistant.core.intensity import FRAMES, Limits, estimate, fixed_limits, limits_of, sample_tiles, to_rgb


def test_8_bit_pictures_are_taken_as_they_are():
    picture = np.arange(256, dtype=np.uint8).reshape(16, 16)

    np.testing.assert_array_equal(to_rgb(picture, fixed_limits(picture.dtype))[..., 1], picture)


def test_a_boolean_picture_is_black_and_white():
    rgb = to_rgb(np.array([[True, False]]), fixed_limits(np.dtype(bool)))

    assert rgb[0, :, 0].tolist() == [255, 0]


@pytest.mark.parametrize(
    "dtype", [np.uint16, np.int16, np.int8, np.uint32, np.int64, np.float16, np.float32, np.float64]
)
def test_limits_become_black_and_white_in_every_type(dtype):
    picture = np.array([[0, 10, 60, 110, 120]]).astype(dtype)

    rgb = to_rgb(picture, Limits((10.0,), (110.0,)))

    assert rgb.shape == (1, 5, 3) and rgb.dtype == np.uint8
    assert rgb[0, :, 0].tolist() == [0, 0, 128, 255, 255]


def test_nan_is_black_and_infinity_white():
    picture = np.array([[np.nan, np.inf, -np.inf, 1.0]])

    assert to_rgb(picture, Limits((0.0,), (2.0,)))[0, :, 0].tolist() == [0, 255, 0, 128]


def test_a_constant_picture_is_black_and_warns_of_nothing():
    picture = np.full((4, 4), 7.5, np.float32)

    assert not to_rgb(picture, limits_of([picture])).any()


def test_a_picture_without_a_finite_value_has_limits():
    assert limits_of([np.full((3, 3), np.nan)]) == Limits((0.0,), (0.0,))


def test_a_few_hot_pixels_do_not_make_the_picture_dark():
    picture = np.random.default_rng(0).integers(100, 200, (200, 200)).astype(np.uint16)
    picture[:3, :3] = 65_535

    limits = limits_of([picture])

    assert limits.high[0] < 250


def test_a_few_bright_pixels_on_black_are_seen():
    picture = np.zeros((300, 300), np.uint16)
    picture[5:9, 5:9] = 900

    assert to_rgb(picture, limits_of([picture])).max() == 255


def test_colours_have_limits_of_their_own_and_alpha_is_left_out():
    picture = np.zeros((50, 50, 4), np.uint16)
    picture[..., 0] = np.linspace(0, 100, 50)
    picture[..., 2] = np.linspace(0, 4000, 50)

    limits = limits_of([picture], color=True)

    assert len(limits.high) == 3 and limits.high[2] > limits.high[0]
    assert to_rgb(picture, limits)[0, -1].tolist() == [255, 0, 255]


@pytest.mark.parametrize("shape", [(4,), (4, 4, 2), (4, 4, 5), (2, 4, 4, 3)])
def test_what_is_no_picture_is_refused(shape):
    with pytest.raises(ImageError):
        to_rgb(np.zeros(shape), Limits((0.0,), (1.0,)))


def test_complex_numbers_are_refused_with_what_to_do():
    with pytest.raises(ImageError, match="abs"):
        to_rgb(np.zeros((4, 4), complex), Limits((0.0,), (1.0,)))


@pytest.mark.parametrize(("low", "high"), [((1.0,), (0.0,)), ((), ()), ((0.0,), (float("nan"),)), ((0.0, 0.0), (1.0,))])
def test_limits_out_of_order_are_refused(low, high):
    with pytest.raises(ImageError):
        Limits(low, high)


def test_a_window_shows_the_same_grey_as_the_whole():
    picture = np.random.default_rng(1).normal(1000, 300, (64, 64))
    limits = limits_of([picture])

    np.testing.assert_array_equal(to_rgb(picture[10:30, 5:40], limits), to_rgb(picture, limits)[10:30, 5:40])


@pytest.mark.parametrize(("dtype", "far"), [(np.float64, 1.7e308), (np.float32, 3e38)])
def test_numbers_whose_difference_is_none_are_shown_from_black_to_white(dtype, far):
    picture = np.array([[-far, far], [-far, 0]], dtype)

    limits = limits_of([picture])

    assert limits.low[0] < -0.99 * far and limits.high[0] > 0.99 * far
    assert to_rgb(picture, limits)[..., 0].tolist() == [[0, 255], [0, 128]]


def test_of_a_huge_plane_64_tiles_are_read_the_same_ones_each_time():
    places = sample_tiles((60_000, 60_000))

    assert len(places) == 64 and places == sample_tiles((60_000, 60_000))
    assert all(bottom - top == 256 and right - left == 256 for top, left, bottom, right in places)


def test_limits_look_at_16_frames_at_most():
    looked = []

    def read(frame, place):
        looked.append(frame)
        return np.full((place[2] - place[0], place[3] - place[1]), frame, np.float32)

    limits = estimate(read, 1000, (32, 32), color=False)

    assert len(looked) == FRAMES and {0, 999} <= set(looked)
    assert limits.low[0] == pytest.approx(0) and limits.high[0] == pytest.approx(999)
