"""Previews: no larger than the objects, and left where they are as long as that is possible."""

import numpy as np
import pytest

from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.layers.images import Sources
from napari_sam3_assistant.layers.previews import (
    add_empty_preview,
    clear_previews,
    empty_preview,
    preview_layer,
    show_preview,
)


def mask(top, left, height=10, width=10):
    return PlacedMask(np.ones((height, width), bool), (top, left))


@pytest.fixture
def image(viewer):
    return viewer.add_image(np.zeros((2000, 2000), np.uint8), scale=(0.5, 0.5), translate=(3, 4))


@pytest.fixture
def show(viewer, image):
    source = Sources().of(image)

    def show(*masks):
        placed = dict(enumerate(masks, 1))
        return show_preview(viewer, image, source, Plane(0, 1), placed, dict.fromkeys(placed, 1.0))

    return show


def test_a_preview_is_about_as_large_as_its_object(show):
    layer = show(mask(700, 900))

    assert max(layer.data.shape) <= 128 and layer.data.sum() == 100


def test_a_change_inside_the_block_leaves_the_layer_where_it_is(show):
    first = show(mask(700, 900))
    array, place = first.data, tuple(first.translate)
    told = []
    first.events.data.connect(lambda event: told.append("data"))
    first.events.translate.connect(lambda event: told.append("translate"))

    second = show(mask(710, 905, 20, 20))

    assert second is first and second.data.sum() == 400 and tuple(second.translate) == place
    assert told == ["data"] and array.sum() == 100, "what others keep of the old pixels stays as it is"


def test_an_empty_preview_waits_for_the_first_mask_below_the_prompts(viewer, image, show):
    points = viewer.add_points(np.zeros((0, 2)))
    empty = add_empty_preview(viewer, image, Sources().of(image), Plane(0, 1))

    assert not empty.data.any() and max(empty.data.shape) <= 64
    assert list(viewer.layers) == [image, empty, points] and viewer.layers.selection.active is points
    assert show(mask(700, 900)) is empty


def test_an_object_elsewhere_moves_the_layer_and_keeps_it(show, viewer):
    first = show(mask(100, 100))
    first.opacity = 0.3

    second = show(mask(1500, 100))

    assert second is first and second.opacity == 0.3 and len(viewer.layers) == 2
    np.testing.assert_allclose(second.data_to_world(np.argwhere(second.data)[0]), (1500 / 2 + 3, 100 / 2 + 4))


def test_drawing_leaves_the_selection_to_the_user(show, viewer):
    points = viewer.add_points(np.zeros((0, 2)))

    show(mask(1, 1))

    assert viewer.layers.selection.active is points


def test_nothing_to_draw_empties_the_layer_and_makes_none(show, viewer):
    assert show(PlacedMask(np.zeros((0, 0), bool))) is None
    show(mask(1, 1))

    empty_preview(viewer)

    assert not preview_layer(viewer).data.any()


def test_clearing_removes_previews_alone(show, viewer):
    viewer.add_labels(np.zeros((4, 4), int), name="mine")
    show(mask(1, 1))

    assert clear_previews(viewer) == 1
    assert [layer.name for layer in viewer.layers] == ["Image", "mine"] or "mine" in viewer.layers
    assert clear_previews(viewer) == 0


def test_the_preview_of_another_picture_takes_that_picture_s_geometry(viewer, show):
    show(mask(1, 1))
    stack = viewer.add_image(np.zeros((4, 60, 60), np.uint8), scale=(5, 2, 2))

    layer = show_preview(viewer, stack, Sources().of(stack), Plane(1, 2, ((0, 3),)), {1: mask(10, 20)}, {1: 1.0})

    assert layer.ndim == 3 and layer.data.shape[0] == 1
    np.testing.assert_allclose(layer.data_to_world(np.argwhere(layer.data)[0]), (15, 20, 40))


def test_a_picture_whose_rows_run_along_a_later_axis_is_drawn_the_right_way_round(viewer):
    stack = viewer.add_image(np.zeros((4, 50, 60), np.uint8))

    layer = show_preview(viewer, stack, Sources().of(stack), Plane(2, 1, ((0, 2),)), {1: mask(30, 5, 20, 10)}, {1: 1.0})

    drawn = [layer.data_to_world(at) for at in np.argwhere(layer.data)]
    np.testing.assert_allclose(np.min(drawn, 0), (2, 5, 30))
    np.testing.assert_allclose(np.max(drawn, 0), (2, 14, 49))
