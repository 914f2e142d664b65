"""Accepted objects edited as labels: pixel by pixel as an array would be, and no further than what was painted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.geometry import Box, PlacedMask
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.windows import Window
from napari_sam3_assistant.masks.accepting import Accepted
from napari_sam3_assistant.masks.editing import Numbers, covers, drawn, rewritten, window_to_edit

FLAT, SIDE = Plane(0, 1), 24
WHOLE = Box(0, 0, SIDE, SIDE)
WINDOW = Box(6, 4, 20, 18)


def object_of(id, top, left, height=4, width=4):
    return Accepted(id, PlacedMask(np.ones((height, width), bool), (top, left)), "slide", FLAT)


def edit(records, box, after, elsewhere=(), erased=()):
    """Return what becomes of records where the labels of a box are painted to be ``after``."""
    own = {one.id: one for one in records}
    numbers = Numbers({**own, **{one.id: one for one in elsewhere}}, {one.id: one for one in erased})
    before = drawn(records, box, np.uint16)
    return rewritten(own, numbers, before, after, (int(box.top), int(box.left)), "slide", FLAT)


def applied(records, found):
    return [*(one for one in records if one not in found.gone), *found.made]


boxes = st.tuples(st.integers(0, 18), st.integers(0, 18), st.integers(1, 8), st.integers(1, 8))
strokes = st.tuples(st.integers(0, 10), st.integers(0, 10), st.integers(1, 8), st.integers(1, 8), st.integers(0, 9))


@given(st.lists(boxes, max_size=5), st.lists(strokes, min_size=1, max_size=4))
@settings(max_examples=150, deadline=None)
def test_what_is_painted_is_what_is_drawn_afterwards_and_the_rest_stays(places, painted):
    records = [object_of(id, *place) for id, place in enumerate(places, 1)]
    whole = drawn(records, WHOLE, np.uint16)
    after = drawn(records, WINDOW, np.uint16)
    for top, left, height, width, value in painted:
        after[top : top + height, left : left + width] = value

    found = edit(records, WINDOW, after)

    changed = np.zeros((SIDE, SIDE), bool)
    changed[6:20, 4:18] = whole[6:20, 4:18] != after
    whole[6:20, 4:18] = after
    np.testing.assert_array_equal(drawn(applied(records, found), WHOLE, np.uint16), whole)
    assert not found.numbers and all(one.mask.area for one in found.made)
    assert {one.id for one in found.gone} <= {one.id for one in records}
    for one in records:
        meant = changed & (one.mask.within(WHOLE) | (whole == one.id))
        assert (one in found.gone) == bool(meant.any())


def test_a_pixel_that_is_erased_shows_no_object_that_lay_beneath():
    records = [object_of(1, 8, 8, 8, 8), object_of(2, 10, 10)]
    after = drawn(records, WINDOW, np.uint16)
    after[after == 2] = 0

    found = edit(records, WINDOW, after)

    assert [(one.id, one.mask.area) for one in found.made] == [(1, 64 - 16)]
    assert not drawn(applied(records, found), Box(10, 10, 14, 14), np.uint16).any()


def test_an_edited_object_is_known_as_the_one_that_was_accepted():
    one = object_of(3, 8, 8)
    after = drawn([one], WINDOW, np.uint16)
    after[0, 0] = 3

    (first,) = edit([one], WINDOW, after).made
    after[0, 1] = 3
    (second,) = edit([first], WINDOW, after).made

    assert first.root is second.root is one.root is one and (second.act, second.image) == (one.act, "slide")


def test_new_numbers_are_kept_and_those_of_objects_elsewhere_are_replaced():
    after = np.zeros((14, 14), np.uint16)
    after[0, 0], after[1, 1:3], after[2, 2] = 5, 7, 12

    found = edit([], WINDOW, after, elsewhere=[object_of(7, 0, 0)], erased=[object_of(5, 0, 0)])

    assert [(one.id, one.mask.area, one.act) for one in found.made] == [(5, 1, 5), (13, 2, 13), (12, 1, 12)]
    assert found.numbers == {7: 13} and found.made[0].mask.offset == (6, 4)
    assert found.made[0].first is not None, "it goes on with the object that had the number"


@pytest.mark.parametrize(
    "view", [Window(30_000, 100, 30_600, 900), Window(0, 0, 10, 10), Window(58_900, 0, 60_000, 4096)]
)
def test_the_window_holds_the_view_and_some_more_on_a_grid(view):
    window = window_to_edit(view, (60_000, 60_000))

    assert covers(window, view) and max(window.shape) <= 4096 and min(window.shape) >= 512
    for low, high in ((window.top, window.bottom), (window.left, window.right)):
        assert low % 128 == 0 and (high % 128 == 0 or high == 60_000)


def test_a_view_that_lies_off_the_grid_is_taken_as_it_is_where_nothing_more_fits():
    assert window_to_edit(Window(50, 50, 50 + 4096, 50 + 4096), (60_000, 60_000)) == Window(50, 50, 4146, 4146)


def test_a_view_that_is_too_large_is_refused():
    with pytest.raises(PromptError, match="5,000 x 600 pixels are in view"):
        window_to_edit(Window(0, 0, 5000, 600), (60_000, 60_000))
