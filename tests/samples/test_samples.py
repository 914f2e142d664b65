import subprocess
import sys
import time

import numpy as np
import pytest
from scipy import ndimage as ndi

from napari_sam3_assistant.samples import SAMPLES
from napari_sam3_assistant.samples.napari_samples import histology_layers, nuclei_layers
from napari_sam3_assistant.samples.scenes import Canvas, Shape

each_sample = pytest.mark.parametrize("key", SAMPLES)


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

    assert sample.truth.shape == sample.image.shape[:2] == (512, 512)
    assert sample.truth.dtype == np.uint16
    assert np.unique(sample.truth).tolist() == list(range(int(sample.truth.max()) + 1))


@each_sample
@pytest.mark.parametrize("seed", range(3))
def test_every_object_is_one_piece_and_large_enough_to_click(key, seed):
    truth = SAMPLES[key].make(seed).truth

    for label, where in enumerate(ndi.find_objects(truth), start=1):
        mask = truth[where] == label
        assert ndi.label(mask)[1] == 1
        assert mask.sum() >= 9


@each_sample
def test_pixels_have_a_length(key):
    sample = SAMPLES[key].make()

    assert sample.units == "micrometer"
    assert all(0 < length < 1 for length in sample.scale)


@each_sample
def test_a_sample_is_made_quickly(key):
    SAMPLES[key].make()  # loads scipy

    start = time.process_time()
    SAMPLES[key].make()

    assert time.process_time() - start < 1.0  # 0.1 to 0.2 s where nothing else runs


def test_some_nuclei_touch_and_most_do_not():
    truth = SAMPLES["nuclei"].make().truth

    grown = ndi.grey_dilation(truth, size=3)
    touching = {int(label) for label in np.unique(truth[(truth > 0) & (grown != truth)])}

    assert 0.2 * truth.max() < len(touching) < 0.8 * truth.max()


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


@pytest.mark.parametrize(("layers", "rgb"), [(nuclei_layers, False), (histology_layers, True)])
def test_napari_makes_one_placed_image_layer_of_a_sample(layers, rgb):
    from napari.layers import Layer

    (data,) = layers()
    layer = Layer.create(*data)

    assert layer.rgb is rgb
    assert layer.ndim == 2
    assert all(0 < length < 1 for length in layer.scale)
    assert [str(unit) for unit in layer.units] == ["micrometer", "micrometer"]


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
