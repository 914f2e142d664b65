"""What SAM3's session does beyond following: corrections stay, memory does not grow, objects go and return."""

import pickle
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import AssistantError, Cancelled, EngineError, PromptError, Unsupported
from napari_sam3_assistant.core.geometry import Box, PlacedMask, mask_iou
from napari_sam3_assistant.core.progress import CancelToken
from napari_sam3_assistant.core.prompts import BoxPrompt, MaskPrompt, PointPrompt, Prompts
from tests.engines.sam3.conftest import WHY

torch = pytest.importorskip("torch", reason=WHY)
pytest.importorskip("transformers", reason=WHY)


def points(*places):
    return Prompts(tuple(PointPrompt(*place) for place in places))


POINT, OTHER, BOX = points((20, 40)), points((44, 80)), Prompts(box=BoxPrompt(Box(8, 30, 32, 52)))
DRAWN = PlacedMask(np.ones((25, 35), bool), (10, 25))
MASK = Prompts(mask=MaskPrompt(DRAWN))


@pytest.fixture
def walk(encoded):
    """Return a function that has a session step onto frames; it returns masks ``{frame: {id: mask}}``."""

    def walk(session, way, ids=None):
        found = {frame: session.step(frame, encoded[frame], ids).objects for frame in way}
        return {frame: {id: one.mask for id, one in some.items()} for frame, some in found.items()}

    return walk


@pytest.fixture
def unseen(exact, monkeypatch):
    """Return a switch: while it is on, the decoder says of every object that it is not there."""
    decoder, switch = exact._loaded().model.net.tracker_model.mask_decoder, SimpleNamespace(on=False)
    usual = decoder.forward

    def said(**given):
        masks, scores, tokens, there = usual(**given)
        return masks, scores, tokens, -there.abs() if switch.on else there

    monkeypatch.setattr(decoder, "forward", said)
    return switch


# -- corrections ----------------------------------------------------------------------------------


def test_a_correction_on_a_followed_frame_is_kept_where_transformers_loses_it(
    exact, encoded, walk, tiny_folder, frames
):
    from tests.engines.sam3.films import Tracker, features, iou

    session = exact.start()
    session.prompt(0, encoded[0], 1, POINT)
    before = walk(session, range(1, 10))[6][1]
    corrected = session.prompt(6, encoded[6], 1, OTHER, present=before)
    again = walk(session, range(6, 9))[6][1]
    tracker = Tracker(tiny_folder)
    theirs = tracker.open(frames, [features(exact, one) for one in encoded])
    tracker.prompt(theirs, 0, {1: POINT})
    with torch.inference_mode():
        old = [tracker.model(theirs, frame_idx=frame).pred_masks[0, 0].numpy() > 0 for frame in range(10)][6]
        fixed = tracker.prompt(theirs, 6, {1: OTHER})[1] > 0
        anew = tracker.model(theirs, frame_idx=6).pred_masks[0, 0].numpy() > 0

    assert mask_iou(again, corrected.mask) == 1
    assert mask_iou(corrected.mask, before) < 0.95
    assert iou(anew, old) > 0.99 > iou(anew, fixed)


def test_a_correction_starts_from_what_the_session_has_there_else_from_what_is_present(exact, encoded, walk):
    def corrected(present, *, forget=False, other=None):
        session = exact.start()
        session.prompt(0, encoded[0], 1, POINT)
        seen = walk(session, range(1, 7))[6][1]
        if forget:
            session.close()
        return session.prompt(6, encoded[6], 1, OTHER, (other or seen) if present else None).mask

    own, alone, drawn, painted = (
        corrected(True),
        corrected(False),
        corrected(True, forget=True),
        corrected(True, other=DRAWN),
    )

    for index, one in enumerate((own, alone, drawn, painted)):
        for other in (own, alone, drawn, painted)[index + 1 :]:
            assert mask_iou(one, other) < 0.999


