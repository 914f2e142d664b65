"""Rectangles of the objects, and objects that overlap, each whole."""

import numpy as np
import pytest

from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.layers.images import Sources
from napari_sam3_assistant.layers.preview_boxes import boxes_layer, show_boxes
from napari_sam3_assistant.layers.preview_masks import masks_layer, overlapping, show_masks
from napari_sam3_assistant.layers.previews import clear_previews
from napari_sam3_assistant.layers.world import camera_of, world_of
from napari_sam3_assistant.masks.registry import Objects, Origin

FLAT = Plane(0, 1)


def mask(top, left, height=10, width=10):
    return PlacedMask(np.ones((height, width), bool), (top, left))


def objects_of(*masks):
    objects = Objects()
    for place, one in enumerate(masks):
        objects = objects.add(one, score=0.5 + place / 100, origin=Origin("cells", "nucleus"))
    return objects


@pytest.fixture
def image(viewer):
    return viewer.add_image(np.zeros((200, 300), np.uint8), scale=(0.5, 0.5), translate=(3, 4))


@pytest.fixture
def boxes(viewer, image):
    source = Sources().of(image)
    return lambda objects: show_boxes(viewer, image, source, FLAT, objects)


@pytest.fixture
def stack(viewer, image):
    source = Sources().of(image)
    return lambda objects: show_masks(viewer, image, source, FLAT, objects)


def table(layer):
    """Return what a rectangle says, by object: score, prompt, corners in the world."""
    rows = layer.features.to_dict("records")
    return {
        row["object_id"]: (row["score"], row["prompt"], tuple(layer.data_to_world(corners.min(0))))
        for row, corners in zip(rows, layer.data, strict=True)
    }


def test_a_rectangle_runs_along_the_outer_edges_of_its_object_s_pixels(boxes):
    layer = boxes(objects_of(mask(10, 20, 30, 40)))

    assert layer.name == names.PREVIEW_BOXES and not layer.visible
    assert (layer.data[0].min(0).tolist(), layer.data[0].max(0).tolist()) == ([9.5, 19.5], [39.5, 59.5])
    np.testing.assert_allclose(layer.data_to_world(layer.data[0][0]), (9.5 / 2 + 3, 19.5 / 2 + 4))


def test_rectangles_say_whose_they_are_after_any_change(boxes):
    objects = objects_of(*(mask(10 * k, 10 * k) for k in range(8)))
    layer = boxes(objects)

    changed = (
        objects.replace(3, mask=mask(100, 200)).remove([5]).add(mask(150, 5), score=0.25, origin=Origin("", "box"))
    )
    assert boxes(changed) is layer

    expected = {
        item.id: (item.score, item.origin.prompt, tuple(layer.data_to_world(np.subtract(item.mask.offset, 0.5))))
        for item in changed
    }
    assert table(layer) == expected
    boxes(changed.replace(1, score=0.1))
    assert table(layer)[1][0] == 0.1
    assert set(layer.shape_type) == {"rectangle"} and not layer.selected_data


def test_rectangles_the_user_has_deleted_come_back(boxes):
    objects = objects_of(mask(10, 10), mask(50, 50))
    layer = boxes(objects)
    layer.selected_data = {0}
    layer.remove_selected()

    boxes(objects)

    assert set(table(layer)) == {1, 2}


def test_what_has_not_changed_is_not_drawn_again(boxes):
    objects = objects_of(mask(10, 10), mask(50, 50))
    layer = boxes(objects)
    told = []
    layer.events.data.connect(told.append)

    boxes(objects)

    assert not told


def test_the_user_s_choice_to_see_the_boxes_is_kept(boxes, image):
    layer = boxes(objects_of(mask(10, 10)))
    layer.visible = True

    assert boxes(objects_of(mask(20, 20), mask(40, 40))).visible
    image.scale = (2, 2)
    assert boxes(objects_of(mask(20, 20))).visible


def test_no_objects_empty_the_boxes_and_make_no_layer(boxes, viewer):
    assert boxes(Objects()) is None
    layer = boxes(objects_of(mask(10, 10)))

    boxes(Objects())

    assert len(layer.data) == 0 and boxes_layer(viewer) == layer
    boxes(objects_of(mask(5, 5)))
    assert set(table(layer)) == {1}


