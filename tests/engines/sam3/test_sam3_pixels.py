"""From a layer's pixels to what SAM3 sees: pinned, without transformers' own processors (they need torchvision)."""

from importlib.util import find_spec

import numpy as np
import pytest
from PIL import Image

from napari_sam3_assistant.core.intensity import Limits, to_rgb
from napari_sam3_assistant.testing import blobs, noise
from tests.engines.sam3.conftest import WHY

torch = pytest.importorskip("torch", reason=WHY)
pytest.importorskip("transformers", reason=WHY)

SIDE = 112
GREY = 2 / 255  # one grey level, in the model's units


def seen(image, side=SIDE):
    from napari_sam3_assistant.engines.sam3.embedding import pixels_of

    return pixels_of(image, side)[0].numpy()


def test_black_is_minus_one_and_white_is_one():
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    image[:, 56:] = (255, 127, 0)

    pixels = seen(image)

    assert pixels.shape == (3, SIDE, SIDE) and pixels.dtype == np.float32
    assert pixels[:, 5, 5].tolist() == [-1, -1, -1]
    np.testing.assert_allclose(pixels[:, 5, 100], [1, 127 / 127.5 - 1, -1], atol=1e-6)


def test_picture_of_the_models_size_is_taken_as_it_is():
    image = noise((SIDE, SIDE))

    np.testing.assert_allclose(seen(image), image.transpose(2, 0, 1) / 127.5 - 1, atol=1e-6)


@pytest.mark.parametrize("shape", [(90, 150), (400, 301), (1, 5000), (5000, 1), (1, 1), (7, 5), (1024, 1024)])
def test_others_are_brought_to_it_with_antialiasing_and_without_keeping_the_aspect(shape):
    image = noise(shape, seed=3)

    expected = np.asarray(Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BILINEAR))

    # Pillow rounds after each axis, torch may round otherwise: one grey level.
    assert np.abs(seen(image) - (expected.transpose(2, 0, 1) / 127.5 - 1)).max() <= 1.01 * GREY


def test_sixteen_bit_layer_with_limits_reaches_the_model_as_shown():
    layer = np.linspace(0, 65535, SIDE * SIDE).reshape(SIDE, SIDE).astype(np.uint16)
    limits = Limits((10_000.0,), (50_000.0,))

    pixels = seen(to_rgb(layer, limits))

    expected = np.clip((layer.astype(float) - 10_000) / 40_000, 0, 1) * 2 - 1
    assert np.abs(pixels - expected).max() <= GREY
    assert (pixels == pixels[0]).all()
    assert pixels.min() == -1 and pixels.max() == 1


def test_same_window_reaches_the_model_the_same_whatever_its_memory_layout():
    image = blobs((90, 150))

    turned = seen(np.asfortranarray(image))
    flipped = seen(image[::-1][::-1])

    np.testing.assert_array_equal(turned, seen(image))
    np.testing.assert_array_equal(flipped, seen(image))


@pytest.mark.skipif(find_spec("torchvision") is None, reason="transformers' processors need torchvision")
@pytest.mark.parametrize("shape", [(90, 150), (400, 301), (1, 5000)])
def test_pixels_are_those_of_transformers_processor(shape):
    from transformers import Sam3ImageProcessor

    image = noise(shape)
    size = {"height": SIDE, "width": SIDE}

    process = Sam3ImageProcessor(size=size)
    theirs = process(images=image, input_data_format="channels_last", return_tensors="pt").pixel_values[0].numpy()

    np.testing.assert_allclose(seen(image), theirs, atol=1e-6)


# -- features in boxes ----------------------------------------------------------------------------

BOXES = [(1.3, 2.2, 6.7, 5.1), (0, 0, 8, 8), (-3, 4, 2, 12), (7.9, 7.9, 8.0, 8.0), (3.5, 1, 3.6, 7)]


def slowly_aligned(features, box, size):
    """One box of roi_align as its definition says: the mean of bilinear samples, one at a time."""
    x0, y0, x1, y1 = box
    lengths = max(y1 - y0, 1), max(x1 - x0, 1)
    counts = [max(int(np.ceil(length / size)), 1) for length in lengths]
    height, width = features.shape[1:]
    out = np.zeros((len(features), size, size))
    for row, col in np.ndindex(size, size):
        for i, j in np.ndindex(*counts):
            y = y0 + (row + (i + 0.5) / counts[0]) * lengths[0] / size
            x = x0 + (col + (j + 0.5) / counts[1]) * lengths[1] / size
            if not (-1 <= y <= height and -1 <= x <= width):
                continue
            y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
            top, left = int(y), int(x)
            below, beside = min(top + 1, height - 1), min(left + 1, width - 1)
            a, b = y - top, x - left
            out[:, row, col] += (1 - a) * ((1 - b) * features[:, top, left] + b * features[:, top, beside])
            out[:, row, col] += a * ((1 - b) * features[:, below, left] + b * features[:, below, beside])
    return out / (counts[0] * counts[1])


def test_features_in_a_box_are_means_of_bilinear_samples():
    from napari_sam3_assistant.engines.sam3.pooling import roi_align

    features = torch.randn(1, 5, 8, 8, generator=torch.Generator().manual_seed(0))

    ours = roi_align(features, [torch.tensor(BOXES)], 3).numpy()

    for one, box in zip(ours, BOXES, strict=True):
        np.testing.assert_allclose(one, slowly_aligned(features[0].numpy(), box, 3), atol=2e-5)
    assert roi_align(features, [torch.zeros(0, 4)], 3).shape == (0, 5, 3, 3)


@pytest.mark.skipif(find_spec("torchvision") is None, reason="torchvision is not installed")
def test_features_in_a_box_are_those_of_torchvision():
    import torchvision

    from napari_sam3_assistant.engines.sam3.pooling import roi_align

    features = torch.randn(1, 5, 8, 8, generator=torch.Generator().manual_seed(0))

    theirs = torchvision.ops.roi_align(features, [torch.tensor(BOXES)], 3)

    np.testing.assert_allclose(roi_align(features, [torch.tensor(BOXES)], 3), theirs, atol=2e-5)
