"""The layer of boxes: style, polarity, undo, and every kind of shape as a prompt."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.components import ViewerModel

from napari_sam3_assistant.core.geometry import Box
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.layers import names, owned, shapes
from napari_sam3_assistant.layers.images import Sources
from napari_sam3_assistant.layers.outlines import box_of, outline_of, rasterise
from napari_sam3_assistant.layers.world import between, camera_of, plane_on_screen, world_of
from tests.layers.test_coordinates import LENGTHS, geometries, look_at

PLANE = Plane(0, 1)


def rectangle(top, left, bottom, right):
    return np.array([[top, left], [top, right], [bottom, right], [bottom, left]], dtype=float)


@pytest.fixture
def image(viewer):
    return viewer.add_image(np.zeros((60, 50)), scale=(2, 2), units=("micrometer",) * 2)


@pytest.fixture
def boxes(viewer, image):
    return shapes.add_box_layer(viewer, image=image)


def collect(layer, image, plane=PLANE, viewer=None):
    return shapes.collect_shapes(layer, image, plane, None if viewer is None else world_of(viewer))


def only(layer, image):
    (found,) = collect(layer, image).shapes
    return found


# -- the layer --------------------------------------------------------------------------------------


def test_the_layer_is_named_and_styled_as_users_know_it(viewer, image, boxes):
    boxes.add(rectangle(5, 5, 9, 9))
    shapes.set_next_box_polarity(boxes, False)
    boxes.add(rectangle(15, 15, 19, 19))

    assert boxes.name == "SAM3 boxes" == names.BOXES and boxes.mode == "add_rectangle"
    assert list(boxes.features["polarity"]) == ["positive", "negative"]
    np.testing.assert_allclose(boxes.edge_color[:, 0] * 255, [0x51, 0xC9], atol=1)
    np.testing.assert_allclose(boxes.face_color[:, [0, 3]] * 255, [[0x51, 0x33], [0xC9, 0]], atol=1)
    assert tuple(boxes.scale) == (2, 2) and boxes.units == image.units and boxes.opacity == 1
    assert shapes.box_layer(viewer) is boxes is shapes.add_box_layer(viewer, image=image)


@pytest.mark.parametrize("scale", [(0.1, 0.1), (1, 1), (50, 50)])
@pytest.mark.parametrize("zoom", [0.05, 1.0, 20.0])
def test_edges_are_two_pixels_wide_on_the_screen(viewer, scale, zoom):
    image = viewer.add_image(np.zeros((60, 60)), scale=scale)
    camera_of(viewer).zoom = zoom
    boxes = shapes.add_box_layer(viewer, image=image)
    boxes.add(rectangle(5, 5, 9, 9))
    assert boxes.edge_width[0] * zoom * scale[0] == pytest.approx(2)

    camera_of(viewer).zoom = 3 * zoom
    shapes.fit_edges(viewer, boxes)

    assert [boxes.edge_width[0], boxes.current_edge_width] == pytest.approx([2 / (3 * zoom * scale[0])] * 2)


def test_a_renamed_layer_is_another_one(viewer, image, boxes):
    boxes.name = "mine"

    assert shapes.box_layer(viewer) is None
    assert shapes.add_box_layer(viewer, image=image) is not boxes


def test_changing_the_next_box_leaves_selected_boxes_as_they_are(boxes):
    boxes.add(rectangle(5, 5, 9, 9))
    boxes.selected_data = {0}

    shapes.set_next_box_polarity(boxes, False)

    assert list(boxes.features["polarity"]) == ["positive"] and not shapes.next_box_polarity(boxes)
    np.testing.assert_allclose(boxes.edge_color[0, 0], 0x51 / 255, atol=0.01)


def test_flipping_turns_the_selected_boxes_else_the_latest(boxes):
    assert shapes.flip_boxes(boxes) == 0
    boxes.add([rectangle(5, 5, 9, 9), rectangle(15, 5, 19, 9), rectangle(25, 5, 29, 9)])
    boxes.selected_data = {0, 1}

    assert shapes.flip_boxes(boxes) == 2
    boxes.selected_data = set()
    assert shapes.flip_boxes(boxes) == 1

    assert list(boxes.features["polarity"]) == ["negative"] * 3
    np.testing.assert_allclose(boxes.edge_color[:, 0], 0xC9 / 255, atol=0.01)
    assert shapes.next_box_polarity(boxes)


# -- boxes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("drawn", "box"),
    [
        ((10, 10, 20, 20), Box(10, 10, 20, 20)),
        ((9.5, 9.5, 19.5, 19.5), Box(10, 10, 20, 20)),
        ((9.8, 9.8, 20.3, 20.3), Box(10, 10, 21, 21)),
        ((20, 20, 10, 10), Box(10, 10, 20, 20)),  # drawn from the other corner
        ((10.1, 10.1, 10.4, 10.4), Box(10, 10, 11, 11)),  # no centre in it
        ((-0.5, -0.5, 59.5, 49.5), Box(0, 0, 60, 50)),
        ((-30, 40, 5, 400), Box(0, 40, 5, 50)),
        ((58.6, 48.6, 70, 70), Box(59, 49, 60, 50)),
    ],
)
def test_a_rectangle_is_the_box_of_the_pixels_whose_centres_it_holds(boxes, image, drawn, box):
    boxes.add(rectangle(*drawn))

    found = only(boxes, image)

    assert found.prompts.box == found.box and found.box.box == box and found.box.positive
    assert found.prompts.mask is None and not found.prompts.points


def test_a_corner_on_a_centre_is_not_moved_by_the_rounding_of_float32(viewer):
    image = viewer.add_image(np.zeros((60, 60)), scale=(0.1, 0.1))
    layer = viewer.add_shapes([rectangle(0.1 * k, 0.1 * k, 0.1 * k + 2, 0.1 * k + 2) for k in range(1, 40)])

    found = collect(layer, image, viewer=viewer).shapes

    assert [one.box.box for one in found] == [Box(k, k, k + 20, k + 20) for k in range(1, 40)]


def test_polarity_goes_into_the_prompt(boxes, image):
    shapes.set_next_box_polarity(boxes, False)
    boxes.add(rectangle(5, 5, 9, 9))

    assert not only(boxes, image).box.positive and not only(boxes, image).prompts.box.positive


@pytest.mark.parametrize("kind", ["rectangle", "ellipse", "polygon", "path", "line"])
def test_what_encloses_nothing_is_counted(boxes, image, kind):
    flat = np.array([[5.0, 5.0], [5.0, 20.0]]) if kind == "line" else rectangle(5, 5, 5, 20)
    boxes.add(flat, shape_type=kind)

    found = collect(boxes, image)

    assert not found.shapes and (found.empty, found.outside, found.elsewhere) == (1, 0, 0)


def test_a_filled_shape_that_is_a_slanted_line_encloses_nothing(boxes, image):
    boxes.add(np.array([[5, 5], [10, 10], [15, 15.0]]), shape_type="polygon")

    assert collect(boxes, image).empty == 1


@pytest.mark.parametrize("kind", ["rectangle", "ellipse", "polygon", "path"])
@pytest.mark.parametrize("place", [(-20, 5, -10, 9), (5, 51, 9, 80), (59.6, 5, 70, 9), (-8, -8, -0.6, -0.6)])
def test_what_lies_beside_the_picture_is_counted(boxes, image, kind, place):
    boxes.add(rectangle(*place), shape_type=kind)

    found = collect(boxes, image)

    assert not found.shapes and (found.empty, found.outside, found.elsewhere) == (0, 1, 0)


def test_an_empty_layer_says_nothing(boxes, image):
    assert collect(boxes, image).shapes == ()


# -- masks ------------------------------------------------------------------------------------------


def test_a_polygon_is_a_box_and_a_mask(boxes, image):
    boxes.add(np.array([[10, 10], [10, 30], [30, 10.0]]), shape_type="polygon")

    found = only(boxes, image)

    assert found.box.box == Box(10, 10, 30, 30)
    mask = found.prompts.mask.mask
    assert mask.offset == (10, 10) and mask.value_at(12, 12) and not mask.value_at(28, 28)
    assert mask.area == pytest.approx(200, abs=12)


def test_a_figure_of_eight_is_filled_though_its_signed_area_is_nothing(boxes, image):
    boxes.add(np.array([[10, 10], [30, 30], [10, 30], [30, 10.0]]), shape_type="polygon")

    mask = only(boxes, image).prompts.mask.mask

    assert mask.area == pytest.approx(200, abs=25)
    assert mask.value_at(20, 12) and mask.value_at(20, 28)
    assert not mask.value_at(12, 20) and not mask.value_at(28, 20)


def test_an_ellipse_is_a_box_and_the_ellipse_in_it(boxes, image):
    boxes.add(rectangle(10, 10, 30, 40), shape_type="ellipse")

    found = only(boxes, image)

    assert found.box.box == Box(10, 10, 30, 40)
    mask = found.prompts.mask.mask
    assert mask.value_at(20, 25) and not mask.value_at(11, 11)
    assert mask.area == pytest.approx(np.pi * 10 * 15, rel=0.04)


def test_a_turned_rectangle_is_a_box_and_a_mask(boxes, image):
    boxes.add(np.array([[20, 10], [10, 20], [20, 30], [30, 20.0]]))

    found = only(boxes, image)

    assert found.box.box == Box(10, 10, 30, 30)
    assert found.prompts.mask.mask.area == pytest.approx(200, abs=25)
    assert found.prompts.mask.mask.value_at(20, 20) and not found.prompts.mask.mask.value_at(11, 11)


@pytest.mark.parametrize("kind", ["path", "line"])
def test_a_path_or_line_is_the_box_round_it(boxes, image, kind):
    boxes.add(np.array([[10, 10], [30, 40.0]]), shape_type=kind)

    found = only(boxes, image)

    assert found.box.box == Box(10, 10, 30, 40) and found.prompts.mask is None


def test_a_mask_is_cut_to_the_plane(boxes, image):
    boxes.add(rectangle(-20, -20, 20, 20), shape_type="ellipse")

    found = only(boxes, image)

    assert found.box.box == Box(0, 0, 20, 20)
    drawn = found.prompts.mask.mask.box
    assert (drawn.top, drawn.left) == (0, 0) and drawn.bottom <= 20


def test_an_outline_of_more_than_4096_px_is_its_box_alone(viewer):
    image = viewer.add_image(np.broadcast_to(np.uint8(0), (9000, 9000)))
    boxes = shapes.add_box_layer(viewer, image=image)
    boxes.add([rectangle(10, 10, 4110, 600), rectangle(10, 10, 4000, 600)], shape_type="ellipse")

    large, small = collect(boxes, image).shapes

    assert large.prompts.mask is None and large.box.box == Box(10, 10, 4110, 600)
    assert small.prompts.mask is not None


@given(st.lists(st.tuples(st.floats(-9, 40), st.floats(-9, 40)), min_size=3, max_size=9))
@settings(deadline=None, max_examples=150)
def test_a_pixel_is_in_the_mask_if_a_ray_from_its_centre_crosses_the_outline_an_odd_number_of_times(corners):
    outline = np.array(corners).round(2) + 0.003  # no centre lies on an edge
    box = box_of(outline)

    found = rasterise(outline, box)

    for row in range(int(box.top), int(box.bottom), 3):
        for col in range(int(box.left), int(box.right), 3):
            crossings, near = 0, False
            for (r0, c0), (r1, c1) in zip(outline, np.roll(outline, -1, axis=0), strict=True):
                if (r0 > row) != (r1 > row):
                    at = c0 + (row - r0) * (c1 - c0) / (r1 - r0)
                    near |= abs(at - col) < 0.02 * (1 + abs((c1 - c0) / (r1 - r0)))
                    crossings += at > col
            if not near:
                assert (found is not None and found.value_at(row, col)) == bool(crossings % 2)


# -- slices, frames, keys ---------------------------------------------------------------------------


def on_slice(z, corners):
    return np.insert(np.asarray(corners, dtype=float), 0, z, axis=1)


def test_shapes_of_other_slices_are_left_out_and_counted(viewer):
    stack = viewer.add_image(np.zeros((5, 60, 60)))
    boxes = shapes.add_box_layer(viewer, image=stack)
    slanted = on_slice(2, rectangle(5, 5, 9, 9))
    slanted[0, 0] = 3
    boxes.add([on_slice(2, rectangle(5, 5, 9, 9)), on_slice(3, rectangle(5, 5, 9, 9)), slanted], shape_type="polygon")

    found = collect(boxes, stack, Plane(1, 2, ((0, 2),)), viewer)

    assert len(found.shapes) == 1 and found.elsewhere == 2


def test_a_box_is_read_across_the_stack_too(viewer):
    stack = viewer.add_image(np.zeros((30, 40, 60)))
    boxes = shapes.add_box_layer(viewer, image=stack)
    corners = rectangle(5, 15, 9, 25)
    boxes.add(np.insert(corners, 1, 7, axis=1), shape_type="rectangle")

    (found,) = collect(boxes, stack, Plane(0, 2, ((1, 7),)), viewer).shapes
    (turned,) = collect(boxes, stack, Plane(2, 0, ((1, 7),)), viewer).shapes

    assert found.box.box == Box(5, 15, 9, 25) and turned.box.box == Box(15, 5, 25, 9)


def test_a_key_stays_with_an_outline_and_its_polarity(boxes, image):
    boxes.add([rectangle(5, 5, 9, 9), rectangle(15, 5, 19, 9), rectangle(5, 5, 9, 9)])
    before = [one.key for one in collect(boxes, image).shapes]
    assert len(set(before)) == 3, "a copy on the same place is another object"
    assert [one.key for one in collect(boxes, image).shapes] == before and hash(before[0])

    boxes.selected_data = {1}
    shapes.flip_boxes(boxes)
    flipped = [one.key for one in collect(boxes, image).shapes]
    assert [a == b for a, b in zip(before, flipped, strict=True)] == [True, False, True]

    boxes.remove([1])
    assert [one.key for one in collect(boxes, image).shapes] == [before[0], before[2]]
    moved = [box + 1 for box in boxes.data]
    boxes.data = moved
    assert not {one.key for one in collect(boxes, image).shapes} & set(before)


def test_a_path_given_up_before_its_third_corner_does_no_harm(boxes, image):
    boxes.add(rectangle(5, 5, 9, 9))
    boxes.features = boxes.features.reindex([0, 0])  # napari leaves its row of features behind

    assert len(collect(boxes, image).shapes) == 1
    assert shapes.flip_boxes(boxes) == 1 and shapes.read_shapes(boxes).words == ("negative",)


def test_two_hundred_shapes_are_read(viewer, image, boxes):
    places = np.random.default_rng(0).uniform(0, 30, (200, 2))
    boxes.add([rectangle(r, c, r + 15, c + 15) for r, c in places], shape_type=["rectangle", "ellipse"] * 100)

    found = collect(boxes, image)

    assert len(found.shapes) == 200


@st.composite
def drawings(draw):
    """A picture of 2 to 4 axes, a layer of shapes in another geometry, a slice, and a rectangle of its pixels."""
    units = draw(st.sampled_from([("pixel",), LENGTHS[:2]]))  # vertices are float32: a millimetre has no nanometres
    ndim, own = draw(st.integers(2, 4)), draw(st.integers(2, 4))
    kind = draw(st.sampled_from(["grey", "rgb"]))
    shape = (*draw(st.tuples(*[st.integers(1, 4)] * (ndim - 2))), 30, 30)
    viewer = ViewerModel()
    data = np.zeros((*shape, 3) if kind == "rgb" else shape, np.uint8)
    image = viewer.add_image(data, rgb=kind == "rgb", **draw(geometries(ndim, units)))
    layer = viewer.add_shapes(ndim=own, **draw(geometries(own, units)))
    pixel = tuple(draw(st.integers(0, length - 1)) for length in shape)
    top, left = draw(st.integers(0, 24)), draw(st.integers(0, 24))
    box = Box(top, left, top + draw(st.integers(1, 5)), left + draw(st.integers(1, 5)))
    return viewer, image, layer, pixel, box


@given(drawings(), st.sampled_from(["rectangle", "polygon"]))
@settings(deadline=None, max_examples=60)
def test_a_box_lands_on_the_pixels_round_which_it_was_drawn(drawing, kind):
    viewer, image, layer, pixel, box = drawing
    look_at(viewer, image, pixel)
    world = world_of(viewer)
    to_world = between(image, image, world)[0]
    back = between(layer, layer, world)[0]
    own, offset = back.linear[-layer.ndim :], back.offset[-layer.ndim :]
    corners = rectangle(box.top - 0.3, box.left - 0.3, box.bottom - 0.7, box.right - 0.7)
    places = to_world([(*pixel[:-2], *corner) for corner in corners])
    layer.add(np.linalg.solve(own, (places[:, -layer.ndim :] - offset).T).T, shape_type=kind)
    plane = plane_on_screen(image, world, Sources().of(image).shape, Sources().of(image).color_axis)

    found = shapes.collect_shapes(layer, image, plane, world)

    assert [one.box.box for one in found.shapes] == [box]
    mask = found.shapes[0].prompts.mask
    assert mask is None if kind == "rectangle" else (mask.mask.box == box and mask.mask.mask.all())


@given(st.permutations(range(3)), st.tuples(*[st.sampled_from([0.1, 0.5, 3.0])] * 3), st.integers(0, 5))
@settings(deadline=None, max_examples=30)
def test_boxes_land_on_their_pixels_whatever_the_order_of_the_axes(order, scale, at):
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((6, 30, 35)), scale=scale, translate=(3, -2, 5))
    layer = viewer.add_shapes(ndim=3, scale=(1, 2, 0.5))
    viewer.dims.order = order
    viewer.dims.set_point(order[0], at * scale[order[0]] + (3, -2, 5)[order[0]])
    world = world_of(viewer)
    plane = plane_on_screen(image, world, image.data.shape, None)
    corners = np.zeros((4, 3))
    corners[:, order[0]] = at
    corners[:, [order[1], order[2]]] = rectangle(0.6, 1.7, 3.2, 4.1)
    layer.add((corners * scale + (3, -2, 5)) / (1, 2, 0.5), shape_type="rectangle")

    found = shapes.collect_shapes(layer, image, plane, world)

    assert [one.box.box for one in found.shapes] == [Box(1, 2, 4, 5)]


# -- undo -------------------------------------------------------------------------------------------


def state_of(layer):
    return (
        [one.tolist() for one in layer.data],
        list(layer.shape_type),
        list(layer.features["polarity"]),
        list(layer.edge_width),
        layer.edge_color.round(3).tolist(),
        layer.face_color.round(3).tolist(),
    )


@pytest.mark.parametrize("kept", [0, 1, 3])
def test_a_record_brings_back_what_was_there(boxes, kept):
    drawn = [
        (rectangle(5, 5, 9, 9), "ellipse"),
        (np.array([[1, 1], [9, 30.0]]), "line"),
        (np.array([[1, 1], [9, 30.0], [8, 2]]), "polygon"),
    ]
    for vertices, kind in drawn[:kept]:
        boxes.add(vertices, shape_type=kind, edge_width=2.5)
    if kept:
        shapes.flip_boxes(boxes)
    record, before = shapes.read_shapes(boxes), state_of(boxes)
    boxes.add([rectangle(15, 5, 19, 9), rectangle(25, 5, 29, 9)])
    shapes.flip_boxes(boxes)
    boxes.remove([0])

    for _ in range(2):
        shapes.write_shapes(boxes, record)

        assert state_of(boxes) == before and not boxes.selected_data
        assert shapes.next_box_polarity(boxes)
        boxes.remove(list(range(len(boxes.data))))


def test_undo_leaves_a_users_own_columns_and_colours_alone(viewer, image):
    layer = viewer.add_shapes(
        [rectangle(5, 5, 9, 9), rectangle(15, 5, 19, 9)], features={"who": ["a", "b"]}, face_color=["red", "blue"]
    )
    record, colors = shapes.read_shapes(layer), layer.face_color.copy()
    layer.data = [one + 1 for one in layer.data]
    layer.face_color = "white"

    shapes.write_shapes(layer, record)

    assert list(layer.features) == ["who"] and list(layer.features["who"]) == ["a", "b"]
    np.testing.assert_allclose(layer.face_color, colors)
    np.testing.assert_allclose(layer.data[0], rectangle(5, 5, 9, 9))


def test_a_record_is_a_copy_that_cannot_be_written_to(boxes):
    boxes.add(rectangle(5, 5, 9, 9))
    record = shapes.read_shapes(boxes)

    boxes.data[0][:] = 0

    np.testing.assert_allclose(record.data[0], rectangle(5, 5, 9, 9))
    with pytest.raises(ValueError, match="read-only"):
        record.data[0][0, 0] = 1


def test_an_ellipse_reaches_the_box_that_napari_keeps_it_by():
    outline = outline_of("ellipse", rectangle(10, 20, 30, 60))

    np.testing.assert_allclose([outline.min(0), outline.max(0)], [[10, 20], [30, 60]], atol=1e-9)


def test_a_box_is_about_the_picture_that_was_in_use(viewer, image, boxes):
    other = viewer.add_image(np.zeros((20, 20)))
    owned.set_next_picture(boxes, image)
    boxes.add([np.array([[2, 2], [2, 6], [6, 6], [6, 2]])])

    assert len(collect(boxes, image).shapes) == 1
    found = shapes.collect_shapes(boxes, other, PLANE)

    assert not found.shapes and found.others == (str(image.unique_id),)
    assert shapes.count_shapes(boxes, other, PLANE) == 0
