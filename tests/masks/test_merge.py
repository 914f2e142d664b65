"""Merged layers, compared with functions that are right by looking at them."""

import threading

import dask.array as da
import numpy as np
import pytest
import zarr
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import ndimage as ndi

from napari_sam3_assistant.core.errors import Cancelled, PromptError, TooLargeError
from napari_sam3_assistant.core.progress import CancelToken, Watch
from napari_sam3_assistant.masks import placed
from napari_sam3_assistant.masks.joining import Conversion, appended, convert, label_values, replaced
from napari_sam3_assistant.masks.merge import Overlap, merge, merge_apart, overlap_map
from napari_sam3_assistant.masks.placed import Placed, tiles
from tests.masks.arrays import label_arrays, volumes


@st.composite
def stacks(draw):
    """One to four layers of as many axes, each somewhere on the grid."""
    first = draw(label_arrays())
    more = draw(st.lists(label_arrays(), max_size=3))
    layers = [first, *(one for one in more if one.ndim == first.ndim)]
    places = st.tuples(*[st.integers(-4, 4)] * first.ndim)
    return [Placed(one, draw(places)) for one in layers]


@pytest.fixture(autouse=True, params=[2**22, 7], ids=["whole", "tiled"])
def small_tiles(request, monkeypatch):
    """Layers as small as those of tests are merged in one piece, and in many."""
    monkeypatch.setattr(placed, "TILE_PX", request.param)
    monkeypatch.setattr(placed, "LAZY_TILE_PX", request.param)


def spread(layers):
    """Return the labels of each layer on the whole extent, background for what is no object, as Python's integers."""
    low, shape = placed.extent(layers)
    out = []
    for one in layers:
        whole = np.zeros(shape, object)
        part = tuple(slice(at - a, at - a + n) for at, a, n in zip(one.offset, low, one.shape, strict=True))
        whole[part] = np.where(one.labels > 0, one.labels.astype(object), 0)
        out.append(whole)
    return low, out


def slow_pieces(labels):
    """Return (label, first pixel, mask) of each connected piece, by label and then in reading order."""
    found = []
    for index, part in volumes(labels):
        for label in sorted(set(part.reshape(-1).tolist()) - {0}):
            pieces, count = ndi.label(part == label)
            for piece in range(1, count + 1):
                mask = np.zeros(labels.shape, bool)
                mask[index] = pieces == piece
                found.append((label, int(np.flatnonzero(mask)[0]), mask))
    return sorted(found, key=lambda one: one[:2])


def slow_merge(layers, rule, values):
    """Return for each pixel the value of the layer that wins it; ``values`` are what is seen of each layer."""
    areas = []
    for whole in layers:
        area = np.zeros(whole.shape, int)
        for _, _, mask in slow_pieces(whole):
            area[mask] = mask.sum()
        areas.append(area)
    out = np.zeros(layers[0].shape, object)
    for at in np.ndindex(out.shape):
        held = [k for k, whole in enumerate(layers) if whole[at]]
        if not held or (rule is Overlap.BACKGROUND and len(held) > 1):
            continue
        if rule is Overlap.LATER:
            held.reverse()
        if rule is Overlap.LARGER:
            held.sort(key=lambda k: -areas[k][at])
        if rule is Overlap.SMALLER:
            held.sort(key=lambda k: areas[k][at])
        out[at] = values[held[0]][at]
    return out


@settings(max_examples=150, deadline=None)
@given(layers=stacks(), rule=st.sampled_from(Overlap), value=st.sampled_from([None, 1, 70_000]))
def test_each_pixel_has_the_value_of_the_layer_that_wins_it(layers, rule, value):
    copies = [one.labels.copy() for one in layers]

    made = merge(layers, rule, value)

    low, whole = spread(layers)
    values = whole if value is None else [np.where(one > 0, value, 0) for one in whole]
    assert made.offset == low
    assert made.labels.dtype.kind == "u" and made.labels.dtype.itemsize >= 2
    np.testing.assert_array_equal(made.labels.astype(object), slow_merge(whole, rule, values))
    for one, copy in zip(layers, copies, strict=True):
        np.testing.assert_array_equal(one.labels, copy)


