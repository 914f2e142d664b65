import numpy as np
import pytest

from napari_sam3_assistant.core.errors import Cancelled, PromptError
from napari_sam3_assistant.core.progress import CancelToken, Watch
from napari_sam3_assistant.masks import changes
from napari_sam3_assistant.masks.components import analyze
from napari_sam3_assistant.masks.values import value_counts
from tests.masks.arrays import written
from tests.masks.operations import OPERATIONS, all_in_one


def same(operation, labels, expected):
    before = labels.copy()
    after = written(labels, operation(labels))
    np.testing.assert_array_equal(after, expected)
    np.testing.assert_array_equal(labels, before)
    assert after.dtype == labels.dtype


@pytest.fixture(params=OPERATIONS, ids=str)
def operation(request):
    return OPERATIONS[request.param]


def test_labels_become_others_and_the_array_stays(operation):
    labels = all_in_one()
    before = labels.copy()

    edit = operation(labels)

    assert edit is not None and edit.changed
    np.testing.assert_array_equal(labels, before)
    edit.write(labels)
    edit.inverse().write(labels)
    np.testing.assert_array_equal(labels, before)


def test_arrays_that_lie_otherwise_in_memory_give_the_same(operation):
    labels = all_in_one(np.uint16)
    expected = written(labels, operation(labels))
    wide = np.zeros((14, 52), np.uint16)
    wide[:, ::2] = labels
    locked = labels.copy()
    locked.flags.writeable = False

    same(operation, wide[:, ::2], expected)
    same(operation, np.asfortranarray(labels), expected)
    same(operation, locked, expected)
    same(operation, labels.astype(">u2"), expected)
    same(operation, labels[::-1].copy()[::-1], expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint32, np.uint64, np.int8])
def test_the_type_makes_no_difference(operation, dtype):
    labels = all_in_one()

    same(operation, labels.astype(dtype), written(labels, operation(labels)).astype(dtype))


def test_a_plane_a_volume_of_one_slice_and_a_slice_of_a_series_are_the_same(operation):
    labels = all_in_one()
    expected = written(labels, operation(labels))

    np.testing.assert_array_equal(written(labels[None], operation(labels[None]))[0], expected)
    np.testing.assert_array_equal(written(labels[None, None], operation(labels[None, None]))[0, 0], expected)


@pytest.mark.parametrize("shape", [(0, 0), (4, 0), (0, 3, 3), (5, 5), (1, 1), (1, 40), (40, 1), (1, 1, 9)])
def test_without_objects_nothing_changes(operation, shape):
    assert operation(np.zeros(shape, np.uint16)) is None


def test_floats_are_refused(operation):
    with pytest.raises(PromptError, match="whole numbers"):
        operation(np.ones((3, 3)))


def test_negative_values_stay(operation):
    labels = all_in_one()
    labels[4, 4] = labels[1, 1] = labels[9, 0] = -3

    after = written(labels, operation(labels))

    np.testing.assert_array_equal(after < 0, labels < 0)


def test_cancel_stops_it(operation):
    cancel = CancelToken()
    labels = all_in_one()
    cancel.cancel()

    with pytest.raises(Cancelled):
        operation(labels, watch=Watch(cancel=cancel))


def test_progress_only_grows(operation):
    told = []

    operation(all_in_one(), watch=Watch(lambda fraction, message="": told.append(fraction)))

    assert told == sorted(told) and told
    assert told[0] >= 0 and told[-1] <= 1


@pytest.mark.parametrize("name", [name for name in OPERATIONS if "components" not in name])
def test_cancel_is_heard_soon_in_a_large_plane(name):
    asked = 0

    def tell(fraction, message=""):
        nonlocal asked
        asked += 1

    labels = np.kron(all_in_one(np.uint16), np.ones((64, 64), np.uint16))
    OPERATIONS[name](labels, watch=Watch(tell))

    assert asked >= 3


def test_counting_values_can_be_cancelled():
    cancel = CancelToken()
    cancel.cancel()

    with pytest.raises(Cancelled):
        value_counts(all_in_one(), watch=Watch(cancel=cancel))


@pytest.mark.parametrize("top", [2**31, 2**63, 2**64 - 2])
def test_the_largest_values_are_kept_apart(operation, top):
    if operation is OPERATIONS["split"]:
        return
    labels = all_in_one(np.uint64)
    high = labels + np.uint64(top - 5)
    high[labels == 0] = 0
    low, found = written(labels, OPERATIONS["smooth"](labels)), written(high, OPERATIONS["smooth"](high))

    np.testing.assert_array_equal(np.where(found > 0, found - np.uint64(top - 5), 0), low)
    assert operation(high) is None or operation(high).after.dtype == np.uint64


def test_one_object_that_fills_everything(operation):
    full = np.full((9, 12), 3, np.uint8)

    after = written(full, operation(full))

    assert len(np.unique(after)) == 1


@pytest.mark.parametrize("few", [0, 2])
def test_runs_are_written_the_same_one_by_one_and_in_between(operation, few, monkeypatch):
    labels = all_in_one()
    expected = written(labels, operation(labels))
    monkeypatch.setattr(changes, "_FEW", few)

    same(operation, labels, expected)


def test_each_of_many_objects_is_seen():
    labels = np.zeros((512, 512), np.uint32)
    labels[::2, ::2] = np.arange(1, 256 * 256 + 1).reshape(256, 256)

    assert len(analyze(labels)) == 65_536
    assert OPERATIONS["keep largest"](labels) is None
    assert OPERATIONS["smooth"](labels) is None
    assert OPERATIONS["remove small"](labels).changed == 65_536
    np.testing.assert_array_equal(written(labels, OPERATIONS["dilate"](labels))[::2, ::2], labels[::2, ::2])
