"""Previews: no larger than the objects, and left where they are as long as that is possible."""

import numpy as np
import pytest

from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.windows import Window
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.layers.held import held_layer
from napari_sam3_assistant.layers.images import Sources
from napari_sam3_assistant.layers.previews import (
    absorb,
    add_empty_preview,
    clear_previews,
    empty_preview,
    preview_layer,
    show_objects,
)
from napari_sam3_assistant.masks.registry import PAINTED, Objects

FLAT = Plane(0, 1)


def objects_of(*masks) -> Objects:
    """Return objects of these masks, numbered from 1; empty ones are left out."""
    made = Objects()
    for id, one in enumerate(masks, 1):
        made = made.put(id, one) if one.area else made
    return made


def mask(top, left, height=10, width=10):
    return PlacedMask(np.ones((height, width), bool), (top, left))


@pytest.fixture
def image(viewer):
    return viewer.add_image(np.zeros((2000, 2000), np.uint8), scale=(0.5, 0.5), translate=(3, 4))


@pytest.fixture
def show(viewer, image):
    source = Sources().of(image)

    def show(*masks):
        return show_objects(viewer, image, source, FLAT, objects_of(*masks)).layer

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

    layer = show_objects(viewer, stack, Sources().of(stack), Plane(1, 2, ((0, 3),)), objects_of(mask(10, 20))).layer

    assert layer.ndim == 3 and layer.data.shape[0] == 1
    np.testing.assert_allclose(layer.data_to_world(np.argwhere(layer.data)[0]), (15, 20, 40))


def test_a_picture_whose_rows_run_along_a_later_axis_is_drawn_the_right_way_round(viewer):
    stack = viewer.add_image(np.zeros((4, 50, 60), np.uint8))

    layer = show_objects(
        viewer, stack, Sources().of(stack), Plane(2, 1, ((0, 2),)), objects_of(mask(30, 5, 20, 10))
    ).layer

    drawn = [layer.data_to_world(at) for at in np.argwhere(layer.data)]
    np.testing.assert_allclose(np.min(drawn, 0), (2, 5, 30))
    np.testing.assert_allclose(np.max(drawn, 0), (2, 14, 49))


# -- objects --------------------------------------------------------------------------------------


@pytest.fixture
def draw(viewer, image):
    source = Sources().of(image)
    return lambda objects, window=None: show_objects(viewer, image, source, FLAT, objects, window)


def test_labels_are_the_objects_numbers_and_the_better_score_is_seen(draw):
    objects = Objects().add(mask(100, 100), score=0.5).put(70_000, mask(105, 105), score=0.9)

    shown = draw(objects)

    assert shown.ids == {1, 70_000} and not shown.held and shown.layer.data.dtype == np.uint32
    assert np.unique(shown.layer.data, return_counts=True)[1].tolist()[1:] == [75, 100]
    assert draw(objects.remove([70_000])).layer.data.dtype == np.uint16


def test_a_correction_among_many_is_the_same_as_drawing_anew(draw, viewer, image):
    objects = Objects()
    for k in range(200):
        objects = objects.add(mask(8 * k, (37 * k) % 1900, 40, 40), score=(k * 7 % 10) / 10)
    draw(objects)

    corrected = draw(objects.replace(77, mask=mask(600, 900, 30, 50)).remove([3])).layer.data.copy()
    viewer.layers.remove(preview_layer(viewer))
    again = draw(objects.replace(77, mask=mask(600, 900, 30, 50)).remove([3])).layer.data

    np.testing.assert_array_equal(corrected, again)


def test_no_objects_empty_the_layer(draw, viewer):
    assert draw(Objects()).layer is None
    draw(Objects().add(mask(5, 5)))

    shown = draw(Objects())

    assert shown.layer == preview_layer(viewer) and not shown.layer.data.any() and not shown.ids
    assert draw(Objects().add(mask(5, 5))).layer.data.sum() == 100


def test_objects_at_the_border_are_drawn_as_far_as_the_plane_goes(draw):
    layer = draw(Objects().add(mask(-5, 1995))).layer

    assert layer.data.sum() == 25
    np.testing.assert_allclose(layer.data_to_world(np.argwhere(layer.data)[0]), (0 / 2 + 3, 1995 / 2 + 4))


def test_objects_far_apart_are_held_in_a_sparse_layer_until_the_window_comes_back(viewer):
    pyramid = [np.broadcast_to(np.zeros((1, 1, 1), np.uint8), (2, side, side)) for side in (60_000, 600)]
    image = viewer.add_image(pyramid, multiscale=True, contrast_limits=(0, 255), scale=(1, 2, 2))
    source, plane = Sources().of(image), Plane(1, 2, ((0, 1),))
    points = viewer.add_points(np.zeros((0, 3)))
    viewer.dims.set_point(0, 1)
    objects = Objects().add(mask(100, 100)).add(mask(30_100, 30_100)).add(mask(30_150, 30_100))

    shown = show_objects(viewer, image, source, plane, objects)
    held = held_layer(viewer)
    assert (shown.ids, shown.held) == ({2, 3}, {1}) and shown.layer.data.size < 1024**2
    assert held.multiscale and not held.editable
    assert np.asarray(held.data[0][0, 95:115, 95:115]).sum() == 100
    np.testing.assert_allclose(held.data_to_world((0, 100, 100)), (1, 200, 200))
    assert viewer.layers.selection.active is points

    shown = show_objects(viewer, image, source, plane, objects, Window(0, 0, 1024, 1024))
    assert (shown.ids, shown.held) == ({1}, {2, 3}) and held_layer(viewer) == held
    assert not np.asarray(held.data[0][0, 95:115, 95:115]).any()

    show_objects(viewer, image, source, plane, objects.remove([2, 3]))
    assert held_layer(viewer) is None