@settings(max_examples=150, deadline=None)
@given(layers=stacks(), rule=st.sampled_from(Overlap))
@example(
    layers=[Placed(np.array(one, np.uint8), (0, 0)) for one in ([[1, 0], [1, 0]], [[1], [1]])], rule=Overlap.LARGER
)
def test_each_piece_of_each_label_of_each_layer_gets_a_number_of_its_own(layers, rule):
    made, counts = merge_apart(layers, rule)

    _, whole = spread(layers)
    values, total = [], 0
    for one in whole:
        numbers = np.zeros(one.shape, object)
        for _, _, mask in slow_pieces(one):
            total += 1
            numbers[mask] = total
        values.append(numbers)
    expected = slow_merge(whole, rule, values)
    seen = sorted(set(expected.reshape(-1).tolist()) - {0})
    rank = {0: 0, **{number: at for at, number in enumerate(seen, start=1)}}
    np.testing.assert_array_equal(made.labels, np.vectorize(rank.get, otypes=[int])(expected))
    assert sum(counts) == len(seen)
    assert counts == tuple(len(set(one.reshape(-1).tolist()) & set(seen)) for one in values)


@settings(max_examples=100, deadline=None)
@given(layers=stacks())
def test_the_overlap_map_counts_objects_where_there_are_two_or_more(layers):
    made = overlap_map(layers)

    low, whole = spread(layers)
    counts = sum((one > 0).astype(int) for one in whole)
    counts[counts < 2] = 0
    if made is None:
        assert not counts.any()
    else:
        assert (made.offset, made.labels.dtype) == (low, np.uint16)
        np.testing.assert_array_equal(made.labels, counts)


def test_touching_objects_of_one_value_keep_apart_where_they_were_not_one_label():
    left, right = np.zeros((4, 8), np.uint8), np.zeros((4, 8), np.uint8)
    left[:, :4] = 1
    right[:, 4:] = 1

    made, counts = merge_apart([Placed(left, (0, 0)), Placed(right, (0, 0))], Overlap.EARLIER)

    np.testing.assert_array_equal(made.labels[0], [1, 1, 1, 1, 2, 2, 2, 2])
    assert counts == (1, 1)


def test_an_object_that_another_cuts_in_two_keeps_one_number():
    bar, cut = np.ones((1, 9), np.uint8), np.zeros((1, 9), np.uint8)
    cut[0, 4] = 1

    made, _ = merge_apart([Placed(cut, (0, 0)), Placed(bar, (0, 0))], Overlap.EARLIER)

    np.testing.assert_array_equal(made.labels[0], [2, 2, 2, 2, 1, 2, 2, 2, 2])


@pytest.mark.parametrize("value", [2**31, 2**63, 2**64 - 1])
def test_no_value_is_wrapped(value):
    labels = np.array([[0, value]], np.uint64)

    made = merge([Placed(np.ones((1, 1), np.uint8), (0, 0)), Placed(labels, (0, 0))], Overlap.LATER)

    assert int(made.labels[0, 1]) == value
    assert int(made.labels[0, 0]) == 1


@pytest.mark.parametrize("lazy", [da.from_array, zarr.array], ids=["dask", "zarr"])
def test_layers_on_disk_are_merged_as_those_in_memory(lazy):
    rng = np.random.default_rng(0)
    arrays = [rng.integers(0, 4, (9, 11)).astype(np.uint8) for _ in range(3)]

    for rule in Overlap:
        made = merge([Placed(lazy(one), (k, 0)) for k, one in enumerate(arrays)], rule)

        expected = merge([Placed(one, (k, 0)) for k, one in enumerate(arrays)], rule)
        np.testing.assert_array_equal(made.labels, expected.labels)


def test_merging_stops_between_two_tiles(monkeypatch):
    monkeypatch.setattr(placed, "TILE_PX", 7)
    token, seen = CancelToken(), []

    def progress(fraction, message=""):
        seen.append(fraction)
        if len(seen) == 3:
            token.cancel()

    with pytest.raises(Cancelled):
        merge([Placed(np.ones((40, 7), np.uint8), (0, 0))], Overlap.LATER, watch=Watch(progress, token))
    assert len(seen) == 3


def test_what_holds_no_labels_and_what_memory_does_not_hold_is_refused():
    with pytest.raises(PromptError, match="whole numbers"):
        merge([Placed(np.zeros((2, 2)), (0, 0))], Overlap.LATER)
    far = [Placed(np.ones((1, 1), np.uint8), at) for at in ((0, 0), (2**40, 2**40))]
    with pytest.raises(TooLargeError, match="GiB"):
        merge(far, Overlap.LATER)
    with pytest.raises(PromptError, match="no layer"):
        overlap_map([])


