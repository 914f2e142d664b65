"""The index of components, kept in step with changes, against an analysis of the whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.masks.components import analyze
from napari_sam3_assistant.masks.index import carried, index_of, listed
from napari_sam3_assistant.masks.scopes import Scope
from napari_sam3_assistant.masks.updates import updated
from tests.masks.arrays import label_arrays


def alike(components) -> set:
    """Return components without their ids, with centroids that do not depend on how they were summed."""
    return {replace(one, id=0, centroid=tuple(round(at, 6) for at in one.centroid)) for one in components}


@st.composite
def changes(draw):
    """An array, the same one with some boxes painted or cut, and the boxes."""
    before = draw(label_arrays())
    after = before.copy()
    values = [0, *np.unique(before).tolist()]
    boxes = []
    for _ in range(draw(st.integers(1, 4))):
        ends = [sorted((draw(st.integers(0, n)), draw(st.integers(0, n)))) for n in before.shape]
        box = tuple(slice(low, high) for low, high in ends)
        after[box] = draw(st.sampled_from(values))
        boxes.append(box)
    return before, after, boxes


@settings(max_examples=300, deadline=None)
@given(change=changes())
def test_an_index_after_changes_is_that_of_an_analysis_of_the_whole(change):
    before, after, boxes = change
    old = analyze(before)

    new = updated(index_of(old), after, boxes)

    assert alike(new.components) == alike(analyze(after))
    ids = [one.id for one in new.components]
    assert len(set(ids)) == len(ids)
    untouched = {replace(one, centroid=()) for one in old} & {replace(one, centroid=()) for one in new.components}
    same = alike(old) & alike(new.components)
    assert {replace(one, id=0) for one in untouched} >= {replace(one, centroid=()) for one in same if _away(one, boxes)}


def _away(one, boxes) -> bool:
    """Return whether a component lies away from all boxes."""
    return all(
        any(low > box.stop or high < box.start for (low, high), box in zip(one.box, block, strict=True))
        for block in boxes
    )


@settings(max_examples=100, deadline=None)
@given(change=changes(), data=st.data())
def test_an_index_of_a_part_follows_changes_of_the_whole(change, data):
    before, after, boxes = change
    axis = data.draw(st.integers(0, before.ndim - 1))
    at = data.draw(st.integers(0, before.shape[axis] - 1))
    bounds = tuple(slice(at, at + 1) if k == axis else slice(0, n) for k, n in enumerate(before.shape))

    new = updated(listed(before, Scope(bounds)), after, boxes, bounds)

    assert alike(new.components) == alike(listed(after, Scope(bounds)).components)


def test_of_a_region_the_components_are_listed_that_lie_mostly_in_it_and_places_are_those_of_the_whole():
    labels = np.zeros((3, 20, 20), np.uint8)
    labels[1, 2:8, 2:8], labels[1, 12:18, 0:6], labels[2, 2:8, 2:8] = 1, 2, 3
    region = PlacedMask(np.ones((15, 4), bool), (1, 3))

    found = listed(labels, Scope((slice(1, 2), slice(1, 20), slice(0, 20)), region)).components

    assert [(one.label, one.area, one.box, one.start) for one in found] == [
        (1, 36, ((1, 2), (2, 8), (2, 8)), (1, 2, 2)),
    ]


def test_components_found_anew_keep_their_ids():
    labels = np.zeros((20, 40), np.uint16)
    labels[2:8, 2:30], labels[12:18, 2:8], labels[12:18, 20:26] = 1, 2, 3
    old = analyze(labels)
    labels[2:8, 2:30], labels[12, 2], labels[0, 39] = 0, 0, 2

    new = carried(old, listed(labels, Scope((slice(0, 20), slice(0, 40)))))

    assert {one.id: (one.label, one.area) for one in new.components} == {2: (2, 35), 4: (2, 1), 3: (3, 36)}


@given(labels=label_arrays(max_dims=3))
def test_every_pixel_is_found_in_its_component(labels):
    index = index_of(analyze(labels))

    for place in np.ndindex(labels.shape):
        found = index.at(labels, place)

        assert (found is None) == (labels[place] <= 0)
        if found is not None:
            assert found.label == int(labels[place])
            assert all(low <= at < high for at, (low, high) in zip(place, found.box, strict=True))
    assert index.at(labels, (-1,) * labels.ndim) is None


def test_what_is_painted_keeps_its_id_and_what_is_cut_off_gets_a_new_one():
    labels = np.zeros((20, 40), np.uint16)
    labels[2:8, 2:30], labels[12:18, 2:8] = 1, 2
    index = index_of(analyze(labels))

    labels[2:8, 10:12] = 0
    index = updated(index, labels, [(slice(2, 8), slice(10, 12))])
    labels[11, 2:8] = 2
    index = updated(index, labels, [(slice(11, 12), slice(2, 8))])

    assert {one.id: (one.label, one.area) for one in index.components} == {1: (1, 108), 2: (2, 42), 3: (1, 48)}


def test_a_component_with_another_value_keeps_its_id():
    labels = np.zeros((9, 9), np.uint8)
    labels[2:5, 2:5] = 3
    index = index_of(analyze(labels))

    labels[2:5, 2:5] = 7

    assert [(one.id, one.label) for one in updated(index, labels, [(slice(2, 5), slice(2, 5))]).components] == [(1, 7)]


def test_a_change_of_very_much_is_left_to_an_analysis():
    labels = np.zeros((2000, 2000), np.uint8)
    labels[5:9, 5:9] = 1

    assert updated(index_of(analyze(labels)), labels, [(slice(0, 2000), slice(0, 2000))]) is None
    assert updated(index_of(()), labels, [(slice(0, 1), slice(0, 1))] * 300) is None
