"""Points layers: style, polarity, and what users made themselves."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.components import ViewerModel
from napari.layers import Points

from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.layers import names, owned, prompts
from napari_sam3_assistant.layers.features import write_features
from napari_sam3_assistant.layers.world import plane_on_screen, world_of


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
        [(0x51 / 255, 0xCF / 255, 0x66 / 255), (0xC9 / 255, 0x2A / 255, 0x2A / 255)],
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


# -- objects ----------------------------------------------------------------------------------------


def test_each_point_is_about_an_object(viewer, image):
    points = prompts.add_point_layer(viewer, image=image)
    points.add([5, 5])
    prompts.set_next_object(points, 3)
    points.add([[9, 9], [10, 10]])
    prompts.set_next_object(points, 1)
    points.add([7, 7])
    prompts.set_next_object(points, 2)

    found = prompts.collect_points(points, image, Plane(0, 1))

    assert found.objects == (1, 3, 3, 1) and prompts.next_object(points) == 2
    assert {id: [p.pixel for p in own] for id, own in found.by_object().items()} == {
        1: [(5, 5), (7, 7)],
        3: [(9, 9), (10, 10)],
    }


def test_a_point_keeps_its_object_where_others_are_left_out(viewer, image):
    points = prompts.add_point_layer(viewer, image=image)
    points.add([500, 5])
    prompts.set_next_object(points, 2)
    points.add([5, 5])

    assert prompts.collect_points(points, image, Plane(0, 1)).objects == (2,)


@pytest.mark.parametrize("value", [0, -1, 1.5, np.nan, np.inf, "one", None])
def test_what_is_no_number_of_an_object_counts_as_the_first(viewer, image, value):
    points = viewer.add_points(
        np.array([[2.0, 2.0], [4.0, 4.0]]), features={"object": np.array([value, 2], dtype=object)}
    )

    assert prompts.collect_points(points, image, Plane(0, 1)).objects == (1, 2)


def test_a_users_layer_is_about_the_first_object_until_it_is_told(viewer, image):
    points = viewer.add_points(np.array([[2.0, 2.0], [4.0, 4.0]]), features={"label": [7, 0], "who": ["a", "b"]})
    assert prompts.next_object(points) == 1 and prompts.collect_points(points, image, Plane(0, 1)).objects == (1, 1)

    prompts.set_next_object(points, 4)
    prompts.set_next_polarity(points, False)
    points.add([6, 6])

    found = prompts.collect_points(points, image, Plane(0, 1))
    assert found.objects == (1, 1, 4)
    assert [point.positive for point in found.points] == [True, False, False]  # as the column `label` said
    assert list(points.features["label"])[:2] == [7, 0] and list(points.features["who"])[:2] == ["a", "b"]


def test_changing_the_next_object_leaves_selected_points_and_the_next_polarity_as_they_are(viewer, image):
    points = prompts.add_point_layer(viewer, image=image)
    points.add([5, 5])
    assert points.selected_data
    prompts.set_next_polarity(points, False)

    prompts.set_next_object(points, 2)

    assert list(points.features["object"]) == [1]
    assert prompts.next_object(points) == 2 and not prompts.next_polarity(points)


def test_flipping_leaves_the_next_point_as_it_was_set(viewer, image):
    points = prompts.add_point_layer(viewer, image=image)
    points.add([[5, 5], [6, 6]])
    prompts.set_next_object(points, 2)

    prompts.flip_points(points)

    assert prompts.next_polarity(points) and prompts.next_object(points) == 2
    np.testing.assert_allclose(points.face_color[1, 0], 0xC9 / 255, atol=0.01)


def test_the_latest_point_of_the_next_points_object_is_flipped(viewer, image):
    points = prompts.add_point_layer(viewer, image=image)
    points.add([5, 5])
    prompts.set_next_object(points, 2)
    points.add([6, 6])
    prompts.set_next_object(points, 1)
    points.selected_data.clear()

    prompts.flip_points(points)

    assert list(points.features["polarity"]) == ["negative", "positive"]


def test_points_of_other_objects_are_hidden_and_left_alone(viewer, image):
    points = prompts.add_point_layer(viewer, image=image)
    points.add([5, 5])
    prompts.set_next_object(points, 2)
    points.add([6, 6])
    points.selected_data = {0, 1}
    prompts.set_next_object(points, 2)

    prompts.show_only(points, 2)

    assert list(points.shown) == [False, True] and set(points.selected_data) == {1}
    assert prompts.next_object(points) == 2
    points.selected_data = {0, 1}  # napari's "select all" takes hidden ones too
    assert prompts.flip_points(points) == 1
    assert list(points.features["polarity"]) == ["positive", "negative"]
    points.selected_data.clear()
    prompts.set_next_object(points, 1)
    assert prompts.flip_points(points) == 1, "the latest point shown: those of object 1 are hidden"
    assert list(points.features["polarity"]) == ["positive", "positive"]


def test_a_new_point_is_shown_and_all_are_shown_again(viewer, image):
    points = prompts.add_point_layer(viewer, image=image)
    points.add([5, 5])
    prompts.set_next_object(points, 2)
    prompts.show_only(points, 2)
    assert prompts.flip_points(points) == 0

    points.add([6, 6])
    assert list(points.shown) == [False, True]

    prompts.show_only(points, None)
    assert list(points.shown) == [True, True]


def test_points_are_found_by_object_and_plane(viewer):
    stack = viewer.add_image(np.zeros((4, 30, 30)))
    points = prompts.add_point_layer(viewer, image=stack)
    points.add([[1, 5, 5], [2, 5, 5]])
    prompts.set_next_object(points, 2)
    points.add([[1, 6, 6], [1, 60, 6]])

    assert prompts.indices_of(points, [2]) == [2, 3]
    assert prompts.indices_of(points, {1, 2}, stack, Plane(1, 2, ((0, 1),)), world_of(viewer)) == [0, 2]
    assert prompts.indices_of(points, [9]) == []


def test_removing_points_keeps_the_others_and_what_the_next_one_is(viewer, image):
    points = prompts.add_point_layer(viewer, image=image)
    points.add([[5, 5], [6, 6], [7, 7]])
    prompts.set_next_object(points, 5)
    prompts.set_next_polarity(points, False)
    points.selected_data = {0, 2}
    prompts.set_next_object(points, 5)
    prompts.set_next_polarity(points, False)

    prompts.remove_points(points, [1, 1, 99])

    np.testing.assert_array_equal(points.data, [[5, 5], [7, 7]])
    assert prompts.next_object(points) == 5 and not prompts.next_polarity(points)


@given(st.permutations(range(3)), st.tuples(*[st.sampled_from([0.1, 0.5, 3.0])] * 3), st.integers(0, 5))
@settings(deadline=None, max_examples=30)
def test_points_and_their_objects_are_read_whatever_the_order_of_the_axes(order, scale, at):
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((6, 30, 35)), scale=scale, translate=(3, -2, 5))
    points = viewer.add_points(ndim=3, scale=(1, 2, 0.5))
    viewer.dims.order = order
    viewer.dims.set_point(order[0], at * scale[order[0]] + (3, -2, 5)[order[0]])
    world = world_of(viewer)
    pixels = np.zeros((3, 3))
    pixels[:, order[0]] = at, at + 1, at
    pixels[:, [order[1], order[2]]] = [(1, 2), (1, 2), (3, 4)]
    prompts.set_next_object(points, 1)
    points.add((pixels * scale + (3, -2, 5)) / (1, 2, 0.5))
    write_features(points, {"object": [7, 8, 9]})
    plane = plane_on_screen(image, world, image.data.shape, None)

    found = prompts.collect_points(points, image, plane, world)

    assert [point.pixel for point in found.points] == [(1, 2), (3, 4)] and found.objects == (7, 9)
    assert found.elsewhere == 1 and prompts.indices_of(points, [8, 9], image, plane, world) == [2]


# -- undo -------------------------------------------------------------------------------------------


def state_of(points):
    return (
        points.data.tolist(),
        list(points.features["polarity"]),
        list(points.features["object"]),
        [str(symbol) for symbol in points.symbol],
        points.face_color.round(3).tolist(),
    )


@pytest.mark.parametrize("kept", [0, 1, 2, 3])
def test_a_record_brings_back_what_was_there(viewer, image, kept):
    points = prompts.add_point_layer(viewer, image=image)
    points.add([[5, 5], [6, 6], [7, 7]][:kept] or np.zeros((0, 2)))
    if kept:
        prompts.flip_points(points)
    prompts.set_next_object(points, 2)
    record, before = prompts.read_points(points), state_of(points)
    points.add([[1, 1], [2, 2]])
    prompts.flip_points(points)
    prompts.remove_points(points, [0])

    for _ in range(2):  # from more points and fewer, and where nothing is to be done
        prompts.write_points(points, record)

        assert state_of(points) == before
        assert prompts.next_object(points) == 2 and prompts.next_polarity(points)
        prompts.clear_points(points)


def test_a_record_is_a_copy_that_cannot_be_written_to(viewer, image):
    points = prompts.add_point_layer(viewer, image=image)
    points.add([[5, 5]])
    record = prompts.read_points(points)

    points.data[:] = 9

    assert record.data.tolist() == [[5, 5]]
    with pytest.raises(ValueError, match="read-only"):
        record.objects[0] = 2


def test_undo_leaves_a_users_own_columns_and_colours_alone(viewer, image):
    points = viewer.add_points(
        np.array([[2.0, 2.0], [4.0, 4.0]]), features={"who": ["a", "b"]}, face_color=["red", "blue"], symbol="square"
    )
    record, columns, colors = prompts.read_points(points), list(points.features), points.face_color.copy()
    points.data = points.data + 1
    points.face_color = "white"

    prompts.write_points(points, record)

    assert points.data.tolist() == [[2, 2], [4, 4]] and list(points.features) == columns
    assert list(points.features["who"]) == ["a", "b"] and {str(one) for one in points.symbol} == {"square"}
    np.testing.assert_allclose(points.face_color, colors)


def test_points_of_a_hidden_object_are_hidden_when_they_come_back(viewer, image):
    points = prompts.add_point_layer(viewer, image=image)
    points.add([[5, 5], [6, 6]])
    prompts.set_next_object(points, 2)
    points.add([7, 7])
    prompts.show_only(points, 2)
    record = prompts.read_points(points)
    prompts.remove_points(points, [1])

    prompts.write_points(points, record)

    assert list(points.shown) == [False, False, True]


def test_two_thousand_points_come_back_in_one_event(viewer, image):
    points = prompts.add_point_layer(viewer, image=image)
    points.add(np.random.default_rng(0).uniform(0, 49, (2000, 2)))
    record = prompts.read_points(points)
    prompts.remove_points(points, range(1000))
    actions = []
    points.events.data.connect(lambda event: actions.append(str(event.action)))

    prompts.write_points(points, record)

    assert len(points.data) == 2000 and [one for one in actions if not one.endswith("ing")] == ["changed"]


def test_a_point_is_removed_while_the_pointer_rests_on_another(viewer, image):
    points = prompts.add_point_layer(viewer, image=image)
    points.mode = "add"
    points.add([5, 5])
    points.add([40, 40])
    points.selected_data.clear()
    assert points.get_value((80, 80), dims_displayed=[0, 1], world=True) == 1

    prompts.remove_points(points, [0])

    assert points.data.tolist() == [[40, 40]]


# -- pictures, and layers of users -------------------------------------------------------------------


def test_a_click_is_about_the_picture_that_was_in_use(viewer, image):
    other = viewer.add_image(np.zeros((50, 50)), scale=(2, 2), units=("micrometer",) * 2)
    points = prompts.add_point_layer(viewer, image=image)
    points.add([5, 5])
    owned.set_next_picture(points, other)
    points.add([[9, 9], [7, 7]])

    here, there = (prompts.collect_points(points, one, Plane(0, 1)) for one in (image, other))

    assert [point.pixel for point in here.points] == [(5, 5)] and here.others == (str(other.unique_id),) * 2
    assert [point.pixel for point in there.points] == [(9, 9), (7, 7)] and there.others == (str(image.unique_id),)
    assert prompts.count_points(points, image, Plane(0, 1)) == 1
    assert prompts.indices_of(points, {1}, image, Plane(0, 1)) == [0]


def test_a_users_column_called_image_leaves_no_point_out(viewer, image):
    points = viewer.add_points(np.array([[2.0, 2.0]]), features={"image": ["a.tif"]}, scale=(2, 2))

    assert len(prompts.collect_points(points, image, Plane(0, 1)).points) == 1
    assert owned.disposable(points, image, set()) == []


def test_a_duplicate_of_our_layer_is_the_users(viewer, image):
    points = prompts.add_point_layer(viewer, image=image)
    copy = Points(points.data, ndim=2, name="SAM3 points copy", metadata=points.metadata)

    points.name = "mine"

    assert owned.is_ours(points) and not owned.is_ours(copy)


def test_points_that_are_no_numbers_are_counted_apart(viewer, image):
    points = viewer.add_points(np.array([[2.0, 2.0], [3.0, 3.0]]), scale=(2, 2))
    points.data[1] = np.nan

    found = prompts.collect_points(points, image, Plane(0, 1))

    assert (len(found.points), found.nowhere, found.elsewhere) == (1, 1, 0)


@pytest.mark.parametrize(
    ("column", "positive"),
    [
        ([True, False], [True, False]),
        ([1, 0], [True, False]),
        ([np.nan, 0.0], [True, False]),
        (["Include", " BACKGROUND "], [True, False]),
        ([None, "Neg"], [True, False]),
        (pd.Categorical(["true", "exclude"]), [True, False]),
        (pd.array([pd.NA, False], dtype="boolean"), [True, False]),
    ],
    ids=["bool", "int", "float", "words", "none", "categorical", "nullable"],
)
def test_polarity_is_read_from_tables_of_every_type(viewer, image, column, positive):
    table = pd.DataFrame({"kind": column})
    points = viewer.add_points(np.array([[2.0, 2.0], [4.0, 4.0]]), features=table, scale=(2, 2))

    assert [one.positive for one in prompts.collect_points(points, image, Plane(0, 1)).points] == positive


def test_the_selected_points_are_given_a_polarity(viewer, image):
    points = prompts.add_point_layer(viewer, image=image)
    points.add([[5, 5], [6, 6], [7, 7]])
    points.selected_data = {0, 2}
    assert prompts.of_selected(points)

    assert prompts.set_polarity(points, False) == 2

    assert list(points.features["polarity"]) == ["negative", "positive", "negative"]
    assert prompts.of_selected(points) is False
    points.selected_data = set()
    assert prompts.set_polarity(points, False) == 0 and prompts.of_selected(points) is None


def test_an_empty_layer_of_a_users_takes_words_and_numbers(viewer, image):
    points = viewer.add_points(ndim=2)

    prompts.set_next_polarity(points, False)
    prompts.set_next_object(points, 3)
    points.add([4, 4])

    assert points.features["polarity"].tolist() == ["negative"] and points.features["object"].tolist() == [3]


def test_a_deleted_point_comes_back_with_its_row_of_the_table(viewer, image):
    points = viewer.add_points(np.array([[2.0, 2.0], [4.0, 4.0]]), features={"who": ["a", "b"]})
    record = prompts.read_points(points)
    prompts.remove_points(points, [0])

    prompts.write_points(points, record)

    assert points.features["who"].tolist() == ["a", "b"]
