"""A session of objects with Meta's tracker: corrections stay, memory does not grow, nothing is left behind."""

import gc
import weakref

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import AssistantError, Cancelled, EngineError, PromptError, Unsupported
from napari_sam3_assistant.core.geometry import Box, PlacedMask, mask_iou
from napari_sam3_assistant.core.progress import CancelToken
from napari_sam3_assistant.core.prompts import BoxPrompt, MaskPrompt, PointPrompt, Prompts
from tests.meta.conftest import WHY

torch = pytest.importorskip("torch", reason=WHY)
pytest.importorskip("sam3", reason=WHY)

from tests.meta.films import shown  # noqa: E402


def points(*places):
    return Prompts(tuple(PointPrompt(*place) for place in places))


POINT, OTHER, BOX = points((20, 40)), points((44, 80)), Prompts(box=BoxPrompt(Box(8, 30, 32, 52)))
DRAWN = PlacedMask(np.ones((25, 35), bool), (10, 25))
MASK = Prompts(mask=MaskPrompt(DRAWN))


# -- corrections ----------------------------------------------------------------------------------


def test_a_correction_on_a_followed_frame_is_kept(session, encoded):
    session.prompt(0, encoded[0], 1, POINT)
    before = [session.step(frame, encoded[frame]) for frame in (1, 2, 3)][-1].objects[1].mask

    corrected = session.prompt(3, encoded[3], 1, OTHER, present=before)
    session.begin(0, encoded[0], {})
    again = [session.step(frame, encoded[frame]) for frame in (1, 2, 3)][-1].objects[1].mask

    assert mask_iou(again, corrected.mask) == 1
    assert mask_iou(corrected.mask, before) < 0.95


def test_a_correction_starts_from_what_the_session_has_there_or_from_what_was_painted(session, encoded):
    session.prompt(0, encoded[0], 1, POINT)
    seen = session.step(1, encoded[1]).objects[1].mask
    session.close()
    answers = []
    for present in (None, seen, DRAWN):
        session.prompt(0, encoded[0], 1, POINT)
        session.begin(0, encoded[0], {})
        session.step(1, encoded[1])
        answers.append(session.prompt(1, encoded[1], 1, OTHER, present).mask)
        session.close()

    own, same, painted = answers
    assert mask_iou(own, same) == 1
    assert mask_iou(own, painted) < 0.999


def test_a_point_that_is_taken_away_leaves_no_trace(session, encoded):
    alone = session.prompt(0, encoded[0], 1, POINT).mask
    more = session.prompt(0, encoded[0], 1, points((20, 40), (44, 80))).mask
    fewer = session.prompt(0, encoded[0], 1, POINT).mask
    again = session.prompt(0, encoded[0], 1, POINT).mask

    assert mask_iou(alone, fewer) == mask_iou(alone, again) == 1
    assert mask_iou(alone, more) < 0.999


def test_a_mask_is_taken_as_it_is_however_small_and_with_points_is_drawn_to_the_object(session, encoded):
    one_pixel = Prompts(mask=MaskPrompt(PlacedMask(np.ones((1, 1), bool), (20, 40))))

    alone = session.prompt(0, encoded[0], 1, MASK)
    small = session.prompt(0, encoded[0], 2, one_pixel)
    mixed = session.prompt(0, encoded[0], 3, Prompts(POINT.points, mask=MASK.mask))

    assert mask_iou(alone.mask, DRAWN) == 1 and small.mask.area == 1
    assert 0 < mask_iou(mixed.mask, DRAWN) < 1
    assert all((one.told[0]["pred_masks"] > 0).any() for one in session._objects.values())


def test_negative_points_alone_correct_what_is_there_and_begin_nothing(session, encoded):
    aside = points((20, 40, False))

    with pytest.raises(PromptError) as caught:
        session.prompt(0, encoded[0], 1, aside)

    assert caught.value.hint
    assert session.prompt(0, encoded[0], 1, aside, present=DRAWN).score > 0


# -- memory and ends ------------------------------------------------------------------------------


def test_memory_does_not_grow_with_the_frames(model, session, encoded, monkeypatch):
    monkeypatch.setattr(model.tracker, "num_maskmem", 3)
    monkeypatch.setattr(model.tracker, "max_obj_ptrs_in_encoder", 3)
    session.prompt(0, encoded[0], 1, POINT)
    taken = []

    for frame in range(1, 14):
        session.step(frame, encoded[frame % len(encoded)])
        taken.append(session.nbytes)

    assert taken[0] < taken[4] < taken[7]
    assert len(set(taken[7:])) == 1
    assert sorted(session._objects[1].followed) == [1, 2, 3, 10, 11, 12, 13]


def test_over_hundreds_of_frames_only_near_ones_are_remembered(model, session, encoded):
    session.prompt(0, encoded[0], 1, POINT)
    session.step(1, encoded[1])
    one = session._objects[1]
    (per_object,) = one.state["output_dict_per_obj"].values()
    largest = 0

    for frame in range(2, 400):  # as if it had been followed there
        one.prune(model.tracker, frame)
        for kept in (one.followed, per_object["non_cond_frame_outputs"]):
            kept[frame] = {**one.followed[frame - 1], "maskmem_features": torch.zeros(1, 64, 16, 16)}
        one.state["frames_already_tracked"][frame] = {"reverse": False}
        largest = max(largest, one.nbytes)

    assert len(one.followed) == len(per_object["non_cond_frame_outputs"]) <= 33
    assert len(one.state["frames_already_tracked"]) <= 34
    assert largest < 2**21
    assert sum(kept["maskmem_features"] is not None for kept in one.followed.values()) < 20


