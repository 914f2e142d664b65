"""Points layers: style, polarity, and what users made themselves."""

import numpy as np
import pytest

from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.layers import names, prompts


@pytest.fixture
def image(viewer):
    return viewer.add_image(np.zeros((50, 50)), scale=(2, 2), units=("micrometer",) * 2)


def test_the_layer_is_named_and_styled_as_users_know_it(viewer, image):
    points = prompts.add_point_layer(viewer, image=image)
    points.add([5, 5])
    prompts.set_next_polarity(points, False)
    points.add([9, 9])

    assert points.name == "SAM3 points" == names.POINTS
    assert list(points.features["polarity"]) == ["positive", "negative"]
    assert [str(symbol) for symbol in points.symbol] == ["disc", "cross"]
    np.testing.assert_allclose(
        points.face_color[:, :3],
        [(0x2F / 255, 0xB3 / 255, 0x44 / 255), (0xE0 / 255, 0x31 / 255, 0x31 / 255)],
        atol=0.01,
    )
    assert set(points.size) == {12}
    assert tuple(points.scale) == (2, 2) and points.units == image.units


def test_the_layer_is_reused(viewer, image):
    assert prompts.add_point_layer(viewer, image=image) is prompts.add_point_layer(viewer, image=image)
    assert len(viewer.layers) == 2


def test_changing_the_next_point_leaves_selected_points_as_they_are(viewer, image):
    points = prompts.add_point_layer(viewer, image=image)
    points.add([5, 5])  # napari selects what was just added
    assert points.selected_data

    prompts.set_next_polarity(points, False)

    assert list(points.features["polarity"]) == ["positive"] and str(points.symbol[0]) == "disc"
    assert not prompts.next_polarity(points)


def test_flipping_turns_the_selected_points_else_the_latest(viewer, image):
    points = prompts.add_point_layer(viewer, image=image)
    points.add([[5, 5], [6, 6], [7, 7]])

    points.selected_data = {0, 1}
    assert prompts.flip_points(points) == 2
    points.selected_data = set()
    assert prompts.flip_points(points) == 1

    assert list(points.features["polarity"]) == ["negative"] * 3
    assert {str(symbol) for symbol in points.symbol} == {"cross"}


def test_there_is_nothing_to_flip_in_an_empty_layer(viewer, image):
    assert prompts.flip_points(prompts.add_point_layer(viewer, image=image)) == 0


@pytest.mark.parametrize("feature", ["polarity", "prompt", "label", "class", "kind"])
def test_polarity_is_read_from_the_features_people_use(viewer, image, feature):
    points = viewer.add_points(np.array([[2.0, 2.0], [4.0, 4.0]]), features={feature: ["bg", "fg"]})

    found = prompts.collect_points(points, image, Plane(0, 1))

    assert [point.positive for point in found.points] == [False, True]


def test_points_without_features_are_positive(viewer, image):
    points = viewer.add_points(np.array([[2.0, 2.0]]))

    assert prompts.collect_points(points, image, Plane(0, 1)).points[0].positive


def test_points_that_are_no_numbers_are_left_out(viewer, image):
    points = viewer.add_points(np.array([[2.0, 2.0], [3.0, 3.0]]), scale=(2, 2))
    points.data[1] = np.nan

    assert len(prompts.collect_points(points, image, Plane(0, 1)).points) == 1


def test_two_thousand_points_are_read(viewer, image):
    points = viewer.add_points(np.random.default_rng(0).uniform(0, 49, (2000, 2)), scale=(2, 2))

    assert len(prompts.collect_points(points, image, Plane(0, 1)).points) == 2000


def test_clearing_removes_the_points_and_keeps_the_layer(viewer, image):
    points = prompts.add_point_layer(viewer, image=image)
    points.add([[5, 5], [6, 6]])

    prompts.clear_points(points)

    assert len(points.data) == 0 and points in viewer.layers
