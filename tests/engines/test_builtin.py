"""The built-in engine: the contract, and what it promises beyond."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam3_assistant.core.errors import Cancelled, EngineError, PromptError, Unsupported
from napari_sam3_assistant.core.geometry import Box, PlacedMask
from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.core.prompts import (
    BoxPrompt,
    MaskPrompt,
    PointPrompt,
    Prompts,
    Query,
    TextPrompt,
)
from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from napari_sam3_assistant.engines.builtin.exemplars import ALIKE
from napari_sam3_assistant.engines.builtin.grow import MOST_PIXELS, grow
from napari_sam3_assistant.testing import (
    FIRST_SQUARE,
    SECOND_SQUARE,
    EngineTests,
    blobs,
    click,
    iou,
    noise,
    rgb,
    two_squares,
)


class TestContract(EngineTests):
    def make_engine(self):
        return BuiltinEngine()


@pytest.fixture(scope="module")
def engine():
    return BuiltinEngine()


@pytest.fixture(scope="module")
def squares():
    return grow(rgb(two_squares()))


def discs(radius=12, shape=(160, 160), noise_level=8.0):
    """Four touching-free bright discs on a dark ground, as RGB, and the mask of the one round (40, 40)."""
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    picture = np.full(shape, 50.0)
    for row, col in ((40, 40), (40, 110), (110, 40), (110, 110)):
        picture[np.hypot(rows - row, cols - col) < radius] = 160
    picture += np.random.default_rng(0).normal(0, noise_level, shape)
    return rgb(np.clip(picture, 0, 255).astype(np.uint8)), np.hypot(rows - 40, cols - 40) < radius


def overlap(placed, truth):
    mask = placed.within(Box(0, 0, *truth.shape))
    return (mask & truth).sum() / (mask | truth).sum()


# -- points ---------------------------------------------------------------------------------------


def test_one_click_takes_the_square_it_lies_on(engine, squares):
    assert iou(engine.segment(squares, click(15, 15)).mask, FIRST_SQUARE) > 0.95
    assert iou(engine.segment(squares, click(44, 48)).mask, SECOND_SQUARE) > 0.95


def test_mask_is_no_larger_than_the_object(engine, squares):
    mask = engine.segment(squares, click(15, 15)).mask

    assert mask.mask.shape == (16, 16)
    assert mask.offset == (8, 8)


def test_two_positive_clicks_take_both_squares(engine, squares):
    mask = engine.segment(squares, click(15, 15, (44, 48, True))).mask

    assert mask.area > 0.95 * 2 * 16 * 16


def test_negative_click_removes_what_a_positive_one_took(engine):
    rows, cols = np.mgrid[:96, :96]
    left, right = np.hypot(rows - 48, cols - 34) < 16, np.hypot(rows - 48, cols - 60) < 16
    picture = np.random.default_rng(0).normal(50, 5, (96, 96)) + 100 * (left | right)
    embedding = grow(rgb(picture.clip(0, 255).astype(np.uint8)))

    both = engine.segment(embedding, click(48, 34)).mask
    one = engine.segment(embedding, click(48, 34, (48, 60, False))).mask

    assert overlap(both, left | right) > 0.9
    assert overlap(one, left) > 0.75


def test_single_click_offers_other_readings(engine):
    answer = engine.segment(grow(blobs()), click(64, 80))

    assert answer.alternatives
    assert all(mask.value_at(64, 80) for mask in answer.alternatives)
    assert len({answer.mask.area, *(mask.area for mask in answer.alternatives)}) == 1 + len(answer.alternatives)


@pytest.mark.parametrize("last", [True, False])
def test_newest_of_two_points_on_one_pixel_wins(engine, squares, last):
    prompts = click(15, 15, (20, 20, not last), (20.2, 19.9, last))

    assert engine.segment(squares, prompts).mask.value_at(20, 20) == last


def test_answer_does_not_depend_on_the_order_of_corrections(engine):
    embedding = grow(blobs())
    points = [PointPrompt(64, 80), PointPrompt(20, 30, False), PointPrompt(100, 20, False)]

    a = engine.segment(embedding, Prompts(tuple(points)))
    b = engine.segment(embedding, Prompts((points[0], points[2], points[1])))

    np.testing.assert_array_equal(a.mask.mask, b.mask.mask)
    assert a.mask.offset == b.mask.offset


def test_previous_answer_changes_nothing(engine, squares):
    before = engine.segment(squares, click(44, 48))

    after = engine.segment(squares, click(15, 15), before)

    assert iou(after.mask, FIRST_SQUARE) > 0.95


@pytest.mark.parametrize(
    "points", [[(15, 15, False)], [(15, 15, False), (40, 40, False)], [(15, 15, True), (15, 15, False)]]
)
def test_negative_points_alone_ask_for_a_positive_one(engine, squares, points):
    with pytest.raises(PromptError, match="positive"):
        engine.segment(squares, Prompts(tuple(PointPrompt(*point) for point in points)))


PLACES = st.tuples(st.integers(0, 39), st.integers(0, 47), st.booleans())
TREES = [grow(image) for image in (blobs((40, 48)), noise((40, 48)), np.zeros((40, 48, 3), np.uint8))]


@settings(deadline=None, max_examples=60)
@given(tree=st.sampled_from(TREES), first=PLACES, places=st.lists(PLACES, max_size=25))
def test_every_click_is_honoured_on_its_pixel(tree, first, places):
    points = [PointPrompt(*first[:2], True), *(PointPrompt(*place) for place in places)]
    newest = {point.pixel: point.positive for point in points}
    engine = BuiltinEngine()

    if not any(newest.values()):
        with pytest.raises(PromptError):
            engine.segment(tree, Prompts(tuple(points)))
        return
    mask = engine.segment(tree, Prompts(tuple(points))).mask

    assert all(mask.value_at(*pixel) == positive for pixel, positive in newest.items())


@settings(deadline=None, max_examples=40)
@given(
    tree=st.sampled_from(TREES),
    places=st.lists(PLACES, max_size=8),
    corners=st.tuples(st.floats(0, 30), st.floats(0, 30), st.floats(0.1, 20), st.floats(0.1, 20)),
    painted=st.booleans(),
)
def test_every_click_is_honoured_on_top_of_a_box_or_mask(tree, places, corners, painted):
    top, left, height, width = corners
    box = None if painted else BoxPrompt(Box(top, left, top + height, left + width))
    mask = MaskPrompt(PlacedMask(np.ones((9, 7), bool), (int(top), int(left)))) if painted else None
    points = tuple(PointPrompt(*place) for place in places)

    answer = BuiltinEngine().segment(tree, Prompts(points, box, mask)).mask

    newest = {point.pixel: point.positive for point in points}
    assert all(answer.value_at(*pixel) == positive for pixel, positive in newest.items())


# -- boxes and masks ------------------------------------------------------------------------------


@pytest.mark.parametrize("grow_px", [0, 1, 2])
def test_box_takes_the_object_in_it(engine, squares, grow_px):
    box = Box(8 - grow_px, 8 - grow_px, 24 + grow_px, 24 + grow_px)

    assert iou(engine.segment(squares, Prompts(box=BoxPrompt(box))).mask, FIRST_SQUARE) > 0.95


def test_mask_of_a_box_stays_in_it(engine):
    box = Box(20, 30, 60, 90)

    mask = engine.segment(grow(blobs()), Prompts(box=BoxPrompt(box))).mask

    assert mask.area == np.count_nonzero(mask.within(Box(19, 29, 61, 91)))


def test_box_may_reach_over_the_edge_of_the_image(engine, squares):
    prompts = Prompts(box=BoxPrompt(Box(-50, -50, 200, 200)))

    assert engine.segment(squares, prompts).mask.area > 0


def test_negative_click_in_a_box_cuts_less_than_half(engine, squares):
    prompts = Prompts((PointPrompt(9, 9, False),), BoxPrompt(FIRST_SQUARE))

    mask = engine.segment(squares, prompts).mask

    assert not mask.value_at(9, 9)
    assert iou(mask, FIRST_SQUARE) > 0.5


def test_negative_box_is_unsupported(engine, squares):
    with pytest.raises(Unsupported):
        engine.segment(squares, Prompts((PointPrompt(15, 15),), BoxPrompt(SECOND_SQUARE, positive=False)))


def test_rough_mask_is_drawn_to_the_outline(engine, squares):
    rough = PlacedMask(np.ones((15, 18), bool), (9, 7))

    assert iou(engine.segment(squares, Prompts(mask=MaskPrompt(rough))).mask, FIRST_SQUARE) > 0.95


def test_mask_that_reaches_outside_is_cut(engine, squares):
    rough = PlacedMask(np.ones((40, 200), bool), (-20, -5))

    assert engine.segment(squares, Prompts(mask=MaskPrompt(rough))).mask.area > 0


def test_mask_outside_is_an_error(engine, squares):
    with pytest.raises(PromptError):
        engine.segment(squares, Prompts(mask=MaskPrompt(PlacedMask(np.ones((4, 4), bool), (100, 100)))))


# -- examples and words ---------------------------------------------------------------------------


def test_example_finds_the_others_of_its_kind(engine):
    image, _ = discs()

    found = engine.find(grow(image), Query(exemplars=(BoxPrompt(Box(28, 28, 53, 53)),))).above(ALIKE)

    assert len(found) == 4
    assert found[0].score > 0.95
    assert sorted(tuple(round(x / 70) for x in one.mask.box.center) for one in found) == [
        (1, 1),
        (1, 2),
        (2, 1),
        (2, 2),
    ]


def test_found_objects_do_not_overlap(engine):
    image = blobs(seed=2)

    found = engine.find(grow(image), Query(exemplars=(BoxPrompt(Box(20, 20, 50, 50)),))).above(0)

    assert sum(one.mask.within(Box(0, 0, 128, 160)).astype(int) for one in found).max() == 1


def test_negative_example_takes_its_kind_out(engine):
    picture = two_squares()
    picture[36:52, 40:56] = 180  # a little darker than the first
    yes, no = BoxPrompt(FIRST_SQUARE), BoxPrompt(SECOND_SQUARE, positive=False)
    embedding = grow(rgb(picture))

    both = engine.find(embedding, Query(exemplars=(yes,))).above(ALIKE)
    one = engine.find(embedding, Query(exemplars=(yes, no))).above(ALIKE)

    assert len(both) == 2
    assert [iou(found.mask, FIRST_SQUARE) > 0.95 for found in one] == [True]


def test_words_are_unsupported_and_the_hint_names_what_to_do(engine, squares):
    with pytest.raises(Unsupported) as caught:
        engine.find(squares, Query(texts=(TextPrompt("nucleus"),), exemplars=(BoxPrompt(FIRST_SQUARE),)))

    assert "Exemplar" in caught.value.hint
    assert "SAM3" in caught.value.hint


# -- images ---------------------------------------------------------------------------------------


def test_first_click_on_a_noisy_disc_reaches_its_figure(engine):
    image, truth = discs()

    assert overlap(engine.segment(grow(image), click(40, 40)).mask, truth) > 0.93


# IoU with the disc after its first click, and with a second, negative one beside it: what was measured when
# these lines were written, less 0.01. `python -m benchmarks evaluation` measures on real kinds of picture.
@pytest.mark.parametrize(
    ("radius", "noise_level", "first", "second"),
    [
        (5, 12.0, 0.97, 0.97),
        (5, 30.0, 0.87, 0.87),
        (5, 45.0, 0.86, 0.86),
        (12, 12.0, 0.99, 0.99),
        (12, 30.0, 0.97, 0.97),
        (12, 45.0, 0.97, 0.97),
        (24, 12.0, 0.98, 0.98),
        (24, 30.0, 0.98, 0.98),
        (24, 45.0, 0.97, 0.97),
    ],
)
def test_figures_do_not_fall(engine, radius, noise_level, first, second):
    image, truth = discs(radius, noise_level=noise_level)
    embedding = grow(image)

    one, two = (engine.segment(embedding, prompts).mask for prompts in (click(40, 40), click(40, 40, (40, 75, False))))

    assert overlap(one, truth) >= first
    assert overlap(two, truth) >= second


def test_colour_alone_is_enough(engine):
    picture = np.full((64, 72, 3), (150, 100, 120), np.uint8)
    picture[8:24, 8:24] = (100, 150, 120)  # as light as the ground

    assert iou(engine.segment(grow(picture), click(15, 15)).mask, FIRST_SQUARE) > 0.95


def test_large_image_is_encoded_smaller_and_drawn_in_full_size(engine):
    shape = 1301, 1303
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    truth = np.hypot(rows - 403, cols - 501) < 20.5
    picture = np.random.default_rng(0).normal(60, 6, shape) + 90 * truth
    tree = grow(rgb(np.clip(picture, 0, 255).astype(np.uint8)))

    mask = engine.segment(tree, click(403, 501, (403, 535, False))).mask

    assert shape[0] * shape[1] > MOST_PIXELS
    assert tree.step == 2
    assert tree.shape == shape
    assert overlap(mask, truth) > 0.95
    assert not mask.value_at(403, 535)


def test_every_click_is_honoured_on_a_large_image(engine):
    image = np.tile(blobs(), (11, 9, 1))[:1333, :1401]
    tree, random = grow(image), np.random.default_rng(0)
    points = [PointPrompt(700, 700)] + [
        PointPrompt(int(r), int(c), bool(p))
        for r, c, p in zip(*random.integers(690, 710, (2, 30)), random.integers(0, 2, 30), strict=True)
    ]

    mask = engine.segment(tree, Prompts(tuple(points))).mask

    newest = {point.pixel: point.positive for point in points}
    assert all(mask.value_at(*pixel) == positive for pixel, positive in newest.items())


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 4), st.data())
def test_regions_of_a_window_are_those_of_the_whole(height, width, step, data):
    import napari_sam3_assistant.engines.builtin.grow as module

    most, module.MOST_PIXELS = module.MOST_PIXELS, max(1, height * width // step**2)
    try:
        tree = grow(noise((height, width)))
    finally:
        module.MOST_PIXELS = most
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    bottom, right = data.draw(st.integers(top + 1, height)), data.draw(st.integers(left + 1, width))

    whole = tree.labels_in(Box(0, 0, height, width))

    assert whole.shape == (height, width)
    np.testing.assert_array_equal(tree.labels_in(Box(top, left, bottom, right)), whole[top:bottom, left:right])


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 100), st.integers(1, 30), st.integers(1, 30))
def test_nodes_of_the_tree_agree_with_its_pixels(seed, height, width):
    tree = grow(noise((height, width), seed))

    for node in range(len(tree.parent)):
        inside = tree.mask_of(node)[tree.labels]
        rows, cols = np.nonzero(inside)
        assert inside.sum() == tree.area[node]
        assert tuple(tree.extent[node]) == (rows.min(), cols.min(), rows.max() + 1, cols.max() + 1)
    assert tree.area[-1] == height * width
    assert tree.parent[-1] == -1


# -- cancel, close --------------------------------------------------------------------------------


def test_cancel_is_seen_between_rounds_of_merging(engine):
    token, calls = CancelToken(), []

    def progress(fraction, message=""):
        calls.append(fraction)
        if fraction > 0.6:
            token.cancel()

    with pytest.raises(Cancelled):
        engine.encode(blobs(), progress=progress, cancel=token)

    assert calls[-1] < 0.9


def test_usable_without_load():
    embedding = BuiltinEngine().encode(rgb(two_squares()), progress=no_progress, cancel=CancelToken())

    assert embedding.shape == (64, 72)


def test_closed_engine_starts_no_session():
    engine = BuiltinEngine()
    engine.close()

    with pytest.raises(EngineError):
        engine.start()


# -- frames ---------------------------------------------------------------------------------------


def test_object_is_followed_while_it_moves(engine):
    image, truth = discs()
    session = engine.start()
    session.prompt(0, grow(image), 1, Prompts(box=BoxPrompt(Box(28, 28, 53, 53))))

    for frame in range(1, 6):
        moved = np.roll(image, 3 * frame, axis=1)
        answer = session.step(frame, grow(moved)).objects[1]

    assert overlap(answer.mask, np.roll(truth, 15, axis=1)) > 0.9


def test_objects_do_not_share_pixels(engine, squares):
    session = engine.start()
    session.prompt(0, squares, 1, click(15, 15))
    session.prompt(0, squares, 2, click(15, 15))

    found = session.step(1, squares).objects

    assert len(found) == 1


def test_lost_object_has_no_entry_and_the_session_goes_on(engine, squares):
    session = engine.start()
    session.prompt(0, squares, 1, click(44, 48))
    session.prompt(0, squares, 3, click(15, 15))
    smaller = grow(rgb(two_squares())[:34, :34])

    found = session.step(1, smaller).objects
    corrected = session.prompt(1, smaller, 1, click(5, 30))

    assert sorted(found) == [3]
    assert corrected.mask.area
    assert sorted(session.step(2, smaller).objects) == [1, 3]


def test_object_numbers_start_at_one(engine, squares):
    with pytest.raises(PromptError):
        engine.start().prompt(0, squares, 0, click(15, 15))
