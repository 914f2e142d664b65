"""Meta's tracker, one frame at a time, answers as it does with all frames at once, and as Meta's video predictor."""

import numpy as np
import pytest

from napari_sam3_assistant.core.geometry import Box, PlacedMask
from napari_sam3_assistant.core.prompts import BoxPrompt, MaskPrompt, PointPrompt, Prompts
from tests.meta.conftest import WHY

torch = pytest.importorskip("torch", reason=WHY)
pytest.importorskip("sam3", reason=WHY)

from tests.meta.films import LONG, Predictor, Tracker, enlarged, film, iou, shown, whole  # noqa: E402

SPOILED = 0.1  # logits, where a coordinate was swapped
GOOD = 0.54  # scores of this small model lie on both sides


def points(*places):
    return Prompts(tuple(PointPrompt(*place) for place in places))


POINT, OTHER, BOX = points((20, 40)), points((44, 80)), Prompts(box=BoxPrompt(Box(8, 30, 32, 52)))
MIXED = points((20, 40), (50, 90, False))
MASK = Prompts(mask=MaskPrompt(PlacedMask(np.ones((25, 35), bool), (10, 25))))
CASES = {  # what is said on which frames, and the passes after it
    "a point, forward": ([(0, POINT)], [(0, 3)]),
    "positive and negative points": ([(0, MIXED)], [(0, 2)]),
    "a click after a click": ([(1, POINT), (1, MIXED)], [(1, 3)]),
    "a box, both ways": ([(3, BOX)], [(3, 5), (3, 1)]),
    "a box and a point": ([(3, Prompts((PointPrompt(20, 44),), BOX.box))], [(3, 5)]),
    "a mask, backward": ([(6, MASK)], [(6, 4)]),
    "two frames, forward and backward": ([(1, MIXED), (4, OTHER)], [(1, 6), (4, 0)]),
}


@pytest.fixture
def predictor(model, monkeypatch):
    """Meta's video predictor with a film, of which it has seen the first frames."""
    predictor = Predictor(model, monkeypatch)
    predictor.open(film(LONG), last=4)
    yield predictor
    predictor.close()


def followed(session, encoded, steps, passes):
    """Return our logits, as :meth:`Tracker.follow` does, and answers."""
    logits, answers = {}, {}
    for frame, prompts in steps:
        session.prompt(frame, encoded[frame % len(encoded)], 1, prompts)
    for first, last in passes:
        session.begin(first, encoded[first % len(encoded)], {})
        for frame in range(first, last - 1, -1) if last < first else range(first, last + 1):
            answers[frame] = session.step(frame, encoded[frame % len(encoded)])
            logits[frame] = session._objects[1].on(frame)["pred_masks"]
    return logits, answers


def far(ours, theirs):
    """Return the largest difference of logits."""
    assert sorted(ours) == sorted(theirs)
    return max(float((ours[frame] - theirs[frame]).abs().max()) for frame in theirs)


@pytest.mark.parametrize("name", CASES)
def test_an_object_is_followed_as_by_metas_tracker_with_all_frames(model, features, encoded, session, name):
    steps, passes = CASES[name]
    theirs = Tracker(model, features).follow(steps, passes)

    ours, _ = followed(session, encoded, steps, passes)

    assert far(ours, theirs) == 0


def test_an_object_goes_back_from_a_frame_that_it_was_followed_to(model, features, encoded, session):
    theirs = Tracker(model, features).follow([(0, POINT)], [(0, 3), (2, 1)])
    session.prompt(0, encoded[0], 1, POINT)
    for frame in (1, 2, 3):
        session.step(frame, encoded[frame])

    session.begin(3, encoded[3], {})
    back = [session.step(frame, encoded[frame]) for frame in (2, 1)]

    assert [one.frame for one in back] == [2, 1]
    ours = {frame: one["pred_masks"] for frame, one in session._objects[1].followed.items()}
    assert far(ours, {frame: logits for frame, logits in theirs.items() if frame}) == 0


