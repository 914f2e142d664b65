"""Prompts check themselves once."""

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.geometry import Box, PlacedMask
from napari_sam3_assistant.core.prompts import (
    BoxPrompt,
    MaskPrompt,
    PointPrompt,
    Prompts,
    Query,
    TextPrompt,
    is_positive,
)


@pytest.mark.parametrize(
    "word",
    [
        "negative",
        " BG ",
        "Exclude",
        "0",
        "-1",
        0,
        0.0,
        -1,
        -0.5,
        np.int64(-1),
        np.bool_(False),
        False,
        "false",
        "neg",
        "background",
    ],
)
def test_negative_words_are_negative(word):
    assert not is_positive(word)


@pytest.mark.parametrize("word", ["positive", "fg", "1", "+1", 1, 2.0, np.int64(1), True, "nucleus", "", float("nan")])
def test_everything_else_is_positive(word):
    assert is_positive(word)


@pytest.mark.parametrize(("at", "pixel"), [((1.4, 1.5), (1, 2)), ((-0.5, 0.49), (0, 0)), ((2.5, 3.5), (3, 4))])
def test_a_point_belongs_to_the_pixel_whose_square_it_lies_in(at, pixel):
    assert PointPrompt(*at).pixel == pixel


def test_prompts_that_say_nothing_are_refused():
    for make in (
        lambda: PointPrompt(float("nan"), 1),
        lambda: MaskPrompt(PlacedMask(np.zeros((4, 4), bool))),
        lambda: TextPrompt("  \n"),
        lambda: Query(),
        lambda: Query(exemplars=(BoxPrompt(Box(0, 0, 2, 2), positive=False),)),
        lambda: Prompts().extent(),
    ):
        with pytest.raises(PromptError) as caught:
            make()
        assert caught.value.hint


def test_the_extent_holds_points_box_and_the_painted_part_of_a_mask():
    painted = np.zeros((50, 50), bool)
    painted[20:22, 30:31] = True
    prompts = Prompts(
        points=(PointPrompt(3, 4),), box=BoxPrompt(Box(10, 10, 12, 12)), mask=MaskPrompt(PlacedMask(painted, (100, 0)))
    )

    assert prompts.extent() == Box(3, 4, 122, 31)


def test_the_newest_prompt_is_the_last_point_else_the_box():
    box = BoxPrompt(Box(10, 10, 13, 13))

    assert Prompts(points=(PointPrompt(1, 1), PointPrompt(7, 8, False)), box=box).newest() == (7, 8)
    assert Prompts(box=box).newest() == (11, 11)