@pytest.mark.parametrize("shape", [(0, 4), (1, 5), (3, 4, 5), (2, 1, 9), (2, 3, 2, 2)])
@pytest.mark.parametrize("pixels", [1, 4, 7, 1000])
def test_tiles_cover_an_array_once_and_each_is_one_piece_of_it(shape, pixels):
    covered = np.zeros(shape, int)
    flat = np.arange(covered.size).reshape(shape)

    for tile in tiles(shape, pixels):
        covered[tile] += 1
        inside = flat[tile].reshape(-1)
        assert inside.size <= max(pixels, 1)
        assert inside[-1] - inside[0] + 1 == inside.size

    assert (covered == 1).all()


@pytest.mark.parametrize(
    ("conversion", "expected"),
    [
        (Conversion.CLASS, [0, 9, 9, 9, 0]),
        (Conversion.PRESERVE, [0, 3, 70_000, 7, 0]),
        (Conversion.KEEP, [0, 3, 0, 7, 0]),
        (Conversion.DELETE, [0, 0, 70_000, 0, 0]),
    ],
)
def test_labels_become_what_the_conversion_says(conversion, expected):
    source = Placed(np.array([[0, 3, 70_000, 7, -1], [1, 1, 1, 1, 1]], np.int32), (5, 6))

    made = convert(source, (slice(0, 1), slice(0, 5)), conversion, 9, (3, 7))

    assert made.offset == (5, 6)
    np.testing.assert_array_equal(made.labels[0], expected)


def test_appended_objects_come_where_the_layer_is_empty():
    base = Placed(np.array([[1, 1, 0, 0]], np.uint8), (0, 0))

    edit = appended(base, Placed(np.array([[0, 5, 5]], np.uint16), (0, 0)))

    assert edit is not None
    edit.write(base.labels)
    np.testing.assert_array_equal(base.labels, [[1, 1, 5, 0]])


@pytest.mark.parametrize(("value", "offset"), [(5, (0, 3)), (300, (0, 1))], ids=["beside", "too high"])
def test_where_the_layer_does_not_hold_them_it_grows(value, offset):
    base = Placed(np.array([[1, 1, 0, 0]], np.uint8), (0, 0))

    made = appended(base, Placed(np.array([[value, value]], np.uint16), offset))

    assert isinstance(made, Placed)
    expected = [[1, 1, 0, 5, 5]] if value == 5 else [[1, 1, 300, 0]]
    np.testing.assert_array_equal(made.labels, expected)


def test_replacing_clears_the_slices_that_the_source_lies_on_and_no_others():
    base = Placed(np.full((3, 1, 4), 7, np.uint8), (0, 0, 0))
    added = Placed(np.array([[[0, 2]]], np.uint16), (1, 0, 0))

    edit = replaced(base, added, axes=(0,))

    edit.write(base.labels)
    np.testing.assert_array_equal(base.labels[:, 0], [[7, 7, 7, 7], [0, 2, 0, 0], [7, 7, 7, 7]])


def test_replacing_by_more_than_the_layer_holds_makes_it_larger():
    base = Placed(np.full((2, 1, 2), 7, np.uint8), (0, 0, 0))

    made = replaced(base, Placed(np.full((1, 1, 3), 2, np.uint16), (0, 0, 0)), axes=(0,))

    assert isinstance(made, Placed)
    np.testing.assert_array_equal(made.labels[:, 0], [[2, 2, 2], [7, 7, 0]])


@pytest.mark.parametrize("text", ["3,7,12", "3 7 12", " 3; 7,12 ", "3,,7;12"])
def test_values_are_read_with_any_separator(text):
    assert label_values(text) == (3, 7, 12)


def test_what_is_no_whole_number_is_named():
    with pytest.raises(PromptError, match=r"Invalid value: '3\.5'"):
        label_values("1, 3.5")


def test_nothing_changes_the_layers_while_threads_read_them():
    arrays = [np.random.default_rng(k).integers(0, 3, (64, 64)).astype(np.uint8) for k in range(4)]
    layers = [Placed(one, (0, 0)) for one in arrays]
    found = []

    workers = [threading.Thread(target=lambda: found.append(merge(layers, Overlap.LARGER).labels)) for _ in range(3)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()

    assert all(np.array_equal(found[0], one) for one in found[1:])
