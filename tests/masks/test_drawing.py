"""Objects drawn, drawn again in part, and read back from what a user painted."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.windows import Window
from napari_sam3_assistant.masks.drawing import draw, painted, redraw, split
from napari_sam3_assistant.masks.registry import Objects

WINDOW = Window(10, 20, 26, 40)


def square(row, col, side=3):
    return PlacedMask(np.ones((side, side), bool), (row, col))


@st.composite
def masks(draw):
    size = draw(st.tuples(st.integers(1, 7), st.integers(1, 7)))
    bits = np.reshape(draw(st.lists(st.booleans(), min_size=size[0] * size[1], max_size=size[0] * size[1])), size)
    bits[0, 0] = True
    return PlacedMask(bits, (draw(st.integers(10, 19)), draw(st.integers(20, 33))))


@st.composite
def collections(draw):
    objects = Objects()
    for _ in range(draw(st.integers(0, 5))):
        objects = objects.add(draw(masks()), score=draw(st.sampled_from([0.2, 0.5, 0.5, 1.0])))
    return objects


def test_the_better_score_is_seen_and_of_equal_ones_the_newer():
    objects = Objects().add(square(10, 20), score=0.9).add(square(11, 21), score=0.5).add(square(12, 22), score=0.9)

    labels = draw(objects.items, Window(10, 20, 16, 26))

    assert labels.tolist() == [
        [1, 1, 1, 0, 0, 0],
        [1, 1, 1, 2, 0, 0],
        [1, 1, 3, 3, 3, 0],
        [0, 2, 3, 3, 3, 0],
        [0, 0, 3, 3, 3, 0],
        [0, 0, 0, 0, 0, 0],
    ]


@given(collections(), st.data())
@settings(max_examples=150, deadline=None)
def test_drawing_a_part_again_makes_what_drawing_all_does(objects, data):
    after = objects
    for _ in range(data.draw(st.integers(0, 3))):
        ids = [item.id for item in after]
        verb = data.draw(st.sampled_from(["add", "replace", "score", "remove"]))
        if verb == "add" or not ids:
            after = after.add(data.draw(masks()), score=data.draw(st.sampled_from([0.2, 0.5, 1.0])))
        elif verb == "replace":
            after = after.replace(data.draw(st.sampled_from(ids)), mask=data.draw(masks()))
        elif verb == "score":
            after = after.replace(data.draw(st.sampled_from(ids)), score=data.draw(st.sampled_from([0.2, 0.5, 1.0])))
        else:
            after = after.remove([data.draw(st.sampled_from(ids))])
    if data.draw(st.booleans()):
        after = dataclasses.replace(after, items=tuple(data.draw(st.permutations(after.items))))
    labels = draw(objects.items, WINDOW)
    kept = labels.copy()

    again = redraw(labels, objects.items, after.items, WINDOW)

    np.testing.assert_array_equal(again, draw(after.items, WINDOW))
    np.testing.assert_array_equal(labels, kept)


@given(collections(), st.data())
@settings(max_examples=200, deadline=None)
def test_what_was_painted_is_drawn_as_the_user_left_it(objects, data):
    before = draw(objects.items, WINDOW)
    after = before.copy()
    for _ in range(data.draw(st.integers(1, 3))):
        row, col = data.draw(st.integers(0, 15)), data.draw(st.integers(0, 19))
        side = data.draw(st.integers(1, 6))
        after[row : row + side, col : col + side] = data.draw(st.sampled_from([0, 1, 2, 3, 9]))

    left = painted(objects, frozenset(item.id for item in objects), before, after, WINDOW)

    np.testing.assert_array_equal(draw(left.items, WINDOW), after)
    assert (left is objects) == np.array_equal(before, after)
    untouched = before == after
    for item in left:
        old = objects[item.id].mask.within(WINDOW.box) if item.id in objects else np.zeros(WINDOW.shape, bool)
        np.testing.assert_array_equal(item.mask.within(WINDOW.box)[untouched], old[untouched])
    assert left.next_id > max((item.id for item in left), default=0) and left.next_id >= objects.next_id


def test_nothing_painted_leaves_the_very_same_objects():
    objects = Objects().add(square(10, 20))
    labels = draw(objects.items, WINDOW)

    assert painted(objects, frozenset({1}), labels, labels.copy(), WINDOW) is objects


def test_a_stroke_moves_pixels_from_one_object_to_another_and_keeps_the_rest_of_them():
    objects = Objects().add(square(10, 20), score=0.5, class_name="axon").add(square(10, 30), score=0.9)
    before = draw(objects.items, WINDOW)
    after = before.copy()
    after[0, 0] = 2

    left = painted(objects, frozenset({1, 2}), before, after, WINDOW)

    assert (left[1].mask.area, left[2].mask.area) == (8, 10) and not left[1].mask.value_at(10, 20)
    assert (left[1].class_name, left[1].score) == ("axon", 0.5)


def test_a_number_of_no_object_becomes_one():
    objects = Objects().add(square(10, 20))
    before = draw(objects.items, WINDOW)
    after = before.copy()
    after[5:7, 5:7] = 70_000

    left = painted(objects, frozenset({1}), before, after, WINDOW)

    assert left.newest.id == 70_000 and left.newest.origin.prompt == "painted" and left.next_id == 70_001
    assert left.newest.mask.offset == (15, 25) and left[1] is objects[1]


def test_an_object_of_which_nothing_is_seen_any_more_is_removed():
    objects = Objects().add(square(10, 20), score=0.2).add(square(11, 21), score=0.9)
    before = draw(objects.items, WINDOW)
    after = np.where(before == 1, 0, before)

    left = painted(objects, frozenset({1, 2}), before, after, WINDOW)

    assert [item.id for item in left] == [2], "its hidden pixels would come back when the other one goes"


def test_objects_that_were_not_drawn_keep_their_pixels():
    objects = Objects().add(square(10, 20)).add(square(10, 20), score=0.5)
    before = draw(objects.items[:1], WINDOW)

    left = painted(objects, frozenset({1}), before, np.zeros_like(before), WINDOW)

    assert [item.id for item in left] == [2] and left[2] is objects[2]


def test_objects_close_together_are_all_drawn():
    objects = Objects().add(square(0, 0)).add(square(4090, 4090))

    assert [len(part) for part in split(objects, (9999, 9999))] == [2, 0]


def test_of_objects_far_apart_those_that_meet_the_window_are_drawn():
    objects = Objects().add(square(0, 0)).add(square(30_000, 30_000)).add(square(30_500, 30_400))

    def ids(window):
        return [[item.id for item in part] for part in split(objects, (60_000, 60_000), window)]

    assert ids(Window(0, 0, 1024, 1024)) == [[1], [2, 3]]
    assert ids(None) == [[2, 3], [1]]
    assert ids(Window(10_000, 10_000, 11_000, 11_000)) == [[], [1, 2, 3]]


def test_what_does_not_fit_in_one_block_is_held_the_oldest_first():
    long = PlacedMask(np.ones((1, 9000), bool), (0, 0))
    objects = Objects().add(square(0, 0)).add(long).add(square(5, 8000)).add(square(3, 50))

    drawn, held = split(objects, (10_000, 10_000), Window(0, 0, 10_000, 10_000))

    assert ([item.id for item in drawn], [item.id for item in held]) == ([1, 3, 4], [2])


def test_objects_outside_the_plane_are_neither_drawn_nor_held():
    assert split(Objects().add(square(200, 5)), (100, 100)) == ((), ())


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32])
def test_parts_outside_the_window_are_left_out(dtype):
    objects = Objects().put(65_000, square(9, 19)).add(square(25, 39))

    labels = draw(objects.items, WINDOW, dtype)

    assert labels.dtype == dtype and labels[0, 0] == 65_000 and labels[-1, -1] == 65_001
    assert np.count_nonzero(labels) == 5
