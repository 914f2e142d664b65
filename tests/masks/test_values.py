import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.masks import values as module
from napari_sam3_assistant.masks.values import (
    convert_nonzero,
    delete_values,
    holds,
    keep_values,
    relabel,
    renumber,
    value_counts,
    wide_enough,
)
from tests.masks.arrays import TYPES, label_arrays, written
from tests.masks.slow import mapped

NAMED = st.sets(st.sampled_from([-1, 0, 1, 2, 3, 255, 2**31, 2**63, 2**64 - 1, 2**70]))


@pytest.fixture(autouse=True, params=["by runs", "by a table"])
def strips_of_a_few_pixels(monkeypatch, request):
    monkeypatch.setattr(module, "_STRIP", 7)
    monkeypatch.setattr(module, "_LARGE", 0 if request.param == "by a table" else 10**9)


@settings(max_examples=150, deadline=None)
@given(labels=label_arrays())
def test_every_value_is_counted(labels):
    found = value_counts(labels)

    values, counts = np.unique(labels, return_counts=True)
    assert found == tuple(zip(map(int, values), counts.tolist(), strict=True))
    assert all(type(number) is int for pair in found for number in pair)


@settings(max_examples=150, deadline=None)
@given(labels=label_arrays(), named=NAMED, new=st.sampled_from([0, 1, 2]))
def test_exactly_the_named_values_become_another(labels, named, new):
    before = labels.copy()
    if not holds(labels.dtype, new):
        new = 1

    after = written(labels, relabel(labels, named, new))

    np.testing.assert_array_equal(after, mapped(labels, lambda value: new if value in named else value))
    np.testing.assert_array_equal(labels, before)


@settings(max_examples=100, deadline=None)
@given(labels=label_arrays(), named=NAMED)
def test_named_values_are_deleted_and_others_than_named_ones_too(labels, named):
    deleted, kept = written(labels, delete_values(labels, named)), written(labels, keep_values(labels, named))

    np.testing.assert_array_equal(deleted, mapped(labels, lambda value: 0 if value in named else value))
    np.testing.assert_array_equal(kept, mapped(labels, lambda value: value if value <= 0 or value in named else 0))


@settings(max_examples=100, deadline=None)
@given(labels=label_arrays(), new=st.sampled_from([0, 1]))
def test_all_objects_become_one_value(labels, new):
    after = written(labels, convert_nonzero(labels, new))

    np.testing.assert_array_equal(after, mapped(labels, lambda value: new if value > 0 else value))


@settings(max_examples=100, deadline=None)
@given(labels=label_arrays())
def test_values_are_numbered_in_their_order(labels):
    order = sorted({int(value) for value in labels.reshape(-1) if value > 0})

    after = written(labels, renumber(labels))

    np.testing.assert_array_equal(after, mapped(labels, lambda value: order.index(value) + 1 if value > 0 else value))


@pytest.mark.parametrize("dtype", TYPES)
def test_a_value_that_the_type_cannot_hold_is_refused_and_never_wrapped(dtype):
    labels = np.ones((3, 3), dtype)
    top = 1 if dtype == "bool" else int(np.iinfo(dtype).max)

    for value in (top + 1, -(2**63) - 1):
        with pytest.raises(PromptError) as refused:
            relabel(labels, [1], value)
        assert refused.value.hint
        with pytest.raises(PromptError):
            convert_nonzero(labels, value)
    assert (labels == 1).all()


@pytest.mark.parametrize(
    ("dtype", "value", "wider"),
    [
        ("uint8", 255, "uint8"),
        ("uint8", 256, "uint16"),
        ("uint8", -1, "int16"),
        ("bool", 2, "uint8"),
        ("int8", 200, "int16"),
        ("int16", 70_000, "int32"),
        ("uint16", 2**31, "uint32"),
        ("uint32", 2**63, "uint64"),
        ("uint32", -5, "int64"),
    ],
)
def test_the_next_type_that_holds_both_is_named(dtype, value, wider):
    found = wide_enough(np.dtype(dtype), value)

    assert found == np.dtype(wider)
    assert holds(found, value)


@pytest.mark.parametrize(("dtype", "value"), [("int64", 2**63), ("uint64", -1), ("int8", 2**63), ("uint8", 2**64)])
def test_where_no_type_holds_both_it_says_so(dtype, value):
    with pytest.raises(PromptError) as refused:
        wide_enough(np.dtype(dtype), value)
    assert refused.value.hint


def test_floats_are_no_labels():
    for operation in (value_counts, renumber, lambda labels: relabel(labels, [1], 2)):
        with pytest.raises(PromptError, match="whole numbers"):
            operation(np.ones((3, 3)))
