"""Every object that the built-in engine finds by itself, against the truth of pictures."""

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import EngineError
from napari_sam3_assistant.core.intensity import limits_of, to_rgb
from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from napari_sam3_assistant.samples import histology, nuclei
from napari_sam3_assistant.tasks.everything import NOWHERE
from napari_sam3_assistant.testing import noise, rgb


def proposed(picture):
    engine = BuiltinEngine()
    embedding = engine.encode(picture, progress=no_progress, cancel=CancelToken())
    return engine.propose(embedding, NOWHERE)


def usual(picture):
    return proposed(picture).above(BuiltinEngine.capabilities.proposals.least_score)


def precision_and_recall(found, labels):
    """How many of what was found are an object (IoU of 0.5), and how many objects are found; 0 to 1."""
    areas, met = np.bincount(labels.ravel()), set()
    for one in found:
        (top, left), (height, width) = one.mask.offset, one.mask.mask.shape
        shared = np.bincount(
            labels[top : top + height, left : left + width][one.mask.mask], minlength=len(areas)
        ).astype(float)
        overlap = shared / (one.mask.area + areas - shared)
        overlap[0] = 0
        if overlap.max() >= 0.5:
            met.add(int(overlap.argmax()))
    return len(met) / len(found), len(met) / (np.count_nonzero(areas[1:]))


@pytest.mark.parametrize("sample", [nuclei, histology])
def test_most_objects_of_a_sample_are_found_and_little_else(sample):
    made = sample(1)
    picture = to_rgb(made.image, limits_of([made.image], color=made.rgb))

    precision, recall = precision_and_recall(usual(picture), made.truth)

    assert precision > 0.9
    assert recall > 0.9


def test_most_coins_of_a_photograph_are_found():
    data = pytest.importorskip("skimage.data")
    picture = rgb(data.coins())

    found = usual(picture)

    round_ones = [one for one in found if 600 < one.mask.area < 4500]
    assert 20 <= len(round_ones) <= 26  # there are 24
    assert len(found) <= 30


def test_proposals_do_not_overlap_and_the_same_picture_gives_the_same():
    picture = to_rgb(nuclei(2).image, limits_of([nuclei(2).image], color=False))

    first, second = proposed(picture), proposed(picture)

    covered = np.zeros(picture.shape[:2], int)
    for one in first.above(0):
        (top, left), (height, width) = one.mask.offset, one.mask.mask.shape
        covered[top : top + height, left : left + width] += one.mask.mask
    assert covered.max() == 1
    np.testing.assert_array_equal(first.scores, second.scores)
    np.testing.assert_array_equal(first.boxes, second.boxes)


def test_steps_give_the_same_and_tell_how_far_they_are():
    made = nuclei(1)
    picture = to_rgb(made.image, limits_of([made.image], color=False))
    engine = BuiltinEngine()
    embedding = engine.encode(picture, progress=no_progress, cancel=CancelToken())
    steps, told, at_once = engine.propose_in_steps(embedding), [], engine.propose(embedding, NOWHERE)

    while True:
        try:
            told.append(next(steps))
        except StopIteration as ended:
            found = ended.value
            break

    assert told == sorted(told)
    assert len(told) > 50 and min(told) >= 0 and max(told) <= 1
    np.testing.assert_array_equal(found.scores, at_once.scores)
    np.testing.assert_array_equal(found.boxes, at_once.boxes)


def test_a_closed_engine_proposes_nothing():
    engine = BuiltinEngine()
    embedding = engine.encode(rgb(np.zeros((20, 20), np.uint8)), progress=no_progress, cancel=CancelToken())
    engine.close()

    with pytest.raises(EngineError):
        engine.propose(embedding, NOWHERE)
    with pytest.raises(EngineError):
        next(engine.propose_in_steps(embedding))


def test_objects_darker_than_the_ground_are_found_as_well():
    made = nuclei(1)
    picture = 255 - to_rgb(made.image, limits_of([made.image], color=False))

    precision, recall = precision_and_recall(usual(picture), made.truth)

    assert min(precision, recall) > 0.85


@pytest.mark.parametrize(
    "picture",
    [
        np.full((60, 80, 3), 90, np.uint8),
        np.zeros((1, 1, 3), np.uint8),
        noise((3, 200)),
        noise((2, 4000)),
        noise((300, 1)),
    ],
    ids=["constant", "one pixel", "thin", "long and two high", "one wide"],
)
def test_pictures_without_an_object_are_answered(picture):
    found = proposed(picture)

    assert found.shape == picture.shape[:2]
    assert not [one for one in found.above(0.9) if one.mask.area > 100]
