"""Accepted objects: kept, taken back and made again, with what the user painted left alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.components import ViewerModel

from napari_sam3_assistant.core.errors import ImageError
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.layers import accepted, names
from napari_sam3_assistant.layers.accepted import accept, accepted_layer, erase, restore
from napari_sam3_assistant.layers.images import Sources
from napari_sam3_assistant.layers.labels import watch
from napari_sam3_assistant.layers.world import camera_of
from napari_sam3_assistant.masks.edits import edit_of
from napari_sam3_assistant.masks.history import History

FLAT = Plane(0, 1)


def mask(top, left, height=10, width=10):
    return PlacedMask(np.ones((height, width), bool), (top, left))


class Desk:
    """A viewer with a picture, and the verbs on it."""

    def __init__(self, data, viewer=None, **about):
        self.viewer = viewer or ViewerModel()
        self.image = self.viewer.add_image(data, name="cells", **about)
        self.source = Sources().of(self.image)

    def accept(self, *masks, plane=FLAT):
        return accept(self.viewer, self.image, self.source, plane, masks)

    def restore(self, records):
        restore(self.viewer, self.image, self.source, records)

    @property
    def layer(self):
        return accepted_layer(self.viewer, self.image)

    def pixels(self):
        data = self.layer.data
        return np.array(data[0] if self.layer.multiscale else data)


@pytest.fixture(params=["painted in", "sparse"])
def desk(request, monkeypatch):
    """Return a small desk; the second one treats its picture as it does huge ones."""
    if request.param == "sparse":
        monkeypatch.setattr(accepted, "MOST_SIDE", 50)
    return Desk(np.zeros((60, 80), np.uint8))


def test_objects_get_numbers_in_turn_and_lie_where_they_were(desk):
    first = desk.accept(mask(0, 0))
    more = desk.accept(mask(20, 20), mask(40, 60))

    assert [one.id for one in (*first, *more)] == [1, 2, 3]
    assert desk.pixels()[25, 25] == 2 and np.bincount(desk.pixels().ravel()).tolist() == [4500, 100, 100, 100]
    assert (more[0].image, more[0].plane) == (desk.source.identity, FLAT)


def test_an_object_too_large_to_be_accepted_is_said_and_nothing_is_written(desk, monkeypatch):
    monkeypatch.setattr(accepted, "MOST_PIXELS", 99)

    with pytest.raises(ImageError, match="10 x 10 pixels is too large") as caught:
        desk.accept(mask(0, 0, 3, 3), mask(20, 20))

    assert "Save" in caught.value.hint and desk.layer is None


def test_accepted_pixels_are_not_overwritten_and_the_record_says_what_was_written(desk):
    desk.accept(mask(0, 0))

    (second,) = desk.accept(mask(5, 5))

    assert desk.pixels()[7, 7] == 1 and desk.pixels()[12, 12] == 2
    assert second.mask.area == 75 and second.under is None


def test_a_mask_of_which_nothing_else_is_left_is_written_over_the_others(desk):
    (first,) = desk.accept(mask(0, 0))

    (second,) = desk.accept(mask(2, 2, 3, 3))

    assert desk.pixels()[3, 3] == 2 and second.mask.area == 9
    erase(desk.viewer, [second])
    assert (desk.pixels() == 1).sum() == 100
    erase(desk.viewer, [first])
    assert not desk.pixels().any()


def test_an_object_that_is_there_already_is_left_out(desk):
    desk.accept(mask(0, 0))

    made = desk.accept(mask(1, 1), mask(50, 50), mask(50, 51, 10, 9))

    assert [one.mask.offset for one in made] == [(50, 50)]
    assert (desk.pixels() == 1).sum() == 100


def test_objects_accepted_at_once_may_overlap_by_more_than_half(desk):
    made = desk.accept(mask(50, 50), mask(51, 51))

    assert [one.mask.area for one in made] == [100, 9]


def test_taking_back_the_one_below_leaves_the_one_above(desk):
    below, above = desk.accept(mask(0, 0), mask(2, 2, 3, 3))

    erase(desk.viewer, [below])
    assert np.unique(desk.pixels(), return_counts=True)[1].tolist() == [4791, 9]
    erase(desk.viewer, [above])

    assert not desk.pixels().any()


@given(st.data())
@settings(max_examples=40, deadline=None)
@pytest.mark.parametrize("side", [16, 4096])
def test_erasing_and_restoring_undo_each_other_in_any_order(side, data):
    most, accepted.MOST_SIDE = accepted.MOST_SIDE, side
    try:
        desk = Desk(np.zeros((24, 24), np.uint8))
        boxes = data.draw(
            st.lists(st.tuples(*[st.integers(0, 18)] * 2, *[st.integers(1, 6)] * 2), min_size=1, max_size=6)
        )
        records = [one for box in boxes for one in desk.accept(mask(*box))]
        full = desk.pixels()
        gone = data.draw(st.lists(st.sampled_from(records), unique=True))
        rest = [one for one in records if one not in gone]
        for one in gone:
            erase(desk.viewer, [one])
        part = desk.pixels()
        shown = set(np.unique(part).tolist()) - {0}
        assert shown <= {one.id for one in rest}
        for one in data.draw(st.permutations(gone)):
            desk.restore([one])
        np.testing.assert_array_equal(desk.pixels(), full)
        erase(desk.viewer, data.draw(st.permutations(gone)))
        np.testing.assert_array_equal(desk.pixels(), part)
        desk.restore(gone)
        np.testing.assert_array_equal(desk.pixels(), full)
        erase(desk.viewer, records)
        assert not desk.pixels().any()
    finally:
        accepted.MOST_SIDE = most


def test_what_the_user_paints_stays_whatever_is_taken_back_and_made_again():
    desk = Desk(np.zeros((60, 80), np.uint8))
    records = desk.accept(mask(0, 0))
    desk.layer.data[0:2, 0:10] = 9
    desk.layer.data[5, 5] = 0

    erase(desk.viewer, records)

    assert (desk.pixels() == 9).sum() == 20 and not (desk.pixels() == 1).any()
    desk.restore(records)
    assert (desk.pixels() == 9).sum() == 20 and (desk.pixels() == 1).sum() == 80
    assert [one.id for one in desk.accept(mask(30, 30))] == [10], "above what the user painted"


def test_numbers_taken_back_are_not_given_again(desk):
    erase(desk.viewer, desk.accept(mask(0, 0)))

    assert desk.accept(mask(20, 20))[0].id == 2


def test_a_number_past_65535_widens_the_labels_and_keeps_them():
    desk = Desk(np.zeros((60, 80), np.uint8))
    desk.accept(mask(0, 0))
    desk.layer.data[50, 50] = 65535

    (record,) = desk.accept(mask(20, 20))

    assert record.id == 65536 and desk.layer.data.dtype == np.uint32
    assert desk.pixels()[25, 25] == 65536 and desk.pixels()[5, 5] == 1 and desk.pixels()[50, 50] == 65535


def test_the_layer_is_found_whatever_it_is_called(desk):
    desk.accept(mask(0, 0))
    desk.layer.name = "my cells"

    desk.accept(mask(20, 20))

    assert [layer.name for layer in desk.viewer.layers] == ["cells", "my cells"]


def test_each_picture_has_its_own_layer(viewer):
    one = Desk(np.zeros((40, 40), np.uint8), viewer)
    other = Desk(np.zeros((3, 40, 40), np.uint8), viewer)

    one.accept(mask(0, 0))
    other.accept(mask(5, 5), plane=Plane(1, 2, ((0, 1),)))

    assert one.layer != other.layer and other.layer.name == f"{names.ACCEPTED} [1]"
    assert one.layer.data.shape == (40, 40) and np.argwhere(other.layer.data)[0].tolist() == [1, 5, 5]


def test_a_layer_that_was_deleted_is_made_anew_and_nothing_is_left_to_erase(desk):
    records = desk.accept(mask(0, 0))
    desk.viewer.layers.remove(desk.layer)

    erase(desk.viewer, records)
    assert desk.layer is None
    desk.accept(mask(20, 20))

    assert np.unique(desk.pixels()).tolist() == [0, 1]
    erase(desk.viewer, records)
    assert (desk.pixels() == 1).sum() == 100, "the number is another object's by now"
    desk.restore(records)
    assert (desk.pixels() == 1).sum() == 100


def test_a_number_that_another_object_was_given_is_not_written_again(desk):
    old = desk.accept(mask(0, 0))
    desk.viewer.layers.remove(desk.layer)
    new = desk.accept(mask(20, 20))
    erase(desk.viewer, new)

    desk.restore(old)
    desk.restore(new)

    assert np.argwhere(desk.pixels())[0].tolist() == [20, 20]


def test_restoring_makes_a_deleted_layer_anew(desk):
    records = desk.accept(mask(0, 0), mask(20, 20))
    erase(desk.viewer, records)
    desk.viewer.layers.remove(desk.layer)

    desk.restore(records)

    assert np.bincount(desk.pixels().ravel()).tolist() == [4600, 100, 100]


def test_data_of_another_shape_are_the_user_s_own(desk):
    desk.accept(mask(0, 0))
    theirs = desk.layer
    if theirs.multiscale:
        theirs.data = [np.ones((60, 70), np.uint8), np.ones((30, 35), np.uint8)]
    else:
        theirs.data = np.ones((10, 10), np.uint8)

    desk.accept(mask(20, 20))

    assert desk.layer != theirs and theirs in desk.viewer.layers
    assert (desk.pixels() == 1).sum() == 100


@pytest.mark.parametrize(
    ("about", "plane"),
    [
        ({"scale": (2, 0.5, 0.25), "translate": (1, 2, 3), "rotate": 15}, Plane(1, 2, ((0, 3),))),
        ({"scale": (2, 0.5, 0.25), "units": ("um", "nm", "nm")}, Plane(2, 1, ((0, 3),))),
        ({"affine": np.array([[2, 0, 0, 5], [0, 2, 0.3, 6], [0, 0, 1, 7], [0, 0, 0, 1]])}, Plane(2, 0, ((1, 3),))),
    ],
)
@pytest.mark.parametrize("side", [4096, 10])
def test_masks_lie_on_the_picture_s_pixels(about, plane, side, monkeypatch):
    monkeypatch.setattr(accepted, "MOST_SIDE", side)
    desk = Desk(np.zeros((20, 30, 40), np.uint8), **about)

    (record,) = desk.accept(mask(2, 5, 3, 4), plane=plane)

    at = np.argwhere(desk.pixels())
    assert at[:, plane.row_axis].min() == 2 and at[:, plane.col_axis].max() == 8 and len(at) == 12
    assert {tuple(at[:, axis]) for axis, _ in plane.index} == {(3,) * 12}
    np.testing.assert_allclose(desk.layer.data_to_world(at[0]), desk.image.data_to_world(at[0]))
    assert desk.layer.units == desk.image.units
    erase(desk.viewer, [record])
    assert not desk.pixels().any()


def test_a_picture_that_is_scaled_later_takes_its_labels_along():
    desk = Desk(np.zeros((60, 80), np.uint8))
    desk.accept(mask(0, 0))
    desk.image.scale = (0.5, 0.5)
    desk.image.translate = (7, 8)

    desk.accept(mask(20, 20))

    np.testing.assert_allclose(desk.layer.data_to_world((25, 25)), desk.image.data_to_world((25, 25)))


def test_an_rgb_picture_has_labels_without_colours():
    desk = Desk(np.zeros((60, 80, 3), np.uint8), rgb=True)

    desk.accept(mask(0, 0))

    assert desk.layer.data.shape == (60, 80)


def test_masks_at_the_border_are_cut_and_those_outside_are_no_objects(desk):
    made = desk.accept(mask(-5, 75), mask(100, 100), PlacedMask(np.zeros((3, 3), bool)))

    assert [one.mask.area for one in made] == [25] and desk.pixels()[:5, 75:].all()
    assert desk.accept(mask(100, 100)) == ()


def test_a_stack_too_large_for_memory_is_refused_with_a_hint(viewer):
    endless = np.broadcast_to(np.zeros((1, 1, 1), np.uint8), (10**9, 4096, 4096))
    desk = Desk(endless, viewer, contrast_limits=(0, 255))

    with pytest.raises(ImageError, match="no memory"):
        desk.accept(mask(0, 0), plane=Plane(1, 2, ((0, 0),)))

    assert len(viewer.layers) == 1


def test_accepting_leaves_selection_and_camera_to_the_user(desk):
    points = desk.viewer.add_points(np.zeros((0, 2)))
    desk.viewer.layers.selection.update({desk.image, points})
    camera = camera_of(desk.viewer)
    camera.center, camera.zoom = (0, 11, 12), 3.0

    desk.accept(mask(0, 0))

    assert set(desk.viewer.layers.selection) == {desk.image, points}
    assert list(desk.viewer.layers) == [desk.image, desk.layer, points]
    assert (camera.center[1:], camera.zoom) == ((11, 12), 3.0)


def test_others_are_told_that_pixels_changed(desk):
    desk.accept(mask(0, 0))
    told = []
    watch(desk.layer, told.append)

    (record,) = desk.accept(mask(20, 20))
    erase(desk.viewer, [record])
    desk.restore([record])

    assert len(told) == 3


def test_undoing_an_older_edit_leaves_what_was_accepted_since():
    desk = Desk(np.zeros((60, 80), np.uint8))
    desk.accept(mask(0, 0), mask(30, 30))
    data, history = desk.layer.data, History()
    cleaned = edit_of(data, (slice(0, 60), slice(0, 80)), np.zeros_like(data))
    history.record("layer", cleaned)
    cleaned.write(data)

    (record,) = desk.accept(mask(5, 5))
    assert desk.layer.data is data, "the same array: its edits can still be taken back"
    history.undo("layer", data).write(data)

    assert (data == record.id).sum() == 100 and (data == 1).sum() == 75 and (data == 2).sum() == 100
    erase(desk.viewer, [record])
    assert np.unique(data).tolist() == [0, 1, 2]


def test_the_boxes_of_accepted_objects_are_told_where_there_is_no_array_to_count(desk):
    desk.accept(mask(0, 0), mask(20, 30, 4, 6))

    assert accepted.boxes_of(desk.layer) == [(1, 100, ((0, 10), (0, 10))), (2, 24, ((20, 24), (30, 36)))]
