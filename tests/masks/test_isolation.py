"""Candidates, their relations, their statuses and the objects made of them: equal to what whole masks give, slowly."""

from __future__ import annotations

import itertools

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage as ndi

from napari_sam3_assistant.core.errors import AssistantError, Cancelled
from napari_sam3_assistant.core.progress import CancelToken, Watch
from napari_sam3_assistant.masks import candidates as candidates_module
from napari_sam3_assistant.masks import label_layers
from napari_sam3_assistant.masks.candidates import harvest
from napari_sam3_assistant.masks.isolated import OverlapRule, ParentRule, isolate, whole_objects, with_status
from napari_sam3_assistant.masks.isolation import Rules, SortRule, Status, Verdict, classify, unjudged
from napari_sam3_assistant.masks.label_layers import LabelLayer
from napari_sam3_assistant.masks.relations import relate
from tests.masks.arrays import label_arrays, volumes

SMALL, LARGE = SortRule.SMALL_FIRST, SortRule.LARGE_FIRST
STAY = {Status.KEEP, Status.PARENT, Status.CHILD}


def layers_of(*arrays, offsets=None):
    places = offsets or [(0,) * array.ndim for array in arrays]
    pairs = enumerate(zip(arrays, places, strict=True))
    return [LabelLayer(f"id{k}", f"L{k}", array, tuple(at)) for k, (array, at) in pairs]


def square(top, left, side, shape=(40, 40), value=1):
    out = np.zeros(shape, np.uint8)
    out[top : top + side, left : left + side] = value
    return out


def judged(*arrays, marks=None, **rules):
    found = harvest(layers_of(*arrays))
    return classify(found, relate(found), Rules(**{"minimum_area": 1, **rules}), marks)


def statuses(*arrays, **rules):
    return [(str(one.status), one.belongs_to) for one in judged(*arrays, **rules)]


@st.composite
def placed_arrays(draw):
    """Two or three arrays of the same axes, of any shape and place."""
    dims = draw(st.integers(2, 4))
    side = 9 if dims == 2 else 4
    made, places = [], []
    for _ in range(draw(st.integers(1, 3))):
        shape = draw(hnp.array_shapes(min_dims=dims, max_dims=dims, max_side=side))
        dtype = draw(st.sampled_from(["uint8", "int64", "bool", "uint64"]))
        made.append(draw(hnp.arrays(np.uint8, shape, elements=st.sampled_from([0, 1, 1, 2]))).astype(dtype))
        places.append(tuple(draw(st.integers(-3, 3)) for _ in range(dims)))
    return made, places


def slow_candidates(arrays, places, minimum_area):
    """Return ``(layer, label, component, full mask on the grid)`` of each candidate."""
    low = np.min(places, axis=0)
    high = np.max([np.add(at, array.shape) for at, array in zip(places, arrays, strict=True)], axis=0)
    found = []
    for layer, (array, at) in enumerate(zip(arrays, places, strict=True)):
        inner = tuple(slice(a - b, a - b + n) for a, b, n in zip(at, low, array.shape, strict=True))
        for label in np.unique(array[array > 0]):
            number = 0
            for index, part in volumes(array):
                pieces, count = ndi.label(part == label)
                for piece in range(1, count + 1):
                    number += 1
                    small = np.zeros(array.shape, bool)
                    small[index] = pieces == piece
                    if small.sum() >= minimum_area:
                        mask = np.zeros(high - low, bool)
                        mask[inner] = small
                        found.append((layer, int(label), number, mask))
    return found


