"""SAM3 follows objects as transformers' own tracker does that was given all frames at once.

Each comparison has a twin that is spoiled: were it as close, the comparison would prove nothing.
"""

import numpy as np
import pytest

from napari_sam3_assistant.core.geometry import Box, PlacedMask
from napari_sam3_assistant.core.prompts import BoxPrompt, MaskPrompt, PointPrompt, Prompts
from tests.engines.sam3.conftest import WHY

torch = pytest.importorskip("torch", reason=WHY)
pytest.importorskip("transformers", reason=WHY)

SAME, ROUNDED, SPOILED = 1e-4, 1e-2, 0.1  # logits: where all is the same; where only rounding differs; a spoiled twin
NEAR = 2  # So many frames on, random weights have not blown up rounding yet, whatever the processor.


def points(*places):
    return Prompts(tuple(PointPrompt(*place) for place in places))


POINT, OTHER, BOX = points((20, 40)), points((44, 80)), Prompts(box=BoxPrompt(Box(8, 30, 32, 52)))
MASK = Prompts(mask=MaskPrompt(PlacedMask(np.ones((25, 35), bool), (10, 25))))
CASES = {  # what is said on which frames, the passes after it, what spoils the twin
    "a point, forward": ([(0, {1: POINT})], [(0, False)]),
    "a box, both ways": ([(5, {1: BOX})], [(5, False), (5, True)]),
    "a mask, backward": ([(17, {1: MASK})], [(17, True)]),
    "two frames, both ways": ([(2, {1: points((20, 40), (50, 90, False))}), (9, {1: OTHER})], [(2, False), (2, True)]),
    "a box and a point": ([(3, {1: Prompts((PointPrompt(20, 44),), BOX.box)})], [(3, False)]),
}
SPOILS = {name: {"swap": True} for name in CASES} | {"a mask, backward": {"flip": True}}


@pytest.fixture(scope="module")
def tracker(tiny_folder):
    from tests.engines.sam3.films import Tracker

    return Tracker(tiny_folder)


@pytest.fixture(scope="module")
def shown(exact, encoded):
    from tests.engines.sam3.films import features

    return [features(exact, one) for one in encoded]


def followed(engine, encoded, steps, passes):
    """Return our logits, as :meth:`Tracker.follow` does, and answers."""
    session, logits, answers = engine.start(), {}, {}
    for frame, said in steps:
        for id, prompts in said.items():
            session.prompt(frame, encoded[frame], id, prompts)
    for start, backward in passes:
        session.begin(start, encoded[start], {})
        for frame in range(start, -1, -1) if backward else range(start, len(encoded)):
            answers[frame] = session.step(frame, encoded[frame])
            logits[frame] = {id: one.on(frame).logits[0, 0].numpy() for id, one in session._memories.items()}
    return logits, answers


def far(ours, theirs):
    """Return the largest difference of logits."""
    assert sorted(ours) == sorted(theirs)
    return max(np.abs(ours[frame][id] - theirs[frame][id]).max() for frame in theirs for id in theirs[frame])


def near(found, frame):
    """Return what was found on a frame and its neighbours."""
    return {at: some for at, some in found.items() if abs(at - frame) <= NEAR}


@pytest.mark.parametrize("name", CASES)
def test_an_object_is_followed_as_by_transformers_with_all_frames(exact, tracker, frames, encoded, shown, name):
    steps, passes = CASES[name]
    theirs = tracker.follow(frames, steps, passes, shown)
    spoiled = tracker.follow(frames, steps, passes, shown, **SPOILS[name])

    ours, _ = followed(exact, encoded, steps, passes)

    assert far(ours, theirs) < SAME
    assert far(spoiled, theirs) > SPOILED


def test_answers_are_the_logits_on_the_pixels_of_the_frame(exact, encoded):
    from tests.engines.sam3.films import enlarged, whole

    logits, answers = followed(exact, encoded, [(5, {1: BOX, 2: OTHER})], [(5, False)])

    for frame, answer in answers.items():
        for id, one in answer.objects.items():
            np.testing.assert_array_equal(whole(one.mask), enlarged(logits[frame][id][None]))
            assert one.mask.mask.any(0)[[0, -1]].all() and one.mask.mask.any(1)[[0, -1]].all()  # trimmed
            assert 0 < one.score <= 1


def test_several_objects_are_followed_as_each_alone(exact, tracker, frames, encoded, shown):
    said = {1: POINT, 2: OTHER, 3: Prompts(box=BoxPrompt(Box(8, 95, 24, 112)))}
    passes = [(4, False), (4, True)]

    ours, _ = followed(exact, encoded, [(4, said)], passes)

    for id, prompts in said.items():
        theirs = tracker.follow(frames, [(4, {id: prompts})], passes, shown)
        assert far({frame: {id: some[id]} for frame, some in ours.items()}, theirs) < SAME
    together = tracker.follow(frames, [(4, said)], passes, shown)
    assert far(near(ours, 4), near(together, 4)) < ROUNDED  # one batch for all memories rounds otherwise
    mixed = {frame: {1: some[2], 2: some[1], 3: some[3]} for frame, some in together.items()}
    assert far(near(ours, 4), near(mixed, 4)) > SPOILED


def test_features_are_those_of_transformers_own_encoder(tracker, frames, shown):
    theirs, positions = tracker.features_of(frames[3])
    ours, (position,) = shown[3]

    assert all(torch.allclose(one, other, atol=1e-4) for one, other in zip(ours, theirs, strict=True))
    assert torch.equal(position, positions[-1])
    token = tracker.model.no_memory_embedding
    assert not torch.allclose(ours[2] + token, theirs[2], atol=0.1), "with the token they would be others"


def test_all_is_followed_alike_with_transformers_own_features(exact, tracker, frames, encoded):
    steps, passes = CASES["a point, forward"]

    ours, _ = followed(exact, encoded, steps, passes)

    theirs = tracker.follow(frames, steps, passes)
    assert far(near(ours, 0), near(theirs, 0)) < ROUNDED
    assert far(near(theirs, 0), near(tracker.follow(frames, steps, passes, swap=True), 0)) > SPOILED


def test_the_vision_encoder_runs_once_a_frame(exact, frames):
    from tests.engines.sam3.asking import encode

    runs = []
    tower = exact._loaded().model.net.detector_model.vision_encoder.backbone.embeddings
    hook = tower.register_forward_hook(lambda *given: runs.append(1))
    session = exact.start()
    try:
        session.prompt(0, encode(exact, frames[0]), 1, POINT)
        for frame in (1, 2):
            session.step(frame, encode(exact, frames[frame]))
    finally:
        hook.remove()

    assert len(runs) == 3
