"""Values as bytes between two processes, seen from both ends."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.results import Segmentation
from napari_sam3_assistant.wire.arrays import KEPT, LARGE, Pad, known, pack, unpack

pytestmark = pytest.mark.skipif(os.name != "posix", reason="both ends in one process: a file stands for the memory")


@pytest.fixture
def pads():
    """Two ends of the same memory."""
    here = Pad()
    there = Pad(str(os.dup(int(here.ticket))))
    yield here, there
    here.close()
    there.close()


def held(pad):
    """Return how much memory the two ends hold, in bytes."""
    return os.fstat(int(pad.ticket)).st_size


@settings(max_examples=40, deadline=None)
@given(
    shapes=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=4),
    dtype=st.sampled_from(["u1", "?", "<f4", "<i8"]),
    large=st.sampled_from([0, 1000, LARGE]),
    order=st.sampled_from("CF"),
)
def test_what_is_unpacked_is_what_was_packed(shapes, dtype, large, order):
    random, here = np.random.default_rng(0), Pad()
    there = Pad(str(os.dup(int(here.ticket))))
    value = [np.asarray(random.integers(0, 2, shape).astype(dtype), order=order) for shape in shapes]

    got = unpack(pack(value, here, large), there)

    assert len(got) == len(value)
    for a, b in zip(value, got, strict=True):
        assert a.dtype == b.dtype and b.flags.writeable
        np.testing.assert_array_equal(a, b)
    here.close()
    there.close()


def test_large_arrays_go_through_shared_memory_and_small_ones_in_the_message(pads):
    here, there = pads

    small = pack(np.zeros(LARGE - 1, np.uint8), here)
    nothing = held(here)
    large = pack(np.zeros(LARGE, np.uint8), here)

    assert len(small) > LARGE - 1 and nothing == 0
    assert len(large) < 1000 and held(here) == LARGE
    assert unpack(small, there).size == LARGE - 1


def test_both_ends_write_in_turn_and_what_was_read_stays(pads):
    here, there = pads
    first, second = np.full(LARGE, 1, np.uint8), np.full(3 * LARGE, 2, np.uint8)

    got = unpack(pack(first, here), there)
    back = unpack(pack(second, there), here)
    again = unpack(pack(first, here), there)

    np.testing.assert_array_equal(got, first)
    np.testing.assert_array_equal(back, second)
    np.testing.assert_array_equal(again, first)


def test_much_memory_is_given_back_after_the_message_and_little_is_kept(pads):
    here, there = pads
    for size, kept in ((KEPT, KEPT), (KEPT + 1, 0), (LARGE, LARGE)):
        value = np.full(size, 7, np.uint8)

        got = unpack(pack(value, there), here)
        here.empty()

        assert held(here) == kept
        np.testing.assert_array_equal(got, value)


def test_memory_that_is_not_there_is_an_error_and_not_the_end(pads):
    here, there = pads
    message = pack(np.zeros(KEPT + 1, np.uint8), here)

    here.empty()

    with pytest.raises(ValueError, match="less than"):
        unpack(message, there)


def test_known_opens_our_values_and_refuses_what_would_be_imported():
    answer = Segmentation(PlacedMask(np.ones((2, 3), bool), (4, 5)), 0.5)
    code = (
        "import pickle, sys, types; m = types.ModuleType('stranger'); sys.modules['stranger'] = m;"
        "m.Thing = type('Thing', (), {'__module__': 'stranger'}); sys.stdout.buffer.write(pickle.dumps(m.Thing()))"
    )
    stranger = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout

    assert known(pickle.dumps(answer)).mask.offset == (4, 5)
    with pytest.raises(pickle.UnpicklingError, match=r"stranger\.Thing is not known"):
        known(stranger)


@pytest.mark.skipif(sys.platform != "linux", reason="names of shared memory are seen in /dev/shm")
def test_memory_has_no_name():
    before = os.listdir("/dev/shm")
    pad = Pad()

    pack(np.zeros(LARGE, np.uint8), pad)

    assert os.listdir("/dev/shm") == before
    pad.close()
    pad.close()