def test_the_comparison_sees_a_coordinate_that_is_swapped(model, features):
    tracker = Tracker(model, features)

    right, wrong = (tracker.follow([(0, POINT)], [(0, 2)], swap=swap) for swap in (False, True))

    assert far(right, wrong) > SPOILED


def test_what_is_forgotten_changes_nothing(model, features, encoded, session, monkeypatch):
    monkeypatch.setattr(model.tracker, "max_obj_ptrs_in_encoder", 4)  # it looks at fewer frames, and at good ones only
    monkeypatch.setattr(model.tracker, "num_maskmem", 3)
    monkeypatch.setattr(model.tracker, "mf_threshold", GOOD)
    there, back = [(0, LONG - 1)], [(LONG - 1, LONG - 4)]
    theirs = Tracker(model, features, 2 * LONG).follow([(0, POINT), (LONG - 1, OTHER)], [*there, *back])

    ours, _ = followed(session, encoded, [(0, POINT), (LONG - 1, OTHER)], [*there, *back])

    seen_well = [kept["eff_iou_score"] > GOOD for kept in session._objects[1].followed.values()]
    assert far(ours, theirs) == 0
    assert any(seen_well) and not all(seen_well)
    assert len(session._objects[1].followed) < LONG - 4


def test_masks_are_the_logits_on_the_pixels_of_the_frame_without_specks(model, encoded, session):
    from sam3.model.sam3_tracker_utils import fill_holes_in_mask_scores

    logits, answers = followed(session, encoded, [(3, BOX)], [(3, 5)])

    for frame, answer in answers.items():
        tidy = fill_holes_in_mask_scores(logits[frame], model.video.fill_hole_area)
        np.testing.assert_array_equal(whole(answer.objects[1].mask), enlarged(tidy))
        assert 0 < answer.objects[1].score <= 1


def test_clicked_objects_are_followed_as_by_metas_video_predictor(predictor, session):
    said = {1: [(1, MIXED)], 2: [(1, OTHER), (3, POINT)]}
    for object_id, clicks in said.items():
        for frame, prompts in clicks:
            predictor.click(frame, object_id, prompts)
    theirs = predictor.follow(1, 4) | predictor.follow(1, 0)
    encoded = {frame: shown(some) for frame, some in predictor.features.items()}

    for object_id, clicks in said.items():
        for frame, prompts in clicks:
            session.prompt(frame, encoded[frame], object_id, prompts)
    ours = {}
    for way in (range(1, 5), range(1, -1, -1)):
        session.begin(1, encoded[1], {})
        ours |= {frame: session.step(frame, encoded[frame]).objects for frame in way}

    for frame, some in theirs.items():
        # What two objects share goes to one of them there, at the end.
        both = [whole(one.mask) for _, one in sorted(ours[frame].items())]
        np.testing.assert_array_equal(np.logical_or.reduce(both), np.logical_or.reduce(list(some.values())))
        assert sorted(some) == [1, 2] == sorted(ours[frame])
        assert all((mask & ~some[1 + at])[~both[1 - at]].sum() == 0 for at, mask in enumerate(both))


def test_an_object_stays_as_it_is_with_the_predictor_when_another_is_removed(predictor, session):
    for object_id, prompts in ((1, POINT), (2, OTHER)):
        predictor.click(1, object_id, prompts)
    predictor.follow(1, 3)
    predictor.remove(1)
    theirs = predictor.follow(1, 3)
    encoded = {frame: shown(some) for frame, some in predictor.features.items()}

    for object_id, prompts in ((1, POINT), (2, OTHER)):
        session.prompt(1, encoded[1], object_id, prompts)
    session.step(2, encoded[2])
    session.remove(1)
    session.begin(1, encoded[1], {})

    for frame in (1, 2, 3):
        (other,) = session.step(frame, encoded[frame]).objects.values()
        assert sorted(theirs[frame]) == [2]
        assert iou(whole(other.mask), theirs[frame][2]) == 1
