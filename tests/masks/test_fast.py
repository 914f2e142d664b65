"""What optional libraries do sooner is the same to the pixel without them."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam3_assistant.masks.cleanup import fill_holes, keep_largest, remove_small
from napari_sam3_assistant.masks.components import analyze
from napari_sam3_assistant.masks.fast import volume_pieces
from napari_sam3_assistant.masks.runs import find_runs
from tests.masks.arrays import TYPES, slow_components

pytest.importorskip("cc3d")


@pytest.fixture(scope="module")
def without():
    """Return a function that calls another one where no optional library is installed."""

    def without(function, *told):
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(sys.modules, "cc3d", None)
            assert volume_pieces(np.ones((1, 2, 2, 2), np.uint8)) is None
            return function(*told)

    return without


def pixels(edit, labels):
    changed = labels.copy()
    if edit is not None:
        edit.write(changed)
    return changed.tolist()


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from([(3, 6, 7), (2, 2, 5, 6), (2, 9, 2)]), st.sampled_from(TYPES))
def test_pieces_of_volumes_are_the_same_with_and_without(without, seed, shape, dtype):
    labels = np.random.default_rng(seed).integers(0, 3, shape).astype(dtype)
    assert volume_pieces(labels.reshape(-1, *shape[-3:])) is not None  # or nothing is compared

    np.testing.assert_array_equal(find_runs(labels).part, without(find_runs, labels).part)
    found = analyze(labels)
    assert found == without(analyze, labels)
    assert len(found) == len(slow_components(labels))
    for operation in (fill_holes, keep_largest, lambda array: remove_small(array, 4)):
        assert pixels(operation(labels), labels) == pixels(without(operation, labels), labels)


@pytest.mark.parametrize(
    "labels",
    [np.full((2, 3, 4), 255, np.uint8), np.full((2, 3, 4), -1), np.zeros((0, 3, 4), int)],
    ids=["no room for one more", "negative", "empty"],
)
def test_what_the_library_cannot_be_asked_is_done_without_it(without, labels):
    assert volume_pieces(labels[None]) is None
    assert analyze(labels) == without(analyze, labels)


def test_values_of_the_other_byte_order_are_told_apart():
    labels = np.array([[[1, 256], [1, 256]], [[0, 256], [1, 0]]])

    assert [(one.label, one.area) for one in analyze(labels.astype(">u2"))] == [(1, 3), (256, 3)]
