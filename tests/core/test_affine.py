"""Affine maps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sam3_assistant.core.affine import Affine, pick, probe
from napari_sam3_assistant.core.errors import ImageError


def random_map(seed, m, n):
    rng = np.random.default_rng(seed)
    return Affine(rng.normal(size=(m, n)), rng.normal(size=m))


@given(st.integers(0, 2**16), st.integers(1, 5))
def test_there_and_back_is_where_one_was(seed, ndim):
    there, points = random_map(seed, ndim, ndim), np.random.default_rng(seed).normal(size=(7, ndim))

    np.testing.assert_allclose(there.inverse()(there(points)), points, atol=1e-6)


@given(st.integers(0, 2**16), st.integers(1, 5), st.integers(1, 5), st.integers(1, 5))
def test_one_map_after_another_is_both(seed, a, b, c):
    first, second = random_map(seed, b, a), random_map(seed + 1, c, b)
    points = np.random.default_rng(seed).normal(size=(4, a))

    np.testing.assert_allclose(second.after(first)(points), second(first(points)))


@given(st.integers(0, 2**16), st.integers(1, 5), st.integers(1, 5))
def test_probing_a_function_finds_its_map(seed, m, n):
    hidden = random_map(seed, m, n)

    found = probe(hidden, n)

    np.testing.assert_allclose(found.linear, hidden.linear)
    np.testing.assert_allclose(found.offset, hidden.offset)


def test_picking_axes_holds_the_others():
    np.testing.assert_array_equal(pick((3, 1), 4, (9, 9, 8, 9))((1, 2)), (9, 2, 8, 1))


def test_a_flattened_layer_has_no_way_back():
    with pytest.raises(ImageError):
        Affine(np.zeros((2, 2)), np.zeros(2)).inverse()