def slow_verdicts(masks, rules, marks):
    """Return ``(status, belongs to, children, greatest iou, greatest containment)``, as the docstring says."""
    n = len(masks)
    area = [int(mask.sum()) for mask in masks]
    iou = [[(a & b).sum() / (a | b).sum() for b in masks] for a in masks]
    share = [[(a & b).sum() / a.sum() for b in masks] for a in masks]

    def small_of(a, b):
        return max(a, b, key=lambda k: (-area[k], k))

    def kind(a, b):
        small = small_of(a, b)
        large = a + b - small
        inside, ratio = share[small][large], area[small] / area[large]
        if not share[a][b]:
            return None
        if iou[a][b] >= rules.duplicate_iou:
            return "duplicate"
        if inside >= rules.containment and ratio <= rules.area_ratio:
            return "nested"
        if iou[a][b] >= rules.fragment_iou and (ratio <= rules.area_ratio or inside >= rules.containment):
            return "fragment"
        return None

    status, of = [None] * n, [None] * n
    for k in range(n):
        if area[k] < rules.minimum_area:
            status[k] = Status.REJECT
        if k + 1 in marks:
            status[k] = marks[k + 1]
    by_area = sorted(range(n), key=lambda k: (area[k] if rules.sort is SMALL else -area[k], k))
    order = sorted(by_area, key=lambda k: not (k + 1 in marks and status[k] in STAY))
    stayed = []
    for k in order:
        if k + 1 in marks and status[k] in STAY:
            stayed.append(k)
        elif status[k] is None:
            rivals = [one for one in stayed if kind(k, one) == "duplicate"]
            if rivals:
                status[k], of[k] = Status.DUPLICATE, max(rivals, key=lambda one: (iou[k][one], -order.index(one)))
            else:
                stayed.append(k)
    for k in stayed:
        if status[k] in (None, Status.CHILD):
            above = [one for one in stayed if one != k and kind(k, one) == "nested" and small_of(k, one) == k]
            if above:
                status[k], of[k] = Status.CHILD, min(above, key=lambda one: (area[one], one))
    children = [sum(of[c] == k and status[c] is Status.CHILD for c in range(n)) for k in range(n)]
    for k in stayed:
        if status[k] is None and children[k]:
            status[k] = Status.PARENT
    for k in sorted(stayed, key=lambda k: (-area[k], k)):
        if status[k] is not None:
            continue
        whole = [
            one
            for one in stayed
            if one != k and kind(k, one) == "fragment" and small_of(k, one) == k and status[one] != Status.FRAGMENT
        ]
        status[k] = Status.FRAGMENT if whole else Status.KEEP
        if whole:
            of[k] = max(whole, key=lambda one: (iou[k][one], -one))
    most = [max((iou[k][o] for o in range(n) if o != k), default=0.0) for k in range(n)]
    inside = [max((share[k][o] for o in range(n) if o != k), default=0.0) for k in range(n)]
    return [(status[k], None if of[k] is None else of[k] + 1, children[k], most[k], inside[k]) for k in range(n)]


def slow_isolated(masks, verdicts, ids, overlap, parents):
    """Return labels, pixel by pixel."""
    out = np.zeros(masks[0].shape, int)
    area = [int(mask.sum()) for mask in masks]

    def above(high, low):
        up = verdicts[low - 1].belongs_to if verdicts[low - 1].status is Status.CHILD else None
        while up is not None and up != high:
            up = verdicts[up - 1].belongs_to if verdicts[up - 1].status is Status.CHILD else None
        return up == high

    def over(high, low):
        by_status = (verdicts[high - 1].status, verdicts[low - 1].status) == (Status.PARENT, Status.CHILD)
        return above(high, low) or (by_status and not above(low, high))

    for index in np.ndindex(out.shape):
        here = [id for id in ids if masks[id - 1][index]]
        if parents is ParentRule.OVERWRITE:
            left = [one for one in here if not any(over(other, one) for other in here)]
        else:
            left = [one for one in here if not any(over(one, other) for other in here)]
        if overlap is OverlapRule.BACKGROUND:
            out[index] = left[0] if len(left) == 1 else 0
        elif left:
            small = overlap is OverlapRule.SMALL
            out[index] = min(left, key=lambda id: (area[id - 1], id)) if small else max(left)
    return out