def test_negative_points_alone_correct_what_is_present(exact, encoded):
    session = exact.start()
    with pytest.raises(PromptError) as caught:
        session.prompt(0, encoded[0], 1, points((20, 40, False)))
    session.prompt(0, encoded[0], 1, points((20, 40, False)), present=DRAWN)

    assert caught.value.hint
    assert session.step(1, encoded[1]).frame == 1


def test_a_mask_is_taken_as_it_is_and_with_points_is_drawn_to_the_object(exact, encoded):
    session = exact.start()
    alone = session.prompt(0, encoded[0], 1, MASK)
    small = session.prompt(0, encoded[0], 2, Prompts(mask=MaskPrompt(PlacedMask(np.ones((1, 1), bool), (20, 40)))))
    mixed = session.prompt(0, encoded[0], 3, Prompts(POINT.points, mask=MASK.mask))

    assert mask_iou(alone.mask, DRAWN) == 1 and small.mask.area == 1
    assert 0 < mask_iou(mixed.mask, DRAWN) < 1
    assert all(one.there for memory in session._memories.values() for one in memory.told.values())


def test_what_was_followed_close_to_a_correction_is_looked_at_no_longer(exact, encoded, walk):
    session = exact.start()
    session.prompt(0, encoded[0], 1, POINT)
    walk(session, range(1, 16))

    session.prompt(14, encoded[14], 1, OTHER)

    assert sorted(session._memories[1].followed) == [1, 2, 3, 4, 5, 6]


# -- beginning, resting, removing -----------------------------------------------------------------


def test_begin_keeps_answers_of_the_session_and_takes_masks_of_others(exact, encoded, walk):
    session = exact.start()
    session.prompt(5, encoded[5], 1, BOX)
    forward = walk(session, range(6, 10))
    session.begin(5, encoded[5], {1: DRAWN, 2: DRAWN})
    backward = walk(session, range(4, 1, -1))
    alone = exact.start()
    alone.prompt(5, encoded[5], 1, BOX)
    walk(alone, range(6, 10))

    assert all(
        mask_iou(walk(alone, [frame])[frame][1], masks[1]) == 1 for frame, masks in sorted(backward.items())[::-1]
    )
    assert all(sorted(masks) == [1] for masks in forward.values())
    assert all(sorted(masks) == [1, 2] for masks in backward.values())


def test_a_session_goes_on_after_close_with_the_masks_that_are_there(exact, encoded, walk):
    session = exact.start()
    session.prompt(0, encoded[0], 1, BOX)
    last = walk(session, range(1, 6))[5]
    session.close()
    with pytest.raises(PromptError):
        session.step(6, encoded[6])

    session.begin(5, encoded[5], last)

    assert all(sorted(masks) == [1] for masks in walk(session, range(6, 9)).values())


def test_only_those_asked_for_are_followed_and_a_removed_one_is_forgotten(exact, encoded, walk):
    session = exact.start()
    for id, prompts in ((1, POINT), (2, OTHER), (3, BOX)):
        session.prompt(0, encoded[0], id, prompts)
    used = session.nbytes

    some = walk(session, [1], {1, 3})
    session.remove(3)
    rest = walk(session, [2])
    session.remove(1)
    session.remove(2)

    assert sorted(some[1]) == [1, 3] and sorted(rest[2]) == [1]  # 2 rests until it is begun again
    assert session.nbytes == 0 < used
    with pytest.raises(PromptError):
        session.step(3, encoded[3])


def test_an_object_that_is_not_seen_is_not_lost_and_returns(exact, encoded, unseen):
    session = exact.start()
    session.prompt(0, encoded[0], 1, POINT)
    found = []
    for frame in range(1, 7):
        unseen.on = frame in (2, 3, 4)
        found.append(session.step(frame, encoded[frame]))

    assert [sorted(one.objects) for one in found] == [[1], [], [], [], [1], [1]]
    assert not any(one.lost for one in found)


# -- memory, cancelling, errors -------------------------------------------------------------------


