"""Candidates make masks of the survivors only, inside their boxes."""

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import EngineError
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.results import Candidates, Segmentation


def candidates(scores, boxes, logits, frames, shape=(40, 60)):
    return Candidates(
        np.array(scores, np.float32), np.array(boxes, np.float32), tuple(logits), np.array(frames, np.float32), shape
    )


def test_a_threshold_keeps_the_better_ones_best_first():
    crop = np.ones((4, 5), bool)
    found = candidates([0.2, 0.9, 0.5], [[2, 3, 6, 8]] * 3, [crop] * 3, [[2, 3, 6, 8]] * 3)

    kept = found.above(0.5)

    assert [round(one.score, 3) for one in kept] == [0.9, 0.5]
    assert kept[0].mask.offset == (2, 3) and kept[0].mask.area == 20


def test_small_logits_are_drawn_inside_the_box_alone():
    logits = np.full((4, 6), 1.0, np.float32)  # positive everywhere: the box alone limits the mask
    found = candidates([1], [[10, 20, 25, 50]], [logits], [[0, 0, 40, 60]])

    mask = found.above(0)[0].mask

    assert mask.offset == (10, 20) and mask.mask.shape == (15, 30) and mask.mask.all()


def test_small_logits_are_read_at_pixel_centres():
    logits = np.zeros((4, 6), np.float32)
    logits[:] = np.linspace(-1, 1, 6)  # grows from left to right, symmetric about the middle of the frame
    found = candidates([1], [[0, 0, 40, 60]], [logits], [[0, 0, 40, 60]])

    mask = found.above(0)[0].mask

    assert mask.offset == (0, 30) and mask.mask.shape == (40, 30)


def test_a_box_outside_or_without_area_makes_no_object():
    crop = np.ones((2, 2), bool)
    found = candidates([1, 1], [[90, 90, 92, 92], [5, 5, 5, 9]], [crop, crop], [[90, 90, 92, 92], [5, 5, 7, 9]])

    assert found.above(0) == ()


def test_candidates_of_unequal_numbers_are_refused():
    with pytest.raises(EngineError):
        candidates([1, 1], [[0, 0, 2, 2]], [np.ones((2, 2), bool)], [[0, 0, 2, 2]])


def test_moving_a_segmentation_moves_its_alternatives_too():
    mask = PlacedMask(np.ones((2, 2), bool), (1, 1))

    moved = Segmentation(mask, 0.5, (mask,), state="kept").shifted(10, 20)

    assert (moved.mask.offset, moved.alternatives[0].offset, moved.state) == ((11, 21), (11, 21), "kept")