@settings(max_examples=100, deadline=None)
@given(label_arrays(), st.integers(1, 3))
def test_candidates_of_a_layer_are_its_connected_pieces(labels, minimum_area):
    found = harvest(layers_of(labels), minimum_area)

    slow = slow_candidates([labels], [(0,) * labels.ndim], minimum_area)
    assert [(one.label, one.component) for one in found.candidates] == [one[1:3] for one in slow]
    for number, (candidate, (_, _, _, mask)) in enumerate(zip(found.candidates, slow, strict=True)):
        assert candidate.area == mask.sum()
        np.testing.assert_array_equal(found.mask(number), mask[tuple(slice(*ends) for ends in candidate.box)])


@settings(max_examples=150, deadline=None)
@given(placed_arrays(), st.data())
def test_statuses_and_objects_are_those_of_whole_masks(placed, data):
    arrays, places = placed
    share = st.sampled_from([0.0, 0.15, 0.3, 0.5, 0.75, 0.9, 1.0])
    rules = Rules(
        data.draw(st.integers(1, 4)), *(data.draw(share) for _ in range(4)), data.draw(st.sampled_from(SortRule))
    )
    found = harvest(layers_of(*arrays, offsets=places))
    slow = slow_candidates(arrays, places, 1)
    masks = [one[3] for one in slow]
    ids = range(1, len(masks) + 1)
    marks = data.draw(st.dictionaries(st.sampled_from(ids), st.sampled_from(Status))) if masks else {}

    relations = relate(found)
    verdicts = classify(found, relations, rules, marks)

    assert [(one.layer, one.label, one.component) for one in found.candidates] == [one[:3] for one in slow]
    expected = slow_verdicts(masks, rules, marks)
    got = [(one.status, one.belongs_to, one.children) for one in verdicts]
    assert got == [one[:3] for one in expected]
    np.testing.assert_allclose([(one.iou, one.containment) for one in verdicts], [one[3:] for one in expected])
    assert [one.by_hand for one in verdicts] == [id in marks for id in ids]
    if masks:
        chosen = sorted(data.draw(st.sets(st.sampled_from(ids))))
        rule = data.draw(st.sampled_from(OverlapRule)), data.draw(st.sampled_from(ParentRule))
        labels = isolate(found, relations, verdicts, chosen, *rule)
        np.testing.assert_array_equal(labels, slow_isolated(masks, verdicts, chosen, *rule))


def test_of_two_duplicates_the_one_looked_at_first_stays():
    large, small = square(5, 5, 20), square(5, 5, 19)

    assert statuses(large, small, sort=SMALL) == [("duplicate", 2), ("keep", None)]
    assert statuses(large, small, sort=LARGE) == [("keep", None), ("duplicate", 1)]
    assert statuses(large, large) == [("keep", None), ("duplicate", 1)]


def test_the_ends_of_a_chain_of_duplicates_both_stay():
    chain = [np.zeros((1, 60), bool) for _ in range(3)]
    for shift, one in zip((0, 3, 6), chain, strict=True):
        one[0, shift : shift + 40] = True

    assert statuses(*chain, duplicate_iou=0.8) == [("keep", None), ("duplicate", 1), ("keep", None)]


def test_a_child_of_a_child_has_the_child_as_its_parent_and_a_parent_many_children():
    cell, nucleus, speck, other = square(0, 0, 30), square(2, 2, 12), square(5, 5, 4), square(20, 20, 5)

    got = judged(cell, nucleus, speck, other)

    assert [(str(one.status), one.belongs_to, one.children) for one in got] == [
        ("parent", None, 2),
        ("nested_child", 1, 1),
        ("nested_child", 2, 0),
        ("nested_child", 1, 0),
    ]


