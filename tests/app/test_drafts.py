"""Drafts: what is asked when, and what becomes of the masks. No viewer, no engine."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam3_assistant.app.drafts import Draft, Talk
from napari_sam3_assistant.core.geometry import Box, PlacedMask
from napari_sam3_assistant.core.intensity import Limits
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.prompts import BoxPrompt, MaskPrompt, PointPrompt, Prompts
from napari_sam3_assistant.core.results import Segmentation
from napari_sam3_assistant.core.sources import array_source
from napari_sam3_assistant.core.windows import Window
from napari_sam3_assistant.masks.registry import Origin
from napari_sam3_assistant.tasks.image import PlaneResult
from napari_sam3_assistant.tasks.reading import Named
from napari_sam3_assistant.tasks.view import View

SOURCE = array_source(np.zeros((100, 100), np.uint8), identity="image")
A, B, C = PointPrompt(10, 10), PointPrompt(12, 12), PointPrompt(50, 50)


def square(row: int, col: int, side: int = 10) -> PlacedMask:
    return PlacedMask(np.ones((side, side), bool), (row, col))


def answer(mask: PlacedMask, score: float = 0.9, alternatives: tuple[PlacedMask, ...] = ()) -> PlaneResult:
    view = View(SOURCE, Plane(0, 1), Window(0, 0, 100, 100))
    return PlaneResult(
        Segmentation(mask, score, alternatives), view, Prompts(), Limits((0.0,), (1.0,)), "built-in", 0, 0
    )


def ask(draft: Draft, points, mask: PlacedMask, **more) -> Draft:
    """Return the draft after its points were asked about and answered."""
    draft = draft.with_points(points, gone=True)
    for id, prompts in draft.stale(points).items():
        draft = draft.answered(id, prompts, answer(mask, **more), Origin("image"))
    return draft


def named(mask, score, name=""):
    return Named(Segmentation(mask, score), name, 1)


def found(*masks: PlacedMask, scores=None) -> Draft:
    scores = scores or [0.9] * len(masks)
    return Draft().with_found(
        "exemplar", [named(m, s) for m, s in zip(masks, scores, strict=True)], Origin("image", "exemplar")
    )


# -- points ---------------------------------------------------------------------------------------


def test_new_points_are_asked_once():
    draft = Draft().with_points({1: (A,)}, gone=True)
    assert draft.stale({1: (A,)}) == {1: Prompts(points=(A,))}

    draft = draft.answered(1, Prompts(points=(A,)), answer(square(5, 5)), Origin("image"))

    assert draft.stale({1: (A,)}) == {} and draft.objects[1].mask.area == 100
    assert draft.objects[1].origin == Origin("image", "points")


def test_only_the_object_whose_points_changed_is_asked_again():
    draft = ask(ask(Draft(), {1: (A,)}, square(5, 5)), {1: (A,), 2: (C,)}, square(45, 45))

    assert list(draft.stale({1: (A, B), 2: (C,)})) == [1]


def test_an_object_goes_with_its_last_point_on_this_slice_but_stays_on_another():
    draft = ask(Draft(), {1: (A,)}, square(5, 5))

    assert draft.with_points({}, gone=True).ids == []
    kept = draft.with_points({}, gone=False)
    assert kept.objects[1].mask.area == 100 and kept.stale({}) == {}


def test_a_mask_kept_without_its_points_is_what_the_next_point_corrects():
    kept = ask(Draft(), {1: (A,)}, square(5, 5)).kept()

    prompts = kept.stale({1: (B,)})[1]

    assert prompts.points == (B,) and prompts.mask is not None and prompts.mask.mask.area == 100


def test_prompts_that_fail_leave_the_mask_and_are_not_asked_again_until_they_change():
    draft = ask(Draft(), {1: (A,)}, square(5, 5)).failed(1, Prompts(points=(A, B)))

    assert len(draft.objects) == 1 and list(draft.stale({1: (A,)})) == [1]
    assert draft.stale({1: (A, B)}) == {} and list(draft.stale({1: (A, B)}, again=True)) == [1]


def test_an_object_that_was_not_found_has_no_mask_and_is_asked_again_only_by_a_run():
    draft = ask(Draft(), {1: (A,)}, PlacedMask(np.zeros((0, 0), bool)))

    assert not draft.has(1) and draft.ids == [1]
    assert draft.stale({1: (A,)}) == {} and list(draft.stale({1: (A,)}, again=True)) == [1]


def test_cleared_masks_come_back_with_a_change_or_a_run_and_not_by_themselves():
    draft = ask(Draft(), {1: (A,)}, square(5, 5)).dismissed({1: (A,)})

    assert len(draft.objects) == 0 and draft.stale({1: (A,)}) == {}
    assert list(draft.stale({1: (A, B)})) == [1] and list(draft.stale({1: (A,)}, again=True)) == [1]


def test_numbers_are_never_given_twice():
    draft = ask(ask(Draft(), {1: (A,)}, square(5, 5)), {1: (A,), 2: (C,)}, square(45, 45))

    assert draft.without([2]).select(None).next_point == 3


# -- selecting ------------------------------------------------------------------------------------


def test_a_point_on_another_object_selects_it():
    draft = ask(ask(Draft(), {1: (A,)}, square(5, 5)), {1: (A,), 2: (C,)}, square(45, 45)).select(2)

    assert draft.stands_on(2, 8, 8).id == 1
    assert draft.stands_on(2, 50, 50) is None, "its own object is corrected"
    assert draft.stands_on(2, 80, 80) is None, "the ground belongs to nobody"


def test_a_pixel_of_both_corrects_the_selected_object():
    draft = ask(ask(Draft(), {1: (A,)}, square(5, 5, 20)), {1: (A,), 2: (C,)}, square(15, 15, 30)).select(2)

    assert draft.stands_on(2, 20, 20) is None


def test_after_new_object_a_point_begins_one_wherever_it_is():
    draft = ask(Draft(), {1: (A,)}, square(5, 5)).select(None, begun=True)

    assert draft.stands_on(draft.next_point, 8, 8) is None
    assert draft.select(None).stands_on(draft.next_point, 8, 8).id == 1


def test_of_overlapping_objects_the_better_one_is_under_the_pointer():
    draft = found(square(0, 0, 20), square(10, 10, 20), scores=[0.5, 0.8])

    assert draft.under(15, 15).score == pytest.approx(0.8) and draft.under(5, 5).score == pytest.approx(0.5)


def test_walking_goes_round():
    draft = found(square(0, 0), square(20, 20), square(40, 40))

    ids = []
    for _ in range(4):
        draft = draft.walk(1)
        ids.append(draft.selected)
    assert ids == [1, 2, 3, 1] and draft.walk(-1).selected == 3
    assert Draft().walk(1).selected is None


# -- found objects --------------------------------------------------------------------------------


def test_points_on_a_found_object_correct_its_mask():
    draft = found(square(5, 5), square(45, 45)).with_points({1: (A,)}, gone=True)

    prompts = draft.stale({1: (A,)})

    assert list(prompts) == [1] and prompts[1].mask.mask.area == 100 and prompts[1].points == (A,)


def test_without_its_points_a_found_object_is_as_it_was_found():
    draft = ask(found(square(5, 5)), {1: (A,)}, square(5, 5, 30))
    assert draft.objects[1].mask.area == 900

    assert draft.with_points({}, gone=True).objects[1].mask.area == 100


def test_another_run_replaces_what_was_found_but_not_what_was_refined():
    draft = ask(found(square(5, 5), square(45, 45)), {1: (A,)}, square(5, 5, 12))

    again = draft.with_found("exemplar", [named(square(5, 5), 0.9), named(square(70, 70), 0.8)], Origin())

    assert sorted(item.mask.offset for item in again.objects) == [(5, 5), (70, 70)]
    assert again.objects[1].mask.area == 144, "the refined object is the one that is there"


def test_another_reading_is_shown_and_points_correct_it():
    small, large = square(5, 5), square(5, 5, 40)
    draft = ask(Draft(), {1: (A,)}, small, alternatives=(large,))

    draft = draft.with_reading(1, 1)

    assert draft.objects[1].mask.area == 1600 and draft.stale({1: (A,)}) == {}
    assert draft.stale({1: (A, B)})[1].mask.mask.area == 1600
    assert draft.with_reading(1, 0).objects[1].mask.area == 100
    assert draft.with_reading(1, 0).stale({1: (A,)}) == {}


def test_an_answer_after_another_reading_is_not_asked_for_again():
    draft = ask(Draft(), {1: (A,)}, square(5, 5), alternatives=(square(5, 5, 40),)).with_reading(1, 1)

    draft = ask(draft, {1: (A, B)}, square(5, 5, 38))

    assert draft.stale({1: (A, B)}) == {} and draft.talks[1].reading == 0


# -- shapes ---------------------------------------------------------------------------------------


def boxes(*corners):
    return [((row, col), Prompts(box=BoxPrompt(Box(row, col, row + 10, col + 10)))) for row, col in corners]


def run(draft: Draft, shapes) -> tuple[Draft, list[int]]:
    draft = draft.with_shapes("box", shapes)
    todo = draft.stale_shapes("box", again=True)
    for id, prompts in todo.items():
        top, left = int(prompts.box.box.top), int(prompts.box.box.left)
        draft = draft.answered(id, prompts, answer(square(top, left)), Origin("image"))
    return draft, list(todo)


def test_each_box_is_one_object_and_only_new_boxes_are_asked():
    draft, asked = run(Draft(), boxes((0, 0), (20, 20)))
    assert asked == [1, 2]

    draft, asked = run(draft, boxes((0, 0), (20, 20), (40, 40)))

    assert asked == [3] and len(draft.objects) == 3


def test_a_box_that_is_gone_takes_its_object_along_unless_that_was_refined():
    draft, _ = run(Draft(), boxes((0, 0), (20, 20)))
    draft = ask(draft, {2: (PointPrompt(25, 25),)}, square(20, 20, 15))

    draft, asked = run(draft, boxes((40, 40)))

    assert asked == [3] and [item.id for item in draft.objects] == [2, 3]


def test_a_refined_box_keeps_its_mask_in_another_run():
    draft, _ = run(Draft(), boxes((0, 0)))
    draft = ask(draft, {1: (PointPrompt(5, 5),)}, square(0, 0, 17))

    draft, asked = run(draft, boxes((0, 0)))

    assert asked == [] and draft.objects[1].mask.area == 289


def test_a_click_on_the_object_of_a_box_may_leave_the_box():
    draft, _ = run(Draft(), boxes((0, 0)))

    prompts = draft.with_points({1: (B,)}, gone=True).stale({1: (B,)})[1]

    assert prompts.box is None and prompts.mask is not None


# -- painting and accepting -----------------------------------------------------------------------


def test_a_painted_mask_stays_until_a_point_is_added_and_is_then_corrected():
    draft = ask(Draft(), {1: (A,)}, square(5, 5))

    draft = draft.with_painted(draft.objects.replace(1, mask=square(5, 5, 13)))

    assert draft.stale({1: (A,)}) == {}
    assert draft.stale({1: (A, B)})[1].mask.mask.area == 169


def test_a_painted_object_is_one_like_any_other():
    painted = Draft().objects.put(4, square(60, 60), origin=Origin(prompt="painted"))

    draft = Draft().with_painted(painted)

    assert draft.ids == [4] and draft.next_point == 5 and draft.talks[4].kind == "painted"
    assert draft.without([4]).ids == []


def test_an_object_erased_by_hand_does_not_come_back_by_itself():
    draft = ask(Draft(), {1: (A,)}, square(5, 5))

    draft = draft.with_painted(draft.objects.remove([1]))

    assert not draft.has(1) and draft.stale({1: (A,)}) == {}


def test_an_accepted_object_counts_as_new_once_its_mask_changes():
    draft = ask(Draft(), {1: (A,)}, square(5, 5)).accepted({1: 7})
    assert draft.objects[1].status == "accepted" and draft.talks[1].accepted == 7

    draft = ask(draft, {1: (A, B)}, square(5, 5, 12))

    assert draft.objects[1].status == "unreviewed" and draft.talks[1].accepted == 7


def test_a_talk_without_points_says_what_it_began_with():
    mask = MaskPrompt(square(5, 5))

    assert Talk("labels", base=Prompts(mask=mask)).prompts(()) == Prompts(mask=mask)
    assert Talk("labels", base=Prompts(mask=mask)).prompts((A,)) == Prompts(points=(A,), mask=mask)


@pytest.mark.parametrize("change", ["painted", "accepted"])
def test_another_run_leaves_what_the_user_has_painted_in_or_accepted(change):
    draft = found(square(5, 5), square(45, 45))
    if change == "painted":
        draft = draft.with_painted(draft.objects.replace(1, mask=square(5, 5, 12)))
    else:
        draft = draft.accepted({1: 7})

    again = draft.with_found("exemplar", [named(square(70, 70), 0.8)], Origin())

    assert sorted(item.mask.offset for item in again.objects) == [(5, 5), (70, 70)] and 1 in again.objects


def test_what_words_have_found_has_their_class_and_says_so_in_its_row():
    draft = Draft().with_found("text", [named(square(5, 5), 0.9, "nucleus")], Origin("image", "text", engine="sam3"))

    made = draft.objects[1]

    assert made.class_name == made.origin.prompt == "nucleus" and made.origin.engine == "sam3"


def test_a_later_answer_waits_for_the_same_prompts_and_never_for_the_user_s_own_mask():
    draft = ask(Draft(), {1: (A,)}, square(5, 5))
    asked = draft.talks[1].asked

    assert draft.talks[1].waits_for(asked) and not draft.talks[1].waits_for(Prompts(points=(A, A)))
    assert not draft.accepted({1: 1}).talks[1].waits_for(asked)
    painted = draft.with_painted(draft.objects.replace(1, mask=square(5, 5, 12)))
    assert not painted.talks[1].waits_for(painted.talks[1].asked)
    assert painted.all_unasked().talks[1].asked is not None and draft.all_unasked().talks[1].asked is None


def test_points_on_an_object_that_was_found_are_not_asked_again_once_its_mask_was_dismissed():
    draft = ask(found(square(5, 5)), {1: (A,)}, square(5, 5, 12))

    dismissed = draft.dismissed({1: (A,)})

    assert not len(dismissed.objects) and dismissed.stale({1: (A,)}) == {}
    assert dismissed.stale({1: (A, A)}) == {1: Prompts(points=(A, A))}


def test_where_only_negative_points_are_left_the_mask_goes():
    draft = ask(Draft(), {1: (A,)}, square(5, 5)).failed(1, Prompts(points=(PointPrompt(2, 2, False),)))

    assert not len(draft.objects) and draft.ids == [1]


def test_another_layer_of_points_takes_the_masks_of_the_former_with_it_and_clears_its_numbers():
    draft = ask(ask(Draft(), {1: (A,)}, square(5, 5)), {1: (A,), 2: (C,)}, square(45, 45)).accepted({2: 1})
    draft = draft.with_painted(draft.objects.add(square(25, 25)))

    left = draft.released(4)

    assert [item.id for item in left.objects] == [5, 6] and left.objects.next_id == 7
    assert left.talks[5].accepted == 1 and not left.talks[5].pointed and left.selected is None


def test_points_that_are_set_aside_are_asked_about_once_they_change():
    draft = ask(Draft(), {1: (A,)}, square(5, 5)).without([1]).set_aside({1: (A,)})

    assert draft.stale({1: (A,)}) == {} and list(draft.stale({1: (A, B)})) == [1]
    assert list(draft.stale({1: (A,)}, again=True)) == [1] and draft.objects.next_id == 2


def test_numbers_that_are_taken_are_given_to_no_new_object():
    assert Draft().beyond(7).objects.next_id == 8 and Draft().beyond(7).beyond(3).objects.next_id == 8
