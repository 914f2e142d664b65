"""The frame round the window: where it lies, whatever the picture's axes and transform, and out of the way."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.windows import Window
from napari_sam3_assistant.layers import images, names
from napari_sam3_assistant.layers.roi import hide_roi, roi_layer, show_roi

WINDOW = Window(10, 20, 40, 60)
CORNERS = [(9.5, 19.5), (39.5, 59.5)]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"scale": (0.5, 0.25), "translate": (100, -7)},
        {"rotate": 30, "shear": [0.2]},
        {"affine": np.array([[0, 2, 5], [-1, 0, 3], [0, 0, 1]])},
    ],
    ids=["plain", "scaled", "turned", "affine"],
)
def test_the_frame_lies_on_the_windows_pixels(viewer, options):
    image = viewer.add_image(np.zeros((100, 100), np.uint8), **options)

    layer = show_roi(viewer, image, Plane(0, 1), WINDOW)

    ends = [layer.data_to_world(tuple(layer.data[k, 0])) for k in (0, 2)]
    np.testing.assert_allclose(ends, [image.data_to_world(corner) for corner in CORNERS])


def test_of_a_stack_it_lies_on_its_slice(viewer):
    image = viewer.add_image(np.zeros((3, 100, 5, 100), np.uint8))

    layer = show_roi(viewer, image, Plane(3, 1, ((0, 2), (2, 4))), WINDOW)

    starts = np.asarray(layer.data)[:, 0]
    assert set(starts[:, 0]) == {2} and set(starts[:, 2]) == {4}
    assert (starts[:, 3].min(), starts[:, 1].min()) == (9.5, 19.5)


def test_of_a_colour_picture_it_has_the_layers_axes(viewer):
    image = viewer.add_image(np.zeros((100, 100, 3), np.uint8), rgb=True)

    assert show_roi(viewer, image, Plane(0, 1), WINDOW).ndim == 2


def test_it_follows_the_window_in_the_same_layer(viewer):
    image = viewer.add_image(np.zeros((100, 100), np.uint8))
    first = show_roi(viewer, image, Plane(0, 1), WINDOW)

    second = show_roi(viewer, image, Plane(0, 1), Window(5, 5, 30, 30))

    assert second == first and len(viewer.layers) == 2
    assert np.asarray(second.data)[:, 0].max() == 29.5


def test_it_is_above_the_picture_below_all_else_and_not_selected(viewer):
    image = viewer.add_image(np.zeros((100, 100), np.uint8))
    points = viewer.add_points(name=names.POINTS)

    show_roi(viewer, image, Plane(0, 1), WINDOW)

    assert [one.name for one in viewer.layers] == [image.name, names.ROI, names.POINTS]
    assert viewer.layers.selection.active == points
    assert not images.is_image(roi_layer(viewer))


def test_it_widens_neither_the_scene_nor_the_sliders(viewer):
    image = viewer.add_image(np.zeros((3, 100, 100), np.uint8))
    before = viewer.dims.range

    show_roi(viewer, image, Plane(1, 2, ((0, 2),)), Window(0, 0, 100, 100))

    assert viewer.dims.range == before


def test_taking_it_away_twice_is_taking_it_away_once(viewer):
    image = viewer.add_image(np.zeros((100, 100), np.uint8))
    show_roi(viewer, image, Plane(0, 1), WINDOW)

    hide_roi(viewer)
    hide_roi(viewer)

    assert roi_layer(viewer) is None