def test_a_part_of_an_object_is_a_fragment_and_equal_neighbours_that_overlap_are_none():
    cell, part = square(0, 0, 20), square(10, 10, 14)
    neighbour = square(0, 14, 20)

    assert statuses(cell, part, fragment_iou=0.15) == [("keep", None), ("fragment", 1)]
    assert statuses(cell, part, fragment_iou=0.5) == [("keep", None), ("keep", None)]
    assert statuses(cell, neighbour) == [("keep", None), ("keep", None)]


def test_thresholds_decide():
    cell, inner = square(0, 0, 20), square(0, 0, 16)

    assert statuses(cell, inner)[1] == ("nested_child", 1)
    assert statuses(cell, inner, area_ratio=0.5)[1] == ("fragment", 1)
    assert statuses(cell, inner, duplicate_iou=0.6, sort=LARGE)[1] == ("duplicate", 1)
    assert statuses(cell, inner, minimum_area=300)[1] == ("reject", None)
    assert statuses(cell, square(0, 10, 14), containment=0.5)[1] == ("nested_child", 1)


def test_what_the_user_has_said_stays_and_others_are_judged_by_it():
    first, copy = square(5, 5, 20), square(5, 5, 20)

    rejected = judged(first, copy, marks={1: Status.REJECT})
    kept = judged(first, copy, marks={2: Status.KEEP})

    assert [(str(one.status), one.by_hand) for one in rejected] == [("reject", True), ("keep", False)]
    assert [(str(one.status), one.by_hand) for one in kept] == [("duplicate", False), ("keep", True)]


def made(arrays, overlap, parents, marks=None):
    found = harvest(layers_of(*arrays))
    relations = relate(found)
    verdicts = classify(found, relations, Rules(1), marks)
    return isolate(found, relations, verdicts, whole_objects(verdicts, parents), overlap, parents), verdicts


def test_parents_are_trimmed_kept_apart_or_win():
    cell, nucleus = square(0, 0, 20), square(5, 5, 8)

    for parents, inner, outer in (
        (ParentRule.TRIM, 2, 1),
        (ParentRule.OVERWRITE, 1, 1),
        (ParentRule.SEPARATE, 2, 0),
    ):
        labels, verdicts = made([cell, nucleus], OverlapRule.LATER, parents)
        assert (labels[6, 6], labels[0, 0]) == (inner, outer)
    assert with_status(verdicts, Status.PARENT) == (1,)
    assert with_status(verdicts, Status.CHILD) == (2,)


def test_overlap_rules_give_shared_pixels_to_the_small_the_later_or_nobody():
    small, large = square(0, 0, 18), square(0, 14, 20)

    for arrays, rule, winner in (
        ([small, large], OverlapRule.SMALL, 1),
        ([large, small], OverlapRule.SMALL, 2),
        ([small, large], OverlapRule.LATER, 2),
        ([large, small], OverlapRule.LATER, 2),
        ([small, large], OverlapRule.BACKGROUND, 0),
    ):
        labels, _ = made(arrays, rule, ParentRule.TRIM)
        assert labels[3, 15] == winner
        assert {labels[3, 3], labels[3, 30]} == {1, 2}


def test_layers_that_lie_elsewhere_meet_where_they_meet():
    whole, cut = square(0, 0, 20), np.ones((10, 10), np.int64) * 2**62
    found = harvest(layers_of(whole, cut, offsets=[(100, 7), (95, 0)]))

    assert (found.corner, found.shape) == ((95, 0), (45, 47))
    assert [one.box for one in found.candidates] == [((5, 25), (7, 27)), ((0, 10), (0, 10))]
    assert relate(found).shared.tolist() == [15]
    assert found.candidates[1].label == 2**62


def test_values_of_any_size_and_sign_are_read():
    data = np.array([[-5, 0, 3]], np.int64)
    huge = np.array([[2**63, 0, 2**64 - 1]], np.uint64)

    found = harvest(layers_of(data, huge))

    assert [one.label for one in found.candidates] == [3, 2**63, 2**64 - 1]