def test_an_object_begun_where_only_its_pointers_are_left_goes_on(model, session, encoded, monkeypatch):
    monkeypatch.setattr(model.tracker, "num_maskmem", 2)  # it looks at one picture, and at pointers further away
    monkeypatch.setattr(model.tracker, "max_obj_ptrs_in_encoder", 6)
    session.prompt(0, encoded[0], 1, POINT)
    for frame in range(1, 9):
        session.step(frame, encoded[frame])
    bare = [frame for frame, kept in session._objects[1].followed.items() if kept["maskmem_features"] is None]

    session.begin(5, encoded[5], {1: DRAWN})
    forward = session.step(6, encoded[6])
    session.begin(5, encoded[5], {})

    assert {4, 5} <= set(bare)
    assert forward.frame == 6
    assert session.step(4, encoded[4]).frame == 4


def test_frames_that_were_begun_on_are_forgotten_once_others_were_told(session, encoded):
    for frame in (0, 20, 40):
        session.begin(frame, encoded[0], {1: DRAWN})
    session.prompt(43, encoded[1], 1, POINT)

    session.step(44, encoded[2])
    near = sorted(session._objects[1].told)
    session.begin(70, encoded[3], {1: DRAWN})
    session.step(71, encoded[4])

    assert near == [40, 43]
    assert sorted(session._objects[1].told) == [43, 70]


def test_nothing_of_a_session_is_left_when_it_is_closed(session, features):
    from sam3.model.sam3_video_predictor import Sam3VideoPredictor

    embedding = shown({"backbone_fpn": [one.clone() for one in features[0]["backbone_fpn"]]})
    session.prompt(0, embedding, 1, POINT)
    session.step(1, embedding)
    frame = weakref.ref(embedding.clicks[0])
    memory = weakref.ref(session._objects[1].told[0]["maskmem_features"])

    del embedding
    gc.collect()
    kept = frame() is not None
    session.close()
    gc.collect()

    assert not kept and memory() is None
    assert session.nbytes == 0
    assert not Sam3VideoPredictor._ALL_INFERENCE_STATES


def test_a_removed_object_leaves_the_others_as_they_are(session, encoded):
    def alone(*ids):
        for object_id, prompts in ((1, POINT), (2, OTHER)):
            if object_id in ids:
                session.prompt(0, encoded[0], object_id, prompts)
        return session

    usual = alone(2).step(1, encoded[1]).objects
    session.close()
    alone(1, 2).remove(1)
    rest = session.step(1, encoded[1]).objects

    assert sorted(rest) == [2]
    assert mask_iou(rest[2].mask, usual[2].mask) == 1


# -- stopping and bad input -----------------------------------------------------------------------


def test_a_stopped_step_can_be_done_again(model, session, encoded):
    for object_id, prompts in ((1, POINT), (2, OTHER)):
        session.prompt(0, encoded[0], object_id, prompts)
    layers, cancel, seen = model.tracker.transformer.encoder.layers, CancelToken(), []

    def stop(*given):
        seen.append(1)
        cancel.cancel()

    hook = layers[-1].register_forward_hook(stop)
    with pytest.raises(Cancelled):
        session.step(1, encoded[1], cancel=cancel)
    hook.remove()

    assert len(seen) == 1, "it stops before the second object"
    assert not any(layer._forward_pre_hooks for layer in layers)
    assert all(sorted(one.followed) == [] for one in session._objects.values())
    assert sorted(session.step(1, encoded[1]).objects) == [1, 2]


def test_a_call_that_fails_leaves_the_object_as_it_was(model, session, encoded, monkeypatch):
    session.prompt(0, encoded[0], 1, POINT)
    usual = session.step(1, encoded[1]).objects[1].mask

    def fail(*given, **named):
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(model.tracker, "_encode_new_memory", fail)
        with pytest.raises(MemoryError):
            session.prompt(0, encoded[0], 1, OTHER)

    assert mask_iou(session.step(1, encoded[1]).objects[1].mask, usual) == 1


@pytest.mark.parametrize(
    ("prompts", "object_id", "kind"),
    [
        (Prompts(), 1, PromptError),
        (POINT, 0, PromptError),
        (points((200, 4)), 1, PromptError),
        (points(*[(20, 40)] * 17), 1, PromptError),
        (Prompts(points(*[(20, 40)] * 15).points, BOX.box), 1, PromptError),
        (Prompts(box=BoxPrompt(Box(100, 0, 120, 9))), 1, PromptError),
        (Prompts(box=BoxPrompt(Box(0, 0, 9, 9), positive=False)), 1, Unsupported),
        (Prompts(mask=MaskPrompt(PlacedMask(np.ones((3, 3), bool), (100, 0)))), 1, PromptError),
    ],
)
def test_what_cannot_be_followed_is_said(session, encoded, prompts, object_id, kind):
    with pytest.raises(kind) as caught:
        session.prompt(0, encoded[0], object_id, prompts)

    assert caught.value.hint
    with pytest.raises(PromptError):
        session.step(1, encoded[1])


def test_frames_of_another_size_are_refused_and_a_closed_session_takes_them(session, encoded, features):
    larger = shown(features[1], shape=(128, 128))
    session.prompt(0, encoded[0], 1, POINT)
    for ask in (
        lambda: session.step(1, larger),
        lambda: session.begin(1, larger, {1: DRAWN}),
        lambda: session.prompt(1, larger, 1, POINT),
    ):
        with pytest.raises(AssistantError, match="128 x 128"):
            ask()

    session.close()

    assert session.prompt(1, larger, 1, POINT).score > 0


def test_a_session_of_other_weights_has_expired(session, encoded, features):
    session.prompt(0, encoded[0], 1, POINT)

    with pytest.raises(EngineError, match="expired or was cancelled") as caught:
        session.step(1, shown(features[1], weights="others"))

    assert caught.value.hint
