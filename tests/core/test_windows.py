"""The window rule."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.geometry import Box, PlacedMask, intersection
from napari_sam3_assistant.core.prompts import BoxPrompt, MaskPrompt, PointPrompt, Prompts
from napari_sam3_assistant.core.windows import (
    WHOLE_SIDE,
    WINDOW_SIDE,
    Window,
    choose_window,
    cut_prompts,
    tiles,
    visible_window,
    whole,
)

LARGE = (16_384, 20_000)
places = st.tuples(st.integers(0, LARGE[0] - 1), st.integers(0, LARGE[1] - 1))


def clicks(*at):
    return Prompts(points=tuple(PointPrompt(*one) for one in at))


@given(st.integers(1, WHOLE_SIDE), st.integers(1, WHOLE_SIDE))
def test_a_plane_of_up_to_2048_a_side_is_taken_whole(height, width):
    assert choose_window((height, width), clicks((0, 0))) == whole((height, width))


@given(st.lists(places, min_size=1, max_size=4))
def test_a_window_of_a_large_plane_holds_every_prompt_and_lies_inside(at):
    window = choose_window(LARGE, clicks(*at))

    assert all(window.contains(*one) for one in at)
    assert window.top >= 0 and window.left >= 0 and window.bottom <= LARGE[0] and window.right <= LARGE[1]
    assert min(window.shape) >= WINDOW_SIDE


@given(places)
def test_one_click_makes_a_window_of_1024(at):
    assert choose_window(LARGE, clicks(at)).shape == (WINDOW_SIDE, WINDOW_SIDE)


@given(places, st.tuples(st.integers(-300, 300), st.integers(-300, 300)))
def test_a_window_that_still_serves_is_kept(at, step):
    first = choose_window(LARGE, clicks(at))
    row, col = np.clip(np.add(at, step), 0, np.subtract(LARGE, 1)).tolist()

    second = choose_window(LARGE, clicks(at, (row, col)), first)

    assert second == first


def test_a_click_far_away_moves_the_window_and_keeps_the_earlier_points():
    first = choose_window(LARGE, clicks((5000, 5000)))

    second = choose_window(LARGE, clicks((5000, 5000), (5000, 7000)), first)

    assert second != first
    assert second.contains(5000, 5000) and second.contains(5000, 7000)


def test_a_window_near_the_border_of_the_plane_is_kept_for_a_click_on_the_border():
    first = choose_window(LARGE, clicks((200, 200)))

    assert choose_window(LARGE, clicks((200, 200), (0, 0)), first) == first


def test_a_window_grows_with_a_box():
    box = Box(3000, 3000, 5000, 4800)

    window = choose_window(LARGE, Prompts(box=BoxPrompt(box)))

    assert intersection(window.box, box) == box


def test_a_fixed_side_applies_to_small_planes_too():
    assert choose_window((2000, 2000), clicks((1000, 1000)), side=512).shape == (512, 512)
    assert choose_window((300, 2000), clicks((10, 1000)), side=512).shape == (300, 512)


def test_prompts_beside_the_plane_are_refused():
    with pytest.raises(PromptError):
        choose_window(LARGE, clicks((-50, -50)))


def test_what_is_in_view_is_cut_to_the_plane():
    assert visible_window(Box(-10, 4.2, 20.5, 30), (15, 25)) == Window(0, 4, 15, 25)
    with pytest.raises(PromptError):
        visible_window(Box(-10, -10, -2, -2), (15, 25))


def test_cutting_moves_prompts_into_the_window_and_leaves_out_the_rest():
    mask = MaskPrompt(PlacedMask(np.ones((4, 4), bool), (8, 8)))
    prompts = Prompts(
        points=(PointPrompt(12, 13), PointPrompt(5, 5, False)), box=BoxPrompt(Box(5, 5, 15, 15)), mask=mask
    )

    cut = cut_prompts(prompts, Window(10, 10, 30, 30))

    assert cut.points == (PointPrompt(2, 3),)
    assert cut.box == BoxPrompt(Box(0, 0, 5, 5))
    assert cut.mask.mask.offset == (0, 0) and cut.mask.mask.area == 4
    assert cut_prompts(prompts, Window(20, 20, 30, 30)).empty


@given(st.integers(1, 300), st.integers(1, 300), st.integers(8, 120), st.integers(0, 7))
def test_tiles_cover_the_plane_and_share_the_overlap(height, width, side, overlap):
    seen = np.zeros((height, width), int)

    found = list(tiles((height, width), side, overlap))

    for tile in found:
        seen[tile.slices] += 1
        assert tile.shape == (min(side, height), min(side, width))
    assert seen.min() >= 1
    rows = sorted({tile.top for tile in found})
    assert all(b - a <= side - overlap for a, b in pairwise(rows))


def test_tiles_that_would_never_advance_are_refused():
    with pytest.raises(PromptError):
        list(tiles((10, 10), 4, 4))
