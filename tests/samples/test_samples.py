import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from scipy import ndimage as ndi

from napari_sam3_assistant.samples import SAMPLES
from napari_sam3_assistant.samples.nuclei_stack import Body
from napari_sam3_assistant.samples.scenes import Canvas, Shape, inner, noise, photograph

TRUTHS = {
    "nuclei": (512, 512),
    "histology": (512, 512),
    "nuclei_stack": (24, 256, 256),
    "dividing_cells": (20, 256, 256),
    "phase_contrast": (512, 512),
    "multichannel": (512, 512),
}
each_sample = pytest.mark.parametrize("key", SAMPLES)


def pieces(truth):
    """Give (frame, label, mask) of every object in every frame; a picture without time is one frame."""
    for frame, labels in enumerate(truth):
        for label, where in enumerate(ndi.find_objects(labels), start=1):
            if where is not None:
                yield frame, label, labels[where] == label


def touching(truth):
    """Return the labels that border on another one."""
    highest = ndi.grey_dilation(truth, size=3)
    lowest = ndi.grey_erosion(np.where(truth > 0, truth, truth.max() + 1), size=3)
    return {int(label) for label in np.unique(truth[(truth > 0) & ((highest > truth) | (lowest < truth))])}


def round_shape(row, col, radius):
    return Shape(row, col, radius, 1.0, 0.0, ())


@each_sample
def test_same_seed_gives_the_same_pixels(key):
    make = SAMPLES[key].make

    first, again, other = make(3), make(3), make(4)

    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.truth, again.truth)
    assert (first.image != other.image).any()


@each_sample
def test_truth_covers_the_picture_and_counts_from_one_without_gaps(key):
    sample = SAMPLES[key].make()

    pixels = sample.image[..., 0] if sample.rgb else sample.image[0] if sample.channels else sample.image
    for truth in (sample.truth, *sample.parts.values()):
        assert truth.shape == pixels.shape == TRUTHS[key]
        assert truth.dtype == np.uint16
    assert np.unique(sample.truth).tolist() == list(range(int(sample.truth.max()) + 1))


@each_sample
@pytest.mark.parametrize("seed", range(3))
def test_every_object_is_one_piece_and_large_enough_to_click(key, seed):
    sample = SAMPLES[key].make(seed)
    timed = sample.axis_labels[0] == "t"

    for truth in (sample.truth, *sample.parts.values()):
        for frame, label, mask in pieces(truth if timed else truth[None]):
            assert ndi.label(mask)[1] == 1, (frame, label)
            assert mask.sum() >= 9


@each_sample
def test_each_axis_has_a_name_a_unit_and_a_length(key):
    sample = SAMPLES[key].make()

    assert len(sample.scale) == len(sample.units) == len(sample.axis_labels) == sample.truth.ndim
    assert sample.axis_labels[-2:] == ("y", "x")
    assert sample.units[-2:] == ("micrometer", "micrometer")
    assert all(0 < length < 1 for length in sample.scale[-2:])


@pytest.mark.parametrize("key", ["nuclei", "nuclei_stack", "phase_contrast", "multichannel"])
@pytest.mark.parametrize("seed", range(3))
def test_some_objects_touch_and_most_do_not(key, seed):
    truth = SAMPLES[key].make(seed).truth

    assert 0.1 * truth.max() < len(touching(truth)) < 0.8 * truth.max()


def test_nuclei_are_bright_on_dark_and_leave_head_room():
    sample = SAMPLES["nuclei"].make()

    inside, outside = sample.image[sample.truth > 0], sample.image[sample.truth == 0]

    assert sample.image.dtype == np.uint16
    assert not sample.rgb
    assert np.median(inside) > 4 * np.median(outside)
    assert sample.image.max() < 4095


def test_histology_is_colour_with_dark_blue_nuclei():
    sample = SAMPLES["histology"].make()

    nuclei = sample.image[sample.truth > 0].mean(axis=0)
    tissue = sample.image[sample.truth == 0].mean(axis=0)

    assert sample.rgb
    assert sample.image.shape == (512, 512, 3)
    assert sample.image.dtype == np.uint8
    assert (nuclei < tissue).all()
    assert nuclei[2] > nuclei[0]