@pytest.mark.parametrize("plane", [Plane(1, 2, ((0, 3),)), Plane(2, 1, ((0, 3),)), Plane(2, 0, ((1, 3),))])
def test_boxes_and_masks_of_a_stack_lie_in_their_plane(viewer, plane):
    image = viewer.add_image(np.zeros((20, 30, 40), np.uint8), scale=(2, 0.5, 0.25), affine=np.diag([1.5, 1, 1, 1]))
    source, objects = Sources().of(image), objects_of(mask(2, 5, 3, 4), mask(3, 6, 4, 5))

    box = show_boxes(viewer, image, source, plane, objects).data[0]
    layer = show_masks(viewer, image, source, plane, objects)

    at = np.zeros(3)
    at[[plane.row_axis, plane.col_axis, plane.index[0][0]]] = 2, 5, 3
    np.testing.assert_allclose(box.min(0)[[plane.row_axis, plane.col_axis, plane.index[0][0]]], (1.5, 4.5, 3))
    first = np.argwhere(layer.data)[0]
    assert layer.data.shape[1 + plane.index[0][0]] == 1
    np.testing.assert_allclose(layer.data_to_world(first)[1:], image.data_to_world(at))


def test_objects_that_overlap_are_all_there_whole(stack):
    layer = stack(objects_of(mask(10, 10), mask(15, 15), mask(100, 100)))

    assert layer.name == names.PREVIEW_MASKS and not layer.visible
    assert layer.data.shape[0] == 2, "the third overlaps none"
    assert [np.unique(part, return_counts=True)[1][1] for part in layer.data] == [100, 100]
    assert [part.max() for part in layer.data] == [1, 2]


def test_boxes_that_meet_are_no_overlap_until_pixels_are_shared():
    corner = np.triu(np.ones((10, 10), bool), 1)

    apart = objects_of(PlacedMask(corner, (10, 10)), PlacedMask(~corner, (10, 10)))
    touching = objects_of(mask(0, 0), mask(10, 0), mask(0, 10))

    assert overlapping(apart) == overlapping(touching) == ()
    assert [item.id for item in overlapping(apart.add(mask(10, 19, 1, 1)))] == [1, 3]


def test_overlaps_far_apart_are_found_without_a_plane():
    far = objects_of(mask(0, 0), mask(5, 5), mask(90_000, 90_000), mask(90_005, 90_000), mask(50, 50))

    assert [item.id for item in overlapping(far)] == [1, 2, 3, 4]


def test_the_stack_goes_when_nothing_overlaps_any_more(stack, viewer):
    stack(objects_of(mask(10, 10), mask(15, 15)))

    assert stack(objects_of(mask(10, 10))) is None
    assert masks_layer(viewer) is None and viewer.dims.ndim == 2


def test_a_stack_too_large_for_memory_is_made_where_it_is_looked_at(viewer):
    image = viewer.add_image(np.zeros((4096, 4096), np.uint8))
    objects = objects_of(*(mask(20 * k, 20 * k, 30, 30) for k in range(150)))

    layer = show_masks(viewer, image, Sources().of(image), FLAT, objects)
    viewer.dims.set_point(0, 149)
    layer.visible = True

    assert layer.data.shape[0] == 150 and not isinstance(layer.data, np.ndarray)
    assert np.asarray(layer.data[149]).sum() == 150 * 900
    assert layer._slice.image.raw.max() == 150


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (2, 0, 1)])
@pytest.mark.parametrize("away", [clear_previews, lambda viewer: None])
def test_a_stack_moves_neither_sliders_nor_camera_nor_selection(viewer, order, away):
    volume = viewer.add_image(np.zeros((9, 50, 50), np.uint8), scale=(3, 1, 1), units=("um", "um", "um"))
    flat = viewer.add_image(np.zeros((50, 50), np.uint8), units=("um", "um"))
    points = viewer.add_points(np.zeros((0, 3)), units=("um", "um", "um"))
    viewer.dims.order = order
    viewer.dims.point = (12, 20, 21)
    camera = camera_of(viewer)
    camera.center, camera.zoom = (0, 11, 12), 3.0
    before = world_of(viewer)

    def check():
        now = world_of(viewer)
        assert now.point[-3:] == before.point and now.units[-3:] == before.units
        assert now.order[-2:] == tuple(axis + now.ndim - 3 for axis in before.order[-2:])
        assert (camera.center[-2:], camera.zoom) == ((11, 12), 3.0)
        assert viewer.layers.selection.active is points

    for image, plane in ((volume, Plane(1, 2, ((0, 4),))), (flat, FLAT)):
        source = Sources().of(image)
        show_masks(viewer, image, source, plane, objects_of(mask(10, 10), mask(15, 15)))
        check()
        away(viewer)
        show_masks(viewer, image, source, plane, Objects())
        check()
        assert viewer.dims.ndim == 3


def test_clearing_takes_boxes_and_masks_along(viewer, boxes, stack):
    objects = objects_of(mask(10, 10), mask(15, 15))
    boxes(objects)
    stack(objects)

    assert clear_previews(viewer) == 2
    assert [layer.name for layer in viewer.layers] == ["Image"]
    assert boxes(objects) is not None and stack(objects) is not None
