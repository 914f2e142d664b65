import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage as ndi

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.masks import splitting
from napari_sam3_assistant.masks.cleanup import split_touching
from napari_sam3_assistant.masks.components import analyze
from tests.masks.arrays import label_arrays, written


def discs(shape, places, radius, dtype=np.uint16):
    labels = np.zeros(shape, dtype)
    for place in places:
        away = sum((axis - at) ** 2 for axis, at in zip(np.ogrid[tuple(map(slice, shape))], place, strict=True))
        labels[away <= radius * radius] = 1
    return labels


def test_two_touching_discs_become_two_objects():
    labels = discs((40, 60), [(20, 20), (20, 36)], 10)
    labels[0, 0] = 7

    after = written(labels, split_touching(labels))

    assert after[20, 20] == 1 and after[20, 36] == 8 and after[0, 0] == 7
    np.testing.assert_array_equal(after > 0, labels > 0)
    assert abs(np.count_nonzero(after == 1) - np.count_nonzero(after == 8)) < 40
    assert (after[:, :27] != 8).all() and (after[:, 30:] != 1).all()


def test_two_touching_balls_become_two_objects():
    labels = discs((16, 16, 30), [(8, 8, 9), (8, 8, 20)], 7)

    after = written(labels, split_touching(labels))

    assert after[8, 8, 9] != after[8, 8, 20]
    np.testing.assert_array_equal(after > 0, labels > 0)


def test_a_rod_and_a_disc_stay_whole():
    labels = np.zeros((60, 80), np.uint16)
    labels[5:15, 4:76] = 1
    labels[discs((60, 80), [(40, 30)], 14) > 0] = 2

    assert split_touching(labels) is None


def test_larger_pieces_keep_their_value():
    labels = discs((50, 70), [(12, 18)], 8) | discs((50, 70), [(30, 26)], 14)

    after = written(labels, split_touching(labels))

    assert after[30, 26] == 1 and after[12, 18] == 2


def test_a_larger_distance_and_a_lower_neck_part_less():
    labels = discs((40, 60), [(20, 20), (20, 36)], 10)

    assert split_touching(labels, 20) is None
    assert split_touching(labels, neck=0.2) is None


@pytest.mark.parametrize("side", [0, 1, 2, 3])
def test_what_the_image_cuts_off_is_no_outside(side):
    labels = np.rot90(discs((41, 80), [(20, 15), (20, 40), (20, 65)], 14)[21:], side)

    depth = splitting._depth(labels > 0, (slice(0, labels.shape[0]), slice(0, labels.shape[1])), labels.shape)

    whole = ndi.distance_transform_edt(discs((41, 80), [(20, 15), (20, 40), (20, 65)], 14))[21:]
    assert depth.max() >= whole.max() - 1
    assert len(np.unique(written(labels, split_touching(labels)))) == 4


def test_new_values_that_the_type_cannot_hold_are_refused():
    labels = discs((40, 60), [(20, 20), (20, 36)], 10, np.uint8)
    labels[0, 0] = 255

    with pytest.raises(PromptError) as refused:
        split_touching(labels)
    assert refused.value.hint
    with pytest.raises(PromptError):
        split_touching(labels > 0)


@settings(max_examples=60, deadline=None)
@given(labels=label_arrays(max_dims=4), distance=st.sampled_from([0.5, 1.0, 2.0]), neck=st.sampled_from([0.5, 1.0]))
def test_pieces_hang_together_and_lie_where_the_object_lay(labels, distance, neck):
    labels = np.where(labels > 0, np.minimum(labels, 2), labels).astype(np.int32)
    before = {(one.label, one.start): one.area for one in analyze(labels)}

    after = written(labels, split_touching(labels, distance, neck))

    np.testing.assert_array_equal(after > 0, labels > 0)
    np.testing.assert_array_equal(after[labels < 0], labels[labels < 0])
    new = [one for one in analyze(after) if one.label > labels.max()]
    values = [one.label for one in new]
    assert values == list(range(int(labels.max()) + 1, int(labels.max()) + 1 + len(values)))
    assert len(analyze(after)) == len(before) + len(new)


@pytest.mark.parametrize(("distance", "neck"), [(0, 0.8), (-1, 0.8), (8, 1.5), (8, -0.1)])
def test_numbers_out_of_range_are_refused(distance, neck):
    with pytest.raises(PromptError):
        split_touching(np.ones((3, 3), int), distance, neck)
