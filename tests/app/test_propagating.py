"""Which object a prompt on a followed frame is about, what an engine does not take, and what is said: pure."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam3_assistant.app.propagating import words
from napari_sam3_assistant.app.propagating.numbers import Numbering, about_points, by_object
from napari_sam3_assistant.app.propagating.saying import Heard, Saying
from napari_sam3_assistant.core.errors import AssistantError, PromptError, Unsupported
from napari_sam3_assistant.core.geometry import Box, PlacedMask
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.prompts import BoxPrompt, MaskPrompt, PointPrompt, Prompts
from napari_sam3_assistant.engines.protocol import VideoLimits


def box(top: int, left: int, side: int = 10) -> PlacedMask:
    return PlacedMask(np.ones((side, side), bool), (top, left))


def saying(frame: int, number: int, prompts: Prompts, **more) -> Saying:
    return Saying(Plane(1, 2, ((0, frame),)), frame, number, prompts, **more)


THERE = {1: box(0, 0), 2: box(0, 30)}


def about(number: int, *points: PointPrompt, begun=(), taken=(1, 2, 3)) -> dict[int, tuple[PointPrompt, ...]]:
    asked = {number: points}
    return by_object(asked, about_points(asked, THERE, taken, begun, {}))


@pytest.mark.parametrize(
    ("number", "point", "id"),
    [
        (1, PointPrompt(5, 35, positive=False), 2),
        (1, PointPrompt(5, 35), 2),
        (1, PointPrompt(5, 40), 2),
        (2, PointPrompt(5, 5), 1),
        (1, PointPrompt(50, 50), 4),
        (3, PointPrompt(50, 50), 3),
        (7, PointPrompt(50, 50), 7),
        (1, PointPrompt(50, 50, positive=False), 1),
    ],
    ids=["negative inside", "inside", "touching", "inside another", "elsewhere", "lost before", "free", "beside"],
)
def test_a_point_is_about_the_object_it_lies_on_and_else_begins_another(number, point, id):
    assert about(number, point) == {id: (point,)}


def test_a_number_that_was_begun_on_purpose_is_a_new_object_even_on_another_one():
    assert about(9, PointPrompt(5, 5), begun={9}) == {9: (PointPrompt(5, 5),)}


def test_points_of_one_number_go_to_several_objects_and_known_ones_stay():
    old, negative = PointPrompt(5, 5), PointPrompt(5, 35, positive=False)
    new, beside = PointPrompt(60, 60), PointPrompt(60, 70, positive=False)
    asked = {1: (old, negative, new, beside)}

    found = by_object(asked, about_points(asked, THERE, {1, 2}, (), {(1, old): 1}))

    assert found == {1: (old,), 2: (negative,), 3: (new, beside)}


def test_masks_boxes_and_labels_are_the_objects_that_they_cover():
    numbers = Numbering(THERE, {1, 2})

    assert numbers.of_box(Box(-2, 28, 14, 44)) == 2
    assert numbers.of_mask(box(1, 1, 8)) == 1
    assert numbers.of_mask(box(50, 50), 2) == 3
    assert Numbering(THERE, {1, 2, 5}).of_value(5, box(50, 50), 1) == 5
    assert Numbering(THERE, {1, 2, 5}).of_value(5, box(1, 1), 1) == 1
    assert Numbering(THERE, {1, 2}).of_value(None, box(50, 50), 7) == 7


POINTS = Prompts(points=tuple(PointPrompt(1, k) for k in range(17)))
ROUND = Prompts(box=BoxPrompt(Box(0, 0, 5, 5)))
PAINTED = Prompts(mask=MaskPrompt(box(0, 0)))


@pytest.mark.parametrize(
    ("limits", "prompts", "kind", "said"),
    [
        (VideoLimits(max_points=16), [POINTS], PromptError, "support up to 16 points per request"),
        (VideoLimits(max_boxes=1), [ROUND, ROUND], PromptError, "supports one initial visual box per prompted frame"),
        (VideoLimits(masks=False), [PAINTED], Unsupported, "Labels-mask prompts are not supported"),
        (VideoLimits(boxes=False), [ROUND], Unsupported, "takes no box"),
        (VideoLimits(points=False), [POINTS], Unsupported, "takes no point"),
        (
            VideoLimits(mixes=False),
            [Prompts(points=POINTS.points[:1], box=ROUND.box)],
            Unsupported,
            "cannot be combined with text or box prompts",
        ),
    ],
)
def test_what_an_engine_does_not_take_is_said_before_it_is_asked(limits, prompts, kind, said):
    with pytest.raises(kind, match=said) as raised:
        words.check_limits([saying(3, k, one) for k, one in enumerate(prompts, 1)], limits, "SAM3", "Use another.")

    assert "frame 3" in raised.value.message
    assert raised.value.hint


def test_what_is_said_outside_the_range_is_an_error_on_screen_and_else_left_out():
    inside, outside = saying(3, 1, POINTS), saying(9, 1, POINTS)

    kept, left_out = words.inside([inside, outside], range(2, 6), on_screen=3)

    assert (kept, left_out) == ([inside], "What is said on frame 9, outside the range, is left out.")
    for sayings, on_screen in (([outside], 3), ([inside, outside], 9)):
        with pytest.raises(PromptError, match="frame 9 lies outside the range of frames 2 to 5"):
            words.inside(sayings, range(2, 6), on_screen)


@pytest.mark.parametrize(("first", "last", "frames"), [(0, None, range(8)), (2, 99, range(2, 8)), (-1, 3, range(4))])
def test_a_range_is_cut_to_the_frames_there_are(first, last, frames):
    assert words.check_range(first, last, 8) == frames


def test_an_empty_range_and_an_object_of_negative_points_alone_are_errors():
    with pytest.raises(AssistantError, match="from 5 to 2"):
        words.check_range(5, 2, 8)
    with pytest.raises(AssistantError, match="only negative points"):
        words.check_points([saying(0, 4, Prompts(points=(PointPrompt(0, 0, positive=False),)))], known=[1])


def test_many_frames_are_named_by_the_first_few():
    assert words.frames_in_words([7]) == "frame 7"
    assert words.frames_in_words(range(9)) == "frames 0, 1, 2, 3 and 5 more"


def test_what_was_heard_is_kept_apart_from_its_copy():
    heard = Heard()
    heard.hear([saying(0, 1, POINTS, keys=("a",))])
    before = heard.copy()

    heard.hear([saying(0, 1, POINTS, keys=("b",))])

    assert heard.knows("b") and not before.knows("b")