def test_held_objects_that_did_not_change_are_not_drawn_again(draw, viewer):
    wide = viewer.add_image(np.broadcast_to(np.zeros((1, 1), np.uint8), (9000, 9000)), contrast_limits=(0, 255))
    objects = Objects().add(mask(0, 0)).add(mask(8000, 8000))
    source = Sources().of(wide)
    show_objects(viewer, wide, source, FLAT, objects)
    told = []
    held_layer(viewer).events.data.connect(told.append)

    show_objects(viewer, wide, source, FLAT, objects.replace(2, mask=mask(8001, 8001)))
    assert not told
    show_objects(viewer, wide, source, FLAT, objects.replace(1, mask=mask(1, 1)))
    assert len(told) == 1


# -- what users paint -----------------------------------------------------------------------------


def test_an_untouched_preview_leaves_the_very_same_objects(draw, viewer):
    objects = Objects().add(mask(100, 100))

    assert absorb(viewer, objects) is objects, "there is no layer"
    draw(objects)
    assert absorb(viewer, objects, FLAT) is objects


def test_strokes_become_the_objects_masks(draw, viewer):
    objects = Objects().add(mask(100, 100)).add(mask(100, 120))
    layer = draw(objects).layer
    layer.paint(layer.world_to_data((100 / 2 + 3, 100 / 2 + 4)), 0)
    layer.data[layer.data == 2] = 9

    left = absorb(viewer, objects)

    assert [item.id for item in left] == [1, 9] and 0 < left[1].mask.area < 100
    assert left[9].mask.offset == (100, 120) and left[9].origin == PAINTED
    kept = layer.data.copy()
    np.testing.assert_array_equal(draw(left).layer.data, kept)
    assert absorb(viewer, left) is left, "once is enough"


def test_erasing_all_removes_the_objects(draw, viewer):
    objects = Objects().add(mask(100, 100)).add(mask(100, 120))
    draw(objects).layer.data[:] = 0

    left = absorb(viewer, objects)

    assert len(left) == 0 and left.next_id == 3


def test_painting_in_the_empty_preview_makes_an_object(viewer, image):
    layer = add_empty_preview(viewer, image, Sources().of(image), FLAT)
    layer.data[3:5, 3:5] = 1

    left = absorb(viewer, Objects())

    assert [(item.id, item.mask.offset, item.mask.area) for item in left] == [(1, (3, 3), 4)]


def test_strokes_of_a_stack_seen_from_the_side_land_in_its_plane(viewer):
    stack = viewer.add_image(np.zeros((4, 50, 60), np.uint8), scale=(5, 2, 1))
    plane, objects = Plane(2, 1, ((0, 2),)), Objects().add(mask(30, 5, 20, 10))
    layer = show_objects(viewer, stack, Sources().of(stack), plane, objects).layer
    layer.data[0, 20, 40] = 1

    assert absorb(viewer, objects, plane)[1].mask.value_at(40, 20)


def test_a_preview_of_another_plane_or_picture_is_left_alone(draw, viewer):
    objects = Objects().add(mask(100, 100))
    draw(objects).layer.data[:] = 0

    assert absorb(viewer, objects, Plane(1, 0)) is objects
    assert absorb(viewer, objects, FLAT, image="another") is objects
    assert absorb(viewer, objects, FLAT) is not objects


@pytest.mark.parametrize("pixels", [np.full((7, 7), 3), np.full((128, 128), -1)])
def test_data_that_are_no_drawing_of_objects_are_kept_in_a_layer_of_their_own(draw, viewer, pixels):
    objects = Objects().add(mask(100, 100))
    theirs = draw(objects).layer
    theirs.data = pixels

    assert absorb(viewer, objects) is objects
    again = draw(objects).layer

    assert theirs.name == names.EDITED_LABELS and theirs in viewer.layers and again != theirs
    np.testing.assert_array_equal(theirs.data, pixels)


def test_a_preview_that_was_renamed_belongs_to_the_user(draw, viewer):
    objects = Objects().add(mask(100, 100))
    theirs = draw(objects).layer
    theirs.name = "mine"
    theirs.data[:] = 5

    assert absorb(viewer, objects) is objects
    assert draw(objects).layer != theirs and (theirs.data == 5).all()


def test_clearing_takes_held_objects_along_and_leaves_the_camera(viewer):
    wide = viewer.add_image(np.broadcast_to(np.zeros((1, 1), np.uint8), (9000, 9000)), contrast_limits=(0, 255))
    show_objects(viewer, wide, Sources().of(wide), FLAT, Objects().add(mask(0, 0)).add(mask(8000, 8000)))

    assert clear_previews(viewer) == 2 and list(viewer.layers) == [wide]
