"""What the built-in engine follows: never worse than a copied mask, and only as long as the object is there."""

import numpy as np
import pytest

from benchmarks.evaluation.following import Figures, encoded_stack, films, follow
from napari_sam3_assistant.core.geometry import PlacedMask, mask_iou
from napari_sam3_assistant.core.labels import to_masks
from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.core.prompts import MaskPrompt, Prompts
from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from napari_sam3_assistant.samples.nuclei_stack import nuclei_stack

SIDE, FINE = 96, 8


def shown(*discs, seed=0):
    """A noisy frame with discs of ``(row, col, radius)``, whose borders lie between pixels; and their masks."""
    across = (np.arange(SIDE * FINE) + 0.5) / FINE - 0.5
    light, masks = np.full((SIDE, SIDE), 40.0), []
    for row, col, radius in discs:
        inside = (
            (np.hypot(across[:, None] - row, across - col) < radius).reshape(SIDE, FINE, SIDE, FINE).mean(axis=(1, 3))
        )
        light = np.maximum(light, 40 + 110 * inside)
        masks.append(PlacedMask(inside > 0.5).trimmed())
    noisy = light + np.random.default_rng(seed).normal(0, 4, light.shape)
    return np.repeat(noisy.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2), masks


def through(frames, masks):
    """Follow masks of the first frame through all; return what is found on each of the others."""
    engine = BuiltinEngine()
    trees = [engine.encode(one, progress=no_progress, cancel=CancelToken()) for one in frames]
    session = engine.start()
    for id, mask in enumerate(masks, 1):
        session.prompt(0, trees[0], id, Prompts(mask=MaskPrompt(mask)))
    return [session.step(at, tree) for at, tree in enumerate(trees[1:], 1)]


@pytest.mark.parametrize("speed", [0.3, 2.5])
@pytest.mark.parametrize(("kind", "least"), [("nuclei", 0.95), ("cytoplasm", 0.95)])
def test_pictures_that_drift_and_warp_are_followed_better_than_by_copying(kind, speed, least):
    ((_, figures),) = films(BuiltinEngine(), [kind], [speed], range(1))

    assert figures.mean(figures.overlaps) > least  # 0.96 to 0.99 where it was measured
    assert (figures.worse, figures.missed, figures.too_far) == (0, 0, 0)


def test_nuclei_are_followed_through_depth_and_not_far_beyond_their_ends():
    engine, figures = BuiltinEngine(), Figures()
    sample = nuclei_stack(1)
    stack = encoded_stack(engine, sample.image, sample.truth)
    ids = [id for id, mask in to_masks(sample.truth[12]).items() if mask.area >= 80]

    follow(engine, stack, 12, [range(13, 24), range(11, -1, -1)], ids, figures)

    frames = sum(map(len, figures.overlaps))
    assert figures.mean(figures.overlaps) > figures.mean(figures.copied) + 0.1
    assert figures.missed <= 0.08 * frames
    assert figures.too_far <= 0.25 * frames


def test_movement_of_less_than_a_pixel_a_frame_is_not_lost():
    places = [(40 + 0.3 * at, 40 - 0.2 * at, 12.2) for at in range(12)]
    pictures, truths = zip(*(shown(place, seed=at) for at, place in enumerate(places)), strict=True)

    found = through(pictures, truths[0])

    assert mask_iou(truths[0][0], truths[-1][0]) < 0.78
    assert min(mask_iou(one.objects[1].mask, truth[0]) for one, truth in zip(found, truths[1:], strict=True)) > 0.93


def test_an_object_that_grows_and_shrinks_is_drawn_anew():
    radii = [10, 11, 12.5, 14, 15, 13.5, 12, 10, 8]
    pictures, truths = zip(*(shown((48, 48, radius), seed=at) for at, radius in enumerate(radii)), strict=True)

    found = through(pictures, truths[0])

    assert min(mask_iou(one.objects[1].mask, truth[0]) for one, truth in zip(found, truths[1:], strict=True)) > 0.8


def test_another_object_that_comes_and_touches_changes_nothing():
    still, ways = (48, 36, 12), [90, 84, 78, 72, 66, 61, 60, 60]
    pictures, truths = zip(*(shown(still, (48, col, 12), seed=at) for at, col in enumerate(ways)), strict=True)

    found = through(pictures, [truths[0][0]])

    assert min(mask_iou(one.objects[1].mask, truths[0][0]) for one in found) > 0.9


def test_an_object_that_divides_is_followed_as_one_of_its_parts_or_both():
    apart = [0, 3, 6, 9, 13, 16, 16]
    pictures, truths = zip(
        *(shown((48, 48 - d, 9), (48, 48 + d, 9), seed=at) for at, d in enumerate(apart)), strict=True
    )

    found = through(pictures, truths[0][:1])

    last = found[-1].objects[1].mask
    both = PlacedMask(truths[-1][0].within(whole()) | truths[-1][1].within(whole()))
    assert max(mask_iou(last, one) for one in (*truths[-1], both)) > 0.8


def whole():
    return PlacedMask(np.ones((SIDE, SIDE), bool)).box


def test_an_object_that_fades_is_followed_until_it_is_gone_and_then_said_to_be_lost():
    (picture, masks), (bare, _) = shown((48, 48, 12)), shown(seed=1)
    light = [1, 0.9, 0.8, 0.7, 0.6, 0.1, 0.1]
    pictures = [(part * picture + (1 - part) * bare.astype(float)).astype(np.uint8) for part in light]

    found = through(pictures, masks)

    assert [sorted(one.objects) for one in found] == [[1], [1], [1], [1], [], []]
    assert [sorted(one.lost) for one in found] == [[], [], [], [], [1], []]


def test_an_object_that_leaves_the_picture_is_lost():
    pictures, truths = zip(*(shown((48, 14 - 6 * at, 10), seed=at) for at in range(6)), strict=True)

    found = through(pictures, truths[0])

    assert 1 in found[0].objects
    assert 1 not in found[-1].objects
    assert [id for one in found for id in one.lost] == [1]


@pytest.mark.parametrize("speed", [7, 10])
def test_an_object_that_moves_far_keeps_all_its_pixels(speed):
    def frame(at):
        made = np.full((120, 400, 3), 20, np.uint8)
        made[40:80, at : at + 40] = 200
        return made

    places = [30 + speed * k for k in range(24)]
    found = through([frame(at) for at in places], [PlacedMask(np.ones((40, 40), bool), (40, places[0]))])

    assert [
        mask_iou(one.objects[1].mask, PlacedMask(np.ones((40, 40), bool), (40, at)))
        for one, at in zip(found, places[1:], strict=True)
    ] == pytest.approx([1.0] * 23, abs=0.06)


def test_an_outline_that_has_fallen_behind_its_object_is_drawn_anew():
    frames, masks = zip(*(shown((48, 48, 16), seed=at) for at in range(3)), strict=True)
    engine = BuiltinEngine()
    trees = [engine.encode(one, progress=no_progress, cancel=CancelToken()) for one in frames]
    session, (mask,) = engine.start(), masks[0]
    session.prompt(0, trees[0], 1, Prompts(mask=MaskPrompt(mask)))

    session.begin(1, trees[1], {1: mask.shifted(2, -3)})
    found = session.step(2, trees[2])

    assert mask_iou(found.objects[1].mask, mask) > 0.95 > 0.85 > mask_iou(mask.shifted(2, -3), mask)