def test_planes_of_the_stack_are_further_apart_than_pixels_and_get_dimmer():
    sample = SAMPLES["nuclei_stack"].make()
    bright = [np.median(plane[labels > 0]) for plane, labels in zip(sample.image, sample.truth, strict=True)]

    assert sample.image.dtype == np.uint16
    assert sample.scale == (2.0, 0.5, 0.5)
    assert sample.axis_labels == ("z", "y", "x")
    assert np.mean(bright[:6]) > 1.3 * np.mean(bright[-6:])


def test_a_nucleus_of_the_stack_has_one_label_in_neighbouring_planes():
    truth = SAMPLES["nuclei_stack"].make().truth

    heights = [where[0].stop - where[0].start for where in ndi.find_objects(truth)]

    assert np.median(heights) >= 5


@pytest.mark.parametrize("seed", range(5))
def test_two_cells_divide_one_leaves_and_one_comes(seed):
    sample = SAMPLES["dividing_cells"].make(seed)
    ids = [set(np.unique(frame)) - {0} for frame in sample.truth]
    mothers, daughters = set(sample.parents.values()), set(sample.parents)

    assert len(ids) == 20
    assert len(mothers) == 2
    assert len(daughters) == 4
    assert len(ids[0] - ids[-1] - mothers) == 1
    assert len(ids[-1] - ids[0] - daughters) == 1


@pytest.mark.parametrize("seed", range(5))
def test_daughters_take_the_place_of_their_mother_in_the_frame_after_her_last(seed):
    sample = SAMPLES["dividing_cells"].make(seed)

    for daughter, mother in sample.parents.items():
        there, before = (np.flatnonzero((sample.truth == one).any((1, 2))) for one in (daughter, mother))
        assert there.tolist() == list(range(before[-1] + 1, len(sample.truth)))
        last, first = sample.truth[before[-1]] == mother, sample.truth[there[0]] == daughter
        assert (last & first).sum() > 0.3 * first.sum()


def test_a_cell_keeps_its_label_while_it_moves():
    truth = SAMPLES["dividing_cells"].make().truth

    for earlier, later in pairwise(truth):
        middles = [
            dict(zip(ids, ndi.center_of_mass(frame > 0, frame, ids), strict=True))
            for frame in (earlier, later)
            for ids in [[int(one) for one in np.unique(frame) if one]]
        ]
        for label in middles[0].keys() & middles[1].keys():
            assert np.hypot(*np.subtract(middles[0][label], middles[1][label])) < 6


def test_the_series_drifts_and_bleaches():
    sample = SAMPLES["dividing_cells"].make()
    stays = set.intersection(*(set(np.unique(frame)) for frame in sample.truth)) - {0}
    places = [ndi.center_of_mass(np.isin(sample.truth[frame], list(stays))) for frame in (0, -1)]
    light = [sample.image[frame][np.isin(sample.truth[frame], list(stays))].mean() for frame in (0, -1)]

    assert 25 < np.hypot(*np.subtract(*places)) < 50
    assert light[0] > 1.1 * light[1]


def test_phase_contrast_is_8_bit_grey_with_halos_round_dark_cells():
    sample = SAMPLES["phase_contrast"].make()
    cells = sample.truth > 0
    away = ndi.distance_transform_edt(~cells)
    inside, halo, far = sample.image[cells], sample.image[(away > 0) & (away < 4)], sample.image[away > 25]

    assert sample.image.dtype == np.uint8
    assert np.median(inside) < np.median(far) < np.median(halo)
    assert (inside > 200).mean() > 0.005