def test_arrays_that_are_not_in_memory_are_read_part_by_part(monkeypatch):
    monkeypatch.setattr(label_layers, "READ_BYTES", 200)
    data = square(3, 3, 30)

    found = harvest(layers_of(da.from_array(data, chunks=16)))

    assert found.candidates[0].area == 900


def test_empty_layers_have_no_candidates():
    for shape in ((5, 5), (0, 5), (1, 1)):
        found = harvest(layers_of(np.zeros(shape, int), np.zeros(shape, bool)))
        assert found.candidates == ()
        assert classify(found, relate(found), Rules()) == ()
        assert unjudged(relate(found), 0) == ()
        assert not isolate(found, relate(found), (), (), OverlapRule.BACKGROUND, ParentRule.TRIM).any()


def test_one_object_fills_everything_twice():
    full = np.ones((300, 300), bool)

    assert statuses(full, full) == [("keep", None), ("duplicate", 1)]


def test_65536_objects_are_harvested_and_classified():
    ids = np.arange(1, 65537, dtype=np.uint32).reshape(256, 256)
    first, second = np.kron(ids, np.ones((2, 2), np.uint32)), np.kron(ids, np.array([[1, 1], [1, 0]], np.uint32))

    found = harvest(layers_of(first, second), 3)
    verdicts = classify(found, relate(found), Rules(1, duplicate_iou=0.7))

    assert len(found.candidates) == 2 * 65536
    assert {(one.status, one.belongs_to) for one in verdicts[:1]} == {(Status.DUPLICATE, 65537)}
    assert sum(one.status is Status.KEEP for one in verdicts) == 65536


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ([], "Select at least one Labels layer."),
        (layers_of(np.zeros((3, 3), int), np.zeros((3, 3, 3), int)), "L1 has 3 axes, L0 has 2."),
        (layers_of(np.zeros((3, 3), float)), "Labels are whole numbers, not float64."),
        (layers_of(*[np.ones((1, 1), int)] * 2, offsets=[(0, 0), (2**40, 2**40)]), "The layers lie too far apart."),
    ],
)
def test_layers_that_cannot_be_compared_are_refused_with_words(layers, words):
    with pytest.raises(AssistantError) as caught:
        harvest(layers)

    assert caught.value.message == words
    assert caught.value.hint


@pytest.mark.parametrize(
    ("limit", "words"),
    [("MOST_RUNS", "it looks like a picture"), ("MOST_PIXELS", "too large"), ("MOST_CANDIDATES", "more than")],
)
def test_too_much_is_refused_with_words(monkeypatch, limit, words):
    monkeypatch.setattr(candidates_module if limit == "MOST_CANDIDATES" else label_layers, limit, 10)

    with pytest.raises(AssistantError, match=words):
        harvest(layers_of(np.arange(100).reshape(10, 10) + 1))


def test_work_stops_when_it_is_cancelled():
    token = CancelToken()
    token.cancel()
    watch = Watch(cancel=token)
    two = layers_of(square(0, 0, 9), square(0, 0, 9))
    found = harvest(two)
    relations = relate(found)

    for work in (
        lambda: harvest(two, watch=watch),
        lambda: relate(found, watch=watch),
        lambda: isolate(found, relations, [Verdict(Status.KEEP)] * 2, (1, 2), *both(), watch=watch),
    ):
        with pytest.raises(Cancelled):
            work()


def both():
    return OverlapRule.SMALL, ParentRule.TRIM


def test_shares_of_pixels_are_counted_once_for_each_pair():
    arrays = [square(0, 0, 10), square(5, 5, 10), square(0, 0, 40)]

    found = relate(harvest(layers_of(*arrays)))

    pairs = {(int(s) + 1, int(b) + 1): int(n) for s, b, n in zip(found.small, found.large, found.shared, strict=True)}
    assert pairs == {(2, 1): 25, (1, 3): 100, (2, 3): 100}
    assert set(itertools.chain(*pairs)) == {1, 2, 3}
