"""The built-in engine and form: what touches, what is speckled, holes, spurs, and what is thin."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import ndimage as ndi

from napari_sam3_assistant.core.geometry import Box, PlacedMask
from napari_sam3_assistant.core.prompts import BoxPrompt, MaskPrompt, Prompts, Query
from napari_sam3_assistant.engines.builtin import fast
from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from napari_sam3_assistant.engines.builtin.exemplars import ALIKE
from napari_sam3_assistant.engines.builtin.finish import finished, smooth
from napari_sam3_assistant.engines.builtin.grow import grow
from napari_sam3_assistant.engines.builtin.motion import moved
from napari_sam3_assistant.engines.builtin.outlines import insides
from napari_sam3_assistant.engines.builtin.rays import FINE, best_rings, stars
from napari_sam3_assistant.testing import blobs, click, rgb


@pytest.fixture(scope="module")
def engine():
    return BuiltinEngine()


def disc(row, col, radius, shape=(128, 128)):
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    return np.hypot(rows - row, cols - col) < radius


def picture(level, noise=5.0, seed=0):
    noisy = level + np.random.default_rng(seed).normal(0, noise, level.shape)
    return rgb(np.clip(noisy, 0, 255).astype(np.uint8))


def overlap(placed, truth):
    mask = placed.within(Box(0, 0, *truth.shape))
    return (mask & truth).sum() / (mask | truth).sum()


# -- what touches ---------------------------------------------------------------------------------


@pytest.mark.parametrize("noise", [3.0, 10.0])
def test_touching_discs_part_at_the_neck(engine, noise):
    left, right = disc(64, 45, 20), disc(64, 83, 20)
    embedding = grow(picture(40 + 100 * ndi.gaussian_filter((left | right).astype(float), 1), noise))

    assert overlap(engine.segment(embedding, click(64, 44)).mask, left) > 0.85
    assert overlap(engine.segment(embedding, click(64, 84)).mask, right) > 0.85


def test_other_readings_of_a_click_hold_both_the_parted_and_the_joined(engine):
    left, right = disc(64, 45, 20), disc(64, 83, 20)
    answer = engine.segment(grow(picture(40 + 100.0 * (left | right))), click(64, 44))

    masks = answer.mask, *answer.alternatives

    assert max(overlap(mask, left) for mask in masks) > 0.85
    assert max(overlap(mask, left | right) for mask in masks) > 0.9


def test_examples_of_touching_discs_are_parted(engine):
    centers = [(30, 30), (30, 56), (90, 30), (90, 90), (64, 90)]
    truths = [disc(row, col, 14) for row, col in centers]
    embedding = grow(picture(40 + 100 * ndi.gaussian_filter(np.any(truths, axis=0).astype(float), 1)))

    found = engine.find(embedding, Query(exemplars=(BoxPrompt(Box(77, 17, 104, 44)),))).above(ALIKE)

    assert len(found) == 5
    assert all(max(overlap(one.mask, truth) for one in found) > 0.75 for truth in truths)


# -- speckle and blur -----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_large_blurred_speckled_disc_comes_at_the_first_click(engine, seed):
    truth, random = disc(160, 150, 70, (320, 320)), np.random.default_rng(seed)
    speckle = ndi.gaussian_filter(random.standard_normal(truth.shape), 3)
    level = 30 + 90 * ndi.gaussian_filter(truth.astype(float), 5) * (1 + 0.3 * speckle / speckle.std())

    mask = engine.segment(grow(picture(level, 6, seed)), click(165, 140)).mask

    assert overlap(mask, truth) > 0.85


# -- holes ----------------------------------------------------------------------------------------


def test_hole_that_the_picture_shows_stays(engine):
    ring = disc(64, 64, 40) & ~disc(64, 64, 16)
    embedding = grow(picture(40 + 100.0 * ring))

    mask = engine.segment(embedding, click(64, 92)).mask

    assert overlap(mask, ring) > 0.9
    assert not mask.value_at(64, 64)


def test_hole_that_the_picture_does_not_show_is_filled():
    truth = disc(64, 64, 30)
    tree = grow(picture(40 + 100.0 * truth))
    holed = truth & ~disc(60, 70, 6)

    np.testing.assert_array_equal(
        finished(tree, PlacedMask(holed)).within(Box(0, 0, 128, 128)),
        finished(tree, PlacedMask(truth)).within(Box(0, 0, 128, 128)),
    )


# -- outlines -------------------------------------------------------------------------------------


def test_click_near_the_rim_leaves_no_spur(engine):
    truth = disc(64, 64, 25)
    embedding = grow(picture(40 + 100 * ndi.gaussian_filter(truth.astype(float), 1.2), 12))

    for angle in np.linspace(0, 6, 9):
        row, col = 64 + 26 * np.sin(angle), 64 + 26 * np.cos(angle)
        mask = engine.segment(embedding, click(64, 64, (round(row), round(col), True))).mask
        whole = np.pad(mask.mask, 4)
        spurs = whole & ~ndi.binary_opening(whole, disc(2, 2, 2.3, (5, 5)))
        assert mask.value_at(round(row), round(col))
        assert spurs.sum() < 15
        assert overlap(mask, truth) > 0.9


def test_smoothing_takes_a_spur_and_fills_a_notch():
    truth = disc(32, 32, 20, (64, 64))
    ragged = truth.copy()
    ragged[32, 50:57] = True
    ragged[11:16, 32] = False

    done = smooth(ragged)

    assert not done[32, 54:57].any()
    assert done[14:16, 32].all()
    assert (done ^ truth).sum() < 30


@pytest.mark.parametrize("width", [1, 2, 3])
def test_smoothing_spares_thin_bridges_and_vessels(width):
    mask = disc(40, 25, 14, (80, 160)) | disc(40, 130, 14, (80, 160))
    mask[40 : 40 + width, 25:130] = True

    done = smooth(mask)

    assert ndi.label(done, np.ones((3, 3)))[1] == 1
    assert done[40 : 40 + width, 45:110].all()


def test_vessel_comes_along_its_whole_length(engine):
    rows, cols = np.mgrid[:128, :160]
    vessel = np.abs(rows - 64 - 20 * np.sin(cols / 25)) < 3
    mask = engine.segment(grow(picture(40 + 90.0 * vessel, 6)), click(round(64 + 20 * np.sin(80 / 25)), 80)).mask

    assert overlap(mask, vessel) > 0.85


def test_outlines_by_rays_keep_to_the_clicks():
    tree = grow(blobs())
    inside, outside = np.array([[70.0, 84.0]]), np.array([[64.0, 92.0]])

    found = stars(tree, (64.0, 80.0), [16.0, 26.0, 41.0], inside, outside)

    assert insides(found, *inside.T[:, None]).all()
    assert not insides(found, *outside.T[:, None]).any()


def test_best_ring_is_found_where_it_is_planted():
    gains = np.zeros((1, FINE.angles, 40))
    path = np.round(20 + 6 * np.sin(np.arange(FINE.angles) * 2 * np.pi / FINE.angles)).astype(int)
    gains[0, np.arange(FINE.angles), path] = 1

    np.testing.assert_array_equal(best_rings(gains)[0], path)


# -- odd pictures ---------------------------------------------------------------------------------

ODD = {
    "noise": lambda random: random.integers(0, 256, (70, 90, 3)),
    "constant": lambda random: np.full((64, 64, 3), 7),
    "one pixel": lambda random: np.full((1, 1, 3), 9),
    "three rows": lambda random: np.repeat(random.integers(0, 256, (3, 200, 1)), 3, axis=2),
    "one column": lambda random: random.integers(0, 256, (150, 1, 3)),
    "black or white": lambda random: np.repeat(255 * random.integers(0, 2, (40, 40, 1)), 3, axis=2),
}


@pytest.mark.parametrize("name", ODD)
def test_every_prompt_is_answered_and_clicks_are_honoured_on_odd_pictures(engine, name):
    random = np.random.default_rng(0)
    tree = grow(ODD[name](random).astype(np.uint8))
    session = engine.start()

    for _ in range(6):
        places = random.integers(0, tree.shape, (int(random.integers(1, 7)), 2)).tolist()
        points = {(row, col): index == 0 or bool(random.integers(2)) for index, (row, col) in enumerate(places)}
        points[tuple(places[0])] = True
        answer = engine.segment(tree, click(*places[0], *((r, c, yes) for (r, c), yes in points.items())))
        assert all(answer.mask.value_at(*place) == yes for place, yes in points.items())

    box = Box(0, 0, *(max(side // 2, 1) for side in tree.shape))
    session.prompt(0, tree, 1, Prompts(mask=MaskPrompt(PlacedMask(np.ones(tree.shape, bool)))))
    assert engine.segment(tree, Prompts(box=BoxPrompt(box))).mask.mask.ndim == 2
    assert len(engine.find(tree, Query(exemplars=(BoxPrompt(box),))).above(0)) >= 0
    assert set(session.step(1, tree).objects) <= {1}


# -- what moves -----------------------------------------------------------------------------------


def test_mask_moves_with_what_is_seen_round_it():
    random = np.random.default_rng(0)
    large = ndi.gaussian_filter(random.normal(128, 400, (140, 150)), 3)
    before, after = grow(picture(large[10:120, 10:130], 2)), grow(picture(large[5:115, 13:133], 2, 1))
    mask = PlacedMask(disc(8, 8, 8, (17, 17)), (40, 50))

    there, match = moved(before, after, mask)

    assert there.offset == (45, 47)
    assert match > 0.9


def test_object_that_vanishes_is_not_carried_on_as_a_copy(engine):
    there, gone = grow(picture(40 + 90.0 * disc(64, 64, 20))), grow(picture(np.full((128, 128), 40.0), 5, 1))
    session = engine.start()
    first = session.prompt(0, there, 1, click(64, 64)).mask

    found = session.step(1, gone).objects

    assert all(one.score < 0.7 or one.mask.area < 0.5 * first.area for one in found.values())


# -- numba ----------------------------------------------------------------------------------------


def test_numba_is_not_imported_with_the_engine():
    code = "import sys, napari_sam3_assistant.engines.builtin.engine; sys.exit('numba' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_trees_are_the_same_with_and_without_numba(monkeypatch):
    pytest.importorskip("numba")
    images = [blobs(), picture(np.zeros((80, 90)), 40)]
    with_numba = [grow(image) for image in images]
    monkeypatch.setattr(fast, "compiled", lambda: None)

    for image, tree in zip(images, with_numba, strict=True):
        plain = grow(image)
        np.testing.assert_array_equal(plain.labels, tree.labels)
        for name in ("parent", "height", "area", "contour", "color"):
            np.testing.assert_array_equal(getattr(plain, name), getattr(tree, name))


def test_loops_of_numba_do_what_numpy_does_before_they_are_compiled():
    from napari_sam3_assistant.engines.builtin.basins import Borders, _targets, summed
    from napari_sam3_assistant.engines.builtin.grow import _spans
    from napari_sam3_assistant.engines.builtin.merging import _COLOR_WEIGHT, Partition, _costs

    random = np.random.default_rng(0)
    height = random.integers(0, 9, (12, 15)).astype(np.float32)
    low, high = random.integers(0, 30, (2, 400))
    keep = low != high
    low, high = np.minimum(low, high)[keep], np.maximum(low, high)[keep]
    values = random.integers(-500, 500, (len(low), 3)) / 256.0
    labels = random.permutation(np.arange(180) % 30).reshape(12, 15).astype(np.int32)
    sums = random.uniform(1, 90, (30, 4))

    order, start = fast._rows(low, 30)
    pairs_low, pairs_high, totals = fast._summed(order, start, high, values, 30)
    plain = summed(Borders(low, high, *values.T), 30)
    edge, weight = plain.gradient / plain.length, sums[:, 0] ** 0.25
    costs = fast._costs(plain.low, plain.high, edge, sums[:, 1:] / sums[:, :1], weight, _COLOR_WEIGHT)

    np.testing.assert_array_equal(fast._targets(height), _targets(height))
    np.testing.assert_array_equal(pairs_low, plain.low)
    np.testing.assert_array_equal(pairs_high, plain.high)
    np.testing.assert_array_equal(totals, np.stack([plain.length, plain.gradient, plain.jump], axis=1))
    for one, other in zip(costs, _costs(Partition(plain, sums)), strict=True):
        np.testing.assert_allclose(one, other)
    for one, other in zip(fast._spans(labels, 30), _spans(labels, 30), strict=True):
        np.testing.assert_array_equal(one, other)