def test_channels_have_very_different_ranges_in_one_16_bit_picture():
    sample = SAMPLES["multichannel"].make()
    nuclei, cytoplasm, spots = (int(channel.max()) for channel in sample.image)

    assert sample.channels == ("nuclei", "cytoplasm", "spots")
    assert sample.image.shape == (3, 512, 512)
    assert sample.image.dtype == np.uint16
    assert nuclei > 10 * cytoplasm > 20 * spots
    assert nuclei < 65535


@pytest.mark.parametrize("seed", range(3))
def test_a_nucleus_lies_in_its_cell_and_has_its_label(seed):
    sample = SAMPLES["multichannel"].make(seed)
    cells, nuclei = sample.truth, sample.parts["nuclei"]

    assert (cells[nuclei > 0] == nuclei[nuclei > 0]).all()
    assert len(np.unique(nuclei)) - 1 >= 0.9 * cells.max()


def test_listing_the_samples_loads_neither_scipy_nor_napari():
    code = (
        "import sys, napari_sam3_assistant.samples.napari_samples as s;"
        "print(sorted({'scipy', 'skimage', 'napari', 'qtpy'} & set(sys.modules)))"
    )

    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert out.strip() == "[]"


def test_a_shape_is_put_only_where_there_is_room():
    canvas = Canvas((40, 40))

    assert canvas.put(round_shape(20, 12, 6))
    assert not canvas.put(round_shape(20, 16, 6))
    assert not canvas.put(round_shape(-30, 12, 6))
    assert canvas.put(round_shape(20, 32, 6))

    assert np.unique(canvas.labels).tolist() == [0, 1, 2]


def test_touching_shapes_share_the_border_between_them():
    canvas = Canvas((40, 40))
    canvas.put(round_shape(20, 12, 7))

    put = canvas.put(round_shape(20, 24, 7), touch=1)

    first, second = (canvas.labels == label for label in (1, 2))
    assert put
    assert (ndi.binary_dilation(first) & second).any()
    assert first[20, 18]
    assert second[20, 19]


def test_nothing_is_put_where_it_is_blocked():
    blocked = np.zeros((40, 40), bool)
    blocked[:, :20] = True
    canvas = Canvas((40, 40), blocked)

    assert not canvas.put(round_shape(20, 12, 6))
    assert canvas.put(round_shape(20, 30, 6))


def test_solids_are_put_on_a_canvas_of_three_axes():
    canvas = Canvas((12, 40, 40))

    assert canvas.put(Body(round_shape(20, 12, 6), 6, 3))
    assert not canvas.put(Body(round_shape(20, 12, 6), 9, 3))
    assert canvas.put(Body(round_shape(20, 32, 6), 6, 3))

    assert canvas.labels[6, 20, 12] == 1
    assert canvas.labels[6, 20, 32] == 2
    assert np.flatnonzero((canvas.labels == 1).any((1, 2))).tolist() == [4, 5, 6, 7, 8]


@pytest.mark.parametrize(("shape", "sigma"), [((60, 70), 1.3), ((60, 70), 30.0), ((9, 60, 70), (1.0, 3.0, 9.0))])
def test_noise_fills_any_shape_and_has_spread_one(shape, sigma):
    field = noise(np.random.default_rng(0), shape, sigma)

    assert field.shape == shape
    assert field.dtype == np.float32
    assert 0.5 < field.std() < 1.5


def test_the_inner_pixels_border_on_nothing_else():
    labels = np.zeros((7, 9), np.uint16)
    labels[1:6, 1:4], labels[1:6, 4:8] = 1, 2

    kept = inner(labels)

    assert np.argwhere(kept & (labels == 1)).tolist() == [[2, 2], [3, 2], [4, 2]]
    assert np.count_nonzero(kept & (labels == 2)) == 6


def test_a_camera_adds_its_darkness_and_is_saturated():
    light = np.full((50, 50), 1000.0, np.float32)
    light[:, 25:] = 9000

    image = photograph(np.random.default_rng(0), light, offset=100, gain=0.5, read=3, most=4095)

    assert image.dtype == np.uint16
    assert abs(image[:, :25].mean() - 1100) < 10
    assert (image[:, 25:] == 4095).all()