def test_memory_is_bounded_over_two_hundred_frames(exact, encoded):
    session, taken = exact.start(), []
    session.prompt(0, encoded[0], 1, POINT)

    for frame in range(1, 200):
        session.step(frame, encoded[frame % len(encoded)])
        taken.append(session.nbytes)

    assert max(taken[60:]) == min(taken[60:]) <= 1.1 * max(taken[:60])
    memory = session._memories[1]
    kept = [*memory.told.values(), *memory.followed.values()]
    assert len({one.position.data_ptr() for one in kept if one.position is not None}) == 1
    assert len(memory.followed) == 33  # 16 after the prompted frame, 17 with the last one
    assert max(memory.output_dict_per_obj[0]["non_cond_frame_outputs"]) == 199


def test_frames_that_were_begun_on_are_forgotten_once_others_were_told(exact, encoded):
    session = exact.start()
    for frame in range(0, 100, 20):
        session.begin(frame, encoded[0], {1: DRAWN})

    assert sorted(session._memories[1].told) == [80]
    session.prompt(85, encoded[1], 1, POINT)
    session.prompt(120, encoded[1], 1, POINT)
    assert sorted(session._memories[1].told) == [85, 120]


def test_a_stopped_step_can_be_done_again(exact, encoded):
    session, other, cancel = exact.start(), exact.start(), CancelToken()
    for one in (session, other):
        one.prompt(0, encoded[0], 1, POINT)
        one.prompt(0, encoded[0], 2, OTHER)
    attention = exact._loaded().model.net.tracker_model.memory_attention
    seen = []

    def stop(*given):
        seen.append(1)
        cancel.cancel()

    hook = attention.layer_norm.register_forward_hook(stop)
    with pytest.raises(Cancelled):
        session.step(1, encoded[1], cancel=cancel)
    hook.remove()

    assert len(seen) == 1, "it stops before the second object"
    assert not any(layer._forward_pre_hooks for layer in attention.layers)
    again, usual = session.step(1, encoded[1]), other.step(1, encoded[1])
    assert all(mask_iou(again.objects[id].mask, usual.objects[id].mask) == 1 for id in (1, 2))


def test_frames_of_another_size_are_refused_and_a_closed_session_takes_them(exact, encoded, frames):
    from tests.engines.sam3.asking import encode

    session, larger = exact.start(), encode(exact, np.repeat(frames[1], 2, axis=0))
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


@pytest.mark.parametrize(
    ("prompts", "id", "kind"),
    [
        (Prompts(), 1, PromptError),
        (POINT, 0, PromptError),
        (points((200, 4)), 1, PromptError),
        (Prompts(box=BoxPrompt(Box(100, 0, 120, 9))), 1, PromptError),
        (Prompts(box=BoxPrompt(Box(0, 0, 9, 9), positive=False)), 1, Unsupported),
        (Prompts(mask=MaskPrompt(PlacedMask(np.ones((3, 3), bool), (100, 0)))), 1, PromptError),
    ],
)
def test_what_cannot_be_followed_is_said(exact, encoded, prompts, id, kind):
    session = exact.start()

    with pytest.raises(kind) as caught:
        session.prompt(0, encoded[0], id, prompts)

    assert caught.value.hint
    with pytest.raises(PromptError):
        session.step(1, encoded[1])


def test_embeddings_of_others_and_an_engine_that_is_closed_are_refused(exact, encoded, tiny_folder):
    from napari_sam3_assistant.engines.sam3.image import Sam3Engine

    with pytest.raises(EngineError):
        exact.start().prompt(0, replace(encoded[0], weights="others"), 1, POINT)
    with pytest.raises(EngineError):
        Sam3Engine(tiny_folder, device="cpu").start()


def test_answers_hold_no_tensor_and_travel(exact, encoded):
    session = exact.start()
    answer = session.prompt(0, encoded[0], 1, POINT)
    found = session.step(1, encoded[1])

    assert answer.state is None
    assert pickle.loads(pickle.dumps(found)).objects[1].mask.area == found.objects[1].mask.area
