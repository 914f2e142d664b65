"""Pictures with masks drawn on them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.server.rest.visualisation import visualisation


def drawn(pixels: np.ndarray, *masks: PlacedMask) -> np.ndarray:
    with Image.open(io.BytesIO(visualisation(pixels, masks))) as image:
        assert (image.format, image.mode) == ("PNG", "RGB")
        return np.asarray(image)


def grey(height: int = 60, width: int = 80, value: int = 100) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def block(top: int, left: int, height: int, width: int) -> PlacedMask:
    return PlacedMask(np.ones((height, width), bool), (top, left))


def test_pixels_outside_stay_as_they_are_and_the_picture_too():
    picture = grey()

    result = drawn(picture, block(10, 20, 30, 40))

    changed = (result != picture).any(axis=2)
    assert changed[10:40, 20:60].all()
    assert changed.sum() == 30 * 40
    assert (picture == 100).all()


@pytest.mark.parametrize("value", [0, 128, 255])
def test_the_outline_stands_out_from_the_inside_and_the_picture(value):
    picture = grey(value=value)

    result = drawn(picture, block(10, 20, 30, 40)).astype(int)

    outline, inside = result[10, 30], result[25, 40]
    assert np.abs(outline - value).max() > 60
    assert np.abs(outline - inside).max() > 40


def test_outlines_are_thicker_on_large_pictures_to_be_seen():
    result = drawn(grey(2400, 300), block(1000, 100, 100, 100))

    assert (result[1000:1004, 150] == result[1000, 150]).all()
    assert (result[1005, 150] != result[1000, 150]).any()


def test_objects_have_colours_of_their_own_and_the_best_is_on_top():
    result = drawn(grey(), block(5, 5, 20, 30), block(5, 20, 20, 30))

    left, both, right = result[15, 12], result[15, 28], result[15, 45]
    assert (left != right).any()
    assert (both != right).any()
    assert (result[5, 30] == result[5, 10]).all()


def test_more_objects_than_colours_and_objects_at_the_edge_can_be_drawn():
    masks = [block(row, 70, 3, 30) for row in range(0, 60, 4)] + [PlacedMask(np.zeros((0, 0), bool))]

    result = drawn(grey(), *masks)

    assert result.shape == (60, 80, 3)
    assert (result[0:3, 70:80] != 100).any(axis=2).all()


def test_a_mask_taller_than_a_band_is_tinted_all_over():
    result = drawn(grey(600, 40), block(0, 0, 600, 40))

    assert len(np.unique(result[2:-2, 2:-2].reshape(-1, 3), axis=0)) == 1
