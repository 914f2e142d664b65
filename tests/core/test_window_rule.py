"""Which window of a large plane answers: by size, fixed, or all of it."""

from __future__ import annotations

import pytest

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.geometry import Box
from napari_sam3_assistant.core.prompts import BoxPrompt, PointPrompt, Prompts, Query, TextPrompt
from napari_sam3_assistant.core.window_rule import BY_SIZE, SIDES, WindowRule
from napari_sam3_assistant.core.windows import Window, whole

LARGE = (60_000, 60_000)
WORDS = Query((TextPrompt("nucleus"),))


def clicks(*places) -> Prompts:
    return Prompts(tuple(PointPrompt(*place) for place in places))


@pytest.mark.parametrize("rule", [BY_SIZE, WindowRule(2048), WindowRule(8192), WindowRule(whole=True)])
def test_a_small_plane_is_taken_whole_where_no_smaller_size_is_fixed(rule):
    assert rule.takes_whole((2048, 900))
    assert rule.for_prompts((2048, 900), clicks((5, 5))) == whole((2048, 900))
    assert rule.for_query((2048, 900), WORDS, Window(0, 0, 10, 10)) == whole((2048, 900))


def test_a_fixed_size_counts_on_a_small_plane_too():
    rule = WindowRule(512)

    assert not rule.takes_whole((2048, 900)) and rule.for_prompts((2048, 900), clicks((1000, 5))).shape == (512, 512)
    assert rule.for_query((2048, 900), WORDS, Window(0, 0, 10, 10)).shape == (512, 512)


@pytest.mark.parametrize("side", SIDES)
def test_a_fixed_size_is_taken_round_a_click_and_moved_back_inside_at_the_border(side):
    assert WindowRule(side).for_prompts(LARGE, clicks((30_000, 30_000))).shape == (side, side)
    assert WindowRule(side).for_prompts(LARGE, clicks((3, 59_990))) == Window(0, 60_000 - side, side, 60_000)


def test_the_objects_own_window_is_kept_before_that_of_the_newest_request():
    own, newest = Window(100, 100, 1124, 1124), Window(0, 0, 1024, 1024)

    assert BY_SIZE.for_prompts(LARGE, clicks((500, 500)), [own, newest]) == own
    assert BY_SIZE.for_prompts(LARGE, clicks((80, 80)), [own, newest]) == newest
    assert BY_SIZE.for_prompts(LARGE, clicks((40_000, 40_000)), [own, newest]) not in (own, newest)


def test_points_of_one_object_in_different_corners_are_refused_but_not_on_the_whole_plane():
    apart = clicks((100, 100), (50_100, 100))

    with pytest.raises(PromptError, match="50,00"):
        BY_SIZE.for_prompts(LARGE, apart)
    assert WindowRule(whole=True).for_prompts(LARGE, apart) == whole(LARGE)


def test_a_box_may_be_larger_than_a_fixed_size():
    window = WindowRule(512).for_prompts(LARGE, Prompts(box=BoxPrompt(Box(1000, 1000, 11_000, 1100))))

    assert window.top <= 1000 and window.bottom >= 11_000 and window.shape[1] == 512


def test_words_are_looked_for_in_view_or_in_a_fixed_size_in_its_middle():
    view = Window(10_000, 20_000, 14_000, 26_000)

    assert BY_SIZE.for_query(LARGE, WORDS, view) == view
    assert WindowRule(1024).for_query(LARGE, WORDS, view) == Window(11_488, 22_488, 12_512, 23_512)
    assert WindowRule(whole=True).for_query(LARGE, WORDS, view) == whole(LARGE)


def test_examples_are_held_whatever_is_in_view():
    query = Query(exemplars=(BoxPrompt(Box(500, 500, 540, 540)),))

    window = WindowRule(512).for_query(LARGE, query, Window(10_000, 10_000, 11_000, 11_000))

    assert window.shape == (512, 512) and window.contains(500, 500) and window.contains(539, 539)
